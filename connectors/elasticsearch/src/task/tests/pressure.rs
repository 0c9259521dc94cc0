//! A cluster that is away, overloaded, or refuses what is too large.

use connect_api::{budget::MemoryBudget, error::ErrorClass};

use super::*;

#[tokio::test]
async fn a_cluster_that_stays_away_is_retriable_and_nothing_is_lost() {
    let rig = Rig::elasticsearch(&[("max.retries", "2"), ("batch.size", "10")]).await;
    rig.server.fail(vec![Fault::Answer(503); 1000]);
    let mut task = rig.task().await;
    task.put(&numbered(30, 30)).await.unwrap();
    assert!(safe_offset(&mut *task, 30).await < 30);
    let error = task.put(&[]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retriable);
    assert!(error.to_string().contains("cannot do it now (503)"), "{error}");
    rig.server.heal();
    assert_eq!(safe_offset(&mut *task, 30).await, 30);
    assert_eq!(rig.server.documents("t").len(), 30);
}

#[tokio::test]
async fn bulks_shrink_when_documents_are_put_off_and_grow_again() {
    let rig = Rig::elasticsearch(&[("batch.size", "64"), ("max.in.flight.requests", "1")]).await;
    rig.server.fail([Fault::PutOff((0..64).collect()), Fault::PutOff((0..32).collect())]);
    assert_eq!(rig.deliver(&numbered(2000, 2000)).await, 2000);
    let bulks = rig.server.bulks();
    assert_eq!(bulks[..3], [64, 32, 16]);
    assert!(bulks.contains(&64) && bulks.iter().skip(3).any(|size| *size == 64), "{bulks:?}");
    assert_eq!(rig.server.documents("t").len(), 2000);
}

#[tokio::test]
async fn what_is_too_large_is_divided() {
    let rig = Rig::elasticsearch(&[("batch.size", "100")]).await;
    rig.server.fail([Fault::TooLargeAbove(10)]);
    assert_eq!(rig.deliver(&numbered(100, 100)).await, 100);
    assert_eq!(rig.server.documents("t").len(), 100);
}

#[tokio::test]
async fn a_document_that_poisons_its_bulk_is_found() {
    let mut rig = Rig::elasticsearch(&[("batch.size", "100")]).await;
    let reporter = rig.report();
    let mut records = numbered(100, 100);
    records[37].value.value = object(&[("poison", Value::Int64(1))]);
    assert_eq!(rig.deliver(&records).await, 100);
    assert_eq!(rig.server.documents("t").len(), 99);
    let reported = reporter.take();
    assert_eq!((reported.len(), reported[0].0.offset), (1, 37));
    assert!(reported[0].1.contains("action_request_validation_exception"), "{}", reported[0].1);
}

#[tokio::test]
async fn memory_and_documents_are_bounded() {
    let settings = [("batch.size", "10"), ("max.in.flight.requests", "2")];
    let mut rig =
        Rig::elasticsearch(&[settings[0], settings[1], ("max.buffered.records", "40")]).await;
    rig.server.take_time(1);
    assert_eq!(rig.deliver(&numbered(500, 500)).await, 500);
    // Room for a few documents only, however many may be buffered.
    rig.context.budget = MemoryBudget::new(64 << 10);
    rig.props.insert("max.buffered.records", "20000");
    let text = "x".repeat(10_000);
    let large = |offset| record(offset, &offset.to_string(), object(&[("n", (&*text).into())]));
    let records: Vec<_> = (1000..1100).map(large).collect();
    let mut task = rig.task().await;
    task.put(&records).await.unwrap();
    assert!(rig.context.budget.used_bytes() <= 64 << 10);
    assert_eq!(safe_offset(&mut *task, 1100).await, 1100);
    assert_eq!(rig.context.budget.used_bytes(), 0);
}

#[tokio::test]
async fn a_cluster_that_takes_too_long_fills_the_buffer_and_is_retriable() {
    let rig = Rig::elasticsearch(&[
        ("batch.size", "5"),
        ("max.in.flight.requests", "2"),
        ("max.buffered.records", "10"),
        ("flush.timeout.ms", "1000"),
        ("read.timeout.ms", "60000"),
    ])
    .await;
    rig.server.take_time(1500);
    let mut task = rig.task().await;
    let error = task.put(&numbered(100, 100)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retriable);
    assert!(error.to_string().contains("flush.timeout.ms (1000)"), "{error}");
    rig.server.take_time(0);
    while task.put(&numbered(100, 100)).await.is_err() {}
    while safe_offset(&mut *task, 100).await < 100 {}
    assert_eq!(rig.server.documents("t").len(), 100);
    assert_eq!(rig.server.bulks().iter().sum::<usize>(), 100, "each once");
}

#[tokio::test]
async fn a_dead_node_is_left_out() {
    let mut rig = Rig::elasticsearch(&[("batch.size", "5")]).await;
    rig.props.insert("connection.url", format!("http://127.0.0.1:1,{}", rig.server.url));
    assert_eq!(rig.deliver(&numbered(50, 50)).await, 50);
    assert_eq!(rig.server.documents("t").len(), 50);
}

#[tokio::test]
async fn nodes_share_the_bulks() {
    let mut rig = Rig::elasticsearch(&[("batch.size", "5")]).await;
    let other = Server::start().await;
    rig.props.insert("connection.url", format!("{},{}/", other.url, rig.server.url));
    for server in [&other, &rig.server] {
        server.create("t", serde_json::json!({}));
    }
    assert_eq!(rig.deliver(&numbered(60, 60)).await, 60);
    let counts = [other.documents("t").len(), rig.server.documents("t").len()];
    assert!(counts[0] > 0 && counts[1] > 0 && counts[0] + counts[1] == 60, "{counts:?}");
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_told_in_one_sentence() {
    let mut rig = Rig::elasticsearch(&[]).await;
    rig.props.insert("connection.url", "http://127.0.0.1:1");
    let error = rig.start_error().await;
    assert_eq!(error.class(), ErrorClass::Retriable);
    let sentence = "Elasticsearch at http://127.0.0.1:1 cannot be reached. Check connection.url and \
                    that the cluster is up";
    assert_eq!(error.to_string(), sentence);
    rig.props.insert("connection.url", rig.server.url.replace("http:", "https:"));
    let error = rig.start_error().await;
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert!(error.to_string().contains("does not speak TLS. Write http://"), "{error}");
}
