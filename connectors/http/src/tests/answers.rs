//! Long answers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use connect_api::{
    record::TopicPartition,
    sink::{SinkConnector, SinkOffsets},
    topics::TopicRecord,
};
use connect_testkit::{ManualClock, MemoryTopics, sink_context};

use super::{
    network::{props, record},
    server::{Seen, Server},
};
use crate::HttpSink;

/// Sends one record to a service and says what was recorded, and how many requests came.
async fn recorded(
    answer: impl Fn(&Seen) -> (u16, String) + Send + Sync + 'static,
    keys: &[(&str, &str)],
) -> (Vec<TopicRecord>, usize) {
    let server = Server::plain(answer).await;
    let mut keys = keys.to_vec();
    keys.push(("reporter.result.topic.name", "found"));
    let props = props(&format!("http://{}/", server.address), &keys);
    let (written, mut context) =
        (Arc::new(MemoryTopics::default()), sink_context(&ManualClock::at(0)));
    context.topics = Some(Arc::<MemoryTopics>::clone(&written));
    let mut task = HttpSink::CONFLUENT.start_task(&props, context).await.unwrap();
    let partition = TopicPartition::new("t", 0);
    task.open(std::slice::from_ref(&partition)).await.unwrap();
    task.put(&[record("hello")]).await.unwrap();
    for _ in 0..50 {
        if written.take_committed() == SinkOffsets::from([(partition.clone(), 1)]) {
            return (written.records(), server.seen().len());
        }
        task.put(&[]).await.unwrap();
    }
    panic!("nothing was recorded in time");
}

fn header(record: &TopicRecord, name: &str) -> Option<String> {
    let (_, value) = record.headers.iter().find(|(own, _)| &**own == name)?;
    Some(String::from_utf8(value.as_ref()?.to_vec()).unwrap())
}

#[tokio::test]
async fn a_success_is_one_however_long_its_answer_is() {
    for mib in [2, 9] {
        let (records, requests) =
            recorded(move |_| (200, format!("-{}", "\u{e9}".repeat(mib << 19))), &[]).await;
        assert_eq!((records.len(), requests), (1, 1));
        assert_eq!(header(&records[0], "response_status").unwrap(), "200");
        assert_eq!(header(&records[0], "response_truncated").unwrap(), "true");
        let text = std::str::from_utf8(records[0].value.as_ref().unwrap()).unwrap();
        assert!((999_000..1_000_000).contains(&text.len()), "{}", text.len());
    }
}

#[tokio::test]
async fn an_answer_as_long_as_a_record_may_be_is_whole() {
    let (records, _) =
        recorded(|_| (200, "x".repeat(1900)), &[("reporter.record.max.bytes", "2100")]).await;
    assert_eq!(records[0].value.as_ref().unwrap().len(), 1900);
    assert_eq!(header(&records[0], "response_truncated"), None);
}

#[tokio::test]
async fn a_failure_with_a_long_answer_is_tried_again() {
    let asked = AtomicUsize::new(0);
    let (records, requests) = recorded(
        move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => (500, "x".repeat(5 << 20)),
            _ => (200, "fine".to_owned()),
        },
        &[],
    )
    .await;
    assert_eq!((records.len(), requests), (1, 2));
    assert_eq!(records[0].value.as_ref().unwrap(), "fine");
}

#[tokio::test]
async fn an_error_as_json_stays_json_when_it_is_cut() {
    let keys = [
        ("max.retries", "0"),
        ("behavior.on.error", "ignore"),
        ("report.errors.as", "http_response"),
        ("reporter.error.topic.value.format", "json"),
    ];
    let (records, _) = recorded(|_| (422, "\"\u{1}".repeat(1 << 20)), &keys).await;
    let value = records[0].value.as_ref().unwrap();
    assert!(value.len() < 1_000_000, "{}", value.len());
    let text: String = serde_json::from_slice(value).unwrap();
    assert!(text.starts_with("\"\u{1}\"") && text.len() > 100_000, "{}", text.len());
}
