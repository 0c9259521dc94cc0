//! Options of the connector itself: formats, rotation, nulls.

use std::time::Duration;

use connect_api::config::Config;

use connect_storage::{keys::FormatKeys, words::Affix};

use super::words::{FormatClass, NullBehavior};

/// Options of the connector itself.
#[derive(Config, Debug)]
#[config(group = "Connector")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct ConnectorKeys {
    /// Format of the objects: `JsonFormat`, `AvroFormat`, `ParquetFormat` or `ByteArrayFormat`, with
    /// the package or without.
    #[config(importance = High)]
    pub format_class: FormatClass,
    /// Records of one Kafka partition after which all its open files are committed.
    #[config(importance = High, check = at_least(1))]
    pub flush_size: i32,
    /// Span of record time after which files are committed, in milliseconds; needs a partitioner
    /// by time and a new record to fire. Off when not positive.
    #[config(importance = High, default = -1)]
    pub rotate_interval_ms: i64,
    /// Time between two commits by the clock, in milliseconds, counted from local midnight in
    /// `timezone`. Off when not positive.
    #[config(default = -1)]
    pub rotate_schedule_interval_ms: i64,
    /// Whether, with `rotate.interval.ms`, a record for another folder than the one before it
    /// commits the files.
    #[config(importance = Low, default = true)]
    pub rotate_file_on_partition_change: bool,
    /// Content of one file after which all files of its Kafka partition are committed, in bytes before
    /// compression. An extension; off when not positive.
    #[config(importance = Low, default = -1)]
    pub file_size_bytes_max: i64,
    /// Time after which files are committed by the clock, in milliseconds, counted from when the
    /// first of their records came. Works on quiet topics. An extension; off when not positive.
    #[config(importance = Low, default = -1)]
    pub file_age_ms_max: i64,
    /// Memory that open files of a task may take, in bytes, as a part of the worker's budget; each takes
    /// some 1.5 KB beside its records. An extension; the whole of it when not positive.
    #[config(importance = Low, default = -1)]
    pub store_memory_bytes: i64,
    /// Folder on disk where records of open files wait when there is no memory for them: for thousands
    /// of files that are open at once. An extension; none when empty.
    #[config(importance = Low, default = "")]
    pub store_spill_path: String,
    /// Most bytes that a task takes in `store.spill.path`. An extension; as many as there are when not
    /// positive.
    #[config(importance = Low, default = -1)]
    pub store_spill_bytes: i64,
    /// How schemas stand in files.
    #[config(flatten)]
    pub format: FormatKeys,
    /// Pause after a failure that may pass, in milliseconds.
    #[config(key = "retry.backoff.ms", importance = Low, default = 5000)]
    pub retry_backoff: Duration,
    /// Whether open files become objects when the task stops or its partitions go to others, rather than
    /// be thrown away and read again. An extension.
    #[config(importance = Low, default = false)]
    pub flush_on_stop: bool,
    /// Longest time that `flush.on.stop` may take, in milliseconds; what is open after it is thrown away
    /// and read again.
    #[config(key = "shutdown.timeout.ms", importance = Low, default = 3000)]
    pub shutdown_timeout: Duration,
    /// Fewest digits of the offset in object names.
    #[config(importance = Low, default = 10, check = between(0, 1000))]
    pub filename_offset_zero_pad_width: usize,
    /// Longest time one batch is worked on, in milliseconds; what is left is read again.
    #[config(key = "max.write.duration.ms", importance = Low, default = 9_223_372_036_854_775_807_i64, check = at_least(1))]
    pub max_write_duration: Duration,
    /// What becomes of records without a value: `fail`, `ignore`, or `write`, which stores their keys.
    #[config(importance = Low, default = NullBehavior::Fail)]
    pub behavior_on_null_values: NullBehavior,
    /// Whether ignored records without a value are reported to the dead letter queue.
    #[config(importance = Low, default = true)]
    pub report_null_values_to_dlq: bool,
    /// Folder of records without a value, where they are written.
    #[config(importance = Low, default = "tombstone", check = NOT_EMPTY)]
    pub tombstone_encoded_partition: String,
    /// Whether keys are written to objects of their own, named `….keys.…` beside those of values. A
    /// record without a key is a bad record then.
    #[config(importance = Low, default = false)]
    pub store_kafka_keys: bool,
    /// Format of the objects of keys.
    #[config(importance = Low, default = "io.confluent.connect.s3.format.avro.AvroFormat")]
    pub keys_format_class: FormatClass,
    /// Whether headers are written to objects of their own, named `….headers.…` beside those of values.
    /// A record without headers is a bad record then.
    #[config(importance = Low, default = false)]
    pub store_kafka_headers: bool,
    /// Format of the objects of headers; not `ByteArrayFormat`.
    #[config(importance = Low, default = "io.confluent.connect.s3.format.avro.AvroFormat")]
    pub headers_format_class: FormatClass,
    /// Where `schema_name=…` stands beside the encoded partition.
    #[config(key = "s3.schema.partition.affix.type", importance = Low, default = Affix::None)]
    pub schema_affix: Affix,
    /// Whether an object is only ever created, never overwritten. Exactly-once rests on it wherever
    /// file borders depend on the clock.
    #[config(importance = Low, default = true)]
    pub enable_conditional_writes: bool,
    /// Most time buckets that are searched for an object that an earlier task left behind, when
    /// folders follow the clock.
    #[config(importance = Low, default = 100, check = at_least(0))]
    pub max_files_scan_limit: usize,
    /// Most open files of one Kafka partition; one more commits them all first. Off when not
    /// positive.
    #[config(importance = Low, default = -1)]
    pub partitioner_max_open_files: i32,
}
