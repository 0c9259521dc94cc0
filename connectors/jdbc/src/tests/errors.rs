//! What goes wrong is said in one sentence, and bad records hold up no other.

use connect_api::{
    error::{ErrorClass, Result, chain},
    record::{SchemaAndValue, SinkRecord, TopicPartition},
    schema::{Schema, Type},
    sink::SinkConnector as _,
    value::{Map, Value},
};
use connect_testkit::{
    ManualClock,
    sink::{SinkDriver, run},
    sink_context,
};

use super::{
    server,
    support::{Far, Rows, record, structure},
};

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn numbered(number: i32) -> SchemaAndValue {
    structure(vec![("n", Schema::new(Type::Int32).optional(), Value::Int32(number))])
}

fn records(numbers: impl IntoIterator<Item = i32>) -> Vec<SinkRecord> {
    let records = numbers.into_iter().zip(0..);
    records.map(|(number, offset)| record(&tp(), offset, "a", numbered(number))).collect()
}

/// What the task answers to these records without a reporter.
async fn refusal(far: &Far, records: Vec<SinkRecord>) -> (ErrorClass, String) {
    let rows = Rows(far);
    let mut driver = SinkDriver::new(&rows);
    records.into_iter().for_each(|record| driver.produce(record));
    let error = match driver.start(&[tp()]).await {
        Ok(()) => driver.poll(usize::MAX).await.unwrap_err(),
        Err(error) => error,
    };
    (error.class(), chain(&error))
}

/// How a task starts.
async fn start(far: &Far) -> (ErrorClass, String) {
    let context = sink_context(&ManualClock::at(0));
    let error = far.sink().start_task(&far.props(), context).await.err().unwrap();
    (error.class(), chain(&error))
}

