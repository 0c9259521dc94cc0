//! The bytes of an object that wait in memory.
//!
//! Small objects wait as content: a compressor or a container would take more memory than they do.
//! What grows beyond that is compressed as it comes, so that no record is kept as a whole.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    budget::MemoryBudget,
    error::{ConnectorError, Result},
};

use connect_storage::{
    body::{Blocks, Buffer, Groups},
    format::Container,
};

use super::{config::FileCompression, pack::Packer};

/// Content up to which an object waits as it is.
const STAGE_BYTES: usize = 64 << 10;

/// How the content of an object is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Before the first record.
    pub(super) begin: &'static [u8],
    /// Between records.
    pub(super) between: &'static [u8],
    /// After the last record.
    pub(super) end: &'static [u8],
}

/// How bodies of objects are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyOptions {
    pub(super) compression: FileCompression,
    pub(super) frame: Frame,
    pub(super) part_bytes: usize,
}

/// Content of an object, in the form it is uploaded in.
#[derive(Debug)]
pub(super) struct Body {
    options: BodyOptions,
    container: Option<Arc<Container>>,
    /// Content that waits for a writer, and where its records end.
    staged: Buffer,
    ends: Vec<usize>,
    writer: Option<Writer>,
    has_records: bool,
    budget: MemoryBudget,
}

#[derive(Debug)]
enum Writer {
    Text(Packer),
    Avro(Box<Blocks>, Packer),
    Parquet(Box<Groups>),
}

impl Body {
    /// An empty one; nothing when the budget has no room.
    pub(super) fn new(
        options: BodyOptions,
        container: Option<Arc<Container>>,
        budget: &MemoryBudget,
    ) -> Option<Self> {
        Some(Self {
            options,
            container,
            staged: Buffer::new(budget, STAGE_BYTES)?,
            ends: Vec::new(),
            writer: None,
            has_records: false,
            budget: budget.clone(),
        })
    }

    /// Appends the content of one record, all of it or nothing.
    ///
    /// # Errors
    /// `Internal` when a library fails at it.
    pub(super) fn append(&mut self, content: &[u8]) -> Result<bool> {
        let is_text = self.container.is_none();
        let frame = self.options.frame;
        let before = if self.has_records { frame.between } else { frame.begin };
        let before = if is_text { before } else { &[] };
        let taken = match &mut self.writer {
            Some(Writer::Text(packer)) if before.is_empty() => packer.push(content)?,
            Some(Writer::Text(packer)) => packer.push(&[before, content].concat())?,
            Some(writer) => writer.append(content)?,
            None => self.stage(before, content)?,
        };
        self.has_records |= taken;
        Ok(taken)
    }

    /// Keeps content until there is enough for a writer.
    fn stage(&mut self, before: &[u8], content: &[u8]) -> Result<bool> {
        let length = before.len() + content.len();
        if self.staged.bytes.len() + length > STAGE_BYTES {
            let budget = self.budget.clone();
            let Some(mut writer) = self.replayed(&budget)? else { return Ok(false) };
            let taken = match &mut writer {
                Writer::Text(packer) => packer.push(&[before, content].concat())?,
                other => other.append(content)?,
            };
            if taken {
                self.writer = Some(writer);
                self.staged.bytes = Vec::new();
                self.staged.settle();
                self.ends = Vec::new();
            }
            return Ok(taken);
        }
        // Where a record ends is a number as well.
        if !self.staged.ensure(length + size_of::<usize>() * (self.ends.len() + 1)) {
            return Ok(false);
        }
        self.staged.bytes.extend_from_slice(before);
        self.staged.bytes.extend_from_slice(content);
        self.ends.push(self.staged.bytes.len());
        Ok(true)
    }

    /// A writer that has taken what is staged; nothing when the budget has no room.
    fn replayed(&self, budget: &MemoryBudget) -> Result<Option<Writer>> {
        let BodyOptions { compression, part_bytes, .. } = self.options;
        let begin = || Packer::begin(compression, part_bytes, budget);
        let writer = match self.container.as_deref() {
            None => begin()?.map(Writer::Text),
            Some(Container::Avro(head)) => {
                let blocks = Buffer::new(budget, part_bytes)
                    .and_then(|out| Blocks::begin(head, out, budget));
                match (blocks, begin()?) {
                    (Some(blocks), Some(packer)) => Some(Writer::Avro(Box::new(blocks), packer)),
                    _ => None,
                }
            }
            Some(Container::Parquet(plan)) => Groups::begin(plan, part_bytes, budget)
                .map(|groups| Writer::Parquet(Box::new(groups))),
        };
        let Some(mut writer) = writer else { return Ok(None) };
        let mut from = 0;
        for &end in &self.ends {
            let record = self.staged.bytes.get(from..end).unwrap_or_default();
            if !writer.append(record)? {
                return Ok(None);
            }
            from = end;
        }
        Ok(Some(writer))
    }

