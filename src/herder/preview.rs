//! Previews of configurations, which need not be those of a connector.

use connect_api::{config::Props, error::ConnectorError, record::TopicPartition};
use serde::Serialize;

pub use super::starter::{PreviewRequest, PreviewedRecord};
use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
    lag,
    replies::ConnectorType,
    starter::{ConnectorPlugin, PreviewSpec},
    validate::{RawConfig, check_class, props_of},
};
use crate::broker::{BrokerError, ClientSettings};

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
        check_class(plugin.class(), &config)?;
        let mut notes = self.validator().validate(&config)?.into_result()?;
        let props = (self.parts.resolve)(&props_of(&config)).map_err(HerderError::Unresolved)?;
        let failed = |source| HerderError::Preview { connector: name.clone(), source };
        let partitions = match &plugin {
            ConnectorPlugin::Sink(_) => self.partitions(&props).await.map_err(failed)?,
            ConnectorPlugin::Source(_) => Vec::new(),
        };
        let spec = PreviewSpec {
            connector: name.as_str().into(),
            plugin: plugin.clone(),
            config: props,
            partitions,
            request,
        };
        let (records, note) = self.parts.starter.preview(spec).await.map_err(failed)?;
        notes.extend(note);
        if records.len() < request.records {
            notes.push(format!("{} of {} records were there", records.len(), request.records));
        }
        Ok(ConfigPreview { class: plugin.class(), kind: plugin.kind(), name, records, notes })
    }

    async fn partitions(&self, config: &Props) -> Result<Vec<TopicPartition>, ConnectorError> {
        let found = async {
            let admin = self.parts.broker.admin(&ClientSettings::default()).await?;
            lag::partitions(&*admin, config).await
        };
        found.await.map_err(|error: BrokerError| {
            ConnectorError::new(error.class(), "Could not find the topics").caused_by(error)
        })
    }
}
