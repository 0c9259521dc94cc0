//! An S3 server in this process, with faults on demand.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use bytes::Bytes;
pub(crate) use connect_testkit::s3::Fault;
use connect_testkit::s3::{FaultProxy, Operation, Which};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Request, Response, StatusCode};
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tempfile::TempDir;
use tokio::sync::Notify;

pub(crate) const BUCKET: &str = "logs";

#[derive(Debug, Default)]
struct Script {
    /// Objects that may still appear before the server goes silent; negative is no limit.
    objects_left: AtomicI64,
    is_silent: AtomicBool,
    went_silent: Notify,
    is_unconditional: AtomicBool,
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
    /// What stands before it.
    pub(crate) proxy: FaultProxy,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let script = Arc::new(Script { objects_left: AtomicI64::new(-1), ..Script::default() });
        let answers = Arc::clone(&script);
        let upstream = Arc::new(move |request| {
            let answer = respond(service.clone(), Arc::clone(&answers), request);
            Box::pin(answer) as futures::future::BoxFuture<'static, _>
        });
        let proxy = FaultProxy::start(upstream).await.unwrap();
        Self { root, url: proxy.url().to_owned(), script, proxy }
    }

    /// Faults for the next requests that write, first in, first out.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.proxy.script(Which::Writes, faults);
    }

    pub(crate) fn faults_left(&self) -> usize {
        self.proxy.faults_left()
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
        self.proxy.requests()
    }

    /// Headers of the requests whose line contains this.
    pub(crate) fn headers(&self, part: &str) -> Vec<HeaderMap> {
        self.proxy.headers(part)
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

async fn respond(
    service: S3Service,
    script: Arc<Script>,
    request: Request<Bytes>,
) -> io::Result<Response<Bytes>> {
    if script.is_silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    let operation = Operation::of(request.method(), request.uri());
    let query = request.uri().query().unwrap_or("").to_owned();
    let is_conditional = request.headers().contains_key("if-none-match");
    if is_conditional && script.is_unconditional.load(Ordering::SeqCst) {
        return Ok(error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"));
    }
    let is_listing = operation == Operation::ListMultipartUploads;
    if let Some((status, pages)) = script.uploads.lock().unwrap().as_ref().filter(|_| is_listing) {
        return Ok(listing(*status, pages, &query));
    }
    if operation == Operation::AbortMultipartUpload && query.contains("uploadId=left") {
        let mut gone = Response::new(Bytes::new());
        *gone.status_mut() = StatusCode::NO_CONTENT;
        return Ok(gone);
    }
    if operation == Operation::PutObjectTagging {
        return Ok(keep_tags(&script, &request));
    }
    let creates = operation.creates_object();
    let answer = if creates {
        write_whole(&service, &script, request).await
    } else {
        call(&service, request).await
    };
    let answer = answer.ok_or_else(|| io::Error::other("the server failed"))?;
    if creates && script.is_silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    Ok(answer)
}

async fn call(service: &S3Service, request: Request<Bytes>) -> Option<Response<Bytes>> {
    let (head, body) = service.call(request.map(Body::from)).await.ok()?.into_parts();
    Some(Response::from_parts(head, body.collect().await.ok()?.to_bytes()))
}

/// The page after the one that a marker names.
fn listing(status: StatusCode, pages: &str, query: &str) -> Response<Bytes> {
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
    Response::new(text.into())
}

/// Keeps the tags of an object, which the service does not know.
fn keep_tags(script: &Script, request: &Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path().to_owned();
    let text = String::from_utf8(request.body().to_vec()).unwrap();
    script.tags.lock().unwrap().insert(path, text);
    Response::new(Bytes::new())
}

/// Creates an object, one after the other.
async fn write_whole(
    service: &S3Service,
    script: &Script,
    request: Request<Bytes>,
) -> Option<Response<Bytes>> {
    let _writing = script.writing.lock().await;
    if script.is_silent.load(Ordering::SeqCst) {
        return None;
    }
    let answer = call(service, request).await?;
    if answer.status().is_success() {
        script.count_object();
    }
    Some(answer)
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

fn error(status: StatusCode, code: &str) -> Response<Bytes> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
         <Message>scripted</Message></Error>"
    );
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
