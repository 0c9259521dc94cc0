//! An S3 server in this process, with faults on demand.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, body::Incoming, service::service_fn,
};
use hyper_util::rt::TokioIo;
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

pub(crate) const BUCKET: &str = "logs";

/// What happens to the next request that writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// This status with this code.
    Answer(u16, &'static str),
    /// It is done, and the answer is 500.
    FailAfterWrite,
    /// It is not done, and the answer is 200 with an error in its body.
    OkWithError,
    /// The connection is cut.
    Reset,
}

#[derive(Debug, Default)]
struct Script {
    faults: Mutex<VecDeque<Fault>>,
    /// Objects that may still appear before the server goes silent; negative is no limit.
    objects_left: AtomicI64,
    is_silent: AtomicBool,
    went_silent: Notify,
    is_unconditional: AtomicBool,
    requests: Mutex<Vec<(String, HeaderMap)>>,
    /// What is answered to who lists uploads.
    uploads: Mutex<Option<(StatusCode, String)>>,
    /// Bodies of the requests that tag, by path.
    tags: Mutex<BTreeMap<String, String>>,
    /// Held by a request that writes: as in S3, each of them is done as a whole or not at all.
    writing: tokio::sync::Mutex<()>,
}

/// The server; its files are the bucket.
#[derive(Debug)]
pub(crate) struct Server {
    root: TempDir,
    pub(crate) url: String,
    script: Arc<Script>,
    listener: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let script = Arc::new(Script { objects_left: AtomicI64::new(-1), ..Script::default() });
        let listener = serve(socket, service, Arc::clone(&script));
        Self { root, url, script, listener }
    }

    /// Faults for the next requests that write, first in, first out.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script.faults.lock().unwrap().extend(faults);
    }

    pub(crate) fn faults_left(&self) -> usize {
        self.script.faults.lock().unwrap().len()
    }

    /// Answers nothing any more once so many objects have appeared.
    pub(crate) fn silence_after(&self, objects: i64) {
        self.script.objects_left.store(objects, Ordering::SeqCst);
        self.script.is_silent.store(objects == 0, Ordering::SeqCst);
    }

    /// Returns when the server has gone silent.
    pub(crate) async fn silence(&self) {
        self.script.went_silent.notified().await;
    }

    pub(crate) fn speak_again(&self) {
        self.silence_after(-1);
    }

    /// Answers 501 to every condition.
    pub(crate) fn forget_conditions(&self) {
        self.script.is_unconditional.store(true, Ordering::SeqCst);
    }

    /// Method, path and query of every request.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.script.requests.lock().unwrap();
        requests.iter().map(|(line, _)| line.clone()).collect()
    }

    /// Headers of the requests whose line contains this.
    pub(crate) fn headers(&self, part: &str) -> Vec<HeaderMap> {
        let requests = self.script.requests.lock().unwrap();
        let found = requests.iter().filter(|(line, _)| line.contains(part));
        found.map(|(_, headers)| headers.clone()).collect()
    }

    /// Answers who lists uploads with keys, ids and times, one a page.
    pub(crate) fn list_uploads(&self, uploads: &[(&str, &str, &str)]) {
        let pages = uploads.iter().map(|(key, id, time)| {
            format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{time}</Initiated>\
                 </Upload>"
            )
        });
        let pages = (StatusCode::OK, pages.collect::<Vec<_>>().join("\n"));
        *self.script.uploads.lock().unwrap() = Some(pages);
    }

    /// Answers who lists uploads with an error.
    pub(crate) fn refuse_listing(&self, status: StatusCode) {
        *self.script.uploads.lock().unwrap() = Some((status, String::new()));
    }

    /// What objects are tagged with, by path.
    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        self.script.tags.lock().unwrap().clone()
    }

    /// Content of every object by key.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        let bucket = self.root.path().join(BUCKET);
        collect(&bucket, &bucket, &mut objects);
        objects
    }

    /// Content of every object, as texts by key.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let objects = self.objects().into_iter();
        objects.map(|(key, bytes)| (key, String::from_utf8(bytes).unwrap())).collect()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects().into_keys().collect()
    }

    /// Files that belong to uploads that neither ended nor were aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        let names = std::fs::read_dir(self.root.path()).unwrap();
        names
            .filter(|name| {
                let name = name.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with(".upload")
            })
            .count()
    }
}

