//! `/connectors`: list, create, read, configure, delete.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use connect_api::config::Props;

use super::{body, error::Result, query::Query};
use crate::{
    config::Scheme,
    herder::{ConnectorInfo, Expansion, HerderHandle, Put, TaskInfo},
};

/// `GET /connectors`
pub(super) async fn list(
    State(herder): State<HerderHandle>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let query = Query::parse(query);
    let wanted: Vec<_> = query.all("expand").collect();
    if wanted.is_empty() {
        let names = herder.names().await?;
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        return Ok(Json(names).into_response());
    }
    let expansion =
        Expansion { status: wanted.contains(&"status"), info: wanted.contains(&"info") };
    Ok(Json(herder.expanded(expansion).await?).into_response())
}

/// `POST /connectors`
pub(super) async fn create(
    State(herder): State<HerderHandle>,
    scheme: Option<Extension<Scheme>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let new = body::new_connector(&bytes)?;
    Ok(put_response(scheme, &headers, herder.create(new).await?))
}

/// `GET /connectors/{c}`
pub(super) async fn read(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorInfo>> {
    Ok(Json(herder.info(&name).await?))
}

/// `DELETE /connectors/{c}`
pub(super) async fn delete(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    herder.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /connectors/{c}/config`
pub(super) async fn config(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<Props>> {
    Ok(Json(Arc::unwrap_or_clone(herder.info(&name).await?.config)))
}

/// `PUT /connectors/{c}/config`
pub(super) async fn put_config(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    scheme: Option<Extension<Scheme>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let config = body::config(&bytes)?;
    Ok(put_response(scheme, &headers, herder.put_config(&name, config).await?))
}

/// `PATCH /connectors/{c}/config`
pub(super) async fn patch_config(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Result<Json<ConnectorInfo>> {
    let Some(patch) = body::given_config(&bytes)? else {
        // Kafka Connect looks for the connector first.
        herder.info(&name).await?;
        return Err(body::no_body());
    };
    Ok(Json(herder.patch_config(&name, patch).await?))
}

/// `GET /connectors/{c}/tasks`
pub(super) async fn tasks(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<Vec<TaskInfo>>> {
    Ok(Json(herder.tasks(&name).await?))
}

fn put_response(scheme: Option<Extension<Scheme>>, headers: &HeaderMap, put: Put) -> Response {
    match put {
        Put::Replaced(info) => Json(info).into_response(),
        Put::Created(info) => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let scheme = scheme.map_or(Scheme::Http, |Extension(scheme)| scheme);
            let location = format!(
                "{scheme}://{}/connectors/{}",
                host.unwrap_or("localhost"),
                encode_segment(&info.name)
            );
            (StatusCode::CREATED, [(header::LOCATION, location)], Json(info)).into_response()
        }
    }
}

/// A name as one segment of a path.
fn encode_segment(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
        if is_plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_segment() {
        assert_eq!(encode_segment("a b/ż"), "a%20b%2F%C5%BC");
    }
}
