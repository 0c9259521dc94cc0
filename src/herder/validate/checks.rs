//! Rules across the framework's options.
//!
//! Source: apache/kafka `SinkConnectorConfig.validate`, `DistributedHerder.java`.

use std::collections::BTreeSet;

use connect_api::{config::Props, source::ExactlyOnceSupport, source::SourceConnector};
use regex::Regex;

use crate::{
    config::{ClientOverrides, ExactlyOnceSource, Mode},
    herder::{offsets::group_of, settings::HerderSettings},
};

/// Problems by key.
type Problems = Vec<(String, String)>;

fn items(props: &Props, key: &str) -> Vec<String> {
    let text = props.get(key).unwrap_or_default();
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn word<'a>(props: &'a Props, key: &str) -> &'a str {
    props.get(key).map(str::trim).unwrap_or_default()
}

/// What is wrong with a sink's topics and group.
pub(super) fn sink(settings: &HerderSettings, props: &Props) -> Problems {
    let mut problems = topics(props);
    problems.extend(same_topics(props));
    problems.extend(dead_letters(props));
    if settings.mode == Mode::Distributed {
        problems.extend(group_clash(settings, props));
    }
    problems
}

fn topics(props: &Props) -> Problems {
    let has_topics = !items(props, "topics").is_empty();
    let has_regex = !word(props, "topics.regex").is_empty();
    let message = match (has_topics, has_regex) {
        (true, true) => "topics and topics.regex are mutually exclusive options, but both are set.",
        (false, false) => "Must configure one of topics or topics.regex",
        _ => return Vec::new(),
    };
    ["topics", "topics.regex"].map(|key| (key.to_owned(), message.to_owned())).into()
}

/// Source: KIP-1161.
fn same_topics(props: &Props) -> Option<(String, String)> {
    let topics = items(props, "topics");
    let distinct: BTreeSet<_> = topics.iter().collect();
    (distinct.len() < topics.len()).then(|| {
        let message = "Configuration 'topics' values must not be duplicated.";
        ("topics".to_owned(), message.to_owned())
    })
}

fn dead_letters(props: &Props) -> Option<(String, String)> {
    let queue = word(props, "errors.deadletterqueue.topic.name");
    if queue.is_empty() {
        return None;
    }
    let topics = items(props, "topics");
    if topics.iter().any(|topic| topic == queue) {
        let list = topics.join(", ");
        let message = format!(
            "The DLQ topic '{queue}' may not be included in the list of topics \
             ('topics=[{list}]') consumed by the connector"
        );
        return Some(("topics".to_owned(), message));
    }
    let pattern = word(props, "topics.regex");
    let whole = Regex::new(&format!("^(?:{pattern})$")).ok()?;
    (!pattern.is_empty() && whole.is_match(queue)).then(|| {
        let message = format!(
            "The DLQ topic '{queue}' may not be matched by the regex for the topics \
             ('topics.regex={pattern}') consumed by the connector"
        );
        ("topics.regex".to_owned(), message)
    })
}

fn group_clash(settings: &HerderSettings, props: &Props) -> Option<(String, String)> {
    let worker = settings.group_id.as_deref()?;
    let name = props.get("name")?;
    let group = group_of(name, props);
    if group != worker {
        return None;
    }
    let own = "consumer.override.group.id";
    Some(if props.contains_key(own) {
        let message =
            format!("Consumer group {group} conflicts with Connect worker group {worker}");
        (own.to_owned(), message)
    } else {
        let message = format!(
            "Consumer group for sink connector named {name} conflicts with Connect worker group \
             {worker}"
        );
        ("name".to_owned(), message)
    })
}

/// What is wrong with what a source asks of delivery.
pub(super) fn source(
    settings: &HerderSettings,
    props: &Props,
    connector: &dyn SourceConnector,
) -> Problems {
    let mut problems = Vec::new();
    if settings.mode == Mode::Standalone {
        return problems;
    }
    if word(props, "exactly.once.support").eq_ignore_ascii_case("required") {
        let message = if settings.exactly_once_sources != ExactlyOnceSource::Enabled {
            "This worker does not have exactly-once source support enabled."
        } else {
            match connector.exactly_once_support(props) {
                ExactlyOnceSupport::Supported => "",
                ExactlyOnceSupport::Unsupported => {
                    "The connector does not support exactly-once semantics with the provided \
                     configuration."
                }
                ExactlyOnceSupport::Unknown => {
                    "The connector does not implement the API required for preflight validation of \
                     exactly-once source support. Please consult the documentation for the \
                     connector to determine whether it supports exactly-once semantics, and then \
                     consider reconfiguring the connector to use the value \"requested\" for this \
                     property (which will disable this preflight check and allow the connector to \
                     be created)."
                }
            }
        };
        if !message.is_empty() {
            problems.push(("exactly.once.support".to_owned(), message.to_owned()));
        }
    }
    if word(props, "transaction.boundary").eq_ignore_ascii_case("connector") {
        let message = "The connector does not support connector-defined transaction boundaries \
                       with the given configuration. Please reconfigure it to use a different \
                       transaction boundary definition.";
        problems.push(("transaction.boundary".to_owned(), message.to_owned()));
    }
    problems
}

/// What is wrong with overriding a client setting.
pub(super) fn override_problem(policy: ClientOverrides, key: &str) -> Option<String> {
    let name = match policy {
        ClientOverrides::All => return None,
        ClientOverrides::None => "None",
        ClientOverrides::Principal => "Principal",
    };
    let is_identity = ["sasl.jaas.config", "sasl.mechanism", "security.protocol"].contains(&key);
    if policy == ClientOverrides::Principal && is_identity {
        return None;
    }
    Some(format!(
        "The '{name}' policy does not allow '{key}' to be overridden in the connector \
         configuration."
    ))
}