    /// Ends the content; nothing can be appended after it.
    ///
    /// # Errors
    /// As [`Body::append`].
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.writer.is_none() {
            // An object that must be written is: little is staged, and few end at a time.
            self.writer = self.replayed(&MemoryBudget::new(usize::MAX))?;
            self.staged.bytes = Vec::new();
            self.staged.settle();
        }
        let writer = self.writer.take();
        let writer =
            writer.ok_or_else(|| ConnectorError::internal("The content of an object was lost"))?;
        self.writer = Some(writer.finish(self.options.frame.end)?);
        Ok(())
    }

    /// Bytes that wait to be uploaded.
    pub(super) fn pending_bytes(&self) -> usize {
        match &self.writer {
            Some(Writer::Text(packer) | Writer::Avro(_, packer)) => packer.pending_bytes(),
            Some(Writer::Parquet(groups)) => groups.pending_bytes(),
            None => 0,
        }
    }

    /// At most the bytes that [`Body::close_group`] makes wait to be uploaded.
    pub(super) fn spillable_bytes(&self) -> usize {
        match &self.writer {
            Some(Writer::Parquet(groups)) => groups.spillable_bytes(),
            _ => self.pending_bytes(),
        }
    }

    /// Ends what is not uploaded before it is full, where the format has such.
    ///
    /// # Errors
    /// As [`Body::append`].
    pub(super) fn close_group(&mut self) -> Result<()> {
        match &mut self.writer {
            Some(Writer::Parquet(groups)) => groups.close_group(),
            _ => Ok(()),
        }
    }

    /// Bytes taken from the budget.
    pub(super) fn held_bytes(&self) -> usize {
        self.staged.held_bytes()
            + match &self.writer {
                Some(Writer::Text(packer)) => packer.held_bytes(),
                Some(Writer::Avro(blocks, packer)) => blocks.held_bytes() + packer.held_bytes(),
                Some(Writer::Parquet(groups)) => groups.held_bytes(),
                None => 0,
            }
    }

    /// Takes the first bytes, at most so many; they count until [`Body::settle`].
    pub(super) fn take_part(&mut self, most_bytes: usize) -> Bytes {
        match &mut self.writer {
            Some(Writer::Text(packer) | Writer::Avro(_, packer)) => packer.take(most_bytes),
            Some(Writer::Parquet(groups)) => groups.take_part(),
            None => Bytes::new(),
        }
    }

    /// Gives back what the part took.
    pub(super) fn settle(&mut self) {
        match &mut self.writer {
            Some(Writer::Text(packer) | Writer::Avro(_, packer)) => packer.settle(),
            Some(Writer::Parquet(groups)) => groups.settle(),
            None => {}
        }
    }
}

impl Writer {
    fn append(&mut self, content: &[u8]) -> Result<bool> {
        match self {
            Self::Text(packer) => packer.push(content),
            Self::Avro(blocks, packer) => {
                // Whole blocks go on first, so that a record without room leaves no trace.
                if !blocks.out.bytes.is_empty() {
                    if !packer.push(&blocks.out.bytes)? {
                        return Ok(false);
                    }
                    drop(blocks.out.take(usize::MAX));
                    blocks.settle();
                }
                let fits = blocks.reserve(content)?;
                if fits {
                    blocks.append(content);
                }
                Ok(fits)
            }
            Self::Parquet(groups) => {
                let fits = groups.reserve(content)?;
                if fits {
                    groups.append()?;
                }
                Ok(fits)
            }
        }
    }

    /// Ends the content; for text with this after it.
    fn finish(self, end: &[u8]) -> Result<Self> {
        match self {
            Self::Text(mut packer) => {
                packer.push_ensured(end)?;
                packer.finish().map(Self::Text)
            }
            Self::Avro(mut blocks, mut packer) => {
                blocks.finish()?;
                packer.push_ensured(&blocks.out.take(usize::MAX))?;
                packer.finish().map(Self::Text)
            }
            Self::Parquet(mut groups) => {
                groups.finish()?;
                Ok(Self::Parquet(groups))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aiven::pack::tests::unpacked;

    const FRAME: Frame = Frame { begin: b"[\n", between: b",\n", end: b"\n]" };

    #[test]
    fn records_stand_in_their_frame_however_many_there_are() {
        for compression in [FileCompression::None, FileCompression::Gzip, FileCompression::Zstd] {
            for (count, length) in [(1, 0), (1, 200_000), (3, 40_000), (70, 1000), (20_000, 9)] {
                let budget = MemoryBudget::new(16 << 20);
                let options = BodyOptions { compression, frame: FRAME, part_bytes: 5 << 20 };
                let mut body = Body::new(options, None, &budget).unwrap();
                let record = vec![b'x'; length];
                for _ in 0..count {
                    assert!(body.append(&record).unwrap());
                }
                assert!(count == 1 || body.held_bytes() > 0);
                body.finish().unwrap();
                let packed = body.take_part(usize::MAX);
                let records = vec![record; count].join(FRAME.between);
                let expected = [FRAME.begin, &records, FRAME.end].concat();
                assert!(unpacked(compression, &packed) == expected, "{compression} {count}");
                drop(body);
                assert_eq!(budget.used_bytes(), 0);
            }
        }
    }

    #[test]
    fn a_record_without_room_leaves_no_trace() {
        let budget = MemoryBudget::new(100 << 10);
        let options =
            BodyOptions { compression: FileCompression::None, frame: FRAME, part_bytes: 5 << 20 };
        let mut body = Body::new(options, None, &budget).unwrap();
        assert!(body.append(b"a").unwrap());
        assert!(!body.append(&[0; 101 << 10]).unwrap());
        assert!(body.append(b"b").unwrap());
        body.finish().unwrap();
        assert_eq!(body.take_part(usize::MAX), b"[\na,\nb\n]".as_slice());
    }
}
