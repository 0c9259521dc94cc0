//! Requests from web pages of other origins.
//!
//! Source: KIP-56, Jetty's `CrossOriginHandler`. Credentials are never offered.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};

use crate::config::CrossOrigin;

/// Headers that pages may send.
const HEADERS: HeaderValue =
    HeaderValue::from_static("X-Requested-With,Content-Type,Accept,Origin");
/// Seconds for which a browser need not ask again.
const MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("60");

/// Tells browsers whether the page that asks may see the answer.
pub(super) async fn answer(
    State(rules): State<Arc<CrossOrigin>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let granted = origin.filter(|origin| is_allowed(&rules, origin));
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = granted {
        grant(&rules, origin, headers);
        // The browser holds the page to the methods that are named.
        if is_preflight {
            prepare(&rules, headers);
        }
    }
    response
}

fn grant(rules: &CrossOrigin, origin: HeaderValue, headers: &mut HeaderMap) {
    let is_anyone = rules.origins.iter().any(|known| known == "*");
    let origin = if is_anyone { HeaderValue::from_static("*") } else { origin };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}

/// Tells what the request that follows may be like.
fn prepare(rules: &CrossOrigin, headers: &mut HeaderMap) {
    if let Ok(methods) = HeaderValue::from_str(&rules.methods.join(",")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS);
}

/// A page may have several origins by the letter of the protocol; one of them suffices.
fn is_allowed(rules: &CrossOrigin, origin: &HeaderValue) -> bool {
    let Ok(text) = origin.to_str() else { return false };
    text.split_whitespace().any(|origin| rules.origins.iter().any(|known| fits(known, origin)))
}

/// Whether an origin is what a rule says, in which `*` stands for anything.
fn fits(rule: &str, origin: &str) -> bool {
    let mut parts = rule.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = origin.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            match rest.split_once(before) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (rule, origin, is_fit) in [
            ("*", "http://a", true),
            ("http://bar.com", "http://bar.com", true),
            ("http://bar.com", "http://bar.com.evil", false),
            ("http://bar.com", "http://barxcom", false),
            ("http://*.bar.com", "http://a.b.bar.com", true),
            ("http://*.bar.com", "http://bar.com", false),
            ("http://*:8080", "http://a:8080", true),
            ("http://*a*b", "http://xaxb", true),
            ("http://*a*b", "http://xbxb", false),
        ] {
            assert_eq!(fits(rule, origin), is_fit, "{rule} {origin}");
        }
    }
}
