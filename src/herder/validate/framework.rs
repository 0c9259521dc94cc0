//! Options that the framework gives every connector.
//!
//! Source: apache/kafka `ConnectorConfig.java`, `SinkConnectorConfig.java`,
//! `SourceConnectorConfig.java`.

use connect_api::config::{
    ConfigDef, ConfigKey, ConfigKind, Importance, PRINTABLE, REGEX, UNIQUE, Width, at_least,
    one_of, one_of_any_case,
};

use super::defaults::Defaults;
use crate::herder::{plugins::Plugins, replies::ConnectorType};

const COMMON: &str = "Common";
const ERRORS: &str = "Error Handling";

/// The framework's options for a kind of connector.
pub(in crate::herder) fn framework_def(
    kind: ConnectorType,
    plugins: &Plugins,
    defaults: &Defaults,
) -> ConfigDef {
    let keys = common(plugins, defaults).into_iter().chain(error_handling());
    let own = match kind {
        ConnectorType::Sink => sink(),
        _ => source(),
    };
    keys.chain(own).collect()
}

fn key(kind: ConfigKind, name: &str, display: &str, documentation: &str) -> ConfigKey {
    ConfigKey::new(kind, name, documentation).group(COMMON).display_name(display)
}

/// Gives an option a default if there is one.
fn or_none(key: ConfigKey, default: Option<&str>) -> ConfigKey {
    match default {
        Some(text) => key.default(text),
        None => key.optional(),
    }
}

fn common(plugins: &Plugins, defaults: &Defaults) -> Vec<ConfigKey> {
    let mut keys = identity(defaults);
    keys.extend(converters(plugins, defaults));
    for (order, name, display, what) in [
        (12, "transforms", "Transforms", "transformations to be applied to records"),
        (13, "predicates", "Predicates", "predicates used by transformations"),
    ] {
        let list = key(ConfigKind::List, name, display, &format!("Aliases for the {what}."));
        let list = list.default("").importance(Importance::Low).group(display).check(UNIQUE);
        keys.push(list.order(order).width(Width::Long));
    }
    keys.push(
        key(
            ConfigKind::String,
            "config.action.reload",
            "Reload Action",
            "What to do when values that come from an external configuration provider change: \
             'none' or 'restart' the connector.",
        )
        .default("restart")
        .importance(Importance::Low)
        .order(14)
        .width(Width::Medium)
        .check(one_of(&["none", "restart"])),
    );
    keys
}

/// Class and version of each converter; what the worker has is the default.
fn converters(plugins: &Plugins, defaults: &Defaults) -> Vec<ConfigKey> {
    let classes: Vec<_> = plugins.converters.iter().map(|found| found.class.clone()).collect();
    let headers: Vec<_> =
        plugins.header_converters.iter().map(|found| found.class.clone()).collect();
    let rows = [
        (6, "key", "Key", "keys", &classes),
        (8, "value", "Value", "values", &classes),
        (10, "header", "Header", "headers", &headers),
    ];
    rows.into_iter()
        .zip(&defaults.converters)
        .flat_map(|((order, role, capital, what, known), default)| {
            let name = format!("{role}.converter");
            let documentation = format!(
                "Converter class between Kafka Connect format and the serialized form of {what} \
                 in Kafka; without one, the worker's."
            );
            let display = format!("{capital} converter class");
            let class = key(ConfigKind::Class, &name, &display, &documentation).recommended(known);
            let documentation = format!("Version of the {role} converter; there is one.");
            let display = format!("{capital} converter version");
            let name = format!("{name}.plugin.version");
            let version = key(ConfigKind::String, &name, &display, &documentation)
                .recommended(&default.version);
            let low = |key: ConfigKey, order| {
                key.importance(Importance::Low).order(order).width(Width::Short)
            };
            [
                low(or_none(class, default.class.as_deref()), order),
                low(or_none(version, default.version.as_deref()), order + 1),
            ]
        })
        .collect()
}

fn identity(defaults: &Defaults) -> Vec<ConfigKey> {
    vec![
        key(ConfigKind::String, "name", "Connector name", "Globally unique name of the connector.")
            .importance(Importance::High)
            .order(1)
            .width(Width::Medium)
            .check(PRINTABLE),
        key(
            ConfigKind::String,
            "connector.class",
            "Connector class",
            "Name or alias of the class for this connector.",
        )
        .importance(Importance::High)
        .order(2)
        .width(Width::Long),
        or_none(
            key(
                ConfigKind::String,
                "connector.plugin.version",
                "Connector version",
                "Version of the connector; there is one.",
            ),
            defaults.connector_version.as_deref(),
        )
        .order(3)
        .width(Width::Medium)
        .recommended(&defaults.connector_version),
        key(
            ConfigKind::Int,
            "tasks.max",
            "Tasks max",
            "Maximum number of tasks to use for this connector.",
        )
        .default(1)
        .importance(Importance::High)
        .order(4)
        .width(Width::Short)
        .check(at_least(1)),
        key(
            ConfigKind::Boolean,
            "tasks.max.enforce",
            "Enforce tasks max",
            "(Deprecated) Whether to fail a connector that generates more than tasks.max tasks.",
        )
        .default(true)
        .importance(Importance::Low)
        .order(5)
        .width(Width::Short),
    ]
}

