//! A name node and a data node in memory that do as they are told.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

/// Entries of a page of a folder: few, so that there are several pages.
const PAGE: usize = 3;

/// What happens to a request that changes something.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is answered with this status, exception and message, and nothing of it happens.
    Answer(u16, &'static str, &'static str),
    /// It happens, and the connection ends without an answer.
    BreakAfter,
    /// The connection ends, and nothing happens.
    BreakBefore,
}

#[derive(Debug, Default)]
struct State {
    /// Contents by path; folders have none.
    nodes: BTreeMap<String, Option<Vec<u8>>>,
    faults: VecDeque<Fault>,
    /// What happens to a change, after so many others.
    later: Option<(usize, Fault)>,
    /// Said to every request.
    mood: Option<(u16, &'static str, &'static str)>,
    /// Said to every request of the first of two name nodes.
    first_mood: Option<(u16, &'static str, &'static str)>,
    /// Changes from now on until the connection breaks for good, and whether the last one happens.
    life: Option<(usize, bool)>,
    is_dead: bool,
    /// Operation, and how often it is done from now on until no change is answered any more.
    last_op: Option<(&'static str, usize)>,
    /// Whether it is of Hadoop 2.
    is_old: bool,
    seen: Vec<String>,
    /// Host that the name node calls the data node by.
    host: Option<String>,
}

/// The servers; they end with this.
pub(crate) struct Server {
    pub(crate) url: String,
    /// Another name node of the same file system.
    pub(crate) other: String,
    state: Arc<Mutex<State>>,
    stop: Arc<Notify>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let (state, stop) = (Arc::new(Mutex::new(State::default())), Arc::new(Notify::new()));
        state.lock().unwrap().nodes.insert("/".to_owned(), None);
        let mut urls = Vec::new();
        for place in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let served =
                serve(listener, (url.clone(), place), Arc::clone(&state), Arc::clone(&stop));
            #[expect(
                clippy::disallowed_methods,
                reason = "the server runs beside the test that owns it"
            )]
            drop(tokio::spawn(served));
            urls.push(url);
        }
        let other = urls.pop().unwrap();
        Self { url: urls.pop().unwrap(), other, state, stop }
    }

    /// What happens to the next changes, in this order.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    /// What happens to the change after so many others.
    pub(crate) fn fail_later(&self, changes: usize, fault: Fault) {
        self.state.lock().unwrap().later = Some((changes, fault));
    }

    /// What every request is answered from now on; nothing lets them through again.
    pub(crate) fn set_mood(&self, mood: Option<(u16, &'static str, &'static str)>) {
        self.state.lock().unwrap().mood = mood;
    }

    /// What the first name node answers from now on.
    pub(crate) fn set_first_mood(&self, mood: Option<(u16, &'static str, &'static str)>) {
        self.state.lock().unwrap().first_mood = mood;
    }

    /// Answers nobody any more after so many changes, of which the last happens or not.
    pub(crate) fn die_after(&self, changes: usize, happens: bool) {
        self.state.lock().unwrap().life = Some((changes, happens));
    }

    /// Answers no change any more after so many of this kind.
    pub(crate) fn hang_after(&self, op: &'static str, times: usize) {
        self.state.lock().unwrap().last_op = Some((op, times));
    }

    /// Is as it was; whether it had died.
    pub(crate) fn heal(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.life = None;
        state.faults.clear();
        state.last_op = None;
        std::mem::take(&mut state.is_dead)
    }

    /// Knows only what Hadoop 2 knows.
    pub(crate) fn age(&self) {
        self.state.lock().unwrap().is_old = true;
    }

    /// Calls the data node by another host.
    pub(crate) fn name_data_node(&self, host: &str) {
        self.state.lock().unwrap().host = Some(host.to_owned());
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.lock().unwrap().seen.clone()
    }

    pub(crate) fn put(&self, path: &str, content: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.make_folder(path.rsplit_once('/').unwrap().0);
        state.nodes.insert(path.to_owned(), Some(content.to_vec()));
    }

    pub(crate) fn remove(&self, path: &str) {
        self.state.lock().unwrap().nodes.remove(path).unwrap();
    }

    /// Files below a folder, by path.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let files = state.nodes.iter().filter_map(|(path, node)| Some((path, node.as_ref()?)));
        let below = files.filter(|(path, _)| path.starts_with(folder));
        below.map(|(path, content)| (path.clone(), content.clone())).collect()
    }

    /// Committed files, by path.
    pub(crate) fn committed(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files("/topics/");
        files.retain(|path, _| !path.starts_with("/topics/+tmp/"));
        files
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.notify_waiters();
    }
}

