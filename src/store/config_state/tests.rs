use proptest::prelude::*;

use super::*;
use crate::store::{LogRecord, TargetState};

fn connector(name: &str, value: &str) -> ConfigRecord {
    ConfigRecord::Connector {
        connector: name.to_owned(),
        config: Some(Props::from([("v", value)])),
    }
}

fn task(name: &str, task: u32, value: &str) -> ConfigRecord {
    let config = Props::from([("v", value)]);
    ConfigRecord::Task { connector: name.to_owned(), task, config }
}

fn commit(name: &str, tasks: u32) -> ConfigRecord {
    ConfigRecord::Commit { connector: name.to_owned(), tasks }
}

fn replay(records: impl IntoIterator<Item = ConfigRecord>) -> ConfigState {
    let mut state = ConfigState::default();
    for record in records {
        state.apply(record);
    }
    state
}

#[test]
fn task_configs_count_only_once_committed() {
    let mut state = replay([connector("c", "1"), task("c", 0, "a")]);
    assert!(state.tasks("c").is_empty());
    assert_eq!(state.apply(commit("c", 1)), Some(ConfigChange::Tasks("c".into())));
    assert_eq!(state.tasks("c").len(), 1);
    assert_eq!(state.applied_config("c"), state.config("c"));
}

#[test]
fn a_commit_that_misses_a_task_makes_the_connector_inconsistent_until_the_next_good_one() {
    let mut state = replay([connector("c", "1"), task("c", 1, "a"), commit("c", 2)]);
    assert!(state.is_inconsistent("c") && state.tasks("c").is_empty());
    assert_eq!(state.task_count("c"), 2);
    state.apply(task("c", 0, "a"));
    state.apply(commit("c", 1));
    assert!(!state.is_inconsistent("c") && state.tasks("c").len() == 1);
}

#[test]
fn a_commit_may_leave_out_tasks_that_compaction_kept() {
    let state = replay([connector("c", "1"), task("c", 1, "b"), task("c", 0, "a"), commit("c", 1)]);
    assert_eq!(state.tasks("c").len(), 1);
}

#[test]
fn a_commit_of_an_unknown_connector_is_ignored() {
    let mut state = replay([task("c", 0, "a"), commit("c", 1)]);
    state.apply(connector("c", "1"));
    assert!(state.tasks("c").is_empty() && !state.is_inconsistent("c"));
}

#[test]
fn a_target_state_outlives_its_connector_and_goes_with_its_own_tombstone() {
    let stopped = |state| ConfigRecord::TargetState { connector: "c".to_owned(), state };
    let mut state = replay([stopped(Some(TargetState::Stopped)), connector("c", "1")]);
    assert_eq!(state.target("c"), TargetState::Stopped);
    assert_eq!(state.apply(stopped(None)), Some(ConfigChange::Target("c".into())));
    assert_eq!(state.target("c"), TargetState::Started);
}

