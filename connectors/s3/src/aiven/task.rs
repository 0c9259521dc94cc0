//! One running task: the objects that take records, and when they are written.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result, chain},
    record::{SinkRecord, TopicPartition},
    sink::{Progress, SinkContext, SinkOffsets, SinkTask},
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::Instant;

use super::{
    body::BodyOptions,
    config::{AivenConfig, NAMES},
    content::Content,
    group::Grouper,
    object::Object,
    shape::Shape,
    tally::{Tally, records},
};
use crate::store::Store;

/// Objects that are written at once: as many as the store lets through.
const CONCURRENT_OBJECTS: usize = 8;
/// Pause after a failure that may pass, without `kafka.retry.backoff.ms`.
const PAUSE: Duration = Duration::from_secs(5);

/// A task of the Aiven class.
#[derive(Debug)]
pub(super) struct AivenTask {
    context: SinkContext,
    store: Store,
    content: Content,
    options: BodyOptions,
    pause: Duration,
    grouper: Grouper,
    /// Objects that are not written yet, by the names of their groups.
    objects: HashMap<String, Object>,
    /// Per partition, the first offset that is in none of the objects that are written.
    since: SinkOffsets,
    /// Partitions that were asked to come again from these offsets and have not yet.
    rewound: SinkOffsets,
    /// When partitions are read again after a failure, and which.
    resume: Option<(Instant, Vec<TopicPartition>)>,
    /// Whether the worker was told that records cannot be stored.
    is_held: bool,
    /// Why the task fails with the next batch.
    fatal: Option<ConnectorError>,
    /// The record at hand as it is written.
    scratch: Vec<u8>,
    tally: Tally,
}

impl AivenTask {
    /// Opens the bucket and looks whether it is there.
    ///
    /// # Errors
    /// As [`Store::check_bucket`]; `Invalid` for an option that validation would have refused.
    pub(super) async fn start(config: &AivenConfig, context: SinkContext) -> Result<Self> {
        config.explain();
        let (keys, tuning) = config.bucket()?;
        let store = Box::pin(Store::overwriting(&keys, &tuning, &NAMES)).await?;
        let store = store.counted(&context.figures);
        let tally = Tally::new(&context.figures);
        store.check_bucket().await?;
        let content = Content::new(config);
        let options = BodyOptions {
            compression: config.compression(),
            frame: content.frame(),
            part_bytes: config.part_bytes(),
        };
        Ok(Self {
            context,
            store,
            content,
            options,
            pause: config.aws.pause.unwrap_or(PAUSE),
            grouper: Grouper::new(config)?,
            objects: HashMap::new(),
            since: SinkOffsets::new(),
            rewound: SinkOffsets::new(),
            resume: None,
            is_held: false,
            fatal: None,
            scratch: Vec::new(),
            tally,
        })
    }

    async fn take_all(&mut self, batch: &[SinkRecord]) -> Result<()> {
        for record in batch {
            self.rewound.remove(&record.origin);
            match self.since.get_mut(&record.origin) {
                Some(since) => *since = record.offset.min(*since),
                None => drop(self.since.insert(record.origin.clone(), record.offset)),
            }
        }
        let now_ms = self.context.clock.now_ms();
        for record in batch {
            Box::pin(self.take(record, now_ms)).await?;
        }
        let (store, part_bytes) = (&self.store, self.options.part_bytes);
        // What the next record of a key replaces is not begun in the bucket.
        let is_by_key = self.grouper.grouping.is_by_key();
        let mut uploads = Vec::new();
        for object in self.objects.values_mut() {
            if !is_by_key && object.pending_bytes() >= part_bytes {
                uploads.push(object.upload_full(store, part_bytes));
            }
        }
        some_at_once(uploads).await
    }

    /// Takes one record, or hands it to the reporter.
    async fn take(&mut self, record: &SinkRecord, now_ms: i64) -> Result<()> {
        self.scratch.clear();
        let shape = self.content.shape(record).and_then(|shape| {
            self.content.write(&mut self.scratch, record, shape.as_deref()).map(|()| shape)
        });
        let shape = match shape {
            Ok(shape) => shape,
            Err(error) => return reject(&self.context, record, error).await,
        };
        loop {
            match self.append(record, shape.as_ref(), now_ms) {
                Ok(Some(true)) => return Ok(()),
                // The object may be written to make room: the record then begins another one.
                Ok(Some(false)) => self.make_room(record).await?,
                Ok(None) => return Err(ConnectorError::internal("An object was lost")),
                Err(error) if error.class().is_retriable() => return Err(error),
                Err(error) => return reject(&self.context, record, error).await,
            }
        }
    }

