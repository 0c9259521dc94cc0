//! The table of offsets: who owns a partition, and how far its records are rows.

use connect_api::{
    error::{ConnectorError, ErrorClass},
    record::TopicPartition,
};
use connect_postgres::Failure;
use futures::future::join;
use tokio_postgres::{Client, Row, Statement, types::ToSql};

use super::{
    super::{Claim, Claims, Job, Moves, OffsetMove, Usage, Written, moved},
    failure::{Judgement as _, TERMS},
    session::Session,
};

fn definition(table: &str) -> String {
    format!(
        "CREATE TABLE {table} (connector TEXT NOT NULL, topic TEXT NOT NULL, \
         kafka_partition INTEGER NOT NULL, epoch BIGINT NOT NULL, next_offset BIGINT, \
         PRIMARY KEY (connector, topic, kafka_partition))"
    )
}

/// Makes the table when it is missing and takes partitions over, in their order, so that two tasks
/// that take the same ones wait for each other and never in a circle.
pub(super) async fn claim(
    session: &mut Session,
    usage: &Usage,
    table: &str,
    is_there: bool,
    partitions: &[TopicPartition],
) -> Result<Claims, Failure> {
    if !is_there {
        let known = "SELECT to_regclass($1) IS NOT NULL";
        if !session.client.query_one(known, &[&table]).await?.try_get(0)? {
            let made = session.client.batch_execute(&definition(table)).await;
            match made.map_err(Failure::from) {
                Err(failure) if !failure.is_there() => return Err(failure),
                _ => {}
            }
        }
    }
    let claim = format!(
        "INSERT INTO {table} AS known VALUES ($1, $2, $3, 1, NULL) \
         ON CONFLICT (connector, topic, kafka_partition) DO UPDATE SET epoch = known.epoch + 1 \
         RETURNING epoch, next_offset"
    );
    let mut sorted: Vec<_> = partitions.iter().collect();
    sorted.sort();
    let mut claims = Claims::new();
    session.client.batch_execute("BEGIN").await?;
    for of in sorted {
        let statement = session.prepared(&claim).await?;
        let (connector, topic, number) = (&*usage.connector, &*of.topic, of.partition);
        let row = session.client.query_one(&statement, &[&connector, &topic, &number]).await?;
        claims.insert(of.clone(), Claim { epoch: row.try_get(0)?, next: row.try_get(1)? });
    }
    session.client.batch_execute("COMMIT").await?;
    Ok(claims)
}

/// Sets where partitions go on, or forgets it, of all without offsets. Rows stay, with a new epoch: a row
/// made anew could have the epoch of a task that is still writing.
pub(super) async fn move_claims(
    session: &mut Session,
    usage: &Usage,
    table: &str,
    offsets: Option<&Moves>,
) -> Result<(), Failure> {
    let connector = &*usage.connector;
    let Some(offsets) = offsets else {
        let forget = format!(
            "UPDATE {table} SET epoch = epoch + 1, next_offset = NULL WHERE connector = $1"
        );
        session.client.execute(&forget, &[&connector]).await?;
        return Ok(());
    };
    let set = format!(
        "INSERT INTO {table} AS known VALUES ($1, $2, $3, 1, $4) \
         ON CONFLICT (connector, topic, kafka_partition) DO UPDATE \
         SET epoch = known.epoch + 1, next_offset = EXCLUDED.next_offset"
    );
    let mut sorted: Vec<_> = offsets.iter().collect();
    sorted.sort();
    session.client.batch_execute("BEGIN").await?;
    for (of, next) in sorted {
        let statement = session.prepared(&set).await?;
        session.client.execute(&statement, &[&connector, &&*of.topic, &of.partition, next]).await?;
    }
    session.client.batch_execute("COMMIT").await?;
    Ok(())
}

