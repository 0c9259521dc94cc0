//! What stands in the file.

use std::sync::Arc;

use connect_api::{
    record::{SchemaAndValue, TimestampType},
    schema::{Schema, Type},
    value::{Map, Struct},
};
use connect_testkit::{ManualClock, sink_context};

use super::*;

fn record(offset: i64, value: Value) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset,
        timestamp_ms: None,
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::schemaless("ignored".into()),
        value: SchemaAndValue::schemaless(value),
        headers: Vec::new(),
    }
}

async fn start(file: &str) -> Result<Box<dyn SinkTask>> {
    let props = Props::from([("file", file)]);
    FileStreamSink.start_task(&props, sink_context(&ManualClock::at(0))).await
}

#[tokio::test]
async fn values_are_appended_as_java_prints_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    std::fs::write(&path, "before\n").unwrap();
    let mut task = start(path.to_str().unwrap()).await.unwrap();
    let schema = Arc::new(
        Schema::new(Type::Struct)
            .field("a", Schema::new(Type::Int32))
            .field("b", Schema::optional_string()),
    );
    let fields = Struct::new(schema, vec![Value::Int32(1), Value::Null]);
    let values = [
        "text".into(),
        Value::Null,
        Value::Float64(1e10),
        Value::Struct(fields),
        Value::Map(Map::new(vec![("k".into(), Value::Array(vec![Value::Int8(1), "x".into()]))])),
        Value::Bytes(b"\xff raw"[..].into()),
    ];
    let batch: Vec<_> = values.into_iter().zip(0..).map(|(value, at)| record(at, value)).collect();
    task.put(&batch).await.unwrap();
    task.put(&[]).await.unwrap();
    task.flush().await.unwrap();
    let expected = b"before\ntext\nnull\n1.0E10\nStruct{a=1}\n{k=[1, x]}\n\xff raw\n";
    assert_eq!(std::fs::read(&path).unwrap(), expected);
}

#[tokio::test]
async fn a_file_that_cannot_be_made_fails_the_task_in_kafkas_words() {
    let error = start("/nonexistent/out").await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "Couldn't find or create file '/nonexistent/out' for FileStreamSinkTask"
    );
    assert_eq!(error.class().java_class(), "org.apache.kafka.connect.errors.ConnectException");
}

#[tokio::test]
async fn a_full_disk_is_retried() {
    let mut task = start("/dev/full").await.unwrap();
    let error = task.put(&[record(0, "x".into())]).await.unwrap_err();
    assert!(error.class().is_retriable());
    assert_eq!(error.to_string(), "Could not write to file \"/dev/full\". Make room on the disk");
}

/// A batch of more than one write.
fn large_batch() -> Vec<SinkRecord> {
    (0..4).map(|at| record(at, Value::String(format!("{at}").repeat(700_000).into()))).collect()
}

#[tokio::test]
async fn a_batch_that_comes_again_is_written_on_from_where_it_broke_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let open = || File::options().append(true).create(true).open(&path).unwrap();
    let full =
        || Target::Named("full".to_owned(), File::options().write(true).open("/dev/full").unwrap());
    let batch = large_batch();
    let mut task = FileStreamSinkTask {
        target: Target::Named("out".to_owned(), open()),
        lines: Vec::new(),
        written: 0,
        text: String::new(),
        interrupted: None,
    };
    // The first write succeeds, then the disk is full.
    append(&mut task.lines, &mut task.text, &batch[0].value.value);
    append(&mut task.lines, &mut task.text, &batch[1].value.value);
    task.write_out().unwrap();
    task.interrupt(&batch, 2);
    task.target = full();
    assert!(task.put(&batch).await.is_err());
    assert!(task.put(&batch).await.is_err());
    task.target = Target::Named("out".to_owned(), open());
    task.put(&batch).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let expected: String = (0..4).map(|at| format!("{at}").repeat(700_000) + "\n").collect();
    assert!(text == expected, "{} bytes for {}", text.len(), expected.len());
}
