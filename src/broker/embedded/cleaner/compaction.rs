//! Compaction: of each key the last record stays.
//!
//! As in Kafka, the records that came since the last time are the *dirty* section; its keys decide
//! which earlier records, clean or dirty, are replaced. So memory grows with what is new, and a
//! section with too many keys is done in several rounds.
//!
//! A tombstone stays for `delete.retention.ms` after compaction first met it, so that whoever read
//! the record that it deletes has that long to learn of it (KIP-534).

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::broker::{
    ConsumerRecord, Result,
    embedded::{
        batch::{self, Entry, Frame, FrameBuilder},
        catalog::Partition,
        fault::Fault,
        fetch::{self, StoredBatch},
        log::Log,
        settings::TopicSettings,
    },
};

/// Memory for the keys of a dirty section.
const KEY_BYTES: usize = 32 << 20;
/// What a key costs beside its own bytes, roughly.
const KEY_COST: usize = 64;
/// Bytes of rewritten batches that go to the writer at once.
const PIECE_BYTES: usize = 4 << 20;

/// Offset of the last record of each key.
type LastOffsets = HashMap<Box<[u8]>, i64>;

/// What decides about the records of a section.
struct Rules {
    /// Of the keys of the dirty section.
    last: LastOffsets,
    now_ms: i64,
    delete_retention_ms: i64,
}

/// What becomes of a batch.
struct Rewrite {
    base_offset: i64,
    /// The batch that takes its place, with the time until which its tombstones stay.
    replacement: Option<(Frame, Option<i64>)>,
}

/// Compacts a partition if enough of it is dirty or tombstones are due.
pub(super) async fn apply(
    log: &Arc<Log>,
    partition: &Arc<Partition>,
    settings: &TopicSettings,
) -> Result<()> {
    let now_ms = log.clock.now_ms();
    let (of, by) = (Arc::clone(partition), settings.clone());
    let Some((rules, end)) = log.read(move |connection| plan(connection, &of, &by, now_ms)).await?
    else {
        return Ok(());
    };
    let rules = Arc::new(rules);
    let mut from = partition.low();
    while from < end {
        let (of, by) = (Arc::clone(partition), Arc::clone(&rules));
        let (rewrites, next) =
            log.read(move |connection| rewrites(connection, &of, &by, from..end)).await?;
        let id = partition.id;
        let is_last = next >= end;
        log.change(
            move |transaction| {
                for rewrite in &rewrites {
                    store(transaction, id, rewrite)?;
                }
                if is_last {
                    transaction.execute(
                        "UPDATE partition SET compacted_to = ?1, least_high = max(least_high, ?1)
                         WHERE id = ?2",
                        params![end, id],
                    )?;
                }
                Ok(())
            },
            |()| {},
        )
        .await?;
        from = next;
    }
    Ok(())
}

/// The rules for a section and where it ends; none if there is nothing to do.
fn plan(
    connection: &Connection,
    partition: &Arc<Partition>,
    settings: &TopicSettings,
    now_ms: i64,
) -> Result<Option<(Rules, i64)>, Fault> {
    let found = connection
        .query_row("SELECT compacted_to FROM partition WHERE id = ?", [partition.id], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(clean_to) = found else { return Ok(None) };
    let lag_end = section_end(connection, partition, settings, now_ms)?;
    let (dirty, total, is_due) = connection.query_row(
        "SELECT coalesce(sum(bytes) FILTER (WHERE base_offset >= ?2 AND base_offset < ?3), 0),
                coalesce(sum(bytes), 0),
                coalesce(max(tombstones_until_ms <= ?4), 0)
         FROM batch WHERE partition = ?1",
        params![partition.id, clean_to, lag_end, now_ms],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?)),
    )?;
    let kib =
        |bytes: i64| f64::from(u32::try_from(bytes.saturating_add(1023) >> 10).unwrap_or(u32::MAX));
    let is_dirty = dirty > 0 && kib(dirty) >= kib(total) * settings.min_cleanable_dirty_ratio;
    if !is_dirty && !is_due {
        return Ok(None);
    }
    let (last, end) = last_offsets(connection, partition, clean_to..lag_end.max(clean_to))?;
    let delete_retention_ms = settings.delete_retention_ms;
    Ok(Some((Rules { last, now_ms, delete_retention_ms }, end)))
}

/// Where records are too young to be compacted.
fn section_end(
    connection: &Connection,
    partition: &Partition,
    settings: &TopicSettings,
    now_ms: i64,
) -> Result<i64, Fault> {
    let high = partition.high();
    if settings.min_compaction_lag_ms == 0 {
        return Ok(high);
    }
    let youngest_ms = now_ms.saturating_sub(settings.min_compaction_lag_ms);
    let young = connection
        .query_row(
            "SELECT base_offset FROM batch WHERE partition = ? AND max_timestamp_ms > ?
             ORDER BY base_offset LIMIT 1",
            params![partition.id, youngest_ms],
            |row| row.get(0),
        )
        .optional()?;
    Ok(young.unwrap_or(high).min(high))
}

