//! A server of documents in memory that does as it is told.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    convert::Infallible,
    io::Read as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

/// What happens to the next bulk.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It is answered with this status, and nothing of it happens.
    Answer(u16),
    /// It happens, and the connection ends without an answer.
    BreakAfterWrite,
    /// Documents whose number in the bulk is one of these are put off.
    PutOff(Vec<usize>),
    /// It is refused as a whole if it has more documents than this.
    TooLargeAbove(usize),
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    pub(super) version: i64,
    pub(super) source: Json,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<(String, String), Document>,
    deleted: BTreeMap<(String, String), i64>,
    indices: BTreeMap<String, Json>,
    streams: BTreeSet<String>,
    faults: VecDeque<Fault>,
    seen: Vec<Seen>,
    /// Documents of bulks that are being worked on.
    busy: BTreeSet<(String, String)>,
    /// Documents that were in two bulks at once.
    overlaps: Vec<String>,
    bulks_at_once: usize,
    most_at_once: usize,
    next_id: usize,
    forbids_creation: bool,
    forbids_asking: bool,
}

/// The server; it ends with this.
pub(super) struct Server {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
    delay_ms: Arc<AtomicUsize>,
    stop: Arc<Notify>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (delay_ms, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let server = serve(listener, Arc::clone(&state), Arc::clone(&delay_ms), Arc::clone(&stop));
        #[expect(
            clippy::disallowed_methods,
            reason = "the server runs beside the test that owns it"
        )]
        drop(tokio::spawn(server));
        Self { url, state, delay_ms, stop }
    }

    /// What happens to the next bulks, in this order.
    pub(super) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// No more faults.
    pub(super) fn heal(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    pub(super) fn faults_left(&self) -> usize {
        self.state.lock().unwrap().faults.len()
    }

    /// Each bulk takes this long.
    pub(super) fn take_time(&self, ms: usize) {
        self.delay_ms.store(ms, Ordering::SeqCst);
    }

    pub(super) fn forbid_creation(&self) {
        self.state.lock().unwrap().forbids_creation = true;
    }

    /// Nobody may ask who is there.
    pub(super) fn forbid_asking(&self) {
        self.state.lock().unwrap().forbids_asking = true;
    }

    pub(super) fn create(&self, index: &str, mappings: Json) {
        self.state.lock().unwrap().indices.insert(index.to_owned(), mappings);
    }

    pub(super) fn mappings(&self, index: &str) -> Json {
        self.state.lock().unwrap().indices[index].clone()
    }

    pub(super) fn streams(&self) -> Vec<String> {
        self.state.lock().unwrap().streams.iter().cloned().collect()
    }

    /// Documents of an index by their ids.
    pub(super) fn documents(&self, index: &str) -> BTreeMap<String, Document> {
        let state = self.state.lock().unwrap();
        let own = state.documents.iter().filter(|((name, _), _)| name == index);
        own.map(|((_, id), document)| (id.clone(), document.clone())).collect()
    }

    pub(super) fn all(&self) -> Vec<(String, Document)> {
        let state = self.state.lock().unwrap();
        state.documents.iter().map(|((_, id), it)| (id.clone(), it.clone())).collect()
    }

    /// Requests so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// Documents of each bulk so far.
    pub(super) fn bulks(&self) -> Vec<usize> {
        let seen = self.seen();
        let bulks = seen.iter().filter(|seen| seen.line.starts_with("POST /_bulk"));
        bulks.map(|seen| operations(&seen.body).len()).collect()
    }

    /// Documents that were in two bulks at once, and how many bulks were on their way at most.
    pub(super) fn concurrency(&self) -> (Vec<String>, usize) {
        let state = self.state.lock().unwrap();
        (state.overlaps.clone(), state.most_at_once)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

async fn serve(
    listener: TcpListener,
    state: Arc<Mutex<State>>,
    delay_ms: Arc<AtomicUsize>,
    stop: Arc<Notify>,
) {
    let mut connections = JoinSet::new();
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            () = stop.notified() => return,
        };
        let (state, delay_ms) = (Arc::clone(&state), Arc::clone(&delay_ms));
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&state), &delay_ms));
            // A connection that is broken off ends with an error.
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await.ok();
        });
    }
}

