//! Dead letters of a sink: what lies in its queue, and its way back.

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::error::ErrorClass;

use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
    replies::ConnectorType,
};
use crate::letters::{LetterPage, Owner, PageRequest, Progress, Queue, RedriveRequest};

impl HerderHandle {
    /// A page of the letters in a sink's queue.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `NotALetterWriter`, `NoDeadLetterQueue`, `Letters`, and as every read.
    pub async fn dead_letters(&self, name: &str, request: &PageRequest) -> Result<LetterPage> {
        let queue = self.queue_of(name).await?;
        Ok(self.letters.page(&queue, request).await?)
    }

    /// Starts a redrive of a sink's letters.
    ///
    /// # Errors
    /// As [`Self::dead_letters`].
    pub async fn redrive(&self, name: &str, request: RedriveRequest) -> Result<Progress> {
        let queue = self.queue_of(name).await?;
        let owner = Arc::new(OwnerOf { name: name.to_owned(), herder: self.clone() });
        Ok(self.letters.redrive(queue, request, owner)?)
    }

    /// Redrives of a connector since the worker started, the last one first.
    ///
    /// # Errors
    /// `ConnectorNotFound`, and as every read.
    pub async fn redrives(&self, name: &str) -> Result<Vec<Progress>> {
        self.snapshot().await?.connector(name)?;
        Ok(self.letters.redrives(name))
    }

    /// One redrive of a connector.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `Letters` for one that is not known, and as every read.
    pub async fn find_redrive(&self, name: &str, id: &str) -> Result<Progress> {
        self.snapshot().await?.connector(name)?;
        Ok(self.letters.find_redrive(name, id)?)
    }

    /// Tells a redrive to end.
    ///
    /// # Errors
    /// As [`Self::find_redrive`].
    pub async fn cancel_redrive(&self, name: &str, id: &str) -> Result<Progress> {
        self.snapshot().await?.connector(name)?;
        Ok(self.letters.cancel(name, id)?)
    }

    async fn queue_of(&self, name: &str) -> Result<Queue> {
        let snapshot = self.snapshot().await?;
        let connector = snapshot.connector(name)?;
        if connector.kind != ConnectorType::Sink {
            return Err(HerderError::NotALetterWriter(name.to_owned()));
        }
        let config = connector.config.clone().unwrap_or_default();
        let config = (self.parts.resolve)(&config).map_err(HerderError::Unresolved)?;
        let queue = Queue::of(name, &config, &self.settings.worker)?;
        queue.ok_or_else(|| HerderError::NoDeadLetterQueue(name.to_owned()))
    }
}

/// A connector whose letters are redriven.
#[derive(Debug)]
struct OwnerOf {
    name: String,
    herder: HerderHandle,
}

#[async_trait]
impl Owner for OwnerOf {
    async fn restart_tasks(&self) -> std::result::Result<(), String> {
        let said = |error: HerderError| error.to_string();
        let tasks = self.herder.tasks(&self.name).await.map_err(said)?;
        for task in tasks {
            match self.herder.restart_task(&self.name, task.id.task).await {
                // A connector that is stopped has tasks in its configuration only.
                Err(error) if error.class() != ErrorClass::NotFound => return Err(said(error)),
                _ => {}
            }
        }
        Ok(())
    }

    async fn has_queue(&self, topic: &str) -> bool {
        self.herder.queue_of(&self.name).await.is_ok_and(|queue| queue.topic() == topic)
    }
}
