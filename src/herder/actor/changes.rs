//! Changes to what is stored: decided, written, read back, and then obeyed.

use std::sync::Arc;

use connect_api::config::Props;

use super::{Actor, Waiting, answer, jobs::Done, log_failure};
use crate::{
    broker::BrokerError,
    config::Mode,
    herder::{
        command::{Change, IfExists, OffsetChange, Restarted},
        error::{HerderError, Result},
        offsets,
        replies::Message,
    },
    store::{ConfigRecord, RecordLog, Result as StoreResult, StoreError, TargetState},
};

/// Records in the order they are written; each batch is read back before the next is written.
type Batches = Vec<Vec<ConfigRecord>>;

/// What a change comes to.
enum Decision {
    Write(Batches),
    ChangeOffsets(Arc<Props>, OffsetChange),
}

impl Actor {
    /// Takes a change; it is decided when those before it are done.
    pub(super) fn queue(&mut self, change: Change) {
        self.changes.push_back(change);
        self.next_change();
    }

    fn next_change(&mut self) {
        while self.changing.is_none() && !self.is_stopping {
            let Some(change) = self.changes.pop_front() else { return };
            match self.decide(&change) {
                Ok(Decision::Write(batches)) => {
                    self.changing = Some(change);
                    self.write_configs(batches);
                }
                Ok(Decision::ChangeOffsets(config, offsets)) => {
                    self.change_offsets(&change, config, offsets);
                    self.changing = Some(change);
                }
                Err(error) => self.refuse(change, error),
            }
        }
    }

    fn decide(&self, change: &Change) -> Result<Decision> {
        let batches = match change {
            Change::Put { name, config, initial_state, if_exists, .. } => {
                if *if_exists == IfExists::Refuse && self.configs.contains(name) {
                    return Err(HerderError::AlreadyExists(name.as_ref().to_owned()));
                }
                put_records(name, config, *initial_state)
            }
            Change::Delete { name, .. } => {
                self.known(name, HerderError::ConnectorNotFound)?;
                let connector = name.as_ref().to_owned();
                vec![vec![
                    ConfigRecord::Connector { connector: connector.clone(), config: None },
                    ConfigRecord::TargetState { connector, state: None },
                ]]
            }
            Change::SetTarget { name, target, .. } => {
                self.known(name, self.unknown_target(*target))?;
                target_records(name, *target)
            }
            Change::Restart { name, scope, .. } => {
                self.known(name, HerderError::RestartUnknown)?;
                self.restart_info(name, *scope)?;
                let connector = name.as_ref().to_owned();
                vec![vec![ConfigRecord::Restart { connector, scope: *scope }]]
            }
            Change::Tasks { name, run, configs, .. } => {
                self.known(name, HerderError::ConnectorNotFound)?;
                let is_current = self.connectors.get(name).is_some_and(|known| known.run == *run);
                let is_wanted = self.configs.target(name) == TargetState::Started;
                if is_current && is_wanted { task_records(name, configs) } else { Vec::new() }
            }
            Change::Offsets { name, change, .. } => {
                return self.decide_offsets(name, change);
            }
            Change::SetLogger { name, level, .. } => {
                let (namespace, level) = (name.clone(), level.name().to_owned());
                vec![vec![ConfigRecord::Logger { namespace, level }]]
            }
        };
        Ok(Decision::Write(batches))
    }

    fn known(&self, name: &str, unknown: impl FnOnce(String) -> HerderError) -> Result<()> {
        if self.configs.contains(name) { Ok(()) } else { Err(unknown(name.to_owned())) }
    }

    /// Source: apache/kafka `StandaloneHerder.stopConnector`.
    fn unknown_target(&self, target: TargetState) -> impl FnOnce(String) -> HerderError {
        if target == TargetState::Stopped && self.settings.mode == Mode::Standalone {
            HerderError::NotConfigured
        } else {
            HerderError::UnknownConnector
        }
    }

    fn decide_offsets(&self, name: &Arc<str>, change: &OffsetChange) -> Result<Decision> {
        let not_found = || HerderError::ConnectorNotFound(name.as_ref().to_owned());
        let config = self.configs.config(name).ok_or_else(not_found)?;
        let has_slots = self.connectors.get(name).is_some_and(|known| !known.slots.is_empty());
        let is_stopped = self.configs.target(name) == TargetState::Stopped;
        if !is_stopped || self.configs.task_count(name) != 0 || has_slots {
            return Err(HerderError::NotStopped(name.as_ref().to_owned()));
        }
        Ok(Decision::ChangeOffsets(Arc::clone(config), change.clone()))
    }

    fn change_offsets(&self, change: &Change, config: Arc<Props>, wanted: OffsetChange) {
        let Change::Offsets { name, .. } = change else { return };
        let (name, parts) = (Arc::clone(name), self.parts.clone());
        let job = format!("offsets of {name}");
        let work = async move {
            Done::OffsetsChanged(offsets::change(&parts, &name, &config, wanted).await)
        };
        let on_panic =
            Box::new(|reason| Done::OffsetsChanged(Err(HerderError::Unresolved(reason))));
        self.start_job(job, work, on_panic);
    }

    pub(super) fn offsets_changed(&mut self, outcome: Result<Message>) {
        if let Some(Change::Offsets { reply, .. }) = self.changing.take() {
            answer(reply, outcome);
        }
        self.next_change();
    }

