//! What becomes of every key of Kafka's Java clients.

use super::Sink;

/// What becomes of a key.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// librdkafka knows it by the same name.
    Same,
    /// librdkafka knows it by this name.
    Renamed(&'static str),
    /// It is written in another way.
    Translated(fn(&str, &mut Sink) -> Result<(), String>),
    /// Another part of this room reads it.
    Ours,
    /// It means nothing here.
    Ignored,
    /// It would have to change what we do, and cannot.
    Refused(&'static str),
}

/// Whom a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
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
pub(super) const TABLE: &[(&str, For, Fate)] = &[
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

/// Minus one leaves the choice to the system in Java, zero does here.
fn buffer(value: &str, key: &str, sink: &mut Sink) -> Result<(), String> {
    sink.set(key, if value == "-1" { "0" } else { value });
    Ok(())
}

fn buffer_memory(value: &str, sink: &mut Sink) -> Result<(), String> {
    let bytes: u64 = value.parse().map_err(|_| "Setting \"buffer.memory\" is not a number")?;
    sink.set("queue.buffering.max.kbytes", (bytes / 1024).max(1).to_string());
    Ok(())
}

fn simple_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

fn partitioner(value: &str, sink: &mut Sink) -> Result<(), String> {
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

fn ignore_keys(value: &str, sink: &mut Sink) -> Result<(), String> {
    if value.eq_ignore_ascii_case("true") {
        sink.set("partitioner", "random");
    }
    Ok(())
}

fn group_protocol(value: &str, sink: &mut Sink) -> Result<(), String> {
    sink.set("group.protocol", value.to_lowercase());
    Ok(())
}

fn isolation(value: &str, sink: &mut Sink) -> Result<(), String> {
    sink.set("isolation.level", value.to_lowercase());
    Ok(())
}

fn offset_reset(value: &str, sink: &mut Sink) -> Result<(), String> {
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

fn auto_commit(value: &str, _sink: &mut Sink) -> Result<(), String> {
    if value.eq_ignore_ascii_case("true") {
        return Err("Setting \"enable.auto.commit\" is true, which would commit records before \
                    they are written: remove it"
            .to_owned());
    }
    Ok(())
}

/// librdkafka takes either kind of assignor, not a mixture; Java's default list begins with an
/// eager one, and so does ours.
fn assignors(value: &str, sink: &mut Sink) -> Result<(), String> {
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
