//! The statements, each inside the transaction of its caller.

use std::collections::HashMap;

use connect_api::{error::ErrorClass, record::TopicPartition};
use connect_postgres::Failure;
use tokio_postgres::Transaction;

use super::super::{
    Claim, StoredOffsets, damaged, newer_schema, other_definition,
    plan::{Owners, Plan, SCHEMA_VERSION, count_of, measures_text},
};
use crate::{cell::Cell, definition::Definition};

/// Statements that bring the tables from one version to the next. Group values may be longer than
/// an index entry, hence the digest.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE millrace_aggregate (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL
    );
    CREATE TABLE millrace_aggregate_offset (
        aggregate BIGINT NOT NULL REFERENCES millrace_aggregate (id),
        topic TEXT NOT NULL,
        kafka_partition INTEGER NOT NULL,
        epoch BIGINT NOT NULL,
        next_offset BIGINT,
        PRIMARY KEY (aggregate, topic, kafka_partition)
    );
    CREATE TABLE millrace_aggregate_row (
        aggregate BIGINT NOT NULL REFERENCES millrace_aggregate (id),
        window_start_ms BIGINT NOT NULL,
        group_values TEXT NOT NULL,
        record_count BIGINT NOT NULL,
        measures TEXT NOT NULL,
        state BYTEA NOT NULL
    );
    CREATE UNIQUE INDEX millrace_aggregate_row_key
        ON millrace_aggregate_row (aggregate, window_start_ms, md5(group_values));
"];

/// Serialises the making of the tables; any number that nobody else locks.
const SCHEMA_LOCK: i64 = 0x6d69_6c6c_7261_6365;

/// Rows of one statement: its arrays stay some megabytes, whatever a row holds.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Version of the tables; 0 when there are none.
pub(super) async fn version(transaction: &Transaction<'_>) -> Result<i64, Failure> {
    let known = "SELECT to_regclass('millrace_aggregate_schema') IS NOT NULL";
    if !transaction.query_one(known, &[]).await?.try_get(0)? {
        return Ok(0);
    }
    let row = transaction.query_one("SELECT version FROM millrace_aggregate_schema", &[]).await?;
    let version: i64 = row.try_get(0)?;
    if version > SCHEMA_VERSION { Err(newer_schema(version).into()) } else { Ok(version) }
}

/// Makes or changes the tables, one writer at a time.
pub(super) async fn prepare_schema(
    transaction: &Transaction<'_>,
    seen: i64,
) -> Result<(), Failure> {
    if seen == SCHEMA_VERSION {
        return Ok(());
    }
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK]).await?;
    let seen = version(transaction).await?;
    if seen == SCHEMA_VERSION {
        return Ok(());
    }
    for statements in MIGRATIONS.iter().skip(usize::try_from(seen).unwrap_or(0)) {
        transaction.batch_execute(statements).await?;
    }
    let note = format!(
        "CREATE TABLE IF NOT EXISTS millrace_aggregate_schema (version BIGINT NOT NULL);
         DELETE FROM millrace_aggregate_schema;
         INSERT INTO millrace_aggregate_schema VALUES ({SCHEMA_VERSION});"
    );
    Ok(transaction.batch_execute(&note).await?)
}

/// Number of the aggregate, when the store knows it.
pub(super) async fn find(
    transaction: &Transaction<'_>,
    definition: &Definition,
) -> Result<Option<i64>, Failure> {
    let select = "SELECT id, definition FROM millrace_aggregate WHERE name = $1";
    match transaction.query_opt(select, &[&definition.name]).await? {
        Some(row) if row.try_get::<_, &str>(1)? != definition.fingerprint() => {
            Err(other_definition(definition, ErrorClass::Conflict).into())
        }
        Some(row) => Ok(Some(row.try_get(0)?)),
        None => Ok(None),
    }
}

/// Number of the aggregate, whose row is locked until the transaction ends.
pub(super) async fn find_or_add(
    transaction: &Transaction<'_>,
    definition: &Definition,
) -> Result<i64, Failure> {
    let lock = "SELECT id, definition FROM millrace_aggregate WHERE name = $1 FOR UPDATE";
    let known = transaction.query_opt(lock, &[&definition.name]).await?;
    let row = match known {
        Some(row) => row,
        None => {
            let add = "INSERT INTO millrace_aggregate (name, definition) VALUES ($1, $2) \
                ON CONFLICT DO NOTHING";
            let fingerprint = definition.fingerprint();
            transaction.execute(add, &[&definition.name, &fingerprint]).await?;
            transaction.query_one(lock, &[&definition.name]).await?
        }
    };
    if row.try_get::<_, &str>(1)? == definition.fingerprint() {
        return Ok(row.try_get(0)?);
    }
    Err(other_definition(definition, ErrorClass::Invalid).into())
}

