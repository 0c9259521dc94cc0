//! Options of both classes, as users write them, and what they mean to the engine.

pub(crate) mod aiven;
mod auth;
pub(crate) mod confluent;
mod own;
mod read;

use connect_api::config::Props;

pub(crate) use self::own::share;
use crate::settings::Settings;

/// Keys about the topics of answers in a configuration that does not turn these on.
pub(crate) fn idle_reporting<'a>(props: &'a Props, settings: &Settings) -> Vec<&'a str> {
    let is_about_it = |key: &&str| key.starts_with("reporter.") || *key == "report.errors.as";
    let keys = props.keys().filter(is_about_it);
    if settings.report.is_some() { Vec::new() } else { keys.collect() }
}

/// Says once that no topic of answers is written, where something else seems to be expected.
pub(crate) fn warn_of_reporting(props: &Props, settings: &Settings) {
    let found = idle_reporting(props, settings);
    if !found.is_empty() {
        tracing::warn!(
            "No answers are written to topics: {} do not ask for it. Give reporter.result.topic.name, \
             or reporter.bootstrap.servers as for the original",
            found.join(", ")
        );
    }
}
