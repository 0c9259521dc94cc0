//! A redrive from its start to its end.
//!
//! 1. Find where the queue ends now, and where letters go; make that topic if it is missing, and
//!    have the connector's tasks read it.
//! 2. Take over the queue's transactional id, which fences off whoever had it and ends what he had
//!    not committed.
//! 3. Read the markers: from here on nobody else can add any.
//! 4. Read the queue, partition by partition, and write what is selected with its markers, a
//!    transaction at a time.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
    sync::Arc,
};

use bytes::Bytes;
use connect_api::{record::TopicPartition, time::Clock};
use tokio::time::sleep_until;

use super::{
    Owner,
    outlet::Outlet,
    pace::Pace,
    plan::{Planned, Planner, Target},
    progress::{Job, RedriveState, Skip},
    request::{LetterPlace, RedriveRequest},
    unless_cancelled,
};
use crate::{
    broker::{Admin, Broker, ConsumerRecord, TopicCreation, Watermarks},
    letters::{
        context::{Context, fingerprint},
        error::{LettersError, Result},
        markers::{self, Place},
        queue::{Queue, ends_of},
        scan::Scan,
        shown::moment,
    },
    pipeline::Home,
};

/// Settings of the topic of markers: the last word about each letter stays.
const COMPACTED: [(&str, &str); 1] = [("cleanup.policy", "compact")];

/// Bytes of keys and values after which a transaction is full: large letters go a few at a time.
const BATCH_BYTES: usize = 1 << 20;

/// A redrive.
pub(super) struct Run {
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
    job: Arc<Job>,
    queue: Queue,
    request: RedriveRequest,
    owner: Arc<dyn Owner>,
    /// Letters that are named one by one and were not met yet; none where they are selected.
    named: Option<BTreeSet<LetterPlace>>,
}

/// A redrive that ends without a word has met a bug, and must not keep others from the queue.
struct Ends(Arc<Job>);

impl Drop for Ends {
    fn drop(&mut self) {
        let bug =
            "The redrive ended by a bug; what it wrote is marked, and it can be asked for again";
        self.0.end(Err(LettersError::Invalid(bug.to_owned())));
    }
}

/// Records by where they were first and how often they were redriven. A task that is killed before
/// it commits reads its last records again, and writes their letters again.
#[derive(Default)]
struct Records {
    topics: BTreeMap<Arc<str>, usize>,
    seen: HashSet<(usize, i32, i64, u32)>,
}

impl Records {
    /// Notes the record of a letter; `false` when it was noted before.
    fn insert(&mut self, letter: &Context<'_>) -> bool {
        let Some(Home { topic, partition: Some(partition), offset: Some(offset) }) = &letter.home
        else {
            return true;
        };
        let next = self.topics.len();
        let topic = *self.topics.entry(Arc::clone(topic)).or_insert(next);
        self.seen.insert((topic, *partition, *offset, letter.attempts))
    }
}

/// What a redrive works with once it has begun.
struct Work<'a> {
    planner: Planner<'a>,
    /// None in a dry run.
    outlet: Option<Outlet<'a>>,
    pace: Pace,
    /// Checksums of what was redriven before.
    marked: BTreeMap<Place, u32>,
    /// Records whose letters were redriven, now or before.
    seen: Records,
    batch: Vec<Planned>,
    /// Bytes of the batch.
    bytes: usize,
}

impl Work<'_> {
    fn is_full(&self) -> bool {
        self.batch.len() >= self.pace.batch() || self.bytes >= BATCH_BYTES
    }

    fn push(&mut self, planned: Planned) {
        let parts = [&planned.record.key, &planned.record.value];
        self.bytes += parts.into_iter().flatten().map(Bytes::len).sum::<usize>();
        self.batch.push(planned);
    }

    fn take(&mut self) -> Vec<Planned> {
        self.bytes = 0;
        mem::take(&mut self.batch)
    }
}

impl Run {
    pub(super) fn new(
        (broker, clock): (Arc<dyn Broker>, Arc<dyn Clock>),
        job: Arc<Job>,
        (queue, request, owner): (Queue, RedriveRequest, Arc<dyn Owner>),
    ) -> Self {
        let named = request.letters.as_ref().map(|letters| letters.iter().copied().collect());
        Self { broker, clock, job, queue, request, owner, named }
    }

    /// Runs it, and notes how it ended.
    pub(super) async fn run(mut self) {
        let ends = Ends(Arc::clone(&self.job));
        tracing::info!(connector = %self.queue.connector, redrive = self.job.id,
            "Redriving letters of queue {}", self.queue.topic);
        let outcome = self.work().await;
        self.job.end(outcome);
        let progress = self.job.progress();
        tracing::info!(connector = %self.queue.connector, redrive = self.job.id,
            sent = progress.sent, failed = progress.failed,
            "Redrive {} of queue {} ended", self.job.id, self.queue.topic);
        drop(ends);
    }

