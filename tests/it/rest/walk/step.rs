//! One request of a walk.

use std::fmt::{self, Display, Formatter};

/// Stands for a worker's own name in connectors, topics and files, which may not be shared.
pub(super) const SIDE: &str = "SIDE";
/// Stands for the folder of the walk.
pub(super) const FOLDER: &str = "FOLDER";

/// Where a connector is to end up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    Running,
    Paused,
    Stopped,
    Gone,
}

/// What a request does when it is obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only asks.
    None,
    /// It changes something other than a connector's state.
    Change,
    /// It brings a connector, by name, into a state.
    Leads(String, Aim),
}

/// One request, with [`SIDE`] and [`FOLDER`] for what differs between the workers.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// The connector it is about, if it is about one.
    pub(super) subject: Option<String>,
    pub(super) effect: Effect,
}

impl Step {
    /// A request without a body that asks for something.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::of("GET", path)
    }

    /// A request without a body.
    pub(super) fn of(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: String::new(),
            subject: None,
            effect: Effect::None,
        }
    }

    pub(super) fn json(mut self, body: impl Display) -> Self {
        self.body = body.to_string();
        self.header("Content-Type", "application/json")
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says which connector it is about.
    pub(super) fn about(mut self, name: &str) -> Self {
        self.subject = Some(name.to_owned());
        self
    }

    pub(super) fn changes(mut self) -> Self {
        self.effect = Effect::Change;
        self
    }

    /// Says where it brings the connector that it is about.
    pub(super) fn leads_to(mut self, aim: Aim) -> Self {
        let name = self.subject.clone().unwrap();
        self.effect = Effect::Leads(name, aim);
        self
    }

    /// Whether the answer shows a state that a worker reaches in its own time, so that it is asked
    /// for again until both have reached it.
    pub(super) fn is_snapshot(&self) -> bool {
        let is_restart = self.method == "POST" && self.path.contains("/restart");
        ["GET", "HEAD"].contains(&self.method) || is_restart
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            if (*name, &**value) != ("Content-Type", "application/json") {
                write!(f, " [{name}: {value}]")?;
            }
        }
        if self.body.is_empty() { Ok(()) } else { write!(f, " {}", self.body) }
    }
}
