//! The connector.

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

/// The JDBC sink connector, under either of its classes.
#[derive(Clone, Copy, Debug)]
pub struct JdbcSink {
    class: &'static str,
}

impl JdbcSink {
    /// The class of Aiven's connector.
    pub const AIVEN: Self = Self { class: "io.aiven.connect.jdbc.JdbcSinkConnector" };
    /// The class of Confluent's connector.
    pub const CONFLUENT: Self = Self { class: "io.confluent.connect.jdbc.JdbcSinkConnector" };
}

#[async_trait]
impl SinkConnector for JdbcSink {
    fn class(&self) -> &'static str {
        self.class
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
