//! What configurations are said to mean.

use connect_api::{
    config::Props,
    figures::Figures,
    insight::{Explanation, Load, Promise},
    sink::SinkConnector as _,
};

use crate::{AivenS3Sink, S3Sink, figures};

/// 2024-03-05T10:00:00Z.
const TEN: i64 = 1_709_632_800_000;

fn explain(settings: &[(&str, &str)], load: &Load) -> Explanation {
    let mut props = Props::from([
        ("topics", "logs, others"),
        ("s3.bucket.name", "b"),
        ("storage.class", "S3Storage"),
        ("format.class", "JsonFormat"),
        ("flush.size", "1000"),
        ("locale", "en"),
        ("timezone", "UTC"),
    ]);
    props.extend(settings.iter().copied());
    S3Sink.explain(&props, load, TEN).unwrap()
}

fn promise(settings: &[(&str, &str)]) -> (Promise, usize) {
    let delivery = explain(settings, &Load::default()).delivery.unwrap();
    (delivery.promise, delivery.given_up_by.len())
}

fn load(records_per_day: f64, record_bytes: f64) -> Load {
    let (records_per_day, record_bytes) = (Some(records_per_day), Some(record_bytes));
    Load { records_per_day, record_bytes, partitions: Some(4), ..Load::default() }
}

fn has(advice: &[String], part: &str) -> bool {
    advice.iter().any(|sentence| sentence.contains(part))
}

#[test]
fn what_gives_a_promise_up_is_named() {
    let overwrites = ("enable.conditional.writes", "false");
    let schedule = ("rotate.schedule.interval.ms", "60000");
    assert_eq!(promise(&[]), (Promise::ExactlyOnce, 0));
    assert_eq!(promise(&[schedule]), (Promise::ExactlyOnce, 0));
    assert_eq!(promise(&[overwrites]), (Promise::ExactlyOnce, 0));
    assert_eq!(promise(&[overwrites, schedule]), (Promise::AtLeastOnce, 1));
    assert_eq!(promise(&[overwrites, ("file.age.ms.max", "1")]), (Promise::AtLeastOnce, 1));
    assert_eq!(promise(&[overwrites, ("flush.on.stop", "true")]), (Promise::AtLeastOnce, 1));
}

#[test]
fn a_stop_that_ends_files_is_named() {
    let ends = |settings| explain(settings, &Load::default()).file_ends;
    let told = "flush.on.stop: the task stops or loses the partition, within 3 seconds";
    assert!(ends(&[("flush.on.stop", "true")]).iter().any(|end| end == told));
    assert!(!has(&ends(&[]), "flush.on.stop"));
}

#[test]
fn a_made_up_record_shows_a_key_of_every_partitioner() {
    let time = [("partition.duration.ms", "3600000"), ("path.format", "'d'=YYYY-MM-dd")];
    for (settings, key) in [
        (vec![], "topics/logs/partition=0/logs+0+0000012345.json"),
        (
            vec![("partitioner.class", "FieldPartitioner"), ("partition.field.name", "a.b,c")],
            "topics/logs/a.b=example/c=example/logs+0+0000012345.json",
        ),
        (
            [("partitioner.class", "TimeBasedPartitioner"), ("timestamp.extractor", "RecordField")]
                .into_iter()
                .chain(time)
                .collect(),
            "topics/logs/d=2024-03-05/logs+0+0000012345.json",
        ),
        (
            vec![("format.class", "ParquetFormat"), ("topics.dir", "x")],
            "x/logs/partition=0/logs+0+0000012345.snappy.parquet",
        ),
    ] {
        let example = explain(&settings, &Load::default()).example.unwrap();
        assert_eq!(example.place, format!("s3://b/{key}"), "{}", example.record);
    }
}

