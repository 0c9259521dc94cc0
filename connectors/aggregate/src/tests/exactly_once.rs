//! Any order of steps, faults, crashes and moves counts every record once.

use connect_api::{
    error::{ErrorClass, Result, chain},
    record::TopicPartition,
};
use connect_testkit::sink::{Fault, SinkDriver, SinkFixture, run};
use proptest::prelude::*;

use crate::test_support::Aggregate;

/// What can happen between two records.
#[derive(Clone, Copy, Debug)]
enum Step {
    Produce(i32),
    Poll(usize),
    Tick(i64),
    Commit,
    Fail(bool),
    Crash,
    Stop,
    /// Another task takes over while this one still runs, which then closes late.
    Move,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2).prop_map(Step::Produce),
        4 => (1_usize..4).prop_map(Step::Poll),
        2 => (0_i64..1500).prop_map(Step::Tick),
        1 => Just(Step::Commit),
        1 => any::<bool>().prop_map(Step::Fail),
        1 => Just(Step::Crash),
        1 => Just(Step::Stop),
        1 => Just(Step::Move),
    ]
}

fn partitions() -> [TopicPartition; 2] {
    [TopicPartition::new("t", 0), TopicPartition::new("t", 1)]
}

fn produce(aggregate: &Aggregate, driver: &mut SinkDriver, number: i32, produced: &mut usize) {
    let partition = &partitions()[usize::try_from(number).unwrap()];
    let (offset, id) = (driver.end(partition), format!("id-{}", *produced % 3));
    driver.produce(aggregate.record(partition, offset, &id));
    *produced += 1;
}

/// Ends the task in one of three ways, and starts another.
async fn restart(driver: &mut SinkDriver, step: Step) -> Result<()> {
    let mut stale = None;
    match step {
        Step::Stop => driver.stop().await?,
        Step::Move => stale = driver.detach(),
        _ => driver.crash(),
    }
    driver.start(&partitions()).await?;
    match stale {
        Some(mut stale) => stale.close(&partitions()).await,
        None => Ok(()),
    }
}

async fn counts_stay_exact(aggregate: &Aggregate, steps: &[Step]) -> Result<()> {
    let mut driver = SinkDriver::new(aggregate);
    driver.start(&partitions()).await?;
    let mut produced = 0;
    for step in steps {
        match *step {
            Step::Produce(number) => produce(aggregate, &mut driver, number, &mut produced),
            Step::Poll(most) => drop(driver.poll(most).await?),
            Step::Tick(ms) => {
                driver.clock().advance_ms(ms);
                driver.put(&[]).await?;
            }
            Step::Commit => driver.commit().await?,
            Step::Fail(true) => drop(aggregate.fail_next(Fault::AfterWrite)),
            Step::Fail(false) => drop(aggregate.fail_next(Fault::BeforeWrite)),
            restarts => restart(&mut driver, restarts).await?,
        }
    }
    driver.settle().await?;
    let mut expected = [0; 3];
    (0..produced).for_each(|number| expected[number % 3] += 1);
    let mut counted = [0; 3];
    for id in aggregate.arrived().await {
        counted[id.strip_prefix("id-").unwrap().parse::<usize>().unwrap()] += 1;
    }
    assert_eq!(counted, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_of_steps_counts_every_record_once(
        steps in proptest::collection::vec(step(), 0..40),
        flush_size in 1_u32..5,
    ) {
        let aggregate = Aggregate::on_sqlite().with("flush.size", &flush_size.to_string());
        let outcome = run(counts_stay_exact(&aggregate, &steps));
        prop_assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn postgres_counts_every_record_once_through_faults_and_moves() {
    let Some(aggregate) = Aggregate::on_postgres() else { return };
    let aggregate = aggregate.with("flush.size", "2");
    let round = [
        Step::Produce(0),
        Step::Produce(1),
        Step::Produce(0),
        Step::Fail(true),
        Step::Poll(2),
        Step::Produce(1),
        Step::Move,
        Step::Poll(1),
        Step::Fail(false),
        Step::Tick(1200),
        Step::Produce(0),
        Step::Poll(3),
        Step::Crash,
        Step::Poll(3),
        Step::Stop,
    ];
    let steps: Vec<_> = round.into_iter().cycle().take(90).collect();
    let outcome = run(counts_stay_exact(&aggregate, &steps));
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_topic_that_was_made_anew_is_not_passed_over() {
    let aggregate = Aggregate::on_sqlite();
    let [first, _] = partitions();
    let outcome = run(async {
        let mut driver = SinkDriver::new(&aggregate);
        driver.start(std::slice::from_ref(&first)).await?;
        driver
            .put(&[aggregate.record(&first, 0, "id-0"), aggregate.record(&first, 1, "id-1")])
            .await?;
        driver.stop().await?;
        driver.start(std::slice::from_ref(&first)).await?;
        let error = driver.put(&[aggregate.record(&first, 0, "id-2")]).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid);
        let text = chain(&error);
        let words = ["t-0", "offset 2", "offset 0", "aggregate.name"];
        assert!(words.iter().all(|words| text.contains(words)), "{text}");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
