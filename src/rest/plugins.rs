//! `/connector-plugins`.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use connect_api::config::ConfigKey;

use super::{
    body,
    error::{RestError, Result},
    query::Query,
};
use crate::herder::{HerderError, HerderHandle, PluginInfo};

/// Warnings in one answer, so that its head stays within what clients take.
const MOST_WARNINGS: usize = 10;
/// Letters of a warning.
const LONGEST_WARNING: usize = 300;

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
) -> Result<Response> {
    let config = body::config(&bytes)?;
    let infos = std::future::ready(herder.validate(&class, &config)).await.map_err(unexpected)?;
    let warnings = warnings(&infos.warnings);
    let mut response = Json(infos).into_response();
    response.headers_mut().extend(warnings.into_iter().map(|text| (header::WARNING, text)));
    Ok(response)
}

/// Warnings as headers, which every client may pass over. Source: RFC 7234, 5.5.
fn warnings(texts: &[String]) -> Vec<HeaderValue> {
    let quoted = |text: &String| {
        let plain = text.chars().filter(|letter| letter.is_ascii_graphic() || *letter == ' ');
        let text: String = plain.take(LONGEST_WARNING).collect();
        HeaderValue::from_str(&format!("299 millrace \"{}\"", text.replace('"', "'"))).ok()
    };
    texts.iter().take(MOST_WARNINGS).filter_map(quoted).collect()
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
