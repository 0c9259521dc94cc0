//! A connection to PostgreSQL that runs inside the calls that use it.
//!
//! The client and its connection are two halves; the connection's future moves the bytes. It is
//! polled together with the work on the client, so that nothing runs in the background and a
//! dropped store leaves nothing behind.

use std::{future::Future, pin::Pin, time::Duration};

use connect_api::error::{ConnectorError, ErrorClass};
use futures::future::{Either, select};
use tokio_postgres::{Client, Config, NoTls, error::SqlState};

type Wire = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// What went wrong between us and the database.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database or the connection.
    Postgres(tokio_postgres::Error),
    /// The connection ended while work was under way.
    Closed,
    /// No answer in time.
    Late,
    /// Something that the database has no part in.
    Other(ConnectorError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    /// The failure as the worker understands it.
    pub(super) fn explain(self, shown: &str) -> ConnectorError {
        let message = format!("Could not use the aggregate store {shown}");
        match self {
            Self::Other(error) => error,
            Self::Closed => {
                ConnectorError::retriable(format!("{message}: it closed the connection"))
            }
            Self::Late => {
                ConnectorError::retriable(format!("{message}: it did not answer in time"))
                    .hint("Raise \"store.timeout.ms\" if it is only slow")
            }
            Self::Postgres(error) => {
                ConnectorError::new(class_of(error.code()), message).caused_by(error)
            }
        }
    }
}

/// What follows from a state that the server reported; without one the connection failed.
fn class_of(state: Option<&SqlState>) -> ErrorClass {
    let Some(state) = state else { return ErrorClass::Retriable };
    match state.code().get(..2) {
        // Wrong password or no such role; a privilege is missing.
        Some("28") => ErrorClass::Forbidden,
        _ if *state == SqlState::INSUFFICIENT_PRIVILEGE => ErrorClass::Forbidden,
        // No such database or schema.
        Some("3D" | "3F") => ErrorClass::Invalid,
        // Connection, resources, operator, system, or a transaction that lost a race.
        Some("08" | "40" | "53" | "55" | "57" | "58") => ErrorClass::Retriable,
        _ => ErrorClass::Internal,
    }
}

/// Both halves of a connection.
pub(super) struct Link {
    client: Client,
    wire: Wire,
}

impl Link {
    /// Connects.
    pub(super) async fn connect(config: &Config, timeout: Duration) -> Result<Self, Failure> {
        let connecting = tokio::time::timeout(timeout, config.connect(NoTls));
        let (client, wire) = connecting.await.map_err(|_late| Failure::Late)??;
        Ok(Self { client, wire: Box::pin(wire) })
    }

    /// Runs work on the client while the connection moves its bytes. After an error the link must
    /// be dropped: the server then ends what it was doing.
    pub(super) async fn run<'a, T, W>(
        &'a mut self,
        timeout: Duration,
        work: impl FnOnce(&'a mut Client) -> W,
    ) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>> + Send + 'a,
    {
        let Self { client, wire } = self;
        let working = Box::pin(work(client));
        let racing = tokio::time::timeout(timeout, select(working, wire));
        match racing.await.map_err(|_late| Failure::Late)? {
            Either::Left((done, _wire)) => done,
            Either::Right((Err(error), _work)) => Err(Failure::Postgres(error)),
            Either::Right((Ok(()), _work)) => Err(Failure::Closed),
        }
    }
}
