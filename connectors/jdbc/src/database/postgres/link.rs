//! A connection to PostgreSQL that runs inside the calls that use it.
//!
//! The client and its connection are two halves; the connection's future moves the bytes. It is
//! polled together with the work on the client, so that nothing runs in the background and a
//! dropped task leaves nothing behind: the server ends the transaction when the socket closes.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures::future::{Either, select};
use tokio_postgres::{Client, Config, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;

/// Statements that are kept prepared; beyond, all are prepared anew.
const MOST_STATEMENTS: usize = 512;

type Wire = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// Both halves of a connection.
pub(super) struct Link {
    pub(super) session: Session,
    wire: Wire,
    timeout: Duration,
}

/// The client with what it has made in the server.
pub(super) struct Session {
    pub(super) client: Arc<Client>,
    statements: HashMap<String, Statement>,
    /// Temporary tables by what they are copies of.
    pub(super) stages: HashMap<String, String>,
    /// Those with rows of the transaction that runs.
    pub(super) filled: HashSet<String>,
    /// Those that the transaction that runs has made, by what they are copies of.
    pub(super) fresh: Vec<String>,
    /// How many were ever made.
    pub(super) made: usize,
}

impl Link {
    /// Connects.
    pub(super) async fn connect(
        config: &Config,
        tls: MakeRustlsConnect,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let limit = config.get_connect_timeout().copied().unwrap_or(timeout);
        // One limit for all of it: addresses, TLS and the password.
        let connecting = tokio::time::timeout(limit, config.connect(tls));
        let (client, wire) = connecting.await.map_err(|_late| Failure::Late)??;
        let session = Session {
            client: Arc::new(client),
            statements: HashMap::new(),
            stages: HashMap::new(),
            filled: HashSet::new(),
            fresh: Vec::new(),
            made: 0,
        };
        Ok(Self { session, wire: Box::pin(wire), timeout })
    }

    /// Runs work on the session while the connection moves its bytes. After an error of the
    /// connection, and when the call is dropped, the link must be dropped too.
    pub(super) async fn run<'a, T, W>(
        &'a mut self,
        work: impl FnOnce(&'a mut Session) -> W,
    ) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>> + Send + 'a,
        T: Send,
    {
        let Self { session, wire, timeout } = self;
        let working = Box::pin(work(session));
        let racing = tokio::time::timeout(*timeout, select(working, wire));
        match racing.await.map_err(|_late| Failure::Late)? {
            Either::Left((done, _wire)) => done,
            Either::Right((Err(error), _work)) => Err(Failure::Postgres(error)),
            Either::Right((Ok(()), _work)) => Err(Failure::Closed),
        }
    }
}

impl Session {
    /// A statement, prepared the first time.
    pub(super) async fn prepared(&mut self, text: &str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(text) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= MOST_STATEMENTS {
            self.statements.clear();
        }
        let statement = self.client.prepare(text).await?;
        self.statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }
}
