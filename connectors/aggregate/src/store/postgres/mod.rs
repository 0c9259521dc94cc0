//! Rows in PostgreSQL. Writers of one aggregate take turns on its row in `millrace_aggregate`, so
//! that they merge into the same rows without deadlocks; readers see the last commit.

mod statements;
mod terms;

use std::{collections::BTreeMap, future::Future, ops::Range, pin::Pin, time::Duration};

use async_trait::async_trait;
use connect_api::{error::Result, record::TopicPartition};
use connect_postgres::{Failure, Link, tls};
use tokio_postgres::{Client, Config, IsolationLevel, Transaction};

use self::statements::{
    claim, find, find_or_add, offsets, owners, prepare_schema, version, write_plan,
};
pub(super) use self::terms::TERMS;
use super::{
    Claim, PartitionWrite, Store, StoredRow, StoredRows, StoredTotals, damaged, plan::Plan,
    url::Access,
};
use crate::{cell::Cell, definition::Definition};

/// Where a database is, and how it is reached.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) config: Config,
    /// Properties of TLS.
    pub(super) tls: BTreeMap<String, String>,
    /// Without secrets.
    pub(super) shown: String,
}

impl Server {
    /// Connects by the certificates that are there now: they may have been renewed.
    async fn connect(&self, timeout: Duration) -> Result<Link<Client>, Failure> {
        let (mode, tls) = tls(&self.tls, &TERMS)?;
        let mut config = self.config.clone();
        config.ssl_mode(mode).connect_timeout(timeout);
        Link::connect(&config, tls, timeout, |client| client).await
    }
}

/// A database, connected to when first asked.
pub(super) struct PostgresStore {
    server: Server,
    access: Access,
    timeout: Duration,
    link: Option<Link<Client>>,
}

/// Work inside a transaction.
type Work<'t, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 't>>;

impl PostgresStore {
    pub(super) const fn new(server: Server, access: Access, timeout: Duration) -> Self {
        Self { server, access, timeout, link: None }
    }

    /// Runs one transaction; `None` for a reader when there is nothing to read yet.
    async fn run<T: Send>(
        &mut self,
        work: impl for<'t> FnOnce(&'t Transaction<'t>) -> Work<'t, T> + Send,
    ) -> Result<Option<T>> {
        // Taken out for the time of the call: an error, or a call that is dropped, ends the link.
        let outcome = match self.link.take() {
            Some(link) => Ok(link),
            None => self.server.connect(self.timeout).await,
        };
        let explain = |failure: Failure| failure.explain(&self.server.shown, &TERMS);
        let mut link = outcome.map_err(explain)?;
        let access = self.access;
        let done = link.run(self.timeout, |client| transact(client, access, work)).await;
        let done = done.map_err(explain)?;
        self.link = Some(link);
        Ok(done)
    }
}

async fn transact<T: Send>(
    client: &mut Client,
    access: Access,
    work: impl for<'t> FnOnce(&'t Transaction<'t>) -> Work<'t, T> + Send,
) -> Result<Option<T>, Failure> {
    let begin = client.build_transaction();
    let transaction = match access {
        Access::Write => begin.isolation_level(IsolationLevel::ReadCommitted).start().await?,
        // One snapshot for rows and offsets.
        Access::Read => {
            begin.isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?
        }
    };
    let version = version(&transaction).await?;
    match access {
        Access::Read if version == 0 => return Ok(None),
        Access::Read => {}
        Access::Write => prepare_schema(&transaction, version).await?,
    }
    let done = work(&transaction).await?;
    transaction.commit().await?;
    Ok(Some(done))
}

#[async_trait]
impl Store for PostgresStore {
    async fn claim(
        &mut self,
        definition: &Definition,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Claim>> {
        let (definition, partitions) = (definition.clone(), partitions.to_vec());
        let claims = self.run(|transaction| {
            Box::pin(async move {
                let id = find_or_add(transaction, &definition).await?;
                claim(transaction, id, &partitions).await
            })
        });
        Ok(claims.await?.unwrap_or_default())
    }

    async fn write(
        &mut self,
        definition: &Definition,
        writes: &[PartitionWrite],
        delete_before: Option<i64>,
    ) -> Result<Vec<TopicPartition>> {
        let definition = definition.clone();
        let writes: Vec<_> = writes.iter().map(PartitionWrite::share).collect();
        let fenced = self.run(|transaction| {
            Box::pin(async move {
                let id = find_or_add(transaction, &definition).await?;
                let mut plan = Plan::new(&definition, &writes, &owners(transaction, id).await?);
                let fenced = std::mem::take(&mut plan.fenced);
                write_plan(transaction, &definition, id, plan).await?;
                if let Some(before) = delete_before {
                    let delete = "DELETE FROM millrace_aggregate_row \
                        WHERE aggregate = $1 AND window_start_ms < $2";
                    transaction.execute(delete, &[&id, &before]).await?;
                }
                Ok(fenced)
            })
        });
        Ok(fenced.await?.unwrap_or_default())
    }

    async fn read(&mut self, definition: &Definition, windows: Range<i64>) -> Result<StoredRows> {
        let definition = definition.clone();
        let rows = self.run(|transaction| {
            Box::pin(async move {
                let Some(id) = find(transaction, &definition).await? else {
                    return Ok(StoredRows::default());
                };
                let select = "SELECT window_start_ms, group_values, state \
                    FROM millrace_aggregate_row WHERE aggregate = $1 \
                    AND window_start_ms >= $2 AND window_start_ms < $3";
                let found = transaction.query(select, &[&id, &windows.start, &windows.end]).await?;
                let rows = found.iter().map(|row| {
                    let cell = Cell::decode(&definition, row.try_get(2)?)
                        .map_err(|error| damaged(&definition, error))?;
                    let groups: &str = row.try_get(1)?;
                    Ok(StoredRow { window: row.try_get(0)?, groups: groups.into(), cell })
                });
                let rows = rows.collect::<Result<_, Failure>>()?;
                Ok(StoredRows { offsets: offsets(transaction, id).await?, rows })
            })
        });
        Ok(rows.await?.unwrap_or_default())
    }

    async fn totals(&mut self, definition: &Definition) -> Result<StoredTotals> {
        let definition = definition.clone();
        let totals = self.run(|transaction| {
            Box::pin(async move {
                let Some(id) = find(transaction, &definition).await? else {
                    return Ok(StoredTotals::default());
                };
                let select = "SELECT sum(record_count)::bigint, min(window_start_ms), \
                    max(window_start_ms) FROM millrace_aggregate_row WHERE aggregate = $1";
                let row = transaction.query_one(select, &[&id]).await?;
                let records: Option<i64> = row.try_get(0)?;
                let first: Option<i64> = row.try_get(1)?;
                Ok(StoredTotals {
                    offsets: offsets(transaction, id).await?,
                    records: u64::try_from(records.unwrap_or(0)).unwrap_or(0),
                    windows: first.zip(row.try_get(2)?),
                })
            })
        });
        Ok(totals.await?.unwrap_or_default())
    }
}
