//! The connector classes.

use async_trait::async_trait;
use connect_api::{
    config::{self, Config, ConfigDef, ConfigValue, Props},
    error::Result,
    record::{SinkRecord, TopicPartition},
    sink::{Previews, SinkConnector, SinkContext, SinkTask},
};

use crate::{
    check,
    config::JdbcSinkConfig,
    database::{self, Usage},
    offsets,
    preview::Previewer,
    task::JdbcSinkTask,
};

/// The JDBC sink connector.
#[derive(Clone, Copy, Debug, Default)]
pub struct JdbcSink;

/// The JDBC sink connector under the name that Aiven's has.
#[derive(Clone, Copy, Debug, Default)]
pub struct AivenJdbcSink;

#[async_trait]
impl SinkConnector for JdbcSink {
    fn class(&self) -> &'static str {
        "io.confluent.connect.jdbc.JdbcSinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        JdbcSinkConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        config::validate::<JdbcSinkConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("connection.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        check::check(JdbcSinkConfig::parse(props)?, props).await
    }

    /// Tasks go on from the table of offsets, where there is one.
    async fn alter_offsets(
        &self,
        props: &Props,
        offsets: Option<&[(TopicPartition, Option<i64>)]>,
    ) -> Result<bool> {
        offsets::alter_offsets(props, offsets).await?;
        Ok(true)
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        JdbcSinkConfig::parse(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = JdbcSinkConfig::parse(props)?;
        let usage = Usage::new(&config, &context.connector)?;
        let database = database::open(config.access(props)?, usage)?;
        Ok(Box::new(JdbcSinkTask::start(config, context, database, props).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        _now_ms: i64,
    ) -> Result<Option<Previews>> {
        let mut previewer = Previewer::new(JdbcSinkConfig::parse(props)?, props)?;
        Ok(Some(records.iter().map(|record| previewer.preview(record)).collect()))
    }
}

#[async_trait]
impl SinkConnector for AivenJdbcSink {
    fn class(&self) -> &'static str {
        "io.aiven.connect.jdbc.JdbcSinkConnector"
    }

    fn version(&self) -> &'static str {
        JdbcSink.version()
    }

    fn config_def(&self) -> ConfigDef {
        JdbcSink.config_def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        JdbcSink.validate(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        JdbcSink.system_key()
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        JdbcSink.check_system(props).await
    }

    async fn alter_offsets(
        &self,
        props: &Props,
        offsets: Option<&[(TopicPartition, Option<i64>)]>,
    ) -> Result<bool> {
        JdbcSink.alter_offsets(props, offsets).await
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        JdbcSink.task_configs(props, max_tasks)
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        JdbcSink.start_task(props, context).await
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        now_ms: i64,
    ) -> Result<Option<Previews>> {
        JdbcSink.preview(props, records, now_ms)
    }
}
