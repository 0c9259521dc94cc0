//! Records led through converters and transforms, looked at after each.

mod shown;

use bytes::BytesMut;
use connect_api::{
    config::Props,
    error::Result,
    record::{SourceRecord, TopicPartition},
};
use serde_json::Value as Json;

pub use self::shown::{PreviewError, PreviewStage, PreviewedRecord};
use self::shown::{Show, consumed, produced};
use super::{
    Converters,
    stage::{Failure, Stage},
};
use crate::{
    broker::ConsumerRecord,
    convert::ConverterRegistry,
    transform::{Chain, ConnectRecord, Verdict},
};

/// What a connector's configuration does to records.
#[derive(Debug)]
pub struct PreviewStages {
    converters: Converters,
    chain: Chain,
    show: Show,
}

impl PreviewStages {
    /// What the connector asks for, or else what the worker does.
    ///
    /// # Errors
    /// `Invalid` when a class is not known or its options are wrong.
    pub fn of(registry: &ConverterRegistry, connector: &Props, worker: &Props) -> Result<Self> {
        let [known, default] = [connector, worker].map(without_registration);
        Ok(Self {
            converters: Converters::of(registry, &known, &default)?,
            chain: Chain::of(connector)?,
            show: Show::new()?,
        })
    }

    /// Records of topics on their way to a sink.
    pub async fn of_sink(
        &self,
        records: &[(TopicPartition, ConsumerRecord)],
    ) -> Vec<PreviewedRecord> {
        let mut previews = Vec::with_capacity(records.len());
        for record in records {
            previews.push(self.to_sink(record).await);
        }
        previews
    }

    async fn to_sink(
        &self,
        (partition, record): &(TopicPartition, ConsumerRecord),
    ) -> PreviewedRecord {
        let mut preview = PreviewedRecord::new();
        preview.add("raw", consumed(&partition.topic, partition.partition, record));
        let mut converted = self.converters.to_connect(&partition.topic, partition, record);
        while converted.is_err() && self.converters.settle().await {
            converted = self.converters.to_connect(&partition.topic, partition, record);
        }
        let mut converted = match converted {
            Ok(converted) => converted,
            Err(failure) => {
                preview.fail(&failure);
                return preview;
            }
        };
        preview.add("converted", self.show.sink(&converted));
        if self.transform(&mut preview, &mut converted, |record| self.show.sink(record)) {
            preview.outcome = Some(converted);
        }
        preview
    }

    /// Records of a source on their way to topics.
    pub async fn of_source(&self, records: Vec<SourceRecord>) -> Vec<PreviewedRecord> {
        let mut buffer = BytesMut::new();
        let mut previews = Vec::with_capacity(records.len());
        for record in records {
            previews.push(self.to_topics(record, &mut buffer).await);
        }
        previews
    }

    async fn to_topics(&self, mut record: SourceRecord, buffer: &mut BytesMut) -> PreviewedRecord {
        let mut preview = PreviewedRecord::new();
        preview.add("raw", self.show.source(&record));
        if self.transform(&mut preview, &mut record, |record| self.show.source(record)) {
            let mut converted = self.converters.from_connect(&record, buffer);
            while converted.is_err() && self.converters.settle().await {
                converted = self.converters.from_connect(&record, buffer);
            }
            match converted {
                Ok(converted) => preview.add("converted", produced(&converted)),
                Err(failure) => preview.fail(&failure),
            }
        }
        preview
    }

    /// Applies every transform; `false` when the record goes no further.
    fn transform<R: ConnectRecord>(
        &self,
        preview: &mut PreviewedRecord,
        record: &mut R,
        show: impl Fn(&R) -> Json,
    ) -> bool {
        for link in self.chain.links() {
            let (stage, applied) = match link.apply(record) {
                Ok(Some(Verdict::Keep)) => ("transformed", true),
                Ok(Some(Verdict::Drop)) => ("dropped", true),
                Ok(None) => ("transformed", false),
                Err((class, error)) => {
                    preview.fail(&Failure::at(Stage::Transformation, class)(error));
                    return false;
                }
            };
            let is_changed = applied && stage != "dropped";
            preview.stages.push(PreviewStage {
                stage,
                transform: Some(link.alias().to_owned()),
                class: Some(link.class()),
                applied: Some(applied),
                record: is_changed.then(|| show(record)),
            });
            if stage == "dropped" {
                return false;
            }
        }
        true
    }
}

/// A configuration whose converters register no schemas.
fn without_registration(props: &Props) -> Props {
    let mut props = props.clone();
    for role in ["key", "value", "header"] {
        props.insert(format!("{role}.converter.auto.register.schemas"), "false");
    }
    props
}
