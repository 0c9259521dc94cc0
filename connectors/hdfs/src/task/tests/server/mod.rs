//! A name node and a data node in memory that do as they are told.

mod answer;
mod tree;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, Uri, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

pub(crate) use self::tree::Fault;
use self::{
    answer::{Answered, Broken, change, changed, read, refused},
    tree::State,
};

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

    /// The first name node has a proxy in front of it that answers everything with this page.
    pub(crate) fn set_proxy(&self, page: Option<(u16, String)>) {
        self.state.lock().unwrap().proxy = page;
    }

    /// All data nodes are called this and excluded by nobody who has not tried them.
    pub(crate) fn hide_data_nodes(&self) {
        self.state.lock().unwrap().hidden = Some("localhost:1");
    }

    /// Requests that were not answered.
    pub(crate) fn hung(&self) -> usize {
        self.state.lock().unwrap().hung
    }

    /// How often the first name node was asked.
    pub(crate) fn asked_first(&self) -> usize {
        self.state.lock().unwrap().asked_first
    }

    /// Answers nobody any more after so many changes, of which the last happens as this says.
    pub(crate) fn die_after(&self, changes: usize, last: Fault) {
        self.state.lock().unwrap().life = Some((changes, last));
    }

    /// Somebody appends these bytes after each change to all files that grow by now.
    pub(crate) fn haunt(&self, bytes: &'static [u8]) {
        let mut state = self.state.lock().unwrap();
        let open = state.nodes.keys().filter(|path| path.contains("+open."));
        state.haunted = open.map(|path| (path.clone(), bytes)).collect();
    }

    /// The bytes of appends that were held come.
    pub(crate) fn let_go(&self) {
        let mut state = self.state.lock().unwrap();
        for (path, bytes) in std::mem::take(&mut state.held) {
            let node = state.nodes.get_mut(&path).and_then(Option::as_mut);
            node.unwrap().extend_from_slice(&bytes);
        }
    }

    /// Answers no change any more after so many of this kind.
    pub(crate) fn hang_after(&self, op: &'static str, times: usize) {
        self.state.lock().unwrap().last_op = Some((op, times));
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state.lock().unwrap().is_dead
    }

    /// Is as it was; whether it had died.
    pub(crate) fn heal(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.life = None;
        state.faults.clear();
        state.later = None;
        state.last_op = None;
        std::mem::take(&mut state.is_dead)
    }

    /// Makes the folders of a file even if it is told not to, as the gateway `HttpFS` does.
    pub(crate) fn make_folders(&self) {
        self.state.lock().unwrap().makes_folders = true;
    }

    /// Knows only what Hadoop 2 knows.
    pub(crate) fn age(&self) {
        self.state.lock().unwrap().is_old = true;
    }

    /// Calls the data node by another host.
    pub(crate) fn name_data_node(&self, host: &str) {
        self.state.lock().unwrap().host = Some(host.to_owned());
    }

    /// Does not know yet that a data node is gone which has everything.
    pub(crate) fn lose_data_node(&self) {
        self.state.lock().unwrap().lost = Some("localhost:1");
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

    /// All paths, also of folders.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.lock().unwrap().nodes.keys().cloned().collect()
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
    state.asked_first += usize::from(place == 0 && !is_data);
    if let Some((status, page)) = state.proxy.clone().filter(|_| place == 0) {
        let page = page.replace("{url}", &uri.to_string());
        return Ok(Response::builder().status(status).body(Full::new(page.into())).unwrap());
    }
    if let Some(mood) = state.mood.or(state.first_mood.filter(|_| place == 0)) {
        return refused(mood);
    }
    if matches!(&*op, "CREATE" | "APPEND" | "OPEN") && !is_data {
        assert!(body.is_empty(), "the first request has a body");
        return sent_on(&state, &get("excludedatanodes"), (&uri, url));
    }
    if method == Method::GET {
        let (offset, length) = (get("offset").parse(), get("length").parse());
        let part = (offset.unwrap_or(0), length.unwrap_or(usize::MAX));
        return read(&state, (&op, &path), &get("startAfter"), part);
    }
    let to = get(match &*op {
        "TRUNCATE" => "newlength",
        "DELETE" => "recursive",
        _ => "destination",
    });
    let answer = changed(&mut state, (&op, &path), &to, &body);
    for (path, bytes) in state.haunted.clone() {
        drop(change(&mut state, ("APPEND", &path), "", &Bytes::from_static(bytes)));
    }
    answer
}

/// Names a data node that is not excluded.
fn sent_on(state: &State, excluded: &str, (uri, url): (&Uri, &str)) -> Answered {
    let own = url.strip_prefix("http://").unwrap();
    let known = state.host.as_ref();
    let known = known.map(|host| format!("{host}:{}", own.rsplit(':').next().unwrap()));
    if state.hidden.is_some() && !excluded.is_empty() {
        let message = "Failed to find datanode, suggest to check cluster health.";
        return refused((403, "IOException", message));
    }
    // Name nodes know hosts by their addresses, and ports of blocks only.
    let lost = state.lost.filter(|_| !excluded.split(',').any(|one| one == "127.0.0.1"));
    let node = lost.or(state.hidden).map(str::to_owned).or(known);
    let node = node.unwrap_or_else(|| own.to_owned());
    let location = format!("http://{node}{}&datanode=true", uri.path_and_query().unwrap());
    let answer = Response::builder().status(307).header("Location", location);
    Ok(answer.body(Full::new(Bytes::new())).unwrap())
}
