//! Name nodes that are away, wait, or refuse.

use connect_api::{error::ErrorClass, sink::Progress};
use tokio::io::AsyncWriteExt as _;

use super::*;

const SAFE: (u16, &str, &str) = (403, "SafeModeException", "Name node is in safe mode.");
const STANDBY: (u16, &str, &str) =
    (403, "StandbyException", "Operation category READ is not supported in state standby");
const STARTS: (u16, &str, &str) = (403, "RetriableException", "Namenode is in startup mode");
const DENIED: (u16, &str, &str) =
    (403, "AccessControlException", "Permission denied: user=tester, access=WRITE");

/// A folder for each lane.
const LANES: [(&str, &str); 2] =
    [("partitioner.class", "FieldPartitioner"), ("partition.field.name", "lane")];

/// What holds the task back, if it has said so.
fn held(run: &mut Run) -> Option<String> {
    match run.obey() {
        Some(Progress::Held(reason)) => Some(reason),
        Some(Progress::Made) | None => None,
    }
}

#[tokio::test]
async fn the_active_name_node_is_found() {
    let server = Server::start().await;
    server.set_first_mood(Some(STANDBY));
    let both = format!("{},{}", server.url, server.other);
    let mut run = Run::start(&server, &[("webhdfs.url", both.as_str())]).await;
    run.bring(3, 3).await.unwrap();
    assert_eq!(numbers(&server), [0, 1, 2]);
}

#[tokio::test]
async fn a_name_node_that_starts_and_a_proxy_without_one_are_left_for_the_other() {
    let page = |status| Some((status, "<html>no upstream</html>".to_owned()));
    for (mood, proxy) in
        [(Some(STARTS), None), (None, page(503)), (None, page(404)), (None, page(403))]
    {
        let server = Server::start().await;
        let both = format!("{},{}", server.url, server.other);
        let mut run = Run::start(&server, &[("webhdfs.url", both.as_str())]).await;
        run.bring(3, 3).await.unwrap();
        server.set_first_mood(mood);
        server.set_proxy(proxy.clone());
        run.bring(6, 3).await.unwrap();
        assert_eq!(numbers(&server), (0..6).collect::<Vec<_>>(), "{proxy:?}");
        let before = server.asked_first();
        run.bring(9, 3).await.unwrap();
        assert_eq!(server.asked_first(), before, "the other one is known to be active");
    }
}

#[tokio::test]
async fn a_token_in_the_page_of_a_proxy_is_not_told() {
    let server = Server::start().await;
    let settings = [("hdfs.user", ""), ("hdfs.delegation.token", "s3=cret")];
    let mut run = Run::start(&server, &settings).await;
    run.obey();
    server.set_proxy(Some((503, "No server for {url}".to_owned())));
    run.task.put(&(0..3).map(numbered).collect::<Vec<_>>()).await.unwrap();
    let reason = held(&mut run).unwrap();
    assert!(reason.contains("No server for"), "{reason}");
    assert!(!reason.contains("cret"), "{reason}");
}

#[tokio::test]
async fn data_nodes_that_cannot_be_reached_are_not_called_full() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[("hdfs.request.retries", "3")]).await;
    run.obey();
    server.hide_data_nodes();
    run.task.put(&(0..3).map(numbered).collect::<Vec<_>>()).await.unwrap();
    let reason = held(&mut run).unwrap();
    assert!(reason.contains("hdfs.datanode.hosts") && !reason.contains("full"), "{reason}");
}

#[tokio::test]
async fn a_name_node_that_does_not_answer_is_not_asked_again_before_the_status_says_so() {
    let server = Server::start().await;
    let settings = [("hdfs.request.retries", "9"), ("hdfs.read.timeout.ms", "100")];
    let mut run =
        Run::start(&server, &[settings[0], settings[1], ("hdfs.connect.timeout.ms", "100")]).await;
    run.obey();
    server.hang_after("RENAME", 0);
    run.task.put(&(0..3).map(numbered).collect::<Vec<_>>()).await.unwrap();
    let reason = held(&mut run).unwrap();
    assert!(reason.contains("did not answer within 200 ms"), "{reason}");
    assert_eq!(server.hung(), 1);
}

