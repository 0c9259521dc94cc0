//! Bodies of requests, read whole within a budget of memory and of time.
//!
//! A body is read before its handler runs, so that a client that sends slowly, or never, holds up
//! nothing but its own connection. All large bodies share one budget: whoever finds it empty is
//! asked to try again.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::error::{RestError, Result};

/// Largest body of a request: many times the largest configuration seen, and still nothing to a
/// small container.
const MAX_BODY_BYTES: usize = 16 << 20;
/// Bytes that all bodies together may hold, beyond the free ones.
const BUDGET_BYTES: usize = 2 * MAX_BODY_BYTES;
/// Bytes of each body that count against no budget: nearly every configuration.
const FREE_BYTES: usize = 16 << 10;
/// Time between two parts of a body. Source: the idle timeout of Jetty's connectors.
const PART_PATIENCE: Duration = Duration::from_secs(30);
/// Time for a whole body, for those who send a byte now and then.
const BODY_PATIENCE: Duration = Duration::from_secs(120);

/// The budget of all bodies.
#[derive(Clone, Debug)]
pub(super) struct Intake {
    budget: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { budget: Arc::new(Semaphore::new(BUDGET_BYTES)) }
    }
}

/// Reads the body before the handler sees the request.
pub(super) async fn read_body(
    State(intake): State<Intake>,
    request: Request,
    next: Next,
) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match timeout(BODY_PATIENCE, intake.read(&parts.headers, body)).await {
        Ok(Ok((bytes, _held))) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(error)) => error.into_response(),
        Err(_late) => too_slow().into_response(),
    }
}

impl Intake {
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Vec<u8>, Vec<OwnedSemaphorePermit>)> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let announced: usize = announced.and_then(|text| text.parse().ok()).unwrap_or(0);
        if announced > MAX_BODY_BYTES {
            return Err(too_large());
        }
        let (mut bytes, mut held) = (Vec::with_capacity(announced.min(FREE_BYTES)), Vec::new());
        let mut parts = body.into_data_stream();
        while let Some(part) = timeout(PART_PATIENCE, parts.next()).await.map_err(|_| too_slow())? {
            let part = part.map_err(|_broken| {
                RestError::new(StatusCode::BAD_REQUEST, "The body of the request ended early")
            })?;
            let length = bytes.len() + part.len();
            if length > MAX_BODY_BYTES {
                return Err(too_large());
            }
            if length > FREE_BYTES {
                held.push(self.take(part.len())?);
            }
            bytes.extend_from_slice(&part);
        }
        Ok((bytes, held))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let count = u32::try_from(bytes).map_err(|_| too_large())?;
        Arc::clone(&self.budget).try_acquire_many_owned(count).map_err(|_full| {
            RestError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The worker is busy with other large requests: try again",
            )
        })
    }
}

fn too_large() -> RestError {
    let message = format!("The body of the request is larger than {MAX_BODY_BYTES} bytes");
    RestError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

fn too_slow() -> RestError {
    RestError::new(StatusCode::REQUEST_TIMEOUT, "The body of the request did not come in time")
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn status(intake: &Intake, headers: &[(&str, &str)], body: Body) -> Result<usize, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        let read = intake.read(&map, body).await;
        read.map(|(bytes, _)| bytes.len()).map_err(|error| error.into_response().status().as_u16())
    }

    fn parts(count: usize, bytes: usize) -> Body {
        let part = move |_| Ok::<_, std::io::Error>(vec![b' '; bytes]);
        Body::from_stream(stream::iter(0..count).map(part))
    }

    #[tokio::test]
    async fn ten_megabytes_are_read_and_more_than_the_limit_is_not() {
        let intake = Intake::default();
        assert_eq!(status(&intake, &[], parts(10, 1 << 20)).await, Ok(10 << 20));
        assert_eq!(status(&intake, &[], parts(17, 1 << 20)).await, Err(413));
        let announced = [("content-length", "17000000")];
        assert_eq!(status(&intake, &announced, parts(1, 1)).await, Err(413));
        assert_eq!(intake.budget.available_permits(), BUDGET_BYTES);
    }

    #[tokio::test]
    async fn an_empty_budget_turns_large_bodies_away_and_small_ones_not() {
        let intake = Intake::default();
        let _all = intake.take(BUDGET_BYTES).unwrap();
        assert_eq!(status(&intake, &[], parts(2, FREE_BYTES)).await, Err(503));
        assert_eq!(status(&intake, &[], parts(1, FREE_BYTES)).await, Ok(FREE_BYTES));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_half_way_is_given_up() {
        let start = stream::iter([Ok::<_, std::io::Error>("{")]);
        let body = Body::from_stream(start.chain(stream::pending()));
        assert_eq!(status(&Intake::default(), &[], body).await, Err(408));
    }
}
