//! `retention.ms` and `retention.bytes`: the oldest records go first.

use std::sync::Arc;

use rusqlite::{Connection, Transaction, params};

use super::remove_piece;
use crate::broker::{
    Result,
    embedded::{catalog::Partition, fault::Fault, log::Log, settings::TopicSettings},
};

/// Takes away what is too old or too much of a partition.
pub(super) async fn apply(
    log: &Arc<Log>,
    partition: &Arc<Partition>,
    settings: &TopicSettings,
) -> Result<()> {
    let id = partition.id;
    let oldest_ms = settings.retention_ms.map(|age| log.clock.now_ms().saturating_sub(age));
    let most_bytes = settings.retention_bytes;
    let end =
        log.read(move |connection| new_beginning(connection, id, oldest_ms, most_bytes)).await?;
    while partition.low() < end {
        let remove = move |transaction: &Transaction<'_>| {
            let low = remove_piece(transaction, id, end)?.unwrap_or(end);
            let mut update = transaction.prepare_cached(
                "UPDATE partition SET low = max(low, ?1), least_high = max(least_high, ?1)
                 WHERE id = ?2",
            )?;
            update.execute(params![low, id])?;
            Ok(low)
        };
        let shown = Arc::clone(partition);
        log.change(remove, move |low| shown.set_low(*low)).await?;
    }
    Ok(())
}

/// Offset before which everything may go. As in Kafka, a batch goes by its latest timestamp, none
/// goes before an older one, and by size one goes only if what is left still fills the limit.
fn new_beginning(
    connection: &Connection,
    partition: i64,
    oldest_ms: Option<i64>,
    most_bytes: Option<i64>,
) -> Result<i64, Fault> {
    let mut all = connection
        .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM batch WHERE partition = ?")?;
    let mut bytes_left: i64 = all.query_row([partition], |row| row.get(0))?;
    let mut batches = connection.prepare_cached(
        "SELECT last_offset, max_timestamp_ms, bytes FROM batch
         WHERE partition = ? ORDER BY base_offset",
    )?;
    let mut rows = batches.query([partition])?;
    let mut end = 0;
    while let Some(row) = rows.next()? {
        let (latest_ms, bytes): (i64, i64) = (row.get(1)?, row.get(2)?);
        let is_too_old = oldest_ms.is_some_and(|oldest_ms| latest_ms < oldest_ms);
        let is_too_much = most_bytes.is_some_and(|most| bytes_left - bytes >= most);
        if !is_too_old && !is_too_much {
            break;
        }
        bytes_left -= bytes;
        end = row.get::<_, i64>(0)? + 1;
    }
    Ok(end)
}
