//! `/` and `/health`.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::herder::{Health, HerderHandle, ServerInfo};

#[derive(Serialize)]
struct HealthBody {
    status: &'static str,
    message: &'static str,
}

/// `GET /`
pub(super) async fn server_info(State(herder): State<HerderHandle>) -> Json<ServerInfo> {
    std::future::ready(Json(herder.server_info())).await
}

/// `GET /health`
pub(super) async fn health(State(herder): State<HerderHandle>) -> Response {
    let (code, status, message) = match herder.health().await {
        Health::Healthy => (
            StatusCode::OK,
            "healthy",
            "Worker has completed startup and is ready to handle requests.",
        ),
        Health::Starting => {
            (StatusCode::SERVICE_UNAVAILABLE, "starting", "Worker is still starting up.")
        }
        Health::Unhealthy => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "unhealthy",
            "Worker was unable to handle this request and may be unable to handle other requests.",
        ),
    };
    (code, Json(HealthBody { status, message })).into_response()
}
