//! The REST interface over real connections: what clients of Kafka Connect rely on, and what no
//! client should be able to do.

mod admin;
mod matching;
mod replay;
mod rough;
mod secure;
mod walk;
mod wire;

use std::path::Path;

use crate::{
    harness::{Mode, Worker},
    services,
};

/// Properties of a worker in either mode, but for its broker.
pub(crate) fn properties(folder: &Path, mode: Mode) -> Vec<(String, String)> {
    let offsets = folder.join("offsets").display().to_string();
    let of_mode: &[(&str, &str)] = match mode {
        Mode::Standalone => &[("offset.storage.file.filename", &offsets)],
        Mode::Distributed => &[
            ("group.id", "connect-cluster"),
            ("config.storage.topic", "rest-configs"),
            ("offset.storage.topic", "rest-offsets"),
            ("status.storage.topic", "rest-status"),
            ("config.storage.replication.factor", "1"),
            ("offset.storage.replication.factor", "1"),
            ("offset.storage.partitions", "1"),
            ("status.storage.replication.factor", "1"),
            ("status.storage.partitions", "1"),
        ],
    };
    let converter = "org.apache.kafka.connect.storage.StringConverter";
    let both = [
        ("offset.flush.interval.ms", "500"),
        ("key.converter", converter),
        ("value.converter", converter),
    ];
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    both.iter().chain(of_mode).map(owned).collect()
}

/// Starts a worker on a broker with some properties more.
async fn start(folder: &Path, mode: Mode, broker: &str, more: &[(&str, &str)]) -> Worker {
    let own = properties(folder, mode);
    let mut all: Vec<_> = own.iter().map(|(key, value)| (&**key, &**value)).collect();
    all.push(("bootstrap.servers", broker));
    all.extend(more);
    Worker::start_as(mode, folder, &all).await
}

pub(crate) async fn start_embedded(folder: &Path, mode: Mode, more: &[(&str, &str)]) -> Worker {
    let broker = format!("embedded:{}", folder.join("log").display());
    start(folder, mode, &broker, more).await
}

async fn replay_profiles(mode: Mode) {
    let (mut count, mut failed) = (0, Vec::new());
    for (profile, more) in replay::PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let worker = start_embedded(folder.path(), mode, more).await;
        let case = (profile, mode.name());
        let (cases, differ) = replay::replay(&worker, folder.path(), case).await;
        count += cases;
        failed.extend(differ);
        assert!(worker.stop().success(), "{profile}");
    }
    assert!(count > 240, "only {count} cases");
    assert!(failed.is_empty(), "{} of {count} differ:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distributed_worker_answers_as_kafka_connect_does() {
    replay_profiles(Mode::Distributed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_worker_answers_as_kafka_connect_does() {
    replay_profiles(Mode::Standalone).await;
}

async fn replay_on_kafka(mode: Mode) {
    // A node of its own: the group and the topics of the record have fixed names.
    let kafka = services::require!(private_kafka);
    let folder = tempfile::tempdir().unwrap();
    let worker = start(folder.path(), mode, kafka.bootstrap(), &[]).await;
    let case = ("default", mode.name());
    let (count, failed) = replay::replay(&worker, folder.path(), case).await;
    assert!(count > 230, "only {count} cases");
    assert!(failed.is_empty(), "{} of {count} differ:\n{}", failed.len(), failed.join("\n"));
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distributed_worker_on_kafka_answers_as_kafka_connect_does() {
    replay_on_kafka(Mode::Distributed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_worker_on_kafka_answers_as_kafka_connect_does() {
    replay_on_kafka(Mode::Standalone).await;
}