/// What is said when the table of offsets cannot be made or used.
pub(super) fn explain(failure: Failure, shown: &str, table: &str) -> ConnectorError {
    let explained = failure.explain(shown, &TERMS);
    if explained.class() != ErrorClass::Forbidden {
        return explained;
    }
    let hint = format!(
        "Let the user create tables, or create it yourself by \"{}\" and grant its use, or set \
         \"offsets.table\" to nothing, which lets a crash write rows twice",
        definition(table)
    );
    ConnectorError::new(
        explained.class(),
        format!("Could not keep offsets beside the rows in table {table}"),
    )
    .hint(hint)
    .caused_by(explained)
}

/// The statement that locks the offsets of a job; nothing where none are kept.
pub(super) async fn lock(
    session: &mut Session,
    usage: &Usage,
    job: &Job<'_>,
) -> Result<Option<Statement>, Failure> {
    if job.offsets.is_empty() {
        return Ok(None);
    }
    let table = usage.offsets_table()?;
    let select = format!(
        "SELECT topic, kafka_partition, epoch, next_offset FROM {table} \
         WHERE connector = $1 AND (topic, kafka_partition) IN \
         (SELECT * FROM unnest($2::text[], $3::int[])) \
         ORDER BY topic, kafka_partition FOR UPDATE"
    );
    Ok(Some(session.prepared(&select).await?))
}

/// Begins a transaction. What comes back is why it must be undone: the table knows better of a partition
/// of the job, none of which anybody else may change until the transaction ends.
///
/// All is sent when this is first polled; what is sent after it is part of the transaction.
pub(super) async fn begin(
    client: &Client,
    usage: &Usage,
    job: &Job<'_>,
    lock: Option<&Statement>,
) -> Result<Option<Written>, Failure> {
    let begun = client.batch_execute("BEGIN");
    let Some(lock) = lock else {
        begun.await?;
        return Ok(None);
    };
    let (topics, numbers) = columns(job.offsets);
    let connector = &*usage.connector;
    let arguments: [&(dyn ToSql + Sync); 3] = [&connector, &topics, &numbers];
    let (begun, rows) = join(begun, client.query(lock, &arguments)).await;
    begun?;
    let claims = rows?.iter().map(claim_of).collect::<Result<Claims, Failure>>()?;
    Ok(moved(job.offsets, &claims))
}

fn claim_of(row: &Row) -> Result<(TopicPartition, Claim), Failure> {
    let partition = TopicPartition::new(row.try_get::<_, &str>(0)?, row.try_get(1)?);
    Ok((partition, Claim { epoch: row.try_get(2)?, next: row.try_get(3)? }))
}

/// Moves the offsets of a job and commits the transaction.
pub(super) async fn commit(
    session: &mut Session,
    usage: &Usage,
    job: &Job<'_>,
) -> Result<(), Failure> {
    if job.offsets.is_empty() {
        return Ok(session.client.batch_execute("COMMIT").await?);
    }
    let table = usage.offsets_table()?;
    let update = format!(
        "UPDATE {table} AS known SET next_offset = new.next_offset \
         FROM unnest($2::text[], $3::int[], $4::bigint[]) AS new (topic, number, next_offset) \
         WHERE connector = $1 AND known.topic = new.topic AND kafka_partition = new.number"
    );
    let statement = session.prepared(&update).await?;
    let (topics, numbers) = columns(job.offsets);
    let ends: Vec<_> = job.offsets.iter().map(|of| of.end).collect();
    let connector = &*usage.connector;
    let arguments: [&(dyn ToSql + Sync); 4] = [&connector, &topics, &numbers, &ends];
    // Sent at once: where offsets cannot be moved, the server takes the commit for a rollback.
    let moved = session.client.execute(&statement, &arguments);
    let (moved, committed) = join(moved, session.client.batch_execute("COMMIT")).await;
    moved?;
    Ok(committed?)
}

fn columns(offsets: &[OffsetMove]) -> (Vec<&str>, Vec<i32>) {
    offsets.iter().map(|of| (&*of.partition.topic, of.partition.partition)).unzip()
}
