//! Settings in the names of Kafka's Java clients, for librdkafka.
//!
//! Users bring configurations that were written for Java. [`TABLE`] says of every key of its
//! clients what becomes of it: passed on, renamed, translated, of no meaning here, or refused with
//! what to do instead. A key that is not in the table is librdkafka's own, or nobody's.

mod security;
mod table;

use std::collections::BTreeMap;

use connect_api::config::Props;
use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError, types::RDKafkaConfRes};

use self::table::{
    Fate::{Ignored, Ours, Refused, Renamed, Same, Translated},
    For, TABLE,
};
use crate::broker::{BrokerError, Result, SettingUse};

/// What a client is made for; a key of another role means nothing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Producer,
    Member,
    Reader,
    Admin,
}

/// Settings for librdkafka, and for ourselves where it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    native: BTreeMap<String, String>,
    /// How long a call may take.
    pub(super) api_timeout_ms: Option<u64>,
    /// Most records in one batch.
    pub(super) max_poll_records: Option<usize>,
    /// Whether the user said how long records wait for others.
    pub(super) has_linger: bool,
    /// Keys that were set and mean nothing here.
    pub(super) ignored: Vec<String>,
}

/// Where translations are written to.
#[derive(Debug, Default)]
struct Sink(BTreeMap<String, String>);

