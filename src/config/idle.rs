//! Keys of Kafka Connect's workers that this worker does not act on.
//!
//! A worker file is taken as it is. What its keys say to a JVM worker is checked here too, so that
//! a mistake is found before the file is given back; a key that does nothing is named once in the
//! log. What would do harm by doing nothing is not among them: it is read, and refused.
//!
//! Source: apache/kafka `WorkerConfig.java`, `DistributedConfig.java`.

use std::time::Duration;

use connect_api::{
    choice,
    config::{Config, ConfigErrors, Problems, Props},
};

use super::worker::{Mode, WorkerConfig};

choice! {
    /// How a JVM worker finds its plugins. Source: KIP-898.
    enum PluginDiscovery {
        /// By reflection.
        OnlyScan = "only_scan",
        /// By both, with warnings.
        HybridWarn = "hybrid_warn",
        /// By both, with failures.
        HybridFail = "hybrid_fail",
        /// By service files.
        ServiceLoad = "service_load",
    }
}

choice! {
    /// How much a JVM worker measures.
    enum RecordingLevel {
        /// Little.
        Info = "INFO",
        /// More.
        Debug = "DEBUG",
        /// Everything.
        Trace = "TRACE",
    }
}

choice! {
    /// How workers of a group agree.
    enum ConnectProtocol {
        /// Everything stops for it.
        Eager = "eager",
        /// Little by little.
        Compatible = "compatible",
        /// Little by little, with signed requests.
        Sessioned = "sessioned",
    }
}

/// Keys of both kinds of worker.
#[expect(dead_code, reason = "checked, never read")]
#[derive(Config)]
struct IdleConfig {
    /// Folders of plugins; those of this worker are built in.
    #[config(importance = Low)]
    plugin_path: Option<Vec<String>>,
    /// How plugins are found; those of this worker are built in.
    #[config(default = PluginDiscovery::HybridWarn, importance = Low)]
    plugin_discovery: PluginDiscovery,
    /// How much JMX measures.
    #[config(default = RecordingLevel::Info, importance = Low)]
    metrics_recording_level: RecordingLevel,
    /// Java classes that report metrics.
    #[config(default = "", importance = Low)]
    metric_reporters: Vec<String>,
    /// Whether JMX reports metrics.
    #[config(default = true, importance = Low)]
    auto_include_jmx_reporter: bool,
}

/// Keys of a group of workers; this worker is alone in its group.
#[expect(dead_code, reason = "checked, never read")]
#[derive(Config)]
#[config(check)]
struct IdleGroupConfig {
    /// Silence after which a member counts as gone, in milliseconds.
    #[config(key = "session.timeout.ms", default = 10000, importance = High)]
    session_timeout: Duration,
    /// Time between two signs of life, in milliseconds.
    #[config(key = "heartbeat.interval.ms", default = 3000, importance = High)]
    heartbeat_interval: Duration,
    /// Time that members have to join a rebalance, in milliseconds.
    #[config(key = "rebalance.timeout.ms", default = 60000, importance = High)]
    rebalance_timeout: Duration,
    /// How members agree.
    #[config(default = ConnectProtocol::Sessioned, importance = Low)]
    connect_protocol: ConnectProtocol,
    /// Longest wait for a member to come back, in milliseconds.
    #[config(default = 300000, importance = Low, check = at_least(0))]
    scheduled_rebalance_max_delay_ms: i32,
    /// Wait of a member that lags behind, in milliseconds.
    #[config(key = "worker.sync.timeout.ms", default = 3000)]
    worker_sync_timeout: Duration,
    /// Pause of a member that cannot catch up, in milliseconds.
    #[config(key = "worker.unsync.backoff.ms", default = 300000)]
    worker_unsync_backoff: Duration,
    /// Algorithm that makes keys between members.
    #[config(default = "HmacSHA256", importance = Low)]
    inter_worker_key_generation_algorithm: String,
    /// Bits of those keys.
    #[config(importance = Low)]
    inter_worker_key_size: Option<i32>,
    /// Life of those keys, in milliseconds.
    #[config(default = 3600000, importance = Low, check = at_least(0))]
    inter_worker_key_ttl_ms: i32,
    /// Algorithm that members sign requests with.
    #[config(default = "HmacSHA256", importance = Low)]
    inter_worker_signature_algorithm: String,
    /// Algorithms that members accept.
    #[config(default = "HmacSHA256", importance = Low)]
    inter_worker_verification_algorithms: Vec<String>,
}

impl IdleGroupConfig {
    /// Source: apache/kafka `DistributedConfig.validateInterWorkerKeyConfigs`.
    fn check(&self, problems: &mut Problems) {
        let accepted = &self.inter_worker_verification_algorithms;
        let signs = &self.inter_worker_signature_algorithm;
        if accepted.is_empty() {
            problems.add(
                "inter.worker.verification.algorithms",
                "",
                "At least one signature verification algorithm must be provided",
            );
        } else if !accepted.contains(signs) {
            problems.add(
                "inter.worker.signature.algorithm",
                signs,
                "Signature algorithm must be present in inter.worker.verification.algorithms list",
            );
        }
    }
}

