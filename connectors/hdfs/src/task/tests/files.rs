//! What files hold and are called, and when they are closed.

use super::*;

fn names(server: &Server) -> Vec<String> {
    server.committed().into_keys().collect()
}

#[tokio::test]
async fn files_are_those_of_the_contract() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    run.bring(7, 7).await.unwrap();
    assert_eq!(
        names(&server),
        [
            "/topics/t/partition=0/t+0+0000000000+0000000002.json",
            "/topics/t/partition=0/t+0+0000000003+0000000005.json",
        ]
    );
    assert_eq!(run.safe().await, 6, "record 6 is in a temporary file");
    let content = &server.committed()["/topics/t/partition=0/t+0+0000000003+0000000005.json"];
    let expected =
        "{\"n\":3,\"lane\":\"l0\"}\n{\"n\":4,\"lane\":\"l1\"}\n{\"n\":5,\"lane\":\"l2\"}\n";
    assert_eq!(String::from_utf8_lossy(content), expected);
}

#[tokio::test]
async fn what_follows_the_last_record_without_being_one_is_committed_too() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    run.bring(3, 3).await.unwrap();
    // The mark with which a transaction ends takes an offset.
    run.position += 1;
    assert_eq!(run.safe().await, 4);
}

#[tokio::test]
async fn text_and_containers_have_their_extensions() {
    for (format, extension, magic) in [
        ("StringFormat", ".txt", "7\n"),
        ("AvroFormat", ".avro", "Obj"),
        ("ParquetFormat", ".parquet", "PAR1"),
    ] {
        let server = Server::start().await;
        let settings = [("format.class", format), ("flush.size", "1")];
        let mut run = Run::start(&server, &settings).await;
        let schema = connect_api::schema::Schema::new(connect_api::schema::Type::Struct);
        let number = connect_api::schema::Schema::new(connect_api::schema::Type::Int64);
        let mut seven = record(0, Value::Int64(7));
        if extension != ".txt" {
            let schema = Arc::new(schema.named("R").field("n", number));
            let row = connect_api::value::Struct::new(Arc::clone(&schema), vec![Value::Int64(7)]);
            seven.value = SchemaAndValue::new(schema, Value::Struct(row));
        }
        run.task.put(&[seven]).await.unwrap();
        let files = server.committed();
        let (name, content) = files.first_key_value().unwrap();
        assert_eq!(*name, format!("/topics/t/partition=0/t+0+0000000000+0000000000{extension}"));
        assert!(content.starts_with(magic.as_bytes()), "{format}");
    }
}

#[tokio::test]
async fn the_clock_closes_files_of_quiet_topics() {
    let server = Server::start().await;
    let settings = [("flush.size", "100"), ("rotate.interval.ms", "1000")];
    let mut run = Run::start(&server, &settings).await;
    run.bring(2, 2).await.unwrap();
    run.clock.advance_ms(999);
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server).len(), 0);
    run.clock.advance_ms(1);
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server), ["/topics/t/partition=0/t+0+0000000000+0000000001.json"]);
    // After a long pause the interval begins with the first record.
    run.clock.advance_ms(100_000);
    run.bring(3, 1).await.unwrap();
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server).len(), 1);
    run.clock.advance_ms(1000);
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server).len(), 2);
}

#[tokio::test]
async fn times_in_records_close_files_when_a_later_record_comes() {
    let server = Server::start().await;
    let settings = [
        ("flush.size", "100"),
        ("rotate.interval.ms", "4"),
        ("partitioner.class", "HourlyPartitioner"),
        ("timestamp.extractor", "Record"),
        ("locale", "en"),
        ("timezone", "UTC"),
    ];
    let mut run = Run::start(&server, &settings).await;
    run.clock.advance_ms(100_000);
    run.bring(4, 4).await.unwrap();
    assert_eq!(names(&server).len(), 0);
    run.bring(5, 1).await.unwrap();
    let hour = "/topics/t/year=2024/month=03/day=05/hour=09";
    assert_eq!(names(&server), [format!("{hour}/t+0+0000000000+0000000003.json")]);
}