#[test]
fn many_small_objects_are_advised_against_with_a_better_number() {
    // Ten million records of 200 bytes.
    let explained = explain(&[("file.age.ms.max", "3600000")], &load(1e7, 200.0));
    let estimate = explained.estimate.unwrap();
    assert!((estimate.files_per_day - 10_000.0).abs() < 1.0, "{estimate:?}");
    let [advice] = &explained.advice[..] else { panic!("{:?}", explained.advice) };
    assert!(advice.starts_with("10,000 objects a day of 200 KB"), "{advice}");
    assert!(advice.contains("flush.size ends most of them: at 320000 it would"), "{advice}");
    let explained =
        explain(&[("flush.size", "320000"), ("file.age.ms.max", "21000000")], &load(1e7, 200.0));
    assert_eq!(explained.advice, [""; 0]);
}

#[test]
fn waits_and_quiet_topics_are_pointed_out() {
    let slow = explain(&[("flush.size", "1000000")], &load(1e6, 200.0)).advice;
    assert!(has(&slow, "every 4 days only"), "{slow:?}");
    assert!(has(&slow, "leaves up to 999999 records"), "{slow:?}");
    let by_time = [
        ("partitioner.class", "HourlyPartitioner"),
        ("timestamp.extractor", "Record"),
        ("rotate.interval.ms", "60000"),
    ];
    let quiet = explain(&by_time, &Load::default()).advice;
    assert!(has(&quiet, "rotate.interval.ms closes files when a later record comes"), "{quiet:?}");
}

#[test]
fn figures_of_running_tasks_stand_for_what_nobody_said() {
    let own = Figures::default();
    figures::STORED_RECORDS.counter(&own).add(1000);
    figures::STORED_CONTENT_BYTES.counter(&own).add(100_000);
    figures::OPEN_FILES.gauge(&own).set(40);
    figures::ROTATIONS.counter_of(&own, "reason", "schema_change").add(60);
    figures::ROTATIONS.counter_of(&own, "reason", "flush_size").add(40);
    figures::ROTATIONS.counter_of(&own, "reason", "memory").add(3);
    let load = Load {
        records_per_day: Some(4e6),
        partitions: Some(4),
        figures: own.read(),
        ..Load::default()
    };
    let fields = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "region")];
    let explained = explain(&fields, &load);
    let estimate = explained.estimate.unwrap();
    assert_eq!((estimate.record_bytes, estimate.open_files), (Some(100.0), 40.0));
    assert!((estimate.files_per_day - 40_000.0).abs() < 1.0, "{estimate:?}");
    assert!(has(&explained.advice, "has 10 at once in each"), "{:?}", explained.advice);
    assert!(has(&explained.advice, "60 of 103 times"), "{:?}", explained.advice);
    assert!(has(&explained.advice, "3 times files were closed early"), "{:?}", explained.advice);
}

#[test]
fn memory_that_a_task_may_not_have_is_pointed_out() {
    let small = [("store.memory.bytes", "1000000"), ("flush.size", "1000000")];
    let advice = explain(&small, &load(1e8, 200.0)).advice;
    assert!(has(&advice, "Open files need up to 105 MB"), "{advice:?}");
    let spilled = [small[0], small[1], ("store.spill.path", "/tmp"), ("s3.part.size", "5242880")];
    let estimate = explain(&spilled, &load(1e8, 200.0)).estimate.unwrap();
    assert!(estimate.memory_bytes.unwrap() < 43e6, "{estimate:?}");
}

#[test]
fn the_other_class_is_explained_too() {
    let props = Props::from([("topics", "t"), ("aws.s3.bucket.name", "some-bucket")]);
    let load = Load { commit_interval_ms: 60_000, ..load(1e7, 200.0) };
    let explained = AivenS3Sink.explain(&props, &load, TEN).unwrap();
    assert_eq!(explained.delivery.unwrap().promise, Promise::AtLeastOnce);
    assert_eq!(explained.example.unwrap().place, "s3://some-bucket/t-0-12345.gz");
    assert!((explained.estimate.unwrap().files_per_day - 5760.0).abs() < 1.0);
    assert!(explained.file_ends[0].contains("every 1 minute"), "{:?}", explained.file_ends);
}
