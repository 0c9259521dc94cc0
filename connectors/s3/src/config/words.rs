//! The words and class names that options of the S3 sink understand.

use connect_api::config::{ConfigKind, ConfigType, choice};

choice! {
    /// How objects are compressed.
    pub enum Compression {
        /// Not at all.
        None = "none",
        /// As one gzip member.
        Gzip = "gzip",
    }
}

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
    /// What becomes of a record without a value.
    pub enum NullBehavior {
        /// It is skipped.
        Ignore = "ignore",
        /// The task fails.
        Fail = "fail",
        /// Its key is written to a folder of its own.
        Write = "write",
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

choice! {
    /// What follows when an object cannot be tagged.
    pub enum TaggingErrors {
        /// A warning.
        Ignore = "ignore",
        /// The task fails.
        Fail = "fail",
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

/// An option that names one of a fixed set of Java classes.
macro_rules! classes {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $full:literal $(| $alias:literal)*),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl ConfigType for $name {
            const KIND: ConfigKind = ConfigKind::Class;

            fn parse(text: &str) -> Result<Self, String> {
                $(if is_class(text, &[$full $(, $alias)*]) {
                    return Ok(Self::$variant);
                })+
                Err(format!("Class {text} could not be found, known are: {}", [$($full),+].join(", ")))
            }

            fn recommended() -> Vec<String> {
                vec![$($full.to_owned()),+]
            }
        }
    };
}

/// Whether the text is one of the names, in full or without its package.
fn is_class(text: &str, names: &[&str]) -> bool {
    names.iter().any(|full| {
        let simple = full.rsplit(['.', '$']).next().unwrap_or(full);
        text == *full || text == simple
    })
}

classes! {
    /// How records become bytes.
    pub enum FormatClass {
        /// One JSON text per line.
        Json = "io.confluent.connect.s3.format.json.JsonFormat",
        /// Bytes as they are, with a separator.
        ByteArray = "io.confluent.connect.s3.format.bytearray.ByteArrayFormat",
        /// Avro object container.
        Avro = "io.confluent.connect.s3.format.avro.AvroFormat",
        /// Parquet.
        Parquet = "io.confluent.connect.s3.format.parquet.ParquetFormat",
    }
}

classes! {
    /// Where objects are stored.
    pub enum StorageClass {
        /// In S3.
        S3 = "io.confluent.connect.s3.storage.S3Storage",
    }
}

classes! {
    /// How records are shared out to folders.
    pub enum PartitionerClass {
        /// By the partition they came from.
        Default = "io.confluent.connect.storage.partitioner.DefaultPartitioner",
        /// By fields of the value.
        Field = "io.confluent.connect.storage.partitioner.FieldPartitioner",
        /// By time, as the options say.
        TimeBased = "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
        /// By hour.
        Hourly = "io.confluent.connect.storage.partitioner.HourlyPartitioner",
        /// By day.
        Daily = "io.confluent.connect.storage.partitioner.DailyPartitioner",
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

classes! {
    /// Where credentials come from.
    pub enum CredentialsClass {
        /// Environment, web identity, profile, container, instance: the first that has some.
        DefaultChain = "com.amazonaws.auth.DefaultAWSCredentialsProviderChain"
            | "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
        /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
        Environment = "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
        /// The machine's role.
        Instance = "com.amazonaws.auth.InstanceProfileCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.InstanceProfileCredentialsProvider",
        /// The shared credentials file.
        Profile = "com.amazonaws.auth.profile.ProfileCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider",
        /// A token file, as Kubernetes mounts it.
        WebIdentity = "com.amazonaws.auth.WebIdentityTokenCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
        /// The container's role.
        Container = "com.amazonaws.auth.EC2ContainerCredentialsProviderWrapper"
            | "software.amazon.awssdk.auth.credentials.ContainerCredentialsProvider",
        /// A role that is assumed.
        AssumeRole = "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider",
    }
}