#[tokio::test]
async fn a_schedule_and_a_request_close_files() {
    let server = Server::start().await;
    let settings =
        [("flush.size", "100"), ("rotate.schedule.interval.ms", "60000"), ("timezone", "UTC")];
    let mut run = Run::start(&server, &settings).await;
    run.bring(1, 1).await.unwrap();
    run.clock.advance_ms(60_000);
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server).len(), 1);
    run.bring(2, 1).await.unwrap();
    run.task.finish_files().await.unwrap();
    assert_eq!(names(&server).len(), 2);
    assert_eq!(run.safe().await, 2);
}

#[tokio::test]
async fn what_is_open_is_thrown_away_at_the_end_or_kept_where_asked() {
    for (keeps, expected) in [("false", 0), ("true", 1)] {
        let server = Server::start().await;
        let mut run = Run::start(&server, &[("flush.on.stop", keeps)]).await;
        run.bring(2, 2).await.unwrap();
        let partitions = [TopicPartition::new("t", 0)];
        run.task.release(&partitions).await.unwrap();
        run.task.close(&partitions).await.unwrap();
        assert_eq!(names(&server).len(), expected);
        assert!(server.files("/topics/+tmp/").is_empty());
    }
}

#[tokio::test]
async fn a_promise_that_there_was_no_time_to_keep_is_kept_by_the_next_task() {
    let server = Server::start().await;
    let settings = [
        ("flush.size", "100"),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "lane"),
        ("flush.on.stop", "true"),
        ("shutdown.timeout.ms", "300"),
    ];
    let mut run = Run::start(&server, &settings).await;
    run.bring(3, 3).await.unwrap();
    let partitions = [TopicPartition::new("t", 0)];
    // The promise gets its name, and one of the three files; then the file system does not answer.
    server.hang_after("RENAME", 2);
    run.task.release(&partitions).await.unwrap_err();
    assert_eq!(names(&server).len(), 1);
    server.heal();
    run.task.close(&partitions).await.unwrap();
    let mut run = Run::start(&server, &settings).await;
    assert_eq!((run.position, numbers(&server)), (3, vec![0, 1, 2]));
    run.task.stop().await.unwrap();
}

#[tokio::test]
async fn large_files_are_written_in_parts() {
    let server = Server::start().await;
    let settings =
        [("format.class", "StringFormat"), ("flush.size", "40"), ("hdfs.part.size", "65536")];
    let mut run = Run::start(&server, &settings).await;
    let text = "x".repeat(9_999);
    let records: Vec<_> =
        (0..40).map(|offset| record(offset, Value::string(text.clone()))).collect();
    run.task.put(&records).await.unwrap();
    let files = server.committed();
    assert_eq!(files.values().map(Vec::len).collect::<Vec<_>>(), [400_000]);
    let appended = server.seen().iter().filter(|line| line.starts_with("POST APPEND")).count();
    assert_eq!(appended, 2 * 6, "a request to each of the two nodes for each part");
}

#[tokio::test]
async fn files_that_are_moved_away_do_not_come_again() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    run.bring(6, 6).await.unwrap();
    drop(run);
    for path in names(&server) {
        server.remove(&path);
    }
    let mut run = Run::start(&server, &[]).await;
    assert_eq!(run.position, 6);
    run.bring(9, 3).await.unwrap();
    assert_eq!(numbers(&server), [6, 7, 8]);
}

