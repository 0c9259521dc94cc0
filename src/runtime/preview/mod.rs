//! What a configuration would do to real records, stage by stage, without doing it.
//!
//! There is no group, no commit and no write: the topics of a sink are read aside, and a task of a
//! source begins where its connector has committed, or at the start, is asked for records and
//! stopped, and never hears that anything was stored. What a sink would write is told by its class
//! without asking the system behind it. Nothing is kept: time, records and the bytes that are shown
//! of each are bounded.

mod read;

use std::{sync::Arc, time::Duration};

use connect_api::{
    config::Props,
    error::{ConnectorError, Result},
    record::TopicPartition,
    sink::SinkConnector,
    source::SourceConnector,
    time::Clock,
};

use crate::{
    broker::{Broker, BrokerError},
    pipeline::{PreviewStages, PreviewedRecord},
    store::SourceOffsets,
};

/// Longest time that reading may take; what came by then is shown.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a preview is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewRequest {
    /// Records, at most.
    pub records: usize,
    /// Whether a sink's topics are read from their beginning, not shortly before their end.
    pub is_from_beginning: bool,
}

/// What a preview is made from.
#[derive(Clone, Copy, Debug)]
pub struct PreviewInput<'a> {
    /// Where topics are.
    pub broker: &'a Arc<dyn Broker>,
    /// Where offsets of sources are kept.
    pub offsets: &'a Arc<dyn SourceOffsets>,
    /// The time.
    pub clock: &'a Arc<dyn Clock>,
    /// The worker's properties.
    pub worker: &'a Props,
    /// The connector's configuration, references resolved.
    pub props: &'a Props,
}

impl PreviewInput<'_> {
    /// Records of these partitions on their way to a sink, and what it would write; a note where it
    /// does not say.
    ///
    /// # Errors
    /// `Invalid` for the configuration; what the broker says when it cannot be read.
    pub async fn of_sink(
        &self,
        sink: &dyn SinkConnector,
        partitions: &[TopicPartition],
        request: PreviewRequest,
    ) -> Result<(Vec<PreviewedRecord>, Option<String>)> {
        let stages = PreviewStages::of(self.props, self.worker)?;
        let records = self.of_topics(partitions, request).await.map_err(unreadable)?;
        let mut previews = stages.of_sink(&records);
        let mut reaching: Vec<_> =
            previews.iter_mut().filter(|preview| preview.outcome.is_some()).collect();
        let records: Vec<_> =
            reaching.iter_mut().filter_map(|preview| preview.outcome.take()).collect();
        let Some(writes) = sink.preview(self.props, &records, self.clock.now_ms())? else {
            let note = format!("{} does not say what it would write", sink.class());
            return Ok((previews, Some(note)));
        };
        for (preview, written) in reaching.into_iter().zip(writes) {
            preview.add_write(sink.class(), written);
        }
        Ok((previews, None))
    }

    /// Records that the source of a connector would bring next, on their way to topics.
    ///
    /// # Errors
    /// `Invalid` for the configuration; what the source says when it cannot be read.
    pub async fn of_source(
        &self,
        source: &dyn SourceConnector,
        name: &str,
        request: PreviewRequest,
    ) -> Result<Vec<PreviewedRecord>> {
        let stages = PreviewStages::of(self.props, self.worker)?;
        Ok(stages.of_source(self.polled(source, name, request).await?))
    }
}

fn unreadable(error: BrokerError) -> ConnectorError {
    ConnectorError::new(error.class(), "Could not read the topics").caused_by(error)
}
