//! The conformance suite of sources: the same cases on every one of them.
//!
//! A crate describes its source system as a [`SourceFixture`] and writes
//! `source_conformance!(Fixture);` in its tests. Each case then runs against a system of its own,
//! through a driver that polls, commits, drops polls and crashes as the worker does. What was fed
//! into the system is compared with what came out.

use std::{future::Future, sync::Arc, time::Duration};

use connect_api::{
    config::Props,
    error::{ConnectorError, ErrorClass, Result},
    record::{SourceBatch, SourceOffset, SourceRecord},
    source::{OffsetReader as _, SourceConnector, SourceTask},
};
use tokio::time::timeout;

pub use crate::sink::run;
use crate::{
    doubles::{ManualClock, MemoryOffsets, source_context},
    sink::{document, ensure, judge_look},
};

/// Time at which the clock of every case starts: 2026-11-21T10:00:00Z.
const START_MS: i64 = 1_795_255_200_000;

/// Records of a case: enough for several batches of a fixture with small ones.
const RECORDS: usize = 20;

/// Longest wait for a record that has to come: a guard, no measure.
const GUARD: Duration = Duration::from_secs(30);

/// How long polls are left alone before they are dropped: at once, while they look, while they wait.
const DROPPED_AFTER_MS: [u64; 6] = [0, 1, 3, 10, 30, 100];

/// A source with a system of its own, for the conformance suite.
pub trait SourceFixture: Sized + Send + Sync {
    /// Sets up a system that is empty.
    fn start() -> impl Future<Output = Self> + Send;

    /// The kind of source under test.
    fn connector(&self) -> Box<dyn SourceConnector>;

    /// A configuration that reads from this system, in small batches where that can be set.
    fn props(&self) -> Props;

    /// A configuration with several problems, and the keys they are bound to.
    fn broken_props(&self) -> (Props, Vec<&'static str>);

    /// Changes to [`SourceFixture::props`] after which the system is not there; none for a connector that has
    /// none behind it.
    fn lost(&self) -> &'static [(&'static str, &'static str)];

    /// Brings a record with this id into the system.
    fn feed(&self, id: &str) -> impl Future<Output = ()> + Send;

    /// The id that a record carries.
    fn id(&self, record: &SourceRecord) -> String;

    /// The position in an offset, which may not go back; none where it has none.
    fn position(&self, offset: &SourceOffset) -> Option<i64> {
        offset.0.get("position")?.as_i64()
    }

    /// Whether what was fed can be read again from an earlier offset.
    fn is_replayable(&self) -> bool {
        true
    }
}

/// Runs one source task as the worker does.
struct Driver<'a, F> {
    fixture: &'a F,
    offsets: Arc<MemoryOffsets>,
    clock: Arc<ManualClock>,
    task: Box<dyn SourceTask>,
    /// Ids that came out, in their order.
    ids: Vec<String>,
}

impl<'a, F: SourceFixture> Driver<'a, F> {
    async fn start(fixture: &'a F, offsets: Arc<MemoryOffsets>) -> Result<Self> {
        let clock = ManualClock::at(START_MS);
        let task = Self::task(fixture, &offsets, &clock).await?;
        Ok(Self { fixture, offsets, clock, task, ids: Vec::new() })
    }

    async fn task(
        fixture: &F,
        offsets: &Arc<MemoryOffsets>,
        clock: &Arc<ManualClock>,
    ) -> Result<Box<dyn SourceTask>> {
        let connector = fixture.connector();
        let props = connector.task_configs(&fixture.props(), 1)?;
        let props = props.first().ok_or_else(|| ConnectorError::internal("There is no task"))?;
        connector.start_task(props, source_context(offsets, clock)).await
    }

    /// A task that knows what was committed, in place of one that crashed.
    async fn restart(&mut self) -> Result<()> {
        self.task = Self::task(self.fixture, &self.offsets, &self.clock).await?;
        Ok(())
    }

    async fn accept(&mut self, batch: SourceBatch) -> Result<SourceBatch> {
        self.ids.extend(batch.records.iter().map(|record| self.fixture.id(record)));
        self.offsets.commit(&batch.offsets);
        self.task.commit(&batch.offsets).await?;
        Ok(batch)
    }

    /// One poll to its end, committed.
    async fn poll(&mut self) -> Result<SourceBatch> {
        let polled = timeout(GUARD, self.task.poll()).await;
        let batch = polled.map_err(|_late| ConnectorError::internal("A poll never ended"))??;
        self.accept(batch).await
    }

    /// One poll that is dropped when it takes longer than this; its batch is committed.
    async fn poll_for(&mut self, wait: Duration) -> Result<()> {
        match timeout(wait, self.task.poll()).await {
            Ok(batch) => self.accept(batch?).await.map(drop),
            Err(_dropped) => Ok(()),
        }
    }

