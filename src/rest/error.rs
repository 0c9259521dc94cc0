//! Errors as Kafka Connect's clients read them.
//!
//! Source: apache/kafka `ConnectExceptionMapper.java`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use connect_api::error::chain;
use serde::Serialize;
use tracing::error;

use crate::herder::HerderError;

/// Result of a handler.
pub(super) type Result<T, E = RestError> = std::result::Result<T, E>;

/// An error with its status.
#[derive(Debug)]
pub(super) struct RestError {
    status: StatusCode,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    error_code: u16,
    message: &'a str,
}

impl RestError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// An error that has no words but its status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        Self::new(status, format!("HTTP {} {reason}", status.as_u16()))
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// What a JVM says that did not expect this.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl From<HerderError> for RestError {
    fn from(error: HerderError) -> Self {
        let status = StatusCode::from_u16(error.class().http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            error!("Request failed: {}", chain(&error));
        }
        Self { status, message: error.to_string() }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = Body { error_code: self.status.as_u16(), message: &self.message };
        (self.status, Json(body)).into_response()
    }
}
