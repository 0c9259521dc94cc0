//! Keys of storage sinks: folders, partitioners and formats.

use connect_api::config::{Config, Problems};
use connect_avro::AvroDataConfig;
use connect_joda::Pattern;

use crate::words::{AvroCodec, Compatibility, ExtractorClass, ParquetCodec, PartitionerClass};

/// Pattern of the hourly partitioner.
const HOURLY: &str = "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH";
/// Pattern of the daily partitioner.
const DAILY: &str = "'year'=YYYY/'month'=MM/'day'=dd";
/// Milliseconds of an hour.
const HOUR_MS: i64 = 3_600_000;

/// Options of naming and sharing out.
#[derive(Config, Debug)]
#[config(group = "Storage")]
pub struct StorageKeys {
    /// Top folder of the files; none when blank.
    #[config(importance = High, default = "topics")]
    pub topics_dir: String,
    /// Text between the segments of a path.
    #[config(default = "/", check = NOT_EMPTY)]
    pub directory_delim: String,
    /// Text between topic, partition and offset in a file's name.
    #[config(default = "+", check = NOT_EMPTY)]
    pub file_delim: String,
    /// How records are shared out to folders.
    #[config(importance = High, group = "Partitioner", default = "io.confluent.connect.storage.partitioner.DefaultPartitioner")]
    pub partitioner_class: PartitionerClass,
    /// Fields of the value that name the folder, dotted where nested.
    #[config(group = "Partitioner", default = "")]
    pub partition_field_name: Vec<String>,
    /// Whether `FieldAndTimeBasedPartitioner` names the folders of fields `field=value` rather than `value`.
    #[config(group = "Partitioner", default = true)]
    pub partition_field_format_path: bool,
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

impl StorageKeys {
    /// Whether folders follow a time.
    pub const fn is_time_based(&self) -> bool {
        matches!(
            self.partitioner_class,
            PartitionerClass::TimeBased
                | PartitionerClass::Hourly
                | PartitionerClass::Daily
                | PartitionerClass::FieldAndTime
        )
    }

    /// Whether folders follow fields of the value.
    pub const fn is_by_fields(&self) -> bool {
        matches!(self.partitioner_class, PartitionerClass::Field | PartitionerClass::FieldAndTime)
    }

    /// Whether folders follow the clock, so that a record read again may get another one.
    pub const fn is_by_clock(&self) -> bool {
        self.is_time_based() && matches!(self.timestamp_extractor, ExtractorClass::Wallclock)
    }

    /// Pattern of a bucket's folder and the bucket's width; Hourly and Daily bring their own.
    pub fn time_pattern(&self) -> (&str, i64) {
        match self.partitioner_class {
            PartitionerClass::Hourly => (HOURLY, HOUR_MS),
            PartitionerClass::Daily => (DAILY, 24 * HOUR_MS),
            _ => (&self.path_format, self.partition_duration_ms),
        }
    }

    /// Whether folders have names of months or days in a language that they are not written in.
    pub fn has_foreign_names(&self) -> bool {
        let is_english = self.locale.to_ascii_lowercase().starts_with("en");
        self.is_time_based()
            && !is_english
            && Pattern::parse(self.time_pattern().0).is_ok_and(|pattern| pattern.has_names())
    }

    /// Tells what is missing for the partitioner.
    pub fn check(&self, problems: &mut Problems) {
        let has_fields = !self.partition_field_name.iter().all(String::is_empty);
        let needs_fields = match self.partitioner_class {
            PartitionerClass::Field => Some("FieldPartitioner"),
            PartitionerClass::FieldAndTime => Some("FieldAndTimeBasedPartitioner"),
            _ => None,
        };
        if let Some(name) = needs_fields.filter(|_| !has_fields) {
            problems.add("partition.field.name", "", format!("{name} needs at least one field"));
        }
        if !self.is_time_based() {
            return;
        }
        for (key, text) in [("locale", &self.locale), ("timezone", &self.timezone)] {
            if text.is_empty() {
                problems.add(key, "", "Cannot be empty with a partitioner by time");
            }
        }
        let (pattern, duration_ms) = self.time_pattern();
        if duration_ms <= 0 {
            let reason = "Must be positive with TimeBasedPartitioner";
            problems.add("partition.duration.ms", duration_ms, reason);
        }
        if pattern.is_empty() || pattern == self.directory_delim {
            problems.add("path.format", pattern, "Cannot be empty with TimeBasedPartitioner");
        } else if let Err(reason) = Pattern::parse(pattern) {
            problems.add("path.format", pattern, reason);
        }
    }
}

fn time_zone(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { connect_joda::Zone::parse(text).map(drop) }
}

/// Options of how schemas and values stand in files.
#[derive(Config, Debug)]
#[config(group = "Connector")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct FormatKeys {
    /// Size of the schema cache of the Avro and Parquet formats.
    #[config(importance = Low, default = 1000)]
    pub schemas_cache_config: i32,
    /// Whether the Avro format keeps enum symbols and package names.
    #[config(importance = Low, default = true)]
    pub enhanced_avro_schema_support: bool,
    /// Whether the Avro format writes `connect.*` properties into its schema.
    #[config(importance = Low, default = true)]
    pub connect_meta_data: bool,
    /// Whether Avro and Parquet accept maps whose string key is optional.
    #[config(importance = Low, default = false)]
    pub allow_optional_map_keys: bool,
    /// Codec of the Avro format.
    #[config(importance = Low, default = AvroCodec::Null)]
    pub avro_codec: AvroCodec,
    /// Codec of the Parquet format; `lzo` is not supported.
    #[config(importance = Low, default = ParquetCodec::Snappy)]
    pub parquet_codec: ParquetCodec,
    /// How schemas within one file may differ. With `NONE` another schema is another file; with
    /// `BACKWARD` and `FULL` older records are brought into the file's schema, with `FORWARD` newer
    /// ones.
    #[config(default = "NONE")]
    pub schema_compatibility: Compatibility,
}

impl FormatKeys {
    /// How Connect's schemas become Avro's.
    #[must_use]
    pub const fn avro(&self) -> AvroDataConfig {
        AvroDataConfig {
            is_generalized: false,
            ignores_default: false,
            cache_size: self.schemas_cache_config,
            is_enhanced: self.enhanced_avro_schema_support,
            scrubs: false,
            has_meta: self.connect_meta_data,
            discards: false,
            allows_optional_keys: self.allow_optional_map_keys,
            flattens: true,
        }
    }

    /// End of the names of Parquet files.
    #[must_use]
    pub const fn parquet_extension(&self) -> &'static str {
        match self.parquet_codec {
            ParquetCodec::None => ".parquet",
            ParquetCodec::Snappy => ".snappy.parquet",
            ParquetCodec::Gzip => ".gz.parquet",
            ParquetCodec::Lzo => ".lzo.parquet",
            ParquetCodec::Brotli => ".br.parquet",
            ParquetCodec::Lz4 => ".lz4hadoop.parquet",
            ParquetCodec::Zstd => ".zstd.parquet",
            ParquetCodec::Lz4Raw => ".lz4raw.parquet",
        }
    }
}
