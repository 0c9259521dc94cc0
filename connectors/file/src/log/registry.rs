//! All files that are followed, and which is which when names change hands.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use chrono_tz::Tz;
use connect_api::record::{SourceOffset, SourcePartition};

use super::{
    config::{LogFileConfig, StartFrom, millis},
    content::{Content, Packing},
    identity::{Node, Stamp},
    lines::Ending,
    notices::Notices,
    offset::{Stored, partition},
    path_pattern::PathPattern,
    tail::{Relation, SETTLE_MS, State, Tail},
    walk::{Found, cannot, walk},
};

/// How long a file waits at most that grows and stays the same as another one: long enough to copy
/// gigabytes, short enough for two programs that write the same.
const LONGEST_HOLD_MS: i64 = 60_000;

/// The files of one connector.
#[derive(Debug)]
pub(super) struct Registry {
    /// Every file that is followed or remembered.
    pub(super) tails: Vec<Tail>,
    /// Directories in which something may happen.
    pub(super) directories: BTreeSet<PathBuf>,
    patterns: Vec<PathPattern>,
    rules: Rules,
    /// Files that look like copies in the making.
    held: BTreeMap<Node, Held>,
    /// Ids whose offsets are to be forgotten.
    forgotten: Vec<Arc<str>>,
    /// Files that were there at the very first start are met on the first look only.
    is_first_start: bool,
    next_id: u64,
    last_turn: u64,
}

/// How long things last.
#[derive(Clone, Copy, Debug)]
struct Rules {
    zone: Tz,
    max_line_bytes: usize,
    has_records_of_lines: bool,
    late_write_grace_ms: i64,
    multiline_timeout_ms: i64,
    ignore_older_ms: Option<i64>,
    close_removed_ms: i64,
    forget_removed_ms: i64,
    max_open_files: usize,
}

/// A file that waits until it is clear what it is.
#[derive(Clone, Debug)]
struct Held {
    since_ms: i64,
    /// When it was last seen to change.
    changed_ms: i64,
    stamp: Stamp,
    double_of: Arc<str>,
    is_lasting: bool,
}

impl Held {
    /// Whether it may still be a copy in the making.
    const fn waits(&self, now_ms: i64) -> bool {
        self.is_lasting
            || (now_ms - self.changed_ms < SETTLE_MS && now_ms - self.since_ms < LONGEST_HOLD_MS)
    }
}

impl Registry {
    /// What the offsets remember.
    pub(super) fn new(
        config: &LogFileConfig,
        stored: Vec<(Arc<str>, Stored)>,
        now_ms: i64,
    ) -> Self {
        let is_first_start = stored.is_empty() && config.start_from == StartFrom::End;
        let restore = |(id, stored)| Tail::restored(id, stored, now_ms);
        Self {
            tails: stored.into_iter().map(restore).collect(),
            directories: BTreeSet::new(),
            patterns: config.path.clone(),
            rules: Rules {
                zone: config.timezone.0,
                max_line_bytes: config.max_line_bytes,
                has_records_of_lines: config.multiline_start_pattern.is_some(),
                late_write_grace_ms: millis(config.late_write_grace),
                multiline_timeout_ms: millis(config.multiline_timeout),
                ignore_older_ms: config.ignore_older.map(millis),
                close_removed_ms: millis(config.close_removed),
                forget_removed_ms: millis(config.forget_removed),
                max_open_files: config.max_open_files,
            },
            held: BTreeMap::new(),
            forgotten: Vec::new(),
            is_first_start,
            next_id: 0,
            last_turn: 0,
        }
    }

    /// Looks through the directories and finds out which file is which.
    pub(super) fn scan(&mut self, now_ms: i64, notices: &mut Notices) {
        let mut view = walk(&self.patterns, self.rules.zone, notices);
        self.directories = view.directories;
        for tail in &mut self.tails {
            let found = match tail.place.node {
                Some(node) => view.files.get(&node),
                None => view.files.values().find(|found| found.path == tail.place.path),
            };
            let node = found.map(|found| found.node);
            if tail.meet(found, now_ms, notices) {
                node.and_then(|node| view.files.remove(&node));
            }
        }
        self.held.retain(|node, _| view.files.contains_key(node));
        let mut unclaimed: Vec<_> = view.files.into_values().collect();
        // Originals before their archives and before copies, which are never longer.
        unclaimed.sort_by_cached_key(|found| {
            let is_packed = Packing::of(&found.path).is_some();
            (is_packed, Reverse(found.stamp.size), found.path.clone())
        });
        for found in unclaimed {
            self.decide(&found, now_ms, notices);
        }
        self.is_first_start = false;
        self.forget(now_ms);
    }

