//! How a command ends that did not succeed.

use std::fmt;

/// Result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not succeed; `{:#}` shows every cause.
#[derive(Debug)]
pub enum Failure {
    /// The usage or the configuration is wrong.
    Wrong(anyhow::Error),
    /// It failed while running.
    Run(anyhow::Error),
}

impl Failure {
    pub(super) fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Wrong(anyhow::Error::new(error))
    }

    pub(super) fn run(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Run(anyhow::Error::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(error) | Self::Run(error) => fmt::Display::fmt(error, f),
        }
    }
}
