//! `/aggregates`: what is counted, read while it is being counted.
//!
//! An answer is what the store has, plus what the tasks of this process hold and the store does
//! not have yet. What tasks hold is copied first, then the store is read in one snapshot: whatever
//! became rows in between is recognised by the stored offsets and not counted twice. An answer
//! never waits for a writer, and is given whatever state the connector is in.

mod aggregates;
mod error;
mod openapi;
mod params;
mod rows;
mod stream;

pub use self::openapi::openapi;
pub(crate) use self::rows::shown_row;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::header,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use connect_api::{cluster::ConnectClusterState, time::Clock};
use serde_json::{Value, json};

use self::{
    aggregates::{Aggregate, Api},
    error::ApiError,
    params::{Format, WindowQuery},
    rows::{Page, Positions, csv, row_json, shown_time},
};
use crate::live::LiveAggregates;

/// Parameters of a request, in their order; a name may repeat.
type Pairs = Vec<(String, String)>;

/// The page that draws an aggregate as it grows.
const PAGE: &str = include_str!("page.html");
/// What the page may do: nothing but ask this worker.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src \
                           'unsafe-inline'; connect-src 'self'";

/// The routes below `/aggregates`, for the worker to mount as they are.
///
/// `live` is what running tasks hold, [`LiveAggregates::of_process`] in the worker; `cluster` says
/// which aggregates there are; the clock gives times such as `-15m` their meaning.
pub fn router(
    live: Arc<LiveAggregates>,
    cluster: Arc<dyn ConnectClusterState>,
    clock: Arc<dyn Clock>,
) -> Router {
    Router::new()
        .route("/aggregates", get(list))
        .route("/aggregates/{name}", get(describe))
        .route("/aggregates/{name}/windows", get(windows))
        .route("/aggregates/{name}/stream", get(stream::stream))
        .route("/aggregates/{name}/page", get(page))
        .with_state(Arc::new(Api::new(live, cluster, clock)))
}

async fn list(State(api): State<Arc<Api>>) -> Json<Value> {
    let aggregates = api.all().await;
    let shown = aggregates.iter().map(|aggregate| match aggregate {
        Ok(aggregate) => aggregate.summary(),
        Err(broken) => json!({"name": broken.name, "connector": broken.connector,
            "state": broken.state, "error": broken.reason}),
    });
    Json(shown.collect())
}

async fn describe(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let aggregate = api.find(&name).await?;
    let totals = api.totals(&aggregate).await?;
    let mut shown = aggregate.summary();
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("definition".to_owned(), aggregate.definition.to_json());
        let (first, last) = totals.windows.unzip();
        shown.insert(
            "totals".to_owned(),
            json!({
                "records": totals.records,
                "first_window": first.map(shown_time),
                "last_window": last.map(shown_time),
            }),
        );
        shown.insert("as_of".to_owned(), Positions::shown(&totals.positions.as_of));
        shown.insert("committed".to_owned(), Positions::shown(&totals.positions.committed));
        shown.insert("live".to_owned(), totals.is_live.into());
        shown.insert("tasks".to_owned(), aggregate.tasks.clone().into());
    }
    Ok(Json(shown))
}

async fn windows(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Response, ApiError> {
    let aggregate = api.find(&name).await?;
    let query = api.query(&aggregate, &pairs)?;
    let gathered = api.gather(&aggregate, &query).await?;
    let (positions, is_live) = (gathered.positions.clone(), gathered.is_live);
    let page = gathered.answer(&query, None).page();
    if query.format == Format::Json {
        return Ok(Json(body(&aggregate, &query, &page, (&positions, is_live))).into_response());
    }
    let mut reply = csv(&aggregate.definition, &query, &page).into_response();
    let headers = reply.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Some(next) = page.next.and_then(|next| next.parse().ok()) {
        headers.insert("x-next-cursor", next);
    }
    Ok(reply)
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    std::future::ready((headers, Html(PAGE)).into_response()).await
}

/// The body of an answer with rows.
fn body(
    aggregate: &Aggregate,
    query: &WindowQuery,
    page: &Page,
    (positions, is_live): (&Positions, bool),
) -> Value {
    let definition = &aggregate.definition;
    let rows: Vec<_> = page.rows.iter().map(|row| row_json(definition, query, row)).collect();
    json!({
        "name": definition.name,
        "window_ms": definition.window_ms,
        "rows": rows,
        "as_of": Positions::shown(&positions.as_of),
        "committed": Positions::shown(&positions.committed),
        "next": page.next,
        "step_ms": query.step_ms,
        "live": is_live,
        "state": aggregate.state,
    })
}
