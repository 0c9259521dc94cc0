//! Names that are none in the database, or those of others, are said of the records that bring them.

use connect_api::{
    error::Result,
    record::{SinkRecord, TopicPartition},
    schema::{Schema, Type},
    value::Value,
};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Rows, record, structure};

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A record with fields of these names.
fn fields(offset: i64, names: &[&str]) -> SinkRecord {
    let of = || Schema::new(Type::Int32).optional();
    let members = names.iter().map(|name| (*name, of(), Value::Int32(1)));
    record(&tp(), offset, "a", structure(members.collect()))
}

/// What is said of the only bad one of two records, and that the other one is written.
async fn refusal(far: &Far, bad: SinkRecord) -> Result<String> {
    let mut driver = SinkDriver::new(&Rows(far));
    let reporter = driver.report();
    driver.produce(bad);
    driver.produce(fields(1, &["n"]));
    driver.start(&[tp()]).await?;
    driver.settle().await?;
    let mut reported = reporter.take();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert_eq!(far.column("n").await.len(), 1);
    Ok(reported.remove(0).1)
}

fn says(text: &str, words: &[&str]) {
    assert!(words.iter().all(|words| text.contains(words)) && !text.contains('\n'), "{text}");
}

#[test]
fn a_column_that_is_there_and_is_never_found_is_refused() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far = far.with("auto.evolve", "true");
        for _table in ["missing", "there"] {
            let text = refusal(&far, fields(0, &["ctid"])).await?;
            says(&text, &["offset 0 of t-0", "\"rows\"", "ctid", "system column", "42701"]);
            far.query("DELETE FROM rows; DROP TABLE millrace_offsets").await.unwrap();
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_name_that_is_cut_is_found_again() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("auto.evolve", "true").with("offsets.table", "");
            // A character of two bytes, in the middle of which the name would end.
            let long = format!("{}éé", "x".repeat(62));
            for offset in 0..2 {
                let mut driver = SinkDriver::new(&Rows(&far));
                driver.start(&[tp()]).await?;
                driver.put(&[fields(offset, &["n", &long])]).await?;
            }
            assert_eq!(far.column("n").await.len(), 2);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn names_that_the_database_does_not_keep_apart_are_refused() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let long = "x".repeat(63);
            let names = match far.is_postgres() {
                true => [format!("{long}a"), format!("{long}b")],
                false => ["a".to_owned(), "A".to_owned()],
            };
            let text = refusal(&far, fields(0, &[&names[0], &names[1]])).await?;
            says(&text, &[&names[0], &names[1], "the same column", "fields.whitelist"]);
            if far.is_postgres() {
                let far = far.with("topics.to.tables.mapping", &format!("t:{long}a"));
                let mut driver = SinkDriver::new(&Rows(&far));
                let reporter = driver.report();
                driver.start(&[tp()]).await?;
                driver.put(&[fields(2, &["n"])]).await?;
                says(&reporter.take()[0].1, &["64 bytes", "keeps 63", "table.name.format"]);
            }
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_field_with_the_name_of_its_point_is_refused() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        far.query("CREATE TABLE rows (n INT, x INT, y INT, p TEXT)").await.unwrap();
        let far = far.with("geometry.x.field", "x").with("geometry.y.field", "y");
        let far = far.with("geometry.column", "x");
        let mut driver = SinkDriver::new(&Rows(&far));
        let reporter = driver.report();
        driver.start(&[tp()]).await?;
        driver.put(&[fields(0, &["n", "x", "y"])]).await?;
        says(&reporter.take()[0].1, &["\"x\"", "geometry.column", "fields.whitelist"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn tables_that_cannot_be_are_said_of_their_records() {
    let outcome = run(async {
        for mut far in Far::everywhere().await {
            let named: &[(&str, &[&str])] = match far.is_postgres() {
                true => &[
                    (
                        "elsewhere.public.u",
                        &["SQLSTATE 0A000", "\"elsewhere\"", "before the schema"],
                    ),
                    ("missing.u", &["SQLSTATE 3F000", "Create the schema"]),
                ],
                false => &[
                    ("missing.u", &["no schema \"missing\"", "table.name.format"]),
                    ("sqlite_u", &["reserved", "sqlite_u"]),
                ],
            };
            for (name, words) in named {
                far = far.with("topics.to.tables.mapping", &format!("t:{name}"));
                let mut driver = SinkDriver::new(&Rows(&far));
                let reporter = driver.report();
                driver.start(&[tp()]).await?;
                driver.put(&[fields(0, &["n"])]).await?;
                says(&reporter.take()[0].1, words);
                far.query("DELETE FROM millrace_offsets;").await.unwrap();
            }
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
