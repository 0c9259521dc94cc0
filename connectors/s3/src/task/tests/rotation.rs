//! When files are closed, and what the objects look like.

use std::io::Read;

use bytes::Bytes;

use super::{server::Fault, *};

/// Start offsets of the objects, with the hour where folders are hours.
fn starts(rig: &Rig) -> Vec<(String, Vec<i64>)> {
    let texts = rig.server.texts().into_iter();
    texts
        .map(|(key, text)| {
            let name = key.rsplit_once('/').unwrap().1;
            let folder = key.split('/').nth_back(1).unwrap();
            assert!(name.starts_with("t+0+") && name.ends_with(".json"), "{name}");
            let start: i64 = name.get(4..14).unwrap().parse().unwrap();
            let records: Vec<i64> = text.lines().map(|line| line.parse().unwrap()).collect();
            assert_eq!(records[0], start);
            (folder.to_owned(), records)
        })
        .collect()
}

fn hourly<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [("partitioner.class", "HourlyPartitioner"), ("timestamp.extractor", "Record")];
    base.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn an_interval_counts_from_the_first_record_of_the_group() {
    let rig = Rig::new(&hourly(&[("rotate.interval.ms", "60000")])).await;
    let mut task = rig.task().await;
    let early = (0..9).map(|n| number(n, TEN + n * 20_000));
    let late = (9..18).map(|n| number(n, TEN + 120 * MINUTE + (n - 9) * 20_000));
    task.put(&early.chain(late).collect::<Vec<_>>()).await.unwrap();
    let ten = "hour=10".to_owned();
    let twelve = "hour=12".to_owned();
    assert_eq!(
        starts(&rig),
        [
            (ten.clone(), vec![0, 1, 2]),
            (ten.clone(), vec![3, 4, 5]),
            (ten, vec![6, 7, 8]),
            (twelve.clone(), vec![9, 10, 11]),
            (twelve, vec![12, 13, 14]),
        ]
    );
    assert_eq!(safe_offset(&mut *task, 18).await, 15);
}

#[tokio::test]
async fn late_records_rotate_by_partition_change_only() {
    let times = [0, -2, 9, -5, 10];
    let records: Vec<_> = (0..).zip(times).map(|(n, at)| number(n, TEN + at * MINUTE)).collect();
    for (on_change, expected) in [
        ("false", vec![("hour=09", vec![1, 3]), ("hour=10", vec![0, 2])]),
        (
            "true",
            vec![
                ("hour=09", vec![1]),
                ("hour=09", vec![3]),
                ("hour=10", vec![0]),
                ("hour=10", vec![2]),
            ],
        ),
    ] {
        let settings =
            [("rotate.interval.ms", "600000"), ("rotate.file.on.partition.change", on_change)];
        let rig = Rig::new(&hourly(&settings)).await;
        let mut task = rig.task().await;
        task.put(&records).await.unwrap();
        let expected: Vec<_> =
            expected.into_iter().map(|(folder, records)| (folder.to_owned(), records)).collect();
        assert_eq!(starts(&rig), expected);
        assert_eq!(safe_offset(&mut *task, 5).await, 4);
    }
}

#[tokio::test]
async fn flush_size_counts_all_folders_of_a_partition() {
    let rig = Rig::new(&[
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "region"),
        ("flush.size", "9"),
    ])
    .await;
    let mut task = rig.task().await;
    let records: Vec<_> =
        (0..18).map(|n| regional(n, ["eu", "us", "ap"][usize::try_from(n % 3).unwrap()])).collect();
    task.put(&records).await.unwrap();
    assert_eq!(
        rig.server.keys(),
        [
            "topics/t/region=ap/t+0+0000000002.json",
            "topics/t/region=ap/t+0+0000000011.json",
            "topics/t/region=eu/t+0+0000000000.json",
            "topics/t/region=eu/t+0+0000000009.json",
            "topics/t/region=us/t+0+0000000001.json",
            "topics/t/region=us/t+0+0000000010.json",
        ]
    );
    let texts = rig.server.texts();
    assert_eq!(
        texts["topics/t/region=eu/t+0+0000000000.json"],
        "{\"id\":0,\"region\":\"eu\"}\n{\"id\":3,\"region\":\"eu\"}\n{\"id\":6,\"region\":\"eu\"}\n"
    );
    assert_eq!(safe_offset(&mut *task, 18).await, 18);
}

