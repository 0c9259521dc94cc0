//! Files that grow: what they hold and are called, when they are closed, and who else writes them.

use connect_api::{
    error::ErrorClass,
    schema::{Schema, Type},
    sink::Progress,
    value::Struct,
};

use super::*;

const GROWS: (&str, &str) = ("hdfs.append", "true");
const FOLDER: &str = "/topics/t/partition=0";

/// Names of files in a folder, with `*` for what only their owners have in there.
fn names(server: &Server, folder: &str) -> Vec<String> {
    let short = |path: String| {
        let name = path.strip_prefix(folder).unwrap_or(&path).trim_start_matches('/').to_owned();
        let owned = name.split_once("open.").and_then(|(front, rest)| {
            Some(format!("{front}open.*{}", rest.get(rest.find('.')?..)?))
        });
        owned.unwrap_or(name)
    };
    server.committed().into_keys().map(short).collect()
}

/// The path of the only file that grows.
fn growing(server: &Server) -> String {
    let open = server.committed().into_keys().filter(|path| path.contains("+open."));
    let open: Vec<_> = open.collect();
    assert_eq!(open.len(), 1, "{open:?}");
    open[0].clone()
}

#[tokio::test]
async fn one_file_grows_until_the_task_stops() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[GROWS]).await;
    for end in [3, 6, 9] {
        run.bring(end, 3).await.unwrap();
        assert_eq!(names(&server, FOLDER), ["t+0+0000000000+open.*.json"]);
        assert_eq!(numbers(&server), (0..end).collect::<Vec<_>>());
        assert_eq!(run.safe().await, end);
    }
    run.bring(10, 1).await.unwrap();
    assert_eq!(run.safe().await, 9, "record 9 waits");
    run.task.stop().await.unwrap();
    assert_eq!(names(&server, FOLDER), ["t+0+0000000000+0000000008.json"]);
    assert_eq!(server.files("/logs/").into_keys().collect::<Vec<_>>(), ["/logs/t/0/position+9"]);
    let run = Run::start(&server, &[GROWS]).await;
    assert_eq!(run.position, 9);
}

#[tokio::test]
async fn whoever_takes_the_partition_over_closes_what_grew() {
    let server = Server::start().await;
    let mut old = Run::start(&server, &[GROWS]).await;
    old.bring(6, 3).await.unwrap();
    // It does not have to append itself to do so.
    let mut new = Run::start(&server, &[]).await;
    assert_eq!(new.position, 6);
    assert_eq!(names(&server, FOLDER), ["t+0+0000000000+0000000005.json"]);
    old.task.put(&[numbered(6), numbered(7), numbered(8)]).await.unwrap();
    let told = format!("{:?}", old.obey());
    assert!(told.contains("Another task has taken the partition over"), "{told}");
    drop(old);
    new.wait_for_claim().await;
    new.bring(9, 3).await.unwrap();
    assert_eq!(numbers(&server), (0..9).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_an_earlier_task_appends_while_it_loses_the_partition_is_cut_off() {
    let lanes = [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "lane")];
    for settings in [&[GROWS, GROWS, GROWS], &[GROWS, lanes[0], lanes[1]]] {
        let server = Server::start().await;
        let mut old = Run::start(&server, settings).await;
        old.bring(6, 3).await.unwrap();
        server.haunt(b"{\"n\":99}\n");
        let mut new = Run::start(&server, settings).await;
        new.wait_for_claim().await;
        assert_eq!(new.position, 6);
        new.bring(9, 3).await.unwrap();
        assert_eq!(numbers(&server), (0..9).collect::<Vec<_>>(), "{settings:?}");
    }
}

#[tokio::test]
async fn a_file_of_file_size_bytes_max_is_closed() {
    let server = Server::start().await;
    // A record has 18 bytes.
    let settings = [GROWS, ("file.size.bytes.max", "72")];
    let mut run = Run::start(&server, &settings).await;
    run.bring(7, 1).await.unwrap();
    assert_eq!(
        names(&server, FOLDER),
        ["t+0+0000000000+0000000003.json", "t+0+0000000004+open.*.json"]
    );
    assert_eq!(run.safe().await, 7, "a file that is full is not waited with for flush.size");
}

#[tokio::test]
async fn a_file_of_file_age_ms_max_is_closed_also_when_no_record_comes() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[GROWS, ("file.age.ms.max", "1000")]).await;
    run.bring(3, 3).await.unwrap();
    run.clock.advance_ms(999);
    run.bring(4, 1).await.unwrap();
    assert_eq!(names(&server, FOLDER), ["t+0+0000000000+open.*.json"]);
    run.clock.advance_ms(1);
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server, FOLDER), ["t+0+0000000000+0000000003.json"]);
    run.bring(9, 5).await.unwrap();
    run.clock.advance_ms(1000);
    run.task.put(&[]).await.unwrap();
    assert_eq!(names(&server, FOLDER).len(), 2, "{:?}", names(&server, FOLDER));
    assert_eq!(run.safe().await, 9);
}