fn says(found: &(ErrorClass, String), class: ErrorClass, words: &[&str]) {
    let (found_class, text) = found;
    assert_eq!(*found_class, class, "{text}");
    for words in words {
        assert!(text.contains(words), "\"{words}\" is not in: {text}");
    }
    assert!(!text.contains(server::PASSWORD) && !text.contains("wr0ng"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn bad_records_are_reported_and_the_others_are_written() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            // Many rows, so that they are copied; then few.
            for (count, bad) in [(300, vec![0, 7, 8, 150, 299]), (9, vec![8])] {
                far.query(
                    "DROP TABLE IF EXISTS rows; CREATE TABLE rows (n INT UNIQUE CHECK (n < 1000));",
                )
                .await
                .unwrap();
                far.query("DROP TABLE IF EXISTS millrace_offsets;").await.unwrap();
                let rows = Rows(&far);
                let mut driver = SinkDriver::new(&rows);
                let reporter = driver.report();
                let number = |n| if bad.contains(&n) { n + 1000 } else { n };
                records((0..count).map(number))
                    .into_iter()
                    .for_each(|record| driver.produce(record));
                driver.start(&[tp()]).await?;
                driver.settle().await?;
                let reported = reporter.take();
                let offsets: Vec<_> = reported.iter().map(|(record, _)| record.offset).collect();
                let expected: Vec<_> = bad.iter().map(|&n| i64::from(n)).collect();
                assert_eq!(offsets, expected);
                let text = &reported[0].1;
                let place = format!("offset {} of t-0", bad[0]);
                assert!(text.contains(&place) && text.contains("\"rows\""), "{text}");
                assert!(!far.is_postgres() || text.contains("SQLSTATE 23514"), "{text}");
                assert_eq!(
                    far.column("n").await.len(),
                    usize::try_from(count).unwrap() - bad.len()
                );
            }
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn of_two_records_that_cannot_both_be_the_later_one_is_bad() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            far.query("CREATE TABLE rows (n INT UNIQUE);").await.unwrap();
            let rows = Rows(&far);
            let mut driver = SinkDriver::new(&rows);
            let reporter = driver.report();
            records([1, 2, 1]).into_iter().for_each(|record| driver.produce(record));
            driver.start(&[tp()]).await?;
            driver.settle().await?;
            let offsets: Vec<_> = reporter.take().iter().map(|(record, _)| record.offset).collect();
            assert_eq!((offsets, far.column("n").await.len()), (vec![2], 2));
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_constraint_that_is_looked_at_last_finds_its_record_too() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        far.query(
            "CREATE TABLE parents (n INT PRIMARY KEY); INSERT INTO parents VALUES (1); \
             CREATE TABLE rows (n INT REFERENCES parents DEFERRABLE INITIALLY DEFERRED)",
        )
        .await
        .unwrap();
        let rows = Rows(&far);
        let mut driver = SinkDriver::new(&rows);
        let reporter = driver.report();
        records([1, 2, 1]).into_iter().for_each(|record| driver.produce(record));
        driver.start(&[tp()]).await?;
        driver.settle().await?;
        let offsets: Vec<_> = reporter.take().iter().map(|(record, _)| record.offset).collect();
        assert_eq!((offsets, far.column("n").await), (vec![1], vec!["1".to_owned(); 2]));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn tables_that_may_not_be_made_or_extended_are_named() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("auto.create", "false");
            let words = ["offset 0 of t-0", "\"rows\"", "auto.create"];
            says(&refusal(&far, records([1])).await, ErrorClass::Record, &words);
            far.query("CREATE TABLE rows (m INT);").await.unwrap();
            let words = ["offset 0 of t-0", "\"n\"", "\"rows\"", "auto.evolve"];
            says(&refusal(&far, records([1])).await, ErrorClass::Record, &words);
            let far = far.with("auto.evolve", "true");
            let needed = structure(vec![("n", Schema::new(Type::Int32), Value::Int32(1))]);
            let words = ["\"n\"", "neither optional nor has a default"];
            let found = refusal(&far, vec![record(&tp(), 0, "a", needed)]).await;
            says(&found, ErrorClass::Record, &words);
            far.query("CREATE VIEW seen AS SELECT 1 AS n;").await.unwrap();
            let far = far.with("table.name.format", "seen");
            says(&refusal(&far, records([1])).await, ErrorClass::Record, &["VIEW", "table.types"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn records_that_cannot_be_rows_say_why() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let map = Value::Map(Map::new(vec![("n".into(), Value::Int64(1))]));
            let schemaless = record(&tp(), 0, "a", SchemaAndValue::schemaless(map));
            let words = ["offset 0 of t-0", "no struct with a schema", "schemas.enable"];
            says(&refusal(&far, vec![schemaless]).await, ErrorClass::Record, &words);
            let tombstone = record(&tp(), 0, "a", SchemaAndValue::NULL);
            says(&refusal(&far, vec![tombstone]).await, ErrorClass::Record, &["delete.enabled"]);
            let nested = structure(vec![("inner", Schema::new(Type::Struct), Value::Null)]);
            let found = refusal(&far, vec![record(&tp(), 0, "a", nested)]).await;
            says(&found, ErrorClass::Record, &["\"inner\"", "jsonb"]);
            let far = far.with("pk.mode", "record_value").with("pk.fields", "missing");
            says(
                &refusal(&far, records([1])).await,
                ErrorClass::Record,
                &["\"missing\"", "pk.fields"],
            );
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn servers_that_refuse_or_are_away_are_named_without_the_password() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far = far.with("connection.password", "wr0ng");
        let words = ["user \"test\"", "SQLSTATE 28P01", "connection.password"];
        says(&start(&far).await, ErrorClass::Forbidden, &words);
        let far = far.with("connection.password", server::PASSWORD);
        let far = far.with("connection.sslmode", "require");
        says(&start(&far).await, ErrorClass::Invalid, &["TLS", "connection.sslmode"]);
        let far = far.with("connection.sslmode", "disable");
        let port = server::port().unwrap();
        let url = format!("jdbc:postgresql://127.0.0.1:{port}/nowhere");
        let far = far.with("connection.url", &url);
        says(&start(&far).await, ErrorClass::Invalid, &["nowhere", "SQLSTATE 3D000"]);
        let far = far.with("connection.url", "jdbc:postgresql://127.0.0.1:1/geo");
        says(&start(&far).await, ErrorClass::Retriable, &["127.0.0.1:1/geo", "refused"]);
        let far = far.with("connection.url", "jdbc:postgresql://no.such.host.invalid/geo");
        says(&start(&far).await, ErrorClass::Retriable, &["no.such.host.invalid"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

/// A table that one who may not make tables reads.
async fn readable(far: &Far) {
    far.query(
        "CREATE TABLE rows (n INT); \
         DO $$ BEGIN PERFORM pg_advisory_xact_lock(2); \
         CREATE ROLE reader LOGIN PASSWORD 'testsecret'; \
         EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    .await
    .unwrap();
    let schema = far.query("SELECT current_schema()").await.unwrap().concat();
    let grant = format!("GRANT USAGE ON SCHEMA {schema} TO reader; GRANT SELECT ON rows TO reader");
    far.query(&grant).await.unwrap();
}

#[test]
fn who_may_not_make_the_usual_table_of_offsets_goes_on_without() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        readable(&far).await;
        far.query("GRANT INSERT ON rows TO reader").await.unwrap();
        let far = far.with("connection.user", "reader");
        let mut driver = SinkDriver::new(&Rows(&far));
        records([1, 2]).into_iter().for_each(|record| driver.produce(record));
        driver.start(&[tp()]).await?;
        driver.settle().await?;
        assert_eq!(far.column("n").await, ["1", "2"]);
        assert_eq!(driver.committed().get(&tp()), Some(&2));
        // One that is there and may not be used is no choice of whoever runs the database.
        far.query(
            "CREATE TABLE millrace_offsets (connector TEXT, topic TEXT, kafka_partition INTEGER, \
             epoch BIGINT, next_offset BIGINT, PRIMARY KEY (connector, topic, kafka_partition))",
        )
        .await
        .unwrap();
        let found = refusal(&far, records([1])).await;
        says(&found, ErrorClass::Forbidden, &["millrace_offsets", "SQLSTATE 42501"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_missing_permission_is_named() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        readable(&far).await;
        let far = far.with("connection.user", "reader").with("offsets.table", "millrace_offsets");
        let words = ["millrace_offsets", "SQLSTATE 42501", "offsets.table", "CREATE TABLE"];
        says(&start(&far).await, ErrorClass::Forbidden, &words);
        let far = far.with("offsets.table", "");
        let words = ["\"rows\"", "SQLSTATE 42501", "Grant"];
        says(&refusal(&far, records([1])).await, ErrorClass::Forbidden, &words);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn an_upsert_without_an_index_says_what_it_needs() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far = far.keyed();
        far.query("CREATE TABLE rows (k TEXT, n INT)").await.unwrap();
        let words = ["\"rows\"", "SQLSTATE 42P10", "unique index"];
        says(&refusal(&far, records([1])).await, ErrorClass::Invalid, &words);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_table_that_changes_meanwhile_is_looked_up_again() {
    let outcome: std::result::Result<(), String> = run(async {
        for far in Far::everywhere().await {
            let rows = Rows(&far);
            let mut driver = SinkDriver::new(&rows);
            driver.start(&[tp()]).await?;
            let mut all = records(0..200).into_iter();
            all.by_ref().take(100).for_each(|record| driver.produce(record));
            driver.poll(usize::MAX).await?;
            far.query("DROP TABLE rows;").await.unwrap();
            all.for_each(|record| driver.produce(record));
            driver.settle().await?;
            assert_eq!(far.column("n").await.len(), 100);
        }
        Result::Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_column_that_becomes_wider_meanwhile_takes_what_fits_it() {
    let outcome = run(async {
        // Few rows as arguments; many through a copy, and through a temporary table.
        for (mode, count) in [("insert", 1), ("insert", 100), ("upsert", 100)] {
            let Some(far) = Far::on_postgres().await else { return Ok(()) };
            let far =
                far.with("insert.mode", mode).with("pk.mode", "kafka").with("pk.fields", "t,p,o");
            let mut driver = SinkDriver::new(&Rows(&far));
            let reporter = driver.report();
            driver.start(&[tp()]).await?;
            let long = |number: i64| {
                let of = Schema::new(Type::Int64).optional();
                structure(vec![("n", of, Value::Int64(number))])
            };
            far.query("CREATE TABLE rows (t TEXT, p INT, o BIGINT, n INT, PRIMARY KEY (t, p, o))")
                .await
                .unwrap();
            let batch = |from: i64, number| {
                let offsets = from..from + count;
                offsets.map(|offset| record(&tp(), offset, "a", long(number))).collect::<Vec<_>>()
            };
            driver.put(&batch(0, 1)).await?;
            far.query("ALTER TABLE rows ALTER n TYPE BIGINT").await.unwrap();
            driver.put(&batch(count, 1 << 40)).await?;
            far.query("ALTER TABLE rows ALTER n TYPE NUMERIC(99)").await.unwrap();
            driver.put(&batch(2 * count, 1 << 40)).await?;
            assert!(reporter.take().is_empty(), "{mode} {count}");
            let sum = far.query("SELECT sum(n) FROM rows").await.unwrap();
            assert_eq!(sum, [(count + 2 * count * (1 << 40)).to_string()], "{mode} {count}");
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_column_that_takes_documents_meanwhile_gets_them() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let mut driver = SinkDriver::new(&Rows(&far));
        let reporter = driver.report();
        driver.start(&[tp()]).await?;
        driver.put(&records([1])).await?;
        far.query("ALTER TABLE rows ALTER n TYPE JSONB USING to_jsonb(n)").await.unwrap();
        let map = Schema::map(Schema::string(), Schema::string());
        let value = Value::Map(Map::new(vec![("a".into(), "b".into())]));
        let document = structure(vec![("n", map.optional(), value)]);
        driver.put(&[record(&tp(), 1, "a", document)]).await?;
        assert!(reporter.take().is_empty());
        assert_eq!(far.column("n::text").await, ["1", r#"{"a": "b"}"#]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