#[tokio::test]
async fn records_of_a_renamed_topic_keep_their_place() {
    let server = Server::start().await;
    let renamed = |from: i64, to: i64| {
        let records = (from..to).map(numbered);
        records.map(|record| SinkRecord { topic: "other".into(), ..record }).collect::<Vec<_>>()
    };
    let mut run = Run::start(&server, &[]).await;
    run.task.put(&renamed(0, 3)).await.unwrap();
    assert_eq!(names(&server), ["/topics/other/partition=0/other+0+0000000000+0000000002.json"]);
    drop(run);
    let run = Run::start(&server, &[]).await;
    assert_eq!(run.position, 3);
}

/// Records of another topic, which get the name of this one.
async fn bring_others(server: &Server, more: &[(&str, &str)]) {
    let clock = ManualClock::at(MORNING);
    let (mut task, _context) = Run::task(server, more, &clock).await;
    let origin = TopicPartition::new("s", 0);
    task.open(std::slice::from_ref(&origin)).await.unwrap();
    let records = (100..110).map(|offset| {
        let number = numbered(offset);
        SinkRecord { origin: origin.clone(), offset: offset - 100, ..number }
    });
    task.put(&records.collect::<Vec<_>>()).await.unwrap();
    task.stop().await.unwrap();
}

#[tokio::test]
async fn a_topic_whose_name_another_one_gets_is_stored_from_its_beginning() {
    let expected: Vec<_> = (0..9).chain(100..110).collect();
    for append in ["false", "true"] {
        let server = Server::start().await;
        let settings = [("hdfs.append", append), ("flush.size", "10")];
        bring_others(&server, &settings).await;
        assert_eq!(numbers(&server), (100..110).collect::<Vec<_>>());
        let settings = [("hdfs.append", append)];
        let mut run = Run::start(&server, &settings).await;
        run.bring(2, 2).await.unwrap();
        // Now it is the topic's own marker that tells.
        drop(run);
        let mut run = Run::start(&server, &settings).await;
        run.bring(9, 3).await.unwrap();
        run.task.stop().await.unwrap();
        assert_eq!(numbers(&server), expected, "{append}");
        let run = Run::start(&server, &settings).await;
        assert_eq!(run.position, 9);
    }
}

#[tokio::test]
async fn files_of_another_topic_do_not_move_one_that_is_being_written() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    run.bring(3, 3).await.unwrap();
    bring_others(&server, &[("flush.size", "10")]).await;
    drop(run);
    let mut run = Run::start(&server, &[]).await;
    assert_eq!(run.position, 3);
    run.bring(9, 3).await.unwrap();
    assert_eq!(numbers(&server), (0..9).chain(100..110).collect::<Vec<_>>());
}

#[tokio::test]
async fn names_without_a_marker_count_unless_they_may_be_those_of_others() {
    let path = "/topics/t/partition=0/t+0+0000000000+0000000008.json";
    let router = |class| [("transforms", "a, b"), ("transforms.a.type", class)];
    let (router, field) = (
        router("org.apache.kafka.connect.transforms.RegexRouter"),
        router("org.apache.kafka.connect.transforms.InsertField$Value"),
    );
    let keeps = ("transforms.b.type", "org.apache.kafka.connect.transforms.Cast$Value");
    for (transforms, logs, position) in [
        (&[][..], None, Some(9)),
        (&[field[0], field[1], keeps], None, Some(9)),
        (&[router[0], router[1], keeps], None, None),
        // The original has written this partition.
        (&[router[0], router[1], keeps], Some("/logs/t/0/log"), Some(9)),
        // Somebody has said what it is.
        (&[router[0], router[1], keeps], Some("/logs/t/0/position+4"), Some(4)),
        (&[], Some("/logs/t/0/position+4"), Some(4)),
    ] {
        let server = Server::start().await;
        server.put(path, b"");
        if let Some(logs) = logs {
            server.put(logs, b"");
        }
        let told = format!("{transforms:?} {logs:?}");
        let (mut task, context) = Run::task(&server, transforms, &ManualClock::at(MORNING)).await;
        let opened = task.open(&[TopicPartition::new("t", 0)]).await;
        let Some(position) = position else {
            let text = opened.unwrap_err().to_string();
            assert!(text.contains("t-0") && text.contains("/logs/t/0/position+9"), "{text}");
            assert!(server.files("/logs/").is_empty());
            continue;
        };
        opened.unwrap();
        let sought = context.requests.take().seeks.into_values().collect::<Vec<_>>();
        assert_eq!(sought, [position], "{told}");
        assert!(server.files("/logs/").contains_key(&format!("/logs/t/0/position+{position}")));
    }
}

