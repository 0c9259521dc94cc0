//! A connection that runs inside the calls that use it.
//!
//! The client and its connection are two halves; the connection's future moves the bytes. It is
//! polled together with the work on the client, so that nothing runs in the background and a
//! dropped task leaves nothing behind: the server ends the transaction when the socket closes.

use std::{future::Future, pin::Pin, time::Duration};

use futures::future::{Either, select};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure::Failure;

type Wire = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// Both halves of a connection: what is worked with, and what moves its bytes.
pub struct Link<S> {
    session: S,
    wire: Wire,
}

impl<S> Link<S> {
    /// Connects within this time: addresses, TLS and the password.
    ///
    /// # Errors
    /// What kept it from connecting.
    pub async fn connect(
        config: &Config,
        tls: MakeRustlsConnect,
        timeout: Duration,
        begin: impl FnOnce(Client) -> S,
    ) -> Result<Self, Failure> {
        let connecting = tokio::time::timeout(timeout, config.connect(tls));
        let (client, wire) = connecting.await.map_err(|_late| Failure::Late)??;
        Ok(Self { session: begin(client), wire: Box::pin(wire) })
    }

    /// Runs work while the connection moves its bytes. After an error of the connection, and when the
    /// call is dropped, the link must be dropped too.
    ///
    /// # Errors
    /// That of the work, or what became of the connection.
    pub async fn run<'a, T, W>(
        &'a mut self,
        timeout: Duration,
        work: impl FnOnce(&'a mut S) -> W,
    ) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>> + Send + 'a,
        T: Send,
    {
        let Self { session, wire } = self;
        let working = Box::pin(work(session));
        let racing = tokio::time::timeout(timeout, select(working, wire));
        match racing.await.map_err(|_late| Failure::Late)? {
            Either::Left((done, _wire)) => done,
            Either::Right((Err(error), _work)) => Err(Failure::Postgres(error)),
            Either::Right((Ok(()), _work)) => Err(Failure::Closed),
        }
    }
}
