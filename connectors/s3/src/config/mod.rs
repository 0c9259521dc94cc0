//! Options of the S3 sink, as users write them.
//!
//! The keys, types and defaults are those of Confluent's S3 sink 12.2. What is accepted there and
//! cannot be honoured here is refused by name: a setting is never silently ignored.
//!
//! Source: confluentinc/kafka-connect-storage-cloud `S3SinkConnectorConfig.java`.

mod bucket;
mod connector;
#[cfg(test)]
mod tests;
mod words;

use connect_api::{
    config::{Config, Problems},
    error::Result,
};
use connect_storage::{keys::StorageKeys, route::Router, words::ParquetCodec};

pub(crate) use self::bucket::endpoint;
pub use self::{
    bucket::BucketKeys,
    connector::ConnectorKeys,
    words::{
        Compression, CredentialsClass, FormatClass, NullBehavior, StorageClass, TaggingErrors,
    },
};

/// Options of the S3 sink.
#[derive(Config, Debug)]
#[config(check)]
pub struct S3SinkConfig {
    /// The connector itself.
    #[config(flatten)]
    pub connector: ConnectorKeys,
    /// The bucket.
    #[config(flatten)]
    pub bucket: BucketKeys,
    /// Kind of storage: `S3Storage`, with the package or without.
    #[config(importance = High, group = "Storage")]
    pub storage_class: StorageClass,
    /// Naming and sharing out.
    #[config(flatten)]
    pub storage: StorageKeys,
}

impl S3SinkConfig {
    /// Finds the folders of records.
    ///
    /// # Errors
    /// As [`Router::new`].
    pub(crate) fn router(&self) -> Result<Router> {
        Ok(Router::new(&self.storage)?.with_schema_names(self.connector.schema_affix))
    }

    /// Formats of all objects.
    fn formats(&self) -> impl Iterator<Item = FormatClass> {
        let keys = &self.connector;
        let sides = [
            Some(keys.format_class),
            keys.store_kafka_keys.then_some(keys.keys_format_class),
            keys.store_kafka_headers.then_some(keys.headers_format_class),
        ];
        sides.into_iter().flatten()
    }

    fn check(&self, problems: &mut Problems) {
        self.storage.check(problems);
        self.check_rotation(problems);
        self.check_unsupported(problems);
        self.check_combinations(problems);
        self.check_credentials(problems);
    }

    fn check_rotation(&self, problems: &mut Problems) {
        if self.connector.rotate_schedule_interval_ms > 0 && self.storage.timezone.is_empty() {
            let reason = "rotate.schedule.interval.ms needs a time zone, such as UTC";
            problems.add("timezone", "", reason);
        }
    }

    /// What the original can do and this connector cannot.
    fn check_unsupported(&self, problems: &mut Problems) {
        let connector = &self.connector;
        if connector.format.parquet_codec == ParquetCodec::Lzo
            && self.formats().any(|format| format == FormatClass::Parquet)
        {
            let reason = "LZO is not supported, supported are: none, snappy, gzip, brotli, lz4, \
                          zstd, lz4_raw";
            problems.add("parquet.codec", "lzo", reason);
        }
    }

    fn check_combinations(&self, problems: &mut Problems) {
        let (connector, bucket) = (&self.connector, &self.bucket);
        if let Some(key) = &bucket.customer_key {
            let reason = match crate::store::CustomerKey::parse(key.expose()) {
                Ok(_) if bucket.encryption == "AES256" => None,
                Ok(_) => Some("Needs s3.ssea.name=AES256".to_owned()),
                Err(reason) => Some(reason),
            };
            if let Some(reason) = reason {
                problems.add("s3.sse.customer.key", key, reason);
            }
        }
        if bucket.wan_mode && bucket.path_style {
            let reason = "Acceleration needs s3.path.style.access.enabled=false";
            problems.add("s3.wan.mode", true, reason);
        }
        if connector.behavior_on_null_values == NullBehavior::Write && !connector.store_kafka_keys {
            let reason = "write needs store.kafka.keys=true";
            problems.add("behavior.on.null.values", "write", reason);
        }
        if connector.store_kafka_headers && connector.headers_format_class == FormatClass::ByteArray
        {
            let reason = "Headers cannot be written in this format";
            problems.add("headers.format.class", "ByteArrayFormat", reason);
        }
        let is_compressible = |format| matches!(format, FormatClass::Json | FormatClass::ByteArray);
        if bucket.compression == Compression::Gzip && !self.formats().all(is_compressible) {
            let reason = "Only JsonFormat and ByteArrayFormat can be compressed, for keys and \
                          headers too";
            problems.add("s3.compression.type", "gzip", reason);
        }
    }

    fn check_credentials(&self, problems: &mut Problems) {
        let bucket = &self.bucket;
        if !bucket.proxy_url.is_empty()
            && let Err(reason) = crate::store::proxy_address(&bucket.proxy_url)
        {
            problems.add("s3.proxy.url", "[hidden]", reason);
        }
        if bucket.credentials != CredentialsClass::AssumeRole {
            return;
        }
        for (key, value) in [
            ("s3.credentials.provider.sts.role.arn", &bucket.role_arn),
            ("s3.credentials.provider.sts.role.session.name", &bucket.role_session),
            ("s3.credentials.provider.sts.role.external.id", &bucket.role_external_id),
        ] {
            if value.as_deref().unwrap_or_default().is_empty() {
                problems.add(key, "", "Needed to assume a role");
            }
        }
    }
}
