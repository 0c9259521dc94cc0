//! The suite that every sink passes, with a folder per record so that groups have many files, and with
//! files that grow.

use connect_api::sink::SinkConnector;
use connect_testkit::{
    sink::{Fault as Refusal, Handling, SinkFixture},
    sink_conformance,
};

use super::*;

/// With one growing file or not.
struct Cluster<const GROWS: bool> {
    server: Server,
}

impl<const GROWS: bool> SinkFixture for Cluster<GROWS> {
    async fn start() -> Self {
        Self { server: Server::start().await }
    }

    fn connector(&self) -> Box<dyn SinkConnector> {
        Box::new(HdfsSink::HDFS3)
    }

    fn props(&self) -> Props {
        props(
            &self.server,
            &[
                ("flush.size", "4"),
                ("rotate.schedule.interval.ms", "600000"),
                ("timezone", "UTC"),
                (
                    "partitioner.class",
                    if GROWS { "DefaultPartitioner" } else { "FieldPartitioner" },
                ),
                ("partition.field.name", "id"),
                ("behavior.on.null.values", "ignore"),
                ("hdfs.append", if GROWS { "true" } else { "false" }),
                ("report.null.values.to.dlq", "false"),
            ],
        )
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[("store.url", "http://127.0.0.1:1"), ("webhdfs.url", "")]
    }

    async fn arrived(&self) -> Vec<String> {
        let files = self.server.committed().into_values();
        let texts = files.map(|bytes| String::from_utf8(bytes).unwrap());
        let ids = texts.flat_map(|text| {
            let lines = text.lines().map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                value["id"].as_str().unwrap().to_owned()
            });
            lines.collect::<Vec<_>>()
        });
        ids.collect()
    }

    fn tombstones(&self) -> Handling {
        Handling::Skipped
    }

    fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
        if GROWS {
            // What has no folder would be bad, and all are in one.
            return None;
        }
        let mut record = self.record(origin, offset, "bad");
        record.value = SchemaAndValue::schemaless("no object".into());
        Some(record)
    }

    fn fail_next(&self, fault: Refusal) -> bool {
        self.server.fail([match fault {
            Refusal::BeforeWrite => Fault::Answer(403, "RetriableException", "busy"),
            Refusal::AfterWrite => Fault::BreakAfter,
        }]);
        true
    }
}

sink_conformance!(Cluster<false>);

mod growing {
    use super::Cluster;

    connect_testkit::sink_conformance!(Cluster<true>);
}
