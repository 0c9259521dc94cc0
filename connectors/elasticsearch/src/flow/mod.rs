//! Bulks on their way: which documents go together, when, and what became of them.
//!
//! The flow belongs to its task and moves only when that asks it to: no bulk is sent, repeated or
//! answered behind the task's back.

mod answer;
mod lane;
mod patience;
mod purse;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

pub(crate) use self::lane::Operation;
use self::{
    answer::{Verdict, Verdicts},
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

    /// Sorts out a bulk that came back.
    fn land(&mut self, (bulk, outcome): Landed) {
        for &lane in &bulk.lanes {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.is_busy = false;
            }
        }
        match outcome {
            Ok(Verdicts::AllDone) => {
                self.window.went_through();
                self.patience.renew();
                self.settle(bulk.bytes.len(), bulk.operations.len());
                let done = bulk.operations.into_iter();
                self.settled.extend(done.map(|(_, operation)| Settled::Done(operation)));
            }
            Ok(Verdicts::Each(verdicts)) => self.sort_out(bulk, verdicts),
            Err(failure) => self.fail(bulk, failure),
        }
        self.sweep();
    }

    /// The server had something to say about some of the operations.
    fn sort_out(&mut self, bulk: Bulk, verdicts: Vec<Verdict>) {
        let (docs, len, round) = (bulk.operations.len(), bulk.bytes.len(), bulk.round);
        let mut rest = bulk.bytes;
        let mut again: BTreeMap<usize, (BytesMut, VecDeque<Operation>)> = BTreeMap::new();
        let mut reason = None;
        let mut is_progress = false;
        for ((lane, operation), verdict) in bulk.operations.into_iter().zip(verdicts) {
            let lines = rest.split_to(operation.len.min(rest.len()));
            let verdict = match verdict {
                // The server asked itself several times already: later, it goes through.
                Verdict::Refused(_, cause) if is_race(&operation, &cause) => {
                    Verdict::Passing(cause)
                }
                verdict => verdict,
            };
            if let Verdict::Passing(cause) = verdict {
                reason.get_or_insert(cause);
                let (bytes, operations) = again.entry(lane).or_default();
                bytes.extend_from_slice(&lines);
                operations.push_back(operation);
                continue;
            }
            is_progress = true;
            self.settle(lines.len(), 1);
            self.settled.push(match verdict {
                Verdict::Refused(status, cause) => {
                    Settled::Refused { operation, lines, status, cause }
                }
                _ => Settled::Done(operation),
            });
        }
        let now = Instant::now();
        for (lane, (bytes, operations)) in again {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.put_back(bytes.freeze(), operations, now);
            }
        }
        if is_progress {
            self.patience.renew();
        }
        match reason {
            None => self.window.went_through(),
            Some(cause) => {
                self.window.overloaded(docs, len);
                let error =
                    ConnectorError::retriable(format!("The server puts documents off: {cause}"));
                self.lose_patience(round, error, None);
            }
        }
    }

    /// The server did not take the bulk as a whole.
    fn fail(&mut self, bulk: Bulk, failure: Failure) {
        let (docs, len, round) = (bulk.operations.len(), bulk.bytes.len(), bulk.round);
        match failure {
            Failure::Refused { status: status @ (400 | 413), cause, .. } if docs == 1 => {
                self.settle(len, 1);
                let lines = bulk.bytes;
                let cause =
                    if status == 413 && cause.kind.is_empty() { too_large(len) } else { cause };
                let operations = bulk.operations.into_iter();
                self.settled.extend(operations.map(|(_, operation)| Settled::Refused {
                    operation,
                    lines: lines.clone(),
                    status,
                    cause: cause.clone(),
                }));
            }
            Failure::Refused { status: 400 | 413, .. } => {
                // One of them is to blame, or all of them together are too large.
                self.window.too_large(docs, len);
                self.put_back(bulk);
            }
            Failure::Passing { error, is_overload, wait } => {
                if is_overload {
                    self.window.overloaded(docs, len);
                }
                self.put_back(bulk);
                self.lose_patience(round, error, wait);
            }
            failure => {
                self.put_back(bulk);
                self.trouble = Some(failure.into_error("take documents", self.client.product()));
            }
        }
    }

    fn lose_patience(&mut self, round: u64, error: ConnectorError, wait: Option<Duration>) {
        if !self.patience.failed(round, wait, Instant::now()) {
            self.trouble = Some(error);
        }
    }

    /// Puts the operations of a bulk back in front of their lanes.
    fn put_back(&mut self, bulk: Bulk) {
        let now = Instant::now();
        let mut rest = bulk.bytes;
        let mut operations = bulk.operations.into_iter().peekable();
        let mut parts: Vec<(usize, Bytes, VecDeque<Operation>)> = Vec::new();
        while let Some(&(lane, _)) = operations.peek() {
            let mut own = VecDeque::new();
            while let Some((_, operation)) = operations.next_if(|(at, _)| *at == lane) {
                own.push_back(operation);
            }
            let len = own.iter().map(|operation| operation.len).sum::<usize>().min(rest.len());
            parts.push((lane, rest.split_to(len), own));
        }
        for (lane, bytes, own) in parts {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.put_back(bytes, own, now);
            }
        }
    }

    /// Operations are no longer held.
    fn settle(&mut self, bytes: usize, operations: usize) {
        self.purse.give_back(bytes);
        self.has_room = true;
        self.buffered -= operations;
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

/// Whether somebody else wrote the document at the same time.
fn is_race(operation: &Operation, cause: &Cause) -> bool {
    operation.conflict == crate::document::Conflict::Race && cause.is_version_conflict()
}

fn too_large(len: usize) -> Cause {
    let text = format!("a document with {len} bytes is larger than the server takes");
    Cause::of_body(text.as_bytes())
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