impl State {
    /// Whether a request is not answered.
    fn hangs(&mut self, op: &str, reads: bool) -> bool {
        let hangs = self.last_op.is_some_and(|(_, left)| left == 0) && !reads;
        if let Some((_, left)) = self.last_op.as_mut().filter(|(last, _)| *last == op) {
            *left = left.saturating_sub(1);
        }
        hangs
    }

    fn make_folder(&mut self, path: &str) -> bool {
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            if self.nodes.entry(at.clone()).or_insert(None).is_some() {
                return false;
            }
        }
        true
    }

    fn rename(&mut self, from: &str, to: &str) -> bool {
        let has_parent = self.nodes.get(to.rsplit_once('/').unwrap().0) == Some(&None);
        if !self.nodes.contains_key(from) || self.nodes.contains_key(to) || !has_parent {
            return false;
        }
        let inside = format!("{from}/");
        let moved: Vec<_> = self
            .nodes
            .keys()
            .filter(|it| *it == from || it.starts_with(&inside))
            .cloned()
            .collect();
        for path in moved {
            let node = self.nodes.remove(&path).unwrap();
            self.nodes.insert(path.replacen(from, to, 1), node);
        }
        true
    }

    fn delete(&mut self, path: &str) -> bool {
        let inside = format!("{path}/");
        let before = self.nodes.len();
        self.nodes.retain(|known, _| known != path && !known.starts_with(&inside));
        self.nodes.len() < before
    }

    fn status(&self, path: &str) -> Option<Json> {
        let node = self.nodes.get(path)?;
        Some(json!({
            "pathSuffix": "",
            "type": if node.is_some() { "FILE" } else { "DIRECTORY" },
            "length": node.as_ref().map_or(0, Vec::len),
            "modificationTime": 1,
        }))
    }

    fn list(&self, path: &str, after: &str, most: usize) -> Option<Json> {
        self.nodes.get(path)?;
        let inside = format!("{}/", path.trim_end_matches('/'));
        let own = self.nodes.keys().filter_map(|known| {
            known.strip_prefix(&inside).filter(|name| !name.contains('/') && !name.is_empty())
        });
        let rest: Vec<_> = own.filter(|name| *name > after).collect();
        let page = rest.iter().take(most).map(|name| {
            let mut status = self.status(&format!("{inside}{name}")).unwrap();
            status["pathSuffix"] = (*name).into();
            status
        });
        let page: Vec<_> = page.collect();
        let left = rest.len() - page.len();
        Some(json!({"DirectoryListing": {
            "partialListing": {"FileStatuses": {"FileStatus": page}}, "remainingEntries": left}}))
    }
}

async fn serve(
    listener: TcpListener,
    (url, place): (String, usize),
    state: Arc<Mutex<State>>,
    stop: Arc<Notify>,
) {
    let mut connections = JoinSet::new();
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            () = stop.notified() => return,
        };
        let (state, url) = (Arc::clone(&state), url.clone());
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&state), &url, place));
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

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let (digits, after) = rest.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = after;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn said(status: u16, body: &Json) -> Answered {
    let body = Bytes::from(body.to_string());
    Ok(Response::builder().status(status).body(Full::new(body)).unwrap())
}