type Answered = Result<Response<Full<Bytes>>, Broken>;

/// The connection ends.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    delay_ms: &AtomicUsize,
) -> Answered {
    let line = format!("{} {}", request.method(), request.uri());
    let headers: BTreeMap<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let bytes = request.into_body().collect().await.map_err(|_| Broken)?.to_bytes();
    let mut body = String::new();
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        GzDecoder::new(&*bytes).read_to_string(&mut body).unwrap();
    } else {
        body = String::from_utf8(bytes.to_vec()).unwrap();
    }
    state.lock().unwrap().seen.push(Seen { line: line.clone(), headers, body: body.clone() });
    if !line.starts_with("POST /_bulk") {
        let (status, answer) = manage(&mut state.lock().unwrap(), &line, &body);
        return Ok(response(status, &answer));
    }
    let ids: Vec<_> = operations(&body)
        .iter()
        .filter_map(|(_, meta, _)| Some(name(meta, meta["_id"].as_str()?)))
        .collect();
    let fault = {
        let mut state = state.lock().unwrap();
        for id in ids.iter().collect::<BTreeSet<_>>() {
            if !state.busy.insert(id.clone()) {
                state.overlaps.push(id.1.clone());
            }
        }
        state.bulks_at_once += 1;
        state.most_at_once = state.most_at_once.max(state.bulks_at_once);
        state.faults.pop_front()
    };
    let delay = u64::try_from(delay_ms.load(Ordering::SeqCst)).unwrap();
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let mut state = state.lock().unwrap();
    for id in &ids {
        state.busy.remove(id);
    }
    state.bulks_at_once -= 1;
    work(&mut state, &body, fault)
}

fn work(state: &mut State, body: &str, fault: Option<Fault>) -> Answered {
    let operations = operations(body);
    let mut put_off = Vec::new();
    match &fault {
        Some(Fault::Answer(status)) => {
            let error = json!({"error": {"type": "some_exception", "reason": "told to"}});
            return Ok(response(*status, &error));
        }
        Some(Fault::TooLargeAbove(most)) if operations.len() > *most => {
            // As long as it is too large.
            state.faults.push_front(Fault::TooLargeAbove(*most));
            return Ok(response(413, &Json::Null));
        }
        Some(Fault::PutOff(places)) => put_off.clone_from(places),
        _ => {}
    }
    if operations.iter().any(|(_, _, source)| source.get("poison").is_some()) {
        let error = json!({"error": {"type": "action_request_validation_exception",
                                     "reason": "Validation Failed: 1: poison;"}});
        return Ok(response(400, &error));
    }
    let mut items = Vec::new();
    for (place, (action, meta, source)) in operations.iter().enumerate() {
        let (status, error) = if put_off.contains(&place) {
            refused(429, "es_rejected_execution_exception", "queue is full")
        } else {
            apply(state, action, meta, source)
        };
        let item = match error {
            None => json!({"status": status}),
            Some((kind, reason)) => {
                json!({"status": status, "error": {"type": kind, "reason": reason}})
            }
        };
        items.push(json!({action: item}));
    }
    if matches!(fault, Some(Fault::BreakAfterWrite)) {
        return Err(Broken);
    }
    let errors = items
        .iter()
        .any(|item| item.as_object().unwrap().values().any(|item| item.get("error").is_some()));
    Ok(response(200, &json!({"errors": errors, "items": items})))
}