    fn write_configs(&self, batches: Batches) {
        let store = Arc::clone(&self.parts.configs);
        let work = async move {
            let mut records = Vec::new();
            let outcome = write(store.as_ref(), batches, &mut records).await;
            Done::Stored { records, outcome }
        };
        let on_panic = Box::new(|reason: String| {
            let operation = "Writing to the config topic".to_owned();
            let source = BrokerError::Unavailable { operation, source: reason.into() };
            let outcome = Err(StoreError::Write { topic: "config".to_owned(), source });
            Done::Stored { records: Vec::new(), outcome }
        });
        self.start_job("config".to_owned(), work, on_panic);
    }

    /// Obeys what the log got, and then answers.
    pub(super) fn change_stored(&mut self, records: Vec<ConfigRecord>, outcome: StoreResult<()>) {
        let Some(change) = self.changing.take() else { return };
        let is_new = matches!(&change, Change::Put { name, .. } if !self.configs.contains(name));
        let info = match &change {
            Change::Restart { name, scope, .. } => Some(self.restart_info(name, *scope)),
            _ => None,
        };
        if let (Change::Tasks { name, resolved, .. }, Ok(())) = (&change, &outcome) {
            self.note_resolved(name, resolved);
        }
        // Also when the change failed half-way: these are read, and are not brought again.
        for record in records {
            if let Some(change) = self.configs.apply(record) {
                self.react(change);
            }
        }
        self.publish();
        match (outcome, change, info) {
            (Err(error), change, _) => {
                log_failure("Could not store a change", &error);
                self.refuse(change, HerderError::ConfigNotStored(error));
            }
            (Ok(()), Change::Restart { reply, .. }, Some(info)) => {
                answer(reply, info.map(Restarted::Accepted));
            }
            (Ok(()), change, _) => self.confirm(change, is_new),
        }
        self.next_change();
    }

    /// Tasks whose references now mean something else are started anew even if nothing else
    /// changed.
    fn note_resolved(&mut self, name: &Arc<str>, resolved: &Arc<Props>) {
        let connector = self.connector(name);
        let was = connector.resolved.replace(Arc::clone(resolved));
        if was.is_some_and(|was| was != *resolved) {
            for slot in connector.slots.values_mut() {
                slot.is_restart_due = true;
            }
        }
    }

    fn confirm(&mut self, change: Change, is_new: bool) {
        match change {
            Change::Put { name, reply, .. } => {
                let is_waiting = self.settings.mode == Mode::Standalone
                    && self.configs.target(&name) == TargetState::Started;
                if is_waiting {
                    self.connector(&name).waiting.push(Waiting::Put { reply, is_new });
                } else {
                    answer(reply, self.put_outcome(&name, is_new));
                }
            }
            Change::Delete { reply, .. }
            | Change::SetTarget { reply, .. }
            | Change::SetLogger { reply, .. } => answer(reply, Ok(())),
            Change::Tasks { name, run, .. } => {
                if self.connectors.get(&name).is_some_and(|known| known.run == run) {
                    self.answer_waiting(&name, true);
                }
            }
            Change::Restart { .. } | Change::Offsets { .. } => {}
        }
    }

    pub(super) fn refuse(&mut self, change: Change, error: HerderError) {
        match change {
            Change::Put { reply, .. } => answer(reply, Err(error)),
            Change::Delete { reply, .. }
            | Change::SetTarget { reply, .. }
            | Change::SetLogger { reply, .. } => answer(reply, Err(error)),
            Change::Restart { reply, .. } => answer(reply, Err(error)),
            Change::Offsets { reply, .. } => answer(reply, Err(error)),
            // The connector runs on with the tasks it has; its start is tried again.
            Change::Tasks { name, run, .. } => {
                self.answer_waiting(&name, false);
                self.start_due_later(&name, run);
            }
        }
    }
}

/// What was read by the time of an error counts.
async fn write(
    store: &dyn RecordLog<ConfigRecord>,
    batches: Batches,
    records: &mut Vec<ConfigRecord>,
) -> StoreResult<()> {
    records.extend(store.read().await?);
    for batch in batches {
        store.write(&batch).await?;
        records.extend(store.read().await?);
    }
    Ok(())
}

fn put_records(name: &Arc<str>, config: &Props, initial_state: Option<TargetState>) -> Batches {
    let connector = name.as_ref().to_owned();
    let target = initial_state.map(|state| ConfigRecord::TargetState {
        connector: connector.clone(),
        state: Some(state),
    });
    let config = ConfigRecord::Connector { connector, config: Some(config.clone()) };
    vec![target.into_iter().chain([config]).collect()]
}

/// A connector that stops has no tasks first.
fn target_records(name: &Arc<str>, target: TargetState) -> Batches {
    let connector = name.as_ref().to_owned();
    let mut batches = Vec::new();
    if target == TargetState::Stopped {
        batches.push(vec![ConfigRecord::Commit { connector: connector.clone(), tasks: 0 }]);
    }
    batches.push(vec![ConfigRecord::TargetState { connector, state: Some(target) }]);
    batches
}

fn task_records(name: &Arc<str>, configs: &[Props]) -> Batches {
    let connector = name.as_ref().to_owned();
    let task = |(task, config): (u32, &Props)| ConfigRecord::Task {
        connector: connector.clone(),
        task,
        config: config.clone(),
    };
    let tasks: Vec<_> = (0..).zip(configs).map(task).collect();
    let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
    let commit = vec![ConfigRecord::Commit { connector: connector.clone(), tasks: count }];
    if tasks.is_empty() { vec![commit] } else { vec![tasks, commit] }
}
