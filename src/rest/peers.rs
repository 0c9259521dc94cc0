//! What workers of one group ask each other: task configurations, fencing. Source: KIP-507.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};

use super::{body, error::Result};
use crate::herder::HerderHandle;

const SIGNATURE: &str = "X-Connect-Authorization";
const ALGORITHM: &str = "X-Connect-Request-Signature-Algorithm";

/// `POST /connectors/{c}/tasks`
pub(super) async fn put_tasks(
    State(herder): State<HerderHandle>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode> {
    body::configs(&bytes)?;
    let purpose = "externally setting task configurations";
    std::future::ready(herder.refuse_peer(purpose, signed_with(&headers))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /connectors/{c}/fence`
pub(super) async fn fence(
    State(herder): State<HerderHandle>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let purpose = "exactly-once source connectors";
    std::future::ready(herder.refuse_peer(purpose, signed_with(&headers))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Algorithm of a request's signature; none when it has no signature.
fn signed_with(headers: &HeaderMap) -> Option<&str> {
    headers.get(SIGNATURE)?;
    headers.get(ALGORITHM)?.to_str().ok()
}
