//! The JDBC sink beside a loop of `INSERT`s with many rows each, on the same PostgreSQL.
//!
//! `jdbc-rows WHO MODE RECORDS HOST:PORT USER PASSWORD`, where WHO is `millrace` or `loop` and MODE is
//! `insert` or `upsert`, writes batches of [`BATCH`] records, each in one transaction, into a table that
//! is made anew, and prints one line of JSON: records and seconds. Both have the records in memory.

use std::{
    env,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use connect_api::{
    budget::MemoryBudget,
    config::Props,
    figures::Figures,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::{Schema, Type, logical},
    sink::{SinkConnector as _, SinkContext, SinkRequestQueue},
    time::SystemClock,
    value::{Struct, Value},
};
use connect_jdbc::JdbcSink;
use serde_json::json;
use tokio_postgres::{Client, NoTls, types::ToSql};

/// Records of one transaction.
const BATCH: usize = 5000;

/// Rows of one statement of the loop: the most that its arguments have numbers for, about.
const ROWS: usize = 1000;

/// Columns of the table.
const COLUMNS: usize = 5;

/// Every so many records the keys come again, so that an upsert changes rows as well.
const KEYS: usize = 100_000;

const TABLE: &str = "DROP TABLE IF EXISTS bench_rows; CREATE TABLE bench_rows (id BIGINT, \
    name TEXT, amount DOUBLE PRECISION, ok BOOLEAN, at TIMESTAMP";

/// Where the rows go.
struct Place {
    host: String,
    user: String,
    password: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [who, mode, records, host, user, password] = arguments.as_slice() else {
        bail!("usage: jdbc-rows millrace|loop insert|upsert RECORDS HOST:PORT USER PASSWORD");
    };
    let records: usize = records.parse().context("RECORDS is no number")?;
    let place = Place { host: host.clone(), user: user.clone(), password: password.clone() };
    let is_upsert = mode == "upsert";
    prepare(&place, is_upsert).await?;
    let seconds = match who.as_str() {
        "millrace" => by_the_sink(&place, is_upsert, records).await?,
        "loop" => by_a_loop(&place, is_upsert, records).await?,
        other => bail!("nobody is called {other}"),
    };
    let found = count(&place).await?;
    let expected = if is_upsert { records.min(KEYS) } else { records };
    ensure!(found == expected, "{found} rows are there and not {expected}");
    print(records, seconds);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a measurement that is printed")]
fn print(records: usize, taken: Duration) {
    println!("{}", json!({"records": records, "seconds": taken.as_secs_f64()}));
}

#[expect(clippy::disallowed_methods, reason = "the clock is what is read here")]
fn now() -> Instant {
    Instant::now()
}

/// Runs work on a connection while it moves its bytes.
async fn connected<T>(place: &Place, work: impl AsyncFnOnce(Client) -> Result<T>) -> Result<T> {
    let url = format!("postgres://{}:{}@{}/postgres", place.user, place.password, place.host);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    let (done, ended) = tokio::join!(work(client), connection);
    ended?;
    done
}

async fn prepare(place: &Place, is_upsert: bool) -> Result<()> {
    let key = if is_upsert { ", PRIMARY KEY (id))" } else { ")" };
    let statements = format!("{TABLE}{key}; DROP TABLE IF EXISTS millrace_offsets");
    connected(place, async |client| Ok(client.batch_execute(&statements).await?)).await
}

async fn count(place: &Place) -> Result<usize> {
    connected(place, async |client| {
        let row = client.query_one("SELECT count(*) FROM bench_rows", &[]).await?;
        Ok(usize::try_from(row.try_get::<_, i64>(0)?)?)
    })
    .await
}

fn id_of(number: usize, is_upsert: bool) -> i64 {
    let number = if is_upsert { number % KEYS } else { number };
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn name_of(number: usize) -> String {
    format!("customer number {number}, \u{e9}")
}

fn amount_of(number: usize) -> f64 {
    f64::from(u32::try_from(number % 10_000).unwrap_or(0)) / 8.0
}

fn at_of(number: usize) -> i64 {
    1_795_255_200_000 + i64::try_from(number).unwrap_or(0)
}

fn batch(
    from: usize,
    is_upsert: bool,
    schema: &Arc<Schema>,
    origin: &TopicPartition,
) -> Vec<SinkRecord> {
    let record = |number: usize| {
        let values = vec![
            Value::Int64(id_of(number, is_upsert)),
            Value::string(name_of(number)),
            Value::Float64(amount_of(number)),
            Value::Boolean(number.is_multiple_of(2)),
            Value::Timestamp(at_of(number)),
        ];
        SinkRecord {
            topic: Arc::clone(&origin.topic),
            origin: origin.clone(),
            offset: i64::try_from(number).unwrap_or(0),
            timestamp_ms: None,
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::new(
                Arc::clone(schema),
                Value::Struct(Struct::new(Arc::clone(schema), values)),
            ),
            headers: Vec::new(),
        }
    };
    (from..from + BATCH).map(record).collect()
}

async fn by_the_sink(place: &Place, is_upsert: bool, records: usize) -> Result<Duration> {
    let mut props = Props::from([
        ("connection.url", format!("jdbc:postgresql://{}/postgres", place.host)),
        ("connection.user", place.user.clone()),
        ("connection.password", place.password.clone()),
        ("table.name.format", "bench_rows".to_owned()),
        ("batch.size", BATCH.to_string()),
    ]);
    if is_upsert {
        props.extend([("insert.mode", "upsert"), ("pk.mode", "record_value"), ("pk.fields", "id")]);
    }
    let context = SinkContext {
        connector: "bench".into(),
        task: 0,
        clock: Arc::new(SystemClock),
        budget: MemoryBudget::new(64 << 20),
        reporter: None,
        topics: None,
        requests: SinkRequestQueue::default(),
        figures: Figures::default(),
    };
    let of = |kind| Schema::new(kind).optional();
    let schema = Schema::new(Type::Struct)
        .field("id", Schema::new(Type::Int64))
        .field("name", of(Type::String))
        .field("amount", of(Type::Float64))
        .field("ok", of(Type::Boolean))
        .field("at", of(Type::Int64).named(logical::TIMESTAMP));
    let (schema, origin) = (Arc::new(schema), TopicPartition::new("bench", 0));
    let mut task = JdbcSink::CONFLUENT.start_task(&props, context).await?;
    task.open(std::slice::from_ref(&origin)).await?;
    let mut taken = Duration::ZERO;
    for from in (0..records).step_by(BATCH) {
        let batch = batch(from, is_upsert, &schema, &origin);
        let begun = now();
        task.put(&batch).await?;
        taken += begun.elapsed();
    }
    Ok(taken)
}

/// Arguments of the rows of one statement.
struct Rows {
    ids: Vec<i64>,
    names: Vec<String>,
    amounts: Vec<f64>,
    flags: Vec<bool>,
    times: Vec<i64>,
}

impl Rows {
    fn new(from: usize, is_upsert: bool) -> Self {
        let numbers = || from..from + ROWS;
        Self {
            ids: numbers().map(|number| id_of(number, is_upsert)).collect(),
            names: numbers().map(name_of).collect(),
            amounts: numbers().map(amount_of).collect(),
            flags: numbers().map(|number| number % 2 == 0).collect(),
            times: numbers().map(at_of).collect(),
        }
    }

    fn arguments(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut arguments: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(ROWS * COLUMNS);
        let rows = self.ids.iter().zip(&self.names).zip(&self.amounts);
        for (((id, name), amount), (flag, time)) in rows.zip(self.flags.iter().zip(&self.times)) {
            arguments.extend([id as &(dyn ToSql + Sync), name, amount, flag, time]);
        }
        arguments
    }
}

async fn by_a_loop(place: &Place, is_upsert: bool, records: usize) -> Result<Duration> {
    let mut statement = "INSERT INTO bench_rows (id, name, amount, ok, at) VALUES ".to_owned();
    for row in 0..ROWS {
        let first = row * COLUMNS + 1;
        let comma = if row == 0 { "" } else { "," };
        write!(
            statement,
            "{comma}(${}::bigint,${}::text,${}::float8,${}::boolean,\
             timestamp '1970-01-01' + ${}::bigint * interval '1 millisecond')",
            first,
            first + 1,
            first + 2,
            first + 3,
            first + 4
        )?;
    }
    if is_upsert {
        statement.push_str(
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, amount = excluded.amount, \
             ok = excluded.ok, at = excluded.at",
        );
    }
    connected(place, async |mut client| {
        let prepared = client.prepare(&statement).await?;
        let mut taken = Duration::ZERO;
        for from in (0..records).step_by(BATCH) {
            let parts: Vec<_> =
                (from..from + BATCH).step_by(ROWS).map(|from| Rows::new(from, is_upsert)).collect();
            let begun = now();
            let transaction = client.transaction().await?;
            for part in &parts {
                transaction.execute(&prepared, &part.arguments()).await?;
            }
            transaction.commit().await?;
            taken += begun.elapsed();
        }
        Ok(taken)
    })
    .await
}
