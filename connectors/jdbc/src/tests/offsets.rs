//! The table of offsets, and what users do to it.

use connect_api::{
    error::{ErrorClass, Result, chain},
    record::TopicPartition,
    sink::SinkConnector as _,
};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Rows, When, record, with_id};
use crate::JdbcSink;

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A driver of a task that has written these many records of each of two partitions.
async fn written(far: &Far, count: i64) -> Result<SinkDriver> {
    let mut driver = SinkDriver::new(&Rows(far));
    for partition in [tp(0), tp(1)] {
        for offset in 0..count {
            let id = format!("{partition}@{offset}");
            driver.produce(record(&partition, offset, &id, with_id(&id)));
        }
    }
    driver.start(&[tp(0), tp(1)]).await?;
    driver.poll(usize::MAX).await?;
    Ok(driver)
}

#[test]
fn a_task_goes_on_where_users_set_its_offsets() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            // The context of tests has this name.
            let far = far.with("name", "test");
            let props = far.props();
            let mut driver = written(&far, 3).await?;
            driver.crash();
            far.query("DELETE FROM rows;").await.unwrap();
            let moves = [(tp(0), Some(1)), (tp(1), None), (tp(2), Some(7))];
            assert!(JdbcSink::CONFLUENT.alter_offsets(&props, Some(&moves)).await?);
            driver.start(&[tp(0), tp(1)]).await?;
            driver.settle().await?;
            let ids = ["t-0@1", "t-0@2", "t-1@0", "t-1@1", "t-1@2"];
            assert_eq!(far.column("id").await, ids);
            let select = "SELECT next_offset FROM millrace_offsets WHERE kafka_partition = 2";
            assert_eq!(far.query(select).await.unwrap(), ["7"]);
            driver.crash();
            assert!(JdbcSink::CONFLUENT.alter_offsets(&props, None).await?);
            let select = "SELECT count(*) FROM millrace_offsets WHERE next_offset IS NOT NULL";
            assert_eq!(far.query(select).await.unwrap(), ["0"]);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_task_that_still_runs_writes_nothing_after_its_offsets_were_set() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("name", "test");
            let mut driver = written(&far, 3).await?;
            let mut stale = driver.detach().unwrap();
            JdbcSink::CONFLUENT.alter_offsets(&far.props(), None).await?;
            stale.put(&[record(&tp(0), 3, "late", with_id("late"))]).await?;
            assert_eq!(far.column("id").await.len(), 6);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn offsets_of_a_connector_that_never_ran_are_the_groups_alone() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let props = far.with("name", "test").props();
            assert!(JdbcSink::CONFLUENT.alter_offsets(&props, None).await?);
            assert!(JdbcSink::CONFLUENT.alter_offsets(&props, Some(&[(tp(0), Some(1))])).await?);
            let error = JdbcSink::CONFLUENT.alter_offsets(&props, Some(&[(tp(0), Some(-1))])).await;
            let error = error.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Invalid);
            assert!(chain(&error).contains("t-0 cannot go on at offset -1"), "{error}");
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_table_of_offsets_in_no_schema_is_named() {
    let outcome = run(async {
        let far = Far::on_sqlite().with("offsets.table", "missing.offsets");
        let error = SinkDriver::new(&Rows(&far)).start(&[tp(0)]).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid);
        let text = chain(&error);
        assert!(text.contains("unknown database") && text.contains("offsets.table"), "{text}");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_topic_that_was_made_anew_is_not_passed_over() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("name", "test");
            written(&far, 3).await?.crash();
            let mut driver = SinkDriver::new(&Rows(&far));
            driver.start(&[tp(0)]).await?;
            let first = |id| record(&tp(0), 0, id, with_id(id));
            let error = driver.put(&[first("anew")]).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Invalid);
            let text = chain(&error);
            let words =
                ["t-0", "offset 3", "offset 0", "millrace_offsets", "/connectors/test/offsets"];
            assert!(words.iter().all(|words| text.contains(words)), "{text}");
            JdbcSink::CONFLUENT.alter_offsets(&far.props(), None).await?;
            driver.start(&[tp(0)]).await?;
            driver.put(&[first("anew")]).await?;
            // What comes again later is known, and no new topic.
            driver.put(&[first("anew")]).await?;
            assert_eq!(far.column("id").await.len(), 7);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

/// The database is away when the partition is handed out, so that it is claimed by a batch that was read
/// from elsewhere, and which fails once more before it is through.
#[test]
fn a_batch_that_was_here_before_the_claim_is_no_new_topic() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let mut driver = written(&far, 3).await?;
            driver.crash();
            far.fail_next_claim();
            driver.start(&[tp(0), tp(2)]).await?;
            driver.produce(record(&tp(0), 3, "last", with_id("last")));
            // It has something of the batch to write, which fails.
            driver.produce(record(&tp(2), 0, "other", with_id("other")));
            far.fail_next_write(When::After);
            driver.settle().await?;
            assert_eq!(far.column("id").await.len(), 8);
            assert_eq!(driver.committed().get(&tp(0)), Some(&4));
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