#[test]
fn workers_that_do_not_know_stopped_read_paused() {
    let state = Some(TargetState::Stopped);
    let record = ConfigRecord::TargetState { connector: "c".to_owned(), state };
    assert_eq!(record.value().unwrap(), r#"{"state":"PAUSED","state.v2":"STOPPED"}"#);
    let old = ConfigRecord::decode(b"target-state-c", Some(br#"{"state":"PAUSED"}"#)).unwrap();
    let paused = Some(TargetState::Paused);
    assert_eq!(old, ConfigRecord::TargetState { connector: "c".to_owned(), state: paused });
}

#[test]
fn records_have_the_bytes_of_kafka_connect() {
    let scope = RestartScope { include_tasks: true, only_failed: false };
    for (record, key, value) in [
        (connector("a-b", "1"), "connector-a-b", r#"{"properties":{"v":"1"}}"#),
        (task("a-b", 3, "x"), "task-a-b-3", r#"{"properties":{"v":"x"}}"#),
        (commit("a-b", 3), "commit-a-b", r#"{"tasks":3}"#),
        (
            ConfigRecord::Restart { connector: "c".to_owned(), scope },
            "restart-connector-c",
            r#"{"include-tasks":true,"only-failed":false}"#,
        ),
        (
            ConfigRecord::FencedTasks { connector: "c".to_owned(), tasks: 2 },
            "tasks-fencing-c",
            r#"{"task-count":2}"#,
        ),
    ] {
        assert_eq!(record.key(), key);
        assert_eq!(record.value().unwrap(), value);
    }
}

fn record() -> impl Strategy<Value = ConfigRecord> {
    let name = "[a-z-]{1,6}";
    let props =
        proptest::collection::btree_map("[a-z.]{1,5}", ".{0,8}", 0..4).prop_map(Props::from_iter);
    let states =
        [None, Some(TargetState::Started), Some(TargetState::Paused), Some(TargetState::Stopped)];
    prop_oneof![
        (name, proptest::sample::select(states.to_vec()))
            .prop_map(|(connector, state)| ConfigRecord::TargetState { connector, state }),
        (name, proptest::option::of(props.clone()))
            .prop_map(|(connector, config)| ConfigRecord::Connector { connector, config }),
        (name, 0..100_u32, props).prop_map(|(connector, task, config)| ConfigRecord::Task {
            connector,
            task,
            config
        }),
        (name, 0..100_u32).prop_map(|(connector, tasks)| ConfigRecord::Commit { connector, tasks }),
        (name, any::<(bool, bool)>()).prop_map(|(connector, (include_tasks, only_failed))| {
            ConfigRecord::Restart { connector, scope: RestartScope { include_tasks, only_failed } }
        }),
        (name, 0..100_u32)
            .prop_map(|(connector, tasks)| ConfigRecord::FencedTasks { connector, tasks }),
        (name, any::<i64>()).prop_map(|(key, creation_timestamp_ms)| {
            ConfigRecord::SessionKey(SessionKey {
                key: connect_api::config::Secret::new(key),
                algorithm: "HmacSHA256".to_owned(),
                creation_timestamp_ms,
            })
        }),
        ("[a-z.]{1,6}", "[A-Z]{3,5}")
            .prop_map(|(namespace, level)| ConfigRecord::Logger { namespace, level }),
    ]
}

/// What the leader writes in one go: each leaves the log whole for every key it names.
fn history() -> impl Strategy<Value = Vec<ConfigRecord>> {
    let step = (proptest::sample::select(vec!["a", "b"]), 0..4_u32, any::<bool>(), "[0-9]{1}");
    proptest::collection::vec(step, 0..20).prop_map(|steps| {
        let mut records = Vec::new();
        for (name, tasks, is_removal, value) in steps {
            if is_removal {
                let connector = name.to_owned();
                records
                    .push(ConfigRecord::Connector { connector: connector.clone(), config: None });
                records.push(ConfigRecord::TargetState { connector, state: None });
                continue;
            }
            records.push(connector(name, &value));
            records.extend((0..tasks).map(|number| task(name, number, &value)));
            records.push(commit(name, tasks));
        }
        records
    })
}

fn compacted(records: &[ConfigRecord]) -> Vec<ConfigRecord> {
    let is_last = |(place, record): &(usize, &ConfigRecord)| {
        !records[place + 1..].iter().any(|later| later.key() == record.key())
    };
    records.iter().enumerate().filter(is_last).map(|(_, record)| record.clone()).collect()
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(record in record()) {
        let value = record.value();
        let decoded = ConfigRecord::decode(record.key().as_bytes(), value.as_deref());
        prop_assert_eq!(decoded, Ok(record));
    }

    #[test]
    fn a_compacted_log_adds_up_to_the_same(history in history()) {
        let full = replay(history.clone());
        let short = replay(compacted(&history));
        for name in ["a", "b"] {
            prop_assert_eq!(full.config(name), short.config(name));
            prop_assert_eq!(full.tasks(name), short.tasks(name));
            prop_assert_eq!(full.target(name), short.target(name));
            prop_assert_eq!(full.is_inconsistent(name), short.is_inconsistent(name));
        }
    }
}