#[tokio::test]
async fn a_folder_that_time_has_left_behind_has_its_file_closed() {
    let server = Server::start().await;
    let settings = [
        GROWS,
        ("partitioner.class", "TimeBasedPartitioner"),
        ("path.format", "'ms'=SSS"),
        ("partition.duration.ms", "4"),
        ("timestamp.extractor", "Record"),
        ("locale", "en"),
        ("timezone", "UTC"),
        ("flush.size", "2"),
    ];
    let mut run = Run::start(&server, &settings).await;
    run.bring(6, 2).await.unwrap();
    let expected = ["ms=000/t+0+0000000000+0000000003.json", "ms=004/t+0+0000000004+open.*.json"];
    assert_eq!(names(&server, "/topics/t"), expected);
}

#[tokio::test]
async fn no_more_files_grow_than_are_allowed() {
    let server = Server::start().await;
    let settings = [
        GROWS,
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "lane"),
        ("partitioner.max.open.files", "2"),
        ("flush.size", "1"),
    ];
    let mut run = Run::start(&server, &settings).await;
    run.bring(4, 4).await.unwrap();
    let expected = [
        "lane=l0/t+0+0000000000+0000000000.json",
        "lane=l0/t+0+0000000003+open.*.json",
        "lane=l1/t+0+0000000001+0000000001.json",
        "lane=l2/t+0+0000000002+open.*.json",
    ];
    assert_eq!(names(&server, "/topics/t"), expected);
}

#[tokio::test]
async fn another_schema_is_another_file() {
    let server = Server::start().await;
    let row = |offset: i64, field: &str| {
        let number = Schema::new(Type::Int64);
        let schema = Arc::new(Schema::new(Type::Struct).named("R").field(field, number));
        let row = Struct::new(Arc::clone(&schema), vec![Value::Int64(offset)]);
        let value = SchemaAndValue::new(schema, Value::Struct(row));
        SinkRecord { value, ..record(offset, Value::Null) }
    };
    let mut run = Run::start(&server, &[GROWS, ("flush.size", "1")]).await;
    run.task.put(&[row(0, "a"), row(1, "a"), row(2, "b"), row(3, "b")]).await.unwrap();
    assert_eq!(
        names(&server, FOLDER),
        ["t+0+0000000000+0000000001.json", "t+0+0000000002+open.*.json"]
    );
}

#[tokio::test]
async fn large_groups_are_appended_in_parts() {
    let server = Server::start().await;
    let settings = [
        GROWS,
        ("format.class", "StringFormat"),
        ("flush.size", "20"),
        ("hdfs.part.size", "65536"),
    ];
    let mut run = Run::start(&server, &settings).await;
    let text = "x".repeat(9_999);
    let records: Vec<_> =
        (0..55).map(|offset| record(offset, Value::string(text.clone()))).collect();
    run.task.put(&records).await.unwrap();
    let sizes = |server: &Server| server.committed().values().map(Vec::len).collect::<Vec<_>>();
    // Parts of the third group are there, and not committed.
    assert!(sizes(&server)[0] > 400_000, "{:?}", sizes(&server));
    run.position = 55;
    assert_eq!(run.safe().await, 40);
    run.task.stop().await.unwrap();
    assert!(growing(&server).contains("+open."), "what is not committed is not closed");
    let mut run = Run::start(&server, &settings).await;
    run.wait_for_claim().await;
    assert_eq!((sizes(&server), run.position), (vec![400_000], 40));
}

#[tokio::test]
async fn a_file_that_is_held_is_waited_for_and_the_status_says_so() {
    let server = Server::start().await;
    let mut old = Run::start(&server, &[GROWS]).await;
    old.bring(3, 3).await.unwrap();
    server.fail([Fault::Hold]);
    let records: Vec<_> = (3..6).map(numbered).collect();
    // The fault is for the append, which comes first.
    old.task.put(&records).await.unwrap();
    drop(old);
    let mut new = Run::start(&server, &[GROWS]).await;
    for _turn in 0..3 {
        new.task.put(&[]).await.unwrap();
    }
    assert_eq!(new.position, 0, "it has not begun");
    server.let_go();
    new.wait_for_claim().await;
    assert_eq!((new.position, numbers(&server)), (3, vec![0, 1, 2]));
    new.bring(6, 3).await.unwrap();
    assert_eq!(numbers(&server), (0..6).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_held_file_has_its_reason_in_the_status() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[GROWS]).await;
    run.bring(3, 3).await.unwrap();
    server.fail([Fault::Hold]);
    run.task.put(&(3..6).map(numbered).collect::<Vec<_>>()).await.unwrap();
    run.obey();
    run.task.put(&[]).await.unwrap();
    let Some(Progress::Held(reason)) = run.obey() else { panic!("nothing is told") };
    assert!(reason.contains("+shut.") && reason.contains("takes the file back"), "{reason}");
}

