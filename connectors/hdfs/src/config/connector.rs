//! Options of the connector itself: formats, rotation, nulls.

use std::time::Duration;

use connect_api::{config::Config, json::DecimalFormat};
use connect_storage::keys::FormatKeys;

use super::words::{FormatClass, NullBehavior};

/// Options of the connector itself.
#[derive(Config, Debug)]
#[config(group = "Connector")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct ConnectorKeys {
    /// Format of the files: `AvroFormat`, `JsonFormat`, `ParquetFormat` or `StringFormat`, with the
    /// package or without. `OrcFormat` is not supported.
    #[config(importance = High, default = "io.confluent.connect.hdfs.avro.AvroFormat")]
    pub format_class: FormatClass,
    /// Records of one Kafka partition after which all its open files are committed.
    #[config(importance = High, check = at_least(1))]
    pub flush_size: i32,
    /// Time after which files are committed, in milliseconds: by the clock, also on quiet topics, unless
    /// the partitioner is by a time in the records, which then counts and needs a new record to fire. Off
    /// when not positive.
    #[config(importance = High, default = -1)]
    pub rotate_interval_ms: i64,
    /// Time between two commits by the clock, in milliseconds, counted from local midnight in
    /// `timezone`. Off when not positive.
    #[config(default = -1)]
    pub rotate_schedule_interval_ms: i64,
    /// Content of one file after which all files of its Kafka partition are committed, in bytes before
    /// compression. An extension; off when not positive.
    #[config(importance = Low, default = -1)]
    pub file_size_bytes_max: i64,
    /// Time after which files are committed by the clock, in milliseconds, counted from when the
    /// first of their records came. An extension; off when not positive.
    #[config(importance = Low, default = -1)]
    pub file_age_ms_max: i64,
    /// Memory that open files of a task may take, in bytes, as a part of the worker's budget. An
    /// extension; the whole of it when not positive.
    #[config(importance = Low, default = -1)]
    pub store_memory_bytes: i64,
    /// Whether each folder of a Kafka partition has one growing file, to which records are appended
    /// where they would be committed as a file of their own otherwise. It grows until
    /// `file.size.bytes.max` or `file.age.ms.max`, until its folder is left behind in time, or until the
    /// partition moves to another task. For `JsonFormat` and `StringFormat`. An extension.
    #[config(default = false)]
    pub hdfs_append: bool,
    /// How schemas stand in files.
    #[config(flatten)]
    pub format: FormatKeys,
    /// How a decimal stands in JSON.
    #[config(key = "json.decimal.format", importance = Low, default = DecimalFormat::Base64)]
    pub decimal_format: DecimalFormat,
    /// Pause after a failure that may pass, in milliseconds; each pause is random around it.
    #[config(key = "retry.backoff.ms", importance = Low, default = 5000)]
    pub retry_backoff: Duration,
    /// Whether open files are committed when the task stops or its partitions go to others, rather than
    /// be thrown away and read again. An extension.
    #[config(importance = Low, default = false)]
    pub flush_on_stop: bool,
    /// Longest time that `flush.on.stop` may take, in milliseconds; what is open after it is thrown away
    /// and read again.
    #[config(key = "shutdown.timeout.ms", importance = Low, default = 3000)]
    pub shutdown_timeout: Duration,
    /// Fewest digits of the offsets in file names.
    #[config(importance = Low, default = 10, check = between(0, 1000))]
    pub filename_offset_zero_pad_width: usize,
    /// What becomes of records without a value: `fail` or `ignore`.
    #[config(importance = Low, default = NullBehavior::Fail)]
    pub behavior_on_null_values: NullBehavior,
    /// Whether ignored records without a value are reported to the dead letter queue.
    #[config(importance = Low, default = true)]
    pub report_null_values_to_dlq: bool,
    /// Most open files of one Kafka partition; one more commits them all first. Off when not
    /// positive.
    #[config(importance = Low, default = -1)]
    pub partitioner_max_open_files: i32,
    /// Files of keys, which this sink does not write: only `false` is accepted.
    #[config(importance = Low, default = false)]
    pub store_kafka_keys: bool,
    /// Files of headers, which this sink does not write: only `false` is accepted.
    #[config(importance = Low, default = false)]
    pub store_kafka_headers: bool,
}
