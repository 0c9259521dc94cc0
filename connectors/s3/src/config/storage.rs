//! Options of naming and sharing out: folders, file names, partitioners.

use connect_api::config::Config;

use super::words::{ExtractorClass, PartitionerClass, StorageClass};

/// Options of naming and sharing out.
#[derive(Config, Debug)]
#[config(group = "Storage")]
pub struct StorageKeys {
    /// Kind of storage: `S3Storage`, with the package or without.
    #[config(importance = High)]
    pub storage_class: StorageClass,
    /// Top folder of the objects; none when blank.
    #[config(importance = High, default = "topics")]
    pub topics_dir: String,
    /// Text between the segments of a path.
    #[config(default = "/", check = NOT_EMPTY)]
    pub directory_delim: String,
    /// Text between topic, partition and offset in an object's name.
    #[config(default = "+", check = NOT_EMPTY)]
    pub file_delim: String,
    /// How records are shared out to folders.
    #[config(importance = High, group = "Partitioner", default = "io.confluent.connect.storage.partitioner.DefaultPartitioner")]
    pub partitioner_class: PartitionerClass,
    /// Fields of the value that name the folder, dotted where nested.
    #[config(group = "Partitioner", default = "")]
    pub partition_field_name: Vec<String>,
    /// Width of a time bucket, in milliseconds.
    #[config(group = "Partitioner", default = -1)]
    pub partition_duration_ms: i64,
    /// Joda pattern of a time bucket's folder, such as `'year'=YYYY/'month'=MM`.
    #[config(group = "Partitioner", default = "")]
    pub path_format: String,
    /// Language of names in `path.format`. Names are always English.
    #[config(group = "Partitioner", default = "")]
    pub locale: String,
    /// Time zone of folders and of `rotate.schedule.interval.ms`: an id such as `Asia/Seoul`, or
    /// `+09:00`.
    #[config(group = "Partitioner", default = "", check = time_zone)]
    pub timezone: String,
    /// Where a record's time comes from: `Wallclock`, `Record` or `RecordField`.
    #[config(group = "Partitioner", default = "Wallclock", kind = String)]
    pub timestamp_extractor: ExtractorClass,
    /// Field that holds the time for `RecordField`, dotted where nested.
    #[config(group = "Partitioner", default = "timestamp")]
    pub timestamp_field: String,
}

fn time_zone(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { connect_joda::Zone::parse(text).map(drop) }
}