impl Sink {
    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl Settings {
    /// Translates settings for a client; later layers win.
    ///
    /// # Errors
    /// `Invalid`, with every problem that was found.
    pub(super) fn translate(role: Role, layers: &[&Props]) -> Result<Self> {
        let mut props = Props::new();
        for layer in layers {
            props.extend(layer.iter());
        }
        let mut sink = Sink(defaults(role));
        let mut settings = Self::default();
        let mut problems = Vec::new();
        problems.extend(security::translate(&props, &mut sink).err());
        for (key, value) in props.iter() {
            problems.extend(settings.translate_one(role, (key, value), &mut sink).err());
        }
        problems.extend(settings.take_own(&props).err());
        match role {
            Role::Producer => settle_producer(&props, &mut sink),
            Role::Member => settle_member(&mut sink),
            Role::Reader | Role::Admin => {}
        }
        if !problems.is_empty() {
            return Err(BrokerError::Invalid(problems.join("; ")));
        }
        settings.native = sink.0;
        Ok(settings)
    }

    fn translate_one(
        &mut self,
        role: Role,
        (key, value): (&str, &str),
        sink: &mut Sink,
    ) -> std::result::Result<(), String> {
        let mut rows = TABLE.iter().filter(|(name, _, _)| *name == key).peekable();
        if rows.peek().is_none() {
            return self.take_native(key, value, sink);
        }
        let fate = rows.find(|(_, whom, _)| role.includes(*whom)).map(|(_, _, fate)| *fate);
        match fate {
            Some(Same) => sink.set(key, value.trim()),
            Some(Renamed(name)) => sink.set(name, value.trim()),
            Some(Translated(translate)) => translate(value.trim(), sink)?,
            Some(Ours) => {}
            Some(Refused(why)) if !value.trim().is_empty() => {
                return Err(format!("Setting \"{key}\" was refused: {why}"));
            }
            Some(Ignored | Refused(_)) | None => self.ignored.push(key.to_owned()),
        }
        Ok(())
    }

    /// A key that is not Java's: librdkafka's own, or nobody's.
    fn take_native(
        &mut self,
        key: &str,
        value: &str,
        sink: &mut Sink,
    ) -> std::result::Result<(), String> {
        match ClientConfig::new().set(key, value).create_native_config() {
            Ok(_) => sink.set(key, value),
            Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_INVALID, ..)) => {
                return Err(format!("Setting \"{key}\" has a value that is not valid"));
            }
            Err(_) => self.ignored.push(key.to_owned()),
        }
        Ok(())
    }

    fn take_own(&mut self, props: &Props) -> std::result::Result<(), String> {
        self.api_timeout_ms = number(props, "default.api.timeout.ms")?;
        self.max_poll_records = number(props, "max.poll.records")?;
        self.has_linger =
            ["linger.ms", "queue.buffering.max.ms"].iter().any(|key| props.contains_key(key));
        Ok(())
    }

    /// What of a worker's properties every client of it has: what all kinds of client have in
    /// common. A worker has settings of the same names as a consumer's that are about its own
    /// group, such as `session.timeout.ms`, and many that are about no client at all.
    pub(super) fn common(worker: &Props) -> Props {
        let is_common = |(key, value): &(&str, &str)| {
            let mut rows = TABLE.iter().filter(|(name, _, _)| name == key).peekable();
            match rows.peek() {
                Some(_) => *key != "client.id" && rows.any(|(_, whom, _)| *whom == For::All),
                None => !matches!(
                    ClientConfig::new().set(*key, *value).create_native_config(),
                    Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..))
                ),
            }
        };
        worker.iter().filter(is_common).collect()
    }

    /// What the clients of a worker do with a key of its properties.
    pub(super) fn use_of(key: &str, value: &str) -> SettingUse {
        let rows: Vec<_> = TABLE.iter().filter(|(name, _, _)| *name == key).collect();
        let is_common = Self::common(&Props::from([(key, value)])).contains_key(key);
        match rows.iter().find(|(_, whom, _)| *whom == For::All) {
            Some((_, _, Ignored)) => SettingUse::Idle,
            Some(_) => SettingUse::Read,
            None if is_common => SettingUse::Read,
            None if rows.is_empty() => SettingUse::Unknown,
            None => SettingUse::Idle,
        }
    }

    /// Sets what the caller decides, whatever the user wrote.
    pub(super) fn force(&mut self, key: &str, value: impl Into<String>) {
        self.native.insert(key.to_owned(), value.into());
    }

    /// Makes a producer write inside transactions, whatever else was asked for.
    pub(super) fn make_transactional(&mut self, id: &str) {
        self.force("transactional.id", id);
        self.force("enable.idempotence", "true");
        self.force("acks", "all");
        for key in ["retries", "max.in.flight.requests.per.connection"] {
            self.native.remove(key);
        }
        // librdkafka keeps the delivery within the transaction by itself, and refuses more.
        self.native.remove("delivery.timeout.ms");
    }

    /// What librdkafka will be told.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.native.get(key).map(String::as_str)
    }

    /// librdkafka's configuration.
    pub(super) fn config(&self) -> ClientConfig {
        let mut config: ClientConfig = self.native.clone().into_iter().collect();
        let is_debugging = self.native.contains_key("debug");
        config.set_log_level(if is_debugging {
            RDKafkaLogLevel::Debug
        } else {
            RDKafkaLogLevel::Info
        });
        config
    }
}

impl Role {
    const fn includes(self, whom: For) -> bool {
        match whom {
            For::All => true,
            For::Producers => matches!(self, Self::Producer),
            For::Consumers => !matches!(self, Self::Producer),
        }
    }
}

