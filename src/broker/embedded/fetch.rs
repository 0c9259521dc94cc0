//! Reads records.

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::{batch, catalog::Partition, fault::Fault};
use crate::broker::{ConsumerRecord, PartitionRecords};

/// A batch as the log's index has it, with its bytes.
#[derive(Debug)]
pub(super) struct StoredBatch {
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) frame: Bytes,
}

/// Records of a partition from an offset on, whole batches until `max_bytes` is reached, at least
/// one. Everything stored by the time of the call is found; `next_offset` is past what was.
pub(super) fn fetch(
    connection: &Connection,
    partition: &Partition,
    from: i64,
    max_bytes: usize,
) -> Result<PartitionRecords, Fault> {
    // Before the query: what is stored later may be seen by it, but must not be skipped.
    let high = partition.high();
    let mut records: Vec<ConsumerRecord> = Vec::new();
    let mut next_offset = high.max(from);
    let mut bytes = 0;
    visit(connection, partition, from..high, |batch| {
        if bytes >= max_bytes {
            return Ok(false);
        }
        bytes += batch.frame.len();
        next_offset = batch.last_offset + 1;
        let mut read = batch::records(&batch.frame, batch.base_offset)?;
        if batch.base_offset < from {
            read.retain(|record| record.offset >= from);
        }
        if records.is_empty() {
            records = read;
        } else {
            records.append(&mut read);
        }
        Ok(true)
    })?;
    if bytes < max_bytes {
        next_offset = high.max(from);
    }
    Ok(PartitionRecords { partition: partition.name.clone(), records, next_offset })
}

/// Shows the batches that hold these offsets, by rising offset, until told to stop.
pub(super) fn visit(
    connection: &Connection,
    partition: &Partition,
    offsets: std::ops::Range<i64>,
    mut show: impl FnMut(StoredBatch) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT base_offset, last_offset, frame
         FROM batch LEFT JOIN payload ON payload.id = batch.payload
         WHERE partition = ?1 AND base_offset < ?3 AND last_offset >= ?2 AND base_offset >= coalesce(
             (SELECT max(base_offset) FROM batch WHERE partition = ?1 AND base_offset <= ?2), 0)
         ORDER BY base_offset",
    )?;
    let mut rows = statement.query(params![partition.id, offsets.start, offsets.end])?;
    while let Some(row) = rows.next()? {
        let frame = row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
        let base_offset = row.get(0)?;
        let frame = frame.ok_or_else(|| {
            Fault::broken(format!("The batch at {} of {} is gone", base_offset, partition.name))
        })?;
        let frame = Bytes::copy_from_slice(frame);
        if !show(StoredBatch { base_offset, last_offset: row.get(1)?, frame })? {
            break;
        }
    }
    Ok(())
}

/// Bytes of a record's key and value.
pub(super) fn size_of(record: &ConsumerRecord) -> usize {
    let bytes = |data: &Option<Bytes>| data.as_ref().map_or(0, Bytes::len);
    bytes(&record.key) + bytes(&record.value)
}
