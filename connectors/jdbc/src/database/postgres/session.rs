//! The client of a connection, with what it has made in the server.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use connect_postgres::Failure;
use tokio_postgres::{Client, Statement};

/// Statements that are kept prepared; beyond, all are prepared anew.
const MOST_STATEMENTS: usize = 512;

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

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client: Arc::new(client),
            statements: HashMap::new(),
            stages: HashMap::new(),
            filled: HashSet::new(),
            fresh: Vec::new(),
            made: 0,
        }
    }

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
