//! Waits until both workers show the same settled state.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    draw::connector_path,
    material::{INPUT, UNWRITABLE},
    pair::{PAUSE, Pair},
    step::{Aim, Effect, Step},
};
use crate::rest::wire::Reply;

/// Longest time until both have settled: a guard, not a measure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where every connector is to end up, by name.
#[derive(Debug, Default)]
pub(super) struct Aims(BTreeMap<String, Aim>);

impl Aims {
    /// Notes what an obeyed step leads to.
    pub(super) fn note(&mut self, step: &Step) {
        match &step.effect {
            Effect::Leads(name, Aim::Gone) => {
                self.0.remove(name);
            }
            Effect::Leads(name, aim) => {
                self.0.insert(name.clone(), *aim);
            }
            // A configuration that is put where there was none creates a connector.
            Effect::Change if step.method == "PUT" && step.path.ends_with("/config") => {
                let name = step.subject.clone().unwrap();
                self.0.entry(name).or_insert(Aim::Running);
            }
            Effect::Change | Effect::None => {}
        }
    }

    /// Forgets the connector of a step.
    pub(super) fn forget(&mut self, step: &Step) {
        if let Some(name) = &step.subject {
            self.0.remove(name);
        }
    }

    /// Says why a worker that shows these connectors has not settled yet.
    fn check(&self, shown: &Value) -> Result<(), String> {
        let shown = shown.as_object().ok_or_else(|| shown.to_string())?;
        if !shown.keys().eq(self.0.keys()) && shown.len() != self.0.len() {
            return Err(format!("{:?} are there", shown.keys().collect::<Vec<_>>()));
        }
        for (name, aim) in &self.0 {
            let connector = shown.get(name).ok_or_else(|| format!("{name} is missing"))?;
            reached(connector, *aim).map_err(|reason| format!("{name}: {reason}"))?;
        }
        Ok(())
    }
}

/// Whether a connector and its tasks are where they are to end up.
fn reached(connector: &Value, aim: Aim) -> Result<(), String> {
    let (status, info) = (&connector["status"], &connector["info"]);
    let tasks = status["tasks"].as_array().ok_or("no tasks")?;
    let states: Vec<_> = tasks.iter().map(|task| task["state"].as_str().unwrap()).collect();
    let own = status["connector"]["state"].as_str().unwrap_or_default();
    let known = info["tasks"].as_array().map_or(0, Vec::len);
    let is_unwritable = info["config"]["file"].as_str() == Some(UNWRITABLE);
    let is_there = match aim {
        Aim::Running if is_unwritable => {
            own == "RUNNING" && states.iter().all(|state| *state == "FAILED")
        }
        // One may have failed: then it has on both sides.
        Aim::Running => {
            own == "RUNNING" && states.iter().all(|state| ["RUNNING", "FAILED"].contains(state))
        }
        Aim::Paused => {
            own == "PAUSED" && states.iter().all(|state| ["PAUSED", "FAILED"].contains(state))
        }
        Aim::Stopped => own == "STOPPED",
        Aim::Gone => false,
    };
    // One that is paused before it ever ran has no tasks yet.
    let has_tasks = match own {
        "STOPPED" => known == 0,
        "PAUSED" => true,
        _ => known > 0,
    };
    let has_all = has_tasks && states.len() == known;
    if is_there && has_all || own == "FAILED" {
        return Ok(());
    }
    Err(format!("{aim:?} is not reached by {own} with {states:?} of {known} tasks"))
}

/// What differs between workers, or over time, without anybody minding.
fn without_places(shown: &Value) -> Value {
    let mut shown = shown.clone();
    for connector in shown.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let status = &mut connector["status"];
        forget_place(&mut status["connector"]);
        for task in status["tasks"].as_array_mut().into_iter().flatten() {
            forget_place(task);
        }
    }
    shown
}

fn forget_place(part: &mut Value) {
    for key in ["worker_id", "version", "trace"] {
        part.as_object_mut().and_then(|part| part.remove(key));
    }
}

impl Pair {
    /// Waits until both are where they are to end up, and have moved the data of the step's
    /// connector.
    pub(super) async fn settle(&self, step: &Step, aims: &Aims) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let reason = match self.look(step, aims).await {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            };
            if Instant::now() > until {
                return Err(reason);
            }
            sleep(PAUSE).await;
        }
    }

    async fn look(&self, step: &Step, aims: &Aims) -> Result<(), String> {
        let all = Step::get("/connectors?expand=status&expand=info");
        let shown = self.send(&all).await.map(|reply| reply.json.unwrap_or_default());
        for (who, shown) in ["the JVM's", "ours"].iter().zip(&shown) {
            aims.check(shown).map_err(|reason| format!("{who}: {reason}"))?;
        }
        let [theirs, ours] = shown.each_ref().map(without_places);
        if theirs != ours {
            return Err(format!("{theirs} and {ours}"));
        }
        match &step.subject {
            Some(name) => self.look_at_data(name, &theirs[name]).await,
            None => Ok(()),
        }
    }

    /// Whether a connector that runs has read all that there is.
    async fn look_at_data(&self, name: &str, connector: &Value) -> Result<(), String> {
        let states = connector["status"]["tasks"].as_array().into_iter().flatten();
        let is_running = states.map(|task| &task["state"]).eq([&json!("RUNNING")]);
        let config = &connector["info"]["config"];
        // A patch leaves a source the topics of the sink that it was.
        let end = match connector["info"]["type"].as_str() {
            Some("source") if config["file"] == INPUT => {
                json!({"position": Self::input_length()})
            }
            Some("sink") if config["topics"] == "SIDE-in" => {
                json!({"kafka_offset": Self::input_records()})
            }
            _ => return Ok(()),
        };
        if !is_running {
            return Ok(());
        }
        let offsets = Step::get(connector_path(name, "/offsets"));
        let replies = self.send(&offsets).await;
        // One that can never start keeps its old tasks, and does not even tell its offsets there.
        let is_stuck =
            |reply: &Reply| reply.status == 500 && reply.text.contains("topic.creation.default.");
        if replies.iter().any(is_stuck) {
            return Ok(());
        }
        for reply in replies {
            let all = match reply.json {
                Some(all) => all,
                // Jetty refuses the name in any path.
                None if reply.status == 400 => continue,
                None => return Err(format!("{name}: {}", reply.text)),
            };
            let mut parts = all["offsets"].as_array().into_iter().flatten();
            if !parts.any(|part| part["offset"] == end) {
                return Err(format!("{name} is at {all} and not at {end}"));
            }
        }
        Ok(())
    }
}
