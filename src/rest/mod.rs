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
mod cors;
mod dead_letters;
mod error;
mod figures;
mod headers;
mod insight;
mod intake;
mod loggers;
mod offsets;
mod openapi;
mod peers;
mod plugins;
mod query;
mod root;
mod server;
mod state;
mod surface;
#[cfg(test)]
mod tests;
mod tls;

use std::{io, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post, put},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use self::{headers::ResponseHeaders, tls::acceptor};
use self::{intake::Intake, server::Server};
use crate::{
    config::{CrossOrigin, Scheme},
    herder::HerderHandle,
    tasks::TaskGroup,
};

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Every resource.
    Everything,
    /// Every resource but `/admin`.
    WithoutAdmin,
    /// `/admin` and nothing else.
    AdminOnly,
}

/// An address that requests come in by.
pub struct Door {
    /// The bound socket.
    pub listener: TcpListener,
    /// What speaks TLS there; none where plain HTTP is spoken.
    pub tls: Option<TlsAcceptor>,
    /// What is served there.
    pub surface: Surface,
}

/// What all answers have in common.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Who may ask from a web page of another origin; nobody when there is none.
    pub cross_origin: Option<CrossOrigin>,
    /// Headers of every answer.
    pub headers: ResponseHeaders,
}

/// What stands beside Kafka Connect's resources.
#[derive(Debug, Default)]
pub struct Extensions {
    /// Routers of connector crates.
    pub routers: Vec<Router>,
    /// Routers of connector crates that read the bodies of their requests themselves, part by part.
    pub streaming: Vec<Router>,
    /// `OpenAPI` description whose `paths` and `components` are theirs.
    pub openapi: Value,
}

/// Serves the REST interface by a door until the token is cancelled, then drains.
pub fn serve(
    door: Door,
    herder: HerderHandle,
    (extensions, manners): (Extensions, &Manners),
    tasks: &TaskGroup,
    shutdown: CancellationToken,
) -> JoinHandle<io::Result<()>> {
    let Door { listener, tls, surface } = door;
    let scheme = if tls.is_some() { Scheme::Https } else { Scheme::Http };
    let mut router = router(herder, extensions, surface).layer(Extension(scheme));
    if surface != Surface::AdminOnly {
        router = mannered(router, manners);
    }
    let tasks_of_server = tasks.clone();
    let server = Server { listener, tls, router, tasks: tasks_of_server, shutdown };
    tasks.spawn("rest", server.run())
}

fn mannered(mut router: Router, manners: &Manners) -> Router {
    if let Some(rules) = &manners.cross_origin {
        router = router.layer(from_fn_with_state(Arc::new(rules.clone()), cors::answer));
    }
    if !manners.headers.is_empty() {
        router = router.layer(from_fn_with_state(manners.headers.clone(), headers::add));
    }
    router
}

/// The resources of a listener.
fn router(herder: HerderHandle, extensions: Extensions, surface: Surface) -> Router {
    if surface == Surface::AdminOnly {
        return surrounded(admin_resources().with_state(herder), Vec::new(), Vec::new());
    }
    let Extensions { mut routers, streaming, openapi } = extensions;
    routers.push(figures::router(herder.clone()));
    let description = openapi::describe(&openapi);
    let mut resources = resources()
        .route("/openapi.json", get(move || std::future::ready(Json(description.clone()))));
    if surface == Surface::Everything {
        resources = resources.merge(admin_resources());
    }
    surrounded(resources.with_state(herder), routers, streaming)
}

/// Resources within what they have in common, and the routers of extensions beside them.
fn surrounded(resources: Router, extensions: Vec<Router>, streaming: Vec<Router>) -> Router {
    let intake = Intake::default();
    let mut inner = resources
        .route_layer(from_fn_with_state(intake.clone(), intake::read_body))
        .route_layer(from_fn(surface::word_errors))
        .route_layer(from_fn(surface::media_types))
        .layer(DefaultBodyLimit::disable());
    for extension in extensions {
        let extension = extension.layer(from_fn_with_state(intake.clone(), intake::read_body));
        inner = inner.merge(extension);
    }
    for extension in streaming {
        inner = inner.merge(extension);
    }
    let inner =
        inner.method_not_allowed_fallback(surface::wrong_method).fallback(surface::not_found);
    // Trailing slashes must be gone before routing, so that the resources are one fallback.
    Router::new().fallback_service(inner).layer(from_fn(surface::around))
}

fn admin_resources() -> Router<HerderHandle> {
    Router::new()
        .route("/admin/loggers", get(loggers::list))
        .route("/admin/loggers/{logger}", get(loggers::read).put(loggers::set))
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
        .route("/connectors/{name}/tasks", get(connectors::tasks).post(peers::put_tasks))
        .route("/connectors/{name}/fence", put(peers::fence))
        .route("/connectors/{name}/status", get(state::status))
        .route("/connectors/{name}/tasks/{task}/status", get(state::task_status))
        .route("/connectors/{name}/tasks/{task}/restart", post(state::restart_task))
        .route("/connectors/{name}/restart", post(state::restart))
        .route("/connectors/{name}/flush", post(state::flush))
        .route("/connectors/{name}/pause", put(state::pause))
        .route("/connectors/{name}/resume", put(state::resume))
        .route("/connectors/{name}/stop", put(state::stop))
        .route("/connectors/{name}/topics", get(state::topics))
        .route("/connectors/{name}/topics/reset", put(state::reset_topics))
        .route(
            "/connectors/{name}/offsets",
            get(offsets::read).patch(offsets::alter).delete(offsets::reset),
        )
        .route("/connectors/{name}/lag", get(figures::lag))
        .route("/connectors/{name}/history", get(figures::history))
        .route("/connectors/{name}/explain", get(insight::explain))
        .route("/connectors/{name}/objects", get(insight::objects))
        .route("/connectors/{name}/dead-letters", get(dead_letters::list))
        .route("/connectors/{name}/dead-letters/redrive", post(dead_letters::redrive))
        .route("/connectors/{name}/dead-letters/redrives", get(dead_letters::redrives))
        .route(
            "/connectors/{name}/dead-letters/redrives/{id}",
            get(dead_letters::find).delete(dead_letters::cancel),
        )
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{class}/config", get(plugins::config))
        .route("/connector-plugins/{class}/config/validate", put(plugins::validate))
        .route("/connector-plugins/{class}/config/preview", put(plugins::preview))
}