    /// Appends the record at hand to its object; `false` when there is no room for it.
    fn append(
        &mut self,
        record: &SinkRecord,
        shape: Option<&Arc<Shape>>,
        now_ms: i64,
    ) -> Result<Option<bool>> {
        let objects = &self.objects;
        let count = |name: &str| objects.get(name).map(|object| object.count);
        let (name, start) = self.grouper.find(record, shape, now_ms, count)?;
        if self.grouper.grouping.is_by_key() || !self.objects.contains_key(&name) {
            let key = self.grouper.key(&name, record, now_ms)?;
            let budget = &self.context.budget;
            let object = Object::begin((key, start), shape, self.options, budget);
            let Some(mut object) = object else { return Ok(Some(false)) };
            if !object.append(record, &self.scratch)? {
                return Ok(Some(false));
            }
            self.objects.insert(name, object);
            return Ok(Some(true));
        }
        self.objects.get_mut(&name).map(|object| object.append(record, &self.scratch)).transpose()
    }

    /// Uploads or writes something before its time.
    ///
    /// # Errors
    /// `Retriable` when there is nothing, else by the server's answer.
    async fn make_room(&mut self, record: &SinkRecord) -> Result<()> {
        if self.spill().await? {
            return Ok(());
        }
        let early = self.largest();
        if early.is_empty() {
            let (place, bytes) = (&record.origin, self.scratch.len());
            let text = format!("There is no memory for {place}@{} of {bytes} bytes", record.offset);
            let hint = "Raise the worker's memory, or run fewer connectors on it";
            return Err(ConnectorError::retriable(text).hint(hint));
        }
        let (count, held) = (early.len(), records(&early));
        tracing::info!("Memory is used up: {count} objects are written before the flush");
        self.context.request_commit();
        write_all(&self.store, early, self.options.part_bytes).await?;
        self.tally.wrote(held, true);
        Ok(())
    }

    /// Uploads parts that are not full; `false` when there are none.
    async fn spill(&mut self) -> Result<bool> {
        let is_by_key = self.grouper.grouping.is_by_key();
        let mut uploads = Vec::new();
        for object in self.objects.values_mut() {
            if !is_by_key && object.can_spill() {
                uploads.push(object.spill(&self.store, self.options.part_bytes));
            }
        }
        let are_some = !uploads.is_empty();
        some_at_once(uploads).await.map(|()| are_some)
    }

    /// Takes out the largest objects, a quarter of the budget if there is as much. What follows
    /// begins others: it would replace them under their names.
    fn largest(&mut self) -> Vec<Object> {
        let quarter = self.context.budget.limit_bytes() / 4;
        let sizes = self.objects.iter().map(|(name, object)| (object.held_bytes(), name.clone()));
        let mut sizes: Vec<_> = sizes.collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        let (mut freed, mut largest) = (0, Vec::new());
        for (bytes, name) in sizes {
            if freed < quarter
                && let Some(object) = self.objects.remove(&name)
            {
                freed += bytes;
                self.grouper.forget(object.start);
                largest.push(object);
            }
        }
        largest
    }

    /// Throws away what is not written and reads it again after a pause.
    async fn rewind(&mut self, error: &ConnectorError) {
        tracing::warn!(
            "Records since the last flush are read again in {} ms: {}",
            self.pause.as_millis(),
            chain(error)
        );
        self.is_held = true;
        self.context.set_progress(Progress::held_by(error));
        self.drop_objects(|_| true).await;
        self.grouper.clear();
        let since = std::mem::take(&mut self.since);
        for (origin, &offset) in &since {
            self.context.seek(origin.clone(), offset);
        }
        self.context.pause(since.keys().cloned());
        self.resume = Some((Instant::now() + self.pause, since.keys().cloned().collect()));
        self.rewound.extend(since);
    }

    async fn drop_objects(&mut self, is_dropped: impl Fn(&Object) -> bool) {
        let dropped = self.objects.extract_if(|_, object| is_dropped(object));
        let dropped: Vec<_> = dropped.map(|(_, object)| object).collect();
        let aborts = dropped.into_iter().map(|object| given_up(&self.store, object)).collect();
        // Nothing can be wrong with that.
        let _aborted = some_at_once(aborts).await.is_ok();
    }

