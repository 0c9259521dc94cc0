//! What may pass is tried again, and not for ever.

use connect_api::{
    error::{ErrorClass, chain},
    record::{SinkRecord, TopicPartition},
    schema::{Schema, Type},
    time::Clock as _,
    value::Value,
};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Rows, record, structure};

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn numbered(offset: i64, number: i32) -> SinkRecord {
    let of = Schema::new(Type::Int32).optional();
    record(&tp(), offset, "a", structure(vec![("n", of, Value::Int32(number))]))
}

/// A table whose trigger refuses so many times. What a sequence has given stays given.
async fn refusing(times: i32, state: &str) -> Option<Far> {
    let far = Far::on_postgres().await?;
    far.query(&format!(
        "CREATE TABLE rows (n INT); CREATE SEQUENCE tries; \
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') <= {times} THEN \
         RAISE EXCEPTION 'not yet' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION refuse()"
    ))
    .await
    .unwrap();
    Some(far.with("max.retries", "3"))
}

#[test]
fn a_constraint_that_is_met_in_the_end_makes_no_bad_record() {
    let outcome = run(async {
        for state in ["23503", "P0001"] {
            let Some(far) = refusing(3, state).await else { return Ok(()) };
            let mut driver = SinkDriver::new(&Rows(&far));
            let reporter = driver.report();
            driver.produce(numbered(0, 1));
            driver.start(&[tp()]).await?;
            driver.settle().await?;
            assert!(reporter.take().is_empty(), "{state}");
            assert_eq!(far.column("n").await, ["1"], "{state}");
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_constraint_is_waited_for_before_its_record_is_bad() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("max.retries", "4").with("retry.backoff.ms", "1000");
            far.query("CREATE TABLE rows (n INT UNIQUE CHECK (n < 9));").await.unwrap();
            let mut driver = SinkDriver::new(&Rows(&far));
            let reporter = driver.report();
            driver.start(&[tp()]).await?;
            let began = driver.clock().now_ms();
            driver.put(&[numbered(0, 1), numbered(1, 9), numbered(2, 1)]).await?;
            assert_eq!(driver.clock().now_ms() - began, 4000);
            let offsets: Vec<_> = reporter.take().iter().map(|(record, _)| record.offset).collect();
            assert_eq!((offsets, far.column("n").await), (vec![1, 2], vec!["1".to_owned()]));
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn statements_that_are_canceled_are_counted() {
    let outcome = run(async {
        let Some(far) = refusing(i32::MAX, "57014").await else { return Ok(()) };
        let mut driver = SinkDriver::new(&Rows(&far));
        driver.start(&[tp()]).await?;
        let error = driver.put(&[numbered(0, 1)]).await.unwrap_err();
        let text = chain(&error);
        assert_eq!(error.class(), ErrorClass::Internal, "{text}");
        assert!(text.contains("\"rows\"") && text.contains("tried 4 times"), "{text}");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