#[tokio::test]
async fn a_schedule_closes_files_without_new_records() {
    let rig = Rig::new(&[("rotate.schedule.interval.ms", "600000")]).await;
    rig.clock.set_ms(TEN + 3 * MINUTE);
    let mut task = rig.task().await;
    task.open(&[partition()]).await.unwrap();
    rig.clock.set_ms(TEN + 4 * MINUTE);
    task.put(&[number(0, TEN), number(1, TEN)]).await.unwrap();
    assert!(rig.server.keys().is_empty());
    assert_eq!(safe_offset(&mut *task, 2).await, 0);
    rig.clock.set_ms(TEN + 10 * MINUTE + 200);
    task.put(&[]).await.unwrap();
    assert_eq!(rig.server.keys(), ["topics/t/partition=0/t+0+0000000000.json"]);
    assert_eq!(safe_offset(&mut *task, 2).await, 2);
    rig.clock.set_ms(TEN + 20 * MINUTE);
    task.put(&[]).await.unwrap();
    rig.clock.set_ms(TEN + 27 * MINUTE);
    task.put(&[number(2, TEN)]).await.unwrap();
    assert_eq!(rig.server.keys().len(), 1);
    rig.clock.set_ms(TEN + 30 * MINUTE);
    task.put(&[]).await.unwrap();
    assert_eq!(rig.server.keys().len(), 2);
}

#[tokio::test]
async fn files_are_closed_by_size_and_by_age_where_that_is_asked_for() {
    let rig = Rig::new(&[("file.size.bytes.max", "6"), ("file.age.ms.max", "60000")]).await;
    let mut task = rig.task().await;
    // Each record is two bytes.
    task.put(&(0..4).map(|n| number(n, TEN)).collect::<Vec<_>>()).await.unwrap();
    let partition = "partition=0".to_owned();
    assert_eq!(starts(&rig), [(partition.clone(), vec![0, 1, 2])]);
    rig.clock.advance_ms(MINUTE - 1);
    task.put(&[number(4, TEN)]).await.unwrap();
    assert_eq!(safe_offset(&mut *task, 5).await, 3);
    rig.clock.advance_ms(1);
    task.put(&[]).await.unwrap();
    let files = [vec![0, 1, 2], vec![3, 4]].map(|records| (partition.clone(), records));
    assert_eq!(starts(&rig), files);
    // The next record is a new beginning.
    rig.clock.advance_ms(MINUTE);
    task.put(&[number(5, TEN)]).await.unwrap();
    assert_eq!(safe_offset(&mut *task, 6).await, 5);
}

#[tokio::test]
async fn files_are_closed_within_a_minute_however_the_clock_is_set() {
    let by_clock =
        [("timestamp.extractor", "Wallclock"), ("partitioner.class", "HourlyPartitioner")];
    for (by, more) in [
        ("rotate.schedule.interval.ms", &[][..]),
        ("rotate.schedule.interval.ms", &by_clock),
        ("rotate.interval.ms", &by_clock),
        ("file.age.ms.max", &[]),
    ] {
        for jump in [3 * 24 * 60 * MINUTE, -60 * MINUTE, -400 * 24 * 60 * MINUTE] {
            let rig = Rig::new(&[&[(by, "60000")], more].concat()).await;
            let mut task = rig.task().await;
            // The first one begins in the middle of a slot.
            rig.clock.advance_ms(MINUTE / 2);
            task.put(&[number(0, TEN)]).await.unwrap();
            rig.clock.advance_ms(jump);
            task.put(&[number(1, TEN)]).await.unwrap();
            rig.clock.advance_ms(MINUTE);
            task.put(&[number(2, TEN)]).await.unwrap();
            assert!(safe_offset(&mut *task, 3).await >= 2, "{jump} ms, {by} {more:?}");
            let stored: String = rig.server.texts().into_values().collect();
            assert!(stored.starts_with("0\n"), "{stored:?}");
        }
    }
}

