//! The loggers there are: one for each room of the worker and each connector crate.
//!
//! A logger is named like the module that writes to it, with dots: `millrace.herder` is
//! `millrace::herder` and all below it. Scripts that were written for the JVM's worker name Java
//! packages; the table says which of ours these mean, so that they go on working.

/// Loggers that are always there.
pub(super) const KNOWN: &[&str] = &[
    "connect_aggregate",
    "connect_file",
    "connect_http",
    "connect_s3",
    "millrace",
    "millrace.app",
    "millrace.broker",
    "millrace.broker.embedded",
    "millrace.broker.kafka",
    "millrace.config",
    "millrace.convert",
    "millrace.herder",
    "millrace.pipeline",
    "millrace.rest",
    "millrace.runtime",
    "millrace.runtime.sink_task",
    "millrace.runtime.source_task",
    "millrace.store",
    "millrace.transform",
];

/// Java names, and what says here what they say there.
const COUNTERPARTS: &[(&str, &[&str])] = &[
    ("io.confluent.connect.s3", &["connect_s3"]),
    ("org.apache.kafka.clients", &["millrace.broker.kafka"]),
    ("org.apache.kafka.common.config", &["millrace.config"]),
    ("org.apache.kafka.connect.cli", &["millrace.app"]),
    ("org.apache.kafka.connect.converters", &["millrace.convert"]),
    ("org.apache.kafka.connect.file", &["connect_file"]),
    ("org.apache.kafka.connect.json", &["millrace.convert"]),
    ("org.apache.kafka.connect.runtime.AbstractHerder", &["millrace.herder"]),
    ("org.apache.kafka.connect.runtime.TransformationChain", &["millrace.pipeline"]),
    ("org.apache.kafka.connect.runtime.Worker", &["millrace.runtime"]),
    ("org.apache.kafka.connect.runtime.WorkerSinkTask", &["millrace.runtime.sink_task"]),
    ("org.apache.kafka.connect.runtime.WorkerSourceTask", &["millrace.runtime.source_task"]),
    ("org.apache.kafka.connect.runtime.distributed", &["millrace.herder"]),
    ("org.apache.kafka.connect.runtime.errors", &["millrace.pipeline"]),
    ("org.apache.kafka.connect.runtime.rest", &["millrace.rest"]),
    ("org.apache.kafka.connect.runtime.standalone", &["millrace.herder"]),
    ("org.apache.kafka.connect.storage", &["millrace.store"]),
    ("org.apache.kafka.connect.transforms", &["millrace.transform"]),
];

/// Our loggers that a name covers beyond those that begin with it.
pub(super) fn counterparts(name: &str) -> impl Iterator<Item = &'static str> {
    let rows = COUNTERPARTS.iter().filter(move |(java, _)| java.starts_with(name));
    rows.flat_map(|(_, ours)| ours.iter().copied())
}

/// What a logger hears of tracing's targets.
pub(super) fn target(name: &str) -> String {
    name.replace('.', "::")
}

/// The logger one step up; none above the last.
pub(super) fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counterpart_is_a_logger_that_is_there() {
        for ours in counterparts("") {
            assert!(KNOWN.contains(&ours), "{ours}");
        }
        assert!(KNOWN.is_sorted() && COUNTERPARTS.is_sorted_by_key(|(java, _)| java));
    }

    #[test]
    fn a_package_means_everything_below_it() {
        let rest: Vec<_> = counterparts("org.apache.kafka.connect.runtime.rest").collect();
        assert_eq!(rest, ["millrace.rest"]);
        let all: Vec<_> = counterparts("org.apache.kafka.connect").collect();
        assert!(all.contains(&"millrace.herder") && all.contains(&"connect_file"));
        assert_eq!(counterparts("com.example").count(), 0);
    }
}
