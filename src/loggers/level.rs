//! How much a logger says, in log4j's words.

use std::fmt;

use tracing::level_filters::LevelFilter;

/// Least importance of what a logger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Nothing.
    Off,
    /// What ends the process; nothing here says such a thing.
    Fatal,
    /// Errors.
    Error,
    /// Warnings and what is above.
    Warn,
    /// What changed, and what is above.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Every step.
    Trace,
    /// Everything.
    All,
}

const NAMES: [(Level, &str); 8] = [
    (Level::Off, "OFF"),
    (Level::Fatal, "FATAL"),
    (Level::Error, "ERROR"),
    (Level::Warn, "WARN"),
    (Level::Info, "INFO"),
    (Level::Debug, "DEBUG"),
    (Level::Trace, "TRACE"),
    (Level::All, "ALL"),
];

impl Level {
    /// The level of a name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(level, _)| *level)
    }

    /// Its name, in capitals.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(level, _)| *level == self).map_or("OFF", |(_, name)| name)
    }

    pub(super) const fn filter(self) -> LevelFilter {
        match self {
            Self::Off | Self::Fatal => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace | Self::All => LevelFilter::TRACE,
        }
    }
}

impl From<LevelFilter> for Level {
    fn from(filter: LevelFilter) -> Self {
        match filter.into_level() {
            None => Self::Off,
            Some(tracing::Level::ERROR) => Self::Error,
            Some(tracing::Level::WARN) => Self::Warn,
            Some(tracing::Level::INFO) => Self::Info,
            Some(tracing::Level::DEBUG) => Self::Debug,
            Some(tracing::Level::TRACE) => Self::Trace,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