fn collect(bucket: &Path, folder: &Path, objects: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(bucket, &path, objects);
        } else {
            let key = path.strip_prefix(bucket).unwrap().to_string_lossy().into_owned();
            objects.insert(key, std::fs::read(&path).unwrap());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the server runs beside the test that owns it")]
fn serve(socket: TcpListener, service: S3Service, script: Arc<Script>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = socket.accept().await else { continue };
            let (service, script) = (service.clone(), Arc::clone(&script));
            let answer = service_fn(move |request| {
                let (service, script) = (service.clone(), Arc::clone(&script));
                async move { respond(&service, &script, request).await }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            drop(tokio::spawn(connection));
        }
    })
}

async fn respond(
    service: &S3Service,
    script: &Arc<Script>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    if script.is_silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let (method, query) =
        (request.method().clone(), request.uri().query().unwrap_or("").to_owned());
    let line = format!("{method} {}", request.uri());
    script.requests.lock().unwrap().push((line, request.headers().clone()));
    let is_write = method == Method::PUT || method == Method::POST;
    let is_conditional = request.headers().contains_key("if-none-match");
    if is_conditional && script.is_unconditional.load(Ordering::SeqCst) {
        return Ok(error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"));
    }
    let fault = is_write.then(|| script.faults.lock().unwrap().pop_front()).flatten();
    match fault {
        Some(Fault::Answer(status, code)) => {
            return Ok(error(StatusCode::from_u16(status).unwrap(), code));
        }
        Some(Fault::OkWithError) => return Ok(error(StatusCode::OK, "InternalError")),
        Some(Fault::Reset) => return Err(std::io::Error::other("reset")),
        Some(Fault::FailAfterWrite) | None => {}
    }
    let is_listing = method == Method::GET && query.starts_with("uploads");
    if let Some((status, pages)) = script.uploads.lock().unwrap().as_ref().filter(|_| is_listing) {
        return Ok(listing(*status, pages, &query));
    }
    if method == Method::DELETE && query.contains("uploadId=left") {
        let mut gone = Response::new(Body::empty());
        *gone.status_mut() = StatusCode::NO_CONTENT;
        return Ok(gone);
    }
    if is_write && query == "tagging" {
        return Ok(keep_tags(script, request).await);
    }
    let creates = is_write
        && !query.contains("partNumber")
        && !query.contains("uploads")
        && !query.contains("tagging");
    let answer = if creates {
        write_whole(service.clone(), Arc::clone(script), request).await
    } else {
        hyper::service::Service::call(service, request).await.ok()
    };
    let answer = answer.ok_or_else(|| std::io::Error::other("the server failed"))?;
    if creates && script.is_silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if matches!(fault, Some(Fault::FailAfterWrite)) {
        return Ok(error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"));
    }
    Ok(answer)
}

/// The page after the one that a marker names.
fn listing(status: StatusCode, pages: &str, query: &str) -> Response<Body> {
    if status != StatusCode::OK {
        return error(status, "AccessDenied");
    }
    let place = query.split_once("upload-id-marker=page").map_or(0, |(_, rest)| {
        let digits = rest.split('&').next().unwrap();
        digits.parse::<usize>().unwrap()
    });
    let pages: Vec<_> = pages.lines().collect();
    let page = pages.get(place).unwrap_or(&"");
    let next = place + 1;
    let text = format!(
        "<ListMultipartUploadsResult><IsTruncated>{}</IsTruncated><NextKeyMarker>k</NextKeyMarker>\
         <NextUploadIdMarker>page{next}</NextUploadIdMarker>{page}</ListMultipartUploadsResult>",
        next < pages.len()
    );
    Response::new(Body::from(text))
}

/// Keeps the tags of an object, which the service does not know.
async fn keep_tags(script: &Script, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    script.tags.lock().unwrap().insert(path, text);
    Response::new(Body::empty())
}

/// Creates an object even if nobody waits for the answer any more.
#[expect(clippy::disallowed_methods, reason = "a client that goes away must not tear the write")]
async fn write_whole(
    service: S3Service,
    script: Arc<Script>,
    request: Request<Incoming>,
) -> Option<Response<Body>> {
    let work = tokio::spawn(async move {
        let _writing = script.writing.lock().await;
        if script.is_silent.load(Ordering::SeqCst) {
            return None;
        }
        let answer = hyper::service::Service::call(&service, request).await.ok()?;
        if answer.status().is_success() {
            script.count_object();
        }
        Some(answer)
    });
    work.await.unwrap()
}

impl Script {
    /// The object that reaches the limit appears, but nobody is told.
    fn count_object(&self) {
        let left = self.objects_left.load(Ordering::SeqCst);
        if left > 0 && self.objects_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.is_silent.store(true, Ordering::SeqCst);
            self.went_silent.notify_one();
        }
    }
}

fn error(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
         <Message>scripted</Message></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
