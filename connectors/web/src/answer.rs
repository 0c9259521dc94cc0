//! What clients are told.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use connect_api::json::write_text;

use crate::inbox::Refusal;

/// Seconds after which a client that was turned away may try again.
const RETRY_SECONDS: u32 = 1;

/// A request that made no event, or whose event is not safe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) retry_seconds: Option<u32>,
}

impl Refused {
    /// The request is wrong.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_seconds: None }
    }

    /// It may be sent again.
    pub(crate) fn later(message: impl Into<String>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self { status, message: message.into(), retry_seconds: Some(RETRY_SECONDS) }
    }

    /// A client that asks too often.
    pub(crate) fn too_often(seconds: u32) -> Self {
        let message = "Too many requests from this address";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self { status, message: message.to_owned(), retry_seconds: Some(seconds) }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::later("The broker does not keep up and the buffer is full"),
            Refusal::Memory => Self::later(
                "There is no memory for the event: the broker does not keep up, or many large requests \
                 come at once",
            ),
            Refusal::Stopping => Self::later("The connector is stopping"),
            Refusal::Disk => Self::later("The event could not be written to the buffer on disk"),
            Refusal::Broker => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The broker refused the event")
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut body =
            format!("{{\"error_code\":{},\"message\":", self.status.as_u16()).into_bytes();
        write_text(&mut body, &self.message);
        body.push(b'}');
        let mut response = json(self.status, Body::from(body));
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// So many events were taken.
pub(crate) fn accepted(events: usize) -> Response {
    let body = match events {
        1 => Body::from("{\"accepted\":1}"),
        _ => Body::from(format!("{{\"accepted\":{events}}}")),
    };
    json(StatusCode::OK, body)
}

fn json(status: StatusCode, body: Body) -> Response {
    let kind = HeaderValue::from_static("application/json");
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
