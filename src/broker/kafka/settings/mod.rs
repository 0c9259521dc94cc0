//! Settings in the names of Kafka's Java clients, for librdkafka.
//!
//! Users bring configurations that were written for Java. [`TABLE`] says of every key of its
//! clients what becomes of it: passed on, renamed, translated, of no meaning here, or refused with
//! what to do instead. A key that is not in the table is librdkafka's own, or nobody's.

mod security;

use std::collections::BTreeMap;

use connect_api::config::Props;
use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError, types::RDKafkaConfRes};

use crate::broker::{BrokerError, Result};

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

/// What becomes of a key.
#[derive(Clone, Copy)]
enum Fate {
    /// librdkafka knows it by the same name.
    Same,
    /// librdkafka knows it by this name.
    Renamed(&'static str),
    /// It is written in another way.
    Translated(fn(&str, &mut Sink) -> std::result::Result<(), String>),
    /// Another part of this room reads it.
    Ours,
    /// It means nothing here.
    Ignored,
    /// It would have to change what we do, and cannot.
    Refused(&'static str),
}

/// Whom a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    All,
    Producers,
    Consumers,
}

use Fate::{Ignored, Ours, Refused, Renamed, Same, Translated};
use For::{All, Consumers, Producers};

const NO_JAVA: &str = "it names Java classes, which cannot run here: remove it";

/// Every key of Kafka's Java clients.
///
/// Source: apache/kafka `ProducerConfig`, `ConsumerConfig`, `AdminClientConfig`, `SslConfigs`,
/// `SaslConfigs`; librdkafka `CONFIGURATION.md`.
const TABLE: &[(&str, For, Fate)] = &[
    ("bootstrap.servers", All, Same),
    ("client.id", All, Same),
    ("client.dns.lookup", All, Same),
    ("client.rack", Consumers, Same),
    ("connections.max.idle.ms", All, Same),
    ("reconnect.backoff.ms", All, Same),
    ("reconnect.backoff.max.ms", All, Same),
    ("retry.backoff.ms", All, Same),
    ("retry.backoff.max.ms", All, Same),
    ("metadata.max.age.ms", All, Renamed("topic.metadata.refresh.interval.ms")),
    ("metadata.recovery.strategy", All, Same),
    ("metadata.recovery.rebootstrap.trigger.ms", All, Same),
    ("enable.metrics.push", All, Same),
    ("socket.connection.setup.timeout.ms", All, Same),
    ("socket.connection.setup.timeout.max.ms", All, Ignored),
    ("send.buffer.bytes", All, Translated(|v, sink| buffer(v, "socket.send.buffer.bytes", sink))),
    (
        "receive.buffer.bytes",
        All,
        Translated(|v, sink| buffer(v, "socket.receive.buffer.bytes", sink)),
    ),
    ("default.api.timeout.ms", All, Ours),
    ("request.timeout.ms", Consumers, Renamed("socket.timeout.ms")),
    ("request.timeout.ms", Producers, Same),
    ("security.protocol", All, Ours),
    ("sasl.mechanism", All, Ours),
    ("sasl.jaas.config", All, Ours),
    ("sasl.kerberos.service.name", All, Ignored),
    ("sasl.client.callback.handler.class", All, Refused(NO_JAVA)),
    ("sasl.login.callback.handler.class", All, Refused(NO_JAVA)),
    ("sasl.login.class", All, Refused(NO_JAVA)),
    ("ssl.endpoint.identification.algorithm", All, Ours),
    ("ssl.truststore.location", All, Ours),
    ("ssl.truststore.certificates", All, Ours),
    ("ssl.truststore.type", All, Ours),
    ("ssl.truststore.password", All, Ours),
    ("ssl.keystore.location", All, Ours),
    ("ssl.keystore.type", All, Ours),
    ("ssl.keystore.password", All, Ours),
    ("ssl.keystore.key", All, Ours),
    ("ssl.keystore.certificate.chain", All, Ours),
    ("ssl.key.password", All, Ours),
    ("ssl.cipher.suites", All, Same),
    ("ssl.protocol", All, Ignored),
    ("ssl.enabled.protocols", All, Ignored),
    ("ssl.provider", All, Ignored),
    ("ssl.keymanager.algorithm", All, Ignored),
    ("ssl.trustmanager.algorithm", All, Ignored),
    ("ssl.secure.random.implementation", All, Ignored),
    ("ssl.engine.factory.class", All, Refused(NO_JAVA)),
    ("security.providers", All, Refused(NO_JAVA)),
    ("interceptor.classes", All, Refused(NO_JAVA)),
    ("metric.reporters", All, Ignored),
    ("metrics.num.samples", All, Ignored),
    ("metrics.recording.level", All, Ignored),
    ("metrics.sample.window.ms", All, Ignored),
    ("auto.include.jmx.reporter", All, Ignored),
    // Producers
    ("acks", Producers, Same),
    ("batch.size", Producers, Same),
    ("linger.ms", Producers, Same),
    ("compression.type", Producers, Same),
    ("compression.gzip.level", Producers, Ours),
    ("compression.lz4.level", Producers, Ours),
    ("compression.zstd.level", Producers, Ours),
    ("buffer.memory", Producers, Translated(buffer_memory)),
    ("max.block.ms", Producers, Ignored),
    ("max.request.size", Producers, Renamed("message.max.bytes")),
    ("max.in.flight.requests.per.connection", Producers, Same),
    ("delivery.timeout.ms", Producers, Same),
    ("retries", Producers, Same),
    ("enable.idempotence", Producers, Same),
    ("transactional.id", Producers, Ours),
    ("transaction.timeout.ms", Producers, Same),
    ("transaction.two.phase.commit.enable", Producers, Refused("it is not supported: remove it")),
    ("partitioner.class", Producers, Translated(partitioner)),
    ("partitioner.ignore.keys", Producers, Translated(ignore_keys)),
    ("partitioner.adaptive.partitioning.enable", Producers, Ignored),
    ("partitioner.availability.timeout.ms", Producers, Ignored),
    ("metadata.max.idle.ms", Producers, Ignored),
    ("key.serializer", Producers, Ignored),
    ("value.serializer", Producers, Ignored),
    // Consumers
    ("group.id", Consumers, Ours),
    ("group.instance.id", Consumers, Same),
    ("group.protocol", Consumers, Translated(group_protocol)),
    ("group.remote.assignor", Consumers, Same),
    ("auto.offset.reset", Consumers, Translated(offset_reset)),
    ("enable.auto.commit", Consumers, Translated(auto_commit)),
    ("auto.commit.interval.ms", Consumers, Ignored),
    ("fetch.min.bytes", Consumers, Same),
    ("fetch.max.bytes", Consumers, Same),
    ("fetch.max.wait.ms", Consumers, Renamed("fetch.wait.max.ms")),
    ("max.partition.fetch.bytes", Consumers, Same),
    ("max.poll.records", Consumers, Ours),
    ("max.poll.interval.ms", Consumers, Same),
    ("session.timeout.ms", Consumers, Same),
    ("heartbeat.interval.ms", Consumers, Same),
    ("isolation.level", Consumers, Translated(isolation)),
    ("check.crcs", Consumers, Same),
    ("partition.assignment.strategy", Consumers, Translated(assignors)),
    ("exclude.internal.topics", Consumers, Ours),
    ("allow.auto.create.topics", Consumers, Same),
    ("key.deserializer", Consumers, Ignored),
    ("value.deserializer", Consumers, Ignored),
];

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
        Ok(())
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
            All => true,
            Producers => matches!(self, Self::Producer),
            Consumers => !matches!(self, Self::Producer),
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
            ("queue.buffering.max.messages", "100000"),
            ("batch.num.messages", "10000"),
            ("batch.size", "1000000"),
            ("linger.ms", "5"),
            ("message.max.bytes", "1048576"),
        ],
        Role::Member | Role::Reader => &[
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_uncommitted"),
            ("check.crcs", "true"),
            // Memory: what is fetched ahead. Each record costs librdkafka some 400 bytes.
            ("queued.min.messages", "30000"),
            ("queued.max.messages.kbytes", "8192"),
            ("fetch.max.bytes", "16777216"),
            // A queue that was full is filled again at once.
            ("fetch.queue.backoff.ms", "10"),
            // How soon a topic that is created later is found.
            ("topic.metadata.refresh.interval.ms", "5000"),
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

/// Minus one leaves the choice to the system in Java, zero does here.
fn buffer(value: &str, key: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    sink.set(key, if value == "-1" { "0" } else { value });
    Ok(())
}

fn buffer_memory(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    let bytes: u64 = value.parse().map_err(|_| "Setting \"buffer.memory\" is not a number")?;
    sink.set("queue.buffering.max.kbytes", (bytes / 1024).max(1).to_string());
    Ok(())
}

fn simple_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

fn partitioner(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    match simple_name(value) {
        "" | "DefaultPartitioner" | "UniformStickyPartitioner" => Ok(()),
        "RoundRobinPartitioner" => {
            sink.set("partitioner", "random");
            Ok(())
        }
        other => Err(format!(
            "Setting \"partitioner.class\" names {other}, a Java class, which cannot run here: \
             remove it to have Kafka's default"
        )),
    }
}

fn ignore_keys(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    if value.eq_ignore_ascii_case("true") {
        sink.set("partitioner", "random");
    }
    Ok(())
}

fn group_protocol(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    sink.set("group.protocol", value.to_lowercase());
    Ok(())
}

fn isolation(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    sink.set("isolation.level", value.to_lowercase());
    Ok(())
}

fn offset_reset(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    let choice = match value.to_lowercase().as_str() {
        "earliest" => "earliest",
        "latest" => "latest",
        "none" => "error",
        _ => {
            return Err(format!(
                "Setting \"auto.offset.reset\" is \"{value}\": use earliest, latest or none"
            ));
        }
    };
    sink.set("auto.offset.reset", choice);
    Ok(())
}

fn auto_commit(value: &str, _sink: &mut Sink) -> std::result::Result<(), String> {
    if value.eq_ignore_ascii_case("true") {
        return Err("Setting \"enable.auto.commit\" is true, which would commit records before \
                    they are written: remove it"
            .to_owned());
    }
    Ok(())
}

/// librdkafka takes either kind of assignor, not a mixture; Java's default list begins with an
/// eager one, and so does ours.
fn assignors(value: &str, sink: &mut Sink) -> std::result::Result<(), String> {
    let mut eager = Vec::new();
    let mut has_cooperative = false;
    for class in value.split(',').map(str::trim).filter(|class| !class.is_empty()) {
        match simple_name(class) {
            "RangeAssignor" | "range" => eager.push("range"),
            "RoundRobinAssignor" | "roundrobin" => eager.push("roundrobin"),
            "CooperativeStickyAssignor" | "cooperative-sticky" => has_cooperative = true,
            other => {
                return Err(format!(
                    "Setting \"partition.assignment.strategy\" names {other}, which does not \
                     exist here: use RangeAssignor, RoundRobinAssignor or \
                     CooperativeStickyAssignor"
                ));
            }
        }
    }
    if !eager.is_empty() {
        sink.set("partition.assignment.strategy", eager.join(","));
    } else if has_cooperative {
        sink.set("partition.assignment.strategy", "cooperative-sticky");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let known = ClientConfig::new().create_native_config().unwrap();
            let found = known.get(name);
            // Keys without a default cannot be read back, but are told from unknown ones.
            let text = found.err().map(|error| format!("{error:?}")).unwrap_or_default();
            assert!(
                !text.contains("Unknown configuration name") || SET_ONLY.contains(name),
                "{name}"
            );
        }
    }

    /// Topic settings and aliases, which librdkafka sets but does not read back.
    const SET_ONLY: [&str; 4] =
        ["acks", "request.timeout.ms", "delivery.timeout.ms", "compression.type"];

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