#[tokio::test]
async fn every_rotation_is_counted_under_its_reason() {
    use crate::{config::S3SinkConfig, task::S3SinkTask};
    use connect_api::config::Config as _;
    use connect_storage::rotation::Rotation;
    let rig = Rig::new(&hourly(&[
        ("flush.size", "4"),
        ("rotate.interval.ms", "600000"),
        ("rotate.schedule.interval.ms", "1800000"),
        ("file.size.bytes.max", "7"),
        ("file.age.ms.max", "100000"),
    ]))
    .await;
    let config = S3SinkConfig::parse(&rig.props).unwrap();
    let mut task = S3SinkTask::start(config, rig.context.clone()).await.unwrap();
    let at = |n: i64, minutes: i64| number(n, TEN + minutes * MINUTE);
    // Four records; ten minutes between two; another hour.
    task.put(&[at(0, 0), at(1, 0), at(2, 0), at(3, 0)]).await.unwrap();
    task.put(&[at(4, 0), at(5, 10), at(6, -5)]).await.unwrap();
    rig.clock.advance_ms(100_000);
    task.put(&[]).await.unwrap();
    task.put(&[at(100, 20), at(101, 20)]).await.unwrap();
    rig.clock.advance_ms(30 * MINUTE);
    task.put(&[at(102, 20)]).await.unwrap();
    rig.clock.advance_ms(30 * MINUTE);
    task.put(&[]).await.unwrap();
    assert_eq!(
        task.shared.rotations.counts(),
        [
            (Rotation::FlushSize, 1),
            (Rotation::FileSize, 1),
            (Rotation::Interval, 1),
            (Rotation::PartitionChange, 1),
            (Rotation::Schedule, 1),
            (Rotation::Age, 1),
        ]
    );
    task.stop().await.unwrap();
}

#[tokio::test]
async fn ignored_nulls_do_not_count_and_are_committed() {
    let rig = Rig::new(&[("flush.size", "3"), ("behavior.on.null.values", "ignore")]).await;
    let mut task = rig.task().await;
    let null = record(2, TEN, Value::Null);
    let records: Vec<_> =
        (0..7).map(|n| if n == 2 { null.clone() } else { number(n, TEN) }).collect();
    task.put(&records).await.unwrap();
    let partition = "partition=0".to_owned();
    assert_eq!(starts(&rig), [(partition.clone(), vec![0, 1, 3]), (partition, vec![4, 5, 6])]);
    assert_eq!(safe_offset(&mut *task, 7).await, 7);
}

#[tokio::test]
async fn a_null_fails_the_task_by_default() {
    let rig = Rig::new(&[]).await;
    let mut task = rig.task().await;
    let error = task.put(&[record(4, TEN, Value::Null)]).await.unwrap_err();
    assert!(error.to_string().contains("behavior.on.null.values"), "{error}");
}

#[tokio::test]
async fn another_schema_is_another_file() {
    use connect_api::schema::{Schema, Type};
    let rig = Rig::new(&[]).await;
    let mut task = rig.task().await;
    let with = |offset, schema: Option<Schema>| {
        let mut record = number(offset, TEN);
        record.value.schema = schema.map(Arc::new);
        record
    };
    let (plain, named) = (Schema::new(Type::Int64), Schema::new(Type::Int64).named("n"));
    task.put(&[
        with(0, Some(plain.clone())),
        with(1, Some(plain)),
        with(2, Some(named)),
        with(3, None),
    ])
    .await
    .unwrap();
    let records: Vec<_> = starts(&rig).into_iter().map(|(_, records)| records).collect();
    assert_eq!(records, [vec![0, 1], vec![2]]);
}

#[tokio::test]
async fn gzip_is_one_member_with_everything_in_it() {
    let rig = Rig::new(&[
        ("s3.compression.type", "gzip"),
        ("s3.compression.level", "9"),
        ("flush.size", "5000"),
        ("format.class", "ByteArrayFormat"),
        ("format.bytearray.extension", ".txt"),
        ("format.bytearray.separator", "|"),
        ("file.delim", "-"),
        ("filename.offset.zero.pad.width", "2"),
        ("topics.dir", "a/b"),
    ])
    .await;
    let mut task = rig.task().await;
    let text = |n: i64| format!("line {n} of some text");
    let records: Vec<_> =
        (0..5000).map(|n| record(n, TEN, Value::Bytes(Bytes::from(text(n))))).collect();
    task.put(&records).await.unwrap();
    let object = &rig.server.objects()["a/b/t/partition=0/t-0-00.txt.gz"];
    let mut read = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&object[..]);
    decoder.read_to_string(&mut read).unwrap();
    let expected: String = (0..5000).map(|n| text(n) + "|").collect();
    assert_eq!(read, expected);
    assert_eq!(decoder.into_inner().len(), 0, "one member and nothing after it");
}

#[tokio::test]
async fn open_files_are_ended_on_request() {
    let rig = Rig::new(&[("flush.size", "100")]).await;
    let mut task = rig.task().await;
    task.put(&[number(0, TEN), number(1, TEN)]).await.unwrap();
    assert_eq!(safe_offset(&mut *task, 2).await, 0);
    task.finish_files().await.unwrap();
    assert_eq!(rig.server.keys(), ["topics/t/partition=0/t+0+0000000000.json"]);
    assert_eq!(safe_offset(&mut *task, 2).await, 2);
    task.finish_files().await.unwrap();
    assert_eq!(rig.server.keys().len(), 1, "nothing is open");
    task.put(&[number(2, TEN)]).await.unwrap();
    rig.server.fail([Fault::Answer(503, "SlowDown")]);
    let told = task.finish_files().await.unwrap_err();
    assert!(told.class().is_retriable() && told.to_string().contains("t-0"), "{told}");
    assert_eq!(safe_offset(&mut *task, 3).await, 2);
}

