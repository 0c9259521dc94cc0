//! What is told before a task begins.

use super::*;

async fn told(server: &Server, more: &[(&str, &str)]) -> Option<String> {
    let checked = HdfsSink::HDFS3.check_system(&props(server, more)).await;
    checked.err().map(|error| error.to_string())
}

#[tokio::test]
async fn a_look_leaves_nothing_behind() {
    let server = Server::start().await;
    assert_eq!(told(&server, &[]).await, None);
    assert_eq!(server.paths(), ["/"]);
    server.put("/topics/t/file", b"");
    server.put("/logs/t/0/position+4", b"");
    let before = server.paths();
    assert_eq!(told(&server, &[]).await, None);
    assert_eq!(server.paths(), before);
}

#[tokio::test]
async fn what_would_keep_a_task_from_writing_is_told() {
    for (exception, message, part) in [
        ("AccessControlException", "Permission denied: user=tester", "hdfs.user"),
        ("SafeModeException", "Name node is in safe mode.", "safe mode"),
        ("IOException", "could only be written to 0 of the 1 minReplication nodes", "full"),
    ] {
        // The folder and the file of temporary ones, then those of markers.
        for changes in [0, 1, 5] {
            let server = Server::start().await;
            server.fail_later(changes, Fault::Answer(403, exception, message));
            let text = told(&server, &[]).await.unwrap_or_else(|| panic!("{exception} {changes}"));
            assert!(text.contains(part), "{text}");
            assert_eq!(server.paths(), ["/"], "{exception} {changes}");
        }
    }
}

#[tokio::test]
async fn a_data_node_that_cannot_be_reached_is_told() {
    let server = Server::start().await;
    server.hide_data_nodes();
    let text = told(&server, &[]).await.unwrap();
    assert!(text.contains("hdfs.datanode.hosts"), "{text}");
}

#[tokio::test]
async fn a_name_node_that_does_not_answer_beside_the_active_one_is_passed_over() {
    let server = Server::start().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let both = format!("http://{},{}", silent.local_addr().unwrap(), server.other);
    assert_eq!(told(&server, &[("webhdfs.url", &both)]).await, None);
}
