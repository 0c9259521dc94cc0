//! Kafka Connect's REST interface, to the letter.
//!
//! Handlers turn requests into questions to the [`HerderHandle`] and its answers into bodies; they
//! decide nothing. Routers of connector crates are mounted beside the resources, never over them.
//! This is the only room that sees axum.
//!
//! Bodies, codes and texts are those of Apache Kafka Connect, whose quirks clients rely on: JSON that
//! does not parse is a 500 in Jackson's words, a wrong method names no other.

mod body;
mod connectors;
mod error;
mod offsets;
mod openapi;
mod plugins;
mod query;
mod root;
mod state;
mod surface;
#[cfg(test)]
mod tests;

use std::io;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{get, post, put},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{herder::HerderHandle, tasks::TaskGroup};

/// Largest body of a request: many times the largest configuration seen, and still nothing to a
/// small container.
const MAX_BODY_BYTES: usize = 16 << 20;

/// What stands beside Kafka Connect's resources.
#[derive(Debug, Default)]
pub struct Extensions {
    /// Routers of connector crates.
    pub routers: Vec<Router>,
    /// `OpenAPI` description whose `paths` and `components` are theirs.
    pub openapi: Value,
}

/// Serves the REST interface until the token is cancelled, then drains.
pub fn serve(
    listener: TcpListener,
    herder: HerderHandle,
    extensions: Extensions,
    tasks: &TaskGroup,
    shutdown: CancellationToken,
) -> JoinHandle<io::Result<()>> {
    let router = router(herder, extensions);
    let serve = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    tasks.spawn("rest", serve.into_future())
}

/// Every resource.
pub fn router(herder: HerderHandle, extensions: Extensions) -> Router {
    let Extensions { routers, openapi } = extensions;
    let description = openapi::describe(&openapi);
    let mut inner = resources()
        .route("/openapi.json", get(move || std::future::ready(Json(description.clone()))))
        .route_layer(from_fn(surface::media_types))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(herder);
    for extension in routers {
        inner = inner.merge(extension);
    }
    let inner =
        inner.method_not_allowed_fallback(surface::wrong_method).fallback(surface::not_found);
    // Trailing slashes must be gone before routing, so that the resources are one fallback.
    Router::new().fallback_service(inner).layer(from_fn(surface::around))
}

fn resources() -> Router<HerderHandle> {
    Router::new()
        .route("/", get(root::server_info))
        .route("/health", get(root::health))
        .route("/connectors", get(connectors::list).post(connectors::create))
        .route("/connectors/{name}", get(connectors::read).delete(connectors::delete))
        .route(
            "/connectors/{name}/config",
            get(connectors::config).put(connectors::put_config).patch(connectors::patch_config),
        )
        .route("/connectors/{name}/tasks", get(connectors::tasks))
        .route("/connectors/{name}/status", get(state::status))
        .route("/connectors/{name}/tasks/{task}/status", get(state::task_status))
        .route("/connectors/{name}/tasks/{task}/restart", post(state::restart_task))
        .route("/connectors/{name}/restart", post(state::restart))
        .route("/connectors/{name}/pause", put(state::pause))
        .route("/connectors/{name}/resume", put(state::resume))
        .route("/connectors/{name}/stop", put(state::stop))
        .route("/connectors/{name}/topics", get(state::topics))
        .route("/connectors/{name}/topics/reset", put(state::reset_topics))
        .route(
            "/connectors/{name}/offsets",
            get(offsets::read).patch(offsets::alter).delete(offsets::reset),
        )
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{class}/config", get(plugins::config))
        .route("/connector-plugins/{class}/config/validate", put(plugins::validate))
}
