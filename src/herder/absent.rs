//! Well-known classes that are not linked in, and what to use instead.

use super::validate::most_like;

const ON_THE_JVM: &str = "keep it on a JVM worker with a group.id of its own, on the same Kafka";

/// Classes by the start of their names, and what their users can do.
const ABSENT: &[(&str, &str)] = &[
    (
        "org.apache.kafka.connect.mirror.",
        "run Kafka's own MirrorMaker (connect-mirror-maker.sh) beside this worker",
    ),
    (
        "org.apache.kafka.connect.tools.",
        "use `millrace generate logs` and the FileStream connectors",
    ),
    ("io.confluent.connect.s3.source.", ON_THE_JVM),
    ("io.debezium.", "keep Debezium on a JVM worker with a group.id of its own, on the same Kafka"),
    (
        "com.github.jcustenborder.kafka.connect.spooldir.",
        "use millrace.LogFileSourceConnector for files of lines",
    ),
    ("io.streamthoughts.kafka.connect.filepulse.", "use millrace.LogFileSourceConnector"),
    (
        "com.github.mmolimar.kafka.connect.fs.",
        "use millrace.LogFileSourceConnector for files on this machine",
    ),
    (
        "io.confluent.connect.transforms.Filter",
        "use millrace.transforms.FilterByCondition, which has the same options",
    ),
    (
        "io.confluent.connect.transforms.ExtractTopic",
        "use millrace.transforms.ExtractTopic, which has the same options",
    ),
    ("io.confluent.connect.", ON_THE_JVM),
    ("io.aiven.", ON_THE_JVM),
    ("io.lenses.", ON_THE_JVM),
    ("com.datamountaineer.", ON_THE_JVM),
    ("org.apache.camel.", ON_THE_JVM),
    ("com.mongodb.kafka.", ON_THE_JVM),
    ("com.snowflake.kafka.", ON_THE_JVM),
];

/// Simple names, for those who use them as aliases.
const SIMPLE: &[(&str, &str)] = &[
    ("MirrorSource", "org.apache.kafka.connect.mirror."),
    ("MirrorCheckpoint", "org.apache.kafka.connect.mirror."),
    ("MirrorHeartbeat", "org.apache.kafka.connect.mirror."),
    ("VerifiableSource", "org.apache.kafka.connect.tools."),
    ("VerifiableSink", "org.apache.kafka.connect.tools."),
    ("MockSource", "org.apache.kafka.connect.tools."),
    ("MockSink", "org.apache.kafka.connect.tools."),
    ("SchemaSource", "org.apache.kafka.connect.tools."),
];

/// A sentence about a class that is not linked in, with a blank before it; empty when there is
/// nothing to say.
pub(super) fn hint<'a>(class: &str, linked: impl IntoIterator<Item = &'a str>) -> String {
    let class = class.trim();
    let linked: Vec<_> = linked.into_iter().collect();
    let simple = |class: &'a str| class.rsplit('.').next().unwrap_or(class);
    let meant = most_like(class, linked.iter().copied()).or_else(|| {
        let own = class.rsplit('.').next().unwrap_or(class);
        let like = most_like(own, linked.iter().map(|class| simple(class)))?;
        linked.iter().copied().find(|class| simple(class) == like)
    });
    match (meant, instead(class)) {
        (Some(meant), _) => format!(" Did you mean {meant}?"),
        (None, Some(instead)) => format!(" {class} is not part of Millrace; {instead}."),
        (None, None) => String::new(),
    }
}

fn instead(class: &str) -> Option<&'static str> {
    let row = |name: &str| ABSENT.iter().find(|(start, _)| name.starts_with(start));
    let bare = ["Connector", "Converter"].iter().find_map(|role| class.strip_suffix(role));
    let bare = bare.unwrap_or(class);
    let simple = SIMPLE.iter().find(|(name, _)| *name == bare).and_then(|(_, start)| row(start));
    row(class).or(simple).map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKED: [&str; 2] =
        ["io.confluent.connect.s3.S3SinkConnector", "millrace.LogFileSourceConnector"];

    #[test]
    fn a_known_absent_class_says_what_to_use_instead() {
        let class = "org.apache.kafka.connect.mirror.MirrorSourceConnector";
        let said = hint(class, LINKED);
        assert!(said.starts_with(&format!(" {class} is not part of Millrace; ")), "{said}");
        assert!(hint("MirrorSource", LINKED).contains("MirrorMaker"));
        let filter = hint("io.confluent.connect.transforms.Filter$Value", []);
        assert!(filter.contains("FilterByCondition"), "{filter}");
    }

    #[test]
    fn a_slip_in_a_class_is_pointed_out() {
        let expected = " Did you mean millrace.LogFileSourceConnector?";
        assert_eq!(hint("millrace.LogFileSourceConector", LINKED), expected);
        assert_eq!(hint("LogfileSourceConnector", LINKED), expected);
        assert_eq!(hint("com.example.Nope", LINKED), "");
    }
}
