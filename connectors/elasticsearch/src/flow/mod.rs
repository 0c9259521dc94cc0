//! Bulks on their way: which documents go together, when, and what became of them.
//!
//! The flow belongs to its task and moves only when that asks it to: no bulk is sent, repeated or
//! answered behind the task's back.

mod answer;
mod landing;
mod lane;
mod patience;
mod purse;
mod window;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

pub(crate) use self::lane::Operation;
use self::{
    answer::Verdicts,
    lane::{Lane, Taken},
    patience::Patience,
    purse::Purse,
    window::{Sizes, Window},
};
use crate::{
    client::{Cause, Client, Failure, Request},
    settings::Pace,
};

/// Longest time between two looks at bulks that are on their way.
const LOOK: Duration = Duration::from_millis(10);

/// What became of an operation for good.
#[derive(Debug)]
pub(crate) enum Settled {
    Done(Operation),
    /// The server refused it; its lines tell the index and the id.
    Refused {
        operation: Operation,
        lines: Bytes,
        status: u16,
        cause: Cause,
    },
}

/// Whether what waits may go on waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    /// Until a bulk is full or has waited for long enough.
    Normal,
    /// No: somebody waits for the answers.
    Now,
}

/// Operations on their way.
struct Bulk {
    bytes: Bytes,
    /// Operations with their lanes, in the order of their lines.
    operations: Vec<(usize, Operation)>,
    lanes: Vec<usize>,
    round: u64,
}

type Landed = (Bulk, std::result::Result<Verdicts, Failure>);

/// Everything that waits or is on its way.
pub(crate) struct Flow {
    client: Arc<Client>,
    pace: Pace,
    lanes: Vec<Lane>,
    /// Where operations go that need no order.
    current: usize,
    in_flight: FuturesUnordered<BoxFuture<'static, Landed>>,
    window: Window,
    patience: Patience,
    purse: Purse,
    has_room: bool,
    /// Operations that wait or are on their way.
    buffered: usize,
    settled: Vec<Settled>,
    /// Assignments that ended while bulks were on their way.
    over: BTreeSet<u64>,
    /// Why the flow does not get on.
    trouble: Option<ConnectorError>,
}

impl Flow {
    pub(crate) fn new(client: Arc<Client>, pace: Pace, budget: MemoryBudget) -> Self {
        let sizes = Sizes { docs: pace.batch_size, bytes: pace.bulk_bytes, bulks: pace.in_flight };
        Self {
            client,
            lanes: std::iter::repeat_with(Lane::default).take(pace.in_flight.max(1)).collect(),
            current: 0,
            in_flight: FuturesUnordered::new(),
            window: Window::new(sizes),
            patience: Patience::new(pace.max_retries, pace.backoff),
            purse: Purse::new(budget),
            has_room: true,
            buffered: 0,
            settled: Vec::new(),
            over: BTreeSet::new(),
            trouble: None,
            pace,
        }
    }

    /// Whether everything is settled.
    pub(crate) const fn is_idle(&self) -> bool {
        self.buffered == 0
    }

    /// Whether there is room for another operation. There always is when nothing waits.
    pub(crate) const fn has_room(&self) -> bool {
        self.buffered == 0 || (self.has_room && self.buffered < self.pace.max_buffered)
    }

    /// What became of operations since the last call.
    pub(crate) fn take_settled(&mut self) -> Vec<Settled> {
        std::mem::take(&mut self.settled)
    }

    /// Why the flow does not get on; it tries again after this.
    pub(crate) const fn take_trouble(&mut self) -> Option<ConnectorError> {
        self.trouble.take()
    }

    /// Where the lines of the next operation are written, for [`Flow::push`].
    pub(crate) fn lane(&mut self, order: Option<u64>) -> usize {
        let count = self.lanes.len().max(1);
        match order {
            Some(order) => {
                let count = u64::try_from(count).unwrap_or(1);
                usize::try_from(order % count).unwrap_or(0)
            }
            None => {
                let sizes = self.window.sizes();
                if self.lanes.get(self.current).is_some_and(|lane| is_full(lane, sizes)) {
                    self.current = (self.current + 1) % count;
                }
                self.current
            }
        }
    }

    /// The buffer of a lane.
    pub(crate) fn buffer(&mut self, lane: usize) -> Option<&mut Vec<u8>> {
        self.lanes.get_mut(lane).map(Lane::tail)
    }

