//! Reading on from a position.

use std::{io, ops::Range, path::Path};

use bytes::Bytes;
use bytestring::ByteString;
use connect_api::budget::{MemoryBudget, Reservation};
use memchr::{memchr, memrchr};

use super::{
    super::{
        batch::Batch,
        config::Tolerance,
        content::End,
        identity::Witness,
        lines::{Ending, Piece, Splitter},
        notices::Notices,
        record::{Line, LineText, RecordMaker},
    },
    Tail,
};

/// Most bytes read at once: large enough that a system call and a check of the text cost nothing
/// per line, small enough to stay in the processor's cache.
const READ_BYTES: usize = 1 << 20;
/// Least bytes read at once where the file has them: less would be mostly overhead.
const LEAST_READ_BYTES: usize = 64 << 10;
/// Bytes looked through for the end of an overlong line before other files have their turn.
const SKIP_BYTES: u64 = 64 << 20;

/// What reading needs besides the file.
#[derive(Debug)]
pub(in super::super) struct Intake<'a> {
    /// Cuts bytes into lines.
    pub(in super::super) splitter: &'a Splitter,
    /// Makes records of lines.
    pub(in super::super) maker: &'a mut RecordMaker,
    /// Where the records go.
    pub(in super::super) batch: &'a mut Batch,
    /// What to tell the operator.
    pub(in super::super) notices: &'a mut Notices,
    /// What buffers are taken from.
    pub(in super::super) budget: &'a MemoryBudget,
    /// What a bad line does.
    pub(in super::super) tolerance: Tolerance,
}

/// How a read went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Progress {
    /// There may be more.
    More,
    /// There is nothing more now.
    Drained,
    /// The bytes before the position are no longer those that were read.
    Rewritten,
    /// The budget has no room for a buffer now.
    Starved,
}

/// A buffer with its place in the budget, which it keeps as long as a record uses it.
struct Chunk {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Tail {
    /// Reads whole lines from the position on into the batch, one buffer of them at most.
    ///
    /// # Errors
    /// What the file system or the decoder says.
    pub(in super::super) fn read(
        &mut self,
        ending: Ending,
        intake: &mut Intake<'_>,
    ) -> io::Result<Progress> {
        let Some(content) = &mut self.content else { return Ok(Progress::Drained) };
        if self.scanned_to > self.position {
            return self.skip_line(ending, intake);
        }
        // The bytes before the position are read again: only so is a file that was emptied and
        // filled anew between two looks told from one that has grown.
        let overlap = if content.is_packed() { 0 } else { self.witness.tail_bytes() };
        let max_bytes = intake.splitter.max_bytes;
        let likely = intake.batch.room().saturating_mul(self.line_bytes).saturating_mul(5) / 4;
        let mut want = likely.clamp(LEAST_READ_BYTES, READ_BYTES).max(max_bytes + 2);
        if !content.is_packed() {
            let there = self.stamp.size.saturating_sub(self.position);
            want = want.min(usize::try_from(there).unwrap_or(usize::MAX));
        }
        let Some(reservation) = intake.budget.reserve(overlap + want) else {
            return Ok(Progress::Starved);
        };
        let bytes = content.read_at(self.position - overlap as u64, overlap + want)?;
        let end = content.end();
        if overlap > 0 && !bytes.get(..overlap).is_some_and(|known| self.witness.ends_with(known)) {
            return Ok(Progress::Rewritten);
        }
        let fresh = Bytes::from_owner(Chunk { bytes, _reservation: reservation }).slice(overlap..);
        let is_short = fresh.len() < want;
        let ending = self.ending(ending, end, is_short, fresh.len());
        let mut used = self.take_lines(&fresh, ending, intake);
        let is_long = used == 0 && fresh.len() >= max_bytes + 2 && !intake.batch.is_full();
        if is_long && intake.splitter.first_line.is_some() {
            used = self.take_lines(&fresh, Ending::WholeLines, intake);
        }
        if used == 0 && is_long {
            self.scanned_to = self.position + fresh.len() as u64;
            return self.skip_line(ending, intake);
        }
        self.witness.advance(self.position, fresh.get(..used).unwrap_or_default());
        self.position += used as u64;
        self.is_dirty |= used > 0;
        if intake.batch.is_full() {
            return Ok(Progress::More);
        }
        if used > 0 && fresh.len() - used >= max_bytes + 2 {
            // What is left is more than a line may have.
            return Ok(Progress::More);
        }
        self.looked_to = self.position + (fresh.len() - used) as u64;
        self.is_settled = end != End::Open && is_short;
        let has_more = end != End::Open || self.stamp.size > self.looked_to;
        Ok(if is_short || !has_more { Progress::Drained } else { Progress::More })
    }

    /// What half a line at the end of these bytes is: the last of the file only where they reach
    /// its end.
    fn ending(&self, ending: Ending, end: End, is_short: bool, length: usize) -> Ending {
        if end == End::Final && is_short {
            return Ending::Final;
        }
        let reaches_end = is_short || self.position + length as u64 >= self.stamp.size;
        if ending == Ending::Final && !reaches_end { Ending::WholeLines } else { ending }
    }