    /// Polls until so many records have come out in all.
    async fn poll_to(&mut self, records: usize) -> Result<()> {
        let polled = timeout(GUARD, async {
            while self.ids.len() < records {
                self.poll().await?;
            }
            Ok(())
        });
        let found = polled.await;
        found.unwrap_or_else(|_late| {
            let found = self.ids.len();
            Err(ConnectorError::internal(format!("{found} of {records} records came out")))
        })
    }

    fn verify(&self, expected: &[String]) -> Result<()> {
        ensure(self.ids == expected, || format!("{:?} came out for {expected:?}", self.ids))
    }
}

/// Feeds records and names them.
async fn feed<F: SourceFixture>(fixture: &F, from: usize, to: usize) -> Vec<String> {
    let ids: Vec<_> = (from..to).map(|number| format!("record-{number}")).collect();
    for id in &ids {
        fixture.feed(id).await;
    }
    ids
}

fn no_offsets() -> Arc<MemoryOffsets> {
    Arc::new(MemoryOffsets::default())
}

/// A task that is never polled stops.
///
/// # Errors
/// What did not hold.
pub async fn opens_and_closes_without_records<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = Driver::start(&fixture, no_offsets()).await?;
    driver.task.stop().await
}

/// What is there at the start and what comes later arrives, in its order, once.
///
/// # Errors
/// What did not hold.
pub async fn delivers_every_record<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = Driver::start(&fixture, no_offsets()).await?;
    let mut ids = feed(&fixture, 0, RECORDS).await;
    driver.poll_to(RECORDS).await?;
    ids.extend(feed(&fixture, RECORDS, RECORDS + 3).await);
    driver.poll_to(RECORDS + 3).await?;
    driver.task.stop().await?;
    driver.verify(&ids)
}

/// After each batch a new task goes on right where the batch ended.
///
/// # Errors
/// What did not hold.
pub async fn resumes_after_every_batch<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    if !fixture.is_replayable() {
        return Ok(());
    }
    let ids = feed(&fixture, 0, RECORDS).await;
    let mut first = Driver::start(&fixture, no_offsets()).await?;
    let mut boundaries = Vec::new();
    while first.ids.len() < RECORDS {
        first.poll().await?;
        boundaries.push((first.ids.clone(), first.offsets.committed().await?));
    }
    first.verify(&ids)?;
    for (before, committed) in boundaries {
        let offsets = no_offsets();
        for (partition, offset) in committed {
            offsets.commit(&[(partition, Some(offset))]);
        }
        let mut next = Driver::start(&fixture, offsets).await?;
        next.ids = before;
        next.poll_to(RECORDS).await?;
        next.poll_for(Duration::from_millis(20)).await?;
        next.verify(&ids)?;
    }
    Ok(())
}

/// A batch that was not committed comes again after a crash.
///
/// # Errors
/// What did not hold.
pub async fn crash_before_the_commit_loses_nothing<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    if !fixture.is_replayable() {
        return Ok(());
    }
    let ids = feed(&fixture, 0, RECORDS).await;
    let mut driver = Driver::start(&fixture, no_offsets()).await?;
    while driver.ids.len() < RECORDS {
        let lost = timeout(GUARD, driver.task.poll()).await;
        drop(lost.map_err(|_late| ConnectorError::internal("A poll never ended"))??);
        driver.restart().await?;
        driver.poll().await?;
        driver.restart().await?;
    }
    driver.verify(&ids)
}

/// Polls that are dropped anywhere lose and double nothing.
///
/// # Errors
/// What did not hold.
pub async fn dropped_polls_lose_nothing<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = Driver::start(&fixture, no_offsets()).await?;
    let mut ids = Vec::new();
    for (round, wait_ms) in DROPPED_AFTER_MS.into_iter().cycle().take(18).enumerate() {
        ids.extend(feed(&fixture, round, round + 1).await);
        driver.poll_for(Duration::from_millis(wait_ms)).await?;
    }
    driver.poll_to(ids.len()).await?;
    driver.poll_for(Duration::from_millis(20)).await?;
    driver.verify(&ids)
}

/// The position of a partition never goes back from one batch to the next.
///
/// # Errors
/// What did not hold.
pub async fn offsets_only_move_on<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = Driver::start(&fixture, no_offsets()).await?;
    let mut positions: Vec<(connect_api::record::SourcePartition, i64)> = Vec::new();
    feed(&fixture, 0, RECORDS).await;
    while driver.ids.len() < RECORDS {
        for (partition, offset) in driver.poll().await?.offsets {
            let Some(position) = offset.and_then(|offset| fixture.position(&offset)) else {
                continue;
            };
            let known = positions.iter().find(|(known, _)| *known == partition);
            let before = known.map_or(i64::MIN, |(_, position)| *position);
            ensure(position >= before, || {
                format!("The position went from {before} back to {position}")
            })?;
            positions.retain(|(known, _)| *known != partition);
            positions.push((partition, position));
        }
    }
    Ok(())
}

