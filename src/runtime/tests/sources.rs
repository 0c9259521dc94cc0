use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use connect_api::{
    config::{ConfigDef, ConfigValue, Props},
    error::{ConnectorError, Result},
    record::{SchemaAndValue, SourceBatch, SourceOffset, SourcePartition, SourceRecord},
    schema::Schema,
    source::{SourceConnector, SourceContext, SourceTask},
    value::Value,
};

use super::harness::{Harness, PATIENCE};
use crate::runtime::{ConnectorPlugin, RuntimeSettings, TaskEventKind, TaskTarget};

/// What a poll does instead of reading.
enum Turn {
    Fail(ConnectorError),
    Panic,
}

/// Counts from where it stopped, in batches of ten, up to a limit.
#[derive(Clone, Default)]
struct Counter {
    limit: i64,
    starts: Arc<Mutex<VecDeque<ConnectorError>>>,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    told: Arc<Mutex<Vec<i64>>>,
    /// Batches that were reported as taken.
    taken: Arc<Mutex<usize>>,
    /// Records that were reported as refused.
    refused: Arc<Mutex<usize>>,
    /// A number that goes to a topic which cannot be.
    misplaced: Option<i64>,
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counter")
    }
}

impl Counter {
    fn up_to(limit: i64) -> Self {
        Self { limit, ..Self::default() }
    }

    fn turn(self, turn: Turn) -> Self {
        self.turns.lock().unwrap().push_back(turn);
        self
    }

    fn plugin(&self) -> ConnectorPlugin {
        ConnectorPlugin::Source(Arc::new(self.clone()))
    }
}

struct CounterTask {
    counter: Counter,
    next: i64,
}

#[async_trait]
impl SourceConnector for Counter {
    fn class(&self) -> &'static str {
        "test.Counter"
    }
    fn version(&self) -> &'static str {
        "1"
    }
    fn config_def(&self) -> ConfigDef {
        ConfigDef::new()
    }
    fn validate(&self, _props: &Props) -> Vec<ConfigValue> {
        Vec::new()
    }
    fn task_configs(&self, props: &Props, _max_tasks: usize) -> Result<Vec<Props>> {
        Ok(vec![props.clone()])
    }
    async fn start_task(
        &self,
        _props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        if let Some(error) = self.starts.lock().unwrap().pop_front() {
            return Err(error);
        }
        let committed = context.offsets.committed().await?;
        let next = committed.first().and_then(|(_, offset)| offset.0["next"].as_i64());
        Ok(Box::new(CounterTask { counter: self.clone(), next: next.unwrap_or(0) }))
    }
}

#[async_trait]
impl SourceTask for CounterTask {
    async fn poll(&mut self) -> Result<SourceBatch> {
        let turn = self.counter.turns.lock().unwrap().pop_front();
        match turn {
            Some(Turn::Fail(error)) => return Err(error),
            Some(Turn::Panic) => panic!("the counter broke"),
            None => {}
        }
        if self.next >= self.counter.limit {
            std::future::pending::<()>().await;
        }
        let numbers = self.next..(self.next + 10).min(self.counter.limit);
        self.next = numbers.end;
        let record = |number: i64| {
            let value = SchemaAndValue::new(Schema::string(), Value::string(number.to_string()));
            let topic = if self.counter.misplaced == Some(number) { "a b" } else { "numbers" };
            SourceRecord { partition: Some(0), ..SourceRecord::new(topic.into(), value) }
        };
        let offset = SourceOffset([("next".to_owned(), self.next.into())].into_iter().collect());
        Ok(SourceBatch {
            records: numbers.map(record).collect(),
            offsets: vec![(SourcePartition::default(), Some(offset))],
        })
    }

    fn acknowledged(&mut self, refused: usize) {
        *self.counter.refused.lock().unwrap() += refused;
        *self.counter.taken.lock().unwrap() += 1;
    }

    async fn commit(&mut self, offsets: &[(SourcePartition, Option<SourceOffset>)]) -> Result<()> {
        let next = |(_, offset): &(_, Option<SourceOffset>)| offset.as_ref()?.0["next"].as_i64();
        self.counter.told.lock().unwrap().extend(offsets.iter().filter_map(next));
        Ok(())
    }
}

