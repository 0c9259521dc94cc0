//! The suite that every sink passes, with a folder per record so that groups have many files.

use connect_testkit::{
    sink::{Fault as Refusal, Handling, SinkFixture},
    sink_conformance,
};

use super::{
    server::{BUCKET, Fault, Server},
    *,
};

struct Bucket {
    server: Server,
}

impl SinkFixture for Bucket {
    async fn start() -> Self {
        Self { server: Server::start().await }
    }

    fn connector(&self) -> Box<dyn SinkConnector> {
        Box::new(S3Sink)
    }

    fn props(&self) -> Props {
        Props::from([
            ("s3.bucket.name", BUCKET),
            ("store.url", self.server.url.as_str()),
            ("aws.access.key.id", "key"),
            ("aws.secret.access.key", "secret"),
            ("storage.class", "S3Storage"),
            ("format.class", "JsonFormat"),
            ("flush.size", "4"),
            ("retry.backoff.ms", "0"),
            ("s3.part.retries", "0"),
            ("rotate.schedule.interval.ms", "600000"),
            ("timezone", "UTC"),
            ("partitioner.class", "FieldPartitioner"),
            ("partition.field.name", "id"),
            ("behavior.on.null.values", "ignore"),
            ("report.null.values.to.dlq", "false"),
        ])
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[("store.url", "http://127.0.0.1:1")]
    }

    async fn arrived(&self) -> Vec<String> {
        let objects = self.server.objects().into_values();
        let texts = objects.map(|bytes| String::from_utf8(bytes).unwrap());
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
        let mut record = self.record(origin, offset, "bad");
        record.value = SchemaAndValue::schemaless("no object".into());
        Some(record)
    }

    fn fail_next(&self, fault: Refusal) -> bool {
        self.server.fail([match fault {
            Refusal::BeforeWrite => Fault::Answer(503, "SlowDown"),
            Refusal::AfterWrite => Fault::AnswerAfter(500, "InternalError"),
        }]);
        true
    }
}

sink_conformance!(Bucket);