#[tokio::test]
async fn a_file_that_stays_held_is_copied_in_parts_and_its_writer_writes_nowhere() {
    let server = Server::start().await;
    let settings = [
        GROWS,
        ("format.class", "StringFormat"),
        ("flush.size", "15"),
        ("hdfs.part.size", "65536"),
        ("hdfs.lease.timeout.ms", "0"),
    ];
    let texts = |from: i64, to: i64| {
        let text = |offset: i64| Value::string(offset.to_string().repeat(5000));
        (from..to).map(|offset| record(offset, text(offset))).collect::<Vec<_>>()
    };
    let mut run = Run::start(&server, &settings).await;
    run.task.put(&texts(0, 15)).await.unwrap();
    let before = server.committed().into_values().next().unwrap();
    server.fail([Fault::Hold]);
    run.task.put(&texts(15, 30)).await.unwrap();
    run.wait_for_claim().await;
    assert_eq!(names(&server, FOLDER), ["t+0+0000000000+0000000014.txt"]);
    server.let_go();
    assert_eq!(server.committed().into_values().collect::<Vec<_>>(), [before]);
    assert_eq!(run.position, 15);
}

#[tokio::test]
async fn whoever_else_writes_a_growing_file_is_told_of() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[GROWS]).await;
    run.bring(3, 3).await.unwrap();
    let path = growing(&server);
    let mut content = server.committed()[&path].clone();
    content.extend_from_slice(b"theirs\n");
    server.put(&path, &content);
    let error = run.bring(6, 3).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    let text = error.to_string();
    assert!(text.contains(&path) && text.contains("somebody else"), "{text}");
    drop(run);
    let mut run = Run::start(&server, &[GROWS]).await;
    run.wait_for_claim().await;
    assert_eq!((run.position, numbers(&server)), (3, vec![0, 1, 2]));
}

#[tokio::test]
async fn a_file_that_somebody_has_shortened_fails_the_next_task_until_it_is_moved_away() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[GROWS]).await;
    run.bring(3, 3).await.unwrap();
    let path = growing(&server);
    drop(run);
    server.put(&path, b"{}\n");
    let clock = ManualClock::at(MORNING);
    let start = async || {
        let context = sink_context(&clock);
        let props = props(&server, &[GROWS]);
        let mut task = HdfsSink::HDFS2.start_task(&props, context).await.unwrap();
        task.open(&[TopicPartition::new("t", 0)]).await
    };
    let text = start().await.unwrap_err().to_string();
    assert!(text.contains("+shut.") && text.contains("somebody has changed it"), "{text}");
    server.remove(&path.replace("+open.", "+shut."));
    start().await.unwrap();
}

#[tokio::test]
async fn records_of_a_renamed_topic_keep_their_place() {
    let server = Server::start().await;
    let records = (0..3).map(numbered);
    let renamed: Vec<_> =
        records.map(|record| SinkRecord { topic: "other".into(), ..record }).collect();
    let mut run = Run::start(&server, &[GROWS]).await;
    run.task.put(&renamed).await.unwrap();
    drop(run);
    let run = Run::start(&server, &[GROWS]).await;
    assert_eq!(run.position, 3);
    let path = "/topics/other/partition=0/other+0+0000000000+0000000002.json";
    assert_eq!(server.committed().into_keys().collect::<Vec<_>>(), [path]);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_taken_for_a_copy() {
    for patience in ["90000", "0"] {
        let server = Server::start().await;
        let settings = [GROWS, ("hdfs.lease.timeout.ms", patience)];
        let mut run = Run::start(&server, &settings).await;
        run.bring(3, 3).await.unwrap();
        let own = server.committed()[&growing(&server)].clone();
        drop(run);
        let path = format!("{FOLDER}/t+0+0000000000+0000000002.json");
        server.put(&path, &vec![b'x'; own.len()]);
        for _start in 0..3 {
            let (mut task, _context) =
                Run::task(&server, &settings, &ManualClock::at(MORNING)).await;
            let error = task.open(&[TopicPartition::new("t", 0)]).await.unwrap_err();
            assert!(error.to_string().contains("another file has that name"), "{error}");
        }
        server.remove(&path);
        let run = Run::start(&server, &settings).await;
        assert_eq!((run.position, numbers(&server)), (3, vec![0, 1, 2]));
    }
}
