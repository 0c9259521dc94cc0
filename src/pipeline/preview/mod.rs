//! Records led through converters and transforms, looked at after each.

mod shown;

use bytes::BytesMut;
use connect_api::{
    config::Props,
    error::Result,
    record::{SinkRecord, SourceRecord, TopicPartition},
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
    transform::{Chain, ConnectRecord, Link, Verdict},
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
            self.to_sink(record, &mut previews).await;
        }
        previews
    }

    async fn to_sink(
        &self,
        (partition, record): &(TopicPartition, ConsumerRecord),
        previews: &mut Vec<PreviewedRecord>,
    ) {
        let mut preview = PreviewedRecord::new();
        preview.add("raw", consumed(&partition.topic, partition.partition, record));
        let mut converted = self.converters.to_connect(&partition.topic, partition, record);
        while converted.is_err() && self.converters.settle().await {
            converted = self.converters.to_connect(&partition.topic, partition, record);
        }
        match converted {
            Ok(converted) => {
                preview.add("converted", self.show.sink(&converted));
                let mut ends = Vec::new();
                let show = |record: &SinkRecord| self.show.sink(record);
                follow(self.chain.links(), preview, converted, &show, &mut ends);
                previews.extend(
                    ends.into_iter()
                        .map(|(preview, outcome)| PreviewedRecord { outcome, ..preview }),
                );
            }
            Err(failure) => {
                preview.fail(&failure);
                previews.push(preview);
            }
        }
    }

    /// Records of a source on their way to topics.
    pub async fn of_source(&self, records: Vec<SourceRecord>) -> Vec<PreviewedRecord> {
        let mut buffer = BytesMut::new();
        let mut previews = Vec::with_capacity(records.len());
        for record in records {
            let mut preview = PreviewedRecord::new();
            preview.add("raw", self.show.source(&record));
            let mut ends = Vec::new();
            let show = |record: &SourceRecord| self.show.source(record);
            follow(self.chain.links(), preview, record, &show, &mut ends);
            for (preview, record) in ends {
                previews.push(self.to_topics(preview, record, &mut buffer).await);
            }
        }
        previews
    }

    async fn to_topics(
        &self,
        mut preview: PreviewedRecord,
        record: Option<SourceRecord>,
        buffer: &mut BytesMut,
    ) -> PreviewedRecord {
        if let Some(record) = record {
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
}

/// Applies every transform. Each copy has a preview of its own; a record that goes no further leaves
/// its preview alone.
fn follow<R: ConnectRecord + Clone>(
    links: &[Link],
    mut preview: PreviewedRecord,
    mut record: R,
    show: &impl Fn(&R) -> Json,
    ends: &mut Vec<(PreviewedRecord, Option<R>)>,
) {
    let failed = |(class, error)| Failure::at(Stage::Transformation, class)(error);
    let mut rest = links;
    while let Some((link, behind)) = rest.split_first() {
        rest = behind;
        match link.apply(&mut record) {
            Ok(Some(Verdict::Keep)) => preview.follow("transformed", link, Some(show(&record))),
            Ok(None) => preview.follow("transformed", link, None),
            Ok(Some(Verdict::KeepAndCopy)) => match link.copy(&record) {
                Ok(copy) => {
                    let mut of_copy = preview.clone();
                    preview.follow("transformed", link, Some(show(&record)));
                    of_copy.follow("copied", link, Some(show(&copy)));
                    follow(rest, preview, record, show, ends);
                    return follow(rest, of_copy, copy, show, ends);
                }
                Err(failure) => {
                    preview.fail(&failed(failure));
                    return ends.push((preview, None));
                }
            },
            Ok(Some(Verdict::Drop)) => {
                preview.follow("dropped", link, None);
                return ends.push((preview, None));
            }
            Err(failure) => {
                preview.fail(&failed(failure));
                return ends.push((preview, None));
            }
        }
    }
    ends.push((preview, Some(record)));
}

/// A configuration whose converters register no schemas.
fn without_registration(props: &Props) -> Props {
    let mut props = props.clone();
    for role in ["key", "value", "header"] {
        props.insert(format!("{role}.converter.auto.register.schemas"), "false");
    }
    props
}