    /// Finds out what a file is that nobody follows.
    fn decide(&mut self, found: &Found, now_ms: i64, notices: &mut Notices) {
        if self.is_still_held(found, now_ms) {
            return;
        }
        let mut content = match Content::open(&found.path) {
            Ok(content) => content,
            Err(error) => {
                return notices.raise(&found.path, cannot("read file", &found.path, &error));
            }
        };
        let opened = content.metadata().map(|metadata| Node::of(&metadata));
        if opened.ok() != Some(found.node) {
            // The name went to another file since the look: the next one will see it.
            return;
        }
        if self.is_first_start {
            // Whatever is there is left out, copies and all.
            return self.begin(found, content, now_ms, notices);
        }
        match self.relate(found, &mut content, now_ms) {
            Err(error) => notices.raise(&found.path, cannot("read file", &found.path, &error)),
            Ok(Some((index, Relation::Heir))) => {
                notices.clear(&found.path);
                self.held.remove(&found.node);
                if let Some(tail) = self.tails.get_mut(index) {
                    tail.adopt(found, content, now_ms);
                }
            }
            Ok(Some((index, Relation::Double { is_lasting })))
                if self.hold(found, index, is_lasting, now_ms) => {}
            Ok(_) => {
                notices.clear(&found.path);
                self.held.remove(&found.node);
                self.begin(found, content, now_ms, notices);
            }
        }
    }

    fn is_still_held(&self, found: &Found, now_ms: i64) -> bool {
        let Some(held) = self.held.get(&found.node) else { return false };
        let is_there = |tail: &Tail| {
            let is_finished = tail.state == State::Finished && tail.place.path.exists();
            tail.id == held.double_of && (tail.is_reachable() || is_finished)
        };
        held.stamp == found.stamp && held.waits(now_ms) && self.tails.iter().any(is_there)
    }

    /// The closest relation to a file that is followed.
    fn relate(
        &mut self,
        found: &Found,
        content: &mut Content,
        now_ms: i64,
    ) -> std::io::Result<Option<(usize, Relation)>> {
        let mut closest: Option<(usize, Relation, u64)> = None;
        for (index, tail) in self.tails.iter_mut().enumerate() {
            let relation = tail.relation(found, content, now_ms)?;
            let rank = |relation| match relation {
                Relation::Heir => 2,
                Relation::Double { .. } => 1,
                Relation::Stranger => 0,
            };
            let is_closer = closest.is_none_or(|(_, known, position)| {
                (rank(relation), tail.position) > (rank(known), position)
            });
            if relation != Relation::Stranger && is_closer {
                closest = Some((index, relation, tail.position));
            }
        }
        Ok(closest.map(|(index, relation, _)| (index, relation)))
    }

    /// Lets a file wait; `false` when it has waited long enough.
    fn hold(&mut self, found: &Found, index: usize, is_lasting: bool, now_ms: i64) -> bool {
        let Some(tail) = self.tails.get(index) else { return false };
        let known = self.held.get(&found.node);
        let unchanged = known.filter(|held| held.stamp == found.stamp);
        let held = Held {
            since_ms: known.map_or(now_ms, |held| held.since_ms),
            changed_ms: unchanged.map_or(now_ms, |held| held.changed_ms),
            stamp: found.stamp,
            double_of: Arc::clone(&tail.id),
            is_lasting,
        };
        let waits = held.waits(now_ms);
        self.held.insert(found.node, held);
        waits
    }

    fn begin(&mut self, found: &Found, content: Content, now_ms: i64, notices: &mut Notices) {
        let changed_ms = found.stamp.changed_ns / 1_000_000;
        if self.rules.ignore_older_ms.is_some_and(|older| now_ms - changed_ms > older) {
            return;
        }
        self.next_id += 1;
        let Node { device, inode } = found.node;
        let id = format!("{device:x}-{inode:x}-{now_ms:x}-{}", self.next_id);
        let mut tail = Tail::begin(id.into(), found, content, now_ms);
        if self.is_first_start
            && let Err(error) = tail.skip_to_end(self.rules.max_line_bytes)
        {
            return notices.raise(&found.path, cannot("read file", &found.path, &error));
        }
        self.tails.push(tail);
    }

