//! Each record is there once, wherever a task dies, and however long one that lost its partition goes on.

use super::*;

/// Records of a run.
const END: i64 = 11;

/// What tells how files are shared out and closed.
const SETTINGS: [&[(&str, &str)]; 3] = [
    &[("flush.size", "4")],
    &[
        ("flush.size", "5"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "lane"),
    ],
    &[
        ("flush.size", "100"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "lane"),
        ("rotate.interval.ms", "1000"),
    ],
];

/// Brings all records, with time passing between batches, and commits what is open at the end.
async fn finish(run: &mut Run) -> connect_api::error::Result<()> {
    while run.position < END {
        run.bring((run.position + 3).min(END), 3).await?;
        run.clock.advance_ms(600);
    }
    for _turn in 0..5 {
        run.clock.advance_ms(600);
        let _told = run.task.finish_files().await;
        run.task.put(&[]).await?;
        run.obey();
        if run.position < END {
            run.bring(END, 3).await?;
        }
    }
    Ok(())
}

/// A task dies at one of its changes, and another goes on; whether it died at all.
async fn dies(settings: &[(&str, &str)], changes: usize, happens: bool) -> bool {
    let server = Server::start().await;
    let mut run = Run::start(&server, settings).await;
    server.die_after(changes, happens);
    for end in [3, 6, 9, END] {
        let records: Vec<_> = (run.position..end).map(numbered).collect();
        run.position = end;
        run.task.put(&records).await.unwrap();
        run.obey();
        run.clock.advance_ms(600);
    }
    let _told = run.task.finish_files().await;
    let safe = run.safe().await;
    drop(run);
    let has_died = server.heal();
    let mut run = Run::start(&server, settings).await;
    let told = format!("{settings:?}, {changes} changes, happens: {happens}");
    assert!(run.position >= safe, "{told}: {} < {safe}", run.position);
    finish(&mut run).await.unwrap();
    assert_eq!(numbers(&server), (0..END).collect::<Vec<_>>(), "{told}");
    assert_eq!(run.safe().await, END, "{told}");
    has_died
}

#[tokio::test]
async fn a_crash_at_any_step_loses_and_doubles_nothing() {
    for settings in SETTINGS {
        for happens in [false, true] {
            let mut changes = 1;
            while dies(settings, changes, happens).await {
                changes += 1;
            }
            assert!(changes > 10, "{changes}");
        }
    }
}

#[tokio::test]
async fn a_task_that_goes_on_after_an_answer_was_lost_doubles_nothing() {
    let faults = [Fault::BreakAfter, Fault::BreakBefore];
    let cases = (0..30).flat_map(|changes| faults.iter().map(move |fault| (changes, fault)));
    for (changes, fault) in cases {
        for settings in SETTINGS {
            let server = Server::start().await;
            let mut run = Run::start(&server, settings).await;
            server.fail_later(changes, fault.clone());
            finish(&mut run).await.unwrap();
            let told = format!("{settings:?}, {changes}, {fault:?}");
            assert_eq!(numbers(&server), (0..END).collect::<Vec<_>>(), "{told}");
        }
    }
}

#[tokio::test]
async fn a_task_that_lost_its_partition_commits_nothing_any_more() {
    for settings in SETTINGS {
        for before in 0..END {
            let server = Server::start().await;
            let mut old = Run::start(&server, settings).await;
            old.bring(before, 2).await.unwrap();
            let mut new = Run::start(&server, settings).await;
            new.bring(END - 3, 4).await.unwrap();
            // It takes the partition back, and both go on.
            for _turn in 0..2 {
                old.clock.advance_ms(600);
                old.bring(END - 1, 2).await.unwrap();
                let _told = old.task.finish_files().await;
                old.obey();
                new.clock.advance_ms(600);
                new.bring(END, 5).await.unwrap();
                let _told = new.task.finish_files().await;
                new.obey();
            }
            drop(old);
            let mut last = Run::start(&server, settings).await;
            finish(&mut last).await.unwrap();
            assert_eq!(numbers(&server), (0..END).collect::<Vec<_>>(), "{settings:?} {before}");
        }
    }
}

#[tokio::test]
async fn nothing_temporary_is_left() {
    let server = Server::start().await;
    let mut run = Run::start(&server, SETTINGS[1]).await;
    run.bring(3, 3).await.unwrap();
    // It is not told to stop.
    drop(run);
    let mut run = Run::start(&server, SETTINGS[1]).await;
    finish(&mut run).await.unwrap();
    run.task.stop().await.unwrap();
    assert!(server.files("/topics/+tmp/").is_empty(), "{:?}", server.files("/topics/+tmp/"));
    assert_eq!(server.files("/logs/").into_keys().collect::<Vec<_>>(), ["/logs/t/0/position+11"]);
}
