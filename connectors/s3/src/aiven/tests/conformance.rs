//! The suite that every sink passes: lines by partition, and one object per key.

use connect_testkit::{
    sink::{Delivery, Fault as Refusal, Handling, SinkFixture},
    sink_conformance,
};

use super::*;
use crate::task::tests::server::Fault;

async fn server() -> (Server, Props) {
    let rig = Rig::new(&[("format.output.fields", "key,value,timestamp")]).await;
    (rig.server, rig.props)
}

/// Ids in the keys of records, in their values where they have no key.
fn ids(server: &Server) -> Vec<String> {
    let ids = server.texts().into_values().flat_map(|text| {
        let lines = text.lines().map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = record["key"].as_str().or_else(|| record["value"]["id"].as_str());
            id.unwrap().to_owned()
        });
        lines.collect::<Vec<_>>()
    });
    ids.collect()
}

fn refuse(server: &Server, fault: Refusal) -> bool {
    // Once more than the client tries again.
    server.fail(match fault {
        Refusal::BeforeWrite => [Fault::Answer(503, "SlowDown"), Fault::Answer(503, "SlowDown")],
        Refusal::AfterWrite => {
            [Fault::AnswerAfter(500, "InternalError"), Fault::AnswerAfter(500, "InternalError")]
        }
    });
    true
}

mod by_partition {
    use super::*;

    struct Bucket {
        server: Server,
        props: Props,
    }

    impl SinkFixture for Bucket {
        async fn start() -> Self {
            let (server, props) = server().await;
            Self { server, props }
        }

        fn connector(&self) -> Box<dyn connect_api::sink::SinkConnector> {
            Box::new(AivenS3Sink)
        }

        fn props(&self) -> Props {
            let mut props = self.props.clone();
            props.insert("file.max.records", "4");
            props
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("aws.s3.endpoint", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            ids(&self.server)
        }

        fn delivery(&self) -> Delivery {
            Delivery::AtLeastOnce
        }

        fn tombstones(&self) -> Handling {
            Handling::Delivered
        }

        fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
            let mut record = self.record(origin, offset, "bad");
            record.timestamp_ms = Some(i64::MAX);
            Some(record)
        }

        fn fail_next(&self, fault: Refusal) -> bool {
            refuse(&self.server, fault)
        }
    }

    sink_conformance!(Bucket);
}

mod by_key {
    use super::*;

    struct Bucket {
        server: Server,
        props: Props,
    }

    impl SinkFixture for Bucket {
        async fn start() -> Self {
            let (server, props) = server().await;
            Self { server, props }
        }

        fn connector(&self) -> Box<dyn connect_api::sink::SinkConnector> {
            Box::new(AivenS3Sink)
        }

        fn props(&self) -> Props {
            let mut props = self.props.clone();
            props.insert("file.name.template", "{{topic}}/{{partition}}/{{key}}");
            props
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("aws.s3.endpoint", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            ids(&self.server)
        }

        /// A tombstone has the key of the record before it, and takes the place of that.
        fn tombstones(&self) -> Handling {
            Handling::Skipped
        }

        fn fail_next(&self, fault: Refusal) -> bool {
            refuse(&self.server, fault)
        }
    }

    sink_conformance!(Bucket);
}
