//! `/uploads`: files brought by a request, and how far their rows have come.

mod disposition;
mod error;
mod openapi;
mod receive;
mod shown;

pub use self::openapi::openapi;
pub(crate) use self::receive::remove_leftovers;

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use connect_api::{
    cluster::{ConnectClusterState, ConnectorView},
    config::Config as _,
    time::Clock,
};
use connect_disk::on_disk;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use self::{
    error::{ApiError, Result},
    receive::{Received, stage},
    shown::{encoded, progress, waiting},
};
use crate::{
    config::CsvConfig,
    progress::{FileProgress, LiveFiles, Wanted},
    source::CLASS,
    spool::{Found, Share, Spool},
};

/// The page with the drop area.
const PAGE: &str = include_str!("page.html");
/// What the page may do: nothing but talk to this worker.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src \
                           'unsafe-inline'; connect-src 'self'; form-action 'self'";
/// Uploads at once; each holds a part of some kilobytes and a file.
const MOST_UPLOADS: usize = 16;

#[derive(Debug)]
struct Api {
    live: Arc<LiveFiles>,
    cluster: Arc<dyn ConnectClusterState>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
}

/// The routes below `/uploads`, for the worker to mount without reading bodies before them: they
/// read theirs part by part and look to limits and patience themselves.
///
/// `live` is what running tasks read, [`LiveFiles::of_process`] in the worker; `cluster` says which
/// connectors there are.
pub fn router(
    live: Arc<LiveFiles>,
    cluster: Arc<dyn ConnectClusterState>,
    clock: Arc<dyn Clock>,
) -> Router {
    let api = Api { live, cluster, clock, places: Semaphore::new(MOST_UPLOADS) };
    Router::new()
        .route("/uploads/{connector}", post(take).get(list))
        .route("/uploads/{connector}/page", get(page))
        .route("/uploads/{connector}/{file}", get(describe))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(api))
}

impl Api {
    /// A connector that reads CSV files, with a task on this worker, and the files it knows of. A task
    /// that has failed tells what it read, and takes no files.
    async fn find(
        &self,
        name: &str,
        wanted: Wanted,
    ) -> Result<(CsvConfig, HashMap<String, FileProgress>)> {
        let views = self.cluster.connectors_of(CLASS).await;
        let view = views.into_iter().find(|view| view.name == name).ok_or_else(|| {
            self.live.forget(name);
            let message = format!("There is no connector \"{name}\" that reads CSV files");
            ApiError::new(StatusCode::NOT_FOUND, message)
        })?;
        // A task that has only moved on is asked for at the worker that runs it.
        let has_failed = view.tasks.iter().any(|state| state == "FAILED");
        let wanted = if has_failed { wanted } else { Wanted::Running };
        let Some(files) = self.live.of_connector(name, wanted) else { return Err(absent(&view)) };
        let config = CsvConfig::parse(&view.config).map_err(|errors| {
            ApiError::new(StatusCode::CONFLICT, format!("Connector \"{name}\" is broken: {errors}"))
        })?;
        Ok((config, files.into_iter().collect()))
    }

    /// What is in the input directory.
    fn there(&self, config: &CsvConfig, connector: &str) -> Vec<Found> {
        let every = Share { index: 0, count: 1 };
        let spool = Spool::new(&config.spool, connector.into(), every, Arc::clone(&self.clock));
        on_disk(|| spool.look()).unwrap_or_default()
    }
}

/// The connector is not here.
fn absent(view: &ConnectorView) -> ApiError {
    let state = view.state.as_deref().unwrap_or("UNASSIGNED");
    let tasks = if view.tasks.is_empty() { "none".to_owned() } else { view.tasks.join(", ") };
    let message = format!(
        "Connector \"{}\" has no running task on this worker: its state is {state}, its tasks are \
         {tasks}. Start it, or ask the worker that runs it",
        view.name
    );
    ApiError::new(StatusCode::CONFLICT, message)
}

/// Whether a file that is known is the one that lies in the directory.
fn is_known(file: &FileProgress, found: &Found) -> bool {
    file.stored.is_of(found.identity)
}