/// The last offset of each key in the dirty section, and where that was ended.
fn last_offsets(
    connection: &Connection,
    partition: &Partition,
    dirty: Range<i64>,
) -> Result<(LastOffsets, i64), Fault> {
    let mut last = LastOffsets::new();
    let mut end = dirty.end;
    let mut room = KEY_BYTES;
    fetch::visit(connection, partition, dirty, |stored| {
        for record in batch::records(&stored.frame, stored.base_offset)? {
            let Some(key) = record.key else { continue };
            if last.insert(Box::from(key.as_ref()), record.offset).is_none() {
                room = room.saturating_sub(key.len() + KEY_COST);
            }
        }
        if room == 0 {
            end = stored.last_offset + 1;
        }
        Ok(room > 0)
    })?;
    Ok((last, end))
}

/// What becomes of the batches of a part of the section, and where that part ends.
fn rewrites(
    connection: &Connection,
    partition: &Partition,
    rules: &Rules,
    offsets: Range<i64>,
) -> Result<(Vec<Rewrite>, i64), Fault> {
    let mut rewrites = Vec::new();
    let mut bytes = 0;
    let mut next = offsets.end;
    let mut until = connection.prepare_cached(
        "SELECT tombstones_until_ms FROM batch WHERE partition = ? AND base_offset = ?",
    )?;
    fetch::visit(connection, partition, offsets, |stored| {
        if bytes >= PIECE_BYTES {
            next = stored.base_offset;
            return Ok(false);
        }
        let tombstones_until_ms =
            until.query_row([partition.id, stored.base_offset], |row| row.get(0)).optional()?;
        bytes += stored.frame.len();
        rewrites.extend(rules.rewrite(&stored, tombstones_until_ms.flatten())?);
        Ok(true)
    })?;
    Ok((rewrites, next))
}

impl Rules {
    /// What becomes of a batch; none if it stays as it is.
    fn rewrite(
        &self,
        stored: &StoredBatch,
        until_ms: Option<i64>,
    ) -> Result<Option<Rewrite>, Fault> {
        let records = batch::records(&stored.frame, stored.base_offset)?;
        let before = records.len();
        let is_due = until_ms.is_some_and(|until_ms| until_ms <= self.now_ms);
        let kept: Vec<ConsumerRecord> = records
            .into_iter()
            .filter(|record| self.is_last(record) && !(is_due && record.value.is_none()))
            .collect();
        let has_tombstones = kept.iter().any(|record| record.value.is_none());
        let new_until_ms = has_tombstones.then(|| {
            until_ms.unwrap_or_else(|| self.now_ms.saturating_add(self.delete_retention_ms))
        });
        if kept.len() == before && new_until_ms == until_ms {
            return Ok(None);
        }
        let base_offset = stored.base_offset;
        let replacement = match kept.first() {
            Some(first) => {
                let frame = sparse_frame(base_offset, first, &kept)?;
                Some((frame, new_until_ms))
            }
            None => None,
        };
        Ok(Some(Rewrite { base_offset, replacement }))
    }

    /// Whether no later record of the section has the key.
    fn is_last(&self, record: &ConsumerRecord) -> bool {
        let key = record.key.as_ref().map(Bytes::as_ref);
        key.and_then(|key| self.last.get(key)).is_none_or(|last| *last <= record.offset)
    }
}

fn sparse_frame(
    base_offset: i64,
    first: &ConsumerRecord,
    records: &[ConsumerRecord],
) -> Result<Frame, Fault> {
    let mut builder = FrameBuilder::sparse(first.timestamp_type);
    for record in records {
        let distance = u64::try_from(record.offset - base_offset)
            .map_err(|_negative| Fault::broken("A record lies before its batch"))?;
        builder.push_at(
            distance,
            Entry {
                timestamp_ms: record.timestamp_ms.unwrap_or_default(),
                key: record.key.as_ref(),
                value: record.value.as_ref(),
                headers: &record.headers,
            },
        );
    }
    Ok(builder.finish())
}

/// Puts what a batch becomes in its place; its offsets stay, so that those of later ones do.
fn store(transaction: &Transaction<'_>, partition: i64, rewrite: &Rewrite) -> Result<(), Fault> {
    let base_offset = rewrite.base_offset;
    let payload: Option<i64> = transaction
        .prepare_cached("SELECT payload FROM batch WHERE partition = ? AND base_offset = ?")?
        .query_row([partition, base_offset], |row| row.get(0))
        .optional()?;
    // The topic was deleted meanwhile.
    let Some(payload) = payload else { return Ok(()) };
    let Some((frame, until_ms)) = &rewrite.replacement else {
        transaction.prepare_cached("DELETE FROM payload WHERE id = ?")?.execute([payload])?;
        transaction
            .prepare_cached("DELETE FROM batch WHERE partition = ? AND base_offset = ?")?
            .execute([partition, base_offset])?;
        return Ok(());
    };
    transaction
        .prepare_cached("UPDATE payload SET frame = ? WHERE id = ?")?
        .execute(params![frame.bytes, payload])?;
    let bytes = i64::try_from(frame.bytes.len()).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "UPDATE batch SET max_timestamp_ms = ?, bytes = ?, tombstones_until_ms = ?
             WHERE partition = ? AND base_offset = ?",
        )?
        .execute(params![frame.max_timestamp_ms, bytes, until_ms, partition, base_offset])?;
    Ok(())
}
