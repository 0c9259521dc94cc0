//! The two workers, and what they are asked.

use std::{fs, path::Path, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer},
};
use tokio::time::{Instant, sleep};

use super::{
    difference::{self, Difference},
    draw::connector_path,
    step::{FOLDER, SIDE, Step},
};
use crate::{
    rest::wire::{self, Reply},
    services::kafka::KafkaNode,
};

/// Longest time until both show what they reach in their own time.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest time for a group of one worker to sort itself out.
const REBALANCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(10);
/// Lines of the file that sources read, and records of the topic that sinks read.
const LINES: [&str; 3] = ["one\n", "two\n", "three\n"];

/// Names of the two workers in all that is theirs: as long as each other, and in the same place in
/// every order.
const SIDES: [&str; 2] = ["walkj", "walkm"];

/// What the JVM's worker is told.
pub(super) const JVM_PROPERTIES: [&str; 8] = [
    "group.id=walkj",
    "config.storage.topic=walkj-configs",
    "offset.storage.topic=walkj-offsets",
    "offset.storage.partitions=1",
    "status.storage.topic=walkj-status",
    "key.converter=org.apache.kafka.connect.storage.StringConverter",
    "value.converter=org.apache.kafka.connect.storage.StringConverter",
    "offset.flush.interval.ms=100",
];
/// What ours is told.
pub(super) const OURS: [(&str, &str); 5] = [
    ("group.id", "walkm"),
    ("config.storage.topic", "walkm-configs"),
    ("offset.storage.topic", "walkm-offsets"),
    ("status.storage.topic", "walkm-status"),
    ("offset.flush.interval.ms", "100"),
];

/// The JVM's worker and ours.
pub(super) struct Pair {
    ports: [u16; 2],
    folder: String,
}

impl Pair {
    pub(super) fn new(ports: [u16; 2], folder: &Path) -> Self {
        Self { ports, folder: folder.display().to_string() }
    }

    /// Writes what connectors read.
    pub(super) async fn lay_out(&self, kafka: &KafkaNode) {
        let admin: AdminClient<DefaultClientContext> = kafka.client_config().create().unwrap();
        let producer: BaseProducer = kafka.client_config().create().unwrap();
        for side in SIDES {
            let folder = Path::new(&self.folder).join(side);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("in.txt"), LINES.concat()).unwrap();
            let names = ["in", "out", "empty", "dead"].map(|name| format!("{side}-{name}"));
            let topics =
                names.iter().map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1)));
            let topics: Vec<_> = topics.collect();
            for made in admin.create_topics(&topics, &AdminOptions::new()).await.unwrap() {
                made.unwrap();
            }
            for line in LINES {
                let record = BaseRecord::<str, str>::to(&names[0]).payload(line.trim_end());
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
        }
        producer.flush(REBALANCE).unwrap();
    }

    /// Bytes of the file that sources read.
    pub(super) fn input_length() -> usize {
        LINES.concat().len()
    }

    /// Records of the topic that sinks read.
    pub(super) fn input_records() -> usize {
        LINES.len()
    }

    /// Sends a step to both and compares the answers. What shows a state that is reached in time is
    /// asked for until it is.
    pub(super) async fn compare(&self, step: &Step) -> ([Reply; 2], Vec<Difference>) {
        let until = Instant::now() + PATIENCE;
        loop {
            let replies = self.send(step).await;
            let [theirs, ours] = &replies;
            let differences = difference::between(theirs, ours);
            let is_final =
                differences.iter().all(|found| super::rules::name_of(step, found).is_some());
            if is_final || !step.is_snapshot() || Instant::now() > until {
                return (replies, differences);
            }
            sleep(PAUSE).await;
        }
    }

    /// Sends a step to both; the answers speak of [`SIDE`] and [`FOLDER`] as the step does.
    pub(super) async fn send(&self, step: &Step) -> [Reply; 2] {
        let [theirs, ours] = [0, 1].map(|worker| self.ask(worker, step));
        let (theirs, ours) = tokio::join!(theirs, ours);
        [theirs, ours]
    }

    async fn ask(&self, worker: usize, step: &Step) -> Reply {
        let until = Instant::now() + REBALANCE;
        loop {
            let reply = self.ask_once(worker, step).await;
            // The request was not looked at: the worker is busy with its group.
            let is_momentary =
                reply.status == 409 && reply.text.contains("request momentarily due");
            if !is_momentary || Instant::now() > until {
                return reply;
            }
            sleep(PAUSE).await;
        }
    }

    async fn ask_once(&self, worker: usize, step: &Step) -> Reply {
        let side = SIDES[worker];
        let own = |text: &str| text.replace(SIDE, side).replace(FOLDER, &self.folder);
        let headers: Vec<_> = step.headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let request = wire::request(step.method, &own(&step.path), &headers, &own(&step.body));
        let mut reply = wire::exchange(self.ports[worker], &request, step.method == "HEAD").await;
        let shown = |text: &str| text.replace(side, SIDE).replace(&self.folder, FOLDER);
        reply.text = shown(&reply.text);
        reply.json = serde_json::from_str(&reply.text).ok();
        for (_, value) in &mut reply.headers {
            *value = shown(value);
        }
        reply
    }

    /// Takes away on both sides what only one has done.
    pub(super) async fn part_with(&self, step: &Step) {
        if let Some(name) = &step.subject {
            self.send(&Step::of("DELETE", connector_path(name, ""))).await;
        }
    }
}
