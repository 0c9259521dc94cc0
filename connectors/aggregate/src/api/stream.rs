//! Rows as they change, as server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, Query, State},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::{Stream, stream::unfold};
use serde_json::{Value, json};

use super::{
    Pairs,
    aggregates::{Aggregate, Api},
    body,
    error::ApiError,
    params::WindowQuery,
};
use crate::live::{Changes, Watcher};

/// Shortest time between two events: ten a second are as many as eyes follow.
const PAUSE: Duration = Duration::from_millis(100);

/// Time after which a comment shows that the connection is alive; below the idle limits of proxies.
const HEARTBEAT: Duration = Duration::from_secs(10);

struct Session {
    api: Arc<Api>,
    aggregate: Aggregate,
    query: WindowQuery,
    watcher: Arc<Watcher>,
    has_sent: bool,
}

/// Sends an event `rows` with the body of `windows` for the rows that changed, whenever some did.
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let aggregate = api.find(&name).await?;
    let query = api.query(&aggregate, &pairs)?;
    let watcher = api.live.watch(&aggregate.key());
    let session = Session { api, aggregate, query, watcher, has_sent: false };
    let events = unfold(session, async |mut session| {
        let event = session.next().await?;
        Some((Ok(event), session))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Session {
    /// The next event; none when the process stops.
    async fn next(&mut self) -> Option<Event> {
        if self.has_sent {
            tokio::time::sleep(PAUSE).await;
        }
        loop {
            let changes = self.watcher.changes().await;
            if changes == Changes::Ended {
                return None;
            }
            let event = match self.rows(&changes).await {
                Ok(None) => continue,
                Ok(Some(body)) => Event::default().event("rows").data(body.to_string()),
                Err(error) => Event::default()
                    .event("error")
                    .data(json!({"message": error.message()}).to_string()),
            };
            self.has_sent = true;
            return Some(event);
        }
    }

    /// The rows that changed; none when the request leaves them all out.
    async fn rows(&self, changes: &Changes) -> Result<Option<Value>, ApiError> {
        let changed = match changes {
            Changes::Rows(rows) => Some(rows),
            _ => None,
        };
        let query = self.narrowed(changes);
        let gathered = self.api.gather(&self.aggregate, &query).await?;
        let page = gathered.answer(&query, changed).page();
        if page.rows.is_empty() {
            return Ok(None);
        }
        let marks = (&gathered.positions, gathered.is_live);
        Ok(Some(body(&self.aggregate, &query, &page, marks)))
    }

    /// The request, for no more windows than those that changed.
    fn narrowed(&self, changes: &Changes) -> WindowQuery {
        let mut query = self.query.clone();
        if let Changes::Rows(rows) = changes {
            let step_ms = query.step_ms;
            let start_of = |window: i64| window.saturating_sub(window.rem_euclid(step_ms));
            if let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) {
                query.from = query.from.max(start_of(*first));
                query.to = query.to.min(start_of(*last).saturating_add(step_ms));
            }
        }
        query
    }
}