#[tokio::test]
async fn large_files_are_uploaded_in_parts_of_the_exact_size() {
    let rig = Rig::new(&[
        ("s3.part.size", "5242880"),
        ("format.class", "ByteArrayFormat"),
        ("format.bytearray.separator", ""),
        ("flush.size", "13"),
    ])
    .await;
    let mut task = rig.task().await;
    let chunk = Bytes::from(vec![b'x'; 1 << 20]);
    for n in 0..12 {
        task.put(&[record(n, TEN, Value::Bytes(chunk.clone()))]).await.unwrap();
        assert!(rig.context.budget.used_bytes() <= 7 << 20, "buffers do not pile up");
    }
    let tail = Bytes::from_static(b"tail");
    task.put(&[record(12, TEN, Value::Bytes(tail))]).await.unwrap();
    let object = &rig.server.objects()["topics/t/partition=0/t+0+0000000000.bin"];
    assert_eq!(object.len(), (12 << 20) + 4);
    let parts = rig.server.requests().iter().filter(|one| one.contains("partNumber")).count();
    assert_eq!(parts, 3);
    assert_eq!((rig.context.budget.used_bytes(), rig.server.open_uploads()), (0, 0));
}

#[tokio::test]
async fn closed_partitions_leave_no_object_and_no_upload() {
    let rig = Rig::new(&[("s3.part.size", "5242880"), ("format.class", "ByteArrayFormat")]).await;
    let mut task = rig.task().await;
    let large = Bytes::from(vec![b'x'; 6 << 20]);
    task.put(&[record(0, TEN, Value::Bytes(large))]).await.unwrap();
    assert!(rig.server.open_uploads() > 0);
    task.close(&[partition()]).await.unwrap();
    assert_eq!((rig.server.open_uploads(), rig.server.keys().len()), (0, 0));
    assert_eq!(rig.context.budget.used_bytes(), 0);
}

#[tokio::test]
async fn records_that_have_no_folder_go_to_the_reporter() {
    let mut rig = Rig::new(&[
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "region"),
        ("flush.size", "1"),
    ])
    .await;
    let reporter = Arc::new(connect_testkit::CollectingReporter::default());
    rig.context.reporter = Some(Arc::<connect_testkit::CollectingReporter>::clone(&reporter));
    let mut task = rig.task().await;
    task.put(&[number(0, TEN), regional(1, "eu")]).await.unwrap();
    assert_eq!(reporter.take().len(), 1);
    assert_eq!(rig.server.keys(), ["topics/t/region=eu/t+0+0000000001.json"]);
}

#[tokio::test]
async fn open_files_become_objects_when_the_task_stops_where_that_is_asked_for() {
    for (is_asked, keys, safe) in [("false", 0, 0), ("true", 2, 3)] {
        let rig = Rig::new(&[
            ("flush.on.stop", is_asked),
            ("partitioner.class", "FieldPartitioner"),
            ("partition.field.name", "region"),
        ])
        .await;
        let mut task = rig.task().await;
        let records = [regional(0, "eu"), regional(1, "us"), regional(2, "eu")];
        task.put(&records).await.unwrap();
        task.release(&[TopicPartition::new("t", 1)]).await.unwrap();
        assert_eq!(rig.server.keys(), [""; 0], "another partition goes");
        task.release(&[partition()]).await.unwrap();
        assert_eq!(rig.server.keys().len(), keys, "{is_asked}");
        assert_eq!(safe_offset(&mut *task, 3).await, safe);
        task.close(&[partition()]).await.unwrap();
        task.stop().await.unwrap();
        assert_eq!(rig.server.keys().len(), keys, "{is_asked}");
    }
}

#[tokio::test]
async fn what_does_not_become_objects_in_time_is_read_again() {
    let rig = Rig::new(&[("flush.on.stop", "true"), ("shutdown.timeout.ms", "20")]).await;
    let mut task = rig.task().await;
    task.put(&[number(0, TEN), number(1, TEN)]).await.unwrap();
    rig.server.silence_after(0);
    let told = task.release(&[partition()]).await.unwrap_err().to_string();
    assert!(told.contains("shutdown.timeout.ms"), "{told}");
    assert_eq!(safe_offset(&mut *task, 2).await, 0);
}
