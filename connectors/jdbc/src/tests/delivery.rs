//! Each record is one row, wherever the task dies.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use connect_api::{error::Result, record::TopicPartition};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Rows, When, record, with_id};

/// Records of one batch: more than are sent as arguments, so that they are copied.
const RECORDS: usize = 70;

fn partitions() -> [TopicPartition; 2] {
    [TopicPartition::new("t", 0), TopicPartition::new("t", 1)]
}

fn produce(driver: &mut SinkDriver, count: usize) {
    for number in 0..count {
        let partition = &partitions()[number % 2];
        let (offset, id) =
            (driver.end(partition), format!("{partition}@{}", driver.end(partition)));
        driver.produce(record(partition, offset, &id, with_id(&id)));
    }
}

async fn verify(far: &Far, driver: &SinkDriver) {
    let mut expected: Vec<_> = partitions()
        .iter()
        .flat_map(|partition| {
            (0..driver.end(partition)).map(move |offset| format!("{partition}@{offset}"))
        })
        .collect();
    expected.sort();
    assert_eq!(far.column("id").await, expected);
}

/// A future that is dropped after so many polls.
struct Cut<'f, F> {
    inner: Pin<&'f mut F>,
    polls: usize,
}

impl<F: Future> Future for Cut<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.inner.as_mut().poll(context).map(Some)
    }
}

/// Kills the task before and after every call of the database there is.
async fn killed_at_every_call(far: Far) -> Result<()> {
    let far = far.with("auto.evolve", "true");
    for when in [When::Before, When::After] {
        for calls in 0.. {
            let rows = Rows(&far);
            let mut driver = SinkDriver::new(&rows);
            far.query("DROP TABLE IF EXISTS rows; DROP TABLE IF EXISTS millrace_offsets;")
                .await
                .unwrap();
            produce(&mut driver, RECORDS);
            far.end_at(calls, when);
            let killed = match driver.start(&partitions()).await {
                Ok(()) => driver.poll(usize::MAX).await.map(drop),
                Err(error) => Err(error),
            };
            let is_through = far.is_pending();
            assert_eq!(killed.is_ok(), is_through, "{when:?} {calls}");
            driver.crash();
            driver.start(&partitions()).await?;
            driver.settle().await?;
            verify(&far, &driver).await;
            if is_through {
                // Two claims, the table twice looked for and once made, and the write.
                assert!(calls >= 5, "only {calls} calls were made");
                break;
            }
        }
    }
    Ok(())
}

#[test]
fn a_task_killed_at_any_call_writes_each_record_once() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            killed_at_every_call(far).await?;
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

/// Kills the task wherever it waits for the server, the commit included, where nobody knows what came
/// of it.
#[test]
fn a_task_killed_while_it_waits_writes_each_record_once() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let rows = Rows(&far);
        let mut driver = SinkDriver::new(&rows);
        for polls in 0.. {
            produce(&mut driver, RECORDS);
            driver.start(&partitions()).await?;
            let done = {
                let polling = pin!(driver.poll(usize::MAX));
                Cut { inner: polling, polls }.await
            };
            driver.crash();
            if let Some(done) = done {
                done?;
                assert!(polls > 5, "the batch was written in {polls} polls");
                break;
            }
        }
        driver.start(&partitions()).await?;
        driver.settle().await?;
        verify(&far, &driver).await;
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_task_that_was_replaced_writes_nothing_more() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let rows = Rows(&far);
            let mut driver = SinkDriver::new(&rows);
            produce(&mut driver, 4);
            driver.start(&partitions()).await?;
            let mut stale = driver.detach().unwrap();
            driver.start(&partitions()).await?;
            driver.settle().await?;
            let late = record(&partitions()[0], 2, "late", with_id("late"));
            stale.put(std::slice::from_ref(&late)).await?;
            let consumed = [(partitions()[0].clone(), 3)].into();
            assert!(stale.pre_commit(&consumed).await?.is_empty());
            verify(&far, &driver).await;
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn without_a_table_of_offsets_none_is_made() {
    let outcome = run(async {
        for far in Far::everywhere().await {
            let far = far.with("offsets.table", "");
            let rows = Rows(&far);
            let mut driver = SinkDriver::new(&rows);
            produce(&mut driver, 4);
            driver.start(&partitions()).await?;
            driver.settle().await?;
            verify(&far, &driver).await;
            assert!(far.query("SELECT 1 FROM millrace_offsets").await.is_err());
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
