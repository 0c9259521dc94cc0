//! What a connector tells of itself: what its configuration means, and what it has written.

use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use connect_api::insight::StoredObjects;

use super::{error::Result, query::Query};
use crate::herder::{ConnectorExplanation, Expected, HerderHandle, parse_wanted};

/// `GET /connectors/{c}/explain`
pub(super) async fn explain(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ConnectorExplanation>> {
    let expected = Expected::parse(Query::parse(query).pairs())?;
    Ok(Json(herder.explain(&name, expected).await?))
}

/// `GET /connectors/{c}/objects`
pub(super) async fn objects(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<StoredObjects>> {
    let wanted = parse_wanted(Query::parse(query).pairs())?;
    Ok(Json(herder.objects(&name, &wanted).await?))
}
