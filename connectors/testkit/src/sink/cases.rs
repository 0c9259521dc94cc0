//! The cases, each on a far end of its own.

use std::collections::BTreeMap;

use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::{SchemaAndValue, SinkRecord, TopicPartition},
};

use super::{
    driver::SinkDriver,
    ensure,
    fixture::{Delivery, Fault, Handling, SinkFixture},
};

/// Records per partition: enough that batches of [`SOME`] end in the middle of a file or window.
const RECORDS: usize = 10;

/// Records of one batch; does not divide [`RECORDS`].
const SOME: usize = 3;

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

fn id(partition: &TopicPartition, offset: i64) -> String {
    format!("{partition}-{offset}")
}

/// Fills partitions 0 to `partitions - 1` and names them.
fn fill(
    driver: &mut SinkDriver,
    fixture: &impl SinkFixture,
    partitions: i32,
) -> Vec<TopicPartition> {
    let partitions: Vec<_> = (0..partitions).map(partition).collect();
    for partition in &partitions {
        for _record in 0..RECORDS {
            let offset = driver.end(partition);
            driver.produce(fixture.record(partition, offset, &id(partition, offset)));
        }
    }
    partitions
}

/// Compares what arrived with what should have, under the fixture's promise.
async fn verify(fixture: &impl SinkFixture, expected: &[String]) -> Result<()> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for id in fixture.arrived().await {
        *counts.entry(id).or_default() += 1;
    }
    for id in expected {
        let count = counts.remove(id).unwrap_or(0);
        ensure(count > 0, || format!("Record {id} is lost"))?;
        ensure(count == 1 || fixture.delivery() == Delivery::AtLeastOnce, || {
            format!("Record {id} arrived {count} times")
        })?;
    }
    ensure(counts.is_empty(), || format!("Nobody sent what arrived as {counts:?}"))
}

/// Everything in these partitions has arrived.
async fn verify_all(
    driver: &SinkDriver,
    fixture: &impl SinkFixture,
    partitions: &[TopicPartition],
) -> Result<()> {
    let ids = partitions
        .iter()
        .flat_map(|partition| (0..driver.end(partition)).map(move |offset| id(partition, offset)));
    verify(fixture, &ids.collect::<Vec<_>>()).await
}

/// A task that is brought nothing writes nothing.
///
/// # Errors
/// What did not hold.
pub async fn opens_and_closes_without_records<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    driver.start(&[partition(0), partition(1)]).await?;
    driver.stop().await?;
    verify(&fixture, &[]).await
}

/// Empty batches neither fail nor write, before and after records.
///
/// # Errors
/// What did not hold.
pub async fn empty_batches_are_taken<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    driver.start(&[partition(0)]).await?;
    driver.put(&[]).await?;
    driver.settle().await?;
    verify(&fixture, &[]).await?;
    let partitions = fill(&mut driver, &fixture, 1);
    driver.settle().await?;
    driver.put(&[]).await?;
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}

/// Several partitions in small batches arrive completely.
///
/// # Errors
/// What did not hold.
pub async fn delivers_every_record<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 3);
    driver.start(&partitions).await?;
    while driver.poll(SOME).await? > 0 {
        driver.commit().await?;
    }
    driver.settle().await?;
    verify_all(&driver, &fixture, &partitions).await?;
    for partition in &partitions {
        let committed = driver.committed().get(partition).copied();
        ensure(committed == Some(driver.end(partition)), || {
            format!("All of {partition} is delivered and {committed:?} is committed")
        })?;
    }
    driver.stop().await
}

/// A record without a value becomes what the fixture declares, and holds up no other.
///
/// # Errors
/// What did not hold.
pub async fn tombstone_is_handled_as_declared<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let first = id(&partition(0), 0);
    let mut odd = fixture.record(&partition(0), 1, &first);
    odd.value = SchemaAndValue::NULL;
    handle_as(&fixture, fixture.tombstones(), odd).await
}

/// A record without a key becomes what the fixture declares, and holds up no other.
///
/// # Errors
/// What did not hold.
pub async fn null_key_is_handled_as_declared<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut odd = fixture.record(&partition(0), 1, &id(&partition(0), 1));
    odd.key = SchemaAndValue::NULL;
    handle_as(&fixture, fixture.null_keys(), odd).await
}

/// Brings a good record, the odd one at offset 1, and another good one.
async fn handle_as(fixture: &impl SinkFixture, handling: Handling, odd: SinkRecord) -> Result<()> {
    let mut driver = SinkDriver::new(fixture);
    let reporter = driver.report();
    let tp = partition(0);
    driver.produce(fixture.record(&tp, 0, &id(&tp, 0)));
    driver.produce(odd);
    driver.produce(fixture.record(&tp, 2, &id(&tp, 2)));
    driver.start(std::slice::from_ref(&tp)).await?;
    driver.settle().await?;
    driver.stop().await?;
    let reported = reporter.take().len();
    let arrived = fixture.arrived().await;
    let expected = match handling {
        Handling::Delivered => (0, 3),
        Handling::Skipped => (0, 2),
        Handling::Rejected => (1, 2),
        Handling::Deletes => (0, 1),
    };
    ensure((reported, arrived.len()) == expected, || {
        format!("{reported} records were reported and these arrived: {arrived:?}; {handling:?}")
    })?;
    ensure(arrived.contains(&id(&tp, 2)), || "The record after the odd one is lost".to_owned())
}

