//! What every resource has in common: trailing slashes, media types, OPTIONS, unknown paths.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse, Response},
};

use tokio::time::Instant;
use tracing::debug;

use super::error::RestError;

/// Takes trailing slashes away before routing, and answers OPTIONS after it.
pub(super) async fn around(mut request: Request, next: Next) -> Response {
    if let Some(trimmed) = without_slash(request.uri()) {
        *request.uri_mut() = trimmed;
    }
    let is_options = request.method() == Method::OPTIONS;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    let mut response = next.run(request).await;
    debug!(
        status = response.status().as_u16(),
        elapsed_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        "{method} {path}"
    );
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    // The JVM's answer to a wrong method names no others.
    let allowed = response.headers_mut().remove(header::ALLOW);
    match allowed.filter(|_| is_options) {
        Some(allowed) => options(&allowed),
        None => response,
    }
}

fn options(allowed: &HeaderValue) -> Response {
    let allowed = format!("{},OPTIONS", allowed.to_str().unwrap_or_default());
    let text = allowed.replace(',', ", ");
    let plain = HeaderValue::from_static("text/plain");
    let mut response = ([(header::ALLOW, allowed)], text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return None;
    }
    let target =
        uri.query().map_or_else(|| trimmed.to_owned(), |query| format!("{trimmed}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

/// Refuses bodies that are not JSON, and clients that do not take JSON.
pub(super) async fn media_types(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if has_body(headers) && !is_json(headers) {
        return RestError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
    }
    if !accepts_json(headers) {
        return RestError::of_status(StatusCode::NOT_ACCEPTABLE).into_response();
    }
    next.run(request).await
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| essence(kind).eq_ignore_ascii_case("application/json"))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().peekable();
    if accepted.peek().is_none() {
        return true;
    }
    let ranges = accepted.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    ranges.into_iter().any(|range| {
        let range = essence(range);
        ["application/json", "application/*", "*/*", "*"]
            .iter()
            .any(|known| range.eq_ignore_ascii_case(known))
    })
}

/// Gives an error that has no body of its own, such as that of a path that cannot be decoded, the
/// usual one.
pub(super) async fn word_errors(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_worded = kind.is_some_and(|kind| kind.as_bytes() == b"application/json");
    let status = response.status();
    if is_worded || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    RestError::of_status(status).into_response()
}

/// No such path.
pub(super) async fn not_found() -> RestError {
    std::future::ready(RestError::of_status(StatusCode::NOT_FOUND)).await
}

/// No such method here.
pub(super) async fn wrong_method() -> RestError {
    std::future::ready(RestError::of_status(StatusCode::METHOD_NOT_ALLOWED)).await
}
