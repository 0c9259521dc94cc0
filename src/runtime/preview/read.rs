//! Real records, read aside.

use std::{collections::BTreeMap, sync::Arc};

use connect_api::{
    budget::MemoryBudget,
    error::Result,
    record::{SourceRecord, TopicPartition},
    source::{SourceConnector, SourceContext},
};
use tokio::time::{Instant, timeout_at};

use super::{PATIENCE, PreviewSpec};
use crate::{
    broker::{
        BrokerError, ClientKind, ClientSettings, ConsumerRecord, ReadFrom, ReaderSettings,
        Watermarks,
    },
    runtime::{RuntimeSettings, source_task::CommittedOffsets},
};

/// Bytes that the tasks of a source may hold meanwhile.
const BUDGET_BYTES: usize = 32 << 20;

/// A record with where it was read.
pub(super) type Read = (TopicPartition, ConsumerRecord);

/// Reads what a preview speaks of.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a RuntimeSettings,
    pub(super) spec: &'a PreviewSpec,
}

impl Reader<'_> {
    fn client(&self, kind: ClientKind) -> ClientSettings {
        let layers = (&self.settings.worker, &self.spec.config);
        ClientSettings::of_connector("connect-preview".to_owned(), kind, layers)
    }

    /// Records of the topics of a sink: as many from each partition, in their order.
    pub(super) async fn of_topics(&self) -> Result<Vec<Read>, BrokerError> {
        let PreviewSpec { partitions, request, .. } = self.spec;
        let admin = self.settings.broker.admin(&self.client(ClientKind::Admin)).await?;
        let ends = admin.watermarks(partitions).await?;
        let filled: BTreeMap<_, _> =
            ends.into_iter().filter(|(_, ends)| ends.low < ends.high).collect();
        let share = request.records.div_ceil(filled.len().max(1));
        let mut topics: BTreeMap<Arc<str>, BTreeMap<i32, Span>> = BTreeMap::new();
        for (partition, ends) in filled {
            let span = Span::of(ends, share, request.is_from_beginning);
            topics.entry(partition.topic).or_default().insert(partition.partition, span);
        }
        let until = Instant::now() + PATIENCE;
        let mut read = Vec::new();
        for (topic, spans) in topics {
            if read.len() >= request.records {
                break;
            }
            let reading = self.of_topic(&topic, spans, &mut read);
            match timeout_at(until, reading).await {
                Ok(done) => done?,
                // What came in time is shown.
                Err(_late) => break,
            }
        }
        read.sort_by(|(left, a), (right, b)| (left, a.offset).cmp(&(right, b.offset)));
        read.truncate(request.records);
        Ok(read)
    }

    async fn of_topic(
        &self,
        topic: &Arc<str>,
        mut spans: BTreeMap<i32, Span>,
        read: &mut Vec<Read>,
    ) -> Result<(), BrokerError> {
        let settings = ReaderSettings {
            client: self.client(ClientKind::Consumer),
            topic: topic.as_ref().to_owned(),
            from: ReadFrom::Offsets(spans.iter().map(|(at, span)| (*at, span.start)).collect()),
            is_read_committed: false,
        };
        let mut reader = self.settings.broker.reader(&settings).await?;
        while !spans.is_empty() {
            for part in reader.next().await? {
                let Some(span) = spans.get_mut(&part.partition.partition) else { continue };
                let taken = part.records.into_iter().take(span.missing);
                let before = read.len();
                read.extend(taken.map(|record| (part.partition.clone(), record)));
                span.missing -= read.len() - before;
                if span.missing == 0 || part.next_offset >= span.end {
                    spans.remove(&part.partition.partition);
                }
            }
        }
        Ok(())
    }

    /// Records that a source would bring next.
    pub(super) async fn polled(&self, source: &dyn SourceConnector) -> Result<Vec<SourceRecord>> {
        let (PreviewSpec { connector, config, request, .. }, settings) = (self.spec, self.settings);
        let most = config.get("tasks.max").and_then(|count| count.trim().parse().ok());
        let until = Instant::now() + PATIENCE;
        let mut records = Vec::new();
        for (task, config) in (0_u32..).zip(source.task_configs(config, most.unwrap_or(1))?) {
            let offsets = CommittedOffsets {
                store: Arc::clone(&settings.offsets),
                connector: Arc::clone(connector),
            };
            let context = SourceContext {
                connector: Arc::clone(connector),
                task,
                offsets: Arc::new(offsets),
                clock: Arc::clone(&settings.clock),
                budget: MemoryBudget::new(BUDGET_BYTES),
            };
            let Ok(started) = timeout_at(until, source.start_task(&config, context)).await else {
                break;
            };
            let mut started = started?;
            let polled = async {
                while records.len() < request.records {
                    records.append(&mut started.poll().await?.records);
                }
                Ok(())
            };
            // What came in time is shown.
            let polled = timeout_at(until, polled).await.unwrap_or(Ok(()));
            let stopped = started.stop().await;
            polled.and(stopped)?;
            if records.len() >= request.records {
                break;
            }
        }
        records.truncate(request.records);
        Ok(records)
    }
}

/// What is read of a partition.
struct Span {
    start: i64,
    /// Offset behind the last record.
    end: i64,
    /// Records that are still wanted.
    missing: usize,
}

impl Span {
    fn of(ends: Watermarks, share: usize, is_from_beginning: bool) -> Self {
        let Watermarks { low, high } = ends;
        let back = i64::try_from(share).unwrap_or(i64::MAX);
        let start = if is_from_beginning { low } else { high.saturating_sub(back).max(low) };
        Self { start, end: high, missing: share }
    }
}
