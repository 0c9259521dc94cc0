//! One file that is followed, under whatever name, from its first line to its end.

mod read;
mod relation;

use std::{io, path::PathBuf, sync::Arc};

use connect_api::record::{SourceOffset, SourcePartition};

pub(super) use self::{
    read::{Intake, Progress},
    relation::{Relation, SETTLE_MS},
};
use super::{
    content::{Content, Packing},
    identity::{Node, Stamp, Verdict, Witness},
    notices::Notices,
    offset::{Stored, partition},
    period::Period,
    walk::{Found, cannot},
};

/// Bytes of a line as long as nobody has seen one.
const FIRST_LINE_BYTES: usize = 128;

/// Where the file is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Path it was last seen at.
    pub(super) path: PathBuf,
    /// Place on the disk; none while only a user's offset speaks of the file.
    pub(super) node: Option<Node>,
    /// When it came into being.
    pub(super) created_ns: Option<i64>,
    /// What its name says about its time.
    pub(super) period: Option<Period>,
}

/// Where a file is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is where it was looked for.
    Live,
    /// It was removed, or moved to where nobody looks, at this time.
    Missing(i64),
    /// It was emptied or written anew at this time: if its lines are anywhere, then in a copy.
    Orphaned(i64),
    /// Its time is over and everything in it was read.
    Finished,
}

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    /// Name of the partition.
    pub(super) id: Arc<str>,
    pub(super) place: Place,
    pub(super) state: State,
    /// Position after the last whole line that was read.
    pub(super) position: u64,
    /// What the file system said last.
    pub(super) stamp: Stamp,
    /// When it was last seen to grow.
    pub(super) grown_ms: i64,
    /// When it had its last turn among its equals; smaller is longer ago.
    pub(super) turn: u64,
    /// Time of the last change when it was first seen, in nanoseconds since the epoch.
    pub(super) born_ns: i64,
    /// Whether its offset must be stored.
    pub(super) is_dirty: bool,
    /// Up to where the bytes are known to hold no whole line.
    looked_to: u64,
    /// Within an overlong line, up to where its end was looked for.
    scanned_to: u64,
    /// Whether nothing comes of it until it changes: a compressed file has no more to give, or a
    /// record of several lines was given up waiting for.
    pub(super) is_settled: bool,
    witness: Witness,
    content: Option<Content>,
    /// Bytes of a line, on the average of the last buffer.
    line_bytes: usize,
}

impl Tail {
    /// Follows a file from its first byte.
    pub(super) fn begin(id: Arc<str>, found: &Found, content: Content, now_ms: i64) -> Self {
        let mut tail = Self::build(id, place_of(found), now_ms);
        tail.stamp = found.stamp;
        tail.born_ns = found.stamp.changed_ns;
        tail.content = Some(content);
        tail
    }

    /// Remembers a file from its offset; whether it is still there is not known yet.
    pub(super) fn restored(id: Arc<str>, stored: Stored, now_ms: i64) -> Self {
        let Stored { path, node, created_ns, position, head, tail, is_finished, read_ms } = stored;
        let place = Place { path, node, created_ns, period: None };
        let mut restored = Self::build(id, place, read_ms);
        restored.witness = Witness::restored(head, tail);
        restored.position = position;
        restored.looked_to = position;
        restored.state = if is_finished { State::Finished } else { State::Missing(now_ms) };
        restored
    }

    const fn build(id: Arc<str>, place: Place, grown_ms: i64) -> Self {
        Self {
            id,
            place,
            state: State::Live,
            position: 0,
            stamp: Stamp { size: 0, changed_ns: 0 },
            grown_ms,
            turn: 0,
            born_ns: 0,
            is_dirty: false,
            looked_to: 0,
            scanned_to: 0,
            is_settled: false,
            witness: Witness::new(),
            content: None,
            line_bytes: FIRST_LINE_BYTES,
        }
    }

