//! Reads a whole topic without a group: a thread that fetches, and the end of a queue.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::record::TopicPartition;
use rdkafka::bindings::rd_kafka_IsolationLevel_t as Isolation;
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    admin::{API_TIMEOUT_MS, BEGINNING, END, KafkaAdmin},
    native::{Callbacks, Fetcher, Kind, Native},
    records::Collector,
    refusal::{Refusal, is_forbidden, is_missing_topic},
    report::Reporter,
    settings::Settings,
};
use crate::{
    broker::{
        Admin as _, BrokerError, PartitionRecords, ReadFrom, ReaderSettings, Result, TopicReader,
    },
    tasks::TaskGroup,
};

/// How long a fetch waits for records.
const POLL: Duration = Duration::from_millis(100);

/// Batches between the thread and the reader: one being read, one ready. A full queue stops the
/// fetching.
const BATCHES: usize = 2;

/// What the thread found.
struct Step {
    records: Vec<PartitionRecords>,
    ends: Vec<(TopicPartition, i64)>,
}

/// Reads one topic.
pub(super) struct KafkaReader {
    topic: String,
    steps: mpsc::Receiver<Result<Step>>,
    /// Records that were read and not handed out yet.
    ready: Vec<PartitionRecords>,
    positions: BTreeMap<TopicPartition, i64>,
    /// Asks where the topic ends: on its own connection, no question waits behind a fetch.
    admin: Arc<KafkaAdmin>,
    isolation: Isolation,
    timeout: Duration,
}

impl KafkaReader {
    /// Begins to read a topic.
    ///
    /// # Errors
    /// `Invalid` settings, `UnknownTopic`, or when the cluster does not answer in time.
    pub(super) async fn open(
        settings: &Settings,
        client_id: &str,
        wanted: &ReaderSettings,
        (admin, tasks): (Arc<KafkaAdmin>, &TaskGroup),
    ) -> Result<Self> {
        let reporter = Arc::new(Reporter::new(client_id));
        reporter.ignored(&settings.ignored);
        let callbacks: Arc<dyn Callbacks> = Arc::<Reporter>::clone(&reporter);
        let native = Native::open(Kind::Reader, &settings.config(), callbacks)
            .map_err(|refusal| BrokerError::Invalid(refusal.to_string()))?;
        let isolation = match settings.get("isolation.level") {
            Some("read_committed") => Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
            _ => Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        };
        let topic = wanted.topic.as_str();
        let mut positions = beginnings(&admin, topic).await?;
        if let ReadFrom::Offsets(offsets) = &wanted.from {
            positions = offsets_in(&positions, offsets);
        }
        let first = positions.iter().map(|(at, offset)| (at.partition, *offset));
        let fetcher = Fetcher::reader(Arc::new(native), topic, first)
            .map_err(|refusal| refusal.during(format!("Reading topic \"{topic}\"")))?;
        let (sender, steps) = mpsc::channel(BATCHES);
        let thread = Thread {
            fetcher,
            collector: Collector::new(settings.max_poll_records),
            reporter,
            steps: sender,
            topic: topic.to_owned(),
            runtime: Handle::current(),
            token: tasks.token().clone(),
        };
        drop(tasks.spawn_thread(format!("kafka reader {client_id}"), move || thread.run()));
        let timeout = Duration::from_millis(settings.api_timeout_ms.unwrap_or(API_TIMEOUT_MS));
        let ready = Vec::new();
        Ok(Self { topic: topic.to_owned(), steps, ready, positions, admin, isolation, timeout })
    }

    async fn asked_ends(&self) -> Result<BTreeMap<TopicPartition, i64>> {
        let partitions = self.positions.keys().cloned().collect();
        self.admin.offsets_by_name(partitions, END, self.isolation).await
    }

    /// Takes what the thread found. Cancel safe.
    async fn step(&mut self) -> Result<()> {
        let step = self.steps.recv().await.ok_or(BrokerError::Closed)??;
        for part in &step.records {
            self.positions.insert(part.partition.clone(), part.next_offset);
        }
        for (partition, end) in step.ends {
            let position = self.positions.entry(partition).or_default();
            *position = end.max(*position);
        }
        self.ready.extend(step.records);
        Ok(())
    }

