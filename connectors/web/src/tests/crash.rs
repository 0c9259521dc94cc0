//! What survives: a task that is dropped without a word, and a journal that was cut anywhere.

use std::{fs, sync::Arc};

use connect_api::{record::SourceOffset, source::SourceConnector as _, value::Value};
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::harness::{Web, answer};
use crate::{
    WebEventSource,
    event::{Content, Event},
    journal::{Bounds, Journal, Reader},
};

const ENTRIES: [(&str, &str); 4] = [
    ("routes", r#"[{"path": "/hook"}]"#),
    ("acks", "1"),
    ("buffer.path", "BUFFER"),
    ("batch.max.records", "3"),
];

const BOUNDS: Bounds = Bounds { most_bytes: 1 << 20, is_synced: false };

async fn numbers(web: &mut Web, count: usize) -> Vec<i64> {
    let records = web.records(count).await;
    records.iter().map(|record| record.value.value.as_i64().unwrap()).collect()
}

#[tokio::test]
async fn what_was_answered_comes_after_a_crash_and_what_the_broker_has_does_not() {
    let mut web = Web::start(&ENTRIES).await;
    for number in 0..10 {
        assert_eq!(answer(web.post("/hook", number.to_string())).await.0, 200);
    }
    assert_eq!(numbers(&mut web, 3).await, [0, 1, 2]);
    drop(web.poll().await);
    web.task = None;
    web.offsets = Arc::default();
    web.start_task().await.unwrap();
    assert_eq!(answer(web.post("/hook", "10")).await.0, 200);
    assert_eq!(numbers(&mut web, 8).await, [3, 4, 5, 6, 7, 8, 9, 10], "by the journal's own note");
}

#[tokio::test]
async fn offsets_that_were_committed_with_the_records_win_over_the_note() {
    let mut web = Web::start(&ENTRIES).await;
    for number in 0..6 {
        assert_eq!(answer(web.post("/hook", number.to_string())).await.0, 200);
    }
    let batch = web.poll().await;
    web.offsets.commit(&batch.offsets);
    web.task = None;
    web.start_task().await.unwrap();
    assert_eq!(numbers(&mut web, 3).await, [3, 4, 5]);
}

#[tokio::test]
async fn a_directory_that_was_emptied_begins_anew_in_spite_of_old_offsets() {
    let mut web = Web::start(&ENTRIES).await;
    for number in 0..6 {
        assert_eq!(answer(web.post("/hook", number.to_string())).await.0, 200);
    }
    assert_eq!(numbers(&mut web, 6).await.len(), 6);
    web.task = None;
    fs::remove_dir_all(web.directory.path().join("buffer")).unwrap();
    web.start_task().await.unwrap();
    assert_eq!(answer(web.post("/hook", "7")).await.0, 200);
    assert_eq!(numbers(&mut web, 1).await, [7]);
}

#[tokio::test]
async fn a_buffer_that_is_behind_what_was_committed_hands_out_what_is_answered_from_then_on() {
    let mut web = Web::start(&ENTRIES).await;
    for number in 0..6 {
        assert_eq!(answer(web.post("/hook", number.to_string())).await.0, 200);
    }
    assert_eq!(numbers(&mut web, 6).await.len(), 6);
    web.task = None;
    // As a loss of power leaves it, or a backup of before: neither the end nor the note.
    let buffer = web.directory.path().join("buffer");
    let segment = buffer.join("00000000000000000000.events");
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(buffer.join("position"), "").unwrap();
    for (number, next) in [(6, "7"), (8, "9")] {
        web.start_task().await.unwrap();
        assert_eq!(answer(web.post("/hook", number.to_string())).await.0, 200);
        web.task = None;
        web.start_task().await.unwrap();
        assert_eq!(answer(web.post("/hook", next)).await.0, 200);
        assert_eq!(numbers(&mut web, 2).await, [number, number + 1]);
        web.task = None;
    }
}

#[tokio::test]
async fn an_offset_beyond_the_end_leaves_out_what_there_is_and_nothing_else() {
    let mut web = Web::start(&ENTRIES).await;
    assert_eq!(answer(web.post("/hook", "0")).await.0, 200);
    let mut offsets = web.poll().await.offsets;
    web.task = None;
    let position = |number: serde_json::Value| {
        SourceOffset(serde_json::Map::from_iter([("position".to_owned(), number)]))
    };
    offsets[0].1 = Some(position(u64::MAX.into()));
    assert!(WebEventSource.alter_offsets(&web.props, &offsets).is_err());
    offsets[0].1 = Some(position(i64::MAX.into()));
    assert!(WebEventSource.alter_offsets(&web.props, &offsets).unwrap());
    web.offsets.commit(&offsets);
    web.start_task().await.unwrap();
    assert_eq!(answer(web.post("/hook", "1")).await.0, 200);
    assert_eq!(numbers(&mut web, 1).await, [1]);
}

#[tokio::test]
async fn what_a_buffer_still_has_is_delivered_when_answers_wait_for_the_broker_from_then_on() {
    let mut web = Web::start(&ENTRIES).await;
    for number in 0..5 {
        assert_eq!(answer(web.post("/hook", number.to_string())).await.0, 200);
    }
    assert_eq!(numbers(&mut web, 3).await, [0, 1, 2]);
    web.task = None;
    web.props.insert("acks".to_owned(), "all".to_owned());
    web.start_task().await.unwrap();
    let batch = web.poll().await;
    let left: Vec<_> = batch.records.iter().map(|record| record.value.value.as_i64()).collect();
    assert_eq!((left, batch.offsets.len()), (vec![Some(3), Some(4)], 1));
    let request = answer(web.post("/hook", "5"));
    let task = web.task.as_mut().unwrap();
    let (fresh, ()) = tokio::join!(request, async {
        let batch = task.poll().await.unwrap();
        assert_eq!((batch.records.len(), batch.offsets.len()), (1, 0));
        task.acknowledged(0);
        task.acknowledged(0);
    });
    assert_eq!(fresh.0, 200);
    web.task = None;
    web.start_task().await.unwrap();
    let another = Journal::open(&web.directory.path().join("buffer"), BOUNDS);
    assert!(another.is_ok(), "nothing is left in it, so that nobody has it");
}

#[tokio::test]
async fn a_port_or_a_buffer_in_use_is_one_sentence() {
    let web = Web::start(&ENTRIES).await;
    let mut second = Web::new(&ENTRIES);
    second.props.insert("listen".to_owned(), web.address.to_string());
    let error = second.start_task().await.unwrap_err();
    assert!(error.class().is_retriable());
    assert_eq!(
        error.to_string(),
        format!(
            "Could not listen on \"{}\". Another process or connector has this port: stop it, or set \
             another port in \"listen\"",
            web.address
        )
    );
    let mut third = Web::new(&ENTRIES);
    let buffer = web.directory.path().join("buffer").display().to_string();
    third.props.insert("buffer.path".to_owned(), buffer.clone());
    let error = third.start_task().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "The buffer in \"{buffer}\" is in use. Give each connector a buffer.path of its own"
        )
    );
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_an_answer_and_no_loss() {
    let mut web = Web::start(&ENTRIES).await;
    assert_eq!(answer(web.post("/hook", "1")).await.0, 200);
    assert_eq!(numbers(&mut web, 1).await, [1]);
    web.task = None;
    web.start_task().await.unwrap();
    // A directory stands where the next segment has to be made, which even root cannot write into.
    let next = web.directory.path().join("buffer/00000000000000000001.events");
    fs::create_dir(&next).unwrap();
    let (status, body) = answer(web.post("/hook", "2")).await;
    assert_eq!((status, body.contains("buffer on disk")), (503, true), "{body}");
    fs::remove_dir(&next).unwrap();
    assert_eq!(answer(web.post("/hook", "3")).await.0, 200);
    assert_eq!(numbers(&mut web, 1).await, [3]);
}