#[tokio::test]
async fn a_name_node_in_safe_mode_is_waited_for() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    run.bring(2, 2).await.unwrap();
    server.set_mood(Some(SAFE));
    run.task.put(&[numbered(2)]).await.unwrap();
    let reason = held(&mut run).unwrap();
    assert!(reason.contains("safe mode"), "{reason}");
    assert_eq!(run.safe().await, 0);
    run.task.put(&[]).await.unwrap();
    assert_eq!(run.safe().await, 0);
    server.set_mood(None);
    run.task.put(&[]).await.unwrap();
    let told = run.obey();
    assert_eq!((told, run.position), (Some(Progress::Made), 0), "it is read again");
    run.bring(6, 2).await.unwrap();
    assert_eq!(numbers(&server), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_task_that_begins_in_safe_mode_waits_and_loses_nothing() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    let partition = [TopicPartition::new("t", 0)];
    run.task.close(&partition).await.unwrap();
    server.set_mood(Some(SAFE));
    run.task.open(&partition).await.unwrap();
    run.obey();
    // Records may come before the worker has paused the partition.
    run.task.put(&[numbered(0), numbered(1)]).await.unwrap();
    run.position = 2;
    assert_eq!(run.safe().await, 0);
    server.set_mood(None);
    run.task.put(&[]).await.unwrap();
    run.obey();
    assert_eq!(run.position, 0);
    run.bring(3, 1).await.unwrap();
    assert_eq!(numbers(&server), [0, 1, 2]);
}

#[tokio::test]
async fn a_full_disk_and_a_quota_are_waited_for() {
    for (exception, message, part) in [
        ("DSQuotaExceededException", "The DiskSpace quota of /topics is exceeded", "raise it"),
        ("IOException", "File /x could only be written to 0 of the 1 minReplication", "full"),
    ] {
        let server = Server::start().await;
        let mut run = Run::start(&server, &[]).await;
        server.fail([Fault::Answer(403, exception, message)]);
        run.task.put(&[numbered(0), numbered(1), numbered(2)]).await.unwrap();
        let reason = held(&mut run).unwrap();
        assert!(reason.contains(part), "{reason}");
        run.position = 0;
        run.task.put(&[]).await.unwrap();
        run.obey();
        run.bring(3, 3).await.unwrap();
        assert_eq!(numbers(&server), [0, 1, 2]);
    }
}