    /// Makes records of the lines in these bytes; returns how many bytes they took.
    fn take_lines(&mut self, bytes: &Bytes, ending: Ending, intake: &mut Intake<'_>) -> usize {
        let reach = match ending {
            Ending::Final => bytes.len(),
            _ => memrchr(b'\n', bytes).map_or(0, |last| last + 1),
        };
        let bytes = bytes.slice(..reach);
        let text = ByteString::try_from(bytes.clone()).ok();
        intake.batch.expect(reach / self.line_bytes.max(1));
        let (mut used, mut lines) = (0, 0);
        for piece in intake.splitter.pieces(&bytes, ending) {
            let slice = slice(&bytes, text.as_ref(), piece);
            let place = self.position + piece.start as u64..self.position + piece.next as u64;
            if !take(&self.place.path, place, slice, intake) {
                break;
            }
            used = piece.next;
            lines += 1;
            if intake.batch.is_full() {
                break;
            }
        }
        if let Some(average) = used.checked_div(lines) {
            self.line_bytes = average.max(1);
        }
        used
    }

    /// Looks for the end of a line that is too long, and delivers its beginning once it is found.
    fn skip_line(&mut self, ending: Ending, intake: &mut Intake<'_>) -> io::Result<Progress> {
        let Some(content) = &mut self.content else { return Ok(Progress::Drained) };
        let limit = self.scanned_to + SKIP_BYTES;
        let next = loop {
            let Some(_reservation) = intake.budget.reserve(READ_BYTES) else {
                return Ok(Progress::Starved);
            };
            let window = content.read_at(self.scanned_to, READ_BYTES)?;
            if let Some(line_end) = memchr(b'\n', &window) {
                break self.scanned_to + line_end as u64 + 1;
            }
            self.scanned_to += window.len() as u64;
            if window.is_empty() {
                if ending == Ending::Final || content.end() == End::Final {
                    break self.scanned_to;
                }
                self.is_settled = content.end() != End::Open;
                self.looked_to = self.scanned_to;
                intake.notices.endless_line(&self.place.path, self.position);
                return Ok(Progress::Drained);
            }
            if self.scanned_to >= limit {
                return Ok(Progress::More);
            }
        };
        self.take_beginning(next, intake)
    }

    /// Delivers what `max.line.bytes` leaves of the line at the position, which ends at `next`.
    fn take_beginning(&mut self, next: u64, intake: &mut Intake<'_>) -> io::Result<Progress> {
        let Some(content) = &mut self.content else { return Ok(Progress::Drained) };
        let max_bytes = intake.splitter.max_bytes;
        let Some(reservation) = intake.budget.reserve(max_bytes) else {
            return Ok(Progress::Starved);
        };
        let bytes = content.read_at(self.position, max_bytes)?;
        let witness = Witness::load(content, next)?;
        let bytes = Bytes::from_owner(Chunk { bytes, _reservation: reservation });
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => ByteString::try_from(bytes.slice(..text.len())).ok(),
            // A character that the cut has split is left out.
            Err(error) if error.error_len().is_none() => {
                ByteString::try_from(bytes.slice(..error.valid_up_to())).ok()
            }
            Err(_) => None,
        };
        let text = text.map_or(LineText::Raw(bytes), LineText::Text);
        if take(&self.place.path, self.position..next, (text, true), intake) {
            self.position = next;
            self.scanned_to = next;
            self.looked_to = next;
            self.witness = witness;
            self.is_dirty = true;
        }
        Ok(Progress::More)
    }
}

/// The bytes of a piece, as text where all is text, and whether it was cut.
fn slice(bytes: &Bytes, text: Option<&ByteString>, piece: Piece) -> (LineText, bool) {
    let text = text.and_then(|text| {
        let end = if piece.is_cut { text.floor_char_boundary(piece.end) } else { piece.end };
        Some(text.slice_ref(text.get(piece.start..end)?))
    });
    let slice = match text {
        Some(text) => LineText::Text(text),
        None => {
            let raw = bytes.slice(piece.start..piece.end);
            // One bad line must not make its neighbours bytes.
            ByteString::try_from(raw.clone()).map_or(LineText::Raw(raw), LineText::Text)
        }
    };
    (slice, piece.is_cut)
}

/// Makes a record of a line; `false` when it has to be met again.
fn take(
    path: &Path,
    place: Range<u64>,
    (text, is_cut): (LineText, bool),
    intake: &mut Intake<'_>,
) -> bool {
    let length = match &text {
        LineText::Text(text) => text.len(),
        LineText::Raw(bytes) => bytes.len(),
    };
    let Range { start, end: next } = place;
    match intake.maker.make(Line { text, path, start, next, is_cut }) {
        Ok(record) => intake.batch.push(record, length),
        Err(error) => match intake.tolerance {
            Tolerance::All { is_each_logged } => intake.notices.skip(&error, is_each_logged),
            Tolerance::None => {
                intake.batch.fail(error);
                return false;
            }
        },
    }
    intake.notices.cut_lines += u64::from(is_cut);
    true
}
