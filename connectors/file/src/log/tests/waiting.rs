//! Waking up when something is written.

use std::time::Duration;

use connect_api::source::SourceTask as _;
use tokio::time::{Instant, timeout};

use super::*;

/// Longest wait for a record that has to come.
const GUARD: Duration = Duration::from_secs(20);

async fn poll(world: &mut World) -> Vec<String> {
    loop {
        let batch = timeout(GUARD, world.task.poll()).await.unwrap().unwrap();
        world.offsets.commit(&batch.offsets);
        if !batch.records.is_empty() {
            return batch.records.iter().map(|record| text(&record.value.value)).collect();
        }
    }
}

/// Polls until the task waits for an event, which it does only when it has nothing left to do.
async fn wait_for_quiet(world: &mut World) {
    assert!(timeout(Duration::from_millis(100), world.task.poll()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wake_the_task_long_before_the_interval() {
    let mut world = World::with("*/*.log", &[("poll.interval.ms", "3600000")]);
    world.append("a/a.log", "one\n");
    assert_eq!(poll(&mut world).await, ["one"]);
    wait_for_quiet(&mut world).await;
    let changes: [fn(&World); 4] = [
        |world| world.append("a/a.log", "two\n"),
        |world| world.append("a/b.log", "a new file\n"),
        |world| world.append("b/b.log", "a new directory\n"),
        |world| {
            world.append("elsewhere", "moved in\n");
            world.rename("elsewhere", "a/c.log");
        },
    ];
    let expected = ["two", "a new file", "a new directory", "moved in"];
    for (change, expected) in changes.into_iter().zip(expected) {
        let path = world.directory.path().to_owned();
        let started = Instant::now();
        {
            let mut waiting = std::pin::pin!(world.task.poll());
            // The first part of the wait sets up the watch; the change comes after it.
            assert!(timeout(Duration::from_millis(60), &mut waiting).await.is_err());
        }
        drop(path);
        change(&world);
        assert_eq!(poll(&mut world).await, [expected]);
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_the_wait_ends_it() {
    let mut world = World::with("a.log", &[("poll.interval.ms", "3600000")]);
    world.append("a.log", "one\n");
    assert_eq!(poll(&mut world).await, ["one"]);
    let path = world.path("a.log");
    let waiting = timeout(GUARD, world.task.poll());
    let writing = async {
        // Long enough for the wait to be one for events.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut file = fs::File::options().append(true).open(path).unwrap();
        file.write_all(b"two\n").unwrap();
        Instant::now()
    };
    let (batch, written_at) = tokio::join!(waiting, writing);
    assert_eq!(text(&batch.unwrap().unwrap().records[0].value.value), "two");
    assert!(written_at.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_poll_that_is_dropped_loses_nothing() {
    let mut world = World::new("a.log");
    for round in 0..50 {
        world.append("a.log", format!("{round}\n"));
        // Dropped at its first wait, or done.
        let polled = timeout(Duration::ZERO, world.task.poll()).await;
        if let Ok(batch) = polled {
            let batch = batch.unwrap();
            world.records.extend(batch.records);
        }
    }
    world.drain();
    let expected: Vec<_> = (0..50).map(|round| round.to_string()).collect();
    assert_eq!(world.lines(), expected);
}