/// A task that waits for records stops when its poll is dropped, and another one takes over.
///
/// # Errors
/// What did not hold.
pub async fn stop_while_waiting_loses_nothing<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let mut driver = Driver::start(&fixture, no_offsets()).await?;
    let mut ids = feed(&fixture, 0, 1).await;
    driver.poll_to(1).await?;
    driver.poll_for(Duration::from_millis(100)).await?;
    let stopped = timeout(GUARD, driver.task.stop()).await;
    stopped.map_err(|_late| ConnectorError::internal("The task never stopped"))??;
    ids.extend(feed(&fixture, 1, 3).await);
    driver.restart().await?;
    driver.poll_to(3).await?;
    driver.verify(&ids)
}

/// Every key has a manual text and a default that passes its own check, and the fixture's
/// configuration is a valid one.
///
/// # Errors
/// What did not hold.
pub async fn every_key_is_documented<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let connector = fixture.connector();
    document(&connector.config_def())?;
    ensure(!connector.class().is_empty() && !connector.version().is_empty(), || {
        "The connector has no class or no version".to_owned()
    })?;
    for value in connector.validate(&fixture.props()) {
        ensure(value.errors.is_empty(), || format!("Key {}: {:?}", value.name, value.errors))?;
    }
    Ok(())
}

/// Validation reports every problem of a configuration at once.
///
/// # Errors
/// What did not hold.
pub async fn every_problem_is_reported<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let (props, mut expected) = fixture.broken_props();
    let values = fixture.connector().validate(&props);
    let wrong = values.iter().filter(|value| !value.errors.is_empty());
    let mut wrong: Vec<_> = wrong.map(|value| value.name.as_str()).collect();
    wrong.sort_unstable();
    expected.sort_unstable();
    ensure(wrong == expected, || format!("{wrong:?} are reported, {expected:?} are wrong"))
}

/// A configuration with problems starts no task, and the error says that nothing but a change helps.
///
/// # Errors
/// What did not hold.
pub async fn broken_configuration_is_invalid<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let (props, _) = fixture.broken_props();
    let connector = fixture.connector();
    let context = source_context(&no_offsets(), &ManualClock::at(START_MS));
    let started = connector.start_task(&props, context).await.map(drop);
    for (what, result) in
        [("task_configs", connector.task_configs(&props, 1).map(drop)), ("start_task", started)]
    {
        let class = result.err().map(|error| error.class());
        ensure(class == Some(ErrorClass::Invalid), || format!("{what} ends in {class:?}"))?;
    }
    Ok(())
}

/// Validation sees a system from which a task can read, and one that is not there.
///
/// # Errors
/// What did not hold.
pub async fn its_system_is_looked_at<F: SourceFixture>() -> Result<()> {
    let fixture = F::start().await;
    let connector = fixture.connector();
    connector.check_system(&fixture.props()).await?;
    let mut props = fixture.props();
    props.extend(fixture.lost().iter().copied());
    let outcome = connector.check_system(&props).await;
    let (def, key) = (connector.config_def(), connector.system_key());
    judge_look(&def, key, !fixture.lost().is_empty(), outcome)
}

/// Runs every case of the source conformance suite on a [`SourceFixture`].
///
/// `source_conformance!(MyFixture);` makes a module `source_conformance` with one test per case.
/// Write it in a test module; in several of them for several fixtures.
#[macro_export]
macro_rules! source_conformance {
    ($fixture:ty) => {
        $crate::source_conformance! { @cases $fixture,
            opens_and_closes_without_records, delivers_every_record, resumes_after_every_batch,
            crash_before_the_commit_loses_nothing, dropped_polls_lose_nothing,
            offsets_only_move_on, stop_while_waiting_loses_nothing, every_key_is_documented,
            every_problem_is_reported, broken_configuration_is_invalid, its_system_is_looked_at,
        }
    };
    (@cases $fixture:ty, $($case:ident),+ $(,)?) => {
        mod source_conformance {
            #[allow(unused_imports, clippy::allow_attributes, reason = "for the fixture's name")]
            use super::*;

            $(#[test]
            fn $case() {
                let outcome = $crate::source::run($crate::source::$case::<$fixture>());
                assert_eq!(outcome, Ok(()));
            })+
        }
    };
}
