//! The words and class names that keys of storage sinks understand.

use connect_api::config::{ConfigKind, ConfigType, choice, classes};

choice! {
    /// How blocks of Avro files are compressed.
    pub enum AvroCodec {
        /// Not at all.
        Null = "null",
        /// As raw deflate.
        Deflate = "deflate",
        /// As Snappy, with a checksum.
        Snappy = "snappy",
        /// As bzip2.
        Bzip2 = "bzip2",
    }
}

choice! {
    /// How pages of Parquet files are compressed.
    pub enum ParquetCodec {
        /// Not at all.
        None = "none",
        /// By Snappy.
        Snappy = "snappy",
        /// As gzip.
        Gzip = "gzip",
        /// By LZO. Not supported.
        Lzo = "lzo",
        /// By Brotli.
        Brotli = "brotli",
        /// By LZ4, in Hadoop's frames.
        Lz4 = "lz4",
        /// By Zstandard.
        Zstd = "zstd",
        /// By LZ4.
        Lz4Raw = "lz4_raw",
    }
}

choice! {
    /// Where the name of the value's schema stands beside the encoded partition.
    pub enum Affix {
        /// Nowhere.
        None = "NONE",
        /// Before it.
        Prefix = "PREFIX",
        /// After it.
        Suffix = "SUFFIX",
    }
}

/// How schemas of one file may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// Not at all: another schema is another file.
    None,
    /// Older records are projected to the file's schema.
    Backward,
    /// Newer records are projected to the file's schema.
    Forward,
    /// As [`Compatibility::Backward`].
    Full,
}

impl ConfigType for Compatibility {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "BACKWARD" => Self::Backward,
            "FORWARD" => Self::Forward,
            "FULL" => Self::Full,
            "NONE" => Self::None,
            _ => {
                tracing::warn!("schema.compatibility \"{text}\" is unknown and read as NONE");
                Self::None
            }
        })
    }

    fn recommended() -> Vec<String> {
        ["NONE", "BACKWARD", "FORWARD", "FULL"].map(str::to_owned).to_vec()
    }
}

classes! {
    /// How records are shared out to folders.
    pub enum PartitionerClass {
        /// By the partition they came from.
        Default = "io.confluent.connect.storage.partitioner.DefaultPartitioner"
            | "io.confluent.connect.hdfs.partitioner.DefaultPartitioner"
            | "io.confluent.connect.hdfs3.partitioner.DefaultPartitioner",
        /// By fields of the value.
        Field = "io.confluent.connect.storage.partitioner.FieldPartitioner"
            | "io.confluent.connect.hdfs.partitioner.FieldPartitioner"
            | "io.confluent.connect.hdfs3.partitioner.FieldPartitioner",
        /// By time, as the options say.
        TimeBased = "io.confluent.connect.storage.partitioner.TimeBasedPartitioner"
            | "io.confluent.connect.hdfs.partitioner.TimeBasedPartitioner"
            | "io.confluent.connect.hdfs3.partitioner.TimeBasedPartitioner",
        /// By hour.
        Hourly = "io.confluent.connect.storage.partitioner.HourlyPartitioner"
            | "io.confluent.connect.hdfs.partitioner.HourlyPartitioner"
            | "io.confluent.connect.hdfs3.partitioner.HourlyPartitioner",
        /// By day.
        Daily = "io.confluent.connect.storage.partitioner.DailyPartitioner"
            | "io.confluent.connect.hdfs.partitioner.DailyPartitioner"
            | "io.confluent.connect.hdfs3.partitioner.DailyPartitioner",
        /// By fields of the value, then by time: of the community.
        FieldAndTime = "com.canelmas.kafka.connect.FieldAndTimeBasedPartitioner",
    }
}

classes! {
    /// Where a record's time comes from.
    pub enum ExtractorClass {
        /// The time it is processed at.
        Wallclock = "Wallclock"
            | "io.confluent.connect.storage.partitioner.TimeBasedPartitioner$WallclockTimestampExtractor",
        /// Its own timestamp.
        Record = "Record"
            | "io.confluent.connect.storage.partitioner.TimeBasedPartitioner$RecordTimestampExtractor",
        /// A field of its value.
        RecordField = "RecordField"
            | "io.confluent.connect.storage.partitioner.TimeBasedPartitioner$RecordFieldTimestampExtractor",
    }
}
