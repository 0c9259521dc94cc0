//! `/connectors/{c}/dead-letters`: letters of a sink, and their way back.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
};

use super::{error::Result, query::Query};
use crate::herder::{HerderError, HerderHandle, LetterPage, PageRequest, Progress, RedriveRequest};

/// `GET /connectors/{c}/dead-letters`
pub(super) async fn list(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<LetterPage>> {
    let query = Query::parse(query);
    let request = PageRequest::parse(query.pairs()).map_err(HerderError::from)?;
    Ok(Json(herder.dead_letters(&name, &request).await?))
}

/// `POST /connectors/{c}/dead-letters/redrive`
pub(super) async fn redrive(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Progress>)> {
    let request = RedriveRequest::parse(&body).map_err(HerderError::from)?;
    Ok((StatusCode::ACCEPTED, Json(herder.redrive(&name, request).await?)))
}

/// `GET /connectors/{c}/dead-letters/redrives`
pub(super) async fn redrives(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Progress>>> {
    Ok(Json(herder.redrives(&name).await?))
}

/// `GET /connectors/{c}/dead-letters/redrives/{id}`
pub(super) async fn find(
    State(herder): State<HerderHandle>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Progress>> {
    Ok(Json(herder.find_redrive(&name, &id).await?))
}

/// `DELETE /connectors/{c}/dead-letters/redrives/{id}`
pub(super) async fn cancel(
    State(herder): State<HerderHandle>,
    Path((name, id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Progress>)> {
    Ok((StatusCode::ACCEPTED, Json(herder.cancel_redrive(&name, &id).await?)))
}
