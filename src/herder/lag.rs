//! How far a sink is behind its topics, in records and in seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use connect_api::{config::Props, record::TopicPartition, sink::SinkOffsets};
use futures::{StreamExt as _, stream};
use serde::Serialize;
use tokio::time::timeout;

use super::{offsets::group_of, replies::Moment, settings::HerderParts};
use crate::{
    broker::{Admin, BrokerError, ClientSettings, ReadFrom, ReaderSettings, Watermarks},
    letters::Queue,
};

/// Time that reading the first waiting record of a topic may take. What is behind by nothing but
/// transaction markers has none, and is waited for in vain.
const FIRST_RECORD: Duration = Duration::from_secs(1);

/// Topics that are read at once for their first waiting records.
const READERS: usize = 4;

/// Groups that are asked at once for what they have committed.
const GROUPS: usize = 16;

/// How far one sink is behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectorLag {
    /// Name of the connector.
    pub name: String,
    /// Its consumer group.
    pub group_id: String,
    /// Records that wait in all its partitions.
    pub lag_records: i64,
    /// Age of the oldest of them, in seconds; none where no record waits or its time is not known.
    pub lag_seconds: Option<f64>,
    /// Each of its partitions.
    pub partitions: Vec<PartitionLag>,
}

/// How far a sink is behind in one partition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartitionLag {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset that the group has committed; none where it has not yet.
    pub committed_offset: Option<i64>,
    /// Offset that the next record will get.
    pub end_offset: i64,
    /// Records between the two.
    pub lag_records: i64,
    /// Age of the first of them, in seconds.
    pub lag_seconds: Option<f64>,
    /// Time of the first of them.
    pub oldest_record_at: Option<Moment>,
}

/// A sink to be looked at.
#[derive(Clone, Debug)]
pub(super) struct SinkOf {
    pub(super) name: Arc<str>,
    pub(super) config: Arc<Props>,
}

/// A sink, what its group has committed, and where the rest of its topics begins.
struct Standing {
    name: Arc<str>,
    group_id: String,
    committed: SinkOffsets,
    partitions: BTreeSet<TopicPartition>,
}

/// First waiting records, by where they wait.
type Firsts = BTreeMap<(TopicPartition, i64), i64>;

/// How far these sinks are behind.
///
/// # Errors
/// When the broker does not answer in time.
pub(super) async fn of_sinks(
    parts: &HerderParts,
    sinks: Vec<SinkOf>,
) -> Result<Vec<ConnectorLag>, BrokerError> {
    let admin = parts.broker.admin(&client()).await?;
    let topics = topics_of(&*admin, &sinks).await?;
    let standings = stream::iter(sinks)
        .map(|sink| standing(&*admin, sink, &topics))
        .buffered(GROUPS)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let asked: BTreeSet<_> =
        standings.iter().flat_map(|sink| sink.partitions.iter().cloned()).collect();
    let ends = admin.watermarks(&asked.into_iter().collect::<Vec<_>>()).await?;
    let waiting = standings.iter().flat_map(|sink| sink.waiting(&ends)).collect();
    let firsts = first_records(parts, waiting).await;
    let now_ms = parts.clock.now_ms();
    Ok(standings.into_iter().map(|sink| sink.lag(&ends, &firsts, now_ms)).collect())
}

fn client() -> ClientSettings {
    ClientSettings { client_id: "connect-lag".to_owned(), ..ClientSettings::default() }
}

/// Partitions of the topics that a sink's configuration names.
///
/// # Errors
/// When the broker does not answer.
pub(super) async fn partitions(
    admin: &dyn Admin,
    config: &Props,
) -> Result<Vec<TopicPartition>, BrokerError> {
    let sink = SinkOf { name: Arc::default(), config: Arc::new(config.clone()) };
    let topics = topics_of(admin, std::slice::from_ref(&sink)).await?;
    Ok(read_of(config, None, &topics).into_iter().collect())
}

/// Topic of the letters that come back to a sink from its dead letter queue.
fn redrive_topic(sink: &SinkOf) -> Option<String> {
    let queue = Queue::of(&sink.name, &sink.config, &Props::new()).ok()??;
    Some(queue.redrive_topic())
}

/// Partitions of every topic that a sink reads.
async fn topics_of(
    admin: &dyn Admin,
    sinks: &[SinkOf],
) -> Result<BTreeMap<String, i32>, BrokerError> {
    let has_pattern = sinks.iter().any(|sink| pattern(&sink.config).is_some());
    let names = if has_pattern {
        admin.list_topics().await?
    } else {
        // Brokers refuse a name that is asked for twice.
        let named = sinks.iter().flat_map(|sink| named_topics(&sink.config)).map(str::to_owned);
        let names: BTreeSet<_> = named.chain(sinks.iter().filter_map(redrive_topic)).collect();
        names.into_iter().collect()
    };
    let described = admin.describe_topics(&names).await?;
    Ok(described.into_iter().map(|(name, topic)| (name, topic.partitions)).collect())
}

fn named_topics(config: &Props) -> impl Iterator<Item = &str> {
    let topics = config.get("topics").unwrap_or_default();
    topics.split(',').map(str::trim).filter(|topic| !topic.is_empty())
}

fn pattern(config: &Props) -> Option<regex::Regex> {
    let pattern = config.get("topics.regex").filter(|pattern| !pattern.trim().is_empty())?;
    regex::Regex::new(&format!("^(?:{})$", pattern.trim())).ok()
}

