//! Replies that say what is wrong, in Kafka Connect's form.

use std::io::{self, ErrorKind};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tracing::error;

use super::receive::Received;

/// A request that cannot be answered.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

/// The result of a request.
pub(super) type Result<T, E = ApiError> = std::result::Result<T, E>;

impl ApiError {
    /// An answer of this status with this sentence.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Files that came before in the same request and are read all the same.
    pub(super) fn after(mut self, taken: &[Received]) -> Self {
        if !taken.is_empty() {
            let names: Vec<_> = taken.iter().map(|file| format!("\"{}\"", file.name)).collect();
            let names = names.join(", ");
            self.message
                .push_str(&format!(". These files were taken, do not send them again: {names}"));
        }
        self
    }

    /// An upload could not be stored.
    pub(super) fn disk(name: &str, cause: &io::Error) -> Self {
        let (status, remedy) = match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                (StatusCode::INSUFFICIENT_STORAGE, "Make room on the disk of input.path")
            }
            ErrorKind::PermissionDenied => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Give the user of the worker permission to write into input.path",
            ),
            ErrorKind::NotFound => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Create the directory of input.path")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "Look at the disk of input.path"),
        };
        Self::new(status, format!("Could not store file \"{name}\": {cause}. {remedy}"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            error!("Could not take an upload: {}", self.message);
        }
        let body = json!({"error_code": self.status.as_u16(), "message": self.message});
        (self.status, Json(body)).into_response()
    }
}
