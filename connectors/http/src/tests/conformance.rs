//! The suite that every sink passes: with topics of answers and without, one by one and in batches.

use std::sync::Arc;

use connect_api::{
    config::Props,
    record::{SinkRecord, TopicPartition},
    sink::SinkConnector,
    value::{Map, Value},
};
use connect_testkit::{
    geocoder::{Geocoder, GeocoderServer, Mischief, Turn},
    sink::{Delivery, Fault, Handling, SinkFixture},
    sink_conformance,
};

use crate::HttpSink;

async fn server() -> GeocoderServer {
    GeocoderServer::start(Geocoder::new(1, Mischief::default())).await.unwrap()
}

fn arrived(server: &GeocoderServer) -> Vec<String> {
    let visits = server.geocoder.visits().into_iter().filter(|visit| visit.is_served);
    visits.map(|visit| visit.id).collect()
}

fn refuse(server: &GeocoderServer, fault: Fault) -> bool {
    server.geocoder.next([match fault {
        Fault::BeforeWrite => Turn::Status(503),
        Fault::AfterWrite => Turn::ServeAndBreakOff,
    }]);
    true
}

/// A record without the field that the address is made from.
fn without_id(mut record: SinkRecord) -> SinkRecord {
    record.value.value = Value::Map(Map::new(vec![("other".into(), "x".into())]));
    record
}

mod with_answers {
    use super::*;

    struct Service(GeocoderServer);

    impl SinkFixture for Service {
        async fn start() -> Self {
            Self(server().await)
        }

        fn connector(&self) -> Box<dyn SinkConnector> {
            Box::new(HttpSink::CONFLUENT)
        }

        fn props(&self) -> Props {
            let url = format!("{}/find?id=${{id}}", self.0.url());
            Props::from_iter([
                ("http.api.url", url.as_str()),
                ("retry.backoff.ms", "1"),
                ("reporter.result.topic.name", "${connector}-found"),
            ])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("http.api.url", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            arrived(&self.0)
        }

        /// A service that did its work and broke off is asked again.
        fn delivery(&self) -> Delivery {
            Delivery::AtLeastOnce
        }

        fn tombstones(&self) -> Handling {
            Handling::Skipped
        }

        fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
            Some(without_id(self.record(origin, offset, "bad")))
        }

        fn fail_next(&self, fault: Fault) -> bool {
            refuse(&self.0, fault)
        }
    }

    sink_conformance!(Service);
}

mod without_answers {
    use super::*;

    struct Service(GeocoderServer);

    impl SinkFixture for Service {
        async fn start() -> Self {
            Self(server().await)
        }

        fn connector(&self) -> Box<dyn SinkConnector> {
            Box::new(HttpSink::AIVEN)
        }

        fn props(&self) -> Props {
            let url = format!("{}/find?id=${{id}}", self.0.url());
            Props::from_iter([
                ("http.url", url.as_str()),
                ("http.authorization.type", "none"),
                ("behavior.on.null.values", "ignore"),
                ("retry.backoff.ms", "1"),
                ("max.in.flight", "3"),
            ])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("http.url", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            arrived(&self.0)
        }

        fn delivery(&self) -> Delivery {
            Delivery::AtLeastOnce
        }

        fn tombstones(&self) -> Handling {
            Handling::Skipped
        }

        fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
            Some(without_id(self.record(origin, offset, "bad")))
        }

        fn fail_next(&self, fault: Fault) -> bool {
            refuse(&self.0, fault)
        }
    }

    sink_conformance!(Service);
}

/// Nothing is lost or doubled where nothing breaks off: with answers, a crash at any step included.
mod exactly_once {
    use super::*;

    struct Service(Arc<GeocoderServer>);

    impl SinkFixture for Service {
        async fn start() -> Self {
            Self(Arc::new(server().await))
        }

        fn connector(&self) -> Box<dyn SinkConnector> {
            Box::new(HttpSink::CONFLUENT)
        }

        fn props(&self) -> Props {
            let url = format!("{}/find?id=${{id}}", self.0.url());
            Props::from_iter([
                ("http.api.url", url.as_str()),
                ("request.method", "GET"),
                ("max.in.flight", "4"),
                ("reporter.bootstrap.servers", "localhost:9092"),
            ])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("http.api.url", "http://127.0.0.1:1")]
        }

        async fn arrived(&self) -> Vec<String> {
            arrived(&self.0)
        }

        fn tombstones(&self) -> Handling {
            Handling::Skipped
        }
    }

    sink_conformance!(Service);
}
