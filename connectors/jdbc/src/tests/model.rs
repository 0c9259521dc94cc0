//! Any order of upserts, deletions, new columns, faults and crashes ends in the rows that a model has.

use std::collections::BTreeMap;

use connect_api::{
    error::Result,
    record::{SchemaAndValue, TopicPartition},
    schema::{Schema, Type},
    value::Value,
};
use connect_testkit::sink::{SinkDriver, run};
use proptest::prelude::*;

use super::support::{Far, Rows, When, record, structure};

/// Columns of each version of the schema.
const VERSIONS: [&[&str]; 4] = [&["a"], &["a", "b"], &["b", "c"], &["c", "a", "d"]];

#[derive(Clone, Debug)]
enum Step {
    /// A key, a version, and values from this one on; every third is null.
    Upsert(u8, usize, i32),
    Delete(u8),
    Poll(usize),
    Commit,
    Fail(bool),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..4, 0..VERSIONS.len(), 0_i32..100)
            .prop_map(|(key, version, value)| Step::Upsert(key, version, value)),
        3 => (0_u8..4).prop_map(Step::Delete),
        4 => (1_usize..8).prop_map(Step::Poll),
        1 => Just(Step::Commit),
        1 => any::<bool>().prop_map(Step::Fail),
        1 => Just(Step::Crash),
    ]
}

type Model = BTreeMap<String, BTreeMap<&'static str, Option<i32>>>;

fn partition(key: u8) -> TopicPartition {
    TopicPartition::new("t", i32::from(key % 2))
}

fn produce(driver: &mut SinkDriver, model: &mut Model, step: &Step) {
    let (key, value) = match *step {
        Step::Upsert(key, version, start) => {
            let row = model.entry(key.to_string()).or_default();
            let mut members = Vec::new();
            for (name, number) in VERSIONS[version].iter().zip(start..) {
                let value = (number % 3 != 0).then_some(number);
                row.insert(name, value);
                let of = Schema::new(Type::Int32).optional();
                members.push((*name, of, value.map_or(Value::Null, Value::Int32)));
            }
            (key, structure(members))
        }
        Step::Delete(key) => {
            model.remove(&key.to_string());
            (key, SchemaAndValue::NULL)
        }
        _ => return,
    };
    let partition = partition(key);
    let offset = driver.end(&partition);
    driver.produce(record(&partition, offset, &key.to_string(), value));
}

async fn ends_as_the_model(far: &Far, steps: &[Step]) -> Result<()> {
    let rows = Rows(far);
    let mut driver = SinkDriver::new(&rows);
    let partitions = [partition(0), partition(1)];
    driver.start(&partitions).await?;
    let mut model = Model::new();
    for step in steps {
        produce(&mut driver, &mut model, step);
        match step {
            Step::Upsert(..) | Step::Delete(_) => {}
            Step::Poll(most) => drop(driver.poll(*most).await?),
            Step::Commit => driver.commit().await?,
            Step::Fail(true) => far.fail_next_write(When::After),
            Step::Fail(false) => far.fail_next_write(When::Before),
            Step::Crash => {
                driver.crash();
                driver.start(&partitions).await?;
            }
        }
    }
    driver.settle().await?;
    let expected: BTreeMap<_, _> = model
        .into_iter()
        .map(|(key, row)| {
            let shown =
                row.into_iter().filter_map(|(name, value)| Some(format!("{name}={} ", value?)));
            (key, shown.collect::<String>())
        })
        .collect();
    assert_eq!(far.by_key(&["a", "b", "c", "d"]).await, expected, "{steps:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn sqlite_ends_as_the_model(
        steps in proptest::collection::vec(step(), 0..50),
        most_rows in 1_usize..6,
    ) {
        let far = Far::on_sqlite().keyed().with("batch.size", &most_rows.to_string());
        prop_assert_eq!(run(ends_as_the_model(&far, &steps)), Ok(()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn postgres_ends_as_the_model(
        steps in proptest::collection::vec(step(), 0..60),
        most_rows in 1_usize..6,
    ) {
        let outcome = run(async {
            let Some(far) = Far::on_postgres().await else { return Ok(()) };
            let far = far.keyed().with("batch.size", &most_rows.to_string());
            ends_as_the_model(&far, &steps).await
        });
        prop_assert_eq!(outcome, Ok(()));
    }
}
