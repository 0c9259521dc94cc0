//! How a record becomes bytes of an object.

mod layout;
#[cfg(test)]
mod tests;
mod view;

use connect_api::{
    error::{ConnectorError, Result},
    json::{DecimalFormat, write_value},
    value::Value,
};
use connect_avro::AvroDataConfig;

pub(crate) use self::{
    layout::{Container, Layout, Layouts},
    view::{Draft, Shape, View},
};
use crate::config::{AvroCodec, Compression, FormatClass, ParquetCodec, S3SinkConfig};

/// Writes one side of records: their values, keys or headers.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// One JSON text per line.
    Json(DecimalFormat),
    /// Bytes as they are, with this after each.
    Bytes(Vec<u8>),
    /// Avro, in containers of a schema.
    Avro(AvroCodec, AvroDataConfig),
    /// Parquet, whose schemas are Avro's in another form.
    Parquet(ParquetCodec, AvroDataConfig),
}

impl Format {
    /// A format with the options of a configuration.
    pub(crate) fn new(config: &S3SinkConfig, class: FormatClass) -> Self {
        match class {
            FormatClass::ByteArray => {
                Self::Bytes(config.bucket.bytes_separator.clone().into_bytes())
            }
            FormatClass::Avro => Self::Avro(config.connector.avro_codec, translation(config)),
            FormatClass::Parquet => {
                Self::Parquet(config.connector.parquet_codec, translation(config))
            }
            FormatClass::Json => Self::Json(config.bucket.decimal_format),
        }
    }

    /// Appends a value, by its schema's layout where the format has one; after an error some of it
    /// may be there.
    ///
    /// # Errors
    /// `Record` when the value has no form in this format.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        value: &Value,
        layout: Option<&Layout>,
    ) -> Result<()> {
        if let Some(layout) = layout {
            return layout.write(out, value);
        }
        match (self, value) {
            (Self::Json(decimals), value) => {
                write_value(out, value, *decimals);
                out.push(b'\n');
                Ok(())
            }
            (Self::Bytes(separator), Value::Bytes(bytes)) => {
                out.extend_from_slice(bytes);
                out.extend_from_slice(separator);
                Ok(())
            }
            (Self::Avro(..) | Self::Parquet(..), _) => {
                Err(ConnectorError::internal("A value has no layout"))
            }
            (Self::Bytes(_), other) => {
                let kind = other.kind().map_or("NULL", connect_api::schema::Type::name);
                Err(ConnectorError::record(format!(
                    "ByteArrayFormat cannot write a value of type {kind}"
                ))
                .hint(
                    "Set value.converter, or key.converter for keys, to \
                     org.apache.kafka.connect.converters.ByteArrayConverter",
                ))
            }
        }
    }
}

/// How Connect's schemas become Avro's.
const fn translation(config: &S3SinkConfig) -> AvroDataConfig {
    let keys = &config.connector;
    AvroDataConfig {
        is_generalized: false,
        ignores_default: false,
        cache_size: keys.schemas_cache_config,
        is_enhanced: keys.enhanced_avro_schema_support,
        scrubs: false,
        has_meta: keys.connect_meta_data,
        discards: false,
        allows_optional_keys: keys.allow_optional_map_keys,
        flattens: true,
    }
}

/// End of the names of the objects.
fn extension(config: &S3SinkConfig, class: FormatClass) -> String {
    let extension = match class {
        FormatClass::ByteArray => config.bucket.bytes_extension.as_str(),
        FormatClass::Avro => ".avro",
        FormatClass::Json => ".json",
        FormatClass::Parquet => match config.connector.parquet_codec {
            ParquetCodec::None => ".parquet",
            ParquetCodec::Snappy => ".snappy.parquet",
            ParquetCodec::Gzip => ".gz.parquet",
            ParquetCodec::Lzo => ".lzo.parquet",
            ParquetCodec::Brotli => ".br.parquet",
            ParquetCodec::Lz4 => ".lz4hadoop.parquet",
            ParquetCodec::Zstd => ".zstd.parquet",
            ParquetCodec::Lz4Raw => ".lz4raw.parquet",
        },
    };
    match config.bucket.compression {
        Compression::None => extension.to_owned(),
        Compression::Gzip => format!("{extension}.gz"),
    }
}
