//! What is served: the routes, the page, and a sentence for everything else.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRequestParts as _, RawPathParams, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use connect_api::{budget::MemoryBudget, time::Clock};
use tokio::{sync::oneshot, time::timeout};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    answer::{Refused, accepted},
    body::Bodies,
    config::{Acks, Page, WebConfig},
    event::Event,
    guard::{Guard, RateLimit, Signature},
    inbox::{Inbox, Refusal},
    intake::{Request, TimeText, events},
    routes::Route,
};

/// The page on which a visitor picks a colour.
const COLORS: &str = include_str!("page/colors.html");
/// What that page may load: nothing but itself.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'",
);

/// Address of the client of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    guard: Guard,
    time: TimeText,
    inbox: Inbox,
    clock: Arc<dyn Clock>,
    bodies: Bodies,
    acks: Acks,
    patience: Duration,
}

/// A path with the routes of its methods.
#[derive(Debug)]
struct Place {
    site: Arc<Site>,
    routes: Vec<Route>,
    /// The methods, as a client is told them.
    allowed: String,
}

impl Site {
    pub(crate) fn new(
        config: &WebConfig,
        inbox: Inbox,
        clock: Arc<dyn Clock>,
        budget: &MemoryBudget,
    ) -> Self {
        let header = |name: &str| HeaderName::try_from(name).ok();
        let key = config.api_key.clone();
        let guard = Guard {
            key: key.and_then(|key| Some((key, header(&config.api_key_header)?))),
            signature: config
                .hmac_secret
                .as_ref()
                .and_then(|secret| Some(Signature::new(secret, header(&config.hmac_header)?))),
            limit: (config.rate_limit > 0).then(|| {
                RateLimit::new(config.rate_limit, config.rate_burst.unwrap_or(config.rate_limit))
            }),
            client_header: config.client_address_header.as_deref().and_then(header),
        };
        let pattern = config.timestamp_format.0.clone();
        Self {
            guard,
            time: TimeText { pattern, zone: config.timezone.0 },
            inbox,
            clock,
            bodies: Bodies::new(config.body_max_bytes, budget),
            acks: config.acks,
            patience: config.acks_timeout,
        }
    }

    /// The routes of a configuration, with the page.
    pub(crate) fn router(self, config: &WebConfig) -> Router {
        let site = Arc::new(self);
        let mut places: BTreeMap<&str, Vec<Route>> = BTreeMap::new();
        for text in &config.routes.0 {
            let topic = config.topic.as_deref().unwrap_or_default();
            let route = Route::new(text, topic, &config.timestamp_field);
            places.entry(&text.path).or_default().push(route);
        }
        let page = (config.page == Page::Colors).then_some(config.page_path.as_str());
        if let Some(page) = page {
            places.entry(page).or_default();
        }
        let mut router = Router::new();
        for (path, routes) in places {
            let own_page = page == Some(path);
            let mut allowed: Vec<_> = routes.iter().map(|route| route.method.as_str()).collect();
            allowed.extend(own_page.then_some("GET"));
            let allowed = allowed.join(", ");
            let place = Arc::new(Place { site: Arc::clone(&site), routes, allowed });
            let methods = if own_page { any(page_or_event) } else { any(event) };
            router = router.route(path, methods.with_state(place));
        }
        let router = router.fallback(nothing_here);
        match cross_origin(config) {
            Some(rules) => router.layer(rules),
            None => router,
        }
    }

    /// Hands events over, and waits as long as the configuration says.
    async fn take(&self, events: Vec<Event>) -> Result<Response, Refused> {
        let count = events.len();
        if self.acks == Acks::None {
            self.inbox.submit(events, None)?;
            return Ok(accepted(count));
        }
        let (receipt, verdict) = oneshot::channel();
        self.inbox.submit(events, Some(receipt))?;
        match timeout(self.patience, verdict).await {
            Ok(Ok(verdict)) => verdict?,
            Ok(Err(_dropped)) => return Err(Refusal::Stopping.into()),
            Err(_late) => {
                return Err(Refused::later(
                    "The event was not confirmed in time; it may still arrive",
                ));
            }
        }
        Ok(accepted(count))
    }
}

impl Place {
    async fn answer(&self, request: axum::extract::Request) -> Result<Response, Refused> {
        let (mut parts, body) = request.into_parts();
        let Some(route) = self.routes.iter().find(|route| route.method == parts.method) else {
            return Ok(self.method_is_not_allowed());
        };
        let site = &self.site;
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0; 4]), |peer| peer.0);
        let client = site.guard.client(&parts.headers, peer);
        let now_ms = site.clock.now_ms();
        site.guard.admit(&parts.headers, client, now_ms)?;
        let segments = segments(&mut parts).await?;
        let body = match route.body {
            None => Bytes::new(),
            Some(_) => site.bodies.read(&parts.headers, body).await?,
        };
        site.guard.check_body(&parts.headers, &body)?;
        let request = Request { parts: &parts, segments: &segments, client, body, now_ms };
        let events = events(route, &site.time, request)?;
        site.take(events).await
    }

    fn method_is_not_allowed(&self) -> Response {
        let message = format!("This path is for {}", self.allowed);
        let mut response = Refused::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response();
        if let Ok(allowed) = HeaderValue::from_str(&self.allowed) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        response
    }
}

/// Segments of the path by their names.
async fn segments(parts: &mut Parts) -> Result<Vec<(String, String)>, Refused> {
    let found = RawPathParams::from_request_parts(parts, &()).await;
    let found = found.map_err(|_not_utf8| Refused::bad("The path is not UTF-8"))?;
    Ok(found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn event(State(place): State<Arc<Place>>, request: axum::extract::Request) -> Response {
    place.answer(request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn page_or_event(
    State(place): State<Arc<Place>>,
    request: axum::extract::Request,
) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return event(State(place), request).await;
    }
    let mut response = Html(COLORS).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}

async fn nothing_here() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "There is nothing under this path")
}

fn cross_origin(config: &WebConfig) -> Option<CorsLayer> {
    if config.origins.is_empty() {
        return None;
    }
    let origins = if config.origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(
            // Browsers write them in lower case.
            config.origins.iter().filter_map(|origin| origin.to_ascii_lowercase().parse().ok()),
        )
    };
    let mut methods: Vec<Method> =
        config.routes.0.iter().map(|route| route.method.clone()).collect();
    methods.dedup();
    let mut headers: Vec<HeaderName> =
        config.allowed_headers.iter().filter_map(|name| name.parse().ok()).collect();
    if config.api_key.is_some() {
        headers.push(header::AUTHORIZATION);
        headers.extend(config.api_key_header.parse::<HeaderName>());
    }
    Some(CorsLayer::new().allow_origin(origins).allow_methods(methods).allow_headers(headers))
}
