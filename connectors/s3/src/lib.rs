//! The S3 sink: records become objects of a bucket, each record exactly once.
//!
//! [`S3Sink`] answers to `io.confluent.connect.s3.S3SinkConnector` and takes its configurations
//! unchanged. [`AivenS3Sink`] answers to the class of Aiven's sink and promises less; what follows is
//! about the former. Called by the worker only; everything else here is private to the crate.
//!
//! # Delivery
//!
//! **The object is the commit.** A file is named after its first record and created by one request
//! that succeeds only if nothing has that name; its metadata says which record is its last. Offsets
//! are committed behind it. When a task dies in between, the next one begins at the committed
//! offset, builds the same first file, finds its name taken, reads where it ends and skips what it
//! holds. For that, no committed offset ever lies inside the range of an object, even when only
//! some files of a group appeared.
//!
//! This holds for every rotation, the schedule included, and for every partitioner whose folders
//! follow the record. With `timestamp.extractor=Wallclock` a record that is read again may belong
//! to another folder: files then appear in order, and a new task looks for the one it would have
//! begun in the last `max.files.scan.limit` time buckets. What is not covered there: a task that
//! was away for longer than that, and one that goes on writing after its partition was taken away.
//! `enable.conditional.writes=false` gives the promise up wherever the clock decides on borders.
//!
//! With `store.kafka.keys` or `store.kafka.headers` a file is several objects with the same records,
//! which cannot appear at once. They appear in one order: headers, keys, values; of records without a
//! value the keys are the last. **The first one decides**: it is created by the request that only one task
//! wins, and says for good which records the file has. **The last one commits**: who sees it finds
//! the others. A task that finds the first and not the last completes the file: it reads the records
//! again, builds exactly that file whatever its own rotation says, and creates what is missing;
//! what is there by then holds the same. No offset behind the file's beginning is committed before that.
//! Were the first one overwritten instead, a task that lost its partition could still put the last one
//! beside it, with other records.
//!
//! An upload in parts gets its metadata before its end is known; its length tells the end instead.
//! Gzip tells the length of its content modulo 4 GiB only, which is the limit for larger ones. A
//! container tells how many records it holds: a Parquet file in its footer, an Avro file by the counts
//! of its blocks.
//!
//! # What an object says of itself
//!
//! A reader can rely on the user metadata (`x-amz-meta-…`) of every object:
//!
//! | name | says | in parts |
//! | --- | --- | --- |
//! | `kafka-topic`, `kafka-partition` | where its records were read from | yes |
//! | `kafka-first-offset`, `kafka-first-timestamp` | its first record; no timestamp when that has none | yes |
//! | `kafka-first-record-crc32` | CRC-32 of the first record as it is written, before compression | yes |
//! | `kafka-last-offset`, `kafka-last-timestamp` | its last record | no |
//! | `kafka-record-count` | how many records it holds | no |
//! | `content-crc32` | CRC-32 of its bytes, as `crc32` of the object gives it | no |
//! | `source-1` to `source-4` | first position in a file, the position after the last line, records, path | no |
//! | `source-other-records` | how many records are from files beyond those, or from none | no |
//! | `source-first` | position of the first record in its file, and the path | only |
//!
//! Numbers are decimal. The names with `source-` are there for records of the log file source with
//! `headers.provenance=true`; what is not printable ASCII in a path is written as `%` and two hexadecimal
//! digits. An object that was uploaded in parts was described before its end was known, and
//! metadata cannot be changed but by copying the object, which costs a read and a write of all of it.
//! With `s3.object.tagging=true` tags say the rest of such an object of values: `endOffset`,
//! `recordCount`, `content-crc32`, `kafka-last-timestamp`, as far as the ten tags of an object go beside the
//! user's. Tags come after the object: a task that dies in between leaves none. Without them its
//! records tell: their count by lines, blocks or footer, and its last offset is below the first one of
//! the next object of its folder.
//!
//! A list of finished objects beside the objects was rejected: it would be one more thing to keep
//! consistent, and readers of the bucket would find it.

mod aiven;
pub mod config;
mod figures;
mod file;
mod insight;
mod naming;
mod preview;
mod store;
mod task;
mod view;

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props},
    error::Result,
    insight::{Explanation, Load, StoredObjects, Wanted},
    record::SinkRecord,
    sink::{Previews, SinkConnector, SinkContext, SinkTask},
};

pub use self::aiven::AivenS3Sink;
use self::{
    config::S3SinkConfig, insight::Keys, preview::Previewer, store::Store, task::S3SinkTask,
};

/// Settings that decide which key an object has that begins with a given record.
const NAMING: [&str; 17] = [
    "s3.bucket.name",
    "topics.dir",
    "directory.delim",
    "file.delim",
    "filename.offset.zero.pad.width",
    "partitioner.class",
    "partition.field.name",
    "partition.field.format.path",
    "partition.duration.ms",
    "path.format",
    "timezone",
    "timestamp.extractor",
    "timestamp.field",
    "format.class",
    "format.bytearray.extension",
    "parquet.codec",
    "s3.compression.type",
];

/// The S3 sink connector.
#[derive(Clone, Copy, Debug, Default)]
pub struct S3Sink;

#[async_trait]
impl SinkConnector for S3Sink {
    fn class(&self) -> &'static str {
        "io.confluent.connect.s3.S3SinkConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        S3SinkConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<S3SinkConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("s3.bucket.name")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let store = Box::pin(Store::open(&S3SinkConfig::parse(props)?)).await?;
        Box::pin(store.check_bucket()).await
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        S3SinkConfig::parse(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = S3SinkConfig::parse(props)?;
        Ok(Box::new(Box::pin(S3SinkTask::start(config, context)).await?))
    }

    fn naming(&self, props: &Props) -> Result<Props> {
        let known = self.validate(props).into_iter();
        let named = known.filter(|known| NAMING.contains(&known.name.as_str()));
        Ok(named.filter_map(|known| Some((known.name, known.value?))).collect())
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        now_ms: i64,
    ) -> Result<Option<Previews>> {
        let mut previewer = Previewer::new(&S3SinkConfig::parse(props)?)?;
        Ok(Some(records.iter().map(|record| previewer.preview(record, now_ms)).collect()))
    }

    fn explain(&self, props: &Props, load: &Load, now_ms: i64) -> Result<Explanation> {
        Ok(insight::explain(&S3SinkConfig::parse(props)?, props, load, now_ms))
    }

    async fn objects(&self, props: &Props, wanted: &Wanted) -> Result<Option<StoredObjects>> {
        let config = S3SinkConfig::parse(props)?;
        let store = Box::pin(Store::open(&config)).await?;
        let topic = insight::only_topic(props);
        Box::pin(insight::objects(&store, &Keys::new(&config), topic, wanted)).await.map(Some)
    }
}
