//! Options of both classes, as users write them, and what they mean to the engine.

pub(crate) mod aiven;
mod auth;
pub(crate) mod confluent;
mod own;
mod read;

use connect_api::config::Props;

pub(crate) use self::own::share;

/// Names once what is accepted and means nothing here.
pub(crate) fn warn_of_idle(props: &Props, idle: &[&str]) {
    let is_idle = |key: &&str| {
        idle.iter().any(|name| match name.strip_suffix('*') {
            Some(prefix) => key.starts_with(prefix),
            None => key == name,
        })
    };
    let found: Vec<_> = props.keys().filter(is_idle).collect();
    if !found.is_empty() {
        let keys = found.join(", ");
        tracing::info!(
            keys,
            "These settings mean nothing to this sink and are passed over: {keys}"
        );
    }
}