/// The same batch brought twice, as after a failed commit, counts once.
///
/// # Errors
/// What did not hold.
pub async fn batch_that_comes_again_is_not_doubled<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let tp = partition(0);
    let batch: Vec<_> =
        (0..4).map(|offset| fixture.record(&tp, offset, &id(&tp, offset))).collect();
    for record in &batch {
        driver.produce(record.clone());
    }
    driver.start(std::slice::from_ref(&tp)).await?;
    driver.put(&batch).await?;
    driver.put(&batch).await?;
    driver.settle().await?;
    driver.put(&batch).await?;
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &[tp]).await
}

/// A far end that refuses before it writes is tried again until it takes the records.
///
/// # Errors
/// What did not hold.
pub async fn fault_before_the_write_heals<F: SinkFixture>() -> Result<()> {
    heals::<F>(Fault::BeforeWrite).await
}

/// A far end that writes and does not say so gets the records no second time.
///
/// # Errors
/// What did not hold.
pub async fn fault_after_the_write_heals<F: SinkFixture>() -> Result<()> {
    heals::<F>(Fault::AfterWrite).await
}

async fn heals<F: SinkFixture>(fault: Fault) -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 2);
    driver.start(&partitions).await?;
    driver.poll(SOME).await?;
    if !fixture.fail_next(fault) {
        return driver.stop().await;
    }
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}

/// A bad record is reported, named, and holds up no other.
///
/// # Errors
/// What did not hold.
pub async fn bad_record_goes_to_the_reporter<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let Some(bad) = fixture.bad_record(&partition(0), 1) else { return Ok(()) };
    handle_as(&fixture, Handling::Rejected, bad).await
}

/// Without a reporter a bad record fails the task with a sentence that says where it lies, and what
/// came before it is not lost.
///
/// # Errors
/// What did not hold.
pub async fn bad_record_fails_without_a_reporter<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let tp = partition(0);
    let Some(bad) = fixture.bad_record(&tp, 1) else { return Ok(()) };
    let mut driver = SinkDriver::new(&fixture);
    driver.produce(fixture.record(&tp, 0, &id(&tp, 0)));
    driver.produce(bad);
    driver.start(std::slice::from_ref(&tp)).await?;
    let Err(error) = driver.settle().await else {
        return Err(ConnectorError::internal("A bad record was taken in silence"));
    };
    let names_it = error.to_string().contains(&tp.to_string());
    ensure(names_it && error.class() == ErrorClass::Record, || {
        format!("The error is {:?} and does not say where the record lies: {error}", error.class())
    })?;
    driver.crash();
    let committed = driver.committed().get(&tp).copied().unwrap_or(0);
    ensure(committed <= 1, || format!("Offset {committed} past the bad record is committed"))
}

/// Taking one of two partitions away leaves the other as it is.
///
/// # Errors
/// What did not hold.
pub async fn revoked_partition_leaves_the_other<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 2);
    driver.start(&partitions).await?;
    driver.poll(SOME).await?;
    driver.lose(&[partition(0)]).await?;
    driver.poll(SOME).await?;
    driver.settle().await?;
    driver.open(&[partition(0)]).await?;
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}

/// A second task continues where the first one committed; what the first one still held is its own
/// affair and neither lost nor doubled.
///
/// # Errors
/// What did not hold.
pub async fn partition_that_moves_is_continued<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 2);
    driver.start(&partitions).await?;
    driver.poll(SOME).await?;
    let stale = driver.detach();
    driver.start(&partitions).await?;
    driver.settle().await?;
    if let Some(mut stale) = stale {
        // It learns late that it lost its partitions, and may not write any more.
        stale.close(&partitions).await?;
        stale.stop().await?;
    }
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}

/// An orderly stop with records in hand loses and doubles none of them.
///
/// # Errors
/// What did not hold.
pub async fn stop_while_holding_loses_nothing<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 2);
    driver.start(&partitions).await?;
    driver.poll(SOME).await?;
    driver.stop().await?;
    driver.start(&partitions).await?;
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}

/// A crash after each step there is, one after the other, loses and doubles nothing.
///
/// # Errors
/// What did not hold.
pub async fn crash_at_every_step_loses_nothing<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 2);
    for steps in 0..=5 {
        driver.start(&partitions).await?;
        for step in 0..steps {
            match step {
                0 | 3 => drop(driver.poll(SOME).await?),
                1 => driver.clock().advance_ms(fixture.settle_ms()),
                2 => driver.put(&[]).await?,
                _ => driver.commit().await?,
            }
        }
        driver.crash();
    }
    driver.start(&partitions).await?;
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}

/// Whatever `pre_commit` names is at the far end already: a crash right after it loses nothing.
///
/// # Errors
/// What did not hold.
pub async fn committed_offsets_never_pass_what_is_durable<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = SinkDriver::new(&fixture);
    let partitions = fill(&mut driver, &fixture, 2);
    driver.start(&partitions).await?;
    for round in 0..RECORDS {
        driver.poll(1).await?;
        if round % SOME == 0 {
            driver.clock().advance_ms(fixture.settle_ms());
            driver.put(&[]).await?;
        }
        driver.commit().await?;
        let arrived = fixture.arrived().await;
        for (partition, &committed) in driver.committed() {
            let lost =
                (0..committed).map(|offset| id(partition, offset)).find(|id| !arrived.contains(id));
            ensure(lost.is_none(), || {
                format!("{committed} of {partition} is committed and {lost:?} has not arrived")
            })?;
        }
    }
    driver.crash();
    driver.start(&partitions).await?;
    driver.settle().await?;
    driver.stop().await?;
    verify_all(&driver, &fixture, &partitions).await
}