fn numbers(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Both ways of writing: in transactions, and with offsets that follow.
fn without_transactions(settings: &mut RuntimeSettings) {
    settings.broker = Arc::new(super::plain_broker::PlainBroker(Arc::clone(&settings.broker)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_writes_everything_and_learns_that_it_is_durable() {
    for change in [|_: &mut RuntimeSettings| {}, without_transactions] {
        let directory = tempfile::tempdir().unwrap();
        let mut harness = Harness::open(directory.path(), change).await;
        let counter = Counter::up_to(95);
        let task = harness.start_task(counter.plugin(), &[]);
        assert_eq!(harness.event().await, TaskEventKind::Running);
        assert_eq!(harness.wait_for("numbers", 95).await, numbers(0..95));
        assert!(task.stop(PATIENCE).await);
        assert_eq!(harness.event().await, TaskEventKind::Stopped);
        let committed = harness.offsets.committed("conn").await.unwrap();
        assert_eq!(committed[0].1.0["next"].as_i64(), Some(95), "stopping commits");
        assert_eq!(counter.told.lock().unwrap().last(), Some(&95));
        harness.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_batch_is_reported_once_when_the_broker_has_it() {
    type Way = (fn(&mut RuntimeSettings), &'static [(&'static str, &'static str)]);
    let ways: [Way; 3] = [
        (|_| {}, &[]),
        (|_| {}, &[("transaction.boundary", "interval")]),
        (without_transactions, &[]),
    ];
    for (change, config) in ways {
        let directory = tempfile::tempdir().unwrap();
        let harness = Harness::open(directory.path(), change).await;
        let counter = Counter::up_to(95);
        let task = harness.start_task(counter.plugin(), config);
        harness.wait_for("numbers", 95).await;
        assert!(task.stop(PATIENCE).await);
        assert_eq!(*counter.taken.lock().unwrap(), 10, "{config:?}");
        assert_eq!(*counter.refused.lock().unwrap(), 0, "{config:?}");
        harness.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_broker_refuses_fails_the_task_or_is_told_as_skipped() {
    let skip = ("errors.tolerance", "all");
    let interval = ("transaction.boundary", "interval");
    type Way<'a> = (fn(&mut RuntimeSettings), &'a [(&'a str, &'a str)]);
    let skipping: [Way<'_>; 2] = [(|_| {}, &[skip]), (without_transactions, &[skip])];
    for (change, config) in skipping {
        let directory = tempfile::tempdir().unwrap();
        let harness = Harness::open(directory.path(), change).await;
        let counter = Counter { misplaced: Some(25), ..Counter::up_to(40) };
        let task = harness.start_task(counter.plugin(), config);
        let stored = harness.wait_for("numbers", 39).await;
        assert_eq!(stored, [numbers(0..25), numbers(26..40)].concat());
        assert!(task.stop(PATIENCE).await);
        let told = (*counter.taken.lock().unwrap(), *counter.refused.lock().unwrap());
        assert_eq!(told, (4, 1));
        harness.end().await;
    }
    let failing: [(Way<'_>, usize); 4] = [
        ((|_| {}, &[]), 20),
        ((|_| {}, &[interval]), 0),
        // A transaction of several batches cannot go without a part of it.
        ((|_| {}, &[interval, skip]), 0),
        ((without_transactions, &[]), 29),
    ];
    for ((change, config), stored) in failing {
        let directory = tempfile::tempdir().unwrap();
        let mut harness = Harness::open(directory.path(), change).await;
        let counter = Counter { misplaced: Some(25), ..Counter::up_to(30) };
        let task = harness.start_task(counter.plugin(), config);
        let trace = harness.trace().await;
        assert!(trace.contains("Unrecoverable exception from producer send callback"), "{trace}");
        assert!(trace.contains("a b"), "{trace}");
        assert!(task.stop(PATIENCE).await);
        assert_eq!(harness.values("numbers").await.len(), stored, "{config:?}");
        let committed = harness.offsets.committed("conn").await.unwrap();
        let committed = committed.first().and_then(|(_, offset)| offset.0["next"].as_i64());
        assert!(committed.unwrap_or(0) <= 20, "{config:?}: {committed:?}");
        harness.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_source_loses_and_doubles_nothing() {
    let mut harness = Harness::start().await;
    let mut seen = 0;
    for limit in [2_000, 4_000, 6_000] {
        let counter = Counter::up_to(limit);
        let task = harness.start_task(counter.plugin(), &[]);
        harness.wait_for("numbers", seen + 300).await;
        task.stop(Duration::ZERO).await;
        seen = harness.values("numbers").await.len();
    }
    let task = harness.start_task(Counter::up_to(6_000).plugin(), &[]);
    assert_eq!(harness.wait_for("numbers", 6_000).await, numbers(0..6_000));
    assert!(task.stop(PATIENCE).await);
    assert_eq!(harness.values("numbers").await.len(), 6_000);
    while harness.events.try_recv().is_ok() {}
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_goes_on_where_it_was_stopped() {
    let harness = Harness::start().await;
    let task = harness.start_task(Counter::up_to(30).plugin(), &[]);
    harness.wait_for("numbers", 30).await;
    assert!(task.stop(PATIENCE).await);
    let task = harness.start_task(Counter::up_to(50).plugin(), &[]);
    assert_eq!(harness.wait_for("numbers", 50).await, numbers(0..50));
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_is_asked_again_and_another_failure_ends_the_task() {
    let mut harness = Harness::start().await;
    let counter = Counter::up_to(10)
        .turn(Turn::Fail(ConnectorError::retriable("the disk is away")))
        .turn(Turn::Fail(ConnectorError::internal("the disk is gone").caused_by("no such disk")));
    counter.starts.lock().unwrap().push_back(ConnectorError::retriable("not yet"));
    let task = harness.start_task(counter.plugin(), &[]);
    let TaskEventKind::Held { trace } = harness.event().await else { panic!("nothing is told") };
    assert!(trace.contains("not yet"), "{trace}");
    assert_eq!(harness.event().await, TaskEventKind::Running);
    assert_eq!(
        harness.trace().await,
        "org.apache.kafka.connect.errors.ConnectException: the disk is gone\n\
         \tat millrace.runtime(native)\n\
         Caused by: java.lang.Exception: no such disk\n"
    );
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_its_task_and_nothing_else() {
    let mut harness = Harness::start().await;
    let task = harness.start_task(Counter::up_to(10).turn(Turn::Panic).plugin(), &[]);
    let trace = harness.trace().await;
    assert!(
        trace.starts_with(
            "org.apache.kafka.connect.errors.ConnectException: Task threw an uncaught and \
             unrecoverable exception: it panicked: the counter broke"
        ),
        "{trace}"
    );
    assert!(task.stop(PATIENCE).await);
    let task = harness.start_task(Counter::up_to(10).plugin(), &[]);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    assert_eq!(harness.wait_for("numbers", 10).await, numbers(0..10));
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_source_reads_nothing_before_it_is_resumed() {
    let mut harness = Harness::start().await;
    let counter = Counter::up_to(10);
    counter.starts.lock().unwrap().push_back(ConnectorError::internal("started while paused"));
    let task = harness.start_as(counter.plugin(), &[], TaskTarget::Paused);
    assert_eq!(harness.event().await, TaskEventKind::Paused);
    counter.starts.lock().unwrap().clear();
    task.set_target(TaskTarget::Started);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    harness.wait_for("numbers", 10).await;
    task.set_target(TaskTarget::Paused);
    assert_eq!(harness.event().await, TaskEventKind::Paused);
    task.set_target(TaskTarget::Started);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    assert!(task.stop(PATIENCE).await);
    assert_eq!(harness.event().await, TaskEventKind::Stopped);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transforms_and_topic_rules_apply_on_the_way() {
    let mut harness = Harness::start().await;
    let config = [
        ("transforms", "route"),
        ("transforms.route.type", "RegexRouter"),
        ("transforms.route.regex", "(.*)"),
        ("transforms.route.replacement", "made-$1"),
        ("topic.creation.default.partitions", "3"),
        ("topic.creation.default.replication.factor", "-1"),
    ];
    let task = harness.start_task(Counter::up_to(5).plugin(), &config);
    assert_eq!(harness.wait_for("made-numbers", 5).await, numbers(0..5));
    assert!(task.stop(PATIENCE).await);
    let admin = crate::broker::Broker::admin(&*harness.broker, &Default::default()).await.unwrap();
    let topics = admin.describe_topics(&["made-numbers".to_owned()]).await.unwrap();
    assert_eq!(topics["made-numbers"].partitions, 3);
    let mut topics = Vec::new();
    while let Ok(event) = harness.events.try_recv() {
        if let TaskEventKind::TopicSeen(topic) = event.kind {
            topics.push(topic.to_string());
        }
    }
    assert_eq!(topics, ["made-numbers"]);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_does_not_write_where_the_worker_keeps_its_state() {
    let mut harness = Harness::start().await;
    let config = [
        ("transforms", "route"),
        ("transforms.route.type", "RegexRouter"),
        ("transforms.route.regex", "numbers"),
        ("transforms.route.replacement", "offsets"),
    ];
    let task = harness.start_task(Counter::up_to(5).plugin(), &config);
    let trace = harness.trace().await;
    assert!(trace.contains("topic \"offsets\", in which the worker keeps its own"), "{trace}");
    assert!(task.stop(PATIENCE).await);
    assert_eq!(harness.values("offsets").await, Vec::<String>::new());
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_cannot_be_made_fail_a_source_even_while_it_is_paused() {
    let mut harness = Harness::start().await;
    for (entries, expected) in [
        (
            &[("producer.override.acks", "some")][..],
            "Invalid value some for configuration acks: String must be one of: all, -1, 0, 1",
        ),
        (
            &[("topic.creation.default.partitions", "1"), ("admin.override.retries", "-1")],
            "Invalid value -1 for configuration retries: Value must be at least 0",
        ),
        (
            &[("offsets.storage.topic", "own"), ("consumer.override.fetch.max.bytes", "-1")],
            "Invalid value -1 for configuration fetch.max.bytes: Value must be at least 0",
        ),
    ] {
        let _task = harness.start_as(Counter::up_to(5).plugin(), entries, TaskTarget::Paused);
        let TaskEventKind::Failed { trace, .. } = harness.event().await else {
            panic!("it is the first that is heard");
        };
        let first = format!("org.apache.kafka.common.config.ConfigException: {expected}");
        assert_eq!(trace.lines().next(), Some(&*first));
    }
    harness.end().await;
}