/// What differs from librdkafka's own defaults.
fn defaults(role: Role) -> BTreeMap<String, String> {
    let all = [
        // Reports about the client are the worker's business.
        ("enable.metrics.push", "false"),
        // A connection that the broker closed for idleness is no news.
        ("log.connection.close", "false"),
        ("socket.keepalive.enable", "true"),
    ];
    let own: &[(&str, &str)] = match role {
        Role::Producer => &[
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
            // 16 MB of records, and of the some 200 bytes that librdkafka adds to each.
            ("queue.buffering.max.kbytes", "16384"),
            ("queue.buffering.max.messages", "50000"),
            // librdkafka has one request of an idempotent producer under way per partition, so
            // that its size alone is what the pace depends on.
            ("batch.num.messages", "100000"),
            ("batch.size", "1000000"),
            // Longer than a record waits for the request before it: librdkafka looks without a
            // pause for a chance to send what has lingered. The producer's thread sends earlier.
            ("linger.ms", "100"),
            ("message.max.bytes", "1048576"),
        ],
        Role::Member | Role::Reader => &[
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // What was aborted was never written, whoever reads it.
            ("isolation.level", "read_committed"),
            ("check.crcs", "true"),
            // Memory: what is fetched ahead. Each record costs librdkafka some 400 bytes.
            ("queued.min.messages", "10000"),
            ("queued.max.messages.kbytes", "4096"),
            ("fetch.max.bytes", "16777216"),
            // A queue that was full is filled again at once.
            ("fetch.queue.backoff.ms", "10"),
            // How soon a topic that is created later is found.
            ("topic.metadata.refresh.interval.ms", "5000"),
            // How soon a member learns that others have joined: until then the first task of a
            // connector works for all, and much of that is done again.
            ("heartbeat.interval.ms", "500"),
        ],
        Role::Admin => &[],
    };
    all.iter().chain(own).map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Java turns idempotence off when other settings rule it out and nobody asked for it.
///
/// Source: apache/kafka `ProducerConfig.postProcessAndValidateIdempotenceConfigs`.
fn settle_producer(props: &Props, sink: &mut Sink) {
    let number = |key: &str| sink.get(key).and_then(|value| value.parse::<i64>().ok());
    let is_ruled_out = sink.get("acks").is_some_and(|acks| acks != "all" && acks != "-1")
        || number("retries") == Some(0)
        || number("max.in.flight.requests.per.connection").is_some_and(|most| most > 5);
    if is_ruled_out && !props.contains_key("enable.idempotence") {
        sink.set("enable.idempotence", "false");
    }
    let codec = sink.get("compression.type").unwrap_or("none").to_owned();
    if let Some(level) = props.get(&format!("compression.{codec}.level")) {
        sink.set("compression.level", level.trim());
    }
}

/// The new group protocol has no use for what the broker decides there.
fn settle_member(sink: &mut Sink) {
    if sink.get("group.protocol") == Some("consumer") {
        for key in ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"]
        {
            sink.0.remove(key);
        }
    }
}

fn number<T: std::str::FromStr>(
    props: &Props,
    key: &str,
) -> std::result::Result<Option<T>, String> {
    let parsed = props.get(key).map(|value| value.trim().parse());
    parsed.transpose().map_err(|_not_a_number| format!("Setting \"{key}\" is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::ClientKind;

    fn translated(role: Role, entries: &[(&str, &str)]) -> Settings {
        Settings::translate(role, &[&Props::from_iter(entries.iter().copied())]).unwrap()
    }

    fn problem(role: Role, key: &str, value: &str) -> String {
        Settings::translate(role, &[&Props::from_iter([(key, value)])]).unwrap_err().to_string()
    }

    #[test]
    fn every_default_and_every_passed_key_is_one_that_librdkafka_takes() {
        for role in [Role::Producer, Role::Member, Role::Reader, Role::Admin] {
            translated(role, &[]).config().create_native_config().map(|_| ()).unwrap();
        }
        for (key, _, fate) in TABLE {
            let name = match fate {
                Same => key,
                Renamed(name) => name,
                _ => continue,
            };
            let set = ClientConfig::new().set(*name, "?").create_native_config().err();
            let is_unknown = matches!(
                set,
                Some(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..))
            );
            assert!(!is_unknown, "{name}");
        }
    }

    #[test]
    fn every_key_is_one_that_clients_in_java_know() {
        // No longer, and still in configurations.
        const GONE: [&str; 1] = ["auto.include.jmx.reporter"];
        for (key, whom, _) in TABLE.iter().filter(|(key, _, _)| !GONE.contains(key)) {
            let kinds = match whom {
                For::All => vec![ClientKind::Producer, ClientKind::Consumer, ClientKind::Admin],
                For::Producers => vec![ClientKind::Producer],
                For::Consumers => vec![ClientKind::Consumer],
            };
            assert!(kinds.iter().any(|kind| kind.def().get(key).is_some()), "{key}");
        }
    }

    #[test]
    fn later_layers_win_and_keys_of_other_roles_are_ignored() {
        let worker = Props::from_iter([("linger.ms", "1"), ("fetch.min.bytes", "7")]);
        let connector = Props::from_iter([("linger.ms", "50")]);
        let settings = Settings::translate(Role::Producer, &[&worker, &connector]).unwrap();
        assert_eq!(settings.get("linger.ms"), Some("50"));
        assert_eq!(settings.get("fetch.min.bytes"), None);
        assert_eq!(settings.ignored, ["fetch.min.bytes"]);
    }

    #[test]
    fn a_worker_gives_its_clients_what_clients_have_in_common() {
        let worker = Props::from_iter([
            ("bootstrap.servers", "a:1"),
            ("security.protocol", "SSL"),
            ("broker.address.family", "v4"),
            ("client.id", "worker"),
            ("group.id", "connect"),
            ("session.timeout.ms", "10000"),
            ("offset.storage.topic", "offsets"),
        ]);
        let common = Settings::common(&worker);
        let keys: Vec<_> = common.keys().collect();
        assert_eq!(keys, ["bootstrap.servers", "broker.address.family", "security.protocol"]);
    }

    #[test]
    fn a_key_of_a_worker_is_read_idle_or_unknown() {
        for (key, value, expected) in [
            ("security.protocol", "SSL", SettingUse::Read),
            ("broker.address.family", "v4", SettingUse::Read),
            ("ssl.provider", "x", SettingUse::Idle),
            ("request.timeout.ms", "1", SettingUse::Idle),
            ("sercurity.protocol", "SSL", SettingUse::Unknown),
        ] {
            assert_eq!(Settings::use_of(key, value), expected, "{key}");
        }
    }

    #[test]
    fn idempotence_yields_to_settings_that_rule_it_out_unless_asked_for() {
        let idempotence = |entries: &[(&str, &str)]| {
            translated(Role::Producer, entries).get("enable.idempotence").map(str::to_owned)
        };
        assert_eq!(idempotence(&[]).as_deref(), Some("true"));
        assert_eq!(idempotence(&[("acks", "1")]).as_deref(), Some("false"));
        assert_eq!(
            idempotence(&[("acks", "1"), ("enable.idempotence", "true")]).as_deref(),
            Some("true")
        );
    }

    #[test]
    fn what_java_spells_otherwise_is_translated() {
        let producer = translated(
            Role::Producer,
            &[("buffer.memory", "33554432"), ("max.request.size", "2000000")],
        );
        assert_eq!(producer.get("queue.buffering.max.kbytes"), Some("32768"));
        assert_eq!(producer.get("message.max.bytes"), Some("2000000"));
        let member = translated(
            Role::Member,
            &[
                ("auto.offset.reset", "none"),
                (
                    "partition.assignment.strategy",
                    "org.apache.kafka.clients.consumer.RangeAssignor,\
                     org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
                ),
                ("max.poll.records", "12"),
            ],
        );
        assert_eq!(member.get("auto.offset.reset"), Some("error"));
        assert_eq!(member.get("partition.assignment.strategy"), Some("range"));
        assert_eq!(member.max_poll_records, Some(12));
    }

    #[test]
    fn what_cannot_be_obeyed_is_refused_with_what_to_do() {
        assert!(problem(Role::Member, "enable.auto.commit", "true").contains("remove it"));
        assert!(problem(Role::Producer, "interceptor.classes", "a.B").contains("remove it"));
        assert!(problem(Role::Member, "auto.offset.reset", "sometimes").contains("use earliest"));
        assert!(problem(Role::Producer, "debug", "nonsense").contains("not valid"));
    }

    #[test]
    fn nobodys_keys_are_named_and_librdkafkas_own_are_taken() {
        let settings =
            translated(Role::Producer, &[("no.such.key", "1"), ("queue.buffering.max.ms", "3")]);
        assert_eq!(settings.ignored, ["no.such.key"]);
        assert_eq!(settings.get("queue.buffering.max.ms"), Some("3"));
    }
}
