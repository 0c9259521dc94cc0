//! What becomes of the operations of a bulk that came back.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use connect_api::error::ConnectorError;
use tokio::time::Instant;

use super::{
    Bulk, Flow, Landed, Operation, Settled,
    answer::{Verdict, Verdicts},
};
use crate::client::{Cause, Failure};

impl Flow {
    /// Sorts out a bulk that came back.
    pub(super) fn land(&mut self, (bulk, outcome): Landed) {
        for &lane in &bulk.lanes {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.is_busy = false;
            }
        }
        match outcome {
            Ok(Verdicts::AllDone) => {
                self.window.went_through();
                self.patience.renew();
                self.settle(bulk.bytes.len(), bulk.operations.len());
                let done = bulk.operations.into_iter();
                self.settled.extend(done.map(|(_, operation)| Settled::Done(operation)));
            }
            Ok(Verdicts::Each(verdicts)) => self.sort_out(bulk, verdicts),
            Err(failure) => self.fail(bulk, failure),
        }
        self.sweep();
    }

    /// The server had something to say about some of the operations.
    fn sort_out(&mut self, bulk: Bulk, verdicts: Vec<Verdict>) {
        let (docs, len, round) = (bulk.operations.len(), bulk.bytes.len(), bulk.round);
        let mut rest = bulk.bytes;
        let mut again: BTreeMap<usize, (BytesMut, VecDeque<Operation>)> = BTreeMap::new();
        let mut reason = None;
        let mut is_progress = false;
        for ((lane, operation), verdict) in bulk.operations.into_iter().zip(verdicts) {
            let lines = rest.split_to(operation.len.min(rest.len()));
            let verdict = match verdict {
                // The server asked itself several times already: later, it goes through.
                Verdict::Refused(_, cause) if is_race(&operation, &cause) => {
                    Verdict::Passing(cause)
                }
                verdict => verdict,
            };
            if let Verdict::Passing(cause) = verdict {
                reason.get_or_insert(cause);
                let (bytes, operations) = again.entry(lane).or_default();
                bytes.extend_from_slice(&lines);
                operations.push_back(operation);
                continue;
            }
            is_progress = true;
            self.settle(lines.len(), 1);
            self.settled.push(match verdict {
                Verdict::Refused(status, cause) => {
                    Settled::Refused { operation, lines, status, cause }
                }
                _ => Settled::Done(operation),
            });
        }
        let now = Instant::now();
        for (lane, (bytes, operations)) in again {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.put_back(bytes.freeze(), operations, now);
            }
        }
        if is_progress {
            self.patience.renew();
        }
        match reason {
            None => self.window.went_through(),
            Some(cause) => {
                self.window.overloaded(docs, len);
                let error =
                    ConnectorError::retriable(format!("The server puts documents off: {cause}"));
                self.lose_patience(round, error, None);
            }
        }
    }

    /// The server did not take the bulk as a whole.
    fn fail(&mut self, bulk: Bulk, failure: Failure) {
        let (docs, len, round) = (bulk.operations.len(), bulk.bytes.len(), bulk.round);
        match failure {
            Failure::Refused { status: status @ (400 | 413), cause, .. } if docs == 1 => {
                self.settle(len, 1);
                let lines = bulk.bytes;
                let cause =
                    if status == 413 && cause.kind.is_empty() { too_large(len) } else { cause };
                let operations = bulk.operations.into_iter();
                self.settled.extend(operations.map(|(_, operation)| Settled::Refused {
                    operation,
                    lines: lines.clone(),
                    status,
                    cause: cause.clone(),
                }));
            }
            Failure::Refused { status: 400 | 413, .. } => {
                // One of them is to blame, or all of them together are too large.
                self.window.too_large(docs, len);
                self.put_back(bulk);
            }
            Failure::Passing { error, is_overload, wait } => {
                if is_overload {
                    self.window.overloaded(docs, len);
                }
                self.put_back(bulk);
                self.lose_patience(round, error, wait);
            }
            failure => {
                self.put_back(bulk);
                self.trouble = Some(failure.into_error("take documents", self.client.product()));
            }
        }
    }

    fn lose_patience(&mut self, round: u64, error: ConnectorError, wait: Option<Duration>) {
        if !self.patience.failed(round, wait, Instant::now()) {
            self.trouble = Some(error);
        }
    }

    /// Puts the operations of a bulk back in front of their lanes.
    fn put_back(&mut self, bulk: Bulk) {
        let now = Instant::now();
        let mut rest = bulk.bytes;
        let mut operations = bulk.operations.into_iter().peekable();
        let mut parts: Vec<(usize, Bytes, VecDeque<Operation>)> = Vec::new();
        while let Some(&(lane, _)) = operations.peek() {
            let mut own = VecDeque::new();
            while let Some((_, operation)) = operations.next_if(|(at, _)| *at == lane) {
                own.push_back(operation);
            }
            let len = own.iter().map(|operation| operation.len).sum::<usize>().min(rest.len());
            parts.push((lane, rest.split_to(len), own));
        }
        for (lane, bytes, own) in parts {
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.put_back(bytes, own, now);
            }
        }
    }

    /// Operations are no longer held.
    pub(super) fn settle(&mut self, bytes: usize, operations: usize) {
        self.purse.give_back(bytes);
        self.has_room = true;
        self.buffered -= operations;
    }
}

/// Whether somebody else wrote the document at the same time.
fn is_race(operation: &Operation, cause: &Cause) -> bool {
    operation.conflict == crate::document::Conflict::Race && cause.is_version_conflict()
}

fn too_large(len: usize) -> Cause {
    let text = format!("a document with {len} bytes is larger than the server takes");
    Cause::of_body(text.as_bytes())
}
