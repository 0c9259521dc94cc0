//! What would be sent for a record, without sending it.

use connect_api::{error::Result, record::SinkRecord, sink::Preview};

use crate::request::Renderer;

/// The request of a record that shares it with no other; none for one that is skipped.
///
/// # Errors
/// `Record` for one that no request can be made from.
pub(crate) fn preview(renderer: &Renderer, record: &SinkRecord) -> Result<Option<Preview>> {
    let Some(wanted) = renderer.wanted(record)? else { return Ok(None) };
    let request = renderer.close(renderer.open(wanted, record, false)).request;
    let place = format!("{} {}", request.method, request.url);
    Ok(Some(Preview { place, content: request.body.unwrap_or_default() }))
}
