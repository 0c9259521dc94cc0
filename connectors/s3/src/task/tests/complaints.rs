//! What users of other S3 sinks complain of, and what happens here instead. What another file of tests
//! shows already is not here.

use std::time::Duration;

use bytes::Bytes;
use connect_api::{
    config::Config as _,
    error::ErrorClass,
    schema::{Schema, Type},
};
use connect_testkit::CollectingReporter;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use tokio::net::TcpListener;

use super::{
    log::{heard, listen},
    server::Fault,
    *,
};
use crate::{
    config::S3SinkConfig,
    store::{Names, Store, Tuning},
};

const BY_HOUR: [(&str, &str); 2] =
    [("partitioner.class", "HourlyPartitioner"), ("timestamp.extractor", "Record")];

/// Folders by the hour of a field.
const BY_FIELD: [(&str, &str); 3] = [
    ("partitioner.class", "HourlyPartitioner"),
    ("timestamp.extractor", "RecordField"),
    ("timestamp.field", "at"),
];

fn at(offset: i64, time: i64) -> SinkRecord {
    record(offset, TEN, Value::Map(Map::new(vec![("at".into(), Value::Int64(time))])))
}

/// Ids of all stored records, in order.
fn ids(rig: &Rig) -> Vec<i64> {
    let texts = rig.server.texts();
    let lines = texts.values().flat_map(|text| text.lines());
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_i64();
    let mut ids: Vec<i64> = lines.map(|line| id(line).unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn late_records_do_not_make_many_small_objects() {
    let rig = Rig::new(&BY_HOUR).await;
    let mut task = rig.task().await;
    let records: Vec<_> = (0..20).map(|n| number(n, TEN - n % 2 * MINUTE)).collect();
    task.put(&records).await.unwrap();
    task.finish_files().await.unwrap();
    let texts = rig.server.texts();
    assert_eq!(texts.values().map(|text| text.lines().count()).collect::<Vec<_>>(), [10, 10]);
    let requests = rig.server.requests();
    let writes = requests.iter().filter(|line| !line.starts_with("HEAD")).count();
    assert_eq!(writes, 2, "a small object is one request: {requests:?}");
}

#[tokio::test]
async fn a_last_file_that_a_quiet_topic_keeps_open_is_warned_of_at_start() {
    for (setting, warnings) in [("rotate.interval.ms", 1), ("file.age.ms.max", 0)] {
        listen();
        let settings = [&BY_HOUR[..], &[("rotate.interval.ms", "60000"), (setting, "60000")]];
        let rig = Rig::new(&settings.concat()).await;
        rig.task().await;
        assert_eq!(heard("a topic that goes quiet"), warnings, "{setting}");
    }
}

#[tokio::test]
async fn a_schedule_keeps_to_the_clock_of_its_zone_whenever_a_task_starts() {
    let rig =
        Rig::new(&[("rotate.schedule.interval.ms", "3600000"), ("timezone", "Asia/Kolkata")]).await;
    let mut task = rig.task().await;
    task.open(&[partition()]).await.unwrap();
    // Full hours of Kolkata are half hours of universal time; 190 is 13:10, several hours missed.
    for (minute, offset, objects) in [
        (0, Some(0), 0),
        (29, None, 0),
        (30, None, 1),
        (31, Some(1), 1),
        (190, None, 2),
        (191, Some(2), 2),
        (209, None, 2),
        (210, None, 3),
    ] {
        rig.clock.set_ms(TEN + minute * MINUTE);
        let records: Vec<_> = offset.map(|offset| number(offset, TEN)).into_iter().collect();
        task.put(&records).await.unwrap();
        assert_eq!(rig.server.keys().len(), objects, "minute {minute}");
    }
    rig.clock.set_ms(TEN + 227 * MINUTE);
    let mut task = rig.task().await;
    task.open(&[partition()]).await.unwrap();
    for (minute, offset, objects) in [(227, Some(3), 3), (269, None, 3), (270, None, 4)] {
        rig.clock.set_ms(TEN + minute * MINUTE);
        let records: Vec<_> = offset.map(|offset| number(offset, TEN)).into_iter().collect();
        task.put(&records).await.unwrap();
        assert_eq!(rig.server.keys().len(), objects, "minute {minute}");
    }
}

#[tokio::test]
async fn other_settings_after_a_stop_lose_and_double_nothing() {
    let mut rig = Rig::new(&[("flush.size", "3")]).await;
    let log: Vec<_> = (0..8).map(|n| regional(n, ["eu", "us"][usize::from(n > 4)])).collect();
    let mut reader = Reader::new(&log[..5], 2);
    let mut task = rig.task().await;
    reader.run(&mut *task, &rig.context).await.unwrap();
    task.stop().await.unwrap();
    assert_eq!(reader.committed, 3);
    rig.props.extend([
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "region"),
        ("flush.size", "100"),
        ("directory.delim", "_"),
    ]);
    let mut task = rig.task().await;
    reader.crash();
    reader.log = &log;
    reader.run(&mut *task, &rig.context).await.unwrap();
    task.finish_files().await.unwrap();
    assert_eq!(rig.server.keys().len(), 3);
    assert_eq!(ids(&rig), (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_setting_that_another_one_makes_useless_is_told() {
    listen();
    let rig = Rig::new(&[("rotate.interval.ms", "60000")]).await;
    rig.task().await;
    assert_eq!(heard("rotate.interval.ms is ignored"), 1);
}

#[tokio::test]
async fn offsets_that_wait_for_flush_size_for_a_day_are_warned_of() {
    listen();
    let rig = Rig::new(&[("flush.size", "1000000")]).await;
    let mut task = rig.task().await;
    task.put(&[number(0, TEN)]).await.unwrap();
    tokio::time::pause();
    for (hours, warnings) in [(23, 0), (1, 1), (1, 1), (23, 2)] {
        tokio::time::advance(Duration::from_hours(hours)).await;
        task.put(&[]).await.unwrap();
        assert_eq!(heard("have been open for a day"), warnings);
    }
}

/// A record of this partition that a transform gave another topic.
fn renamed(origin: &str, offset: i64) -> SinkRecord {
    SinkRecord {
        topic: "renamed".into(),
        origin: TopicPartition::new(origin, 0),
        ..number(offset, TEN + offset)
    }
}

#[tokio::test]
async fn a_topic_that_a_transform_renames_is_committed_under_its_own_name() {
    let rig = Rig::new(&[("flush.size", "2")]).await;
    let records: Vec<_> = (0..3).map(|offset| renamed("t", offset)).collect();
    for _life in 0..2 {
        let mut task = rig.task().await;
        task.open(&[partition()]).await.unwrap();
        task.put(&records).await.unwrap();
        assert_eq!(rig.server.keys(), ["topics/renamed/partition=0/renamed+0+0000000000.json"]);
        assert_eq!(safe_offset(&mut *task, 3).await, 2);
    }
    let mut task = rig.task().await;
    rig.server.fail([Fault::Answer(503, "SlowDown")]);
    task.put(&[renamed("t", 2), renamed("t", 3)]).await.unwrap();
    assert_eq!(rig.context.requests.take().seeks, SinkOffsets::from([(partition(), 2)]));
}

#[tokio::test]
async fn topics_that_a_transform_gives_one_name_do_not_overwrite_each_other() {
    let rig = Rig::new(&[("flush.size", "1")]).await;
    let mut task = rig.task().await;
    task.put(&[renamed("t", 0)]).await.unwrap();
    let before = rig.server.objects();
    let error = task.put(&[renamed("u", 0)]).await.unwrap_err();
    assert_eq!((error.class(), rig.server.objects()), (ErrorClass::Invalid, before));
    assert!(connect_api::error::chain(&error).contains("transform"), "{error}");
}

#[tokio::test]
async fn lag_reaches_zero_when_the_last_records_are_skipped() {
    let rig = Rig::new(&[("flush.size", "2"), ("behavior.on.null.values", "ignore")]).await;
    let mut task = rig.task().await;
    let null = |offset| record(offset, TEN, Value::Null);
    task.put(&[number(0, TEN), number(1, TEN), null(2), null(3)]).await.unwrap();
    assert_eq!(safe_offset(&mut *task, 4).await, 4);
    // What a transform drops is never brought.
    task.put(&[]).await.unwrap();
    assert_eq!(safe_offset(&mut *task, 9).await, 9);
}

#[tokio::test]
async fn schemas_that_take_turns_are_warned_of_and_a_new_version_is_not() {
    for (records, period, warnings) in [(30, 1, 1), (30, 15, 0)] {
        listen();
        let rig = Rig::new(&[]).await;
        let mut task = rig.task().await;
        let schemas = ["old", "new"].map(|name| Arc::new(Schema::new(Type::Int64).named(name)));
        let records = (0..records).map(|offset| {
            let schema = &schemas[usize::try_from(offset / period % 2).unwrap()];
            SinkRecord {
                value: SchemaAndValue::new(Arc::clone(schema), Value::Int64(offset)),
                ..number(offset, TEN)
            }
        });
        task.put(&records.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(heard("schemas that take turns make an object per record"), warnings);
    }
}

#[tokio::test]
async fn times_in_seconds_or_microseconds_are_warned_of_once() {
    let seconds = TEN / 1000;
    for (time, warnings) in [(seconds, 1), (TEN * 1000, 1), (TEN, 0), (-86_400_000, 0)] {
        listen();
        let rig = Rig::new(&BY_FIELD).await;
        let mut task = rig.task().await;
        task.put(&[at(0, time), at(1, time)]).await.unwrap();
        assert_eq!(heard("it seems to be in another unit"), warnings, "{time}");
    }
    let rig = Rig::new(&[&BY_FIELD[..], &[("flush.size", "1")]].concat()).await;
    let mut task = rig.task().await;
    task.put(&[at(0, seconds)]).await.unwrap();
    let key = &rig.server.keys()[0];
    assert!(key.contains("year=1970"), "milliseconds are the law: {key}");
}

#[tokio::test]
async fn a_record_without_its_time_goes_to_the_dead_letter_queue() {
    let mut rig = Rig::new(&[&BY_FIELD[..], &[("flush.size", "1")]].concat()).await;
    let mut task = rig.task().await;
    let error = task.put(&[number(0, TEN)]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Record);
    let reporter = Arc::new(CollectingReporter::default());
    rig.context.reporter = Some(Arc::<CollectingReporter>::clone(&reporter));
    let mut task = rig.task().await;
    task.put(&[number(0, TEN), at(1, TEN)]).await.unwrap();
    assert_eq!((reporter.take().len(), rig.server.keys().len()), (1, 1));
}

#[tokio::test]
async fn raw_text_is_stored_as_it_came() {
    let rig = Rig::new(&[
        ("format.class", "ByteArrayFormat"),
        ("format.bytearray.extension", ".json"),
        ("flush.size", "2"),
    ])
    .await;
    let mut task = rig.task().await;
    let lines = ["{\"b\": 1.50,  \"a\":\"ä\"}", "no \"JSON\" at all\r"];
    let records = (0..).zip(lines).map(|(n, line)| record(n, TEN, Value::Bytes(Bytes::from(line))));
    task.put(&records.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(
        rig.server.texts()["topics/t/partition=0/t+0+0000000000.json"],
        format!("{}\n{}\n", lines[0], lines[1])
    );
}

#[tokio::test]
async fn stores_that_are_not_amazons_get_neither_checksums_nor_chunked_bodies() {
    let rig = Rig::new(&[
        ("s3.part.size", "5242880"),
        ("format.class", "ByteArrayFormat"),
        ("flush.size", "1"),
    ])
    .await;
    let mut task = rig.task().await;
    let large = Value::Bytes(Bytes::from(vec![b'x'; 6 << 20]));
    task.put(&[number(0, TEN), record(1, TEN, large)].map(|mut record| {
        if let Value::Int64(number) = record.value.value {
            record.value.value = Value::Bytes(Bytes::from(number.to_string()));
        }
        record
    }))
    .await
    .unwrap();
    assert_eq!(rig.server.keys().len(), 2);
    let lines = rig.server.requests();
    for kind in ["PUT", "?uploads", "partNumber", "POST"] {
        assert!(lines.iter().any(|line| line.contains(kind)), "{kind}: {lines:?}");
    }
    for (line, headers) in lines.iter().zip(rig.server.headers("")) {
        assert!(line.contains(" /logs"), "path style: {line}");
        for (name, value) in &headers {
            let (name, value) = (name.as_str(), value.to_str().unwrap());
            let is_new = name.contains("checksum") || name.contains("trailer");
            let is_chunked = value.contains("aws-chunked") || value.contains("STREAMING");
            assert!(!is_new && !is_chunked, "{line}: {name}: {value}");
        }
    }
}

/// A server that hands out credentials of a role, which have expired when they arrive.
#[expect(clippy::disallowed_methods, reason = "the server runs beside the test that owns it")]
async fn roles() -> (String, tokio::task::JoinHandle<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let given = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let work = tokio::spawn(async move {
        loop {
            let (stream, _) = socket.accept().await.unwrap();
            let given = Arc::clone(&given);
            let answer = service_fn(move |request: Request<Incoming>| {
                let given = Arc::clone(&given);
                async move {
                    request.into_body().collect().await.unwrap();
                    let number = given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    let text = format!(
                        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                         <AssumeRoleResult><Credentials><AccessKeyId>key</AccessKeyId>\
                         <SecretAccessKey>secret</SecretAccessKey>\
                         <SessionToken>token{number}</SessionToken>\
                         <Expiration>2024-03-05T10:00:00Z</Expiration></Credentials>\
                         </AssumeRoleResult></AssumeRoleResponse>"
                    );
                    let body = Full::new(Bytes::from(text));
                    Ok::<_, std::convert::Infallible>(Response::new(body))
                }
            });
            let stream = hyper_util::rt::TokioIo::new(stream);
            drop(tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(stream, answer),
            ));
        }
    });
    (url, work)
}

#[tokio::test]
async fn credentials_that_expire_while_a_task_runs_are_renewed() {
    let (url, work) = roles().await;
    let name = "s3.credentials.provider";
    let rig = Rig::new(&[
        (&format!("{name}.class"), "AwsAssumeRoleCredentialsProvider"),
        (&format!("{name}.sts.role.arn"), "arn:aws:iam::123456789012:role/writer"),
        (&format!("{name}.sts.role.session.name"), "session"),
        (&format!("{name}.sts.role.external.id"), "external"),
    ])
    .await;
    let keys = S3SinkConfig::parse(&rig.props).unwrap().bucket;
    let tuning = Tuning { role_url: Some(url), ..Tuning::default() };
    let store = Store::overwriting(&keys, &tuning, &Names::CONFLUENT).await.unwrap();
    for key in ["a", "b"] {
        store.put(key, Bytes::from_static(b"x"), &std::collections::HashMap::new()).await.unwrap();
    }
    let puts = rig.server.headers("PUT");
    let tokens: Vec<_> = puts.iter().map(|headers| &headers["x-amz-security-token"]).collect();
    assert_eq!(tokens, ["token0", "token1"]);
    work.abort();
}
