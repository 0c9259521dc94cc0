use std::time::Duration;

use proptest::prelude::*;
use tokio::time::timeout;

use super::{
    double::{Double, SINK, SOURCE},
    *,
};
use crate::{
    config::Mode,
    store::{RestartScope, State, TargetState},
};

fn config(class: &str, extra: &[(&str, &str)]) -> RawConfig {
    let base = [("connector.class", class), ("topic", "t"), ("file", "in.txt")];
    base.iter()
        .chain(extra)
        .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())))
        .collect()
}

async fn create(double: &Double, name: &str, extra: &[(&str, &str)]) {
    let config = config(SOURCE, extra);
    let new = NewConnector { name: name.to_owned(), config, initial_state: None };
    double.handle.create(new).await.unwrap();
}

/// Waits for the snapshot that says so; the limit only ends a test that has failed.
async fn reaches(double: &Double, name: &str, is_there: impl Fn(&ConnectorStateInfo) -> bool) {
    let reached = timeout(Duration::from_secs(20), async {
        loop {
            if double.handle.status(name).await.is_ok_and(|state| is_there(&state)) {
                return;
            }
            double.handle.changed().await;
        }
    });
    let state = double.handle.status(name);
    assert!(reached.await.is_ok(), "{name} stays {:?}", state.await);
}

