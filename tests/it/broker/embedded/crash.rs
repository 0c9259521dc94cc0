//! What is left when the process is killed, or the disk is full.
//!
//! The test binary runs itself as a child that appends and says what was acknowledged.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use connect_api::error::ErrorClass;
use millrace::broker::{BrokerError, Producer};

use super::{as_broker, open};
use crate::broker::suite::{producer, send_values, transactional, values};

/// Tells the child where the log is.
const DIRECTORY: &str = "MILLRACE_CRASH_DIRECTORY";
/// Times that a child is killed.
const KILLS: usize = 25;

/// Tells the parent that so many records of a kind are acknowledged.
fn acknowledge(kind: &str, records: usize) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{kind} {records}").unwrap();
    output.flush().unwrap();
}

/// Appends transactions of one to twenty records to two topics, with the number of them all to a
/// third.
async fn append_transactions(producer: &mut Box<dyn Producer>, mut stored: usize) -> BrokerError {
    loop {
        let records = rand::random_range(1..20);
        let numbers: Vec<String> = (stored..stored + records).map(|at| at.to_string()).collect();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        stored += records;
        producer.begin().await.unwrap();
        send_values(producer, "left", &numbers).await;
        send_values(producer, "offsets", &[&stored.to_string()]).await;
        send_values(producer, "right", &numbers).await;
        if let Err(error) = producer.commit().await {
            return error;
        }
        acknowledge("transactional", stored);
    }
}

/// Appends records one by one, without transactions.
async fn append_single(producer: &mut Box<dyn Producer>, mut stored: usize) -> BrokerError {
    loop {
        let batch = vec![crate::broker::suite::value("plain", 0, &stored.to_string())];
        let report = producer.send(batch).await.unwrap().await.unwrap();
        if let Some((_, error)) = report.failed.into_iter().next() {
            return error;
        }
        stored += 1;
        acknowledge("plain", stored);
    }
}

/// What the child does; without its directory, what its parent sees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_appends_until_it_is_ended() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(check(directory.path(), Acknowledged::default()).await, 0);
        return;
    };
    let broker = as_broker(&open(Path::new(&directory)));
    let offsets = stored_values(&broker, "offsets").await;
    let transactions = offsets.last().map_or(0, |total| total.parse().unwrap());
    let plain = stored_values(&broker, "plain").await.len();
    let mut whole = transactional(&broker, "child").await;
    let mut single = producer(&broker).await;
    let (whole_error, single_error) = tokio::join!(
        append_transactions(&mut whole, transactions),
        append_single(&mut single, plain),
    );
    assert!(matches!(whole_error, BrokerError::TransactionAborted { .. }), "{whole_error:?}");
    assert!(matches!(single_error, BrokerError::Storage { .. }), "{single_error:?}");
    assert_eq!(whole_error.class(), ErrorClass::Retriable);
    assert_eq!(single_error.class(), ErrorClass::Retriable);
    acknowledge("refused", 1);
}

/// What a child has acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Acknowledged {
    transactional: usize,
    plain: usize,
    has_been_refused: bool,
}

impl Acknowledged {
    /// Reads what a child says; a line that was cut off counts for nothing.
    fn note(&mut self, line: &str) {
        let Some(line) = line.strip_suffix('\n') else { return };
        match line.rsplit_once(' ').map(|(kind, records)| (kind, records.parse::<usize>())) {
            Some(("transactional", Ok(records))) => self.transactional = records,
            Some(("plain", Ok(records))) => self.plain = records,
            Some(("refused", Ok(_))) => self.has_been_refused = true,
            _ => {}
        }
    }
}

async fn stored_values(
    broker: &std::sync::Arc<dyn millrace::broker::Broker>,
    topic: &str,
) -> Vec<String> {
    let topics = crate::broker::suite::admin(broker).await.list_topics().await.unwrap();
    if topics.iter().any(|name| name == topic) { values(broker, topic).await } else { Vec::new() }
}

/// Opens the log, looks whether everything acknowledged is there and everything agrees, and
/// returns the number of records.
async fn check(directory: &Path, acknowledged: Acknowledged) -> usize {
    let log = open(directory);
    let broker = as_broker(&log);
    let numbers = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>();
    let offsets = stored_values(&broker, "offsets").await;
    let total = offsets.last().map_or(0, |total| total.parse().unwrap());
    assert!(total >= acknowledged.transactional, "{total} of {acknowledged:?}");
    assert_eq!(stored_values(&broker, "left").await, numbers(total));
    assert_eq!(stored_values(&broker, "right").await, numbers(total));
    let plain = stored_values(&broker, "plain").await;
    assert!(plain.len() >= acknowledged.plain, "{} of {acknowledged:?}", plain.len());
    assert_eq!(plain, numbers(plain.len()));
    log.close().await;
    total + plain.len()
}

/// Runs this binary's child test, through a shell that prepares the process.
fn start(directory: &Path, preparation: &str) -> Child {
    let test = "broker::embedded::crash::a_child_appends_until_it_is_ended";
    let arguments = [test, "--exact", "--nocapture", "--test-threads=1"].map(OsStr::new);
    Command::new("sh")
        .args(["-c", &format!("{preparation} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(arguments)
        .env(DIRECTORY, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads lines while `is_wanted`, then kills the child and reads what it had said before.
fn watch(mut child: Child, mut is_wanted: impl FnMut(&Acknowledged) -> bool) -> Acknowledged {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Acknowledged::default();
    let mut line = String::new();
    let mut is_killed = false;
    while output.read_line(&mut line).unwrap() > 0 {
        acknowledged.note(&line);
        line.clear();
        if !is_killed && !is_wanted(&acknowledged) {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_torn_by_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut before = 0;
    for _ in 0..KILLS {
        let lines = rand::random_range(1..60);
        let mut seen = 0;
        let acknowledged = watch(start(directory.path(), ""), |_| {
            seen += 1;
            seen < lines
        });
        let now = check(directory.path(), acknowledged).await;
        assert!(now >= before, "something that was there before is gone");
        before = now;
    }
    assert!(before > 0, "no child came to store anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_whole_appends_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    // No file may grow beyond this many blocks of 512 bytes; the system answers with an error
    // instead of a signal.
    let acknowledged = watch(start(directory.path(), "trap '' XFSZ; ulimit -f 2000;"), |_| true);
    assert!(acknowledged.has_been_refused, "{acknowledged:?}");
    assert!(acknowledged.plain > 0, "{acknowledged:?}");
    check(directory.path(), acknowledged).await;
}
