//! The engine against a geocoder in memory, in time that does not pass by itself.

mod crash;
mod memory;
mod order;
mod outcome;
mod waits;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use connect_api::{
    budget::MemoryBudget,
    config::{Config as _, Props},
    record::{SchemaAndValue, TimestampType},
    topics::TopicRecord,
    value::{Map, Value},
};
use connect_testkit::{
    CollectingReporter, ManualClock, MemoryTopics,
    geocoder::{Geocoder, Mischief, Reply},
    sink_context,
};
use reqwest::Url;

use super::*;
use crate::{config::confluent::ConfluentConfig, request::Request};

fn partition() -> TopicPartition {
    TopicPartition::new("points", 0)
}

fn row(offset: i64, key: &str) -> SinkRecord {
    let field = |name: &str, value: i64| (name.into(), Value::Int64(value));
    let id = ("id".into(), key.into());
    let value = Map::new(vec![field("x", offset), field("y", offset * 2), id]);
    SinkRecord {
        topic: "points".into(),
        origin: partition(),
        offset,
        timestamp_ms: Some(offset),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::schemaless(key.into()),
        value: SchemaAndValue::schemaless(Value::Map(value)),
        headers: Vec::new(),
    }
}

fn rows(count: i64) -> Vec<SinkRecord> {
    (0..count).map(|offset| row(offset, &offset.to_string())).collect()
}

/// The way to a geocoder, which sees what was recorded when a request passes.
#[derive(Debug)]
struct Wire {
    geocoder: Arc<Geocoder>,
    written: Arc<MemoryTopics>,
    timeout: Duration,
    /// Requests that were sent after their success was recorded.
    repeated: AtomicUsize,
    /// Requests on their way now, and the most there were.
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    bodies: Mutex<Vec<(String, String)>>,
    /// What is answered in place of the geocoder.
    answers: Mutex<VecDeque<Answer>>,
}

impl Wire {
    /// Answers so many requests with this status and this `Retry-After`.
    fn put_off(&self, status: u16, seconds: u64, count: usize) {
        let retry_after = Some(Duration::from_secs(seconds));
        let answer = Answer { status, retry_after, body: Bytes::new() };
        self.answers.lock().unwrap().extend(std::iter::repeat_n(answer, count));
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let url = Url::parse(&request.url).unwrap();
        let query = url.query().unwrap_or_default();
        let id = url.query_pairs().find(|(name, _)| name == "id").map(|(_, id)| id.into_owned());
        let id = id.unwrap_or_default();
        if self.written.has_key(id.as_bytes()) {
            self.repeated.fetch_add(1, Ordering::SeqCst);
        }
        let body = String::from_utf8(request.body.clone().unwrap_or_default().to_vec()).unwrap();
        self.bodies.lock().unwrap().push((format!("{} {}", request.method, request.url), body));
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        let _leaving = Leaving(&self.at_once);
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        if let Some(answer) = self.answers.lock().unwrap().pop_front() {
            return Ok(answer);
        }
        match tokio::time::timeout(self.timeout, self.geocoder.answer(query, 0)).await {
            Ok(Reply::Answer { status, retry_after, body }) => Ok(Answer {
                status,
                retry_after: retry_after.map(Duration::from_secs),
                body: body.into(),
            }),
            Ok(Reply::BreakOff) => Err(Failure::away("It broke off".to_owned())),
            Err(_elapsed) => Err(Failure::away("It did not answer in time".to_owned())),
        }
    }
}

struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A service, a configuration, and a group that outlives its tasks.
struct Rig {
    wire: Arc<Wire>,
    written: Arc<MemoryTopics>,
    props: Props,
    reporter: Option<Arc<CollectingReporter>>,
    committed: Mutex<SinkOffsets>,
    /// Bytes that its tasks may hold.
    budget: Option<MemoryBudget>,
}

impl Rig {
    fn new(mischief: Mischief, keys: &[(&str, &str)]) -> Self {
        let written = Arc::new(MemoryTopics::default());
        let wire = Wire {
            geocoder: Geocoder::new(7, mischief),
            written: Arc::clone(&written),
            timeout: Duration::from_secs(1),
            repeated: AtomicUsize::default(),
            at_once: AtomicUsize::default(),
            most_at_once: AtomicUsize::default(),
            bodies: Mutex::default(),
            answers: Mutex::default(),
        };
        let mut props = Props::from([
            ("http.api.url", "http://geo/find?x=${x}&y=${y}&id=${id}"),
            ("request.method", "GET"),
            ("retry.backoff.ms", "50"),
            ("reporter.result.topic.name", "found"),
            ("reporter.error.topic.name", "failed"),
        ]);
        for (key, value) in keys {
            props.insert(*key, *value);
        }
        let (wire, committed) = (Arc::new(wire), Mutex::default());
        Self { wire, written, props, reporter: None, committed, budget: None }
    }

    fn geocoder(&self) -> &Geocoder {
        &self.wire.geocoder
    }

    async fn task(&self) -> (HttpTask, SinkContext) {
        let mut context = sink_context(&ManualClock::at(0));
        let topics: Arc<dyn TopicWriter> = Arc::<MemoryTopics>::clone(&self.written);
        context.topics = Some(topics);
        if let Some(budget) = &self.budget {
            context.budget = budget.clone();
        }
        context.reporter = self.reporter.clone().map(|reporter| reporter as _);
        let settings = Arc::new(ConfluentConfig::parse(&self.props).unwrap().settings());
        let transport: Arc<dyn Transport> = Arc::<Wire>::clone(&self.wire);
        let mut task = HttpTask::start(settings, context.clone(), transport).await.unwrap();
        task.open(&[partition()]).await.unwrap();
        (task, context)
    }

    fn position(&self) -> i64 {
        let mut committed = self.committed.lock().unwrap();
        committed.extend(self.written.take_committed());
        committed.get(&partition()).copied().unwrap_or(0)
    }

    /// Works as the worker does until everything is committed, from what is committed.
    async fn work(&self, rows: &[SinkRecord]) -> Result<()> {
        let (mut task, context) = self.task().await;
        let (end, mut next) = (rows.len(), usize::try_from(self.position()).unwrap());
        let mut paused = false;
        loop {
            let requests = context.requests.take();
            paused = requests.pauses.get(&partition()).copied().unwrap_or(paused);
            let until = if paused { next } else { end.min(next + 500) };
            task.put(&rows[next..until]).await?;
            next = until;
            let consumed = SinkOffsets::from([(partition(), i64::try_from(next).unwrap())]);
            let safe = task.pre_commit(&consumed).await?;
            self.committed.lock().unwrap().extend(safe);
            if usize::try_from(self.position()).unwrap() == end {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Records of a topic that was written.
    fn of(&self, topic: &str) -> Vec<TopicRecord> {
        self.written.records().into_iter().filter(|record| &*record.topic == topic).collect()
    }

    fn found(&self) -> Vec<String> {
        self.of("found").iter().map(|record| text(record.key.as_ref())).collect()
    }

    fn repeated(&self) -> usize {
        self.wire.repeated.load(Ordering::SeqCst)
    }
}

fn text(bytes: Option<&Bytes>) -> String {
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|id| id.to_string()).collect()
}

/// Everything was found once, in any order.
fn assert_complete(rig: &Rig, count: usize) {
    let found: BTreeSet<_> = rig.found().into_iter().collect();
    assert_eq!(found, ids(count).into_iter().collect());
    assert_eq!(rig.found().len(), count, "something was recorded twice");
    assert_eq!(rig.repeated(), 0, "something was sent after its success was recorded");
}
