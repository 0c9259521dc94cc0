//! The conformance suite: events in memory, and events in a journal.

use connect_api::{
    config::Props,
    record::{SourceOffset, SourceRecord},
    source::SourceConnector,
    value::Value,
};
use connect_testkit::source::SourceFixture;
use tempfile::TempDir;

use super::harness::{Web, answer};
use crate::WebEventSource;

async fn feed(web: &Address, id: &str) {
    let hook = web.client.post(&web.hook).body(format!("{{\"id\":\"{id}\"}}"));
    let taken = answer(hook).await;
    assert_eq!(taken, (200, "{\"accepted\":1}".to_owned()));
}

fn id(record: &SourceRecord) -> String {
    record.value.value.path("id").and_then(Value::as_str).unwrap().to_owned()
}

/// Where the source is, without its task.
struct Address {
    _directory: TempDir,
    props: Props,
    client: reqwest::Client,
    hook: String,
}

impl Address {
    fn new(entries: &[(&str, &str)]) -> Self {
        let web = Web::new(entries);
        let hook = web.url("/hook");
        Self { _directory: web.directory, props: web.props, client: web.client, hook }
    }
}

const HOOK: (&str, &str) = ("routes", r#"[{"path": "/hook"}]"#);

/// Neither memory nor a port can be had twice, so that nothing can be read again.
macro_rules! fixture {
    ($name:ident, $entries:expr) => {
        struct $name(Address);

        impl SourceFixture for $name {
            async fn start() -> Self {
                Self(Address::new($entries))
            }
            fn connector(&self) -> Box<dyn SourceConnector> {
                Box::new(WebEventSource)
            }
            fn props(&self) -> Props {
                self.0.props.clone()
            }
            fn broken_props(&self) -> (Props, Vec<&'static str>) {
                let props = Props::from([
                    ("listen", "nowhere"),
                    ("topic", "t"),
                    ("routes", "[]"),
                    ("acks", "2"),
                    ("timestamp.format", "yyyy-bb"),
                    ("body.max.bytes", "0"),
                ]);
                let wrong = ["listen", "routes", "acks", "timestamp.format", "body.max.bytes"];
                (props, wrong.to_vec())
            }
            async fn feed(&self, record: &str) {
                feed(&self.0, record).await;
            }
            fn id(&self, record: &SourceRecord) -> String {
                id(record)
            }
            fn position(&self, offset: &SourceOffset) -> Option<i64> {
                offset.0.get("position")?.as_i64()
            }
            fn is_replayable(&self) -> bool {
                false
            }
        }
    };
}

mod memory {
    use super::*;

    fixture!(InMemory, &[HOOK, ("acks", "0")]);
    connect_testkit::source_conformance!(InMemory);
}

mod journal {
    use super::*;

    fixture!(
        InJournal,
        &[HOOK, ("acks", "1"), ("buffer.path", "BUFFER"), ("batch.max.records", "7")]
    );
    connect_testkit::source_conformance!(InJournal);
}
