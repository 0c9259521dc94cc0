//! Reads one topic and follows it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    catalog::{Partition, Topic},
    fault::Fault,
    fetch,
    log::Log,
};
use crate::broker::{BrokerError, PartitionRecords, ReadFrom, Result, TopicReader};

/// Bytes read at once from a partition.
const READ_BYTES: usize = 1 << 20;

/// A reader of all partitions of a topic.
#[derive(Debug)]
pub(super) struct EmbeddedReader {
    log: Arc<Log>,
    topic: Arc<Topic>,
    /// Offset to read next, by partition.
    positions: Vec<i64>,
    appended: watch::Receiver<u64>,
    versions: watch::Receiver<u64>,
}

impl EmbeddedReader {
    pub(super) fn new(log: Arc<Log>, topic: Arc<Topic>, from: &ReadFrom) -> Self {
        let begin = |partition: i32| match from {
            ReadFrom::Beginning => 0,
            // What is not wanted is read already.
            ReadFrom::Offsets(offsets) => offsets.get(&partition).copied().unwrap_or(i64::MAX),
        };
        let positions = (0..).map(begin).take(topic.partitions.len()).collect();
        let (appended, versions) = (log.appended.subscribe(), log.catalog.version());
        Self { log, topic, positions, appended, versions }
    }

    fn is_behind(&self) -> bool {
        let mut pairs = self.topic.partitions.iter().zip(&self.positions);
        pairs.any(|(partition, position)| *position < partition.high())
    }

    fn check_topic(&self) -> Result<()> {
        if self.topic.is_deleted() {
            return Err(BrokerError::UnknownTopic(self.topic.name.as_ref().to_owned()));
        }
        Ok(())
    }

    /// Reads what there is, and moves on only once all of it was read.
    async fn read(&mut self, extent: Extent) -> Result<Vec<PartitionRecords>> {
        self.check_topic()?;
        let topic = Arc::clone(&self.topic);
        let mut positions = self.positions.clone();
        let (records, positions) = self
            .log
            .read(move |connection| {
                let mut all = Vec::new();
                for (partition, position) in topic.partitions.iter().zip(&mut positions) {
                    read_partition(connection, partition, position, (extent, &mut all))?;
                }
                Ok((all, positions))
            })
            .await?;
        self.check_topic()?;
        self.positions = positions;
        Ok(records)
    }
}

/// How much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// To where the partition ends.
    All,
    /// One piece.
    Piece,
}

fn read_partition(
    connection: &rusqlite::Connection,
    partition: &Arc<Partition>,
    position: &mut i64,
    (extent, all): (Extent, &mut Vec<PartitionRecords>),
) -> Result<(), Fault> {
    let end = partition.high();
    while *position < end {
        let from = (*position).max(partition.low());
        let read = fetch::fetch(connection, partition, from, READ_BYTES)?;
        *position = read.next_offset;
        if !read.records.is_empty() {
            all.push(read);
            if extent == Extent::Piece {
                break;
            }
        }
    }
    Ok(())
}

#[async_trait]
impl TopicReader for EmbeddedReader {
    async fn read_to_end(&mut self) -> Result<Vec<PartitionRecords>> {
        self.read(Extent::All).await
    }

    async fn next(&mut self) -> Result<Vec<PartitionRecords>> {
        loop {
            self.check_topic()?;
            if self.is_behind() {
                let records = self.read(Extent::Piece).await?;
                if records.is_empty() {
                    continue;
                }
                return Ok(records);
            }
            tokio::select! {
                changed = self.appended.changed() => {
                    changed.map_err(|_closed| BrokerError::Closed)?;
                }
                changed = self.versions.changed() => {
                    changed.map_err(|_closed| BrokerError::Closed)?;
                }
                () = self.log.closed.cancelled() => return Err(BrokerError::Closed),
            }
        }
    }

    async fn ends(&self) -> Result<BTreeMap<i32, i64>> {
        self.check_topic()?;
        Ok((0..).zip(&self.topic.partitions).map(|(number, at)| (number, at.high())).collect())
    }

    fn position(&self, partition: i32) -> Option<i64> {
        let number = usize::try_from(partition).ok()?;
        let position = self.positions.get(number).copied();
        position.filter(|position| *position < i64::MAX)
    }
}
