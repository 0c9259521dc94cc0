//! What the handle asks of the actor.

use std::sync::Arc;

use connect_api::config::Props;
use tokio::sync::oneshot;

use super::{
    error::Result,
    offsets::Wanted,
    replies::{ConnectorHistory, ConnectorInfo, ConnectorStateInfo, Message},
    starter::{FlushAnswer, TaskId},
};
use crate::{
    loggers::Level,
    store::{RestartScope, TargetState},
};

/// Requests between REST and the actor. A full queue makes callers wait, within their own limit.
pub(super) const INBOX: usize = 256;

/// Where the answer goes; whoever gave up waiting does not get one.
pub(super) type Reply<T> = oneshot::Sender<Result<T>>;

/// What became of a configuration that was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The connector is new.
    Created(ConnectorInfo),
    /// The connector has another configuration now.
    Replaced(ConnectorInfo),
}

/// What became of a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restarted {
    /// The connector itself was restarted.
    Connector,
    /// Everything that shows `RESTARTING` will be.
    Accepted(ConnectorStateInfo),
}

/// What to do when the connector is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IfExists {
    Refuse,
    Replace,
}

/// A task that was asked to end its open files, and where its answer comes; none when it could not
/// be asked.
#[derive(Debug)]
pub(super) struct Flushing {
    pub(super) task: u32,
    pub(super) answer: Option<FlushAnswer>,
}

/// How offsets are to change.
#[derive(Clone, Debug)]
pub(super) enum OffsetChange {
    /// Set or forget some.
    Alter(Wanted),
    /// Forget all.
    Reset,
}

/// Changes to what is stored; one at a time, each decided by what those before it left.
#[derive(Debug)]
pub(super) enum Change {
    Put {
        name: Arc<str>,
        config: Props,
        initial_state: Option<TargetState>,
        if_exists: IfExists,
        reply: Reply<Put>,
    },
    Delete {
        name: Arc<str>,
        reply: Reply<()>,
    },
    SetTarget {
        name: Arc<str>,
        target: TargetState,
        reply: Reply<()>,
    },
    Restart {
        name: Arc<str>,
        scope: RestartScope,
        reply: Reply<Restarted>,
    },
    Offsets {
        name: Arc<str>,
        change: OffsetChange,
        reply: Reply<Message>,
    },
    SetLogger {
        name: String,
        level: Level,
        reply: Reply<()>,
    },
    /// New task configurations, from the start of the connector with this number.
    Tasks {
        name: Arc<str>,
        run: u64,
        configs: Vec<Props>,
        resolved: Arc<Props>,
    },
}

/// A request.
#[derive(Debug)]
pub(super) enum Command {
    Change(Change),
    RestartConnector {
        name: Arc<str>,
        reply: Reply<Restarted>,
    },
    RestartTask {
        id: TaskId,
        reply: Reply<()>,
    },
    Flush {
        name: Arc<str>,
        reply: Reply<Vec<Flushing>>,
    },
    History {
        name: Arc<str>,
        reply: Reply<ConnectorHistory>,
    },
    ResetTopics {
        name: Arc<str>,
        reply: Reply<()>,
    },
    /// Does nothing but answer.
    Ping(oneshot::Sender<()>),
    /// Stops every task and ends.
    Stop,
}
