//! Options of the HDFS sinks, as users write them.
//!
//! The keys, types and defaults are those of Confluent's HDFS sink 10.3, which both classes share. What is
//! accepted there and cannot be honoured here is refused by name when it is switched on, and named in
//! the log when it means nothing.
//!
//! Source: confluentinc/kafka-connect-hdfs `HdfsSinkConnectorConfig.java`.

mod address;
mod cluster;
mod connector;
mod foreign;
mod site;
#[cfg(test)]
mod tests;
mod words;

use connect_api::config::{Config, Problems};
use connect_storage::{format::Format, keys::StorageKeys, words::ParquetCodec};

pub(crate) use self::{
    address::{base, name_nodes},
    foreign::{moves_topics, without_meaning},
};
pub use self::{
    cluster::ClusterKeys,
    connector::ConnectorKeys,
    foreign::ForeignKeys,
    words::{FormatClass, NullBehavior, StorageClass},
};

/// Options of the HDFS sinks.
#[derive(Config, Debug)]
#[config(check)]
pub struct HdfsSinkConfig {
    /// The file system.
    #[config(flatten)]
    pub cluster: ClusterKeys,
    /// The connector itself.
    #[config(flatten)]
    pub connector: ConnectorKeys,
    /// Kind of storage: `HdfsStorage`, with the package or without.
    #[config(importance = High, group = "Storage", default = "io.confluent.connect.hdfs.storage.HdfsStorage")]
    pub storage_class: StorageClass,
    /// Naming and sharing out.
    #[config(flatten)]
    pub storage: StorageKeys,
    /// What is not supported.
    #[config(flatten)]
    pub foreign: ForeignKeys,
}

impl HdfsSinkConfig {
    /// Whether `rotate.interval.ms` goes by a time in the records rather than by the clock.
    pub(crate) const fn rotates_by_records(&self) -> bool {
        self.storage.is_time_based() && !self.storage.is_by_clock()
    }

    /// How values become bytes.
    pub(crate) const fn format(&self) -> Format {
        let keys = &self.connector.format;
        match self.connector.format_class {
            FormatClass::Json => Format::Json(self.connector.decimal_format),
            FormatClass::Parquet => Format::Parquet(keys.parquet_codec, keys.avro()),
            FormatClass::Text => Format::Text,
            FormatClass::Avro | FormatClass::Orc => Format::Avro(keys.avro_codec, keys.avro()),
        }
    }

    /// End of the names of files.
    pub(crate) const fn extension(&self) -> &'static str {
        match self.connector.format_class {
            FormatClass::Json => ".json",
            FormatClass::Parquet => ".parquet",
            FormatClass::Text => ".txt",
            FormatClass::Avro => ".avro",
            FormatClass::Orc => ".orc",
        }
    }

    fn check(&self, problems: &mut Problems) {
        self.storage.check(problems);
        let connector = &self.connector;
        if connector.rotate_schedule_interval_ms > 0 && self.storage.timezone.is_empty() {
            let reason = "rotate.schedule.interval.ms needs a time zone, such as UTC";
            problems.add("timezone", "", reason);
        }
        if connector.format_class == FormatClass::Orc {
            let reason = "ORC is not supported, supported are: AvroFormat, JsonFormat, \
                          ParquetFormat, StringFormat";
            problems.add("format.class", "OrcFormat", reason);
        }
        if connector.format_class == FormatClass::Parquet
            && connector.format.parquet_codec == ParquetCodec::Lzo
        {
            let reason = "LZO is not supported, supported are: none, snappy, gzip, brotli, lz4, \
                          zstd, lz4_raw";
            problems.add("parquet.codec", "lzo", reason);
        }
        if connector.hdfs_append
            && let Some(reason) = cannot_grow(connector.format_class)
        {
            problems.add("hdfs.append", true, reason);
        }
        for (key, is_set) in [
            ("store.kafka.keys", connector.store_kafka_keys),
            ("store.kafka.headers", connector.store_kafka_headers),
        ] {
            if is_set {
                let reason = "This sink writes values only; InsertField or a transformation of \
                              your own brings more into them";
                problems.add(key, true, reason);
            }
        }
    }
}

/// Why files of a format cannot be appended to; nothing when they can.
const fn cannot_grow(format: FormatClass) -> Option<&'static str> {
    match format {
        FormatClass::Json | FormatClass::Text => None,
        FormatClass::Avro => Some(
            "An Avro file has one schema and one mark in front of all its blocks, which whoever appends \
             would have to have: only files of JsonFormat and StringFormat can grow",
        ),
        FormatClass::Parquet | FormatClass::Orc => Some(
            "A file of columns is read from its end, which would have to be written anew each time: only \
             files of JsonFormat and StringFormat can grow",
        ),
    }
}
