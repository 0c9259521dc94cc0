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
};

use self::read::Reader;
use super::{ConnectorPlugin, Runtime, RuntimeSettings};
use crate::{
    broker::BrokerError,
    pipeline::{PreviewStages, PreviewedRecord},
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

/// What is to be previewed.
#[derive(Clone, Debug)]
pub struct PreviewSpec {
    /// Name of the connector, which need not exist.
    pub connector: Arc<str>,
    /// Its class.
    pub plugin: ConnectorPlugin,
    /// Its configuration, references resolved.
    pub config: Props,
    /// Partitions of the topics that a sink reads.
    pub partitions: Vec<TopicPartition>,
    /// What is asked for.
    pub request: PreviewRequest,
}

impl Runtime {
    /// Shows what a configuration would do to real records; a note with a sink that does not say
    /// what it would write.
    ///
    /// # Errors
    /// `Invalid` for the configuration; what the broker or the source says when it cannot be read.
    pub async fn preview(
        &self,
        spec: &PreviewSpec,
    ) -> Result<(Vec<PreviewedRecord>, Option<String>)> {
        let RuntimeSettings { converters, worker, .. } = &*self.settings;
        let stages = PreviewStages::of(converters, &spec.config, worker)?;
        let reader = Reader { settings: &self.settings, spec };
        match &spec.plugin {
            ConnectorPlugin::Source(source) => {
                let records = reader.polled(&**source).await?;
                Ok((stages.of_source(records).await, None))
            }
            ConnectorPlugin::Sink(sink) => {
                let records = reader.of_topics().await.map_err(unreadable)?;
                let mut previews = stages.of_sink(&records).await;
                let now_ms = self.settings.clock.now_ms();
                let note = add_writes(&**sink, &spec.config, &mut previews, now_ms)?;
                Ok((previews, note))
            }
        }
    }
}

/// Adds what the sink would write for the records that come through.
fn add_writes(
    sink: &dyn SinkConnector,
    config: &Props,
    previews: &mut [PreviewedRecord],
    now_ms: i64,
) -> Result<Option<String>> {
    let mut reaching: Vec<_> =
        previews.iter_mut().filter(|preview| preview.outcome.is_some()).collect();
    let records: Vec<_> =
        reaching.iter_mut().filter_map(|preview| preview.outcome.take()).collect();
    let Some(writes) = sink.preview(config, &records, now_ms)? else {
        return Ok(Some(format!("{} does not say what it would write", sink.class())));
    };
    for (preview, written) in reaching.into_iter().zip(writes) {
        preview.add_write(sink.class(), written);
    }
    Ok(None)
}

fn unreadable(error: BrokerError) -> ConnectorError {
    ConnectorError::new(error.class(), "Could not read the topics").caused_by(error)
}
