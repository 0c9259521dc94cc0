//! What is measured, and what happened: `/metrics`, lag and history of a connector.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
    routing::get,
};

use super::error::Result;
use crate::herder::{ConnectorHistory, ConnectorLag, HerderHandle};

/// Media type of Prometheus' text.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/metrics`, which is no JSON and stands beside the resources.
pub(super) fn router(herder: HerderHandle) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(herder)
}

/// `GET /metrics`
async fn metrics(State(herder): State<HerderHandle>) -> Result<impl IntoResponse> {
    Ok(([(header::CONTENT_TYPE, PROMETHEUS)], herder.metrics().await?))
}

/// `GET /connectors/{c}/lag`
pub(super) async fn lag(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorLag>> {
    Ok(Json(herder.lag(&name).await?))
}

/// `GET /connectors/{c}/history`
pub(super) async fn history(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorHistory>> {
    Ok(Json(herder.history(&name).await?))
}
