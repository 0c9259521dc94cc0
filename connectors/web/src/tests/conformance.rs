//! The conformance suite: events in memory, and events in a journal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use connect_api::{
    config::Props,
    record::{SourceOffset, SourceRecord},
    source::SourceConnector,
    value::Value,
};
use connect_testkit::source::SourceFixture;
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::harness::Web;
use crate::WebEventSource;

fn id(record: &SourceRecord) -> String {
    record.value.value.path("id").and_then(Value::as_str).unwrap().to_owned()
}

/// Between two tries of a client whom nobody listens to.
const PAUSE: Duration = Duration::from_millis(5);

/// Where the source is, without its task, and a client that sends one event after the other.
struct Address {
    _directory: TempDir,
    props: Props,
    ids: mpsc::Sender<(String, oneshot::Sender<()>)>,
    /// Whether the client tries to reach a listener that is away.
    is_waiting: Arc<AtomicBool>,
    _client: JoinSet<()>,
}

impl Address {
    fn new(entries: &[(&str, &str)]) -> Self {
        let web = Web::new(entries);
        let (ids, inbox) = mpsc::channel(100);
        let mut client = JoinSet::new();
        let is_waiting = Arc::<AtomicBool>::default();
        let waiting = Arc::clone(&is_waiting);
        client.spawn(send_all(web.client.clone(), web.url("/hook"), inbox, waiting));
        Self { _directory: web.directory, props: web.props, ids, is_waiting, _client: client }
    }

    /// Sends an event; while nobody listens, its client goes on to try.
    async fn feed(&self, id: &str) {
        let (told, sent) = oneshot::channel();
        self.ids.send((id.to_owned(), told)).await.unwrap();
        if !self.is_waiting.load(Ordering::SeqCst) {
            sent.await.unwrap();
        }
    }
}

async fn send_all(
    client: reqwest::Client,
    hook: String,
    mut ids: mpsc::Receiver<(String, oneshot::Sender<()>)>,
    is_waiting: Arc<AtomicBool>,
) {
    while let Some((id, told)) = ids.recv().await {
        let mut told = Some(told);
        loop {
            let sent = client.post(&hook).body(format!("{{\"id\":\"{id}\"}}")).send().await;
            is_waiting.store(sent.is_err(), Ordering::SeqCst);
            if let Some(told) = told.take() {
                // Nobody waits for what comes behind an event that is still tried.
                let _gone = told.send(());
            }
            match sent {
                Ok(answer) => break assert_eq!(answer.status(), 200),
                Err(error) => assert!(error.is_connect(), "{error}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
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

            fn lost(&self) -> &'static [(&'static str, &'static str)] {
                &[("listen", "192.0.2.1:8088")]
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
                self.0.feed(record).await;
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
