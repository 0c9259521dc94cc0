//! What is logged, and how users change it while the worker runs.
//!
//! The command line starts the log with [`Loggers::install`]; the herder changes levels when a
//! request or, for the whole cluster, a record of the config topic says so. A level takes effect
//! with the next line. Levels belong to the process, as the log does: every worker in it shares
//! them.
//!
//! Named loggers above targets were chosen over tracing's own directives, because clients know
//! names with dots and a root. Source: KIP-495, KIP-976, apache/kafka `Loggers.java`.

mod level;
mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tracing_subscriber::{
    Registry,
    filter::Targets,
    layer::SubscriberExt as _,
    reload::{self, Handle},
    util::SubscriberInitExt as _,
};

pub use self::level::Level;

/// Name of the logger above all others.
const ROOT: &str = "root";

/// Loggers that requests may bring into being. Each is kept for ever, so there is an end to it.
const MOST: usize = 1_000;

/// The levels of all loggers; clones share them.
#[derive(Clone)]
pub struct Loggers {
    state: Arc<Mutex<State>>,
}

struct State {
    root: Level,
    /// Loggers with a level of their own.
    own: BTreeMap<String, Level>,
    /// When a level was changed last, in milliseconds since the epoch.
    changed_ms: BTreeMap<String, i64>,
    /// The filter of the process's log, once there is one.
    filter: Option<Handle<Targets, Registry>>,
}

/// A logger as users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggerLevel {
    /// Its level, its own or that of the logger above.
    pub level: Level,
    /// When the level was changed last, in milliseconds since the epoch.
    pub last_modified: Option<i64>,
}

impl Default for Loggers {
    fn default() -> Self {
        let root = Level::Info;
        let (own, changed_ms) = (BTreeMap::new(), BTreeMap::new());
        Self { state: Arc::new(Mutex::new(State { root, own, changed_ms, filter: None })) }
    }
}

impl fmt::Debug for Loggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loggers").field("root", &self.lock().root).finish_non_exhaustive()
    }
}

impl Loggers {
    /// The loggers of this process.
    #[must_use]
    pub fn of_process() -> Self {
        static PROCESS: OnceLock<Loggers> = OnceLock::new();
        PROCESS.get_or_init(Self::default).clone()
    }

    /// Starts the process's log on standard error; `levels` is `LEVEL` or `TARGET=LEVEL,…`.
    pub fn install(levels: &str, with_colours: bool) {
        let loggers = Self::of_process();
        let wanted = levels.parse::<Targets>();
        let (filter, handle) = reload::Layer::new(Targets::new());
        let lines =
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(with_colours);
        let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
        loggers.begin(wanted.as_ref().ok());
        // A log that was started before, by a test, serves as well; its levels are its own.
        if started.is_ok() {
            loggers.lock().filter = Some(handle);
            loggers.lock().take_effect();
        }
        if let Err(error) = wanted {
            tracing::warn!(
                "Levels \"{levels}\" are not of the form LEVEL or TARGET=LEVEL,…: logging at \
                 info ({error})"
            );
        }
    }

    fn begin(&self, wanted: Option<&Targets>) {
        let Some(wanted) = wanted else { return };
        let mut state = self.lock();
        state.root = wanted.default_level().map_or(Level::Error, Level::from);
        state.own = wanted
            .iter()
            .map(|(target, filter)| (target.replace("::", "."), Level::from(filter)))
            .collect();
    }

    /// Every known logger by its name, but for those that say nothing at all.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, LoggerLevel> {
        let state = self.lock();
        let known = state.names().into_iter().map(|name| (name.clone(), state.shown(&name)));
        known.filter(|(_, known)| known.level != Level::Off).collect()
    }

    /// One logger; none when nobody knows it.
    #[must_use]
    pub fn level(&self, name: &str) -> Option<LoggerLevel> {
        let state = self.lock();
        let name = if is_root(name) { ROOT } else { name };
        state.names().contains(name).then(|| state.shown(name))
    }

    /// Gives a level to a logger and to everything below it; the names of all of these, in order.
    pub fn set(&self, name: &str, level: Level, now_ms: i64) -> Vec<String> {
        let mut state = self.lock();
        let affected = state.covered(name);
        for name in &affected {
            if state.effective(name) != level {
                state.changed_ms.insert(name.clone(), now_ms);
            }
        }
        for name in &affected {
            if name == ROOT {
                state.root = level;
            } else {
                state.own.insert(name.clone(), level);
            }
        }
        state.take_effect();
        affected.into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn names(&self) -> BTreeSet<String> {
        let known = names::KNOWN.iter().chain([&ROOT]).map(|name| (*name).to_owned());
        known.chain(self.own.keys().cloned()).collect()
    }

    /// What a set of this name means: every logger whose name begins with it, dots or not.
    fn covered(&self, name: &str) -> BTreeSet<String> {
        let mut covered = self.names();
        if is_root(name) {
            return covered;
        }
        let ours: BTreeSet<_> = names::counterparts(name).collect();
        covered.retain(|known| {
            known != ROOT
                && (known.starts_with(name) || ours.iter().any(|one| known.starts_with(one)))
        });
        if self.own.len() < MOST {
            covered.insert(name.to_owned());
        }
        covered
    }

    fn effective(&self, name: &str) -> Level {
        let mut next = Some(name);
        while let Some(name) = next {
            if let Some(level) = self.own.get(name) {
                return *level;
            }
            next = names::parent(name);
        }
        self.root
    }

    fn shown(&self, name: &str) -> LoggerLevel {
        let last_modified = self.changed_ms.get(name).copied();
        LoggerLevel { level: self.effective(name), last_modified }
    }

    fn take_effect(&self) {
        let Some(filter) = &self.filter else { return };
        // The log may have ended before us; then nobody misses its levels.
        let _gone = filter.reload(self.targets());
    }

    fn targets(&self) -> Targets {
        let own = self.own.iter().map(|(name, level)| (names::target(name), level.filter()));
        Targets::new().with_default(self.root.filter()).with_targets(own)
    }
}