/// What begins the names of keys that are read by somebody: plugins, clients, providers, listeners.
const READ_PREFIXES: [&str; 15] = [
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "config.providers",
    "producer.",
    "consumer.",
    "admin.",
    "connector.client.config.override.",
    "errors.restart.",
    // Of the REST server
    "listeners.https.",
    "rest.",
    "access.control.",
    "response.http.headers.",
    "ssl.client.",
    "admin.listeners",
];

/// What begins the names of topic settings, which only distributed workers have topics for.
const TOPIC_PREFIXES: [&str; 3] = ["config.storage.", "offset.storage.", "status.storage."];

/// What begins the names of further keys without meaning.
const IDLE_PREFIXES: [&str; 2] = ["metrics.context.", "internal."];

/// Keys of topics that the worker decides.
const DECIDED: [&str; 4] = [
    "config.storage.partitions",
    "config.storage.cleanup.policy",
    "offset.storage.cleanup.policy",
    "status.storage.cleanup.policy",
];

/// What becomes of a key of a worker file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// It is read.
    Read,
    /// It means something to a JVM worker, or to one of the other mode, and nothing here.
    Idle,
    /// It is no key of a worker; the clients of the broker may know it.
    Foreign,
}

impl KeyUse {
    /// What becomes of this key.
    #[must_use]
    pub fn of(key: &str, mode: Mode) -> Self {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let is_idle = IdleConfig::def().get(key).is_some()
            || IdleGroupConfig::def().get(key).is_some()
            || begins(&IDLE_PREFIXES);
        let is_elsewhere = match mode {
            Mode::Standalone => {
                let is_distributed =
                    ["group.id", "client.id", "exactly.once.source.support"].contains(&key);
                is_distributed || begins(&TOPIC_PREFIXES) && key != "offset.storage.file.filename"
            }
            Mode::Distributed => key == "offset.storage.file.filename",
        };
        if is_idle || is_elsewhere || DECIDED.contains(&key) {
            Self::Idle
        } else if WorkerConfig::def().get(key).is_some()
            || begins(&READ_PREFIXES)
            || begins(&TOPIC_PREFIXES)
            || key == "client.id"
        {
            Self::Read
        } else {
            Self::Foreign
        }
    }
}

/// Checks the keys that nothing reads.
///
/// # Errors
/// What a JVM worker would refuse.
pub(super) fn check(props: &Props, mode: Mode) -> Result<(), ConfigErrors> {
    IdleConfig::parse(props)?;
    if mode == Mode::Distributed {
        IdleGroupConfig::parse(props)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(key: &str, value: &str) -> String {
        check(&Props::from([(key, value)]), Mode::Distributed).unwrap_err().to_string()
    }

    #[test]
    fn every_key_of_a_worker_has_its_use() {
        for (key, mode, expected) in [
            ("plugin.path", Mode::Distributed, KeyUse::Idle),
            ("session.timeout.ms", Mode::Distributed, KeyUse::Idle),
            ("internal.key.converter.schemas.enable", Mode::Standalone, KeyUse::Idle),
            ("config.storage.partitions", Mode::Distributed, KeyUse::Idle),
            ("config.storage.min.insync.replicas", Mode::Distributed, KeyUse::Read),
            ("config.storage.min.insync.replicas", Mode::Standalone, KeyUse::Idle),
            ("group.id", Mode::Distributed, KeyUse::Read),
            ("group.id", Mode::Standalone, KeyUse::Idle),
            ("offset.storage.file.filename", Mode::Standalone, KeyUse::Read),
            ("offset.storage.file.filename", Mode::Distributed, KeyUse::Idle),
            ("config.providers", Mode::Standalone, KeyUse::Read),
            ("producer.acks", Mode::Standalone, KeyUse::Read),
            ("admin.listeners", Mode::Standalone, KeyUse::Read),
            ("sasl.mechanism", Mode::Standalone, KeyUse::Foreign),
        ] {
            assert_eq!(KeyUse::of(key, mode), expected, "{key} {mode:?}");
        }
    }

    #[test]
    fn what_a_jvm_worker_would_refuse_is_refused() {
        for (key, value, reason) in [
            ("connect.protocol", "loud", "String must be one of: eager, compatible, sessioned"),
            ("session.timeout.ms", "soon", "Not a number of type LONG"),
            (
                "inter.worker.signature.algorithm",
                "HmacMD5",
                "Signature algorithm must be present in inter.worker.verification.algorithms list",
            ),
        ] {
            let expected = format!("Invalid value {value} for configuration {key}: {reason}");
            assert_eq!(problem(key, value), expected);
        }
        let group = Props::from([("connect.protocol", "loud")]);
        assert_eq!(check(&group, Mode::Standalone), Ok(()));
    }
}
