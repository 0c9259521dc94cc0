use proptest::prelude::*;

use super::*;

fn status(state: State, generation: i32) -> Status {
    let version = Some("4.3.1".to_owned());
    Status { state, trace: None, worker_id: "h:1".to_owned(), generation, version }
}

fn task(status: Option<Status>) -> StatusRecord {
    StatusRecord::Task { connector: "c".to_owned(), task: 0, status }
}

#[test]
fn records_have_the_bytes_of_kafka_connect() {
    let record = task(Some(status(State::Running, 3)));
    assert_eq!(record.key(), "status-task-c-0");
    assert_eq!(
        record.value().unwrap(),
        r#"{"state":"RUNNING","trace":null,"worker_id":"h:1","generation":3,"version":"4.3.1"}"#
    );
    let topic = TopicStatus {
        name: "t".to_owned(),
        connector: "c".to_owned(),
        task: 1,
        discover_timestamp: 5,
    };
    let record = StatusRecord::Topic {
        connector: "c".to_owned(),
        topic: "t".to_owned(),
        status: Some(topic),
    };
    assert_eq!(record.key(), "status-topic-t:connector-c");
    assert_eq!(
        record.value().unwrap(),
        r#"{"topic":{"name":"t","connector":"c","task":1,"discoverTimestamp":5}}"#
    );
}

#[test]
fn an_overtaken_unassigned_does_not_hide_a_running_task() {
    let mut state = StatusState::default();
    state.apply(task(Some(status(State::Running, 2))));
    state.apply(task(Some(status(State::Unassigned, 2))));
    assert_eq!(state.get("c").unwrap().tasks[&0].state, State::Running);
    state.apply(task(Some(status(State::Unassigned, 3))));
    assert_eq!(state.get("c").unwrap().tasks[&0].state, State::Unassigned);
}

#[test]
fn the_last_generation_is_the_highest_of_all() {
    let mut state = StatusState::default();
    assert_eq!(state.last_generation(), 0);
    state.apply(task(Some(status(State::Running, 7))));
    let connector = "c".to_owned();
    state.apply(StatusRecord::Connector { connector, status: Some(status(State::Running, 3)) });
    assert_eq!(state.last_generation(), 7);
}

#[test]
fn tombstones_leave_nothing_behind() {
    let mut state = StatusState::default();
    state.apply(task(Some(status(State::Running, 0))));
    state.apply(task(None));
    assert_eq!(state, StatusState::default());
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(
        connector in "[a-z:-]{1,8}",
        number in any::<u32>(),
        trace in proptest::option::of(".{1,20}"),
        generation in any::<i32>(),
    ) {
        let status = Status { trace, ..status(State::Failed, generation) };
        let topic = TopicStatus {
            name: "t.x_y-z".to_owned(),
            connector: connector.clone(),
            task: number,
            discover_timestamp: i64::from(generation),
        };
        for record in [
            StatusRecord::Connector { connector: connector.clone(), status: Some(status.clone()) },
            StatusRecord::Task { connector: connector.clone(), task: number, status: Some(status) },
            StatusRecord::Task { connector: connector.clone(), task: number, status: None },
            StatusRecord::Topic { connector, topic: topic.name.clone(), status: Some(topic) },
        ] {
            let value = record.value();
            let decoded = StatusRecord::decode(record.key().as_bytes(), value.as_deref());
            prop_assert_eq!(decoded, Ok(record));
        }
    }
}
