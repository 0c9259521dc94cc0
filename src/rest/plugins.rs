//! `/connector-plugins`.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use connect_api::config::ConfigKey;

use super::{
    body,
    error::{RestError, Result},
    query::Query,
};
use crate::herder::{ConfigPreview, HerderError, HerderHandle, PluginInfo, PreviewRequest};

/// Warnings in one answer, so that its head stays within what clients take.
const MOST_WARNINGS: usize = 10;
/// Records that a preview may be asked for.
const MOST_PREVIEWED: usize = 100;
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
    let infos = herder.validate(&class, &config).await.map_err(unexpected)?;
    let warnings = warnings(&infos.warnings);
    let mut response = Json(infos).into_response();
    response.headers_mut().extend(warnings.into_iter().map(|text| (header::WARNING, text)));
    Ok(response)
}

/// `PUT /connector-plugins/{p}/config/preview`
pub(super) async fn preview(
    State(herder): State<HerderHandle>,
    Path(class): Path<String>,
    RawQuery(query): RawQuery,
    bytes: Bytes,
) -> Result<Json<ConfigPreview>> {
    let request = preview_request(&Query::parse(query))?;
    Ok(Json(herder.preview(&class, body::config(&bytes)?, request).await?))
}

fn preview_request(query: &Query) -> Result<PreviewRequest> {
    let records = query.all("records").next().unwrap_or("10");
    let records = records.parse().ok().filter(|count| (1..=MOST_PREVIEWED).contains(count));
    let is_from_beginning = match query.all("from").next() {
        None | Some("end") => Some(false),
        Some("beginning") => Some(true),
        Some(_) => None,
    };
    match (records, is_from_beginning) {
        (Some(records), Some(is_from_beginning)) => {
            Ok(PreviewRequest { records, is_from_beginning })
        }
        (None, _) => Err(RestError::new(
            StatusCode::BAD_REQUEST,
            format!("The parameter records must be a number from 1 to {MOST_PREVIEWED}"),
        )),
        (_, None) => Err(RestError::new(
            StatusCode::BAD_REQUEST,
            "The parameter from must be \"beginning\" or \"end\"",
        )),
    }
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