type Outcome = (u16, Option<(&'static str, String)>);

fn refused(status: u16, kind: &'static str, reason: impl Into<String>) -> Outcome {
    (status, Some((kind, reason.into())))
}

fn apply(state: &mut State, action: &str, meta: &Json, source: &Json) -> Outcome {
    let index = meta["_index"].as_str().unwrap();
    if !state.indices.contains_key(index) && !state.streams.contains(index) {
        return refused(404, "index_not_found_exception", "no such index");
    }
    if action != "delete" && (!source.is_object() || source.get("bad").is_some()) {
        return refused(400, "mapper_parsing_exception", "failed to parse field [bad]");
    }
    state.next_id += 1;
    let id = meta["_id"].as_str().map_or_else(|| format!("auto{}", state.next_id), str::to_owned);
    let name = name(meta, &id);
    let known = state.documents.get(&name).map(|document| document.version);
    let last = known.or_else(|| state.deleted.get(&name).copied());
    let version = meta["version"].as_i64();
    if let (Some(version), Some(last)) = (version, last)
        && version <= last
    {
        let reason = format!(
            "[{id}]: version conflict, current version [{last}] is higher or equal to the one \
             provided [{version}]"
        );
        return refused(409, "version_conflict_engine_exception", reason);
    }
    let version = version.unwrap_or_else(|| last.unwrap_or(0) + 1);
    match action {
        "delete" => {
            state.documents.remove(&name);
            state.deleted.insert(name, version);
            return (if known.is_some() { 200 } else { 404 }, None);
        }
        "create" if known.is_some() => {
            let reason = format!("[{id}]: version conflict, document already exists");
            return refused(409, "version_conflict_engine_exception", reason);
        }
        "update" => {
            let mut merged = state.documents.get(&name).map_or(json!({}), |it| it.source.clone());
            for (field, value) in source["doc"].as_object().unwrap() {
                merged[field] = value.clone();
            }
            state.documents.insert(name, Document { version, source: merged });
        }
        _ => {
            state.documents.insert(name, Document { version, source: source.clone() });
        }
    }
    (201, None)
}

/// Everything but documents.
fn manage(state: &mut State, line: &str, body: &str) -> (u16, Json) {
    let (method, path) = line.split_once(' ').unwrap();
    let path = path.trim_start_matches('/');
    if path.is_empty() && state.forbids_asking {
        let error = json!({"type": "security_exception", "reason": "cluster:monitor/main"});
        return (403, json!({"error": error}));
    }
    if path.is_empty() {
        return (200, json!({"version": {"number": "8.19.0"}}));
    }
    let body: Json = serde_json::from_str(body).unwrap_or_default();
    if method == "PUT" && state.forbids_creation {
        let error = json!({"type": "security_exception", "reason": "action is unauthorized"});
        return (403, json!({"error": error}));
    }
    if let Some(stream) = path.strip_prefix("_data_stream/") {
        state.streams.insert(stream.to_owned());
        return (200, json!({"acknowledged": true}));
    }
    if path.starts_with("_index_template/") {
        return (if method == "HEAD" { 404 } else { 200 }, Json::Null);
    }
    let (index, rest) = path.split_once('/').unwrap_or((path, ""));
    if let Some(id) = rest.strip_prefix("_doc/") {
        let found = state.documents.get(&(index.to_owned(), id.to_owned()));
        let source = found.map(|document| document.source.clone());
        return (if source.is_some() { 200 } else { 404 }, json!({"_source": source}));
    }
    let mappings = state.indices.get_mut(index);
    match (method, rest, mappings) {
        ("HEAD", _, None) if state.streams.contains(index) => (200, Json::Null),
        ("GET", "_mapping", Some(mappings)) => (200, json!({index: {"mappings": mappings}})),
        ("PUT", "_mapping", Some(mappings)) => {
            *mappings = body;
            (200, json!({"acknowledged": true}))
        }
        ("PUT", "", None) => {
            let mappings = body.get("mappings").cloned().unwrap_or_else(|| json!({}));
            state.indices.insert(index.to_owned(), mappings);
            (200, json!({"acknowledged": true}))
        }
        (_, _, None) => (404, json!({"error": {"type": "index_not_found_exception"}})),
        _ => (200, Json::Null),
    }
}

/// Actions with their metadata and documents.
fn operations(body: &str) -> Vec<(String, Json, Json)> {
    let mut lines = body.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let action: Json = serde_json::from_str(line).unwrap();
        let (name, meta) = action.as_object().unwrap().iter().next().unwrap();
        let source = if name == "delete" {
            Json::Null
        } else {
            serde_json::from_str(lines.next().unwrap()).unwrap()
        };
        found.push((name.clone(), meta.clone(), source));
    }
    found
}

fn name(meta: &Json, id: &str) -> (String, String) {
    (meta["_index"].as_str().unwrap().to_owned(), id.to_owned())
}

fn response(status: u16, body: &Json) -> Response<Full<Bytes>> {
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    Response::builder().status(status).body(Full::new(body)).unwrap()
}
