//! Any order of steps, faults, crashes and moves counts every record once.

use connect_api::record::TopicPartition;
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

async fn counts_stay_exact(aggregate: &Aggregate, steps: &[Step]) {
    let partitions = [TopicPartition::new("t", 0), TopicPartition::new("t", 1)];
    let mut driver = SinkDriver::new(aggregate);
    driver.start(&partitions).await.unwrap();
    let mut produced = 0;
    for step in steps {
        match *step {
            Step::Produce(number) => {
                let partition = &partitions[usize::try_from(number).unwrap()];
                let (offset, id) = (driver.end(partition), format!("id-{}", produced % 3));
                driver.produce(aggregate.record(partition, offset, &id));
                produced += 1;
            }
            Step::Poll(most) => drop(driver.poll(most).await.unwrap()),
            Step::Tick(ms) => {
                driver.clock().advance_ms(ms);
                driver.put(&[]).await.unwrap();
            }
            Step::Commit => driver.commit().await.unwrap(),
            Step::Fail(true) => drop(aggregate.fail_next(Fault::AfterWrite)),
            Step::Fail(false) => drop(aggregate.fail_next(Fault::BeforeWrite)),
            Step::Crash => {
                driver.crash();
                driver.start(&partitions).await.unwrap();
            }
            Step::Stop => {
                driver.stop().await.unwrap();
                driver.start(&partitions).await.unwrap();
            }
            Step::Move => {
                let mut stale = driver.detach().unwrap();
                driver.start(&partitions).await.unwrap();
                stale.close(&partitions).await.unwrap();
            }
        }
    }
    driver.settle().await.unwrap();
    let mut expected = [0; 3];
    (0..produced).for_each(|number| expected[number % 3] += 1);
    let mut counted = [0; 3];
    for id in aggregate.arrived().await {
        counted[id.strip_prefix("id-").unwrap().parse::<usize>().unwrap()] += 1;
    }
    assert_eq!(counted, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_of_steps_counts_every_record_once(
        steps in proptest::collection::vec(step(), 0..40),
        flush_size in 1_u32..5,
    ) {
        let aggregate = Aggregate::on_sqlite().with("flush.size", &flush_size.to_string());
        let outcome = run(async {
            counts_stay_exact(&aggregate, &steps).await;
            Ok(())
        });
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
    let outcome = run(async {
        counts_stay_exact(&aggregate, &steps).await;
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