    fn has_reached(&self, ends: &BTreeMap<TopicPartition, i64>) -> bool {
        ends.iter().all(|(at, end)| self.positions.get(at).is_some_and(|here| here >= end))
    }
}

#[async_trait]
impl TopicReader for KafkaReader {
    async fn read_to_end(&mut self) -> Result<Vec<PartitionRecords>> {
        let ends = self.asked_ends().await?;
        while !self.has_reached(&ends) {
            let step = tokio::time::timeout(self.timeout, self.step()).await;
            step.unwrap_or_else(|_late| {
                let operation = format!("Reading topic \"{}\" to its end", self.topic);
                Err(Refusal::timed_out().during(operation))
            })?;
        }
        Ok(std::mem::take(&mut self.ready))
    }

    async fn next(&mut self) -> Result<Vec<PartitionRecords>> {
        while self.ready.is_empty() {
            self.step().await?;
        }
        Ok(std::mem::take(&mut self.ready))
    }

    async fn ends(&self) -> Result<BTreeMap<i32, i64>> {
        let ends = self.asked_ends().await?;
        Ok(ends.into_iter().map(|(at, end)| (at.partition, end)).collect())
    }

    fn position(&self, partition: i32) -> Option<i64> {
        let topic = self.topic.as_str().into();
        self.positions.get(&TopicPartition { topic, partition }).copied()
    }
}

/// Of the partitions that there are, those that are wanted, at their offsets.
fn offsets_in(
    there: &BTreeMap<TopicPartition, i64>,
    wanted: &BTreeMap<i32, i64>,
) -> BTreeMap<TopicPartition, i64> {
    let place = |at: &TopicPartition| Some((at.clone(), *wanted.get(&at.partition)?));
    there.keys().filter_map(place).collect()
}

/// Where each partition of the topic begins.
async fn beginnings(admin: &KafkaAdmin, topic: &str) -> Result<BTreeMap<TopicPartition, i64>> {
    let found = admin.describe_topics(&[topic.to_owned()]).await?;
    let found = found.get(topic).ok_or_else(|| BrokerError::UnknownTopic(topic.to_owned()))?;
    let name: Arc<str> = topic.into();
    let partition = |partition| TopicPartition { topic: Arc::clone(&name), partition };
    let partitions = (0..found.partitions).map(partition).collect();
    let all = Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED;
    admin.offsets_by_name(partitions, BEGINNING, all).await
}

/// What the fetching thread owns.
struct Thread {
    fetcher: Fetcher,
    collector: Collector,
    reporter: Arc<Reporter>,
    steps: mpsc::Sender<Result<Step>>,
    topic: String,
    runtime: Handle,
    token: CancellationToken,
}

impl Thread {
    fn run(mut self) {
        while !self.token.is_cancelled() && !self.steps.is_closed() {
            let limit = self.collector.limit();
            let fetched = {
                let messages = self.fetcher.fetch(POLL, limit);
                self.collector.collect(&messages)
            };
            self.fetcher.native().poll(Duration::ZERO);
            if !fetched.records.is_empty() || !fetched.ends.is_empty() {
                self.send(Ok(Step { records: fetched.records, ends: fetched.ends }));
            }
            for (_partition, refusal) in fetched.errors {
                if is_missing_topic(refusal.code) || is_forbidden(refusal.code) {
                    let operation = format!("Reading topic \"{}\"", self.topic);
                    self.send(Err(refusal.about_topic(&self.topic, operation)));
                    return;
                }
                self.reporter.trouble(refusal.code, &refusal.text);
            }
        }
    }

    fn send(&self, step: Result<Step>) {
        let sent = self.token.run_until_cancelled(self.steps.send(step));
        // A reader that is gone, or a worker that stops, wants no more.
        let _unwanted = self.runtime.block_on(sent);
    }
}
