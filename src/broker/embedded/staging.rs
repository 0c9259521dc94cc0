//! Where long transactions wait on the disk.
//!
//! A transaction may last as long as its producer likes, and memory must not grow with it. What is
//! sent beyond a few megabytes is stored as batches of a partition that nobody reads, with a
//! negative number; the commit gives them their partitions and offsets without touching their
//! bytes. What is left over after an abort, a fence or a crash is an orphan for the cleaner.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use rusqlite::{Connection, Transaction, params};
use tokio::sync::Notify;

use super::{batch::Frame, catalog::Partition, fault::Fault};

/// Frames with the partitions they go to, in their order.
pub(super) type Frames = Vec<(Arc<Partition>, Frame)>;

/// Hands out areas, and knows which are in use.
#[derive(Debug)]
pub(super) struct Staging {
    last: AtomicI64,
    used: Mutex<BTreeSet<i64>>,
    cleaning: Arc<Notify>,
}

impl Staging {
    /// Goes on below what an earlier process left behind, and has that taken away.
    pub(super) fn load(connection: &Connection, cleaning: Arc<Notify>) -> Result<Self, Fault> {
        let lowest: Option<i64> =
            connection.query_row("SELECT min(partition) FROM batch", [], |row| row.get(0))?;
        let last = lowest.unwrap_or_default().min(0);
        if last < 0 {
            cleaning.notify_one();
        }
        Ok(Self { last: AtomicI64::new(last), used: Mutex::default(), cleaning })
    }

    /// Whether a producer still uses the area.
    pub(super) fn is_used(&self, area: i64) -> bool {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).contains(&area)
    }

    /// A new area.
    pub(super) fn area(self: &Arc<Self>) -> Area {
        let id = self.last.fetch_sub(1, Ordering::Relaxed) - 1;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Area { id, next_place: 0, frames: Vec::new(), staging: Arc::clone(self) }
    }
}

/// What one transaction has on the disk; given up when dropped.
#[derive(Debug)]
pub(super) struct Area {
    id: i64,
    next_place: i64,
    frames: Vec<StagedFrame>,
    staging: Arc<Staging>,
}

/// A frame on the disk that has no offset yet.
#[derive(Debug)]
pub(super) struct StagedFrame {
    pub(super) partition: Arc<Partition>,
    pub(super) records: u32,
    /// Where it lies in the area.
    pub(super) place: i64,
}

impl Area {
    /// Places for frames; they are not used again, whether the frames get there or not.
    pub(super) fn reserve(&mut self, frames: &Frames) -> Vec<StagedFrame> {
        let places = self.next_place..;
        let reserve = |((partition, frame), place): (&(Arc<Partition>, Frame), i64)| StagedFrame {
            partition: Arc::clone(partition),
            records: frame.records,
            place,
        };
        let staged: Vec<StagedFrame> = frames.iter().zip(places).map(reserve).collect();
        self.next_place = staged.last().map_or(self.next_place, |frame| frame.place + 1);
        staged
    }

    /// Its number.
    pub(super) const fn id(&self) -> i64 {
        self.id
    }

    /// Notes frames that are on the disk now.
    pub(super) fn add(&mut self, frames: Vec<StagedFrame>) {
        self.frames.extend(frames);
    }

    /// What is on the disk, in the order it was sent.
    pub(super) fn frames(&self) -> &[StagedFrame] {
        &self.frames
    }

    /// Gives a frame its place in its partition.
    pub(super) fn publish(
        &self,
        transaction: &Transaction<'_>,
        frame: &StagedFrame,
        base_offset: i64,
    ) -> Result<(), Fault> {
        let last_offset = base_offset + i64::from(frame.records) - 1;
        let moved = transaction
            .prepare_cached(
                "UPDATE batch SET partition = ?, base_offset = ?, last_offset = ?
                 WHERE partition = ? AND base_offset = ?",
            )?
            .execute(params![frame.partition.id, base_offset, last_offset, self.id, frame.place])?;
        if moved == 1 {
            return Ok(());
        }
        Err(Fault::broken(format!("A part of a transaction for {} is gone", frame.partition.name)))
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let mut used = self.staging.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.remove(&self.id);
        drop(used);
        self.staging.cleaning.notify_one();
    }
}

/// Stores frames in the places that an area has reserved for them.
pub(super) fn store(
    transaction: &Transaction<'_>,
    area: i64,
    frames: &Frames,
    first_place: i64,
) -> Result<(), Fault> {
    for ((_, frame), place) in frames.iter().zip(first_place..) {
        insert_batch(transaction, frame, area, place..place + 1)?;
    }
    Ok(())
}

/// Stores a frame at these offsets of a partition.
pub(super) fn insert_batch(
    transaction: &Transaction<'_>,
    frame: &Frame,
    partition: i64,
    offsets: std::ops::Range<i64>,
) -> Result<(), Fault> {
    let payload = transaction
        .prepare_cached("INSERT INTO payload (frame) VALUES (?)")?
        .insert(params![frame.bytes])?;
    transaction
        .prepare_cached(
            "INSERT INTO batch
                 (partition, base_offset, last_offset, max_timestamp_ms, bytes, payload)
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            partition,
            offsets.start,
            offsets.end - 1,
            frame.max_timestamp_ms,
            i64::try_from(frame.bytes.len()).unwrap_or(i64::MAX),
            payload,
        ])?;
    Ok(())
}
