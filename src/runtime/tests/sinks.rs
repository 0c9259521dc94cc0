use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use connect_api::{
    config::{ConfigDef, ConfigValue, Props},
    error::{ConnectorError, ErrorClass, Result},
    record::{SinkRecord, TopicPartition},
    sink::{SinkConnector, SinkContext, SinkOffsets, SinkTask},
};
use tokio::sync::watch;

use super::harness::{Harness, PATIENCE};
use crate::runtime::{ConnectorPlugin, TaskEventKind, TaskTarget};

/// What a put does.
enum Turn {
    Fail(ConnectorError),
    Reject(&'static str),
    SeekTo(i64),
}

/// Everything that was asked of the sink, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Open(usize),
    Put(Vec<String>),
    PreCommit,
    FinishFiles,
    Close(usize),
    Stop,
}

/// Keeps what it is given, and does what it is told to.
#[derive(Clone, Default)]
struct Notebook {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    calls: watch::Sender<Vec<Call>>,
}

impl std::fmt::Debug for Notebook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notebook")
    }
}

impl Notebook {
    fn turn(self, turn: Turn) -> Self {
        self.turns.lock().unwrap().push_back(turn);
        self
    }

    fn plugin(&self) -> ConnectorPlugin {
        ConnectorPlugin::Sink(Arc::new(self.clone()))
    }

    fn note(&self, call: Call) {
        self.calls.send_modify(|calls| calls.push(call));
    }

    fn values(&self) -> Vec<String> {
        let calls = self.calls.borrow();
        let puts = calls.iter().filter_map(|call| match call {
            Call::Put(values) => Some(values.clone()),
            _ => None,
        });
        puts.flatten().collect()
    }

    async fn wait_for(&self, count: usize) -> Vec<String> {
        self.wait_until(|notebook| notebook.values().len() >= count).await;
        self.values()
    }

    async fn wait_until(&self, is_so: impl Fn(&Self) -> bool) {
        let mut calls = self.calls.subscribe();
        let wait = async {
            while !is_so(self) {
                calls.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the calls in time");
    }
}

struct NotebookTask {
    notebook: Notebook,
    context: SinkContext,
}

#[async_trait]
impl SinkConnector for Notebook {
    fn class(&self) -> &'static str {
        "test.Notebook"
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
    async fn start_task(&self, _props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        Ok(Box::new(NotebookTask { notebook: self.clone(), context }))
    }
}

#[async_trait]
impl SinkTask for NotebookTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.notebook.note(Call::Open(partitions.len()));
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let values = batch.iter().map(|record| record.value.value.as_str().unwrap().to_owned());
        self.notebook.note(Call::Put(values.collect()));
        if batch.is_empty() {
            return Ok(());
        }
        let turn = self.notebook.turns.lock().unwrap().pop_front();
        match turn {
            None => Ok(()),
            Some(Turn::Fail(error)) => Err(error),
            Some(Turn::SeekTo(offset)) => {
                self.context.seek(batch[0].origin.clone(), offset);
                Ok(())
            }
            Some(Turn::Reject(reason)) => {
                self.context.reject(&batch[0], ConnectorError::record(reason)).await
            }
        }
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        self.notebook.note(Call::PreCommit);
        Ok(consumed.clone())
    }

