//! `/connector-plugins`.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
};
use connect_api::config::ConfigKey;

use super::{
    body,
    error::{RestError, Result},
    query::Query,
};
use crate::herder::{ConfigInfos, HerderError, HerderHandle, PluginInfo};

/// `GET /connector-plugins`
pub(super) async fn list(
    State(herder): State<HerderHandle>,
    RawQuery(query): RawQuery,
) -> Json<Vec<PluginInfo>> {
    let connectors_only = Query::parse(query).is_true("connectorsOnly", true);
    std::future::ready(Json(herder.plugins(connectors_only))).await
}

/// `GET /connector-plugins/{p}/config`
pub(super) async fn config(
    State(herder): State<HerderHandle>,
    Path(class): Path<String>,
) -> Result<Json<Vec<ConfigKey>>> {
    std::future::ready(Ok(Json(herder.plugin_config(&class)?))).await
}

/// `PUT /connector-plugins/{p}/config/validate`
pub(super) async fn validate(
    State(herder): State<HerderHandle>,
    Path(class): Path<String>,
    bytes: Bytes,
) -> Result<Json<ConfigInfos>> {
    let config = body::config(&bytes)?;
    std::future::ready(herder.validate(&class, &config).map(Json).map_err(unexpected)).await
}

/// Where the JVM does not look into the cause of a failed validation, neither do its clients.
fn unexpected(error: HerderError) -> RestError {
    match error {
        HerderError::NoConnectorType(_)
        | HerderError::UnknownClass { .. }
        | HerderError::AmbiguousClass { .. } => RestError::internal(format!(
            "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: {error}"
        )),
        error => error.into(),
    }
}
