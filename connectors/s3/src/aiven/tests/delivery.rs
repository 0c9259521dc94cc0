//! Failures, crashes, rebalances and little memory.

use connect_api::{error::ErrorClass, sink::Progress};
use connect_testkit::s3::Which;

use super::*;
use crate::task::tests::server::Fault;

/// Text of every object, one after the other in the order of their names.
fn values(rig: &Rig) -> Vec<i64> {
    let lines = rig.server.texts().into_values().collect::<Vec<_>>().join("\n");
    let lines = lines.lines().map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["value"].as_i64().unwrap()
    });
    let mut values: Vec<_> = lines.collect();
    values.sort_unstable();
    values
}

#[tokio::test]
async fn an_offset_is_not_safe_before_its_object_is_there() {
    let rig = Rig::new(&[]).await;
    let mut task = rig.task().await;
    task.put(&numbers(0..3)).await.unwrap();
    rig.server.fail([Fault::Answer(503, "SlowDown"), Fault::Answer(503, "SlowDown")]);
    let error = flush(&mut *task, 3).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retriable);
    assert_eq!(rig.server.texts(), texts([]));
    // The worker goes back to what was committed.
    task.put(&numbers(0..2)).await.unwrap();
    assert_eq!(flush(&mut *task, 2).await.unwrap(), 2);
    assert_eq!(values(&rig), [0, 1]);
}

#[tokio::test]
async fn what_does_not_pass_fails_the_task() {
    let rig = Rig::new(&[]).await;
    let mut task = rig.task().await;
    task.put(&numbers(0..1)).await.unwrap();
    rig.server.fail([Fault::Answer(403, "AccessDenied")]);
    flush(&mut *task, 1).await.unwrap_err();
    let error = task.put(&[]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Forbidden);
    assert!(error.remedy().unwrap().contains("s3:PutObject"), "{error}");
}

#[tokio::test]
async fn an_object_that_comes_again_replaces_itself() {
    let rig = Rig::new(&[]).await;
    let mut task = rig.task().await;
    task.put(&numbers(0..4)).await.unwrap();
    flush(&mut *task, 4).await.unwrap();
    // A crash before the commit: the next task is brought less before it is asked.
    let mut next = rig.task().await;
    next.put(&numbers(0..2)).await.unwrap();
    flush(&mut *next, 2).await.unwrap();
    next.put(&numbers(2..4)).await.unwrap();
    flush(&mut *next, 4).await.unwrap();
    assert_eq!(values(&rig), [0, 1, 2, 3]);
    assert_eq!(rig.server.keys(), ["t-0-0", "t-0-2"]);
}

#[tokio::test]
async fn full_parts_are_uploaded_before_the_flush() {
    let rig = Rig::new(&[("format.output.type", "csv")]).await;
    let mut task = rig.task().await;
    for offset in 0..5 {
        task.put(&[noise(offset, 2 << 20)]).await.unwrap();
        assert!(rig.context.budget.used_bytes() < 10 << 20);
    }
    assert!(rig.server.open_uploads() > 0);
    assert_eq!(rig.server.keys(), Vec::<String>::new());
    flush(&mut *task, 5).await.unwrap();
    assert_eq!(rig.server.open_uploads(), 0);
    let object = &rig.server.objects()["t-0-0"];
    assert_eq!(object.iter().filter(|&&byte| byte == b'\n').count(), 4);
    assert_eq!(rig.context.budget.used_bytes(), 0);
}

#[tokio::test]
async fn an_upload_that_fails_is_aborted_and_its_records_come_again() {
    let rig = Rig::new(&[("format.output.type", "csv")]).await;
    let mut task = rig.task().await;
    let large: Vec<_> = (5..10).map(|offset| noise(offset, 2 << 20)).collect();
    task.put(&large[..3]).await.unwrap();
    rig.server.fail([Fault::Answer(503, "SlowDown"), Fault::Answer(503, "SlowDown")]);
    task.put(&large[3..]).await.unwrap();
    let requests = rig.context.requests.take();
    assert_eq!(requests.seeks, SinkOffsets::from([(partition(), 5)]));
    assert_eq!(requests.pauses.get(&partition()), Some(&true));
    assert_eq!(rig.server.open_uploads(), 0);
    // Asked before the worker has gone back.
    assert_eq!(flush(&mut *task, 10).await.unwrap(), 5);
    task.put(&[]).await.unwrap();
    assert_eq!(rig.context.requests.take().pauses.get(&partition()), Some(&false));
    task.put(&large).await.unwrap();
    assert_eq!(flush(&mut *task, 10).await.unwrap(), 10);
    assert_eq!(rig.server.keys(), ["t-0-5"]);
}

