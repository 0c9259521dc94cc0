//! Nodes that fail one by one: the active name node changes, data nodes die in the middle of a write, and
//! their disks are full.

use std::io::Write as _;

use super::*;

/// A file that is read as it grows.
struct Feed {
    file: fs::File,
    /// Records that are in there.
    count: usize,
}

impl Feed {
    async fn start(rest: &RestClient, folder: &Path) -> Self {
        let file = fs::File::create(folder.join(FILE)).unwrap();
        follow(rest, folder).await;
        Self { file, count: 0 }
    }

    /// Has some more records read.
    fn more(&mut self, count: usize) {
        let range = self.count..self.count + count;
        self.file.write_all(lines(range).as_bytes()).unwrap();
        self.count += count;
    }
}

/// What each sink of a worker has to hold to, whatever happens to the nodes.
async fn went_without_a_restart(rest: &RestClient, sink: &str) {
    let history = rest.get(&format!("/connectors/{sink}/history")).await;
    let events = history["events"].as_array().unwrap();
    let states: Vec<_> = events.iter().filter_map(|event| event["state"].as_str()).collect();
    assert!(states.contains(&"RUNNING"), "{history}");
    assert!(!states.contains(&"FAILED") && !states.contains(&"RESTARTING"), "{history}");
}

/// Waits until the status says in such words what holds the sink back, while its task runs.
async fn is_held(rest: &RestClient, sink: &str, by: &str) {
    eventually(&format!("{sink} to be held by {by}"), async || {
        let status = rest.get(&format!("/connectors/{sink}/status")).await;
        let task = &status["tasks"][0];
        assert_eq!(task["state"], "RUNNING", "{status}");
        task["trace"].as_str().filter(|it| it.contains(by)).map(drop)
    })
    .await;
}

/// Waits until nothing holds the sink back.
async fn gets_on(rest: &RestClient, sink: &str) {
    eventually(&format!("{sink} to get on"), async || {
        let status = rest.get(&format!("/connectors/{sink}/status")).await;
        let task = &status["tasks"][0];
        (task["state"] == "RUNNING" && task["trace"].is_null()).then_some(())
    })
    .await;
}

/// Every record is there once, and the sink came to that without a restart.
async fn ends_well(rest: &RestClient, sink: &str, far_end: (&Hdfs, &str), count: usize) {
    all_are_there_once(rest, sink, far_end, count).await;
    gets_on(rest, sink).await;
    went_without_a_restart(rest, sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_node_that_is_active_is_followed() {
    let hdfs = services::require!(private_hdfs(Shape::TWO_NAME_NODES));
    let (folder, target, growing) = (tempfile::tempdir().unwrap(), "/open/whole", "/open/growing");
    fs::write(folder.path().join("hdfs-site.xml"), hdfs.site()).unwrap();
    let worker = start(folder.path()).await;
    let rest = &worker.rest;
    let mut config = sink(&hdfs, target);
    config["hdfs.url"] = "hdfs://cluster".into();
    config["webhdfs.url"] = "".into();
    config["hadoop.conf.dir"] = folder.path().to_str().into();
    rest.create(&json!({"name": "events-sink", "config": config})).await;
    let config = growing_sink(&hdfs, growing);
    rest.create(&json!({"name": "growing-sink", "config": config})).await;
    let mut feed = Feed::start(rest, folder.path()).await;
    feed.more(300);
    for active in [1, 0] {
        has_lines(&hdfs, target, feed.count - 100).await;
        has_lines(&hdfs, growing, feed.count - 100).await;
        feed.more(500);
        hdfs.order(&format!("activate/{active}")).await;
    }
    feed.more(500);
    hdfs.order("end-name-node/0").await;
    hdfs.order("activate/1").await;
    for (sink, folder) in [("events-sink", target), ("growing-sink", growing)] {
        ends_well(rest, sink, (&hdfs, folder), feed.count).await;
    }
    assert!(worker.stop().success());
}

/// Ends the data nodes at these places of a pipeline, one after the other, in the middle of a write to such
/// a file, and begins each again later.
async fn data_nodes_die(places: &[&str], part: &str, config: impl Fn(&Hdfs, &str) -> Json) {
    let hdfs = services::require!(private_hdfs(Shape::THREE_DATA_NODES));
    let (folder, target) = (tempfile::tempdir().unwrap(), "/open/data");
    let worker = start(folder.path()).await;
    let rest = &worker.rest;
    rest.create(&json!({"name": "events-sink", "config": config(&hdfs, target)})).await;
    let mut feed = Feed::start(rest, folder.path()).await;
    for which in places {
        feed.more(500);
        hdfs.order(&format!("end-data-node/{which}{part}")).await;
        // The name node takes it to be there all the time.
        has_lines(&hdfs, target, feed.count - 100).await;
        hdfs.order("begin-data-node/again").await;
    }
    feed.more(100);
    ends_well(rest, "events-sink", (&hdfs, target), feed.count).await;
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_files_go_on_when_data_nodes_die_in_the_middle_of_an_append() {
    data_nodes_die(&["last", "first"], "+open.", |hdfs, folder| {
        let mut config = growing_sink(hdfs, folder);
        config["hdfs.lease.timeout.ms"] = "5000".into();
        config
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_become_whole_when_data_nodes_die_in_the_middle_of_one() {
    data_nodes_die(&["first"], "_tmp", sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_nodes_without_room_are_waited_for() {
    let hdfs = services::require!(private_hdfs(Shape::SINGLE));
    let (folder, target, growing) = (tempfile::tempdir().unwrap(), "/open/whole", "/open/growing");
    let worker = start(folder.path()).await;
    let rest = &worker.rest;
    let config = sink(&hdfs, target);
    rest.create(&json!({"name": "events-sink", "config": config})).await;
    let mut config = growing_sink(&hdfs, growing);
    config["hdfs.lease.timeout.ms"] = "5000".into();
    rest.create(&json!({"name": "growing-sink", "config": config})).await;
    let mut feed = Feed::start(rest, folder.path()).await;
    feed.more(500);
    has_lines(&hdfs, target, 200).await;
    has_lines(&hdfs, growing, 200).await;
    hdfs.order("room/0").await;
    feed.more(500);
    for sink in ["events-sink", "growing-sink"] {
        is_held(rest, sink, "No data node takes another block: their disks are full").await;
    }
    hdfs.order("room/-1").await;
    for (sink, folder) in [("events-sink", target), ("growing-sink", growing)] {
        ends_well(rest, sink, (&hdfs, folder), feed.count).await;
    }
    assert!(worker.stop().success());
}