    async fn finish_files(&mut self) -> Result<()> {
        self.notebook.note(Call::FinishFiles);
        match self.notebook.turns.lock().unwrap().pop_front() {
            Some(Turn::Fail(error)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.notebook.note(Call::Close(partitions.len()));
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.notebook.note(Call::Stop);
        Ok(())
    }
}

fn values(range: std::ops::Range<i32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

const TOPIC: [(&str, &str); 1] = [("topics", "in")];

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_gets_every_record_and_stopping_commits() {
    let mut harness = Harness::start().await;
    harness.produce("in", values(0..500)).await;
    let notebook = Notebook::default();
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    assert_eq!(notebook.wait_for(500).await, values(0..500));
    assert!(task.stop(PATIENCE).await);
    assert_eq!(harness.event().await, TaskEventKind::Stopped);
    assert_eq!(harness.committed("in").await, Some(500));
    let calls = notebook.calls.borrow().clone();
    assert!(matches!(calls[..], [.., Call::PreCommit, Call::Close(1), Call::Stop]), "{calls:?}");
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_is_called_without_records_so_that_time_passes_for_it() {
    let harness = Harness::start().await;
    harness.produce("in", values(0..1)).await;
    let notebook = Notebook::default();
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    notebook.wait_for(1).await;
    let is_called_empty = |notebook: &Notebook| {
        notebook.calls.borrow().last().is_some_and(|call| *call == Call::Put(Vec::new()))
    };
    notebook.wait_until(is_called_empty).await;
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_could_not_be_taken_comes_again_before_anything_else() {
    let harness = Harness::start().await;
    harness.produce("in", values(0..5)).await;
    let notebook = Notebook::default()
        .turn(Turn::Fail(ConnectorError::retriable("away")))
        .turn(Turn::Fail(ConnectorError::retriable("still away")));
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    notebook.wait_for(5).await;
    assert_eq!(harness.committed("in").await.unwrap_or(0), 0, "nothing is safe yet");
    harness.produce("in", values(5..8)).await;
    notebook.wait_for(18).await;
    let calls = notebook.calls.borrow().clone();
    let puts: Vec<_> = calls
        .into_iter()
        .filter_map(|call| match call {
            Call::Put(values) if !values.is_empty() => Some(values),
            _ => None,
        })
        .collect();
    assert_eq!(puts[..3], [values(0..5), values(0..5), values(0..5)]);
    assert_eq!(puts[3..].concat(), values(5..8));
    harness.wait_for_commit("in", 8).await;
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_task_does_not_get_on_is_reported_until_it_does() {
    let mut harness = Harness::start().await;
    harness.produce("in", values(0..2)).await;
    let away = || Turn::Fail(ConnectorError::retriable("away"));
    let notebook = Notebook::default().turn(away()).turn(away());
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    let TaskEventKind::Held { trace } = harness.event().await else { panic!("nothing is told") };
    assert!(
        trace.starts_with("org.apache.kafka.connect.errors.RetriableException: away\n"),
        "{trace}"
    );
    // The second failure is no news.
    assert_eq!(harness.event().await, TaskEventKind::Running);
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_failure_ends_the_task_with_its_cause_and_commits_only_what_was_taken() {
    let mut harness = Harness::start().await;
    harness.produce("in", values(0..3)).await;
    let notebook = Notebook::default().turn(Turn::Fail(ConnectorError::record("bad record")));
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    assert_eq!(
        harness.trace().await,
        "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to \
         unrecoverable exception.\n\tat millrace.runtime(native)\n\
         Caused by: org.apache.kafka.connect.errors.DataException: bad record\n"
    );
    assert_eq!(notebook.calls.borrow().last(), Some(&Call::Stop));
    assert_eq!(harness.committed("in").await.unwrap_or(0), 0);
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_reads_again_from_where_it_asks() {
    let harness = Harness::start().await;
    harness.produce("in", values(0..5)).await;
    let notebook = Notebook::default().turn(Turn::SeekTo(2));
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    let brought = notebook.wait_for(8).await;
    assert_eq!(brought, [values(0..5), values(2..5)].concat());
    assert!(task.stop(PATIENCE).await);
    assert_eq!(harness.committed("in").await, Some(5));
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_sink_gets_no_records_and_keeps_what_it_has_committed() {
    let mut harness = Harness::start().await;
    harness.produce("in", values(0..3)).await;
    let notebook = Notebook::default();
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    notebook.wait_for(3).await;
    task.set_target(TaskTarget::Paused);
    assert_eq!(harness.event().await, TaskEventKind::Paused);
    harness.wait_for_commit("in", 3).await;
    harness.produce("in", values(3..6)).await;
    let count = notebook.calls.borrow().len();
    notebook.wait_until(|notebook| notebook.calls.borrow().len() > count).await;
    assert_eq!(notebook.values(), values(0..3));
    task.set_target(TaskTarget::Started);
    assert_eq!(notebook.wait_for(6).await, values(0..6));
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_asked_to_ends_its_files_and_commits_at_once() {
    let mut harness = Harness::start().await;
    harness.produce("in", values(0..3)).await;
    let notebook = Notebook::default();
    let task = harness.start_task(notebook.plugin(), &TOPIC);
    assert_eq!(harness.event().await, TaskEventKind::Running);
    notebook.wait_for(3).await;
    task.flush().unwrap().await.unwrap().unwrap();
    harness.wait_for_commit("in", 3).await;
    let is_next = |calls: &[Call]| matches!(calls, [Call::FinishFiles, Call::PreCommit]);
    assert!(notebook.calls.borrow().windows(2).any(is_next));
    let away = ConnectorError::new(ErrorClass::Retriable, "the bucket is away");
    notebook.turns.lock().unwrap().push_back(Turn::Fail(away));
    let told = task.flush().unwrap().await.unwrap().unwrap_err();
    assert_eq!(told.to_string(), "the bucket is away");
    harness.produce("in", values(3..4)).await;
    assert_eq!(notebook.wait_for(4).await, values(0..4), "the task goes on");
    notebook.turns.lock().unwrap().push_back(Turn::Fail(ConnectorError::internal("no")));
    assert!(task.flush().unwrap().await.is_err(), "the task has failed");
    assert!(harness.trace().await.contains("no"));
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_never_started_has_nothing_to_end() {
    let mut harness = Harness::start().await;
    let notebook = Notebook::default();
    let task = harness.start_as(notebook.plugin(), &TOPIC, TaskTarget::Paused);
    assert_eq!(harness.event().await, TaskEventKind::Paused);
    task.flush().unwrap().await.unwrap().unwrap();
    assert_eq!(*notebook.calls.borrow(), []);
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_move_are_committed_and_closed_first() {
    let harness = Harness::start().await;
    let admin = crate::broker::Broker::admin(&*harness.broker, &Default::default()).await.unwrap();
    let topic = crate::broker::NewTopic {
        name: "in".to_owned(),
        partitions: Some(2),
        replication_factor: None,
        settings: Default::default(),
    };
    admin.create_topic(&topic).await.unwrap();
    harness.produce("in", values(0..4)).await;
    let (first, second) = (Notebook::default(), Notebook::default());
    let one = harness.start_task(first.plugin(), &TOPIC);
    first.wait_for(4).await;
    let other = harness.start_task(second.plugin(), &TOPIC);
    second.wait_until(|notebook| notebook.calls.borrow().contains(&Call::Open(1))).await;
    let calls = first.calls.borrow().clone();
    let closed = calls.iter().position(|call| matches!(call, Call::Close(_))).unwrap();
    assert_eq!(calls[closed - 1], Call::PreCommit, "{calls:?}");
    assert!(one.stop(PATIENCE).await);
    harness.produce("in", values(4..6)).await;
    second.wait_for(2).await;
    assert!(other.stop(PATIENCE).await);
    let brought = [first.values(), second.values()].concat();
    assert_eq!(brought, values(0..6), "every record once");
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_reach_the_dead_letter_queue_with_their_context() {
    let harness = Harness::start().await;
    harness.produce("in", values(0..1)).await;
    let config = [
        ("topics", "in"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ];
    let notebook = Notebook::default().turn(Turn::Reject("not wanted"));
    let task = harness.start_task(notebook.plugin(), &config);
    harness.wait_for_commit("in", 1).await;
    let settings = crate::broker::ReaderSettings {
        client: Default::default(),
        topic: "dead".to_owned(),
        from: crate::broker::ReadFrom::Beginning,
        is_read_committed: true,
    };
    let mut reader = crate::broker::Broker::reader(&*harness.broker, &settings).await.unwrap();
    let parts = reader.read_to_end().await.unwrap();
    let letter = &parts[0].records[0];
    let text =
        |bytes: &Option<bytes::Bytes>| String::from_utf8(bytes.as_ref().unwrap().to_vec()).unwrap();
    assert_eq!(text(&letter.value), "0");
    let headers: Vec<_> =
        letter.headers.iter().map(|(name, bytes)| (name.to_string(), text(bytes))).collect();
    let expected = [
        ("h", "x"),
        ("__connect.errors.topic", "in"),
        ("__connect.errors.partition", "0"),
        ("__connect.errors.offset", "0"),
        ("__connect.errors.connector.name", "conn"),
        ("__connect.errors.task.id", "0"),
        ("__connect.errors.stage", "TASK_PUT"),
        ("__connect.errors.class.name", "org.apache.kafka.connect.sink.SinkTask"),
        ("__connect.errors.exception.class.name", "org.apache.kafka.connect.errors.DataException"),
        ("__connect.errors.exception.message", "not wanted"),
        (
            "__connect.errors.exception.stacktrace",
            "org.apache.kafka.connect.errors.DataException: not wanted\n\
             \tat millrace.runtime(native)\n",
        ),
    ];
    assert_eq!(headers, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert!(task.stop(PATIENCE).await);
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_convert_fails_the_task_unless_it_is_tolerated() {
    let mut harness = Harness::start().await;
    harness.produce("in", ["{}", "no json", "[1]"].map(str::to_owned)).await;
    let mut config = vec![
        ("topics", "in"),
        ("value.converter", "JsonConverter"),
        ("value.converter.schemas.enable", "false"),
        ("transforms", "only"),
        ("transforms.only.type", "Filter"),
    ];
    let strict = harness.start_task(Notebook::default().plugin(), &config);
    let trace = harness.trace().await;
    assert!(
        trace.starts_with(
            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error \
             handler\n\tat millrace.runtime(native)\nCaused by: org.apache.kafka.connect.errors.DataException: Converting byte[] \
             to Kafka Connect data failed due to serialization error: \nCaused by: "
        ),
        "{trace}"
    );
    assert!(strict.stop(PATIENCE).await);
    config.push(("errors.tolerance", "all"));
    let lenient = harness.start_task(Notebook::default().plugin(), &config);
    harness.wait_for_commit("in", 3).await;
    assert!(lenient.stop(PATIENCE).await);
    harness.end().await;
}

/// First line of a trace: Kafka Connect's class and text.
const NO_RECORDS: &str = "org.apache.kafka.common.config.ConfigException: Invalid value 0 for \
                          configuration max.poll.records: Value must be at least 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_cannot_be_made_fails_the_task_even_while_it_is_paused() {
    let mut harness = Harness::start().await;
    let config = [("topics", "in"), ("consumer.override.max.poll.records", "0")];
    for target in [TaskTarget::Started, TaskTarget::Paused] {
        let notebook = Notebook::default();
        let _task = harness.start_as(notebook.plugin(), &config, target);
        let TaskEventKind::Failed { trace, .. } = harness.event().await else {
            panic!("it is the first that is heard");
        };
        assert_eq!(trace.lines().next(), Some(NO_RECORDS), "{target:?}");
        assert_eq!(*notebook.calls.borrow(), []);
    }
    harness.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_dead_letter_queue_are_made_when_the_task_starts() {
    let mut harness = Harness::start().await;
    for (key, value) in [("producer.override.acks", "some"), ("admin.override.retries", "-1")] {
        let config = [
            ("topics", "in"),
            ("errors.deadletterqueue.topic.name", "dead"),
            ("errors.deadletterqueue.topic.replication.factor", "1"),
            (key, value),
        ];
        let task = harness.start_as(Notebook::default().plugin(), &config, TaskTarget::Paused);
        assert_eq!(harness.event().await, TaskEventKind::Paused);
        task.set_target(TaskTarget::Started);
        let expected = format!(
            "org.apache.kafka.common.config.ConfigException: Invalid value {value} for \
             configuration "
        );
        assert!(harness.trace().await.starts_with(&expected));
    }
    harness.end().await;
}
