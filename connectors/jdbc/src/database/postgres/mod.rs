//! Rows in PostgreSQL.

mod access;
mod binary;
mod claims;
mod copy;
mod describe;
mod failure;
mod rows;
mod session;

use std::time::Duration;

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    record::TopicPartition,
};
use connect_postgres::Link;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::{
    failure::{About, Judgement as _, TERMS},
    session::Session,
};
use super::{Claims, Database, Defined, Job, Moves, Table, Usage, Written};
use crate::{config::Access, layout::TableName, sql::Dialect};

/// A database, connected to when first asked.
pub(super) struct PostgresDatabase {
    config: Config,
    tls: MakeRustlsConnect,
    shown: String,
    timeout: Duration,
    usage: Usage,
    link: Option<Link<Session>>,
    /// Whether the table of offsets is known to be there.
    has_offsets: bool,
    /// Whether the user may make temporary tables.
    may_stage: bool,
}

impl PostgresDatabase {
    /// A database that connects when first asked.
    pub(super) fn new(access: &Access, usage: Usage) -> Result<Self> {
        let access::Prepared { config, tls, timeout } = access::prepare(access)?;
        let shown = match &access.user {
            Some(user) => format!("{} as user \"{user}\"", access.url),
            None => access.url.to_string(),
        };
        Ok(Self {
            config,
            tls,
            shown,
            timeout,
            usage,
            link: None,
            has_offsets: false,
            may_stage: true,
        })
    }

    /// The link, taken out for the time of a call: an error, or a call that is dropped, ends it.
    async fn linked(&mut self) -> Result<Link<Session>> {
        match self.link.take() {
            Some(link) => Ok(link),
            None => {
                let limit = self.config.get_connect_timeout().copied().unwrap_or(self.timeout);
                let connecting = Link::connect(&self.config, self.tls.clone(), limit, Session::new);
                connecting.await.map_err(|failure| failure.explain(&self.shown, &TERMS))
            }
        }
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn connect(&mut self) -> Result<()> {
        self.link = Some(self.linked().await?);
        Ok(())
    }

    async fn claim(&mut self, partitions: &[TopicPartition]) -> Result<Claims> {
        let table = self.usage.offsets_table()?;
        let mut link = self.linked().await?;
        let is_there = self.has_offsets;
        let usage = &self.usage;
        let work = link.run(self.timeout, |session| {
            claims::claim(session, usage, &table, is_there, partitions)
        });
        let claims = work.await.map_err(|failure| match failure.about() {
            About::Rest => claims::explain(failure, &self.shown, &table),
            _ => failure.explain(&self.shown, &TERMS),
        })?;
        self.has_offsets = true;
        self.link = Some(link);
        Ok(claims)
    }

    async fn move_claims(&mut self, offsets: Option<&Moves>) -> Result<()> {
        let Some(table) = self.usage.offsets.clone() else { return Ok(()) };
        if self.describe(&table).await?.is_none() {
            return Ok(());
        }
        let table = self.usage.offsets_table()?;
        let mut link = self.linked().await?;
        let usage = &self.usage;
        let work =
            link.run(self.timeout, |session| claims::move_claims(session, usage, &table, offsets));
        work.await.map_err(|failure| failure.explain(&self.shown, &TERMS))?;
        self.link = Some(link);
        Ok(())
    }

    async fn describe(&mut self, table: &TableName) -> Result<Option<Table>> {
        let mut link = self.linked().await?;
        let name = table.quoted(self.usage.quoting);
        let work = link.run(self.timeout, |session| describe::describe(session, &name));
        match work.await {
            Ok(described) => {
                self.link = Some(link);
                Ok(described)
            }
            Err(failure) if failure.is_of_definition() => {
                self.link = Some(link);
                let of = match table.parts() {
                    [database, _, _] => format!(
                        "\"{table}\" can be no table here, unless \"connection.url\" names the \
                         database \"{database}\". Leave out of \"table.name.format\" what stands \
                         before the schema"
                    ),
                    _ => format!("\"{table}\" can be no table here"),
                };
                Err(failure.of_definition(&of))
            }
            Err(failure) => Err(failure.explain(&self.shown, &TERMS)),
        }
    }

    async fn define(&mut self, statements: &[String]) -> Result<Defined> {
        let mut link = self.linked().await?;
        let work = link.run(self.timeout, async |session: &mut Session| {
            for statement in statements {
                session.client.batch_execute(statement).await?;
            }
            Ok(())
        });
        match work.await {
            Ok(()) => {
                self.link = Some(link);
                Ok(Defined::Done)
            }
            Err(failure) if failure.is_there() => {
                self.link = Some(link);
                Ok(Defined::There(failure.words()))
            }
            Err(failure) if failure.is_of_definition() => {
                self.link = Some(link);
                let statements = statements.join("; ").replace('\n', " ");
                Err(failure.of_definition(&format!("the database refuses \"{statements}\"")))
            }
            Err(failure) => {
                let explained = failure.explain(&self.shown, &TERMS);
                let message = format!("Could not run \"{}\"", statements.join("; "));
                let class = explained.class();
                Err(ConnectorError::new(class, message).caused_by(explained))
            }
        }
    }

    async fn write(&mut self, job: &Job<'_>) -> Result<Written> {
        let mut link = self.linked().await?;
        let usage = &self.usage;
        let mut may_stage = self.may_stage;
        let work =
            link.run(self.timeout, |session| rows::write(session, usage, job, &mut may_stage));
        let outcome = work.await;
        self.may_stage = may_stage;
        match outcome {
            Ok(written) => {
                // A changed table may have left a temporary one that looks like the old one.
                if !matches!(written, Written::Changed(_)) {
                    self.link = Some(link);
                }
                Ok(written)
            }
            Err(failure) => Err(failure.explain(&self.shown, &TERMS)),
        }
    }
}
