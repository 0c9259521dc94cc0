//! The embedded log: a broker in one directory, without a server.
//!
//! It promises what the trait does, and more where one process can: what was acknowledged survives
//! `kill -9` and power loss; a transaction over several topics is stored whole or not at all;
//! nobody ever sees a part of one. One process owns the directory at a time; a file that was
//! damaged is refused and left as it is.
//!
//! Records lie in `SQLite` in batches (`batch`), written by one thread (`writer`) in
//! transactions that all waiting appends share, and read by connections that never wait for it
//! (`readers`, `fetch`). `catalog` is the picture in memory of what there is; `group` says
//! which member of a group reads what; `cleaner` takes away what is not wanted any more.
//!
//! A log of plain files was rejected: atomic transactions over several topics and committed
//! offsets are what `SQLite` has and what is easy to get wrong.

mod admin;
mod batch;
mod catalog;
mod cleaner;
mod directory;
mod fault;
mod fetch;
mod group;
mod log;
mod partitioner;
mod producer;
mod reader;
mod readers;
mod schema;
mod settings;
mod staging;
mod writer;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use async_trait::async_trait;
use connect_api::time::Clock;
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, mpsc, oneshot, watch},
};

use self::{
    admin::EmbeddedAdmin,
    catalog::Catalog,
    directory::OpenDirectory,
    group::Groups,
    log::{Log, QUEUE_BYTES, QUEUE_JOBS},
    producer::EmbeddedProducer,
    reader::EmbeddedReader,
    readers::Readers,
    staging::Staging,
    writer::{Job, Writer},
};
use super::{
    Admin, Broker, ClientKind, ClientSettings, Consumer, ConsumerSettings, Producer,
    ProducerSettings, ReaderSettings, Result, TopicReader,
};
use crate::tasks::TaskGroup;

/// The embedded log.
///
/// It is closed by [`Self::close`], when the task group is stopped, or soon after the last of its
/// clients is dropped.
#[derive(Debug)]
pub struct EmbeddedBroker {
    log: Arc<Log>,
    groups: Groups,
    /// Epoch of the latest producer, by transactional id. They need not outlive the process: none
    /// of its producers does.
    epochs: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

impl EmbeddedBroker {
    /// Opens the log in a directory, and makes both where there are none. Waits for the disk; must
    /// be called within a runtime.
    ///
    /// # Errors
    /// `Locked` while another process has it, `Damaged` if the file is, `Storage` if the disk does
    /// not let us.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>, tasks: &TaskGroup) -> Result<Arc<Self>> {
        let OpenDirectory { lock, connection, cluster_id } = directory::open(directory)?;
        let topics = schema::topics(&connection).map_err(|fault| fault.into_error(directory))?;
        let cleaning = Arc::new(Notify::new());
        let staging = Staging::load(&connection, Arc::clone(&cleaning))
            .map_err(|fault| fault.into_error(directory))?;
        let (jobs, inbox) = mpsc::channel(QUEUE_JOBS);
        let appended = Arc::new(watch::Sender::new(0));
        let closed = tasks.token().child_token();
        let writer = Writer {
            connection,
            lock,
            directory: directory.to_owned(),
            inbox,
            appended: Arc::clone(&appended),
            stop: tasks.token().clone(),
        };
        let runtime = Handle::current();
        tasks.spawn_thread("embedded-writer", move || writer.run(&runtime));
        let log = Arc::new(Log {
            cluster_id,
            clock,
            tasks: tasks.clone(),
            catalog: Arc::new(Catalog::new(topics)),
            readers: Readers::new(directory.to_owned()),
            jobs,
            room: Arc::new(Semaphore::new(QUEUE_BYTES as usize)),
            appended,
            staging: Arc::new(staging),
            cleaning: Arc::clone(&cleaning),
            _unused: closed.clone().drop_guard(),
            closed: closed.clone(),
        });
        tasks.spawn("embedded-cleaner", cleaner::run(Arc::downgrade(&log), cleaning, closed));
        let groups = Groups::start(&log);
        Ok(Arc::new(Self { log, groups, epochs: Mutex::default() }))
    }

    /// Stores what was sent before, closes the files and lets other processes in. Clients of the
    /// log get `Closed` from then on.
    pub async fn close(&self) {
        self.log.closed.cancel();
        // The writer is the last to close the database, and so can empty the write-ahead log.
        self.log.readers.close();
        let (waiting, closed) = oneshot::channel::<()>();
        if self.log.submit(Job::Stop(waiting)).await.is_ok() {
            // The sender is dropped when everything is closed.
            let _closed = closed.await;
        }
    }

    /// Takes away what is not wanted any more, as happens by itself every few minutes.
    ///
    /// # Errors
    /// As the log's other functions.
    pub async fn clean(&self) -> Result<()> {
        cleaner::clean(&self.log).await
    }

    fn epoch_of(&self, transactional_id: &str) -> Arc<AtomicU64> {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(epochs.entry(transactional_id.to_owned()).or_default())
    }
}

#[async_trait]
impl Broker for EmbeddedBroker {
    async fn cluster_id(&self) -> Result<String> {
        Ok(self.log.cluster_id.clone())
    }

    async fn admin(&self, _settings: &ClientSettings) -> Result<Arc<dyn Admin>> {
        Ok(Arc::new(EmbeddedAdmin { log: Arc::clone(&self.log), groups: self.groups.clone() }))
    }

    async fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        let log = Arc::clone(&self.log);
        Ok(Box::new(match &settings.transactional_id {
            None => EmbeddedProducer::plain(log),
            Some(id) => EmbeddedProducer::transactional(log, id, self.epoch_of(id)).await?,
        }))
    }

    fn check_client(&self, kind: ClientKind, settings: &ClientSettings) -> Result<()> {
        match kind {
            ClientKind::Consumer => group::check_consumer(&settings.overrides),
            ClientKind::Producer | ClientKind::Admin => Ok(()),
        }
    }

    async fn consumer(&self, settings: &ConsumerSettings) -> Result<Consumer> {
        self.groups.join(&self.log, settings).await
    }

    async fn reader(&self, settings: &ReaderSettings) -> Result<Box<dyn TopicReader>> {
        let topic = self.log.catalog.topic(&settings.topic)?;
        Ok(Box::new(EmbeddedReader::new(Arc::clone(&self.log), topic, &settings.from)))
    }

    fn has_free_transactions(&self) -> bool {
        true
    }
}
