//! The rules that both databases keep.

use connect_api::{error::ErrorClass, record::TopicPartition};
use connect_testkit::sink::{SinkDriver, SinkFixture, run};

use crate::{
    store::Access,
    test_support::{Aggregate, EVERY_WINDOW},
};

/// SQLite, and PostgreSQL where the tests were given one.
fn aggregates() -> impl Iterator<Item = Aggregate> {
    std::iter::once(Aggregate::on_sqlite()).chain(Aggregate::on_postgres())
}

fn partitions() -> [TopicPartition; 2] {
    [TopicPartition::new("t", 0), TopicPartition::new("t", 1)]
}

#[test]
fn a_later_claim_ends_the_earlier_one() {
    for aggregate in aggregates() {
        let outcome = run(async {
            let definition = aggregate.definition();
            let mut store = aggregate.store(Access::Write);
            let first = store.claim(&definition, &partitions()).await?;
            let second = store.claim(&definition, &partitions()[..1]).await?;
            assert_eq!(first.iter().map(|claim| claim.epoch).collect::<Vec<_>>(), [1, 1]);
            assert_eq!((second[0].epoch, second[0].offset), (2, None));
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn a_reader_of_an_empty_store_finds_nothing_and_makes_nothing() {
    let aggregate = Aggregate::on_sqlite();
    let outcome = run(async {
        let mut store = aggregate.store(Access::Read);
        let read = store.read(&aggregate.definition(), EVERY_WINDOW).await?;
        assert!(read.rows.is_empty() && read.offsets.is_empty());
        assert_eq!(store.totals(&aggregate.definition()).await?.records, 0);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn other_settings_do_not_mix_with_stored_rows() {
    for aggregate in aggregates() {
        let outcome = run(async {
            let mut store = aggregate.store(Access::Write);
            store.claim(&aggregate.definition(), &partitions()).await?;
            let other = aggregate.with("window.ms", "1000").definition();
            let error = store.claim(&other, &partitions()).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::Invalid);
            assert!(error.to_string().contains("\"aggregate.name\""), "{error}");
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn totals_agree_with_the_rows() {
    for aggregate in aggregates() {
        let outcome = run(async {
            let mut driver = SinkDriver::new(&aggregate);
            for partition in partitions() {
                for offset in 0..50 {
                    let id = format!("id-{}", offset % 7);
                    driver.produce(aggregate.record(&partition, offset, &id));
                }
            }
            driver.start(&partitions()).await?;
            driver.settle().await?;
            assert_eq!(aggregate.arrived().await.len(), 100);
            let mut store = aggregate.store(Access::Read);
            let totals = store.totals(&aggregate.definition()).await?;
            assert_eq!(totals.records, 100);
            assert_eq!(totals.offsets.into_values().collect::<Vec<_>>(), [50, 50]);
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
    }
}

#[test]
fn a_store_that_cannot_be_used_is_named_without_its_password() {
    let aggregate =
        Aggregate::on_sqlite().with("store.url", "postgres://ann:s3cret@127.0.0.1:1/rows");
    let outcome = run(async {
        let mut store = aggregate.store(Access::Write);
        let error = store.claim(&aggregate.definition(), &partitions()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Retriable);
        let text = connect_api::error::chain(&error);
        assert!(text.contains("postgres://127.0.0.1:1/rows") && !text.contains("s3cret"), "{text}");
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
