//! Each record is there once, wherever a task dies, and however long one that lost its partition goes on.

use super::*;

/// Records of a run.
const END: i64 = 11;

/// What tells how files are shared out and closed.
const SETTINGS: [&[(&str, &str)]; 6] = [
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
    &[("flush.size", "2"), ("hdfs.append", "true")],
    &[
        ("flush.size", "4"),
        ("hdfs.append", "true"),
        ("file.size.bytes.max", "40"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "lane"),
    ],
    &[
        ("flush.size", "3"),
        ("hdfs.append", "true"),
        ("file.age.ms.max", "1500"),
        ("partitioner.max.open.files", "2"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "lane"),
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

/// How a task dies.
#[derive(Clone, Debug)]
struct Death {
    /// Changes until then, with the last one.
    changes: usize,
    /// What happens of the last one.
    last: Fault,
    /// Whether bytes that are on their way come, after the next task has begun.
    comes: bool,
}

/// Brings records until the task dies; the offset that it says is safe.
async fn dies(server: &Server, settings: &[(&str, &str)], death: &Death) -> i64 {
    let mut run = Run::start(server, settings).await;
    server.die_after(death.changes, death.last.clone());
    for end in [3, 6, 9, END] {
        let records: Vec<_> = (run.position..end).map(numbered).collect();
        run.position = end;
        run.task.put(&records).await.unwrap();
        run.obey();
        run.clock.advance_ms(600);
    }
    let _told = run.task.finish_files().await;
    run.safe().await
}

/// A task dies at one of its changes, and another goes on; whether it died at all.
async fn another_goes_on(settings: &[(&str, &str)], death: Death) -> bool {
    let server = Server::start().await;
    let safe = dies(&server, settings, &death).await;
    let has_died = server.heal();
    // Bytes that do not come while this lasts are not waited for.
    let patience = ("hdfs.lease.timeout.ms", if death.comes { "90000" } else { "0" });
    let mut run = Run::start(&server, &[settings, &[patience]].concat()).await;
    if death.comes {
        server.let_go();
    }
    run.wait_for_claim().await;
    let told = format!("{settings:?}, {death:?}");
    assert!(run.position >= safe, "{told}: {} < {safe}", run.position);
    finish(&mut run).await.unwrap();
    server.let_go();
    assert_eq!(numbers(&server), (0..END).collect::<Vec<_>>(), "{told}");
    assert_eq!(run.safe().await, END, "{told}");
    run.task.stop().await.unwrap();
    let odd: Vec<_> = server.files("/topics/").into_keys().filter(|it| is_odd(it)).collect();
    assert!(odd.is_empty(), "{told}: {odd:?}");
    has_died
}

#[tokio::test]
async fn a_crash_at_any_step_loses_and_doubles_nothing() {
    let deaths = [
        (Fault::BreakBefore, true),
        (Fault::BreakAfter, true),
        (Fault::BreakWithin, true),
        (Fault::Hold, true),
        (Fault::Hold, false),
    ];
    for settings in SETTINGS {
        let mut met = 0;
        for (last, comes) in &deaths {
            let mut changes = 1;
            let death = |changes| Death { changes, last: last.clone(), comes: *comes };
            while another_goes_on(settings, death(changes)).await {
                changes += 1;
            }
            met += changes;
        }
        assert!(met > 30, "{settings:?}: {met}");
    }
}

#[tokio::test]
async fn a_task_that_goes_on_after_an_answer_was_lost_doubles_nothing() {
    let cases = [
        (Fault::BreakAfter, 40),
        (Fault::BreakBefore, 40),
        (Fault::BreakWithin, 8),
        (Fault::Hold, 8),
    ];
    for (fault, most) in cases {
        for (settings, changes) in SETTINGS.iter().flat_map(|it| (0..most).map(move |n| (*it, n))) {
            let server = Server::start().await;
            let settings = [settings, &[("hdfs.lease.timeout.ms", "0")]].concat();
            let mut run = Run::start(&server, &settings).await;
            server.fail_later(changes, fault.clone());
            finish(&mut run).await.unwrap();
            server.let_go();
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
async fn two_tasks_that_take_over_at_once_end_each_file_once() {
    let cases = (0..20).flat_map(|round| SETTINGS.iter().map(move |settings| (round, *settings)));
    for (round, settings) in cases {
        let server = Server::start().await;
        let settings = [settings, &[("hdfs.lease.timeout.ms", "0")]].concat();
        let mut old = Run::start(&server, &settings).await;
        old.bring(6, 3).await.unwrap();
        // Its next append breaks off in one way or the other.
        let last = if round % 2 == 0 { Fault::Hold } else { Fault::BreakWithin };
        server.die_after(1 + round / 4, last);
        let _told = old.task.put(&[numbered(6), numbered(7), numbered(8)]).await;
        let _told = old.task.finish_files().await;
        drop(old);
        server.heal();
        let (mut one, mut other) =
            tokio::join!(Run::start(&server, &settings), Run::start(&server, &settings));
        tokio::join!(one.wait_for_claim(), other.wait_for_claim());
        drop(one);
        finish(&mut other).await.unwrap();
        server.let_go();
        let told = format!("{settings:?} {round}");
        assert_eq!(numbers(&server), (0..END).collect::<Vec<_>>(), "{told}");
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
