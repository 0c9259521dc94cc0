//! `/admin/loggers`. Source: KIP-495, KIP-976, apache/kafka `LoggingResource.java`.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tracing::warn;

use super::{
    body,
    error::{RestError, Result},
    query::Query,
};
use crate::{
    herder::{HerderHandle, LoggerInfo},
    loggers::Level,
};

/// `GET /admin/loggers`
pub(super) async fn list(State(herder): State<HerderHandle>) -> Json<BTreeMap<String, LoggerInfo>> {
    std::future::ready(Json(herder.loggers())).await
}

/// `GET /admin/loggers/{l}`
pub(super) async fn read(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<LoggerInfo>> {
    std::future::ready(Ok(Json(herder.logger(&name)?))).await
}

/// `PUT /admin/loggers/{l}`
pub(super) async fn set(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    bytes: Bytes,
) -> Result<Response> {
    let level = wanted_level(&bytes)?;
    let query = Query::parse(query);
    let scope = query.all("scope").next().unwrap_or("worker");
    if scope.eq_ignore_ascii_case("cluster") {
        herder.set_cluster_logger(&name, level).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !scope.eq_ignore_ascii_case("worker") {
        warn!("Took the unknown scope \"{scope}\" of a logger's level as \"worker\"");
    }
    Ok(Json(herder.set_logger(&name, level)).into_response())
}

fn wanted_level(bytes: &Bytes) -> Result<Level> {
    let mut wanted = body::config(bytes)?;
    let name = wanted.remove("level").flatten().ok_or_else(|| {
        let message = "Desired 'level' parameter was not specified in request.";
        RestError::new(StatusCode::BAD_REQUEST, message)
    })?;
    Level::parse(&name).ok_or_else(|| {
        RestError::new(StatusCode::NOT_FOUND, format!("invalid log level '{name}'."))
    })
}