async fn standing(
    admin: &dyn Admin,
    sink: SinkOf,
    topics: &BTreeMap<String, i32>,
) -> Result<Standing, BrokerError> {
    let group_id = group_of(&sink.name, &sink.config);
    let committed = admin.committed_offsets(&group_id).await?;
    let redriven = redrive_topic(&sink);
    let partitions = read_of(&sink.config, redriven.as_deref(), topics);
    Ok(Standing { name: sink.name, group_id, committed, partitions })
}

/// Those partitions of the topics that a sink reads, that of its letters included.
fn read_of(
    config: &Props,
    redriven: Option<&str>,
    topics: &BTreeMap<String, i32>,
) -> BTreeSet<TopicPartition> {
    let pattern = pattern(config);
    let is_read = |name: &str| match &pattern {
        _ if redriven == Some(name) => true,
        Some(pattern) => pattern.is_match(name),
        None => named_topics(config).any(|topic| topic == name),
    };
    let read = topics.iter().filter(|(name, _)| is_read(name));
    let partitions = read.flat_map(|(name, count)| {
        let topic: Arc<str> = name.as_str().into();
        (0..*count).map(move |partition| TopicPartition { topic: Arc::clone(&topic), partition })
    });
    partitions.collect()
}

impl Standing {
    /// Where the first waiting record of a partition is: behind what is committed, or where the
    /// partition begins.
    fn position(&self, partition: &TopicPartition, ends: Watermarks) -> i64 {
        self.committed.get(partition).copied().unwrap_or(ends.low).max(ends.low)
    }

    fn waiting(
        &self,
        ends: &BTreeMap<TopicPartition, Watermarks>,
    ) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.partitions.iter().filter_map(|partition| {
            let ends = *ends.get(partition)?;
            let position = self.position(partition, ends);
            (position < ends.high).then(|| (partition.clone(), position))
        })
    }

    fn lag(
        self,
        ends: &BTreeMap<TopicPartition, Watermarks>,
        firsts: &Firsts,
        now_ms: i64,
    ) -> ConnectorLag {
        let lag = |partition: &TopicPartition| {
            let ends = *ends.get(partition)?;
            let position = self.position(partition, ends);
            let oldest = firsts.get(&(partition.clone(), position)).copied();
            Some(PartitionLag {
                topic: partition.topic.as_ref().to_owned(),
                partition: partition.partition,
                committed_offset: self.committed.get(partition).copied(),
                end_offset: ends.high,
                lag_records: (ends.high - position).max(0),
                lag_seconds: oldest.map(|oldest| seconds(now_ms - oldest)),
                oldest_record_at: oldest.map(Moment),
            })
        };
        let partitions: Vec<_> = self.partitions.iter().filter_map(lag).collect();
        ConnectorLag {
            name: self.name.as_ref().to_owned(),
            group_id: self.group_id,
            lag_records: partitions.iter().map(|partition| partition.lag_records).sum(),
            lag_seconds: partitions
                .iter()
                .filter_map(|partition| partition.lag_seconds)
                .reduce(f64::max),
            partitions,
        }
    }
}

/// Seconds of a span that a clock set back may have made negative.
fn seconds(span_ms: i64) -> f64 {
    Duration::from_millis(u64::try_from(span_ms).unwrap_or(0)).as_secs_f64()
}

/// Times of the first waiting records, as far as they can be had soon.
async fn first_records(
    parts: &HerderParts,
    mut waiting: BTreeSet<(TopicPartition, i64)>,
) -> Firsts {
    let mut rounds = Vec::new();
    // Sinks that wait at different places of one partition are asked about one after the other.
    while !waiting.is_empty() {
        let mut round: BTreeMap<Arc<str>, BTreeMap<i32, i64>> = BTreeMap::new();
        waiting.retain(|(at, offset)| {
            let topic = round.entry(Arc::clone(&at.topic)).or_default();
            let is_taken = topic.contains_key(&at.partition);
            if !is_taken {
                topic.insert(at.partition, *offset);
            }
            is_taken
        });
        rounds.extend(round);
    }
    let found = stream::iter(rounds)
        .map(|(topic, from)| first_of_topic(parts, topic, from))
        .buffer_unordered(READERS)
        .collect::<Vec<_>>()
        .await;
    found.into_iter().flatten().collect()
}

async fn first_of_topic(
    parts: &HerderParts,
    topic: Arc<str>,
    from: BTreeMap<i32, i64>,
) -> Vec<((TopicPartition, i64), i64)> {
    let mut found = BTreeMap::new();
    let reading = async {
        let settings = ReaderSettings {
            client: client(),
            topic: topic.as_ref().to_owned(),
            from: ReadFrom::Offsets(from.clone()),
            is_read_committed: false,
        };
        let mut reader = parts.broker.reader(&settings).await?;
        while found.len() < from.len() {
            for part in reader.next().await? {
                let time = part.records.first().and_then(|record| record.timestamp_ms);
                found.entry(part.partition.partition).or_insert(time);
            }
        }
        Ok::<_, BrokerError>(())
    };
    // What could not be had in time, or at all, is not known.
    let _incomplete = timeout(FIRST_RECORD, reading).await;
    let place = |(partition, offset)| {
        let time = found.get(&partition).copied().flatten()?;
        Some(((TopicPartition { topic: Arc::clone(&topic), partition }, offset), time))
    };
    from.into_iter().filter_map(place).collect()
}
