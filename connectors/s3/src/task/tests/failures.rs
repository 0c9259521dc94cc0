//! Servers that fail, and what users are told.

use bytes::Bytes;
use connect_api::error::ErrorClass;

use super::{server::Fault, *};
use crate::file::OWN_BYTES;

fn regions(count: i64) -> Vec<SinkRecord> {
    (0..count).map(|n| regional(n, ["eu", "us", "ap"][usize::try_from(n % 3).unwrap()])).collect()
}

const BY_REGION: [(&str, &str); 3] = [
    ("partitioner.class", "FieldPartitioner"),
    ("partition.field.name", "region"),
    ("flush.size", "9"),
];

/// Ids of all stored records, in order.
fn ids(rig: &Rig) -> Vec<i64> {
    let texts = rig.server.texts();
    let lines = texts.values().flat_map(|text| text.lines());
    let mut ids: Vec<i64> = lines
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["id"].as_i64().or(value.as_i64()).unwrap()
        })
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_failing_server_delays_records_and_neither_loses_nor_doubles_them() {
    for fault in [
        Fault::Answer(503, "SlowDown"),
        Fault::Answer(500, "InternalError"),
        Fault::AnswerAfter(500, "InternalError"),
        Fault::Reset,
    ] {
        for good in 0..4 {
            let rig = Rig::new(&BY_REGION).await;
            let mut task = rig.task().await;
            let log = regions(27);
            let mut reader = Reader::new(&log, 5);
            let before = vec![Fault::Answer(503, "SlowDown"); good];
            rig.server.fail(before.into_iter().chain([fault, fault]));
            reader.run(&mut *task, &rig.context).await.unwrap();
            assert_eq!(ids(&rig), (0..27).collect::<Vec<_>>(), "{fault:?} after {good}");
            assert_eq!((reader.committed, rig.server.faults_left()), (27, 0));
        }
    }
}

#[tokio::test]
async fn an_error_in_the_body_of_a_success_is_an_error() {
    let rig = Rig::new(&[
        ("s3.part.size", "5242880"),
        ("format.class", "ByteArrayFormat"),
        ("flush.size", "2"),
    ])
    .await;
    let mut task = rig.task().await;
    let large = Bytes::from(vec![b'x'; 6 << 20]);
    let log: Vec<_> = (0..2).map(|n| record(n, TEN, Value::Bytes(large.clone()))).collect();
    let mut reader = Reader::new(&log, 1);
    task.put(&log[..1]).await.unwrap();
    reader.position = 1;
    // The second part, then the completion.
    rig.server.fail([Fault::OkWithError, Fault::OkWithError]);
    reader.run(&mut *task, &rig.context).await.unwrap();
    let objects = rig.server.objects();
    assert_eq!(objects.values().map(Vec::len).collect::<Vec<_>>(), [(12 << 20) + 2]);
    assert_eq!((reader.committed, rig.server.open_uploads()), (2, 0));
}

#[tokio::test]
async fn other_partitions_go_on_while_one_waits() {
    let rig = Rig::new(&[("flush.size", "1"), ("retry.backoff.ms", "3600000")]).await;
    let mut task = rig.task().await;
    rig.server.fail([Fault::Answer(503, "SlowDown")]);
    task.put(&[number(0, TEN)]).await.unwrap();
    assert_eq!(rig.context.requests.take().pauses, BTreeMap::from([(partition(), true)]));
    let mut other = number(0, TEN);
    other.origin = TopicPartition::new("t", 1);
    task.put(&[other]).await.unwrap();
    assert_eq!(rig.server.keys(), ["topics/t/partition=1/t+1+0000000000.json"]);
    assert_eq!(safe_offset(&mut *task, 1).await, 0);
}

#[tokio::test]
async fn a_worker_that_does_not_go_back_is_asked_again_and_nothing_is_skipped() {
    let rig = Rig::new(&[("flush.size", "2")]).await;
    let mut task = rig.task().await;
    rig.server.fail([Fault::Answer(503, "SlowDown")]);
    task.put(&[number(0, TEN), number(1, TEN)]).await.unwrap();
    drop(rig.context.requests.take());
    task.put(&[number(2, TEN)]).await.unwrap();
    assert_eq!(rig.context.requests.take().seeks, SinkOffsets::from([(partition(), 0)]));
    assert_eq!(safe_offset(&mut *task, 3).await, 0);
}