    /// Lets go of partitions. Where their records share an object with those of others, these come
    /// again.
    async fn lose(&mut self, partitions: &[TopicPartition]) {
        let mut affected: BTreeSet<_> = partitions.iter().cloned().collect();
        loop {
            let before = affected.len();
            for object in self.objects.values() {
                if !object.origins.is_disjoint(&affected) {
                    affected.extend(object.origins.iter().cloned());
                }
            }
            if affected.len() == before {
                break;
            }
        }
        self.drop_objects(|object| !object.origins.is_disjoint(&affected)).await;
        self.grouper.lose(&affected);
        for origin in &affected {
            let since = self.since.remove(origin);
            if partitions.contains(origin) {
                self.rewound.remove(origin);
            } else if let Some(offset) = since {
                self.context.seek(origin.clone(), offset);
                self.rewound.insert(origin.clone(), offset);
            }
        }
        if let Some((_, paused)) = &mut self.resume {
            paused.retain(|origin| !partitions.contains(origin));
        }
    }
}

#[async_trait]
impl SinkTask for AivenTask {
    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        if let Some(error) = self.fatal.take() {
            return Err(error);
        }
        if let Some((_, paused)) = self.resume.take_if(|(at, _)| Instant::now() >= *at) {
            self.context.resume(paused);
        }
        let taken = self.take_all(batch).await;
        self.tally.waits(self.objects.len());
        match taken {
            Err(error) if error.class().is_retriable() => {
                self.rewind(&error).await;
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        let objects: Vec<_> = std::mem::take(&mut self.objects).into_values().collect();
        let count = records(&objects);
        let are_some = !objects.is_empty();
        let written = write_all(&self.store, objects, self.options.part_bytes).await;
        // Whether it was written or comes again from what was committed: what follows is new.
        self.since.clear();
        self.grouper.clear();
        if let Err(error) = written {
            self.rewound.clear();
            let told = ConnectorError::new(error.class(), chain(&error));
            if !error.class().is_retriable() {
                self.fatal = Some(error);
            }
            return Err(told);
        }
        self.tally.wrote(count, false);
        if are_some && std::mem::take(&mut self.is_held) {
            self.context.set_progress(Progress::Made);
        }
        let safe = consumed.iter().map(|(origin, &offset)| {
            let rewound = self.rewound.get(origin).copied();
            (origin.clone(), rewound.map_or(offset, |rewound| offset.min(rewound)))
        });
        Ok(safe.collect())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.lose(partitions).await;
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.drop_objects(|_| true).await;
        Ok(())
    }
}

/// Writes objects; after a failure no more begin.
async fn write_all(store: &Store, objects: Vec<Object>, part_bytes: usize) -> Result<()> {
    let has_failed = AtomicBool::new(false);
    let mut writes = Vec::with_capacity(objects.len());
    for object in objects {
        writes.push(write(store, object, (part_bytes, &has_failed)));
    }
    some_at_once(writes).await
}

async fn write(
    store: &Store,
    object: Object,
    (part_bytes, has_failed): (usize, &AtomicBool),
) -> Result<()> {
    if has_failed.load(Ordering::Relaxed) {
        return given_up(store, object).await;
    }
    let written = object.finish(store, part_bytes).await;
    has_failed.fetch_or(written.is_err(), Ordering::Relaxed);
    written
}

async fn given_up(store: &Store, mut object: Object) -> Result<()> {
    object.give_up(store).await;
    Ok(())
}

/// Does all of it, as much at once as the store lets through, and says what failed first.
async fn some_at_once<F: Future<Output = Result<()>>>(work: Vec<F>) -> Result<()> {
    let mut running = FuturesUnordered::new();
    let mut first = Ok(());
    for one in work {
        if running.len() >= CONCURRENT_OBJECTS
            && let Some(outcome) = running.next().await
        {
            first = first.and(outcome);
        }
        running.push(one);
    }
    while let Some(outcome) = running.next().await {
        first = first.and(outcome);
    }
    first
}

async fn reject(context: &SinkContext, record: &SinkRecord, error: ConnectorError) -> Result<()> {
    let place = format!("Could not write {}@{}", record.origin, record.offset);
    let error = ConnectorError::new(error.class(), place).caused_by(error);
    context.reject(record, error).await
}