/// Takes partitions over.
pub(super) async fn claim(
    transaction: &Transaction<'_>,
    id: i64,
    partitions: &[TopicPartition],
) -> Result<Vec<Claim>, Failure> {
    let claim = transaction
        .prepare(
            "INSERT INTO millrace_aggregate_offset AS known VALUES ($1, $2, $3, 1, NULL) \
             ON CONFLICT (aggregate, topic, kafka_partition) DO UPDATE SET epoch = known.epoch + 1 \
             RETURNING epoch, next_offset",
        )
        .await?;
    let mut claims = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let row =
            transaction.query_one(&claim, &[&id, &&*partition.topic, &partition.partition]).await?;
        let (epoch, offset) = (row.try_get(0)?, row.try_get(1)?);
        claims.push(Claim { partition: partition.clone(), epoch, offset });
    }
    Ok(claims)
}

/// Epoch and offset of each partition.
pub(super) async fn owners(transaction: &Transaction<'_>, id: i64) -> Result<Owners, Failure> {
    let select = "SELECT topic, kafka_partition, epoch, next_offset \
        FROM millrace_aggregate_offset WHERE aggregate = $1";
    let rows = transaction.query(select, &[&id]).await?;
    let owners = rows.iter().map(|row| {
        let partition = TopicPartition::new(row.try_get::<_, &str>(0)?, row.try_get(1)?);
        Ok((partition, (row.try_get(2)?, row.try_get(3)?)))
    });
    owners.collect()
}

/// Offset of each partition that has one.
pub(super) async fn offsets(
    transaction: &Transaction<'_>,
    id: i64,
) -> Result<StoredOffsets, Failure> {
    let owners = owners(transaction, id).await?.into_iter();
    Ok(owners.filter_map(|(partition, (_, offset))| Some((partition, offset?))).collect())
}

/// Merges rows and moves offsets.
pub(super) async fn write_plan(
    transaction: &Transaction<'_>,
    definition: &Definition,
    id: i64,
    plan: Plan<'_>,
) -> Result<(), Failure> {
    let mut rows: Vec<_> = plan.rows.into_iter().collect();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(ROWS_PER_STATEMENT));
        write_rows(transaction, definition, id, rows).await?;
        rows = rest;
    }
    let update = "UPDATE millrace_aggregate_offset SET next_offset = $4 \
        WHERE aggregate = $1 AND topic = $2 AND kafka_partition = $3";
    for (partition, end) in plan.offsets {
        let (topic, number) = (&*partition.topic, partition.partition);
        transaction.execute(update, &[&id, &topic, &number, &end]).await?;
    }
    Ok(())
}

async fn write_rows(
    transaction: &Transaction<'_>,
    definition: &Definition,
    id: i64,
    rows: Vec<((i64, &str), Cell)>,
) -> Result<(), Failure> {
    let windows: Vec<i64> = rows.iter().map(|((window, _), _)| *window).collect();
    let groups: Vec<&str> = rows.iter().map(|((_, groups), _)| *groups).collect();
    let select = "SELECT window_start_ms, group_values, state FROM millrace_aggregate_row AS known \
        JOIN unnest($2::bigint[], $3::text[]) AS wanted (w, g) \
        ON known.window_start_ms = wanted.w AND md5(known.group_values) = md5(wanted.g) \
        WHERE known.aggregate = $1";
    let found = transaction.query(select, &[&id, &windows, &groups]).await?;
    let mut known: HashMap<(i64, &str), &[u8]> = HashMap::with_capacity(found.len());
    for row in &found {
        known.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    let (mut counts, mut measures, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for (key, added) in rows {
        let cell = match known.get(&key) {
            Some(state) => {
                let mut cell =
                    Cell::decode(definition, state).map_err(|error| damaged(definition, error))?;
                cell.merge(&added);
                cell
            }
            None => added,
        };
        counts.push(count_of(&cell));
        measures.push(measures_text(definition, &cell));
        states.push(cell.encode());
    }
    let put = "INSERT INTO millrace_aggregate_row \
        SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::bytea[]) \
        ON CONFLICT (aggregate, window_start_ms, md5(group_values)) DO UPDATE SET \
        record_count = excluded.record_count, measures = excluded.measures, \
        state = excluded.state";
    transaction.execute(put, &[&id, &windows, &groups, &counts, &measures, &states]).await?;
    Ok(())
}
