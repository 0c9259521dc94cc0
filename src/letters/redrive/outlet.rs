//! Writes letters and their markers, a transaction at a time.

use std::sync::Arc;

use connect_api::error::{ErrorClass, chain};

use super::{plan::Planned, progress::Job, request::Destination};
use crate::{
    broker::{BrokerError, DeliveryReport, Producer},
    letters::{
        error::{LettersError, Result},
        markers::Marker,
        queue::Queue,
    },
};

/// The way out.
pub(super) struct Outlet<'a> {
    pub(super) producer: Box<dyn Producer>,
    pub(super) queue: &'a Queue,
    pub(super) to: Destination,
    pub(super) job: &'a Job,
    /// Topic of the markers.
    pub(super) markers: Arc<str>,
}

impl Outlet<'_> {
    /// Writes a batch whole or not at all. What the broker refuses for good is noted and left out.
    /// Not cancel safe: a transaction may stay open.
    ///
    /// # Errors
    /// When the broker did not say that it is written.
    pub(super) async fn write(&mut self, mut batch: Vec<Planned>, at: &str) -> Result<()> {
        while !batch.is_empty() {
            let outcome = self.try_write(&batch, at).await;
            let failed = outcome.map_err(LettersError::during(format!(
                "write letters of queue \"{}\"; the last {} of them are written whole or not at all, \
                 which the next redrive will know",
                self.queue.topic,
                batch.len()
            )))?;
            if failed.is_empty() {
                self.job.sent(batch.len());
                return Ok(());
            }
            // From the last one on, so that the places of the others stay what they are.
            for (position, error) in failed.into_iter().rev() {
                let planned = batch.remove(position);
                self.job.refused(planned.place, chain(&error));
            }
        }
        Ok(())
    }

    /// Writes a transaction; the letters that were refused when nothing was written because of
    /// them, by rising position.
    async fn try_write(
        &mut self,
        batch: &[Planned],
        at: &str,
    ) -> Result<Vec<(usize, BrokerError)>, BrokerError> {
        self.producer.begin().await?;
        let mut records: Vec<_> = batch.iter().map(|planned| planned.record.clone()).collect();
        records.extend(batch.iter().map(|planned| {
            let place = (planned.place.partition, planned.place.offset);
            self.marker(planned, at).record(&self.markers, &self.queue.topic, place)
        }));
        let delivery = self.producer.send(records).await?;
        let DeliveryReport { mut failed } = delivery.await?;
        if failed.is_empty() {
            self.producer.commit().await?;
            return Ok(Vec::new());
        }
        self.producer.abort().await?;
        failed.sort_unstable_by_key(|(position, _)| *position);
        let is_to_blame = |(position, error): &(usize, BrokerError)| {
            *position < batch.len() && error.class() == ErrorClass::Invalid
        };
        // What only fell with the others is tried again without them.
        if failed.iter().any(is_to_blame) {
            failed.retain(is_to_blame);
            return Ok(failed);
        }
        let first = failed.into_iter().next().map(|(_, error)| error);
        Err(first.unwrap_or(BrokerError::Closed))
    }

    fn marker(&self, planned: &Planned, at: &str) -> Marker {
        Marker {
            to: self.to,
            topic: planned.record.topic.as_ref().to_owned(),
            at: at.to_owned(),
            redrive: self.job.id.clone(),
            connector: self.queue.connector.as_ref().to_owned(),
            letter: planned.letter,
        }
    }
}