#[tokio::test]
async fn a_user_that_may_not_write_fails_the_task_with_one_sentence() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    server.fail([Fault::Answer(DENIED.0, DENIED.1, DENIED.2)]);
    let error = run.task.put(&[numbered(0), numbered(1), numbered(2)]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Forbidden);
    let text = error.to_string();
    assert!(text.contains("user=tester") && text.contains("hdfs.user"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_none_is_told_at_start() {
    let server = Server::start().await;
    let clock = ManualClock::at(MORNING);
    let start = async |more: &[(&str, &str)]| {
        let started = HdfsSink::HDFS2.start_task(&props(&server, more), sink_context(&clock)).await;
        started.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let text = start(&[("webhdfs.url", server.url.replace("http:", "https:").as_str())]).await;
    assert!(text.contains("does not speak TLS"), "{text}");
    server.set_mood(Some((403, "AccessControlException", "no")));
    let text = start(&[]).await;
    assert!(text.contains("hdfs.user"), "{text}");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_told_and_waited_for() {
    let server = Server::start().await;
    let props = props(&server, &[("webhdfs.url", "http://127.0.0.1:1")]);
    let context = sink_context(&ManualClock::at(MORNING));
    let error = HdfsSink::HDFS2.start_task(&props, context).await.err().unwrap();
    assert!(error.class().is_retriable());
    assert!(error.to_string().starts_with("The name node http://127.0.0.1:1 cannot be reached. "));
}

#[tokio::test]
async fn a_name_node_that_wants_tls_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // What a server says that is not spoken to in TLS.
    let refuse = async {
        loop {
            let (mut socket, _peer) = listener.accept().await.unwrap();
            socket.readable().await.unwrap();
            socket.write_all(b"\x15\x03\x03\x00\x02\x02\x28").await.unwrap();
        }
    };
    let server = Server::start().await;
    let props = props(&server, &[("webhdfs.url", &url)]);
    let error = tokio::select! {
        () = refuse => panic!("it goes on for ever"),
        checked = HdfsSink::HDFS2.check_system(&props) => checked.unwrap_err(),
    };
    assert!(error.to_string().contains("Write https://"), "{error}");
}

#[tokio::test]
async fn a_task_that_begins_without_an_active_name_node_waits_for_one() {
    let server = Server::start().await;
    server.set_mood(Some(STANDBY));
    let mut run = Run::start(&server, &[]).await;
    server.set_mood(None);
    run.wait_for_claim().await;
    run.bring(3, 3).await.unwrap();
    assert_eq!(numbers(&server), [0, 1, 2]);
}

#[tokio::test]
async fn what_keeps_records_from_being_stored_is_told_until_some_are() {
    let server = Server::start().await;
    let mut run = Run::start(&server, &[]).await;
    let full = Fault::Answer(403, "DSQuotaExceededException", "quota");
    let records: Vec<_> = (0..3).map(numbered).collect();
    server.fail([full]);
    run.task.put(&records).await.unwrap();
    assert!(held(&mut run).unwrap().contains("raise it"));
    run.task.put(&[]).await.unwrap();
    assert_eq!(run.obey(), None, "it has only begun anew");
    run.position = 0;
    run.bring(3, 3).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(numbers(&server), [0, 1, 2]);
    run.task.put(&[]).await.unwrap();
}

#[tokio::test]
async fn data_nodes_are_reached_by_the_hosts_that_stand_for_them() {
    let server = Server::start().await;
    server.name_data_node("datanode");
    let mut run = Run::start(&server, &[("hdfs.datanode.hosts", "datanode=127.0.0.1")]).await;
    run.bring(3, 3).await.unwrap();
    assert_eq!(numbers(&server), [0, 1, 2]);
}

#[tokio::test]
async fn a_data_node_that_is_gone_is_left_out_as_long_as_the_name_node_does_not_know() {
    for append in ["false", "true"] {
        let server = Server::start().await;
        let settings = [("hdfs.append", append), ("hdfs.request.retries", "1"), LANES[0], LANES[1]];
        let mut run = Run::start(&server, &settings).await;
        run.bring(3, 3).await.unwrap();
        server.lose_data_node();
        // Its successor reads what this one has left.
        drop(run);
        let mut run = Run::start(&server, &settings).await;
        assert_eq!(run.position, 3);
        run.bring(9, 3).await.unwrap();
        assert_eq!(numbers(&server), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
}

#[tokio::test]
async fn a_token_is_sent_and_never_told() {
    let server = Server::start().await;
    let settings = [("hdfs.user", ""), ("hdfs.delegation.token", "s3cret")];
    let mut run = Run::start(&server, &settings).await;
    server.fail([Fault::Answer(DENIED.0, DENIED.1, DENIED.2)]);
    let error = run.bring(3, 3).await.unwrap_err();
    let text = connect_api::error::chain(&error);
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn little_memory_makes_parts_of_what_is_open() {
    let server = Server::start().await;
    let settings =
        [("format.class", "StringFormat"), ("flush.size", "100"), ("store.memory.bytes", "200000")];
    let mut run = Run::start(&server, &settings).await;
    let text = "x".repeat(9_999);
    for offset in 0..100 {
        run.task.put(&[record(offset, Value::string(text.clone()))]).await.unwrap();
        run.obey();
    }
    let sizes: Vec<_> = server.committed().values().map(Vec::len).collect();
    assert_eq!(sizes, [1_000_000]);
}

#[tokio::test]
async fn a_name_node_of_hadoop_2_lists_folders_at_once() {
    let server = Server::start().await;
    server.age();
    let mut run = Run::start(&server, &[]).await;
    run.bring(15, 3).await.unwrap();
    drop(run);
    let run = Run::start(&server, &[]).await;
    assert_eq!(run.position, 15);
}
