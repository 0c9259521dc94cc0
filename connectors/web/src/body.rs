//! Bodies of requests, of which no more are read at once than there is memory for.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
};
use bytes::{Bytes, BytesMut};
use connect_api::budget::{MemoryBudget, Reservation};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::{answer::Refused, inbox::Refusal};

/// Time for a whole body.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a body that count against no budget: nearly every event.
const FREE_BYTES: usize = 16 << 10;

/// How bodies are read.
#[derive(Debug)]
pub(crate) struct Bodies {
    most_bytes: usize,
    budget: MemoryBudget,
}

impl Bodies {
    /// Bodies of so many bytes at most; half of the memory is left to events that wait for the broker.
    pub(crate) fn new(most_bytes: usize, budget: &MemoryBudget) -> Self {
        let share = (budget.limit_bytes() / 2).max(most_bytes);
        Self { most_bytes, budget: budget.part(share) }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// When it is too large, too late or not whole, or when there is no memory for it.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok());
        let announced = announced.and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > self.most_bytes) {
            return Err(self.too_large());
        }
        let read = timeout(PATIENCE, self.gather(body)).await;
        read.unwrap_or_else(|_late| {
            let status = StatusCode::REQUEST_TIMEOUT;
            Err(Refused::new(status, "The body did not come in time"))
        })
    }

    /// Memory is taken for what has come: what is only announced costs its client nothing.
    async fn gather(&self, mut body: Body) -> Result<Bytes, Refused> {
        let mut whole = BytesMut::new();
        let mut held = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_broken| Refused::bad("The body ended early"))?;
            let Ok(part) = frame.into_data() else { continue };
            let bytes = whole.len().saturating_add(part.len());
            if bytes > self.most_bytes {
                return Err(self.too_large());
            }
            if whole.is_empty() && body.is_end_stream() {
                return Ok(part);
            }
            self.hold(&mut held, bytes)?;
            whole.extend_from_slice(&part);
        }
        Ok(whole.freeze())
    }

    fn hold(&self, held: &mut Option<Reservation>, bytes: usize) -> Result<(), Refusal> {
        if bytes <= FREE_BYTES {
            return Ok(());
        }
        let is_granted = match held {
            Some(held) => held.grow(bytes.saturating_sub(held.bytes())),
            None => {
                *held = self.budget.reserve(bytes);
                held.is_some()
            }
        };
        if is_granted { Ok(()) } else { Err(Refusal::Memory) }
    }

    fn too_large(&self) -> Refused {
        let message = format!("The body is larger than {} bytes", self.most_bytes);
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }
}