fn refused((status, exception, message): (u16, &str, &str)) -> Answered {
    let told = json!({"exception": exception, "javaClassName": exception, "message": message});
    said(status, &json!({"RemoteException": told}))
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    url: &str,
    place: usize,
) -> Answered {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = request.into_body().collect().await.map_err(|_| Broken)?.to_bytes();
    let path = decoded(uri.path().strip_prefix("/webhdfs/v1").unwrap());
    let query: BTreeMap<_, _> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect();
    let get = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (op, is_data) = (get("op"), query.contains_key("datanode"));
    let hangs = state.lock().unwrap().hangs(&op, method == Method::GET);
    if hangs {
        return std::future::pending().await;
    }
    let mut state = state.lock().unwrap();
    if state.is_dead {
        return Err(Broken);
    }
    state.seen.push(format!("{method} {op} {path}{}", if is_data { " data" } else { "" }));
    if let Some(mood) = state.mood.or(state.first_mood.filter(|_| place == 0)) {
        return refused(mood);
    }
    if matches!(&*op, "CREATE" | "APPEND" | "OPEN") && !is_data {
        assert!(body.is_empty(), "the first request has a body");
        let url = state.host.as_ref().map_or_else(
            || url.to_owned(),
            |host| format!("http://{host}:{}", url.rsplit(':').next().unwrap()),
        );
        let location = format!("{url}{}&datanode=true", uri.path_and_query().unwrap());
        let empty = Full::new(Bytes::new());
        return Ok(Response::builder()
            .status(307)
            .header("Location", location)
            .body(empty)
            .unwrap());
    }
    if method == Method::GET {
        return read(&state, (&op, &path), &get("startAfter"));
    }
    changed(&mut state, (&op, &path), &get("destination"), &body)
}

fn missing(path: &str) -> Answered {
    refused((404, "FileNotFoundException", &format!("File does not exist: {path}")))
}

fn read(state: &State, (op, path): (&str, &str), after: &str) -> Answered {
    let found = match op {
        "GETFILESTATUS" => state.status(path).map(|status| json!({"FileStatus": status})),
        "LISTSTATUS_BATCH" if state.is_old => {
            let message = "Invalid value for webhdfs parameter \"op\": LISTSTATUS_BATCH";
            return refused((400, "IllegalArgumentException", message));
        }
        "LISTSTATUS_BATCH" => state.list(path, after, PAGE),
        "LISTSTATUS" => {
            let listed = state.list(path, "", usize::MAX);
            listed.map(|listed| listed["DirectoryListing"]["partialListing"].clone())
        }
        "OPEN" => {
            let Some(Some(content)) = state.nodes.get(path) else { return missing(path) };
            return Ok(Response::new(Full::new(Bytes::from(content.clone()))));
        }
        _ => panic!("{op}"),
    };
    found.map_or_else(|| missing(path), |found| said(200, &found))
}

fn changed(state: &mut State, (op, path): (&str, &str), to: &str, body: &Bytes) -> Answered {
    let is_last = match &mut state.life {
        Some((left, happens)) => {
            *left = left.saturating_sub(1);
            (*left == 0).then_some(*happens)
        }
        None => None,
    };
    state.is_dead = is_last.is_some();
    let mut fault = state.faults.pop_front();
    match &mut state.later {
        Some((0, _)) => fault = state.later.take().map(|(_, fault)| fault),
        Some((left, _)) => *left -= 1,
        None => {}
    }
    match &fault {
        Some(Fault::Answer(status, exception, message)) => {
            return refused((*status, exception, message));
        }
        Some(Fault::BreakBefore) => return Err(Broken),
        _ if is_last == Some(false) => return Err(Broken),
        Some(Fault::BreakAfter) | None => {}
    }
    let answer = change(state, (op, path), to, body);
    if fault.is_some() || is_last.is_some() { Err(Broken) } else { answer }
}

fn change(state: &mut State, (op, path): (&str, &str), to: &str, body: &Bytes) -> Answered {
    let flag = |flag: bool| said(200, &json!({"boolean": flag}));
    match op {
        "MKDIRS" => {
            let made = state.make_folder(path);
            flag(made)
        }
        "RENAME" => {
            let renamed = state.rename(path, to);
            flag(renamed)
        }
        "DELETE" => {
            let deleted = state.delete(path);
            flag(deleted)
        }
        "CREATE" => {
            if state.nodes.get(path.rsplit_once('/').unwrap().0) != Some(&None) {
                return missing(path);
            }
            state.nodes.insert(path.to_owned(), Some(body.to_vec()));
            said(201, &json!({}))
        }
        "APPEND" => match state.nodes.get_mut(path) {
            Some(Some(content)) => {
                content.extend_from_slice(body);
                said(200, &json!({}))
            }
            _ => missing(path),
        },
        _ => panic!("{op}"),
    }
}
