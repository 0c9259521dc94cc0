//! Documents that wait in their order.
//!
//! Every id belongs to one lane, and of a lane one bulk is on its way at a time: so the documents of
//! one id stay in their order, and are never in two bulks at once.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use connect_api::record::SinkRecord;
use tokio::time::Instant;

use crate::document::Conflict;

/// One operation that waits or is on its way.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Which assignment of a partition it is of.
    pub(crate) seat: u64,
    pub(crate) offset: i64,
    /// Bytes of its lines.
    pub(crate) len: usize,
    /// Names the document, where its operations must stay in their order.
    pub(crate) order: Option<u64>,
    pub(crate) conflict: Conflict,
    /// Whether it was sent before, so that the server may have it, or a later one of its document.
    pub(crate) is_repeated: bool,
    /// The record, where somebody may want to have it reported.
    pub(crate) record: Option<Box<SinkRecord>>,
}

impl Operation {
    /// Whether another one of the same document may be in the same bulk: the server obeys them in
    /// their order, but one that it asks to repeat alone would come after the other.
    const fn stands_alone(&self) -> bool {
        self.order.is_some() && !matches!(self.conflict, Conflict::Newer)
    }
}

/// A part of a lane whose bytes change no more.
#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    operations: VecDeque<Operation>,
}

/// A queue of operations.
#[derive(Debug, Default)]
pub(super) struct Lane {
    chunks: VecDeque<Chunk>,
    /// What is being written.
    tail: Vec<u8>,
    written: VecDeque<Operation>,
    docs: usize,
    bytes: usize,
    /// When the first one came that waits.
    since: Option<Instant>,
    /// Whether a bulk of this lane is on its way.
    pub(super) is_busy: bool,
}

/// Operations that leave a lane together.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) bytes: Vec<Bytes>,
    pub(super) operations: Vec<Operation>,
    pub(super) len: usize,
}