    /// Takes the operation whose lines were just written into the buffer of its lane.
    pub(crate) fn push(&mut self, lane: usize, operation: Operation) {
        self.has_room = self.purse.take(operation.len);
        self.buffered += 1;
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.push(operation, Instant::now());
        }
    }

    /// Sends what is due and sees what was answered, without waiting.
    pub(crate) fn look(&mut self) {
        self.send(Urgency::Normal);
        while let Some(Some(landed)) = self.in_flight.next().now_or_never() {
            self.land(landed);
            self.send(Urgency::Normal);
        }
    }

    /// Whether a bulk could go right now.
    pub(crate) fn is_due(&self) -> bool {
        let sizes = self.window.sizes();
        self.in_flight.len() < sizes.bulks
            && self.lanes.iter().any(|lane| !lane.is_busy && is_full(lane, sizes))
    }

    /// Sends everything and waits until something is answered, or the time is over; `false` when
    /// there is nothing to wait for.
    pub(crate) async fn advance(&mut self, end: Instant) -> bool {
        if self.is_idle() {
            return false;
        }
        self.send(Urgency::Now);
        let wake = self.patience.pause(Instant::now()).map_or(end, |until| until.min(end));
        tokio::select! {
            biased;
            Some(landed) = self.in_flight.next() => self.land(landed),
            () = sleep_until(wake) => {}
        }
        Instant::now() < end
    }

    /// Whether bulks are on their way.
    pub(crate) fn is_sending(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Waits for an answer without sending anything; `false` when the time is over.
    pub(crate) async fn wait(&mut self, end: Instant) -> bool {
        tokio::select! {
            biased;
            Some(landed) = self.in_flight.next() => self.land(landed),
            () = sleep_until(end) => {}
        }
        Instant::now() < end
    }

    /// How soon to look again; none when nothing waits.
    pub(crate) fn next_look(&mut self) -> Option<Duration> {
        if self.is_idle() {
            return None;
        }
        if !self.in_flight.is_empty() {
            return Some(LOOK);
        }
        let now = Instant::now();
        if let Some(until) = self.patience.pause(now) {
            return Some(until - now);
        }
        let since = self.lanes.iter().filter_map(Lane::since).min();
        since.map(|since| (since + self.pace.linger).saturating_duration_since(now))
    }

    /// Forgets what waits and is of an assignment that ended, also when it would go again.
    pub(crate) fn forget(&mut self, seat: u64) {
        self.over.insert(seat);
        self.sweep();
    }

    fn sweep(&mut self) {
        if self.over.is_empty() {
            return;
        }
        for lane in &mut self.lanes {
            let docs = lane.docs();
            let bytes = lane.forget(|operation| self.over.contains(&operation.seat));
            self.buffered -= docs - lane.docs();
            self.purse.give_back(bytes);
        }
        if self.in_flight.is_empty() {
            self.over.clear();
        }
    }

    /// Sends bulks as long as there is one to send.
    fn send(&mut self, urgency: Urgency) {
        let now = Instant::now();
        if self.trouble.is_some() || self.patience.pause(now).is_some() {
            return;
        }
        loop {
            let sizes = self.window.sizes();
            if self.in_flight.len() >= sizes.bulks {
                return;
            }
            let free = |lane: &Lane| !lane.is_busy && lane.docs() > 0;
            let full =
                self.lanes.iter().enumerate().find(|(_, lane)| free(lane) && is_full(lane, sizes));
            let full = full.map(|(at, _)| vec![at]);
            let chosen = full.unwrap_or_else(|| {
                let waits =
                    |lane: &Lane| lane.since().is_some_and(|since| since + self.pace.linger > now);
                // A bulk that is not full waits for the one before it, so that it gets fuller.
                let may_wait = !self.in_flight.is_empty()
                    || self.lanes.iter().all(|lane| !free(lane) || waits(lane));
                if urgency == Urgency::Normal && may_wait {
                    return Vec::new();
                }
                let lanes = self.lanes.iter().enumerate();
                lanes.filter(|(_, lane)| free(lane)).map(|(at, _)| at).collect()
            });
            if chosen.is_empty() {
                return;
            }
            self.dispatch(&chosen, sizes);
        }
    }

    /// Sends what these lanes have, as much of it as goes together.
    fn dispatch(&mut self, chosen: &[usize], sizes: Sizes) {
        let (mut parts, mut operations, mut lanes, mut len) = (vec![], vec![], vec![], 0);
        for &at in chosen {
            let Some(lane) = self.lanes.get_mut(at) else { continue };
            let docs = sizes.docs.saturating_sub(operations.len());
            let bytes = sizes.bytes.saturating_sub(len);
            if docs == 0 || (bytes == 0 || lane.bytes() > bytes) && !operations.is_empty() {
                break;
            }
            let taken: Taken = lane.take(docs, bytes);
            lane.is_busy = true;
            lanes.push(at);
            len += taken.len;
            parts.extend(taken.bytes);
            operations.extend(taken.operations.into_iter().map(|operation| (at, operation)));
        }
        let bulk = Bulk { bytes: joined(parts), operations, lanes, round: self.patience.round() };
        self.in_flight.push(Box::pin(send(Arc::clone(&self.client), bulk)));
    }
}

/// Sends a bulk and reads what became of it.
async fn send(client: Arc<Client>, bulk: Bulk) -> Landed {
    let outcome = match client.ask(&Request::bulk(bulk.bytes.clone())).await {
        Err(failure) => Err(failure),
        Ok(answer) if answer.is_success() => answer::read(&answer.body, bulk.operations.len())
            .map_err(|reason| {
                let text =
                    format!("{} gives an answer that makes no sense: {reason}", answer.node());
                let error = ConnectorError::retriable(text);
                Failure::Passing { error, is_overload: false, wait: None }
            }),
        Ok(answer) => Err(answer.refusal()),
    };
    (bulk, outcome)
}

const fn is_full(lane: &Lane, sizes: Sizes) -> bool {
    lane.docs() >= sizes.docs || lane.bytes() >= sizes.bytes
}

/// Several parts as one, which costs nothing when it is one.
fn joined(parts: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(parts) {
        Ok([part]) => part,
        Err(parts) => parts.concat().into(),
    }
}

/// Waits until an end, at the latest.
pub(crate) fn within(limit: Duration) -> Instant {
    Instant::now() + limit
}

/// What is said when there is no room for more for so long.
pub(crate) fn no_room(limit: Duration) -> Result<()> {
    let text = format!(
        "The server did not answer for enough documents within flush.timeout.ms ({})",
        limit.as_millis()
    );
    Err(ConnectorError::retriable(text))
}
