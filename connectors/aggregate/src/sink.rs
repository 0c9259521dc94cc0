//! The connector class.

use async_trait::async_trait;
use connect_api::{
    config::{self, Config, ConfigDef, ConfigValue, Props},
    error::Result,
    sink::{SinkConnector, SinkContext, SinkTask},
};

use crate::{config::AggregateConfig, live::LiveAggregates, store::Access, task::AggregateTask};

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

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = AggregateConfig::parse(props)?;
        let store = config.store_url().open(Access::Write, config.store_timeout());
        Ok(Box::new(AggregateTask::new(&config, context, store, LiveAggregates::of_process())))
    }
}