fn errors(kind: ConfigKind, name: &str, display: &str, documentation: &str) -> ConfigKey {
    ConfigKey::new(kind, name, documentation).group(ERRORS).display_name(display)
}

fn error_handling() -> Vec<ConfigKey> {
    vec![
        errors(
            ConfigKind::Long,
            "errors.retry.timeout",
            "Retry Timeout for Errors",
            "Maximum milliseconds that a failed operation is tried again; 0 for never, -1 for \
             without end.",
        )
        .default(0)
        .order(1)
        .width(Width::Medium),
        errors(
            ConfigKind::Long,
            "errors.retry.delay.max.ms",
            "Maximum Delay Between Retries for Errors",
            "Maximum milliseconds between two tries of a failed operation.",
        )
        .default(60_000)
        .order(2)
        .width(Width::Medium),
        errors(
            ConfigKind::String,
            "errors.tolerance",
            "Error Tolerance",
            "Whether an error with a record fails the task ('none') or skips the record ('all').",
        )
        .default("none")
        .order(3)
        .width(Width::Short)
        .check(one_of(&["none", "all"])),
        errors(
            ConfigKind::Boolean,
            "errors.log.enable",
            "Log Errors",
            "Whether to log each error with the operation that failed.",
        )
        .default(false)
        .order(4)
        .width(Width::Short),
        errors(
            ConfigKind::Boolean,
            "errors.log.include.messages",
            "Log Error Details",
            "Whether the log of an error includes the record that failed.",
        )
        .default(false)
        .order(5)
        .width(Width::Short),
    ]
}

fn sink() -> Vec<ConfigKey> {
    vec![
        key(ConfigKind::List, "topics", "Topics", "Topics to consume, separated by commas.")
            .default("")
            .importance(Importance::High)
            .order(4)
            .width(Width::Long),
        key(
            ConfigKind::String,
            "topics.regex",
            "Topics regex",
            "Regular expression of the topics to consume; either this or topics.",
        )
        .default("")
        .importance(Importance::High)
        .order(4)
        .width(Width::Long)
        .check(REGEX),
        errors(
            ConfigKind::String,
            "errors.deadletterqueue.topic.name",
            "Dead Letter Queue Topic Name",
            "Topic for records that could not be processed; empty for none.",
        )
        .default("")
        .order(6)
        .width(Width::Medium),
        errors(
            ConfigKind::Short,
            "errors.deadletterqueue.topic.replication.factor",
            "Dead Letter Queue Topic Replication Factor",
            "Replication factor the dead letter queue topic is created with.",
        )
        .default(3)
        .order(7)
        .width(Width::Medium),
        errors(
            ConfigKind::Boolean,
            "errors.deadletterqueue.context.headers.enable",
            "Enable Error Context Headers",
            "Whether to add headers that say what went wrong to records in the dead letter queue.",
        )
        .default(false)
        .order(8)
        .width(Width::Medium),
    ]
}

fn under(
    kind: ConfigKind,
    name: &str,
    group: &str,
    display: &str,
    documentation: &str,
) -> ConfigKey {
    ConfigKey::new(kind, name, documentation).group(group).display_name(display)
}

fn source() -> Vec<ConfigKey> {
    let mut keys = vec![
        under(
            ConfigKind::List,
            "topic.creation.groups",
            "Topic Creation",
            "Topic Creation Groups",
            "Groups of settings for topics that the connector creates.",
        )
        .default("")
        .importance(Importance::Low)
        .order(1)
        .width(Width::Long)
        .check(UNIQUE),
    ];
    keys.extend(exactly_once());
    keys.push(
        under(
            ConfigKind::String,
            "offsets.storage.topic",
            "offsets.topic",
            "Offsets topic",
            "Topic of the connector's own for its offsets; the worker's when not set.",
        )
        .optional()
        .importance(Importance::Low)
        .order(1)
        .width(Width::Long)
        .check(|text: &str| {
            if text.is_empty() { Err("String must be non-empty".to_owned()) } else { Ok(()) }
        }),
    );
    keys
}

fn exactly_once() -> Vec<ConfigKey> {
    let eos = "Exactly Once Support";
    vec![
        under(
            ConfigKind::String,
            "exactly.once.support",
            eos,
            "Exactly once support",
            "Whether exactly-once delivery is 'requested', or 'required' so that a connector \
             without it is refused.",
        )
        .default("requested")
        .order(2)
        .width(Width::Short)
        .check(one_of_any_case(&["required", "requested"])),
        under(
            ConfigKind::String,
            "transaction.boundary",
            eos,
            "Transaction Boundary",
            "When transactions end: with each 'poll', by the 'interval', or when the 'connector' \
             says.",
        )
        .default("poll")
        .order(3)
        .width(Width::Short)
        .check(one_of_any_case(&["interval", "poll", "connector"])),
        under(
            ConfigKind::Long,
            "transaction.boundary.interval.ms",
            eos,
            "Transaction boundary interval",
            "Milliseconds between the ends of transactions; the worker's offset.flush.interval.ms \
             when not set.",
        )
        .optional()
        .importance(Importance::Low)
        .order(4)
        .width(Width::Short)
        .check(|text: &str| match text.parse::<i64>() {
            Ok(number) if number < 0 => Err("Value must be at least 0".to_owned()),
            _ => Ok(()),
        }),
    ]
}
