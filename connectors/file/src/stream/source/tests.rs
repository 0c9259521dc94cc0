//! Lines, positions and messages.

use std::io::Write as _;

use connect_testkit::{ManualClock, MemoryOffsets, source_context};

use super::*;

const NOW_MS: i64 = 1_795_255_200_000;

async fn start(props: &Props, offsets: &Arc<MemoryOffsets>) -> Result<Box<dyn SourceTask>> {
    let context = source_context(offsets, &ManualClock::at(NOW_MS));
    FileStreamSource.start_task(props, context).await
}

fn offset(json: &str) -> SourceOffset {
    SourceOffset(serde_json::from_str(json).unwrap())
}

fn partition(json: &str) -> SourcePartition {
    SourcePartition(serde_json::from_str(json).unwrap())
}

fn lines(batch: &SourceBatch) -> Vec<String> {
    batch.records.iter().map(|record| record.value.value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn lines_come_in_batches_with_their_position() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    let name = path.to_str().unwrap();
    let props = Props::from([("file", name), ("topic", "t"), ("batch.size", "2")]);
    let offsets = Arc::new(MemoryOffsets::default());
    let mut task = start(&props, &offsets).await.unwrap();
    assert_eq!(task.poll().await.unwrap(), SourceBatch::default(), "no file is no error");
    std::fs::write(&path, "one\r\ntwö\nthree\nhalf").unwrap();
    let batch = task.poll().await.unwrap();
    assert_eq!(lines(&batch), ["one", "twö"]);
    assert_eq!(batch.records[0].timestamp_ms, Some(NOW_MS));
    assert_eq!(batch.records[0].value.schema, Some(Schema::string()));
    let expected =
        (partition(&format!(r#"{{"filename":"{name}"}}"#)), Some(offset(r#"{"position":10}"#)));
    assert_eq!(batch.offsets, [expected], "bytes, not characters");
    offsets.commit(&batch.offsets);
    let mut again = start(&props, &offsets).await.unwrap();
    for task in [&mut task, &mut again] {
        assert_eq!(lines(&task.poll().await.unwrap()), ["three"]);
        assert_eq!(task.poll().await.unwrap(), SourceBatch::default());
    }
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b" and half\n").unwrap();
    assert_eq!(lines(&again.poll().await.unwrap()), ["half and half"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_waits_holds_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    std::fs::write(&path, "one\n").unwrap();
    let props = Props::from([("file", path.to_str().unwrap()), ("topic", "t")]);
    let mut context = source_context(&Arc::new(MemoryOffsets::default()), &ManualClock::at(NOW_MS));
    let budget = MemoryBudget::new(READ_BYTES);
    context.budget = budget.clone();
    let mut task = FileStreamSource.start_task(&props, context).await.unwrap();
    assert_eq!(lines(&task.poll().await.unwrap()), ["one"]);
    assert_eq!(task.poll().await.unwrap(), SourceBatch::default());
    assert_eq!(budget.used_bytes(), 0);
}

#[tokio::test]
async fn a_stored_position_that_is_no_number_fails_the_task() {
    let offsets = Arc::new(MemoryOffsets::default());
    offsets.commit(&[(partition(r#"{"filename":"f"}"#), Some(offset(r#"{"position":"7"}"#)))]);
    let props = Props::from([("file", "f"), ("topic", "t")]);
    let error = start(&props, &offsets).await.err().unwrap();
    assert_eq!(error.to_string(), "Offset position is the incorrect type");
}

#[test]
fn offsets_are_checked_in_kafkas_words() {
    let with_file = Props::from([("file", "f"), ("topic", "t")]);
    let alter = |props: &Props, partition_json: &str, offset_json: Option<&str>| {
        let offsets = [(partition(partition_json), offset_json.map(offset))];
        FileStreamSource.alter_offsets(props, &offsets).map_err(|error| error.to_string())
    };
    let own = r#"{"filename":"f"}"#;
    for (partition, offset, expected) in [
        (own, Some(r#"{"position":7}"#), Ok(true)),
        (r#"{"filename":"other"}"#, Some(r#"{"position":7}"#), Ok(true)),
        ("{}", None, Ok(true)),
        (
            own,
            Some("{}"),
            Err("Offset objects should either be null or contain the key 'position'"),
        ),
        (
            own,
            Some(r#"{"position":"7"}"#),
            Err("The value for the 'position' key in the offset is expected to be a Long value"),
        ),
        (
            own,
            Some(r#"{"position":-7}"#),
            Err("The value for the 'position' key in the offset should be a non-negative value"),
        ),
        (
            "{}",
            Some(r#"{"position":7}"#),
            Err("Partition objects should contain the key 'filename'"),
        ),
    ] {
        assert_eq!(alter(&with_file, partition, offset), expected.map_err(str::to_owned));
    }
    let standard_input = Props::from([("topic", "t")]);
    assert!(
        alter(&standard_input, own, None).unwrap_err().starts_with("Offsets cannot be modified")
    );
}

#[test]
fn only_a_file_is_exactly_once() {
    let support = |props: &Props| FileStreamSource.exactly_once_support(props);
    let file = Props::from([("file", "f"), ("topic", "t")]);
    assert_eq!(support(&file), ExactlyOnceSupport::Supported);
    let standard_input = Props::from([("file", ""), ("topic", "t")]);
    assert_eq!(support(&standard_input), ExactlyOnceSupport::Unsupported);
}
