//! The worker's properties: one definition, checked once, with their meaning beside them.

use std::{path::PathBuf, time::Duration};

use connect_api::{
    choice,
    config::{ClassName, Config, ConfigKind, ConfigType, Problems, Props},
};

use super::{RestConfig, Result, idle};

/// How the worker keeps its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Connectors come from the command line, source offsets live in a file.
    Standalone,
    /// Everything lives in topics.
    Distributed,
}

choice! {
    /// Whether source tasks write through transactions.
    ///
    /// Source: KIP-618.
    #[derive(Default)]
    pub enum ExactlyOnceSource {
        /// They do not.
        #[default]
        Disabled = "disabled",
        /// They do not yet, but the cluster is made ready for it.
        Preparing = "preparing",
        /// They do.
        Enabled = "enabled",
    }
}

/// Which client settings a connector may override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOverrides {
    /// Any.
    All,
    /// None.
    None,
    /// Those that say who the client is.
    Principal,
}

/// Where the broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerChoice {
    /// A Kafka cluster.
    Kafka(String),
    /// The embedded log in this directory.
    Embedded(PathBuf),
}

/// Properties of a worker.
#[expect(clippy::struct_excessive_bools, reason = "each is a key that users set by its name")]
#[derive(Config, Clone, Debug)]
#[config(check)]
pub struct WorkerConfig {
    /// Brokers to reach the cluster by, `host:port,…`; or `embedded:DIRECTORY` for the embedded
    /// log, which needs no Kafka.
    #[config(default = "localhost:9092", importance = High, check = NOT_EMPTY)]
    bootstrap_servers: Vec<String>,
    /// Converter of record keys for connectors that name none; `key.converter.*` configure it.
    #[config(importance = High)]
    pub key_converter: ClassName,
    /// Converter of record values for connectors that name none; `value.converter.*` configure it.
    #[config(importance = High)]
    pub value_converter: ClassName,
    /// Converter of headers for connectors that name none.
    #[config(
        default = "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        importance = Low
    )]
    pub header_converter: ClassName,
    /// Time all tasks together have to stop, in milliseconds.
    #[config(key = "task.shutdown.graceful.timeout.ms", default = 5000, importance = Low)]
    pub task_shutdown_timeout: Duration,
    /// Time between two commits of offsets, in milliseconds.
    #[config(key = "offset.flush.interval.ms", default = 60000, importance = Low)]
    pub offset_flush_interval: Duration,
    /// Longest time a commit of offsets may take, in milliseconds.
    #[config(key = "offset.flush.timeout.ms", default = 5000, importance = Low)]
    pub offset_flush_timeout: Duration,
    /// Whether source tasks may create topics with the settings of their connector.
    #[config(default = true, importance = Low)]
    pub topic_creation_enable: bool,
    /// Whether the topics that a connector uses are remembered.
    #[config(default = true, importance = Low)]
    pub topic_tracking_enable: bool,
    /// Whether the remembered topics may be forgotten by request.
    #[config(default = true, importance = Low)]
    pub topic_tracking_allow_reset: bool,
    /// Which client settings a connector may override.
    #[config(key = "connector.client.config.override.policy", default = "All", importance = Medium)]
    pub client_overrides: ClientOverrides,
    /// The REST server.
    #[config(flatten)]
    pub rest: RestConfig,
    /// Bytes that all buffers of the worker may hold at once; the default suits a container of
    /// 256 MB.
    #[config(key = "memory.budget.bytes", default = 134217728, importance = Medium,
             check = at_least(16777216))]
    pub memory_budget_bytes: u64,
    /// Length of the samples that rates, means and extremes of `/metrics` are made of, in
    /// milliseconds.
    #[config(key = "metrics.sample.window.ms", default = 30000, importance = Low,
             check = at_least(1))]
    pub metrics_sample_window: Duration,
    /// Number of those samples.
    #[config(default = 2, importance = Low, check = at_least(1))]
    pub metrics_num_samples: u32,
    /// File that keeps the offsets of source connectors; standalone workers on Kafka only.
    #[config(importance = High)]
    pub offset_storage_file_filename: Option<PathBuf>,
    /// Name of the group of workers; distributed workers only.
    #[config(importance = High)]
    pub group_id: Option<String>,
    /// Topic that keeps the configurations of connectors; distributed workers only.
    #[config(importance = High)]
    pub config_storage_topic: Option<String>,
    /// Copies of the configuration topic; -1 leaves it to the broker.
    #[config(default = 3, importance = Low)]
    pub config_storage_replication_factor: i16,
    /// Topic that keeps the offsets of source connectors; distributed workers only.
    #[config(importance = High)]
    pub offset_storage_topic: Option<String>,
    /// Copies of the offset topic; -1 leaves it to the broker.
    #[config(default = 3, importance = Low)]
    pub offset_storage_replication_factor: i16,
    /// Partitions of the offset topic; -1 leaves it to the broker.
    #[config(default = 25, importance = Low)]
    pub offset_storage_partitions: i32,
    /// Topic that keeps the states of connectors and tasks; distributed workers only.
    #[config(importance = High)]
    pub status_storage_topic: Option<String>,
    /// Copies of the status topic; -1 leaves it to the broker.
    #[config(default = 3, importance = Low)]
    pub status_storage_replication_factor: i16,
    /// Partitions of the status topic; -1 leaves it to the broker.
    #[config(default = 5, importance = Low)]
    pub status_storage_partitions: i32,
    /// Whether source tasks write records and offsets in one transaction; distributed workers
    /// only. On the embedded log they always do.
    #[config(key = "exactly.once.source.support", default = "disabled", importance = High)]
    pub exactly_once_source: ExactlyOnceSource,
}

