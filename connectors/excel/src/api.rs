//! `/connectors/{name}/workbook`: the workbook as it is now.

use std::{io::ErrorKind, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use connect_api::{cluster::ConnectClusterState, config::Config as _};
use serde_json::{Value, json};
use tokio_util::io::ReaderStream;
use tracing::error;

use crate::{config::ExcelConfig, task::CLASS};

/// Content type of workbooks.
const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The route of workbooks, for the worker to mount as it is.
pub fn router(cluster: Arc<dyn ConnectClusterState>) -> Router {
    Router::new().route("/connectors/{name}/workbook", get(download)).with_state(cluster)
}

async fn download(
    State(cluster): State<Arc<dyn ConnectClusterState>>,
    Path(name): Path<String>,
) -> Response {
    let views = cluster.connectors_of(CLASS).await;
    let Some(view) = views.into_iter().find(|view| view.name == name) else {
        let message = format!("There is no connector \"{name}\" that writes a workbook");
        return refusal(StatusCode::NOT_FOUND, &message);
    };
    let config = match ExcelConfig::parse(&view.config) {
        Ok(config) => config,
        Err(errors) => {
            let message = format!("Connector \"{name}\" is broken: {errors}");
            return refusal(StatusCode::CONFLICT, &message);
        }
    };
    let shown = config.file.display();
    let file = match tokio::fs::File::open(&config.file).await {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let message = format!(
                "There is no workbook \"{shown}\" on this worker: it is made once the task of \
                 connector \"{name}\" runs, on the worker that it runs on"
            );
            return refusal(StatusCode::NOT_FOUND, &message);
        }
        Err(error) => {
            error!("Could not open the workbook \"{shown}\": {error}");
            let message = format!("Could not open the workbook of connector \"{name}\"");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, &message);
        }
    };
    let length = file.metadata().await.map(|metadata| metadata.len().to_string());
    let file_name = config.file.file_name().unwrap_or_default().to_string_lossy();
    let headers = [
        (header::CONTENT_TYPE, WORKBOOK.to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&file_name)),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    let mut reply = (headers, Body::from_stream(ReaderStream::new(file))).into_response();
    if let Some(length) = length.ok().and_then(|length| length.parse().ok()) {
        reply.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    reply
}

/// The name of the file, in a form that every browser reads.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' { c } else { '_' })
        .collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error_code": status.as_u16(), "message": message}))).into_response()
}

/// An OpenAPI 3.1 fragment: `paths` of workbooks.
#[must_use]
pub fn openapi() -> Value {
    json!({"paths": {"/connectors/{connector}/workbook": {
        "parameters": [{"name": "connector", "in": "path", "required": true,
            "description": "Name of a connector that writes a workbook",
            "schema": {"type": "string"}}],
        "get": {
            "operationId": "downloadWorkbook",
            "summary": "Hands out the workbook as it is now",
            "tags": ["workbooks"],
            "responses": {"200": {"description": "The workbook", "content": {WORKBOOK: {
                "schema": {"type": "string", "format": "binary"}}}}},
        },
    }}})
}
