//! When held records become rows.

use connect_api::record::TopicPartition;
use connect_testkit::sink::{SinkDriver, SinkFixture, run};

use crate::test_support::Aggregate;

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A driver with a running task and no record yet.
async fn start(aggregate: &Aggregate) -> SinkDriver {
    let mut driver = SinkDriver::new(aggregate);
    driver.start(&[partition()]).await.unwrap();
    driver
}

/// Brings a record whose own time is this much after the first one's.
async fn bring(driver: &mut SinkDriver, aggregate: &Aggregate, after_ms: i64) {
    let offset = driver.end(&partition());
    let mut record = aggregate.record(&partition(), offset, "x");
    record.timestamp_ms = record.timestamp_ms.map(|time| time - offset + after_ms);
    driver.produce(record);
    driver.poll(1).await.unwrap();
}

async fn rows(aggregate: &Aggregate) -> usize {
    aggregate.arrived().await.len()
}

#[test]
fn flush_size_writes_when_that_many_records_are_held() {
    let aggregate = Aggregate::on_sqlite().with("flush.size", "3");
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        let mut written = Vec::new();
        for after_ms in 0..7 {
            bring(&mut driver, &aggregate, after_ms).await;
            driver.commit().await?;
            let committed = driver.committed().get(&partition()).copied();
            written.push((rows(&aggregate).await, committed.unwrap_or(0)));
        }
        assert_eq!(written, [(0, 0), (0, 0), (3, 3), (3, 3), (3, 3), (6, 6), (6, 6)]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn one_large_batch_is_cut_where_flush_size_says() {
    let aggregate = Aggregate::on_sqlite().with("flush.size", "3");
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        for offset in 0..8 {
            driver.produce(aggregate.record(&partition(), offset, "x"));
        }
        driver.poll(8).await?;
        assert_eq!(rows(&aggregate).await, 6);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn rotate_interval_writes_what_came_before_the_record_that_ends_it() {
    let aggregate = Aggregate::on_sqlite()
        .with("rotate.interval.ms", "60000")
        .with("rotate.schedule.interval.ms", "-1");
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        let mut written = Vec::new();
        for after_ms in [0, 59_999, -5_000, 60_000, 60_001] {
            bring(&mut driver, &aggregate, after_ms).await;
            written.push(rows(&aggregate).await);
        }
        assert_eq!(written, [0, 0, 0, 3, 3]);
        driver.clock().advance_ms(86_400_000);
        driver.put(&[]).await?;
        assert_eq!(rows(&aggregate).await, 3, "the interval is one of record time");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn rotate_schedule_writes_at_the_end_of_a_slot_without_new_records() {
    let aggregate = Aggregate::on_sqlite().with("rotate.schedule.interval.ms", "600000");
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        driver.clock().advance_ms(3 * 60_000);
        bring(&mut driver, &aggregate, 0).await;
        driver.clock().advance_ms(7 * 60_000 - 1);
        driver.put(&[]).await?;
        assert_eq!(rows(&aggregate).await, 0);
        driver.clock().advance_ms(1);
        driver.put(&[]).await?;
        assert_eq!(rows(&aggregate).await, 1);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_record_is_written_within_a_second_by_default() {
    let aggregate = Aggregate::on_sqlite();
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        bring(&mut driver, &aggregate, 0).await;
        driver.clock().advance_ms(1_000);
        driver.put(&[]).await?;
        assert_eq!(rows(&aggregate).await, 1);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn closing_writes_what_is_held() {
    let aggregate = Aggregate::on_sqlite();
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        bring(&mut driver, &aggregate, 0).await;
        driver.stop().await?;
        assert_eq!(rows(&aggregate).await, 1);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_late_record_updates_its_window() {
    let aggregate = Aggregate::on_sqlite().with("window.ms", "60000");
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        for after_ms in [0, 3_600_000, 59_999, -1] {
            bring(&mut driver, &aggregate, after_ms).await;
            driver.settle().await?;
        }
        let start = 1_795_255_200_000_i64;
        let expected = [(start - 60_000, 1), (start, 2), (start + 3_600_000, 1)];
        let expected = expected.map(|(window, count)| format!("{window} [\"x\"] {count}"));
        assert_eq!(aggregate.rows().await, expected);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn old_windows_are_deleted_after_their_retention() {
    let aggregate = Aggregate::on_sqlite().with("retention.ms", "120000");
    let outcome = run(async {
        let mut driver = start(&aggregate).await;
        bring(&mut driver, &aggregate, 0).await;
        driver.clock().advance_ms(60_000);
        bring(&mut driver, &aggregate, 60_000).await;
        driver.clock().advance_ms(60_000);
        driver.put(&[]).await?;
        assert_eq!(rows(&aggregate).await, 2, "neither window ended 120 s ago");
        driver.clock().advance_ms(60_000);
        bring(&mut driver, &aggregate, 180_000).await;
        driver.stop().await?;
        assert_eq!(rows(&aggregate).await, 2, "the first window is gone");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_full_budget_writes_early_and_is_given_back() {
    let aggregate = Aggregate::on_sqlite().with("flush.size", "1000000");
    let outcome = run(async {
        let mut context = connect_testkit::sink_context(&connect_testkit::ManualClock::at(0));
        context.budget = connect_api::budget::MemoryBudget::new(10_000);
        let budget = context.budget.clone();
        let mut task = aggregate.connector().start_task(&aggregate.props(), context).await?;
        task.open(&[partition()]).await?;
        let record = |offset| aggregate.record(&partition(), offset, &format!("id-{offset}"));
        let batch: Vec<_> = (0..500).map(record).collect();
        task.put(&batch).await?;
        let written = rows(&aggregate).await;
        assert!((400..500).contains(&written), "{written} records were written early");
        assert!((1..=10_000).contains(&budget.used_bytes()));
        task.close(&[partition()]).await?;
        assert_eq!((rows(&aggregate).await, budget.used_bytes()), (500, 0));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