    /// Leaves out what is in the file by now, but for half a line at its end.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn skip_to_end(&mut self, max_line_bytes: usize) -> io::Result<()> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let mut end = self.stamp.size;
        if content.is_packed() {
            end = 0;
            loop {
                let read = content.read_at(end, 1 << 20)?.len() as u64;
                end += read;
                if read == 0 {
                    break;
                }
            }
        }
        let back = end.saturating_sub(max_line_bytes as u64);
        let last = content.read_at(back, usize::try_from(end - back).unwrap_or(0))?;
        let line_end = memchr::memrchr(b'\n', &last);
        self.position = line_end.map_or(back, |line_end| back + line_end as u64 + 1);
        self.witness = Witness::load(content, self.position)?;
        self.looked_to = self.position;
        self.is_dirty = true;
        Ok(())
    }

    /// Whether the file is in sight, or at least open.
    pub(super) const fn is_reachable(&self) -> bool {
        match self.state {
            State::Live => true,
            State::Missing(_) => self.content.is_some(),
            State::Orphaned(_) | State::Finished => false,
        }
    }

    /// Whether the file is held open.
    pub(super) const fn is_open(&self) -> bool {
        self.content.is_some()
    }

    /// Lets go of the open file.
    pub(super) fn close(&mut self) {
        self.content = None;
    }

    /// Whether there are bytes that were not looked at.
    pub(super) fn is_ready(&self) -> bool {
        self.is_reachable()
            && match Packing::of(&self.place.path) {
                Some(_) => !self.is_settled,
                None => self.stamp.size > self.looked_to.max(self.position),
            }
    }

    /// Whether the file has bytes after the position, such as half a line.
    pub(super) fn has_remainder(&self) -> bool {
        match Packing::of(&self.place.path) {
            Some(_) => false,
            None => self.stamp.size > self.position,
        }
    }

    /// Its lines are gone from where they were.
    pub(super) fn orphan(&mut self, now_ms: i64) {
        self.state = State::Orphaned(now_ms);
        self.content = None;
        self.is_dirty |= self.position > 0;
    }

    /// Takes note of where the file is now; `false` when it is not there any more, or not itself.
    pub(super) fn meet(
        &mut self,
        found: Option<&Found>,
        now_ms: i64,
        notices: &mut Notices,
    ) -> bool {
        if let State::Orphaned(_) = self.state {
            return false;
        }
        let same = found.filter(|found| self.is_at(found));
        let Some(found) = same else {
            if self.is_open_plain() && self.check(notices) == Checked::Changed {
                self.orphan(now_ms);
            } else if self.state == State::Live {
                self.state = State::Missing(now_ms);
            }
            return false;
        };
        if Packing::of(&found.path).is_none() && found.stamp.size < self.position {
            self.orphan(now_ms);
            return false;
        }
        if self.place.path != found.path || self.place.node.is_none() {
            self.is_dirty |= self.position > 0;
        }
        self.place = place_of(found);
        if let State::Missing(_) = self.state {
            self.state = State::Live;
        }
        let is_changed = self.restamp(found.stamp, now_ms);
        if self.state == State::Finished {
            if is_changed && self.has_remainder() {
                notices.raise(&self.place.path, self.too_late());
            }
            return true;
        }
        if (is_changed || self.is_open_plain()) && self.check(notices) == Checked::Changed {
            self.orphan(now_ms);
            return false;
        }
        true
    }

    /// Whether the file is open and its bytes can be compared at no cost.
    fn is_open_plain(&self) -> bool {
        self.content.as_ref().is_some_and(|content| !content.is_packed())
    }

    fn is_at(&self, found: &Found) -> bool {
        let Some(node) = self.place.node else { return self.place.path == found.path };
        let births = self.place.created_ns.zip(found.created_ns);
        node == found.node && births.is_none_or(|(mine, theirs)| mine == theirs)
    }

    /// Takes note of size and time of change; `true` when they are new.
    fn restamp(&mut self, stamp: Stamp, now_ms: i64) -> bool {
        if self.stamp == stamp {
            return false;
        }
        self.stamp = stamp;
        self.grown_ms = now_ms;
        self.looked_to = self.position;
        self.is_settled = false;
        if self.content.as_ref().is_some_and(Content::is_packed) {
            // A decoder that has met the end of the file does not go on when the file grows.
            self.content = None;
        }
        true
    }

    /// Asks the open file for its size; `false` when it has become smaller than what was read.
    pub(super) fn refresh(&mut self, now_ms: i64) -> bool {
        let Some(Ok(metadata)) = self.content.as_ref().map(Content::metadata) else { return true };
        let is_packed = Packing::of(&self.place.path).is_some();
        self.restamp(Stamp::of(&metadata), now_ms);
        is_packed || self.stamp.size >= self.position
    }

    /// Opens the file if it is not open, and makes sure that it is still what was read.
    pub(super) fn check(&mut self, notices: &mut Notices) -> Checked {
        let mut content = match self.content.take() {
            Some(content) => content,
            None => match Content::open(&self.place.path) {
                Ok(content) => content,
                Err(error) => return self.unreadable(&error, notices),
            },
        };
        let node = content.metadata().map(|metadata| Node::of(&metadata));
        if node.is_ok_and(|node| self.place.node.is_some_and(|own| own != node)) {
            // The name has just gone to another file: the next look sorts them out.
            return Checked::Unreadable;
        }
        match self.witness.verify(&mut content, self.position) {
            Ok(Verdict::Same) => {
                notices.clear(&self.place.path);
                self.content = Some(content);
                Checked::Ready
            }
            Ok(Verdict::Different) => Checked::Changed,
            Ok(Verdict::TooEarly) => Checked::Unreadable,
            Err(error) => self.unreadable(&error, notices),
        }
    }

    /// Says that the file cannot be read; it is tried again when it changes or is looked for.
    pub(super) fn unreadable(&mut self, error: &io::Error, notices: &mut Notices) -> Checked {
        self.content = None;
        if error.kind() != io::ErrorKind::NotFound {
            notices.raise(&self.place.path, cannot("read file", &self.place.path, error));
        }
        Checked::Unreadable
    }

    /// Goes on in a copy.
    pub(super) fn adopt(&mut self, found: &Found, content: Content, now_ms: i64) {
        self.place = place_of(found);
        self.state = State::Live;
        self.restamp(found.stamp, now_ms);
        self.content = Some(content);
        self.scanned_to = 0;
        self.looked_to = self.position;
        self.is_settled = false;
        self.is_dirty = true;
    }

    /// The partition and offset to store.
    pub(super) fn offset(&self, now_ms: i64) -> (SourcePartition, Option<SourceOffset>) {
        let (head, tail) = self.witness.prints();
        let stored = Stored {
            position: self.position,
            path: self.place.path.clone(),
            node: self.place.node,
            created_ns: self.place.created_ns,
            head,
            tail,
            is_finished: self.state == State::Finished,
            read_ms: now_ms,
        };
        (partition(&self.id), Some(stored.to_offset()))
    }

    fn too_late(&self) -> String {
        format!(
            "File \"{}\" has grown after its time and late.write.grace.ms were over: what follows \
             byte {} is not read. Raise late.write.grace.ms",
            self.place.path.display(),
            self.position
        )
    }
}

/// What a look at the bytes before the position has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The file is open and is what was read.
    Ready,
    /// It cannot be read now.
    Unreadable,
    /// It holds other bytes than those that were read.
    Changed,
}

fn place_of(found: &Found) -> Place {
    Place {
        path: found.path.clone(),
        node: Some(found.node),
        created_ns: found.created_ns,
        period: found.period,
    }
}
