//! What workers of one group ask each other: task configurations, fencing. Source: KIP-507.

use axum::{body::Bytes, extract::State, http::HeaderMap};

use super::{body, error::RestError};
use crate::herder::HerderHandle;

const SIGNATURE: &str = "X-Connect-Authorization";
const ALGORITHM: &str = "X-Connect-Request-Signature-Algorithm";

/// `POST /connectors/{c}/tasks`
pub(super) async fn put_tasks(
    State(herder): State<HerderHandle>,
    headers: HeaderMap,
    bytes: Bytes,
) -> RestError {
    let purpose = "externally setting task configurations";
    let refusal = body::configs(&bytes).err();
    let refusal =
        refusal.unwrap_or_else(|| herder.peer_refusal(purpose, signed_with(&headers)).into());
    std::future::ready(refusal).await
}

/// `PUT /connectors/{c}/fence`
pub(super) async fn fence(State(herder): State<HerderHandle>, headers: HeaderMap) -> RestError {
    let purpose = "exactly-once source connectors";
    std::future::ready(herder.peer_refusal(purpose, signed_with(&headers)).into()).await
}

/// Algorithm of a request's signature; none when it has no signature.
fn signed_with(headers: &HeaderMap) -> Option<&str> {
    headers.get(SIGNATURE)?;
    headers.get(ALGORITHM)?.to_str().ok()
}
