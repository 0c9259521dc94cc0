//! How a record becomes bytes of an object.

mod json;
#[cfg(test)]
mod tests;

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
    value::Value,
};

use crate::config::{Compression, DecimalFormat, FormatClass, S3SinkConfig};

/// Writes the values of records.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    /// One JSON text per line.
    Json(DecimalFormat),
    /// Bytes as they are, with this after each.
    Bytes(Vec<u8>),
}

impl Format {
    /// The format that a configuration asks for.
    pub(crate) fn new(config: &S3SinkConfig) -> Self {
        match config.connector.format_class {
            FormatClass::ByteArray => {
                Self::Bytes(config.bucket.bytes_separator.clone().into_bytes())
            }
            _ => Self::Json(config.bucket.decimal_format),
        }
    }

    /// Appends a record; after an error the text may end in the middle of it.
    ///
    /// # Errors
    /// `Record` when the value has no form in this format.
    pub(crate) fn write(&self, out: &mut Vec<u8>, record: &SinkRecord) -> Result<()> {
        match (self, &record.value.value) {
            (Self::Json(decimals), value) => {
                json::write_value(out, value, *decimals);
                out.push(b'\n');
                Ok(())
            }
            (Self::Bytes(separator), Value::Bytes(bytes)) => {
                out.extend_from_slice(bytes);
                out.extend_from_slice(separator);
                Ok(())
            }
            (Self::Bytes(_), other) => {
                let kind = other.kind().map_or("NULL", connect_api::schema::Type::name);
                Err(ConnectorError::record(format!(
                    "ByteArrayFormat cannot write a value of type {kind}"
                ))
                .hint(
                    "Set value.converter to \
                     org.apache.kafka.connect.converters.ByteArrayConverter",
                ))
            }
        }
    }
}

/// End of the names of the objects.
pub(crate) fn extension(config: &S3SinkConfig) -> String {
    let extension = match config.connector.format_class {
        FormatClass::ByteArray => config.bucket.bytes_extension.as_str(),
        _ => ".json",
    };
    match config.bucket.compression {
        Compression::None => extension.to_owned(),
        Compression::Gzip => format!("{extension}.gz"),
    }
}
