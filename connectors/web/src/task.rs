//! The running task: the server puts events into the inbox, polls take them out.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    error::Result,
    record::{SourceBatch, SourceOffset, SourcePartition},
    source::SourceTask,
};
use serde_json::Map as JsonMap;

use crate::{
    event::Event,
    inbox::{Batch, Inbox, Memory, Refusal},
    journal::{Journal, Reader},
    server::Server,
};

/// Name of the journal in the partition of an offset.
pub(crate) const BUFFER: &str = "buffer";
/// Number of the next event in an offset.
pub(crate) const POSITION: &str = "position";

/// The part of a journal that an offset is about.
pub(crate) fn partition(id: &str) -> SourcePartition {
    SourcePartition(JsonMap::from_iter([(BUFFER.to_owned(), id.into())]))
}

/// Where batches come from: first what is on disk, then what is in memory.
#[derive(Debug)]
pub(crate) struct Outflow {
    pub(crate) journal: Option<(Arc<Journal>, Reader)>,
    pub(crate) memory: Option<Arc<Memory>>,
}

/// A running web event source.
#[derive(Debug)]
pub(crate) struct WebTask {
    pub(crate) server: Server,
    pub(crate) inbox: Inbox,
    pub(crate) outflow: Outflow,
    pub(crate) most_records: usize,
    pub(crate) most_bytes: usize,
    /// Batches that the broker does not have yet, oldest first, without their events.
    pub(crate) in_flight: VecDeque<Batch>,
}

impl WebTask {
    fn take(&mut self) -> Result<Option<Batch>> {
        let (records, bytes) = (self.most_records, self.most_bytes);
        let Outflow { journal, memory } = &mut self.outflow;
        if let Some((_, reader)) = journal
            && let Some(batch) = reader.take(records, bytes)?
        {
            return Ok(Some(batch));
        }
        Ok(memory.as_ref().and_then(|memory| memory.take(records, bytes)))
    }

    fn offsets(&self, end: Option<u64>) -> Vec<(SourcePartition, Option<SourceOffset>)> {
        let (Some((journal, _)), Some(end)) = (&self.outflow.journal, end) else {
            return Vec::new();
        };
        let offset = JsonMap::from_iter([(POSITION.to_owned(), end.into())]);
        vec![(partition(journal.id()), Some(SourceOffset(offset)))]
    }

    /// Lets go of the port and the files, and of everybody who waits for the broker.
    fn close(&mut self) {
        self.server.close();
        self.inbox.close();
        if let Some((journal, _)) = &self.outflow.journal {
            journal.close();
        }
        for batch in self.in_flight.drain(..) {
            batch.settle(Err(Refusal::Stopping));
        }
    }
}

impl Drop for WebTask {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl SourceTask for WebTask {
    async fn poll(&mut self) -> Result<SourceBatch> {
        loop {
            if let Some(mut batch) = self.take()? {
                let events = std::mem::take(&mut batch.events);
                let offsets = self.offsets(batch.end);
                self.in_flight.push_back(batch);
                let records = events.into_iter().map(Event::into_record).collect();
                return Ok(SourceBatch { records, offsets });
            }
            self.inbox.arrival().await;
        }
    }

    fn acknowledged(&mut self, refused: usize) {
        let Some(batch) = self.in_flight.pop_front() else { return };
        if let (Some((journal, _)), Some(end)) = (&self.outflow.journal, batch.end) {
            journal.release(end);
        }
        batch.settle(if refused == 0 { Ok(()) } else { Err(Refusal::Broker) });
    }

    async fn stop(&mut self) -> Result<()> {
        self.close();
        self.server.drain().await;
        Ok(())
    }
}