/// An alias or a class of Kafka Connect.
impl ConfigType for ClientOverrides {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        const POLICY: &str = "ConnectorClientConfigOverridePolicy";
        let name = text.strip_prefix("org.apache.kafka.connect.connector.policy.").unwrap_or(text);
        match name.strip_suffix(POLICY).unwrap_or(name) {
            "All" => Ok(Self::All),
            "None" => Ok(Self::None),
            "Principal" => Ok(Self::Principal),
            _ => Err(format!(
                "Class {text} could not be found. This worker has the policies All, None and \
                 Principal, and does not guess what another one would allow"
            )),
        }
    }
}

impl WorkerConfig {
    /// Gives a worker file its meaning.
    ///
    /// # Errors
    /// Every key that is missing or wrong, at once.
    pub fn load(props: &Props, mode: Mode) -> Result<Self> {
        let mut config = Self::parse(props)?;
        idle::check(props, mode)?;
        let mut problems = Problems::new();
        config.check_mode(mode, &mut problems);
        problems.finish()?;
        if mode == Mode::Standalone {
            config.exactly_once_source = ExactlyOnceSource::Disabled;
        }
        Ok(config)
    }

    /// Where the broker is.
    #[must_use]
    pub fn broker(&self) -> BrokerChoice {
        match self.bootstrap_servers.first().and_then(|first| first.strip_prefix("embedded:")) {
            Some(directory) => BrokerChoice::Embedded(directory.into()),
            None => BrokerChoice::Kafka(self.bootstrap_servers.join(",")),
        }
    }

    fn check(&self, problems: &mut Problems) {
        if let BrokerChoice::Embedded(directory) = self.broker()
            && (directory.as_os_str().is_empty() || self.bootstrap_servers.len() > 1)
        {
            problems.add_text(
                "bootstrap.servers",
                "Invalid value for configuration bootstrap.servers: the embedded log is named \
                 alone, as embedded:DIRECTORY",
            );
        }
        for (key, count) in [
            ("offset.storage.partitions", self.offset_storage_partitions),
            ("status.storage.partitions", self.status_storage_partitions),
        ] {
            if count < 1 && count != -1 {
                problems.add(
                    key,
                    count,
                    "Number of partitions must be positive, or -1 to use the broker's default",
                );
            }
        }
    }

    fn check_mode(&self, mode: Mode, problems: &mut Problems) {
        let is_on_kafka = matches!(self.broker(), BrokerChoice::Kafka(_));
        let required = match mode {
            Mode::Standalone if is_on_kafka => {
                vec![("offset.storage.file.filename", self.offset_storage_file_filename.is_some())]
            }
            Mode::Standalone => Vec::new(),
            Mode::Distributed => vec![
                ("group.id", self.group_id.is_some()),
                ("config.storage.topic", self.config_storage_topic.is_some()),
                ("offset.storage.topic", self.offset_storage_topic.is_some()),
                ("status.storage.topic", self.status_storage_topic.is_some()),
            ],
        };
        for (key, _) in required.into_iter().filter(|(_, is_present)| !is_present) {
            let message =
                format!("Missing required configuration \"{key}\" which has no default value.");
            problems.add_text(key, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::error::chain;

    use super::*;

    fn props(pairs: &[(&str, &str)]) -> Props {
        let converters = [("key.converter", "K"), ("value.converter", "V")];
        converters.iter().chain(pairs).copied().collect()
    }

    #[test]
    fn the_broker_is_chosen_by_bootstrap_servers() {
        let load = |servers| {
            let props = props(&[
                ("bootstrap.servers", servers),
                ("offset.storage.file.filename", "/tmp/offsets"),
            ]);
            WorkerConfig::load(&props, Mode::Standalone).unwrap().broker()
        };
        assert_eq!(load("embedded:/var/lib/m"), BrokerChoice::Embedded("/var/lib/m".into()));
        assert_eq!(load("a:1, b:2"), BrokerChoice::Kafka("a:1,b:2".to_owned()));
    }

    #[test]
    fn a_distributed_worker_names_everything_it_lacks_at_once() {
        let error = WorkerConfig::load(&props(&[]), Mode::Distributed).unwrap_err();
        let text = chain(&error);
        for key in ["group.id", "config.storage.topic", "status.storage.topic"] {
            let message =
                format!("Missing required configuration \"{key}\" which has no default value.");
            assert!(text.contains(&message), "{text}");
        }
    }

    #[test]
    fn a_policy_is_known_by_alias_and_class_and_never_guessed() {
        let load = |policy| {
            let props = props(&[
                ("offset.storage.file.filename", "/tmp/offsets"),
                ("connector.client.config.override.policy", policy),
            ]);
            WorkerConfig::load(&props, Mode::Standalone).map(|config| config.client_overrides)
        };
        let class = "org.apache.kafka.connect.connector.policy.\
                     NoneConnectorClientConfigOverridePolicy";
        assert_eq!(load("Principal").unwrap(), ClientOverrides::Principal);
        assert_eq!(load(class).unwrap(), ClientOverrides::None);
        let refused = load("Allowlist").unwrap_err();
        assert!(chain(&refused).contains("Class Allowlist could not be found."));
    }

    #[test]
    fn a_list_without_a_broker_is_refused() {
        let error = WorkerConfig::load(&props(&[("bootstrap.servers", " ")]), Mode::Standalone);
        assert!(chain(&error.unwrap_err()).contains("configuration bootstrap.servers: Empty list"));
    }

    #[test]
    fn an_embedded_log_without_a_directory_is_refused() {
        let props = props(&[("bootstrap.servers", "embedded:")]);
        let error = WorkerConfig::load(&props, Mode::Standalone).unwrap_err();
        assert!(chain(&error).contains("embedded:DIRECTORY"));
    }
}