    async fn work(&mut self) -> Result<RedriveState> {
        let (queue, request, job) =
            (self.queue.clone(), self.request.clone(), Arc::clone(&self.job));
        let admin = queue.admin(&self.broker).await?;
        let ends = ends_of(&*admin, &queue.topic).await?;
        if ends.values().all(|ends| ends.low >= ends.high) {
            self.not_found();
            return Ok(RedriveState::Done);
        }
        let (target, created) = Target::find(&*admin, &queue, &request).await?;
        if created == TopicCreation::Created {
            let told = self.owner.restart_tasks().await;
            let connector = || queue.connector.as_ref().to_owned();
            told.map_err(|reason| LettersError::NotTakenUp { connector: connector(), reason })?;
        }
        let outlet =
            if request.dry_run { None } else { Some(self.open(&*admin, &queue, &job).await?) };
        let marked = markers::marked((&self.broker, &*admin), &queue).await?;
        let mut work = Work {
            planner: Planner::new(&*admin, &request, target),
            outlet,
            pace: Pace::new(request.rate),
            marked,
            seen: Records::default(),
            batch: Vec::new(),
            bytes: 0,
        };
        for (at, ends) in ends {
            if self.read(&at, ends, &mut work).await?.is_none() {
                return Ok(RedriveState::Cancelled);
            }
        }
        self.not_found();
        Ok(RedriveState::Done)
    }

    /// Says of which letters that were named there are none.
    fn not_found(&self) {
        for place in self.named.iter().flatten() {
            self.job.skip(*place, Skip::NotFound);
        }
    }

    /// Takes the queue over.
    async fn open<'a>(
        &self,
        admin: &dyn Admin,
        queue: &'a Queue,
        job: &'a Job,
    ) -> Result<Outlet<'a>> {
        let name = queue.markers_topic();
        let made = queue.create_topic(admin, (&name, 1), &COMPACTED).await;
        made.map_err(LettersError::during(format!("make topic \"{name}\" for the markers")))?;
        let producer = queue.producer(&self.broker).await?;
        Ok(Outlet { producer, queue, to: self.request.to, job, markers: name.into() })
    }

    /// Redrives what is selected of a partition; none when told to end.
    async fn read(
        &mut self,
        at: &TopicPartition,
        ends: Watermarks,
        work: &mut Work<'_>,
    ) -> Result<Option<()>> {
        let (mut from, mut end) = (ends.low, ends.high);
        if let Some(named) = &self.named {
            let here = || named.iter().filter(|place| place.partition == at.partition);
            let (Some(first), Some(last)) = (here().next(), here().next_back()) else {
                return Ok(Some(()));
            };
            (from, end) = (first.offset.max(from), last.offset.saturating_add(1).min(end));
        }
        let token = self.job.token.clone();
        let mut scan = Scan::open(&self.broker, &self.queue, at, (from, end)).await?;
        loop {
            let Some(read) = unless_cancelled(&token, scan.next()).await else { return Ok(None) };
            let Some(records) = read? else { break };
            for record in &records {
                self.take(at.partition, record, work).await?;
                if work.is_full() && self.write(work).await?.is_none() {
                    return Ok(None);
                }
            }
        }
        self.write(work).await
    }

    /// Puts a letter into the batch if it is to go.
    async fn take(
        &mut self,
        partition: i32,
        record: &ConsumerRecord,
        work: &mut Work<'_>,
    ) -> Result<()> {
        let place = LetterPlace { partition, offset: record.offset };
        let context = Context::of(record);
        if !context.may_be_of(&self.queue.connector) {
            return Ok(());
        }
        let is_marked = work.marked.get(&(partition, record.offset)) == Some(&fingerprint(record));
        let is_wanted = match (&mut self.named, &self.request.select) {
            (Some(named), _) => named.remove(&place),
            (None, Some(filter)) => filter.matches(record, &context),
            (None, None) => false,
        };
        let is_new = (!is_wanted && !is_marked) || work.seen.insert(&context);
        if !is_wanted {
            return Ok(());
        }
        self.job.select();
        if is_marked {
            self.job.skip(place, Skip::AlreadyRedriven);
            return Ok(());
        }
        // Who names a letter wants that one.
        if !is_new && self.named.is_none() {
            self.job.skip(place, Skip::SameRecord);
            return Ok(());
        }
        match work.planner.plan(place, record, context).await? {
            Ok(planned) if work.outlet.is_none() => {
                self.job.would_send(place, &planned.record.topic);
            }
            Ok(planned) => work.push(planned),
            Err(why) => self.job.skip(place, why),
        }
        Ok(())
    }

    /// Writes the batch when its time has come; none when told to end before.
    async fn write(&self, work: &mut Work<'_>) -> Result<Option<()>> {
        if work.batch.is_empty() {
            return Ok(Some(()));
        }
        if unless_cancelled(&self.job.token, sleep_until(work.pace.due())).await.is_none() {
            return Ok(None);
        }
        if !self.owner.has_queue(&self.queue.topic).await {
            return Err(LettersError::Orphaned(self.queue.connector.as_ref().to_owned()));
        }
        let batch = work.take();
        work.pace.went(batch.len());
        let Some(outlet) = &mut work.outlet else { return Ok(Some(())) };
        outlet.write(batch, &moment(self.clock.now_ms())).await?;
        Ok(Some(()))
    }
}
