//! Previews of configurations, which need not be those of a connector.

use connect_api::{error::ConnectorError, record::TopicPartition};
use serde::Serialize;

use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
    lag,
    replies::ConnectorType,
    starter::ConnectorPlugin,
    validate::{RawConfig, props_of},
};
pub use crate::runtime::{PreviewRequest, PreviewedRecord};
use crate::{
    broker::{BrokerError, ClientSettings},
    runtime::PreviewInput,
};

/// What a configuration would do.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigPreview {
    /// Name of the connector.
    pub name: String,
    /// Its class.
    pub class: &'static str,
    /// Kind of connector.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
    /// Records with what becomes of them.
    pub records: Vec<PreviewedRecord>,
    /// What should be known about the configuration or the reading.
    pub notes: Vec<String>,
}

impl HerderHandle {
    /// Shows what a configuration for a class would do to real records.
    ///
    /// # Errors
    /// `InvalidConfig` and the like, as for a connector that is created; `Preview` when the records
    /// cannot be had.
    pub async fn preview(
        &self,
        class: &str,
        mut config: RawConfig,
        request: PreviewRequest,
    ) -> Result<ConfigPreview> {
        let plugin = self.parts.plugins.connector(class)?;
        let class = config.entry("connector.class".to_owned()).or_default();
        class.get_or_insert_with(|| plugin.class().to_owned());
        let name = config.entry("name".to_owned()).or_default();
        let name = name.get_or_insert_with(|| "preview".to_owned()).clone();
        let mut notes = self.validate(plugin.class(), &config)?.into_result()?;
        let props = (self.parts.resolve)(&props_of(&config)).map_err(HerderError::Unresolved)?;
        let input = PreviewInput {
            broker: &self.parts.broker,
            offsets: &self.parts.offsets,
            clock: &self.parts.clock,
            worker: &self.settings.worker,
            props: &props,
        };
        let failed = |source| HerderError::Preview { connector: name.clone(), source };
        let records = match &plugin {
            ConnectorPlugin::Sink(sink) => {
                let partitions = self.partitions(&input).await.map_err(|error| {
                    let what = "Could not find the topics";
                    failed(ConnectorError::new(error.class(), what).caused_by(error))
                })?;
                let shown = input.of_sink(&**sink, &partitions, request).await;
                let (records, note) = shown.map_err(failed)?;
                notes.extend(note);
                records
            }
            ConnectorPlugin::Source(source) => {
                input.of_source(&**source, &name, request).await.map_err(failed)?
            }
        };
        if records.len() < request.records {
            notes.push(format!("{} of {} records were there", records.len(), request.records));
        }
        Ok(ConfigPreview { class: plugin.class(), kind: plugin.kind(), name, records, notes })
    }

    async fn partitions(
        &self,
        input: &PreviewInput<'_>,
    ) -> Result<Vec<TopicPartition>, BrokerError> {
        let admin = self.parts.broker.admin(&ClientSettings::default()).await?;
        lag::partitions(&*admin, input.props).await
    }
}
