//! A running task with a client.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use connect_api::{
    budget::MemoryBudget,
    config::Props,
    error::Result,
    record::{SourceBatch, SourceRecord},
    source::{SourceConnector as _, SourceContext, SourceTask},
};
use connect_testkit::{ManualClock, MemoryOffsets, source_context};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::WebEventSource;

/// 2026-11-21T10:00:00Z.
pub(super) const NOW_MS: i64 = 1_795_255_200_000;

/// Longest wait for what has to come: a guard, no measure.
pub(super) const GUARD: Duration = Duration::from_secs(20);

/// The route of the page of colours.
pub(super) const SELECT: &str = r#"[{"path": "/api/select", "fields": {"userAgent": "header:User-Agent", "colorName": "query:color", "userName": "query:user"}}]"#;

/// A port that is free now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A web source on a port of its own, with a directory for its buffer.
pub(super) struct Web {
    pub(super) directory: TempDir,
    pub(super) props: Props,
    pub(super) offsets: Arc<MemoryOffsets>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) client: reqwest::Client,
    pub(super) address: SocketAddr,
    /// None while it is stopped or killed.
    pub(super) task: Option<Box<dyn SourceTask>>,
}

impl Web {
    /// Starts a source with these properties beside its address and its topic.
    pub(super) async fn start(entries: &[(&str, &str)]) -> Self {
        let mut web = Self::new(entries);
        web.start_task().await.unwrap();
        web
    }

    pub(super) fn new(entries: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // A connection for each request: those of a task that crashed are of no use.
        connect_tls::choose_provider();
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = client.build().unwrap();
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
        let buffer = directory.path().join("buffer");
        let mut props = Props::from([
            ("listen", address.to_string().as_str()),
            ("topic", "events"),
            ("routes", SELECT),
        ]);
        for (key, value) in entries {
            let value = value.replace("BUFFER", buffer.to_str().unwrap());
            props.insert((*key).to_owned(), value);
        }
        Self {
            directory,
            props,
            offsets: Arc::default(),
            clock: ManualClock::at(NOW_MS),
            client,
            address,
            task: None,
        }
    }

    pub(super) async fn start_task(&mut self) -> Result<()> {
        self.start_with(64 << 20).await
    }

    pub(super) async fn start_with(&mut self, budget_bytes: usize) -> Result<()> {
        let context = source_context(&self.offsets, &self.clock);
        let context = SourceContext { budget: MemoryBudget::new(budget_bytes), ..context };
        self.task = Some(WebEventSource.start_task(&self.props, context).await?);
        Ok(())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path)).header("User-Agent", "Test/1")
    }

    pub(super) fn post(
        &self,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        self.client.post(self.url(path)).body(body)
    }

    pub(super) fn task(&mut self) -> &mut dyn SourceTask {
        &mut **self.task.as_mut().unwrap()
    }

    pub(super) async fn poll(&mut self) -> SourceBatch {
        timeout(GUARD, self.task().poll()).await.expect("a batch in time").unwrap()
    }

    /// Polls until so many records came; the broker takes each batch.
    pub(super) async fn records(&mut self, count: usize) -> Vec<SourceRecord> {
        let mut records = Vec::new();
        while records.len() < count {
            let batch = self.poll().await;
            self.offsets.commit(&batch.offsets);
            self.task().acknowledged(0);
            records.extend(batch.records);
        }
        records
    }
}

/// What a request was answered, as status and body.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = timeout(GUARD, request.send()).await.expect("an answer in time").unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The value of a record as JSON text.
pub(super) fn json(record: &SourceRecord) -> String {
    match &record.value.value {
        connect_api::value::Value::Map(map) => map.json().expect("a document").to_string(),
        other => format!("{other:?}"),
    }
}