    /// Asks the open files for their sizes; `false` when a look at the directories is due.
    pub(super) fn refresh(&mut self, now_ms: i64) -> bool {
        let mut is_fine = true;
        for tail in &mut self.tails {
            is_fine &= tail.refresh(now_ms);
        }
        is_fine
    }

    /// Files with unread bytes, those of the oldest date first, and among equals the one whose
    /// last turn is longest ago.
    pub(super) fn ready(&self) -> BTreeSet<Turn> {
        let tails = self.tails.iter().enumerate();
        tails.filter(|(_, tail)| tail.is_ready()).map(|(index, tail)| order(index, tail)).collect()
    }

    /// Puts a file behind its equals.
    pub(super) fn take_turn(&mut self, index: usize) -> Option<Turn> {
        self.last_turn += 1;
        let tail = self.tails.get_mut(index)?;
        tail.turn = self.last_turn;
        Some(order(index, tail))
    }

    /// How this file ends now, if it does: it is out of sight or its time is over and nothing more
    /// was written to it, or a record of several lines has waited long enough.
    pub(super) fn ending(&self, tail: &Tail, now_ms: i64) -> Option<Ending> {
        if tail.is_ready() {
            return None;
        }
        let idle_since = |ms: i64| now_ms - ms.max(tail.grown_ms);
        let is_over = match (tail.state, tail.place.period) {
            (State::Missing(since), _) => {
                tail.is_open() && idle_since(since) >= self.rules.close_removed_ms
            }
            (State::Live, Some(period)) => {
                idle_since(period.end_ms) >= self.rules.late_write_grace_ms
            }
            _ => false,
        };
        if is_over {
            return Some(Ending::Final);
        }
        let gives_up = self.rules.has_records_of_lines
            && tail.is_reachable()
            && tail.has_remainder()
            && !tail.is_settled
            && now_ms - tail.grown_ms >= self.rules.multiline_timeout_ms;
        gives_up.then_some(Ending::WholeLines)
    }

    /// Closes files that nobody writes to, as many as there are too many.
    pub(super) fn close_idle(&mut self) {
        let open = self.tails.iter().filter(|tail| tail.is_open()).count();
        let surplus = open.saturating_sub(self.rules.max_open_files);
        if surplus == 0 {
            return;
        }
        // One out of sight could not be opened again.
        let may_close =
            |tail: &Tail| tail.is_open() && tail.state == State::Live && !tail.is_ready();
        let mut idle: Vec<_> = self.tails.iter_mut().filter(|tail| may_close(tail)).collect();
        idle.sort_unstable_by_key(|tail| tail.grown_ms);
        idle.into_iter().take(surplus).for_each(Tail::close);
    }

    /// Forgets files that are gone for so long that nobody will bring them back.
    ///
    /// A directory that is missing may only be unmounted: its files are kept.
    fn forget(&mut self, now_ms: i64) {
        let forget_ms = self.rules.forget_removed_ms;
        let forgotten = &mut self.forgotten;
        self.tails.retain(|tail| {
            let is_gone = !tail.is_open()
                && match tail.state {
                    State::Live => false,
                    State::Missing(_) | State::Orphaned(_) => true,
                    State::Finished => !tail.place.path.exists(),
                };
            let directory = tail.place.path.parent();
            let is_lost = is_gone
                && now_ms - tail.grown_ms >= forget_ms
                && directory.is_some_and(|directory| {
                    directory.as_os_str().is_empty() || directory.is_dir()
                });
            if is_lost {
                forgotten.push(Arc::clone(&tail.id));
            }
            !is_lost
        });
    }

    /// The offsets that have changed since the last call.
    pub(super) fn take_offsets(
        &mut self,
        now_ms: i64,
    ) -> Vec<(SourcePartition, Option<SourceOffset>)> {
        let forgotten = self.forgotten.drain(..).map(|id| (partition(&id), None));
        let dirty = self.tails.iter_mut().filter(|tail| tail.is_dirty).map(|tail| {
            tail.is_dirty = false;
            tail.offset(now_ms)
        });
        forgotten.chain(dirty).collect()
    }

    /// Lets go of all files.
    pub(super) fn close_all(&mut self) {
        self.tails.iter_mut().for_each(Tail::close);
    }
}

/// A file's place among those that are ready: its date, its last turn, and how old its bytes are.
pub(super) type Turn = (i64, u64, i64, usize);

fn order(index: usize, tail: &Tail) -> Turn {
    let start_ms = tail.place.period.map_or(i64::MAX, |period| period.start_ms);
    (start_ms, tail.turn, tail.born_ns, index)
}