fn is_root(name: &str) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case(ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(loggers: &Loggers, name: &str) -> Option<Level> {
        loggers.level(name).map(|known| known.level)
    }

    #[test]
    fn a_level_goes_to_everything_below() {
        let loggers = Loggers::default();
        let affected = loggers.set("millrace.broker", Level::Debug, 7);
        assert_eq!(
            affected,
            ["millrace.broker", "millrace.broker.embedded", "millrace.broker.kafka"]
        );
        assert_eq!(level(&loggers, "millrace.broker.kafka"), Some(Level::Debug));
        assert_eq!(level(&loggers, "millrace.herder"), Some(Level::Info));
        assert_eq!(loggers.level("millrace.broker").unwrap().last_modified, Some(7));
        assert_eq!(loggers.level("millrace").unwrap().last_modified, None);
    }

    #[test]
    fn only_a_real_change_is_a_modification() {
        let loggers = Loggers::default();
        loggers.set("a.b", Level::Warn, 1);
        loggers.set("a", Level::Warn, 2);
        assert_eq!(loggers.level("a.b").unwrap().last_modified, Some(1));
        assert_eq!(loggers.level("a").unwrap().last_modified, Some(2));
    }

    #[test]
    fn the_root_means_all_of_them_in_any_case() {
        let loggers = Loggers::default();
        loggers.set("x.y", Level::Debug, 1);
        let affected = loggers.set("ROOT", Level::Error, 2);
        assert!(affected.contains(&"x.y".to_owned()) && affected.contains(&ROOT.to_owned()));
        assert_eq!(level(&loggers, "Root"), Some(Level::Error));
        assert_eq!(level(&loggers, "x.y"), Some(Level::Error));
    }

    #[test]
    fn an_unknown_logger_is_not_found_until_it_is_set() {
        let loggers = Loggers::default();
        assert_eq!(loggers.level("no.such"), None);
        loggers.set("no.such", Level::Off, 1);
        assert_eq!(level(&loggers, "no.such"), Some(Level::Off));
    }

    #[test]
    fn a_java_package_moves_its_counterparts() {
        let loggers = Loggers::default();
        let affected = loggers.set("org.apache.kafka.connect.runtime.rest", Level::Trace, 1);
        assert_eq!(affected, ["millrace.rest", "org.apache.kafka.connect.runtime.rest"]);
        assert_eq!(level(&loggers, "millrace.rest"), Some(Level::Trace));
    }

    #[test]
    fn a_new_level_counts_from_the_next_line_on() {
        let loggers = Loggers::default();
        let (filter, handle) = reload::Layer::new(Targets::new());
        loggers.lock().filter = Some(handle);
        loggers.lock().take_effect();
        let subscriber = tracing_subscriber::registry().with(filter);
        tracing::subscriber::with_default(subscriber, || {
            let is_heard =
                || tracing::enabled!(target: "millrace::rest::server", tracing::Level::DEBUG);
            assert!(!is_heard());
            loggers.set("millrace.rest", Level::Debug, 1);
            assert!(is_heard());
            loggers.set("root", Level::Off, 2);
            assert!(!is_heard());
        });
    }

    #[test]
    fn requests_cannot_fill_the_memory_with_loggers() {
        let loggers = Loggers::default();
        for number in 0..2 * MOST {
            loggers.set(&format!("logger{number}"), Level::Info, 1);
        }
        assert!(loggers.all().len() <= MOST + names::KNOWN.len() + 1);
    }
}
