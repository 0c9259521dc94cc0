//! Whether, and when, a task that failed is started again without being asked.
//!
//! A cause that may pass by itself (a system that is away, a deadlock, a rebalance) is worth
//! another start; a wrong configuration, a record that no tolerance covers or a bug is not, because
//! the next start would meet it again. The wait doubles from start to start and is spread by
//! chance, so that many tasks that lost the same system do not come back at once.

use std::time::Duration;

use connect_api::{
    choice,
    config::{Config, ConfigDef, Props},
    error::ErrorClass,
};
use rand::RngExt as _;

/// What begins the names of the options.
pub(super) const PREFIX: &str = "errors.restart.";

/// Doublings after which a wait is beyond any limit anyway.
const MOST_DOUBLINGS: u32 = 20;

choice! {
    /// Causes of a failure after which a task is started again.
    pub enum RestartOn {
        /// None.
        None = "none",
        /// Those that may pass by themselves.
        Retriable = "retriable",
        /// Every one but a wrong configuration.
        All = "all",
    }
}

/// A connector's options for starts without being asked; those of the worker are the defaults.
#[derive(Clone, Config, Debug)]
pub(super) struct RepairConfig {
    /// Causes of a failure after which the task is started again without being asked: none,
    /// retriable, or all but a wrong configuration.
    #[config(key = "errors.restart.on", default = RestartOn::Retriable, importance = Medium)]
    on: RestartOn,
    /// Milliseconds before the first start; doubled from start to start.
    #[config(key = "errors.restart.delay.ms", default = 1000, importance = Low)]
    delay: Duration,
    /// Most milliseconds before a start.
    #[config(key = "errors.restart.delay.max.ms", default = 300000, importance = Low)]
    delay_max: Duration,
    /// Starts in a row after which the task is left failed; -1 for no limit.
    #[config(key = "errors.restart.max.attempts", default = -1, importance = Low)]
    max_attempts: i64,
}

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The task is started again.
    Restart {
        /// Which start in a row it is, from 1.
        attempt: u32,
        /// Wait before it.
        wait: Duration,
    },
    /// It is left failed, for this reason.
    Leave(&'static str),
}

impl RepairConfig {
    /// The options that begin with [`PREFIX`], of the connector and else of the worker. What cannot
    /// be read was refused when the connector was created, or came from a store: the defaults hold.
    pub(super) fn of(connector: &Props, worker: &Props) -> Self {
        let mut props: Props = options(worker).collect();
        props.extend(options(connector).collect::<Props>());
        Self::parse(&props).or_else(|_refused| Self::parse(&Props::new())).unwrap_or(Self {
            on: RestartOn::None,
            delay: Duration::ZERO,
            delay_max: Duration::ZERO,
            max_attempts: 0,
        })
    }

    /// What follows from a failure after so many starts in a row.
    pub(super) fn judge(&self, class: ErrorClass, attempts: u32) -> Verdict {
        if let Some(reason) = self.objection(class) {
            return Verdict::Leave(reason);
        }
        if u64::try_from(self.max_attempts).is_ok_and(|most| u64::from(attempts) >= most) {
            return Verdict::Leave("errors.restart.max.attempts starts in a row have failed");
        }
        Verdict::Restart { attempt: attempts + 1, wait: self.wait(attempts) }
    }

    fn objection(&self, class: ErrorClass) -> Option<&'static str> {
        match (self.on, class) {
            (_, ErrorClass::Invalid) => Some("a wrong configuration does not mend itself"),
            (RestartOn::None, _) => Some("errors.restart.on is none"),
            (RestartOn::All, _) => None,
            (RestartOn::Retriable, class) if class.is_retriable() => None,
            (RestartOn::Retriable, ErrorClass::Record) => {
                Some("the next start would meet the same record again")
            }
            (RestartOn::Retriable, ErrorClass::Forbidden) => {
                Some("permissions do not mend themselves")
            }
            (RestartOn::Retriable, _) => Some("the cause is not known to pass by itself"),
        }
    }

    /// Between half of the doubled delay and all of it.
    fn wait(&self, attempts: u32) -> Duration {
        let doubled = self.delay.saturating_mul(1 << attempts.min(MOST_DOUBLINGS));
        let most = doubled.min(self.delay_max);
        most.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

fn options(props: &Props) -> impl Iterator<Item = (&str, &str)> {
    props.iter().filter(|(key, _)| key.starts_with(PREFIX))
}

/// The options, for those who write them: Kafka Connect does not know them, so that they are listed
/// only where they are used.
pub(super) fn definition(connector: &Props) -> ConfigDef {
    let is_used = |name: &str| connector.contains_key(name);
    let def = RepairConfig::def();
    let used = def.keys().iter().filter(|key| is_used(&key.name)).cloned();
    used.map(|key| key.group("Error Handling")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> RepairConfig {
        RepairConfig::of(&pairs.iter().copied().collect(), &Props::new())
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_does_not_is_left() {
        let default = config(&[]);
        assert!(matches!(default.judge(ErrorClass::Retriable, 0), Verdict::Restart { .. }));
        for class in [ErrorClass::Invalid, ErrorClass::Record, ErrorClass::Internal] {
            assert!(matches!(default.judge(class, 0), Verdict::Leave(_)), "{class:?}");
        }
        let all = config(&[("errors.restart.on", "all")]);
        assert!(matches!(all.judge(ErrorClass::Internal, 0), Verdict::Restart { .. }));
        assert!(matches!(all.judge(ErrorClass::Invalid, 0), Verdict::Leave(_)));
        let none = config(&[("errors.restart.on", "none")]);
        assert!(matches!(none.judge(ErrorClass::Retriable, 0), Verdict::Leave(_)));
    }

    #[test]
    fn waits_double_up_to_their_limit() {
        let config =
            config(&[("errors.restart.delay.ms", "100"), ("errors.restart.delay.max.ms", "1000")]);
        for (attempts, most) in [(0, 100), (1, 200), (3, 800), (4, 1000), (u32::MAX - 1, 1000)] {
            let Verdict::Restart { attempt, wait } = config.judge(ErrorClass::Retriable, attempts)
            else {
                panic!("left after {attempts}");
            };
            assert_eq!(attempt, attempts + 1);
            let most = Duration::from_millis(most);
            assert!(wait >= most / 2 && wait <= most, "{attempts}: {wait:?}");
        }
    }

    #[test]
    fn attempts_are_counted_and_the_worker_sets_defaults() {
        let worker = Props::from([("errors.restart.max.attempts", "2")]);
        let config = RepairConfig::of(&Props::new(), &worker);
        assert!(matches!(config.judge(ErrorClass::Retriable, 1), Verdict::Restart { .. }));
        assert!(matches!(config.judge(ErrorClass::Retriable, 2), Verdict::Leave(_)));
        let own = Props::from([("errors.restart.max.attempts", "-1")]);
        let config = RepairConfig::of(&own, &worker);
        assert!(matches!(config.judge(ErrorClass::Retriable, 9), Verdict::Restart { .. }));
    }
}