#[tokio::test]
async fn the_log_of_the_original_is_read_once() {
    let server = Server::start().await;
    let entry = |key: &str, value: &str| {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let (key, value) = (text(key), text(value));
        let lengths = [key.len() + value.len(), key.len()];
        let lengths = lengths.map(|length| i32::try_from(length).unwrap().to_be_bytes());
        [&lengths.concat(), &key, &value].into_iter().flatten().copied().collect::<Vec<u8>>()
    };
    let last = "hdfs://nn:8020/topics/t/partition=0/t+0+0000000003+0000000005.json";
    let log = [
        b"WAL\0".to_vec(),
        vec![9; 16],
        entry("BEGIN", ""),
        entry("hdfs://nn:8020/topics/+tmp/t/partition=0/a_tmp.json", last),
        entry("END", ""),
    ];
    server.put("/logs/t/0/log", &log.concat());
    server.put("/topics/+tmp/t/partition=0/a_tmp.json", b"{\"n\":5}\n");
    let run = Run::start(&server, &[]).await;
    assert_eq!(run.position, 6);
    assert_eq!(names(&server), ["/topics/t/partition=0/t+0+0000000003+0000000005.json"]);
    let logs: Vec<_> = server.files("/logs/").into_keys().collect();
    assert_eq!(logs, ["/logs/t/0/log.taken", "/logs/t/0/position+6"]);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_overwritten() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    run.bring(2, 2).await.unwrap();
    let path = "/topics/t/partition=0/t+0+0000000000+0000000002.json";
    server.put(path, b"theirs");
    let error = run.bring(3, 1).await.unwrap_err().to_string();
    assert!(error.contains(path) && error.contains("topics.dir"), "{error}");
    assert_eq!(server.committed()[path], b"theirs");
}

#[tokio::test]
async fn a_promise_that_a_file_of_somebody_else_is_in_the_way_of_is_kept_once_that_is_gone() {
    let server = Server::start().await;
    let settings = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "lane")];
    let mut run = Run::start(&server, &settings).await;
    let path = "/topics/t/lane=l1/t+0+0000000001+0000000001.json";
    server.put(path, b"theirs");
    let told = run.bring(3, 3).await.unwrap_err().to_string();
    assert!(told.contains(path) && told.contains("topics.dir"), "{told}");
    drop(run);
    for _start in 0..3 {
        let (mut task, _context) = Run::task(&server, &settings, &ManualClock::at(MORNING)).await;
        let error = task.open(&[TopicPartition::new("t", 0)]).await.unwrap_err();
        assert_eq!(error.to_string(), told);
    }
    assert_eq!(server.committed()[path], b"theirs");
    server.remove(path);
    let run = Run::start(&server, &settings).await;
    assert_eq!((run.position, numbers(&server)), (3, vec![0, 1, 2]));
}

#[tokio::test]
async fn a_folder_that_hdfs_cannot_have_is_a_bad_record() {
    let server = Server::start().await;
    let settings = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "lane")];
    let mut run = Run::start(&server, &settings).await;
    for (lane, told) in [("10:30".to_owned(), "colon"), ("x".repeat(251), "255 bytes")] {
        let value = Value::Map(Map::new(vec![("lane".into(), Value::string(lane))]));
        let error = run.task.put(&[record(0, value)]).await.unwrap_err();
        let text = connect_api::error::chain(&error);
        assert!(text.contains("t-0@0") && text.contains(told), "{text}");
    }
}
