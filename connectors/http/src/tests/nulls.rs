//! Records without a value.

use std::sync::Arc;

use connect_api::{
    config::Props,
    error::{ErrorClass, Result},
    record::{SchemaAndValue, TopicPartition},
    sink::SinkConnector,
};
use connect_testkit::{CollectingReporter, ManualClock, sink_context};

use super::{
    network::{fine, props, record},
    server::Server,
};
use crate::HttpSink;

/// Brings a record without a value to a task that tolerates errors; says how many it reported and sent.
async fn brought(
    connector: &dyn SinkConnector,
    props: impl Fn(&str) -> Props,
) -> (Result<()>, usize, usize) {
    let server = Server::plain(fine).await;
    let (reporter, mut context) =
        (Arc::new(CollectingReporter::default()), sink_context(&ManualClock::at(0)));
    context.reporter = Some(Arc::<CollectingReporter>::clone(&reporter));
    let props = props(&format!("http://{}/", server.address));
    let mut task = connector.start_task(&props, context).await.unwrap();
    task.open(&[TopicPartition::new("t", 0)]).await.unwrap();
    let mut empty = record("");
    empty.value = SchemaAndValue::NULL;
    let outcome = task.put(&[empty]).await;
    (outcome, reporter.take().len(), server.seen().len())
}

fn aiven(url: &str, nulls: Option<&str>) -> Props {
    let mut props = Props::from([("http.url", url), ("http.authorization.type", "none")]);
    if let Some(nulls) = nulls {
        props.insert("behavior.on.null.values", nulls);
    }
    props
}

#[tokio::test]
async fn one_ends_a_task_of_aivens_class_whatever_is_tolerated() {
    let (outcome, reported, sent) = brought(&HttpSink::AIVEN, |url| aiven(url, None)).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.class(), reported, sent), (ErrorClass::Record, 0, 0));
    let text = error.to_string();
    assert!(text.contains("offset 0 of t-0") && text.contains("behavior.on.null.values"), "{text}");
    for (nulls, expected) in [("ignore", 0), ("log", 0), ("delete", 1)] {
        let (outcome, reported, sent) =
            brought(&HttpSink::AIVEN, |url| aiven(url, Some(nulls))).await;
        outcome.unwrap();
        assert_eq!((reported, sent), (0, expected), "{nulls}");
    }
}

#[tokio::test]
async fn one_is_a_bad_record_of_confluents_class_that_is_to_fail_on_it() {
    let failing = |url: &str| props(url, &[("behavior.on.null.values", "fail")]);
    let (outcome, reported, sent) = brought(&HttpSink::CONFLUENT, failing).await;
    outcome.unwrap();
    assert_eq!((reported, sent), (1, 0));
}
