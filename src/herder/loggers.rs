//! Levels of what is logged, on this worker and on all of them. Source: KIP-495, KIP-976.

use std::collections::BTreeMap;

use super::{
    command::{Change, Command},
    error::{HerderError, Result},
    handle::HerderHandle,
    replies::LoggerInfo,
};
use crate::loggers::Level;

impl HerderHandle {
    /// Every logger with its level.
    #[must_use]
    pub fn loggers(&self) -> BTreeMap<String, LoggerInfo> {
        let all = self.parts.loggers.all();
        all.into_iter().map(|(name, known)| (name, LoggerInfo::of(known))).collect()
    }

    /// A logger with its level.
    ///
    /// # Errors
    /// `UnknownLogger`.
    pub fn logger(&self, name: &str) -> Result<LoggerInfo> {
        let known = self.parts.loggers.level(name);
        known.map(LoggerInfo::of).ok_or_else(|| HerderError::UnknownLogger(name.to_owned()))
    }

    /// Sets the level of a logger and those below it on this worker; the names of all of them.
    #[must_use]
    pub fn set_logger(&self, name: &str, level: Level) -> Vec<String> {
        self.parts.loggers.set(name, level, self.parts.clock.now_ms())
    }

    /// Sets the level of a logger and those below it on every worker of the cluster.
    ///
    /// # Errors
    /// `ConfigNotStored`, and as every request.
    pub async fn set_cluster_logger(&self, name: &str, level: Level) -> Result<()> {
        let name = name.to_owned();
        self.ask(|reply| Command::Change(Change::SetLogger { name, level, reply })).await
    }
}
