//! Reads a stretch of a partition, piece by piece.

use std::{sync::Arc, time::Duration};

use connect_api::record::TopicPartition;
use tokio::time::{Instant, timeout};

use super::{
    error::{LettersError, Result},
    queue::Queue,
};
use crate::broker::{Broker, BrokerError, ConsumerRecord, TopicReader};

/// How long to wait for records before looking whether there are any left: what remains may be the
/// marks of transactions, which are never shown.
const LOOK: Duration = Duration::from_millis(50);

/// How long the broker may bring nothing while there should be something.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stretch of a partition that is being read.
pub(super) struct Scan {
    reader: Box<dyn TopicReader>,
    at: TopicPartition,
    end: i64,
    is_done: bool,
}

impl Scan {
    /// Begins to read from an offset to another, which is left out.
    pub(super) async fn open(
        broker: &Arc<dyn Broker>,
        queue: &Queue,
        at: &TopicPartition,
        (from, end): (i64, i64),
    ) -> Result<Self> {
        let reader = queue.reader(broker, at, from).await.map_err(failed(at))?;
        // What is in an open transaction is not there yet, and nobody waits for it.
        let ends = reader.ends().await.map_err(failed(at))?;
        let end = ends.get(&at.partition).map_or(end, |stable| end.min(*stable));
        Ok(Self { reader, at: at.clone(), end, is_done: from >= end })
    }

    /// The next records; none at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<ConsumerRecord>>> {
        let patient_until = Instant::now() + PATIENCE;
        while !self.is_done {
            let Ok(read) = timeout(LOOK, self.reader.next()).await else {
                self.is_done = self.is_at_end();
                if !self.is_done && Instant::now() >= patient_until {
                    return Err(failed(&self.at)(silent(&self.at)));
                }
                continue;
            };
            let parts = read.map_err(failed(&self.at))?;
            self.is_done = self.is_at_end();
            let ours = parts.into_iter().filter(|part| part.partition == self.at);
            let mut records: Vec<_> = ours.flat_map(|part| part.records).collect();
            records.retain(|record| record.offset < self.end);
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    fn is_at_end(&self) -> bool {
        self.reader.position(self.at.partition).is_some_and(|position| position >= self.end)
    }
}

fn failed(at: &TopicPartition) -> impl FnOnce(BrokerError) -> LettersError {
    LettersError::during(format!("read partition {} of topic \"{}\"", at.partition, at.topic))
}

fn silent(at: &TopicPartition) -> BrokerError {
    BrokerError::Unavailable {
        operation: format!("Reading {at}"),
        source: format!("The broker brought nothing for {} s", PATIENCE.as_secs()).into(),
    }
}
