//! What is counted, and what objects tell of themselves.

use connect_api::{
    insight::{StoredObject, StoredObjects, StoredSource, Wanted},
    record::Header,
};

use super::*;

/// A record of the log file source.
fn line(offset: i64, start: i64, next: i64) -> SinkRecord {
    let header = |key: &str, value: Value| Header {
        key: key.into(),
        data: SchemaAndValue::schemaless(value),
    };
    let headers = vec![
        header("millrace.file", "logs/ä.log".into()),
        header("millrace.offset", Value::Int64(start)),
        header("millrace.offset.next", Value::Int64(next)),
    ];
    SinkRecord { headers, ..number(offset, TEN + offset) }
}

async fn find(rig: &Rig, wanted: Wanted) -> StoredObjects {
    S3Sink.objects(&rig.props, &wanted).await.unwrap().unwrap()
}

async fn holding(rig: &Rig, offset: i64) -> StoredObjects {
    find(rig, Wanted::Record { topic: Some("t".to_owned()), partition: 0, offset }).await
}

fn firsts(found: &StoredObjects) -> Vec<i64> {
    found.objects.iter().filter_map(|object| object.first_offset).collect()
}

#[tokio::test]
async fn rotations_objects_bytes_and_requests_are_counted() {
    let rig = Rig::new(&[("flush.size", "2")]).await;
    let mut task = rig.task().await;
    let log: Vec<_> = (0..5).map(|n| number(n, TEN + n)).collect();
    task.put(&log).await.unwrap();
    let read = |name: &str, value: Option<&str>| {
        let all = rig.context.figures.read().into_iter();
        let mut found = all.filter(|one| {
            one.name == name
                && value.is_none_or(|value| one.labels.iter().any(|(_, it)| it == value))
        });
        found.next().unwrap().value
    };
    for (name, label, expected) in [
        ("millrace_s3_sink_rotations_total", Some("flush_size"), 2),
        ("millrace_s3_sink_rotations_total", Some("request"), 0),
        ("millrace_s3_sink_objects_total", None, 2),
        ("millrace_s3_sink_uploaded_bytes_total", None, 8),
        ("millrace_s3_sink_requests_total", Some("PUT"), 2),
        ("millrace_s3_sink_stored_records_total", None, 4),
        ("millrace_s3_sink_stored_content_bytes_total", None, 8),
        ("millrace_s3_sink_open_files", None, 1),
        ("millrace_s3_sink_open_records", None, 1),
        ("millrace_s3_sink_open_content_bytes", None, 2),
    ] {
        assert_eq!(read(name, label), expected, "{name} {label:?}");
    }
    task.finish_files().await.unwrap();
    assert_eq!(read("millrace_s3_sink_rotations_total", Some("request")), 1);
}

#[tokio::test]
async fn an_object_is_found_by_its_records_and_names_their_file() {
    let rig = Rig::new(&[("flush.size", "3"), ("topics", "t")]).await;
    let mut task = rig.task().await;
    let lines: Vec<_> = (0..9).map(|n| line(n * 10, n * 7, n * 7 + 7)).collect();
    task.put(&lines).await.unwrap();
    let found = holding(&rig, 45).await;
    let [object] = &found.objects[..] else { panic!("{found:?}") };
    let expected = StoredObject {
        place: format!("s3://{BUCKET}/topics/t/partition=0/t+0+0000000030.json"),
        size_bytes: Some(9),
        written_ms: object.written_ms,
        topic: Some("t".to_owned()),
        partition: Some(0),
        first_offset: Some(30),
        last_offset: Some(50),
        records: Some(3),
        first_timestamp_ms: Some(TEN + 30),
        last_timestamp_ms: Some(TEN + 50),
        content_crc32: object.content_crc32,
        sources: vec![StoredSource {
            file: "logs/ä.log".to_owned(),
            start: 21,
            next: Some(42),
            records: Some(3),
        }],
        notes: Vec::new(),
    };
    assert_eq!(*object, expected);
    let at = find(&rig, Wanted::At(object.place.clone())).await;
    assert_eq!(at.objects, found.objects);
    for (offset, part) in [(55, "begins with offset 60"), (99, "ends with offset 80")] {
        let found = holding(&rig, offset).await;
        assert!(found.objects.is_empty() && found.notes[0].contains(part), "{found:?}");
    }
}

#[tokio::test]
async fn of_folders_that_overlap_those_that_span_the_record_are_found() {
    let settings = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "region")];
    let rig = Rig::new(&settings).await;
    let mut task = rig.task().await;
    let log: Vec<_> = ["eu", "us", "eu", "us", "eu", "asia"]
        .iter()
        .zip(0..)
        .map(|(r, n)| regional(n, r))
        .collect();
    task.put(&log).await.unwrap();
    task.finish_files().await.unwrap();
    assert_eq!(firsts(&holding(&rig, 2).await), [1, 0]);
    assert_eq!(firsts(&holding(&rig, 5).await), [5]);
}

#[tokio::test]
async fn objects_of_a_partition_come_page_by_page() {
    let rig = Rig::new(&[("flush.size", "1")]).await;
    let mut task = rig.task().await;
    let log: Vec<_> = (0..5).map(|n| number(n, TEN + n)).collect();
    task.put(&log).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let topic = Some("t".to_owned());
        let page = find(&rig, Wanted::Some { topic, partition: Some(0), after, limit: 2 }).await;
        seen.push(firsts(&page));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4]]);
    let topic = Some("other".to_owned());
    let wanted = Wanted::Some { topic, partition: None, after: None, limit: 2 };
    let nothing = find(&rig, wanted).await;
    assert!(
        nothing.notes[0].contains("no object of topic other below \"topics/other/\""),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn an_upload_in_parts_is_found_although_it_does_not_know_its_end() {
    let settings =
        [("s3.part.size", "5242880"), ("format.class", "ByteArrayFormat"), ("flush.size", "2")];
    let rig = Rig::new(&settings).await;
    let mut task = rig.task().await;
    let large = |n: i64| {
        let value = Value::Bytes(vec![b'x'; 6 << 20].into());
        SinkRecord { value: SchemaAndValue::schemaless(value), ..line(n, n * 9, n * 9 + 9) }
    };
    task.put(&[large(3), large(4)]).await.unwrap();
    let found = holding(&rig, 4).await;
    let [object] = &found.objects[..] else { panic!("{found:?}") };
    assert_eq!((object.first_offset, object.last_offset, object.records), (Some(3), None, None));
    assert_eq!((object.sources[0].start, object.sources[0].next), (27, None));
    assert!(object.notes.iter().any(|note| note.contains("uploaded in parts")), "{object:?}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let rig = Rig::new(&[("topics", "t,u")]).await;
    let elsewhere = Wanted::At("s3://elsewhere/x".to_owned());
    let unnamed = Wanted::Record { topic: None, partition: 0, offset: 0 };
    for (wanted, part) in [(elsewhere, "no object of this connector"), (unnamed, "several topics")]
    {
        let error = S3Sink.objects(&rig.props, &wanted).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let missing = find(&rig, Wanted::At(format!("s3://{BUCKET}/x"))).await;
    assert!(missing.objects.is_empty() && missing.notes.len() == 1, "{missing:?}");
}
