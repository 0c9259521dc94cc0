//! PostgreSQL, with a superuser who logs in with a password over TCP, with TLS or without.

use std::thread;

use tokio::runtime;
use tokio_postgres::{Error, NoTls};

use super::identity::Identity;
use super::probe::{await_ready, free_port, start_on_free_ports, token};
use super::process::Server;

/// A running PostgreSQL server.
#[derive(Debug)]
pub(crate) struct Postgres {
    #[expect(dead_code, reason = "held to be dropped: the server ends with it")]
    server: Server,
    port: u16,
    identity: Identity,
}

impl Postgres {
    /// The superuser's name.
    pub(crate) const USER: &str = "test";

    /// The superuser's password.
    pub(crate) const PASSWORD: &str = "testsecret";

    pub(super) fn start() -> Result<Self, String> {
        start_on_free_ports(|| {
            let (port, name) = (free_port(), token());
            let dir = Server::new_dir("postgres");
            let identity = Identity::create(&dir);
            let arguments = [&*port.to_string(), &*name, Self::USER, Self::PASSWORD];
            let server = Server::start("postgres", &dir, &arguments);
            let url = url(port, "postgres");
            await_ready(&server, || match show_cluster_name(&url) {
                Ok(answered) if answered == name => Ok(()),
                Ok(answered) => Err(format!("PostgreSQL cluster \"{answered}\" answers")),
                Err(error) => Err(error.to_string()),
            })?;
            Ok(Self { server, port, identity })
        })
    }

    /// Returns the URL of the database that is always there.
    pub(crate) fn url(&self) -> String {
        url(self.port, "postgres")
    }

    /// What it shows to clients that speak TLS.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Creates an empty database and returns its URL.
    pub(crate) async fn create_database(&self, database: &str) -> String {
        query(&self.url(), &format!("create database \"{database}\"")).await.unwrap();
        url(self.port, database)
    }

    /// The address of a database that is reached by TLS, and on no other server.
    pub(crate) fn secured(&self, url: &str) -> String {
        format!("{url}?sslmode=verify-full&sslrootcert={}", self.identity.certificate().display())
    }
}

/// Runs one statement and returns the first column of its last row, empty if there is none.
pub(crate) async fn query(url: &str, statement: &str) -> Result<String, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let answer = async move {
        let messages = client.simple_query(statement).await?;
        let mut rows = messages.iter().rev().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(rows.next().unwrap_or_default().to_owned())
    };
    // The client is dropped with the answer, which ends the connection.
    let (answer, ended) = tokio::join!(answer, connection);
    ended.and(answer)
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://{}:{}@127.0.0.1:{port}/{database}", Postgres::USER, Postgres::PASSWORD)
}

/// Asks the server for its name, from a thread of its own: the caller may be inside a runtime.
fn show_cluster_name(url: &str) -> Result<String, Error> {
    let ask = || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(query(url, "show cluster_name"))
    };
    thread::scope(|scope| scope.spawn(ask).join().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services;

    #[tokio::test]
    async fn a_new_database_answers() {
        let postgres = services::require!(postgres);
        let url = postgres.create_database("services_postgres").await;
        assert_eq!(query(&url, "select current_database()").await.unwrap(), "services_postgres");
    }
}