#[tokio::test]
async fn without_memory_objects_are_written_early_and_nothing_is_lost() {
    let rig = Rig::new(&[]).await.with_memory(40 << 10);
    let mut task = rig.task().await;
    for from in (0..5_000).step_by(50) {
        task.put(&numbers(from..from + 50)).await.unwrap();
        assert!(rig.context.budget.used_bytes() <= 40 << 10);
    }
    assert!(rig.context.requests.take().is_commit_due, "what is written early should be committed");
    flush(&mut *task, 5_000).await.unwrap();
    assert_eq!(values(&rig), (0..5_000).collect::<Vec<_>>());
    assert!(rig.server.keys().len() > 1);
}

#[tokio::test]
async fn without_memory_keys_are_written_early_and_settle_at_the_last_record() {
    let rig = Rig::new(&[("file.name.template", "{{key}}")]).await.with_memory(20 << 10);
    let mut task = rig.task().await;
    let mut records = numbers(0..100);
    for record in &mut records {
        record.key.value = Value::string(format!("k{}", record.offset % 40));
    }
    task.put(&records).await.unwrap();
    flush(&mut *task, 100).await.unwrap();
    assert_eq!(values(&rig), (60..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_large_record_that_is_replaced_leaves_nothing_behind() {
    let rig =
        Rig::new(&[("format.output.type", "csv"), ("file.name.template", "one-{{key}}")]).await;
    let mut task = rig.task().await;
    let mut records = [noise(0, 6 << 20), noise(1, 0)];
    records[1].key = records[0].key.clone();
    for record in records {
        task.put(&[record]).await.unwrap();
    }
    flush(&mut *task, 2).await.unwrap();
    assert_eq!((rig.server.texts(), rig.server.open_uploads()), (texts([("one-k0", "")]), 0));
    task.put(&[noise(2, 6 << 20)]).await.unwrap();
    flush(&mut *task, 3).await.unwrap();
    assert_eq!((rig.server.texts()["one-k2"].len(), rig.server.open_uploads()), (8 << 20, 0));
}

#[tokio::test]
async fn a_partition_that_is_lost_takes_its_objects_along() {
    let rig = Rig::new(&[]).await;
    let mut task = rig.task().await;
    let mut others = numbers(10..12);
    for record in &mut others {
        record.origin = TopicPartition::new("other", 1);
        record.topic = "other".into();
    }
    // A transformation brought this one to the same name as the first of "t".
    let mut mixed = number(0);
    mixed.origin = TopicPartition::new("mixed", 0);
    task.put(&numbers(0..2)).await.unwrap();
    task.put(&others).await.unwrap();
    task.put(&[mixed]).await.unwrap();
    drop(rig.context.requests.take());
    task.close(&[partition()]).await.unwrap();
    let seeks = rig.context.requests.take().seeks;
    assert_eq!(seeks, SinkOffsets::from([(TopicPartition::new("mixed", 0), 0)]));
    let consumed = SinkOffsets::from([
        (TopicPartition::new("other", 1), 12),
        (TopicPartition::new("mixed", 0), 1),
    ]);
    let safe = task.pre_commit(&consumed).await.unwrap();
    assert_eq!(safe.into_values().collect::<Vec<_>>(), [0, 12]);
    assert_eq!(rig.server.keys(), ["other-1-10"]);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told_by_its_option() {
    let rig = Rig::new(&[("aws.s3.bucket.name", "nowhere")]).await;
    let started = AivenS3Sink.start_task(&rig.props, rig.context.clone()).await;
    let Err(error) = started else { panic!("the task started") };
    assert!(error.to_string().contains("Non-existent S3 bucket: nowhere"), "{error}");
    assert!(error.remedy().unwrap().contains("aws.s3.bucket.name"), "{error}");
}

#[tokio::test]
async fn a_bucket_that_is_deleted_is_waited_for() {
    let rig = Rig::new(&[("format.output.type", "csv")]).await;
    let mut task = rig.task().await;
    let small = [0, 1, 2].map(|offset| noise(offset, 3));
    task.put(&small).await.unwrap();
    rig.server.proxy.always(Which::Writes, Fault::NO_SUCH_BUCKET);
    let error = flush(&mut *task, 3).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retriable);
    assert!(error.to_string().contains("404 NoSuchBucket"), "{error}");
    // As the worker does it: the records come again.
    task.put(&[noise(0, 6 << 20)]).await.unwrap();
    let requests = rig.context.requests.take();
    assert!(
        matches!(requests.progress, Some(Progress::Held(text)) if text.contains("NoSuchBucket"))
    );
    rig.server.proxy.heal();
    task.put(&small).await.unwrap();
    assert_eq!(flush(&mut *task, 3).await.unwrap(), 3);
    assert_eq!(rig.context.requests.take().progress, Some(Progress::Made));
    assert_eq!(rig.server.keys(), ["t-0-0"]);
}