fn is_running(state: &ConnectorStateInfo) -> bool {
    state.connector.state == State::Running
        && state.tasks.len() == 1
        && state.tasks.iter().all(|task| task.state == State::Running)
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_come_back_in_their_states() {
    let double = Double::start(Mode::Distributed).await;
    for name in ["runs", "pauses", "stops"] {
        create(&double, name, &[]).await;
        reaches(&double, name, is_running).await;
    }
    double.handle.set_target("pauses", TargetState::Paused).await.unwrap();
    double.handle.set_target("stops", TargetState::Stopped).await.unwrap();
    reaches(&double, "pauses", |state| state.tasks.iter().all(|task| task.state == State::Paused))
        .await;
    reaches(&double, "stops", |state| state.tasks.is_empty()).await;
    let directory = double.stop().await;

    let double = Double::start_in(directory, Mode::Distributed).await;
    assert_eq!(double.handle.names().await.unwrap().len(), 3);
    reaches(&double, "runs", is_running).await;
    reaches(&double, "pauses", |state| {
        state.connector.state == State::Paused
            && state.tasks.iter().all(|task| task.state == State::Paused)
    })
    .await;
    reaches(&double, "stops", |state| {
        state.connector.state == State::Stopped && state.tasks.is_empty()
    })
    .await;
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_generates_too_many_tasks_fails() {
    let double = Double::start(Mode::Distributed).await;
    create(&double, "c", &[("generate", "too many")]).await;
    reaches(&double, "c", |state| {
        let trace = state.connector.trace.as_deref().unwrap_or_default();
        state.connector.state == State::Failed
            && trace.contains("has generated 2 tasks, which is greater than 1")
    })
    .await;
    assert!(matches!(
        double.handle.restart("c", RestartScope::default()).await,
        Err(HerderError::ConnectorNotStarted(_))
    ));
    double.handle.put_config("c", config(SOURCE, &[])).await.unwrap();
    reaches(&double, "c", is_running).await;
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_whose_code_panics_fails_alone() {
    let double = Double::start(Mode::Distributed).await;
    create(&double, "bad", &[("generate", "panic")]).await;
    create(&double, "good", &[]).await;
    reaches(&double, "bad", |state| state.connector.state == State::Failed).await;
    reaches(&double, "good", is_running).await;
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_changed_configurations_restart_tasks() {
    let double = Double::start(Mode::Standalone).await;
    create(&double, "c", &[]).await;
    reaches(&double, "c", is_running).await;
    let instance = || double.running.lock().unwrap().get("c-0").map(|(instance, _)| *instance);
    let before = instance();
    double.handle.put_config("c", config(SOURCE, &[])).await.unwrap();
    reaches(&double, "c", is_running).await;
    assert_eq!(instance(), before);
    double.handle.put_config("c", config(SOURCE, &[("other", "1")])).await.unwrap();
    reaches(&double, "c", |state| is_running(state) && instance() != before).await;
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_started_anew_goes_with_the_configuration_of_now() {
    let double = Double::start(Mode::Distributed).await;
    create(&double, "c", &[]).await;
    reaches(&double, "c", is_running).await;
    double.handle.set_target("c", TargetState::Paused).await.unwrap();
    reaches(&double, "c", |state| state.tasks[0].state == State::Paused).await;
    // Tasks are generated when it is resumed.
    double.handle.put_config("c", config(SINK, &[("topics", "t")])).await.unwrap();
    let scope = RestartScope { include_tasks: true, only_failed: false };
    double.handle.restart("c", scope).await.unwrap();
    let cast = "java.lang.ClassCastException: class org.apache.kafka.connect.file.\
                FileStreamSourceTask cannot be cast to class \
                org.apache.kafka.connect.sink.SinkTask\n";
    reaches(&double, "c", |state| {
        let trace = state.tasks[0].trace.as_deref().unwrap_or_default();
        state.tasks[0].state == State::Failed && trace.starts_with(cast)
    })
    .await;
    double.handle.set_target("c", TargetState::Started).await.unwrap();
    reaches(&double, "c", is_running).await;
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_a_failure_is_obeyed() {
    let double = Double::start(Mode::Distributed).await;
    create(&double, "c", &[]).await;
    reaches(&double, "c", is_running).await;
    *double.refusing.lock().unwrap() = Some("target-state-");
    let stopped = double.handle.set_target("c", TargetState::Stopped).await;
    assert!(matches!(stopped, Err(HerderError::ConfigNotStored(_))));
    // The commit of no tasks went through before the target state did not.
    assert!(double.handle.tasks("c").await.unwrap().is_empty());
    *double.refusing.lock().unwrap() = Some("task-");
    double.handle.put_config("c", config(SOURCE, &[("v", "1")])).await.unwrap();
    *double.refusing.lock().unwrap() = None;
    reaches(&double, "c", is_running).await;
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_creations_of_the_same_name_wins() {
    let double = Double::start(Mode::Distributed).await;
    let new =
        || NewConnector { name: "c".to_owned(), config: config(SOURCE, &[]), initial_state: None };
    let (first, second) = tokio::join!(double.handle.create(new()), double.handle.create(new()));
    assert!(first.is_ok() != second.is_ok());
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_stored_connectors_are_listed_at_once() {
    let double = Double::start(Mode::Distributed).await;
    let creations = (0..1_000).map(|number| {
        let handle = double.handle.clone();
        async move {
            let name = format!("c{number}");
            let config = config(SOURCE, &[]);
            let initial_state = Some(TargetState::Stopped);
            handle.create(NewConnector { name, config, initial_state }).await.unwrap();
        }
    });
    futures::future::join_all(creations).await;
    let directory = double.stop().await;
    let double = Double::start_in(directory, Mode::Distributed).await;
    let listed = timeout(Duration::from_secs(1), double.handle.names()).await;
    assert_eq!(listed.unwrap().unwrap().len(), 1_000);
    double.stop().await;
}

#[derive(Clone, Debug)]
enum Action {
    Target(TargetState),
    Restart(RestartScope),
    RestartTask,
    Put(u8),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        proptest::sample::select(vec![
            TargetState::Started,
            TargetState::Paused,
            TargetState::Stopped
        ])
        .prop_map(Action::Target),
        any::<(bool, bool)>().prop_map(|(include_tasks, only_failed)| {
            Action::Restart(RestartScope { include_tasks, only_failed })
        }),
        Just(Action::RestartTask),
        (0..3_u8).prop_map(Action::Put),
    ]
}

async fn act(double: &Double, action: &Action) {
    let handle = &double.handle;
    match action {
        Action::Target(target) => handle.set_target("c", *target).await.unwrap(),
        Action::Restart(scope) => drop(handle.restart("c", *scope).await),
        Action::RestartTask => drop(handle.restart_task("c", 0).await),
        Action::Put(value) => {
            let value = value.to_string();
            drop(handle.put_config("c", config(SOURCE, &[("v", &value)])).await.unwrap());
        }
    }
}

async fn ends_in_its_target(actions: &[Action], mode: Mode) {
    let double = Double::start(mode).await;
    create(&double, "c", &[]).await;
    for action in actions {
        act(&double, action).await;
    }
    let wanted = actions.iter().rev().find_map(|action| match action {
        Action::Target(target) => Some(*target),
        _ => None,
    });
    let (connector, task) = match wanted.unwrap_or_default() {
        TargetState::Started => (State::Running, Some((State::Running, TaskTarget::Started))),
        TargetState::Paused => (State::Paused, Some((State::Paused, TaskTarget::Paused))),
        TargetState::Stopped => (State::Stopped, None),
    };
    let value = actions.iter().rev().find_map(|action| match action {
        Action::Put(value) => Some(value.to_string()),
        _ => None,
    });
    let running = std::sync::Arc::clone(&double.running);
    // A paused connector keeps the tasks it has, which may be none after a stop.
    reaches(&double, "c", |state| {
        let does = running.lock().unwrap().get("c-0").map(|(_, target)| *target);
        state.connector.state == connector
            && match task {
                Some((shown, told)) if !state.tasks.is_empty() => {
                    state.tasks.iter().all(|task| task.state == shown) && does == Some(told)
                }
                Some((State::Running, _)) => false,
                _ => state.tasks.is_empty() && does.is_none(),
            }
    })
    .await;
    let stored = double.handle.info("c").await.unwrap();
    assert_eq!(stored.config.get("v").map(str::to_owned), value);
    double.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_requests_ends_in_the_target_state(
        actions in proptest::collection::vec(action(), 1..12),
        is_standalone in any::<bool>(),
    ) {
        let mode = if is_standalone { Mode::Standalone } else { Mode::Distributed };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(ends_in_its_target(&actions, mode));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_system_was_away_is_started_again_and_says_so() {
    let double = Double::start(Mode::Distributed).await;
    let away = [("file", "away for two starts"), ("errors.restart.delay.ms", "1")];
    create(&double, "c", &away).await;
    reaches(&double, "c", is_running).await;
    let history = double.handle.history("c").await.unwrap();
    let of_task = history.events.iter().filter(|event| event.task == Some(0));
    let told: Vec<_> = of_task.map(|event| (event.state, event.repair.clone())).collect();
    let [first, begun, second, again, runs] = told.as_slice() else { panic!("{told:?}") };
    for (failed, attempt) in [(first, 1), (second, 2)] {
        assert_eq!(failed.0, State::Failed);
        let planned = matches!(failed.1, Some(Repair::Planned { attempt: n, .. }) if n == attempt);
        assert!(planned, "{failed:?}");
    }
    assert_eq!(begun, &(State::Restarting, Some(Repair::Begun { attempt: 1 })));
    assert_eq!(again, &(State::Restarting, Some(Repair::Begun { attempt: 2 })));
    assert_eq!(runs, &(State::Running, None));
    double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waits_to_be_repaired_holds_up_neither_its_user_nor_the_end() {
    let double = Double::start(Mode::Distributed).await;
    let away = [("file", "away for two starts"), ("errors.restart.delay.ms", "3600000")];
    create(&double, "c", &away).await;
    let has_failed =
        |state: &ConnectorStateInfo| state.tasks.iter().any(|task| task.state == State::Failed);
    reaches(&double, "c", has_failed).await;
    double.handle.restart_task("c", 0).await.unwrap();
    let failures = async || {
        let events = double.handle.history("c").await.unwrap().events;
        events.iter().filter(|event| event.state == State::Failed).count()
    };
    while failures().await < 2 {
        double.handle.changed().await;
    }
    timeout(Duration::from_secs(20), double.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_configured_wrongly_is_left_and_the_history_says_why() {
    let double = Double::start(Mode::Distributed).await;
    create(&double, "c", &[("file", "/no/such/dir/in.txt"), ("errors.restart.on", "all")]).await;
    let left = async || {
        let events = double.handle.history("c").await.unwrap().events;
        events.into_iter().find_map(|event| event.repair)
    };
    let why = loop {
        match left().await {
            Some(repair) => break repair,
            None => double.handle.changed().await,
        }
    };
    assert_eq!(why, Repair::Left("a wrong configuration does not mend itself"));
    let unknown = double.handle.history("d").await;
    assert!(matches!(unknown, Err(HerderError::ConnectorNotFound(_))));
    double.stop().await;
}
