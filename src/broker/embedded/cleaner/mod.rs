//! Takes away what is not wanted any more: records past their retention, records that a later one
//! with the same key replaces, records of deleted topics.
//!
//! What to do is found out on a reading connection; what is done goes to the writer in small
//! pieces, so that those who append never wait long. Offsets never change.

mod compaction;
mod retention;

use std::sync::{Arc, Weak};
use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, params};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{fault::Fault, log::Log};
use crate::broker::Result;

/// Time between two rounds: `log.retention.check.interval.ms` of Kafka's brokers.
const INTERVAL: Duration = Duration::from_mins(5);

/// Most batches that one transaction takes away: some milliseconds' worth.
const PIECE_BATCHES: i64 = 4096;
/// Most bytes that one transaction takes away, for the same reason.
const PIECE_BYTES: i64 = 16 << 20;

/// Cleans now and then, and when asked to.
pub(super) async fn run(log: Weak<Log>, cleaning: Arc<Notify>, closed: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = closed.cancelled() => return,
            () = cleaning.notified() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let Some(log) = log.upgrade() else { return };
        tokio::select! {
            biased;
            () = closed.cancelled() => return,
            outcome = clean(&log) => if let Err(error) = outcome {
                tracing::warn!(
                    error = connect_api::error::chain(&error),
                    "Could not clean the embedded log; it is tried again later"
                );
            },
        }
    }
}

/// One round.
pub(super) async fn clean(log: &Arc<Log>) -> Result<()> {
    remove_orphans(log).await?;
    for topic in log.catalog.topics() {
        for partition in &topic.partitions {
            if topic.settings.is_deleted_from {
                retention::apply(log, partition, &topic.settings).await?;
            }
            if topic.settings.is_compacted {
                compaction::apply(log, partition, &topic.settings).await?;
            }
        }
    }
    Ok(())
}

/// Takes away the batches of partitions that were deleted.
async fn remove_orphans(log: &Arc<Log>) -> Result<()> {
    let mut after = i64::MIN;
    while let Some((partition, is_orphan)) = log
        .read(move |connection| {
            let mut next = connection.prepare_cached(
                "SELECT batch.partition, partition.id IS NULL
             FROM batch LEFT JOIN partition ON partition.id = batch.partition
             WHERE batch.partition > ? ORDER BY batch.partition LIMIT 1",
            )?;
            Ok(next.query_row([after], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
        })
        .await?
    {
        let remove =
            move |transaction: &Transaction<'_>| remove_piece(transaction, partition, i64::MAX);
        // A transaction that goes on has what it sent in a partition without a topic, too.
        let is_orphan = is_orphan && !log.staging.is_used(partition);
        while is_orphan && log.change(remove, |_end| {}).await?.is_some() {}
        after = partition;
    }
    Ok(())
}

/// Takes away some batches that end before `end`, oldest first, and returns where what is left
/// begins; none when there is nothing to take away.
fn remove_piece(
    transaction: &Transaction<'_>,
    partition: i64,
    end: i64,
) -> Result<Option<i64>, Fault> {
    let mut oldest = transaction.prepare_cached(
        "SELECT base_offset, last_offset, bytes, payload FROM batch
         WHERE partition = ? AND last_offset < ? ORDER BY base_offset LIMIT ?",
    )?;
    let mut remove_payload = transaction.prepare_cached("DELETE FROM payload WHERE id = ?")?;
    let mut remove_batch =
        transaction.prepare_cached("DELETE FROM batch WHERE partition = ? AND base_offset = ?")?;
    let batches = oldest
        .query_map(params![partition, end, PIECE_BATCHES], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<Vec<(i64, i64, i64, i64)>, _>>()?;
    let mut room = PIECE_BYTES;
    let mut removed_to = None;
    for (base_offset, last_offset, bytes, payload) in batches {
        remove_payload.execute([payload])?;
        remove_batch.execute([partition, base_offset])?;
        removed_to = Some(last_offset + 1);
        room -= bytes;
        if room <= 0 {
            break;
        }
    }
    Ok(removed_to)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use connect_api::time::SystemClock;

    use crate::{
        broker::{
            Broker, ClientSettings, ProducerRecord, ProducerSettings, embedded::EmbeddedBroker,
        },
        tasks::TaskGroup,
    };

    async fn frames(log: &EmbeddedBroker) -> i64 {
        let count = "SELECT count(*) FROM payload JOIN batch ON payload.id = batch.payload";
        let read =
            log.log.read(|connection| Ok(connection.query_row(count, [], |row| row.get(0))?));
        read.await.unwrap()
    }

    #[tokio::test]
    async fn records_of_a_deleted_topic_leave_the_disk_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let log = EmbeddedBroker::open(directory.path(), Arc::new(SystemClock), &TaskGroup::new());
        let log = log.unwrap();
        let mut producer = log.producer(&ProducerSettings::default()).await.unwrap();
        for topic in ["kept", "deleted", "kept", "deleted", "deleted"] {
            let record = ProducerRecord {
                topic: topic.into(),
                partition: None,
                key: None,
                value: Some(Bytes::from_static(b"v")),
                timestamp_ms: None,
                headers: Vec::new(),
            };
            producer.send(vec![record]).await.unwrap().await.unwrap();
        }
        assert_eq!(frames(&log).await, 5);
        let admin = log.admin(&ClientSettings::default()).await.unwrap();
        admin.delete_topic("deleted").await.unwrap();
        log.clean().await.unwrap();
        assert_eq!(frames(&log).await, 2);
        let kept = admin.describe_topics(&["kept".to_owned(), "deleted".to_owned()]).await.unwrap();
        assert_eq!(kept.into_keys().collect::<Vec<_>>(), ["kept"]);
    }
}
