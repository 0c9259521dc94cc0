//! Replies that say what is wrong, in Kafka Connect's form.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use connect_api::error::{ConnectorError, ErrorClass, chain};
use serde_json::json;
use tracing::error;

/// A request that cannot be answered.
#[derive(Debug)]
pub(super) struct ApiError(ConnectorError);

impl ApiError {
    /// The request is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self(ConnectorError::invalid(message))
    }

    /// What was named does not exist.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self(ConnectorError::new(ErrorClass::NotFound, message))
    }

    /// The sentence.
    pub(super) fn message(&self) -> String {
        self.0.to_string()
    }
}

impl From<ConnectorError> for ApiError {
    fn from(error: ConnectorError) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self.0.class() {
            // Permissions here are those of the store, which the caller has no part in.
            ErrorClass::Forbidden => StatusCode::INTERNAL_SERVER_ERROR,
            class => StatusCode::from_u16(class.http_status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        if status.is_server_error() {
            error!("Could not answer a request for an aggregate: {}", chain(&self.0));
        }
        let body = json!({"error_code": status.as_u16(), "message": self.message()});
        (status, Json(body)).into_response()
    }
}
