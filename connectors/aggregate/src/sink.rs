//! The connector class.

use async_trait::async_trait;
use connect_api::{
    config::{self, Config, ConfigDef, ConfigValue, Props},
    error::Result,
    record::{SinkRecord, TopicPartition},
    sink::{Previews, SinkConnector, SinkContext, SinkTask},
};
use connect_disk::{check_directory, directory_of, on_disk};

use crate::{
    config::AggregateConfig, live::LiveAggregates, preview::Previewer, store::Access,
    task::AggregateTask,
};

/// Class of the aggregate sink, as users write it.
pub(crate) const CLASS: &str = "millrace.AggregateSinkConnector";

/// Counts records by time window and group, exactly once, into SQLite or PostgreSQL.
///
/// What its tasks hold is in [`LiveAggregates::of_process`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AggregateSink;

#[async_trait]
impl SinkConnector for AggregateSink {
    fn class(&self) -> &'static str {
        CLASS
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        AggregateConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        config::validate::<AggregateConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("store.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let config = AggregateConfig::parse(props)?;
        if let Some(file) = config.store_url().file() {
            on_disk(|| check_directory("store.url", directory_of(file)))?;
        }
        let mut store = config.store_url().open(Access::Read, config.store_timeout());
        store.totals(&config.definition(props.get("name").unwrap_or_default())).await.map(drop)
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let config = AggregateConfig::parse(props)?;
        let connector = props.get("name").unwrap_or_default();
        let mut previewer = Previewer::new(&config, connector);
        Ok(Some(records.iter().map(|record| previewer.preview(record)).collect()))
    }

    /// What is counted is counted: tasks go on from where their store is.
    async fn alter_offsets(
        &self,
        _props: &Props,
        _offsets: Option<&[(TopicPartition, Option<i64>)]>,
    ) -> Result<bool> {
        Ok(false)
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = AggregateConfig::parse(props)?;
        let mut store = config.store_url().open(Access::Write, config.store_timeout());
        // A store that is away is waited for here; in `open` it would fail the task.
        store.claim(&config.definition(&context.connector), &[]).await?;
        Ok(Box::new(AggregateTask::new(&config, context, store, LiveAggregates::of_process())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_resets_the_offsets_is_told_of_the_store() {
        assert!(!AggregateSink.alter_offsets(&Props::new(), None).await.unwrap());
    }
}
