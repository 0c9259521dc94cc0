//! A clock that is set: forwards by days, back by an hour, and back from where it never should have been.

use super::*;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Which options have the clock end files after a minute.
const BY_THE_CLOCK: [&str; 3] =
    ["rotate.schedule.interval.ms", "rotate.interval.ms", "file.age.ms.max"];

/// Files that no record is added to any more.
fn closed(server: &Server) -> usize {
    server.committed().keys().filter(|path| !path.contains("+open.")).count()
}

/// Brings a record before and after each jump, and gives the clock a minute each time.
async fn jumps(jumps: &[i64], more: &[(&str, &str)]) {
    let server = Server::start().await;
    let settings = [&[("flush.size", "100"), ("timezone", "UTC"), ("locale", "en")], more].concat();
    let mut run = Run::start(&server, &settings).await;
    // The first one begins in the middle of a slot.
    run.clock.advance_ms(MINUTE_MS / 2);
    for &jump in jumps {
        run.bring(run.position + 1, 1).await.unwrap();
        run.clock.advance_ms(jump);
        run.bring(run.position + 1, 1).await.unwrap();
        run.clock.advance_ms(MINUTE_MS);
        run.task.put(&[]).await.unwrap();
        assert_eq!(run.safe().await, run.position, "{jump} ms: a file is still open, {more:?}");
    }
    let expected: Vec<_> = (0..run.position).collect();
    assert_eq!(numbers(&server), expected, "{more:?}");
    drop(run);
    let run = Run::start(&server, &settings).await;
    assert_eq!(run.position, i64::try_from(expected.len()).unwrap(), "{more:?}");
}

#[tokio::test]
async fn files_end_within_a_minute_however_the_clock_is_set() {
    for by in BY_THE_CLOCK {
        for way in [[3 * DAY_MS, 0, 0], [-HOUR_MS, 0, -HOUR_MS], [400 * DAY_MS, -400 * DAY_MS, 0]] {
            jumps(&way, &[(by, "60000")]).await;
            jumps(&way, &[(by, "60000"), ("hdfs.append", "true")]).await;
        }
    }
}

#[tokio::test]
async fn folders_by_the_clock_take_records_however_it_is_set() {
    let folders = [
        ("rotate.schedule.interval.ms", "60000"),
        ("partitioner.class", "HourlyPartitioner"),
        ("timestamp.extractor", "Wallclock"),
    ];
    for append in ["false", "true"] {
        let settings = [&folders[..], &[("hdfs.append", append)]].concat();
        jumps(&[3 * DAY_MS, -HOUR_MS, -3 * DAY_MS, 0], &settings).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_end_files_early() {
    let server = Server::start().await;
    let settings =
        [("flush.size", "100"), ("rotate.schedule.interval.ms", "60000"), ("timezone", "UTC")];
    let mut run = Run::start(&server, &settings).await;
    run.bring(1, 1).await.unwrap();
    // The next slot begins in half a minute, as the hour before had one.
    run.clock.advance_ms(-HOUR_MS + MINUTE_MS / 2);
    run.bring(2, 1).await.unwrap();
    assert_eq!(closed(&server), 0);
    run.clock.advance_ms(MINUTE_MS / 2);
    run.task.put(&[]).await.unwrap();
    assert_eq!(closed(&server), 1);
}

#[tokio::test]
async fn growing_files_end_by_their_age_however_the_clock_is_set() {
    for jump in [3 * DAY_MS, -HOUR_MS] {
        let server = Server::start().await;
        let settings = [("flush.size", "1"), ("file.age.ms.max", "60000"), ("hdfs.append", "true")];
        let mut run = Run::start(&server, &settings).await;
        run.bring(1, 1).await.unwrap();
        run.clock.advance_ms(jump);
        run.task.put(&[]).await.unwrap();
        run.clock.advance_ms(MINUTE_MS);
        run.task.put(&[]).await.unwrap();
        assert_eq!(closed(&server), 1, "{jump} ms");
    }
}
