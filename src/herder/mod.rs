//! One actor that decides what runs on this worker.
//!
//! REST holds a [`HerderHandle`]. Reads are answered from a snapshot that is published whenever
//! the truth changes, so that they wait for nothing; everything else is a message to the actor,
//! which owns the truth outright. The actor never waits either: work that takes time runs beside it.
//!
//! It promises that a change is answered only once it is stored, that changes are obeyed in the
//! order they came, and that every connector and task ends in the state its user asked for last,
//! whatever the order of requests. It does not run tasks: a [`TaskStarter`] does, the runtime in a
//! worker and a scripted double in tests. It does not know which broker it runs on.
//!
//! A lock around shared state was rejected: a slow connector would hold up every request.

mod absent;
mod actor;
mod cluster;
mod command;
#[cfg(test)]
pub(crate) mod double;
mod error;
mod explain;
mod figures;
mod flush;
mod generate;
mod handle;
mod history;
mod lag;
mod letters;
mod loggers;
mod objects;
mod offline;
mod offsets;
mod peers;
mod plugins;
mod preview;
mod repair;
mod replies;
mod settings;
mod snapshot;
mod starter;
#[cfg(test)]
mod tests;
mod validate;

pub use self::{
    command::{Put, Restarted},
    error::{HerderError, Result},
    explain::{ConnectorExplanation, Expected},
    flush::{ConnectorFlush, TaskFlush},
    handle::{Expansion, HerderHandle, NewConnector, start},
    history::{HistoryEvent, Repair},
    lag::{ConnectorLag, PartitionLag},
    objects::parse_wanted,
    offline::{OfflineReport, validate_offline},
    plugins::{Plugin, Plugins},
    preview::{ConfigPreview, PreviewRequest, PreviewedRecord},
    replies::{
        ActiveTopics, ConfigInfo, ConfigInfos, ConnectorHistory, ConnectorInfo, ConnectorOffset,
        ConnectorOffsets, ConnectorStateInfo, ConnectorType, ExpandedConnector, ExpandedConnectors,
        Health, LoggerInfo, Message, Moment, PluginInfo, ServerInfo, StateInfo, TaskInfo, TaskRef,
        TaskState, TopicList,
    },
    settings::{HerderParts, HerderSettings, Resolve, TopicTracking},
    starter::{
        ConnectorPlugin, FlushAnswer, PreviewSpec, TaskControl, TaskEvent, TaskEventKind, TaskId,
        TaskSpec, TaskStarter, TaskTarget,
    },
    validate::RawConfig,
};
pub use crate::{
    letters::{LetterPage, PageRequest, Progress, RedriveRequest},
    store::{RestartScope, TargetState},
};
