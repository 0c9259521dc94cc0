//! What the order of a key's records decides, and in how many statements.

use std::sync::Arc;

use connect_api::{
    error::Result,
    record::{SchemaAndValue, SinkRecord, TopicPartition},
    schema::{Schema, Type},
    value::Value,
};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Rows, record, structure};

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn numbered(number: i32) -> SchemaAndValue {
    structure(vec![("n", Schema::new(Type::Int32).optional(), Value::Int32(number))])
}

/// Records from offset 0 on: a key with a number, or without one to delete its row.
fn records(words: &[(&str, Option<i32>)]) -> Vec<SinkRecord> {
    // One schema for all, as a converter gives it.
    let shared = numbered(0);
    let schema = shared.schema.unwrap();
    let value = |number| {
        let of = connect_api::value::Struct::new(Arc::clone(&schema), vec![Value::Int32(number)]);
        SchemaAndValue::new(Arc::clone(&schema), Value::Struct(of))
    };
    let records = words.iter().zip(0..).map(|((key, number), offset)| {
        let value = number.map_or(SchemaAndValue::NULL, value);
        record(&tp(), offset, key, value)
    });
    records.collect()
}

async fn written(far: &Far, records: Vec<SinkRecord>) -> Result<()> {
    let rows = Rows(far);
    let mut driver = SinkDriver::new(&rows);
    records.into_iter().for_each(|record| driver.produce(record));
    driver.start(&[tp()]).await?;
    driver.settle().await?;
    driver.stop().await
}

#[test]
fn the_last_record_of_a_key_wins_within_a_batch() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.keyed();
            let words = [
                ("a", Some(1)),
                ("b", Some(1)),
                ("a", Some(2)),
                ("c", Some(1)),
                ("b", None),
                ("c", None),
                ("c", Some(3)),
                ("d", None),
            ];
            written(&far, records(&words)).await?;
            assert_eq!(far.column("k || n").await, ["a2", "c3"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

/// More rows than are sent as arguments, so that they pass through the temporary table, twice.
#[test]
fn many_rows_with_keys_that_come_again_are_merged() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.keyed().with("batch.size", "100");
            let keys: Vec<_> = (0..150).map(|number| format!("k{number:03}")).collect();
            let words: Vec<_> = keys
                .iter()
                .zip(0..)
                .map(|(key, number)| (key.as_str(), Some(number)))
                .chain(keys.iter().take(90).map(|key| (key.as_str(), Some(-1))))
                .collect();
            written(&far, records(&words)).await?;
            let sum = far.query("SELECT count(*) || ' ' || sum(n) FROM rows").await.unwrap();
            assert_eq!(sum, ["150 7080"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_key_that_only_the_database_finds_again_is_written_last_to_last() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far = far.keyed();
        far.query(
            "CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
             CREATE TABLE rows (k TEXT COLLATE anycase PRIMARY KEY, n INT)",
        )
        .await
        .unwrap();
        let words = [
            ("a", Some(1)),
            ("A", Some(2)),
            ("b", None),
            ("B", Some(4)),
            ("b", Some(5)),
            ("C", Some(6)),
            ("c", None),
        ];
        written(&far, records(&words)).await?;
        assert_eq!(far.column("lower(k) || n").await, ["a2", "b5"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn an_update_changes_what_is_there_and_adds_nothing() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.keyed().with("insert.mode", "update");
            far.query(
                "CREATE TABLE rows (k VARCHAR(9) PRIMARY KEY, n INT, m INT); \
                 INSERT INTO rows VALUES ('a', 1, 7);",
            )
            .await
            .unwrap();
            written(&far, records(&[("a", Some(2)), ("b", Some(3)), ("a", Some(4))])).await?;
            assert_eq!(far.column("k || n || m").await, ["a47"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn keys_come_from_where_the_mode_says() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far
                .with("pk.mode", "kafka")
                .with("insert.mode", "upsert")
                .with("table.name.format", "coordinates");
            written(&far, records(&[("a", Some(1)), ("a", Some(2))])).await?;
            let found = far
                .query(
                    "SELECT __connect_topic || __connect_partition || '@' || __connect_offset || '=' || n \
                     FROM coordinates ORDER BY __connect_offset",
                )
                .await
                .unwrap();
            assert_eq!(found, ["t0@0=1", "t0@1=2"]);
        }
        for far in Far::everywhere().await {
            let far = far
                .with("pk.mode", "record_value")
                .with("pk.fields", "n")
                .with("insert.mode", "upsert");
            written(&far, records(&[("a", Some(1)), ("b", Some(1)), ("c", Some(2))])).await?;
            assert_eq!(far.column("n").await, ["1", "2"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn names_keep_their_case_and_reserved_words_are_names() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("table.name.format", "${topic}_Order");
            let value = |name, number| {
                let of = || Schema::new(Type::Int32);
                structure(vec![
                    (name, of(), Value::Int32(number)),
                    ("Group", of(), Value::Int32(2)),
                ])
            };
            // A column in another case is the same one.
            let records = vec![
                record(&tp(), 0, "a", value("select", 1)),
                record(&tp(), 1, "a", value("SELECT", 3)),
            ];
            written(&far, records).await?;
            let select = "SELECT \"select\" || '' || \"Group\" FROM \"t_Order\" ORDER BY 1";
            assert_eq!(far.query(select).await.unwrap(), ["12", "32"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn plain_text_goes_to_its_own_column() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let text = SchemaAndValue::new(Schema::string(), "it's".into());
            written(&far, vec![record(&tp(), 0, "a", text)]).await?;
            assert_eq!(far.column("record_value").await, ["it's"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

/// Writes so many spellings of one key, of which the last has the number.
async fn spelled(far: &Far, kind: &str, spelling: fn(usize) -> String, count: usize) -> Result<()> {
    let key = spelling(0);
    far.query(&format!(
        "DROP TABLE IF EXISTS rows; CREATE TABLE rows (k {kind} PRIMARY KEY, n INT); \
         INSERT INTO rows VALUES ('{key}', -1);"
    ))
    .await
    .unwrap();
    let keys: Vec<_> = (0..count).map(spelling).collect();
    let words: Vec<_> = keys.iter().zip(1..).map(|(key, n)| (key.as_str(), Some(n))).collect();
    written(far, records(&words)).await?;
    assert_eq!(far.column("n").await, [count.to_string()], "{kind}");
    Ok(())
}

#[test]
fn an_update_takes_the_last_of_keys_that_are_spelled_differently() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.keyed().with("insert.mode", "update");
            // Few rows, and more than go through a temporary table otherwise.
            for count in [2, 80] {
                spelled(&far, "NUMERIC(9,2)", |n| format!("1.{}", "0".repeat(n)), count).await?;
                spelled(&far, "INTEGER", |n| format!("{}7", "0".repeat(n)), count).await?;
                if far.is_postgres() {
                    spelled(&far, "CHAR(99)", |n| format!("a{}", " ".repeat(n)), count).await?;
                }
            }
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_key_that_is_written_after_it_was_deleted_in_another_spelling_stays() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far = far.keyed();
        far.query("CREATE TABLE rows (k INT PRIMARY KEY, n INT)").await.unwrap();
        written(&far, records(&[("7", Some(1)), ("07", None), ("7", Some(3))])).await?;
        assert_eq!(far.column("n").await, ["3"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
