//! `/connectors/{c}/offsets`. Source: KIP-875.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
};

use super::{body, error::Result};
use crate::herder::{ConnectorOffsets, HerderHandle, Message};

/// `GET /connectors/{c}/offsets`
pub(super) async fn read(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorOffsets>> {
    Ok(Json(herder.offsets(&name).await?))
}

/// `PATCH /connectors/{c}/offsets`
pub(super) async fn alter(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<Message>> {
    let offsets = body::offsets(&bytes)?;
    Ok(Json(herder.alter_offsets(&name, offsets).await?))
}

/// `DELETE /connectors/{c}/offsets`
pub(super) async fn reset(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<Message>> {
    Ok(Json(herder.reset_offsets(&name).await?))
}
