//! From a connector's configuration to those of its tasks.
//!
//! Source: apache/kafka `Worker.connectorTaskConfigs`, `AbstractHerder.reverseTransform`.

use std::sync::Arc;

use connect_api::{
    config::{ConfigDef, ConfigKey, ConfigKind, Importance, Props, Width},
    error::{ConnectorError, ErrorClass},
};

use super::{plugins::Plugins, settings::Resolve, starter::ConnectorPlugin};

/// Configurations of all tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Generated {
    /// Task configurations, in which references stand as the user wrote them.
    pub(super) tasks: Vec<Props>,
    /// The connector's configuration with its references resolved.
    pub(super) resolved: Arc<Props>,
}

/// Why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connector has failed.
    Fatal {
        /// Text for its status.
        trace: String,
    },
    /// The other system is away: try again.
    Later {
        /// Text for the log.
        reason: String,
    },
}

const CONNECT_EXCEPTION: &str = "org.apache.kafka.connect.errors.ConnectException";

/// Generates the configurations of a connector's tasks.
pub(super) fn generate(
    plugins: &Plugins,
    resolve: &Resolve,
    name: &str,
    (config, worker): (&Props, &Props),
) -> Result<Generated, Failure> {
    let resolved = resolve(config).map_err(|reason| fatal(CONNECT_EXCEPTION, &reason))?;
    let plugin = plugins
        .connector_of(&resolved)
        .map_err(|error| fatal(CONNECT_EXCEPTION, &error.to_string()))?;
    let limit = tasks_max(&resolved)?;
    if matches!(plugin, ConnectorPlugin::Source(_)) && is_on(worker, "topic.creation.enable") {
        check_topic_creation(&resolved)?;
    }
    let own = match &plugin {
        ConnectorPlugin::Source(source) => source.task_configs(&resolved, limit),
        ConnectorPlugin::Sink(sink) => sink.task_configs(&resolved, limit),
    };
    let own = own.map_err(|error| failure_of(&error))?;
    if own.len() > limit && is_on(&resolved, "tasks.max.enforce") {
        return Err(fatal(
            "org.apache.kafka.connect.runtime.TooManyTasksException",
            &too_many(name, own.len(), limit),
        ));
    }
    let tasks = own.into_iter().map(|task| complete(task, &plugin, config, &resolved)).collect();
    Ok(Generated { tasks, resolved: Arc::new(resolved) })
}

/// What to say of a connector that can never be started, whatever state it is to be in: its class is
/// not linked in, or it says something about the creation of topics and not enough.
pub(super) fn unusable(plugins: &Plugins, config: &Props, worker: &Props) -> Option<String> {
    let is_written = |key: &str| config.get(key).is_some_and(|text| !text.contains("${"));
    match plugins.connector_of(config) {
        Err(problem) if is_written("connector.class") => {
            Some(trace(CONNECT_EXCEPTION, &problem.to_string()))
        }
        Ok(ConnectorPlugin::Source(_)) if is_on(worker, "topic.creation.enable") => {
            let of_topics = |key: &&str| key.starts_with("topic.creation.");
            let failure = check_topic_creation(config).err()?;
            match failure {
                Failure::Fatal { trace } if config.keys().filter(of_topics).all(is_written) => {
                    Some(trace)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Topic creation needs its defaults as soon as anything is said about it.
fn topic_creation(props: &Props) -> ConfigDef {
    let is_used = props.keys().any(|key| key.starts_with("topic.creation."));
    if !is_used {
        return ConfigDef::new();
    }
    let group = "default";
    let checked = |kind, name: &str, display: &str, text: &str, broken: &'static str| {
        ConfigKey::new(kind, format!("topic.creation.default.{name}"), text)
            .importance(Importance::Low)
            .group(group)
            .width(Width::Long)
            .display_name(display)
            .check(move |text: &str| match text.parse::<i64>() {
                Ok(number) if number > 0 || number == -1 => Ok(()),
                _ => Err(broken.to_owned()),
            })
    };
    [
        checked(
            ConfigKind::Short,
            "replication.factor",
            "Replication Factor for Topics in default",
            "Replication factor for new topics, or -1 for the broker's default.",
            "Replication factor must be positive and not larger than the number of brokers in the \
             Kafka cluster, or -1 to use the broker's default",
        ),
        checked(
            ConfigKind::Int,
            "partitions",
            "Partition Count for Topics in default",
            "Number of partitions of new topics, or -1 for the broker's default.",
            "Number of partitions must be positive, or -1 to use the broker's default",
        ),
    ]
    .into_iter()
    .collect()
}

/// The text for a connector that generates more tasks than it may.
fn too_many(name: &str, found: usize, limit: usize) -> String {
    format!(
        "The connector {name} has generated {found} tasks, which is greater than {limit}, the \
         maximum number of tasks it is configured to create. This behaviour should be considered \
         a bug and is disallowed. If necessary, it can be permitted by reconfiguring the connector \
         with 'tasks.max.enforce' set to false; however, this option will be removed in a future \
         release of Kafka Connect."
    )
}

fn tasks_max(config: &Props) -> Result<usize, Failure> {
    let text = config.get("tasks.max").unwrap_or("1").trim();
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| {
        let reason = format!("Invalid value {text} for configuration tasks.max");
        fatal(ErrorClass::Invalid.java_class(), &reason)
    })
}

/// Whether a switch that is on by default was left so.
fn is_on(props: &Props, key: &str) -> bool {
    !props.get(key).is_some_and(|text| text.trim().eq_ignore_ascii_case("false"))
}

/// Validation does not look at these keys, the start does.
fn check_topic_creation(props: &Props) -> Result<(), Failure> {
    let problems = topic_creation(props).validate(props);
    let first = problems.into_iter().flat_map(|value| value.errors).next();
    first.map_or(Ok(()), |reason| Err(fatal(ErrorClass::Invalid.java_class(), &reason)))
}

/// Adds what the framework adds, and puts references back.
fn complete(mut task: Props, plugin: &ConnectorPlugin, raw: &Props, resolved: &Props) -> Props {
    for (key, written) in raw.iter().filter(|(_, written)| written.contains("${")) {
        if task.get(key).is_some_and(|value| resolved.get(key) == Some(value)) {
            task.insert(key, written);
        }
    }
    task.insert("task.class", plugin.task_class());
    if matches!(plugin, ConnectorPlugin::Sink(_)) {
        for key in ["topics", "topics.regex"] {
            if let Some(value) = raw.get(key) {
                task.insert(key, value);
            }
        }
    }
    task
}

fn failure_of(error: &ConnectorError) -> Failure {
    if error.class().is_retriable() {
        return Failure::Later { reason: connect_api::error::chain(error) };
    }
    Failure::Fatal { trace: trace_of(error) }
}

fn fatal(java_class: &str, reason: &str) -> Failure {
    Failure::Fatal { trace: trace(java_class, reason) }
}

fn trace(java_class: &str, reason: &str) -> String {
    format!("{java_class}: {reason}\n\tat {}", module_path!())
}

/// The error and its causes as the JVM would print them, one a line.
fn trace_of(error: &ConnectorError) -> String {
    let mut trace = format!("{}: {error}\n\tat {}", error.class().java_class(), module_path!());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        trace.push_str(&format!("\nCaused by: {error}"));
        cause = error.source();
    }
    trace
}
