//! Tasks that die at any moment: every record is stored once.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use super::*;

/// One life of a task: it dies after so many objects, having waited so long before it began.
#[derive(Clone, Debug)]
struct Life {
    objects: i64,
    batch: usize,
    pause_minutes: i64,
}

#[derive(Clone, Debug)]
struct Case {
    settings: Vec<(&'static str, String)>,
    /// Region and minutes after ten of each record.
    records: Vec<(u8, i64)>,
    lives: Vec<Life>,
}

/// Runs every life, then a last one to the end of the log and of the last slot.
async fn run(case: &Case) {
    let settings: Vec<_> = case.settings.iter().map(|(key, text)| (*key, text.as_str())).collect();
    let rig = Rig::new(&settings).await;
    let log: Vec<_> = (0..)
        .zip(&case.records)
        .map(|(offset, (region, minutes))| {
            let mut record = regional(offset, &format!("r{region}"));
            record.timestamp_ms = Some(TEN + minutes * MINUTE + offset);
            record
        })
        .collect();
    let mut reader = Reader::new(&log, 1);
    for life in &case.lives {
        rig.clock.advance_ms(life.pause_minutes * MINUTE);
        let mut task = rig.task().await;
        reader.crash();
        reader.batch = life.batch;
        rig.run_until_silent(life.objects.max(1), &mut reader, &mut *task).await;
    }
    let mut task = rig.task().await;
    reader.crash();
    reader.run(&mut *task, &rig.context).await.unwrap();
    rig.clock.advance_ms(24 * 60 * MINUTE);
    task.put(&[]).await.unwrap();
    reader.run(&mut *task, &rig.context).await.unwrap();
    check(&rig, &log, reader.committed);
}

fn check(rig: &Rig, log: &[SinkRecord], committed: i64) {
    let mut ids = Vec::new();
    let mut folders: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (key, text) in rig.texts() {
        let folder = key.rsplit_once('/').unwrap().0.to_owned();
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = value["id"].as_i64().unwrap();
            ids.push(id);
            folders.entry(folder.clone()).or_default().push(id);
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..i64::try_from(log.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(committed, i64::try_from(log.len()).unwrap());
    for (folder, ids) in folders {
        assert!(ids.is_sorted(), "{folder}: {ids:?}");
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}

fn by_region(flush: &str) -> Vec<(&'static str, String)> {
    vec![
        ("partitioner.class", "FieldPartitioner".to_owned()),
        ("partition.field.name", "region".to_owned()),
        ("flush.size", flush.to_owned()),
        ("rotate.schedule.interval.ms", "600000".to_owned()),
    ]
}

#[test]
fn a_crash_after_any_object_leaves_every_record_once() {
    for objects in 1..=9 {
        let life = Life { objects, batch: 4, pause_minutes: 0 };
        let records = (0..30).map(|n| (n % 3, i64::from(n))).collect();
        block_on(run(&Case { settings: by_region("9"), records, lives: vec![life] }));
    }
}

#[test]
fn a_crash_just_before_the_schedule_moves_the_cut_and_doubles_nothing() {
    for objects in 1..=3 {
        let lives = vec![
            Life { objects, batch: 10, pause_minutes: 0 },
            Life { objects, batch: 3, pause_minutes: 10 },
        ];
        let records = (0..30).map(|n| (n % 3, i64::from(n))).collect();
        block_on(run(&Case { settings: by_region("7"), records, lives }));
    }
}

#[test]
fn folders_by_the_clock_hold_every_record_once_across_hours() {
    for (objects, pause_minutes) in [(1, 61), (2, 130), (3, 7), (4, 600)] {
        let settings = vec![
            ("partitioner.class", "HourlyPartitioner".to_owned()),
            ("timestamp.extractor", "Wallclock".to_owned()),
            ("flush.size", "4".to_owned()),
            ("rotate.schedule.interval.ms", "3600000".to_owned()),
        ];
        let lives = vec![
            Life { objects, batch: 3, pause_minutes },
            Life { objects: 1, batch: 5, pause_minutes },
        ];
        let records = (0..40).map(|n| (0, n)).collect();
        block_on(run(&Case { settings, records, lives }));
    }
}

#[tokio::test]
async fn a_crash_after_an_upload_in_parts_is_told_by_its_length() {
    for compression in ["none", "gzip"] {
        let rig = Rig::new(&[
            ("s3.part.size", "5242880"),
            ("s3.compression.type", compression),
            ("s3.compression.level", "0"),
            ("flush.size", "3"),
        ])
        .await;
        let text = "x".repeat(3 << 20);
        let large = |n: i64| record(n, TEN + n, Value::string(format!("{n}{text}")));
        let log: Vec<_> = (0..6).map(large).collect();
        let mut reader = Reader::new(&log, 1);
        let mut task = rig.task().await;
        rig.run_until_silent(1, &mut reader, &mut *task).await;
        assert_eq!((rig.server.keys().len(), reader.committed), (1, 0));
        // Other borders: the object that is there holds more than the next file would.
        let mut rig = rig;
        rig.props.insert("flush.size", "2");
        rig.context = sink_context(&rig.clock);
        let mut task = rig.task().await;
        reader.crash();
        reader.run(&mut *task, &rig.context).await.unwrap();
        let starts: Vec<_> = rig.server.keys();
        let end = if compression == "gzip" { ".gz" } else { "" };
        let key = |n: i64| format!("topics/t/partition=0/t+0+{n:010}.json{end}");
        assert_eq!(starts, [key(0), key(3), key(4)], "{compression}");
        assert_eq!(reader.committed, 6);
    }
}

fn settings() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let by_time = |class: &'static str, extractor: &'static str| {
        vec![("partitioner.class", class.to_owned()), ("timestamp.extractor", extractor.to_owned())]
    };
    let partitioner = prop_oneof![
        Just(Vec::new()),
        Just(by_region("5")),
        Just(by_time("HourlyPartitioner", "Record")),
        Just(by_time("DailyPartitioner", "Record")),
        Just(by_time("HourlyPartitioner", "Wallclock")),
    ];
    let rotation = (1..9_i64, prop_oneof![Just(-1_i64), 1..40_i64], any::<bool>());
    (partitioner, rotation).prop_map(|(mut settings, (flush, minutes, on_change))| {
        settings.push(("flush.size", flush.to_string()));
        settings.push(("rotate.interval.ms", (minutes * MINUTE).to_string()));
        settings.push(("rotate.file.on.partition.change", on_change.to_string()));
        settings.push(("rotate.schedule.interval.ms", "900000".to_owned()));
        settings
    })
}

fn case() -> impl Strategy<Value = Case> {
    let records = prop::collection::vec((0..3_u8, -30..150_i64), 1..40);
    let life = (1..6_i64, 1..12_usize, 0..90_i64)
        .prop_map(|(objects, batch, pause_minutes)| Life { objects, batch, pause_minutes });
    (settings(), records, prop::collection::vec(life, 0..4))
        .prop_map(|(settings, records, lives)| Case { settings, records, lives })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 32, ..Default::default() })]
    #[test]
    fn any_records_any_rotation_any_crashes_store_each_record_once(case in case()) {
        block_on(run(&case));
    }
}
