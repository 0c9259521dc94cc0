//! The suite that every sink passes, for both classes.

use connect_testkit::{
    sink::{Fault as Refusal, Handling, SinkFixture},
    sink_conformance,
};

use super::*;

/// A far end with what both fixtures have in common.
struct Cluster {
    server: Server,
}

impl Cluster {
    async fn start() -> Self {
        Self { server: Server::start().await }
    }

    fn props(&self, more: [(&str, &str); 2]) -> Props {
        let mut props = Props::from([
            ("connection.url", self.server.url.as_str()),
            ("schema.ignore", "true"),
            ("retry.backoff.ms", "1"),
            ("read.timeout.ms", "60000"),
            ("flush.timeout.ms", "60000"),
            ("batch.size", "4"),
            ("max.in.flight.requests", "2"),
        ]);
        props.extend(more);
        props
    }

    fn arrived(&self) -> Vec<String> {
        let documents = self.server.all().into_iter();
        documents.map(|(_, it)| it.source["id"].as_str().unwrap().to_owned()).collect()
    }

    fn fail_next(&self, fault: Refusal) -> bool {
        self.server.fail([match fault {
            Refusal::BeforeWrite => Fault::Answer(503),
            Refusal::AfterWrite => Fault::BreakAfterWrite,
        }]);
        true
    }
}

fn bad(mut record: SinkRecord) -> SinkRecord {
    record.value.value = object(&[("id", "bad".into()), ("bad", Value::Int64(1))]);
    record
}

mod elasticsearch {
    use super::*;

    /// Ids are keys, and records without a value delete.
    struct Keyed(Cluster);

    impl SinkFixture for Keyed {
        async fn start() -> Self {
            Self(Cluster::start().await)
        }

        fn connector(&self) -> Box<dyn SinkConnector> {
            Box::new(SearchSink::ELASTICSEARCH)
        }

        fn props(&self) -> Props {
            self.0.props([("behavior.on.null.values", "delete"), ("flush.synchronously", "true")])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("connection.url", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            self.0.arrived()
        }

        fn tombstones(&self) -> Handling {
            Handling::Deletes
        }

        fn null_keys(&self) -> Handling {
            Handling::Rejected
        }

        fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
            Some(bad(self.record(origin, offset, "bad")))
        }

        fn fail_next(&self, fault: Refusal) -> bool {
            self.0.fail_next(fault)
        }
    }

    sink_conformance!(Keyed);
}

mod opensearch {
    use super::*;

    /// Ids are coordinates, and documents are only ever created.
    struct Created(Cluster);

    impl SinkFixture for Created {
        async fn start() -> Self {
            Self(Cluster::start().await)
        }

        fn connector(&self) -> Box<dyn SinkConnector> {
            Box::new(SearchSink::OPENSEARCH_LEGACY)
        }

        fn props(&self) -> Props {
            self.0.props([("key.ignore", "true"), ("data.stream.enabled", "true")])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("connection.url", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            self.0.arrived()
        }

        fn tombstones(&self) -> Handling {
            Handling::Skipped
        }

        fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
            Some(bad(self.record(origin, offset, "bad")))
        }

        fn fail_next(&self, fault: Refusal) -> bool {
            self.0.fail_next(fault)
        }
    }

    sink_conformance!(Created);
}