impl Lane {
    pub(super) const fn docs(&self) -> usize {
        self.docs
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Where the next operation is written; [`Lane::push`] follows.
    pub(super) const fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Takes the operation whose lines were just written.
    pub(super) fn push(&mut self, operation: Operation, now: Instant) {
        self.docs += 1;
        self.bytes += operation.len;
        self.since.get_or_insert(now);
        self.written.push_back(operation);
    }

    /// Puts operations back in front, in their order, because they have to go again.
    pub(super) fn put_back(
        &mut self,
        bytes: Bytes,
        mut operations: VecDeque<Operation>,
        now: Instant,
    ) {
        if operations.is_empty() {
            return;
        }
        operations.iter_mut().for_each(|operation| operation.is_repeated = true);
        self.docs += operations.len();
        self.bytes += bytes.len();
        self.since.get_or_insert(now);
        self.chunks.push_front(Chunk { bytes, operations });
    }

    /// Takes the first operations, as many as go together.
    pub(super) fn take(&mut self, docs: usize, bytes: usize) -> Taken {
        let mut taken = Taken { bytes: Vec::new(), operations: Vec::new(), len: 0 };
        let mut seen = HashSet::new();
        self.seal();
        while let Some(chunk) = self.chunks.front_mut() {
            let mut len = 0;
            while let Some(next) = chunk.operations.front() {
                let fits = taken.operations.len() < docs && taken.len + len + next.len <= bytes;
                let is_first = taken.operations.is_empty();
                let comes_alone =
                    next.stands_alone() && next.order.is_some_and(|id| seen.contains(&id));
                if !(fits || is_first) || comes_alone {
                    break;
                }
                seen.extend(next.order.filter(|_| next.stands_alone()));
                len += next.len;
                taken.operations.extend(chunk.operations.pop_front());
            }
            taken.len += len;
            if len > 0 {
                taken.bytes.push(chunk.bytes.split_to(len));
            }
            if !chunk.operations.is_empty() {
                break;
            }
            self.chunks.pop_front();
        }
        self.docs -= taken.operations.len();
        self.bytes -= taken.len;
        if self.docs == 0 {
            self.since = None;
        }
        taken
    }

    /// Ends what is being written.
    fn seal(&mut self) {
        if self.written.is_empty() {
            return;
        }
        let capacity = self.tail.len();
        let bytes = std::mem::replace(&mut self.tail, Vec::with_capacity(capacity)).into();
        let operations = std::mem::take(&mut self.written);
        self.chunks.push_back(Chunk { bytes, operations });
    }

    /// Forgets operations, and says how many bytes they had.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Operation) -> bool) -> usize {
        self.seal();
        let before = self.bytes;
        for chunk in &mut self.chunks {
            let mut kept = Vec::with_capacity(chunk.bytes.len());
            let mut at = 0;
            chunk.operations.retain(|operation| {
                let end = at + operation.len;
                let stays = !is_gone(operation);
                if stays {
                    kept.extend_from_slice(chunk.bytes.get(at..end).unwrap_or_default());
                }
                at = end;
                stays
            });
            chunk.bytes = kept.into();
        }
        self.chunks.retain(|chunk| !chunk.operations.is_empty());
        self.docs = self.chunks.iter().map(|chunk| chunk.operations.len()).sum();
        self.bytes = self.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        if self.docs == 0 {
            self.since = None;
        }
        before - self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn push(lane: &mut Lane, offset: i64, order: Option<u64>, conflict: Conflict) {
        let line = format!("{offset}\n");
        lane.tail().extend_from_slice(line.as_bytes());
        let len = line.len();
        let operation =
            Operation { seat: 0, offset, len, order, conflict, is_repeated: false, record: None };
        lane.push(operation, Instant::now());
    }

    fn lines(taken: &Taken) -> Vec<i64> {
        let bytes = taken.bytes.concat();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<i64> = text.lines().map(|line| line.parse().unwrap()).collect();
        let offsets: Vec<i64> = taken.operations.iter().map(|it| it.offset).collect();
        assert_eq!(lines, offsets, "bytes and operations belong together");
        lines
    }

    #[test]
    fn merges_of_one_document_are_never_in_one_bulk() {
        let mut lane = Lane::default();
        for (offset, order) in [(0, 1), (1, 2), (2, 1), (3, 3)] {
            push(&mut lane, offset, Some(order), Conflict::Race);
        }
        assert_eq!(lines(&lane.take(10, 1000)), [0, 1]);
        assert_eq!(lines(&lane.take(10, 1000)), [2, 3]);
        for offset in 4..6 {
            push(&mut lane, offset, Some(1), Conflict::Newer);
        }
        assert_eq!(lines(&lane.take(10, 1000)), [4, 5], "versions sort these out");
    }

    #[test]
    fn a_document_that_is_larger_than_a_bulk_goes_alone() {
        let mut lane = Lane::default();
        push(&mut lane, 1_000_000, None, Conflict::Race);
        push(&mut lane, 2, None, Conflict::Race);
        assert_eq!(lines(&lane.take(10, 3)), [1_000_000]);
        assert_eq!(lines(&lane.take(10, 3)), [2]);
    }

    #[test]
    fn what_is_forgotten_leaves_the_rest_as_it_is() {
        let mut lane = Lane::default();
        for offset in 0..10 {
            push(&mut lane, offset, None, Conflict::Race);
        }
        assert_eq!(lane.forget(|operation| operation.offset % 3 == 0), 8);
        assert_eq!(lines(&lane.take(100, 1000)), [1, 2, 4, 5, 7, 8]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_order_stays(
            steps in prop::collection::vec((0..4_u8, 1..5_usize), 1..60)
        ) {
            let mut lane = Lane::default();
            let (mut next, mut left) = (0, Vec::new());
            for (kind, count) in steps {
                if kind < 2 {
                    for _ in 0..count {
                        push(&mut lane, next, None, Conflict::Newer);
                        next += 1;
                    }
                    continue;
                }
                let taken = lane.take(count, 12);
                lines(&taken);
                if kind == 2 {
                    left.extend(taken.operations.into_iter().map(|operation| operation.offset));
                } else {
                    let bytes = taken.bytes.concat().into();
                    lane.put_back(bytes, taken.operations.into(), Instant::now());
                }
            }
            while lane.docs() > 0 {
                left.extend(lane.take(7, 100).operations.into_iter().map(|it| it.offset));
            }
            prop_assert_eq!(lane.bytes(), 0);
            prop_assert_eq!(left, (0..next).collect::<Vec<_>>());
        }
    }
}