#[tokio::test]
async fn a_server_without_conditions_is_looked_up_first() {
    let rig = Rig::new(&BY_REGION).await;
    rig.server.forget_conditions();
    let log = regions(18);
    let mut task = rig.task().await;
    Reader::new(&log, 4).run(&mut *task, &rig.context).await.unwrap();
    // Everything again from the beginning, as after a reset of the offsets.
    let mut task = rig.task().await;
    Reader::new(&log, 7).run(&mut *task, &rig.context).await.unwrap();
    assert_eq!(ids(&rig), (0..18).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_objects_of_an_older_topic_are_never_overwritten() {
    let rig = Rig::new(&[("flush.size", "2")]).await;
    let mut task = rig.task().await;
    task.put(&[number(0, TEN), number(1, TEN)]).await.unwrap();
    let before = rig.server.objects();
    let mut task = rig.task().await;
    let error = task.put(&[number(0, TEN + 1), number(1, TEN + 1)]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert!(error.to_string().contains("topics/t/partition=0/t+0+0000000000.json"), "{error}");
    assert_eq!(rig.server.objects(), before);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named() {
    let mut rig = Rig::new(&[]).await;
    rig.props.insert("s3.bucket.name", "nowhere");
    let error = rig.start_error().await;
    assert_eq!(error.class(), ErrorClass::NotFound);
    assert!(error.to_string().starts_with("Non-existent S3 bucket: nowhere. "), "{error}");
}

#[tokio::test]
async fn wrong_keys_are_told_apart_and_never_printed() {
    let mut rig = Rig::new(&[]).await;
    rig.props.insert("aws.secret.access.key", "wr0ng");
    let error = rig.start_error().await;
    assert_eq!(error.class(), ErrorClass::Forbidden);
    let text = connect_api::error::chain(&error);
    assert!(
        text.contains("SignatureDoesNotMatch") && text.contains("aws.secret.access.key"),
        "{text}"
    );
    assert!(text.contains("\"logs\"") && !text.contains("wr0ng"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    let mut rig = Rig::new(&[]).await;
    rig.props.insert("store.url", "http://127.0.0.1:1");
    let error = rig.start_error().await;
    assert_eq!(error.class(), ErrorClass::Retriable);
    assert!(error.to_string().contains("store.url"), "{error}");
}

#[tokio::test]
async fn a_denied_write_fails_the_task_and_says_what_to_allow() {
    let rig = Rig::new(&[("flush.size", "1")]).await;
    let mut task = rig.task().await;
    rig.server.fail([Fault::Answer(403, "AccessDenied")]);
    let error = task.put(&[number(0, TEN)]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Forbidden);
    assert!(error.to_string().contains("s3:PutObject"), "{error}");
}

#[tokio::test]
async fn a_task_that_fails_does_not_commit_what_its_files_held() {
    let rig = Rig::new(&[("flush.size", "3")]).await;
    let mut task = rig.task().await;
    task.put(&[number(0, TEN), number(1, TEN)]).await.unwrap();
    rig.server.fail([Fault::Answer(403, "AccessDenied")]);
    task.put(&[number(2, TEN)]).await.unwrap_err();
    assert_eq!(safe_offset(&mut *task, 2).await, 0, "the worker asks once more before it lets go");
}

#[tokio::test]
async fn full_memory_pauses_and_loses_nothing() {
    let mut rig =
        Rig::new(&[("partition.field.name", "region"), ("partitioner.class", "FieldPartitioner")])
            .await;
    rig.context.budget = connect_api::budget::MemoryBudget::new(100 << 10);
    let mut task = rig.task().await;
    let log: Vec<_> = (0..60).map(|n| regional(n, &format!("r{n}"))).collect();
    let mut reader = Reader::new(&log, 60);
    reader.run(&mut *task, &rig.context).await.unwrap();
    assert!(rig.context.budget.used_bytes() <= 100 << 10);
    let stored = ids(&rig);
    assert!(!stored.is_empty(), "files were closed early");
    assert_eq!(stored, (0..reader.committed).collect::<Vec<_>>());
}

/// Many folders, little memory, and a disk.
async fn spilling(more: &[(&str, &str)], folder: &tempfile::TempDir) -> Rig {
    let path = folder.path().to_str().unwrap();
    // For what the files of 300 regions take themselves, and little for records.
    let memory = (300 * OWN_BYTES + 60_000).to_string();
    let settings = [
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "region"),
        ("store.memory.bytes", memory.as_str()),
        ("store.spill.path", path),
    ];
    Rig::new(&[&settings[..], more].concat()).await
}

#[tokio::test]
async fn more_open_files_than_memory_has_room_for_wait_on_disk() {
    for format in ["JsonFormat", "AvroFormat"] {
        for compression in ["none", "gzip"] {
            if format == "AvroFormat" && compression == "gzip" {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let settings = [
                ("flush.size", "3000"),
                ("s3.compression.type", compression),
                ("store.kafka.keys", "true"),
                ("keys.format.class", format),
            ];
            let rig = spilling(&settings, &folder).await;
            let mut task = rig.task().await;
            let keyed = |n: i64| {
                let key = SchemaAndValue::new(
                    connect_api::schema::Schema::string(),
                    Value::string("k".repeat(40)),
                );
                SinkRecord { key, ..regional(n, &format!("r{}", n % 300)) }
            };
            let log: Vec<_> = (0..3000).map(keyed).collect();
            let mut reader = Reader::new(&log, 100);
            reader.run(&mut *task, &rig.context).await.unwrap();
            assert_eq!((reader.committed, rig.context.budget.used_bytes()), (3000, 0));
            assert!(rig.context.requests.take().pauses.is_empty());
            let objects = rig.server.objects();
            assert_eq!(objects.len(), 600, "no file was closed early");
            if (format, compression) == ("JsonFormat", "none") {
                let values = objects.iter().filter(|(key, _)| !key.contains(".keys."));
                let lines = values.flat_map(|(_, text)| text.split(|&byte| byte == b'\n'));
                assert_eq!(lines.filter(|line| !line.is_empty()).count(), 3000);
            }
        }
    }
}

#[tokio::test]
async fn a_full_spill_disk_pauses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rig = spilling(&[("flush.size", "3000"), ("store.spill.bytes", "200000")], &folder).await;
    let mut task = rig.task().await;
    let log: Vec<_> = (0..3000).map(|n| regional(n, &format!("r{}", n % 300))).collect();
    task.put(&log[..2000]).await.unwrap();
    let requests = rig.context.requests.take();
    assert!(requests.pauses.contains_key(&partition()), "{requests:?}");
    let mut task = rig.task().await;
    let mut reader = Reader::new(&log, 100);
    reader.run(&mut *task, &rig.context).await.unwrap();
    let stored = ids(&rig);
    assert!(!stored.is_empty(), "files were closed early");
    assert_eq!(stored, (0..reader.committed).collect::<Vec<_>>());
}
