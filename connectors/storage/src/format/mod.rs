//! How a record becomes bytes of a file.

mod draft;
mod layout;
#[cfg(test)]
mod tests;

use connect_api::{
    error::{ConnectorError, Result},
    json::{DecimalFormat, write_value},
    value::Value,
};
use connect_avro::AvroDataConfig;

pub use self::{
    draft::Draft,
    layout::{Container, Layout},
};
use crate::words::{AvroCodec, ParquetCodec};

/// Writes one side of records: their values, keys or headers.
#[derive(Clone, Debug)]
pub enum Format {
    /// One JSON text per line.
    Json(DecimalFormat),
    /// Bytes as they are, with this after each.
    Bytes(Vec<u8>),
    /// One text per line.
    Text,
    /// Avro, in containers of a schema.
    Avro(AvroCodec, AvroDataConfig),
    /// Parquet, whose schemas are Avro's in another form.
    Parquet(ParquetCodec, AvroDataConfig),
}

impl Format {
    /// Appends a value, by its schema's layout where the format has one; after an error some of it
    /// may be there.
    ///
    /// # Errors
    /// `Record` when the value has no form in this format.
    pub fn write(&self, out: &mut Vec<u8>, value: &Value, layout: Option<&Layout>) -> Result<()> {
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
            (Self::Text, value) => write_text(out, value),
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

/// Appends a line with the text of a value that has one by itself.
fn write_text(out: &mut Vec<u8>, value: &Value) -> Result<()> {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        Value::Boolean(_)
        | Value::Int8(_)
        | Value::Int16(_)
        | Value::Int32(_)
        | Value::Int64(_)
        | Value::Float32(_)
        | Value::Float64(_) => write_value(out, value, DecimalFormat::Numeric),
        other => {
            let kind = other.kind().map_or("NULL", connect_api::schema::Type::name);
            return Err(ConnectorError::record(format!(
                "StringFormat cannot write a value of type {kind}"
            ))
            .hint(
                "Set value.converter to org.apache.kafka.connect.storage.StringConverter, or \
                 format.class to JsonFormat",
            ));
        }
    }
    out.push(b'\n');
    Ok(())
}