fn event(number: usize) -> Event {
    let text = format!("{number}{}", "x".repeat(number % 7 * 30));
    let content = Content::Text(text.into());
    Event { topic: "t".into(), timestamp_ms: 0, key: None, headers: Vec::new(), content }
}

/// Bytes that an event takes in a segment: length, checksum and itself.
fn frame_bytes(number: usize) -> usize {
    let mut bytes = Vec::new();
    event(number).encode(&mut bytes);
    8 + bytes.len()
}

fn read_all(journal: &Arc<Journal>, most_bytes: usize) -> Vec<Event> {
    let mut reader = Reader::new(Arc::clone(journal), journal.position());
    let mut events = Vec::new();
    while let Some(batch) = reader.take(5, most_bytes).unwrap() {
        events.extend(batch.events);
    }
    events
}

fn submit(journal: &Journal, events: std::ops::Range<usize>) {
    for number in events {
        journal.submit(&[event(number)], None).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_journal_that_was_cut_has_what_was_whole_and_goes_on(
        count in 1_usize..40, cut in 1_usize..400, most_bytes in 1_usize..2000, released in 0_usize..40
    ) {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path(), BOUNDS).unwrap();
        submit(&journal, 0..count);
        journal.close();
        let segment = directory.path().join("00000000000000000000.events");
        let bytes = fs::read(&segment).unwrap();
        let cut = cut.min(bytes.len());
        fs::write(&segment, &bytes[..bytes.len() - cut]).unwrap();
        let journal = Arc::new(Journal::open(directory.path(), BOUNDS).unwrap());
        let whole = read_all(&journal, most_bytes);
        prop_assert!(whole.len() < count);
        let expected: Vec<_> = (0..whole.len()).map(event).collect();
        prop_assert_eq!(&whole, &expected);
        let mut left = cut;
        let lost = (0..count).rev().take_while(|number| {
            let is_touched = left > 0;
            left = left.saturating_sub(frame_bytes(*number));
            is_touched
        });
        let lost = lost.count();
        prop_assert_eq!(whole.len(), count - lost, "not more than what was cut is lost");
        submit(&journal, whole.len()..whole.len() + 3);
        let released = released.min(whole.len());
        journal.release(u64::try_from(released).unwrap());
        journal.close();
        let journal = Arc::new(Journal::open(directory.path(), BOUNDS).unwrap());
        let expected: Vec<_> = (released..whole.len() + 3).map(event).collect();
        prop_assert_eq!(read_all(&journal, most_bytes), expected);
    }

    #[test]
    fn damage_is_found_and_never_handed_out(at in 0_usize..2000, flip in 1_u8..=255) {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path(), BOUNDS).unwrap();
        submit(&journal, 0..20);
        journal.close();
        let segment = directory.path().join("00000000000000000000.events");
        let mut bytes = fs::read(&segment).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        fs::write(&segment, &bytes).unwrap();
        let journal = Arc::new(Journal::open(directory.path(), BOUNDS).unwrap());
        let whole = read_all(&journal, 500);
        prop_assert!(whole.len() < 20);
        let expected: Vec<_> = (0..whole.len()).map(event).collect();
        prop_assert_eq!(whole, expected);
    }
}

#[tokio::test]
async fn a_receipt_comes_when_the_file_has_the_event() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(directory.path(), BOUNDS).unwrap());
    let (receipt, mut answer) = oneshot::channel();
    journal.submit(&[event(1)], Some(receipt)).unwrap();
    assert!(answer.try_recv().is_err(), "nothing was written yet");
    let writer = Arc::clone(&journal);
    tokio::select! {
        () = writer.write() => panic!("the writer ended"),
        verdict = &mut answer => assert_eq!(verdict, Ok(Ok(()))),
    }
    assert_eq!(read_all(&journal, 100), [event(1)]);
    let bytes = fs::read(directory.path().join("00000000000000000000.events")).unwrap();
    assert!(!bytes.is_empty());
    assert!(matches!(event(1).into_record().value.value, Value::String(_)));
}