async fn list(State(api): State<Arc<Api>>, Path(connector): Path<String>) -> Result<Json<Value>> {
    let (config, mut files) = api.find(&connector, Wanted::RanLast).await?;
    let there = api.there(&config, &connector);
    let mut shown = Vec::new();
    for found in there {
        match files.remove(&found.name) {
            Some(file) if is_known(&file, &found) => {
                shown.push(progress(&connector, &found.name, &file));
            }
            _ => shown.push(waiting(&connector, &found.name, found.identity)),
        }
    }
    let mut past: Vec<_> = files.into_iter().collect();
    past.sort_by_key(|(_, file)| Reverse(file.stored.at_ms));
    shown.extend(past.iter().map(|(name, file)| progress(&connector, name, file)));
    Ok(Json(json!({"connector": connector, "files": shown})))
}

async fn describe(
    State(api): State<Arc<Api>>,
    Path((connector, name)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let (config, mut files) = api.find(&connector, Wanted::RanLast).await?;
    let there = api.there(&config, &connector).into_iter().find(|found| found.name == name);
    match (files.remove(&name), there) {
        (Some(file), Some(found)) if is_known(&file, &found) => {
            Ok(Json(progress(&connector, &name, &file)))
        }
        (_, Some(found)) => Ok(Json(waiting(&connector, &name, found.identity))),
        (Some(file), None) => Ok(Json(progress(&connector, &name, &file))),
        (None, None) => {
            let message = format!("Connector \"{connector}\" knows of no file \"{name}\"");
            Err(ApiError::new(StatusCode::NOT_FOUND, message))
        }
    }
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    std::future::ready((headers, Html(PAGE)).into_response()).await
}

async fn take(
    State(api): State<Arc<Api>>,
    Path(connector): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    request: Request,
) -> Result<Response> {
    check_site(request.headers())?;
    let (config, _) = api.find(&connector, Wanted::Running).await?;
    let _place = api.places.try_acquire().map_err(|_full| {
        let message = "The worker is busy with other uploads: try again";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    let received = if is_form(request.headers()) {
        take_form(&config, request).await?
    } else {
        let disposition = request.headers().get(header::CONTENT_DISPOSITION);
        let disposed = || disposition::file_name(disposition?.as_bytes());
        let name = query.get("name").cloned().or_else(disposed);
        let name = name.ok_or_else(|| {
            ApiError::invalid("Say the name of the file, as in /uploads/CONNECTOR?name=data.csv")
        })?;
        let body = request.into_body().into_data_stream();
        vec![stage(&config.spool, &name, body).await?.publish(&config.spool)?]
    };
    Ok(created(&connector, &received))
}

/// The files of a form; its other fields mean nothing. No file gets its name before all of them are
/// there, so that a form that is refused for one of them can be sent again.
async fn take_form(config: &CsvConfig, request: Request) -> Result<Vec<Received>> {
    let broken = |error: axum::extract::multipart::MultipartError| {
        ApiError::invalid(format!("The form cannot be read: {}", error.body_text()))
    };
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| ApiError::invalid(error.body_text()))?;
    let mut staged = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        staged.push(stage(&config.spool, &name, field).await?);
    }
    if staged.is_empty() {
        return Err(ApiError::invalid("The form holds no file"));
    }
    let mut received = Vec::with_capacity(staged.len());
    for file in staged {
        let one = file.publish(&config.spool).map_err(|error| error.after(&received))?;
        received.push(one);
    }
    Ok(received)
}

fn created(connector: &str, received: &[Received]) -> Response {
    let place =
        |file: &Received| format!("/uploads/{}/{}", encoded(connector), encoded(&file.name));
    let shown: Vec<_> = received
        .iter()
        .map(|file| {
            json!({"file": file.name, "sent_as": file.sent_as, "bytes": file.bytes,
                "progress": place(file)})
        })
        .collect();
    let body = Json(json!({"connector": connector, "files": shown}));
    match received.first() {
        Some(file) => {
            (StatusCode::CREATED, [(header::LOCATION, place(file))], body).into_response()
        }
        None => (StatusCode::CREATED, body).into_response(),
    }
}

/// A page of another site may not send files here, which a form could do without asking.
fn check_site(headers: &HeaderMap) -> Result<()> {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        let message = "Files are not taken from pages of other sites";
        return Err(ApiError::new(StatusCode::FORBIDDEN, message));
    }
    Ok(())
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
    })
}
