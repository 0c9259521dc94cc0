//! The S3 sink with the names, keys and objects of Aiven's.
//!
//! [`AivenS3Sink`] answers to `io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector` and takes
//! its configurations unchanged.
//!
//! # Delivery
//!
//! Each record arrives **at least once**. Records since the last flush are grouped by the name of
//! their object, and all of them become objects when offsets are asked for, every
//! `offset.flush.interval.ms`. No offset is committed before the objects with the records before it
//! are complete.
//!
//! An object replaces one that has its key, as in the original. After a crash between the two,
//! records are read again from the committed offset: the first object then has the name that it
//! had, and takes the place of its former self, with more or fewer records; what that held beyond
//! is in the objects after it. Objects that began at other offsets stay, so that records can be in
//! two of them. Names made of `{{key}}` hold the last record of a key, and settle at the last one
//! whatever comes again.
//!
//! What is not covered, as in the original: a task that lost its partition and does not know yet may
//! put a shorter object in the place of its successor's. The Confluent class, which creates objects
//! and never replaces them, has no such gap.
//!
//! # What an object says of itself
//!
//! The metadata that the Confluent class gives to its objects, but for the checksum of the first record.
//! The original gives none. An object with records of several partitions, which only names without a
//! partition or a transform that renames topics bring about, says nothing.
//!
//! # Memory
//!
//! Records are turned into bytes as they come, and compressed as soon as there is enough of them;
//! none is kept. Full parts are uploaded between two flushes. When the budget is used up, parts are
//! uploaded early, then the largest objects are written early: what follows begins another object.

mod body;
mod config;
mod content;
mod entries;
mod explain;
mod group;
mod keys;
mod object;
mod pack;
mod preview;
mod shape;
mod tally;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod text;

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props},
    error::Result,
    insight::{Explanation, Load, StoredObjects, Wanted},
    record::SinkRecord,
    sink::{Previews, SinkConnector, SinkContext, SinkTask},
};

use self::{
    config::{AivenConfig, NAMES},
    keys::{Keys, Unread},
    preview::Previewer,
    task::AivenTask,
};
use crate::{insight, store::Store};

/// The S3 sink connector with Aiven's class name.
#[derive(Clone, Copy, Debug, Default)]
pub struct AivenS3Sink;

#[async_trait]
impl SinkConnector for AivenS3Sink {
    fn class(&self) -> &'static str {
        "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        AivenConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<AivenConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("aws.s3.bucket.name")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let (bucket, tuning) = AivenConfig::parse(props)?.bucket()?;
        let store = Box::pin(Store::overwriting(&bucket, &tuning, &NAMES)).await?;
        Box::pin(store.check_bucket()).await
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        AivenConfig::parse(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = AivenConfig::parse(props)?;
        Ok(Box::new(Box::pin(AivenTask::start(&config, context)).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        now_ms: i64,
    ) -> Result<Option<Previews>> {
        let mut previewer = Previewer::new(&AivenConfig::parse(props)?)?;
        let previews = records.iter().map(|record| previewer.preview(record, now_ms).map(Some));
        Ok(Some(previews.collect()))
    }

    fn explain(&self, props: &Props, load: &Load, now_ms: i64) -> Result<Explanation> {
        Ok(explain::explain(&AivenConfig::parse(props)?, props, load, now_ms))
    }

    async fn objects(&self, props: &Props, wanted: &Wanted) -> Result<Option<StoredObjects>> {
        let config = AivenConfig::parse(props)?;
        let (bucket, tuning) = config.bucket()?;
        let store = Box::pin(Store::overwriting(&bucket, &tuning, &NAMES)).await?;
        let topic = insight::only_topic(props);
        let found = match (Keys::new(&config), wanted) {
            (Ok(keys), _) => Box::pin(insight::objects(&store, &keys, topic, wanted)).await,
            (Err(_), Wanted::At(_)) => {
                Box::pin(insight::objects(&store, &Unread, topic, wanted)).await
            }
            (Err(error), _) => Err(error),
        };
        found.map(Some)
    }
}
