//! What is not opened: a log that another has, a file that was damaged.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use connect_api::{error::chain, time::SystemClock};
use millrace::{
    broker::{
        Broker, BrokerError, ClientSettings, ConsumerEvent, ConsumerSettings, ReadFrom,
        ReaderSettings, Subscription, embedded::EmbeddedBroker,
    },
    tasks::TaskGroup,
};
use tempfile::TempDir;

use super::{as_broker, open};
use crate::broker::suite::{producer, send_values, within};

fn refusal(directory: &Path) -> BrokerError {
    EmbeddedBroker::open(directory, Arc::new(SystemClock), &TaskGroup::new()).unwrap_err()
}

/// A closed log with records in it.
async fn closed_log() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let value = "x".repeat(1000);
    let values = vec![value.as_str(); 200];
    send_values(&mut producer(&as_broker(&log)).await, "topic", &values).await;
    log.close().await;
    let database = directory.path().join("log.db");
    (directory, database)
}

fn assert_damaged(directory: &TempDir, text: &str) {
    let error = refusal(directory.path());
    assert!(matches!(error, BrokerError::Damaged { .. }), "{error:?}");
    assert!(chain(&error).contains(text), "{}", chain(&error));
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let error = refusal(directory.path());
    assert!(matches!(error, BrokerError::Locked { .. }), "{error:?}");
    let pid = format!("(pid {})", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");
    log.close().await;
    open(directory.path());
}

#[tokio::test]
async fn a_stopped_task_group_closes_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let tasks = TaskGroup::new();
    let log = EmbeddedBroker::open(directory.path(), Arc::new(SystemClock), &tasks).unwrap();
    let mut producer = producer(&as_broker(&log)).await;
    send_values(&mut producer, "topic", &["a"]).await;
    within(tasks.stop(std::time::Duration::from_secs(60))).await.unwrap();
    open(directory.path());
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: "topic".to_owned(),
        from: ReadFrom::Beginning,
        is_read_committed: true,
    };
    let mut reader = log.reader(&settings).await.unwrap();
    assert!(matches!(within(reader.next()).await, Ok(_) | Err(BrokerError::Closed)));
    assert!(matches!(within(reader.next()).await, Err(BrokerError::Closed)));
}

#[tokio::test]
async fn clients_of_a_closed_log_are_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let mut producer = producer(&as_broker(&log)).await;
    send_values(&mut producer, "topic", &["a"]).await;
    log.close().await;
    let batch = vec![crate::broker::suite::value("topic", 0, "b")];
    assert!(matches!(within(producer.send(batch)).await, Err(BrokerError::Closed)));
    let admin = log.admin(&ClientSettings::default()).await.unwrap();
    assert!(matches!(within(admin.committed_offsets("g")).await, Err(BrokerError::Closed)));
    assert!(matches!(within(admin.delete_group("g")).await, Err(BrokerError::Closed)));
}

#[tokio::test]
async fn a_missing_database_is_not_made_anew() {
    let (directory, database) = closed_log().await;
    fs::remove_file(&database).unwrap();
    assert_damaged(&directory, "missing");
    assert!(!database.exists());
}

#[tokio::test]
async fn an_empty_database_is_not_filled_anew() {
    let (directory, database) = closed_log().await;
    fs::write(&database, b"").unwrap();
    assert_damaged(&directory, "empty");
    assert_eq!(fs::read(&database).unwrap(), b"");
}

#[tokio::test]
async fn a_cut_database_is_refused_and_left_as_it_is() {
    let (directory, database) = closed_log().await;
    let length = fs::metadata(&database).unwrap().len();
    OpenOptions::new().write(true).open(&database).unwrap().set_len(length / 2).unwrap();
    let before = fs::read(&database).unwrap();
    assert_damaged(&directory, "malformed");
    assert_eq!(fs::read(&database).unwrap(), before);
}

#[tokio::test]
async fn a_database_with_a_garbage_head_is_refused_and_left_as_it_is() {
    let (directory, database) = closed_log().await;
    let mut file = OpenOptions::new().write(true).open(&database).unwrap();
    file.write_all(&[0x5a; 100]).unwrap();
    let before = fs::read(&database).unwrap();
    assert_damaged(&directory, "not a database");
    assert_eq!(fs::read(&database).unwrap(), before);
}

#[tokio::test]
async fn the_database_of_another_log_is_refused() {
    let (directory, database) = closed_log().await;
    let (_other_directory, other) = closed_log().await;
    fs::copy(other, database).unwrap();
    assert_damaged(&directory, "not the database of log");
}

#[tokio::test]
async fn changed_records_are_never_shown() {
    let (directory, database) = closed_log().await;
    let bytes = fs::read(&database).unwrap();
    let at = bytes.windows(64).rposition(|window| window == [b'x'; 64]).unwrap();
    let mut file = OpenOptions::new().write(true).open(&database).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"y").unwrap();
    let log = open(directory.path());
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: "topic".to_owned(),
        from: ReadFrom::Beginning,
        is_read_committed: true,
    };
    let mut reader = log.reader(&settings).await.unwrap();
    let error = reader.read_to_end().await.unwrap_err();
    assert!(matches!(error, BrokerError::Damaged { .. }), "{error:?}");
    let settings = ConsumerSettings {
        client: ClientSettings::default(),
        group_id: "group".to_owned(),
        subscription: Subscription::Topics(vec!["topic".to_owned()]),
        offset_metadata: String::new(),
    };
    let mut consumer = log.consumer(&settings).await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = within(consumer.next()).await {
        events.push(event);
    }
    let [ConsumerEvent::Assigned(_), ConsumerEvent::Failed(BrokerError::Damaged { .. })] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
}
