//! The sides of a record that objects hold: its value, and its key and headers beside it.
//!
//! Source: confluentinc/kafka-connect-storage-cloud `RecordViews.java`.

use std::sync::{Arc, LazyLock};

use connect_api::{
    error::{ConnectorError, Result},
    record::{Header, SinkRecord},
    schema::{Schema, Type},
    value::{Struct, Value},
    value_text::header_text,
};

use connect_storage::{
    body::{BodyOptions, START_BYTES},
    format::{Draft, Format},
};

use crate::{
    config::{Compression, FormatClass, S3SinkConfig},
    file::Extent,
};

/// One side of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Its headers, as pairs of text.
    Headers,
    /// Its key.
    Key,
    /// Its value.
    Value,
}

/// How one side of records becomes objects.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) view: View,
    pub(crate) format: Format,
    /// What follows the offset in the names of objects.
    pub(crate) suffix: String,
    pub(crate) body: BodyOptions,
    pub(crate) extent: Extent,
}

impl Shape {
    /// What a configuration stores of a record, in the order in which the objects appear: values
    /// last, so that whoever sees them finds the others.
    pub(crate) fn all(config: &S3SinkConfig) -> Vec<Self> {
        let keys = &config.connector;
        let sides = [
            (View::Headers, keys.store_kafka_headers, keys.headers_format_class),
            (View::Key, keys.store_kafka_keys, keys.keys_format_class),
            (View::Value, true, keys.format_class),
        ];
        let stored = sides.into_iter().filter(|(_, is_stored, _)| *is_stored);
        stored.map(|(view, _, class)| Self::new(config, view, class)).collect()
    }

    fn new(config: &S3SinkConfig, view: View, class: FormatClass) -> Self {
        let infix = match view {
            View::Headers => ".headers",
            View::Key => ".keys",
            View::Value => "",
        };
        Self {
            view,
            format: format(config, class),
            suffix: format!("{infix}{}", extension(config, class)),
            body: body_options(config),
            extent: extent(config, class),
        }
    }

    /// Those of a record: one without a value has no side for it.
    pub(crate) fn of<'a>(all: &'a [Self], record: &SinkRecord) -> &'a [Self] {
        match all.split_last() {
            Some((_, others)) if record.value.value.is_null() => others,
            _ => all,
        }
    }
}

/// Writes a side of a record into a draft.
///
/// # Errors
/// `Record` when the side is missing, or has no form in the format.
pub(crate) fn write_view(draft: &mut Draft, shape: &Shape, record: &SinkRecord) -> Result<()> {
    let format = &shape.format;
    match shape.view {
        View::Value => draft.write(format, record.value.schema.as_ref(), &record.value.value),
        View::Key if record.key.value.is_null() => Err(missing(record, "key", "store.kafka.keys")),
        View::Key => {
            let (schema, key) = (record.key.schema.as_ref(), &record.key.value);
            match (format, schema) {
                (Format::Parquet(..), Some(own)) => {
                    draft.write_in_row(format, ("RecordKey", "key"), own, key)
                }
                _ => draft.write(format, schema, key),
            }
        }
        View::Headers => {
            let (schema, value) = headers(format, record)?;
            draft.write(format, Some(schema), &value)
        }
    }
}

/// A format with the options of a configuration.
fn format(config: &S3SinkConfig, class: FormatClass) -> Format {
    let keys = &config.connector.format;
    match class {
        FormatClass::ByteArray => Format::Bytes(config.bucket.bytes_separator.clone().into_bytes()),
        FormatClass::Avro => Format::Avro(keys.avro_codec, keys.avro()),
        FormatClass::Parquet => Format::Parquet(keys.parquet_codec, keys.avro()),
        FormatClass::Json => Format::Json(config.bucket.decimal_format),
    }
}

/// End of the names of the objects.
fn extension(config: &S3SinkConfig, class: FormatClass) -> String {
    let extension = match class {
        FormatClass::ByteArray => config.bucket.bytes_extension.as_str(),
        FormatClass::Avro => ".avro",
        FormatClass::Json => ".json",
        FormatClass::Parquet => config.connector.format.parquet_extension(),
    };
    match config.bucket.compression {
        Compression::None => extension.to_owned(),
        Compression::Gzip => format!("{extension}.gz"),
    }
}

fn body_options(config: &S3SinkConfig) -> BodyOptions {
    let keys = &config.bucket;
    let level = u32::try_from(keys.compression_level).map(flate2::Compression::new);
    BodyOptions {
        gzip: (keys.compression == Compression::Gzip).then(|| level.unwrap_or_default()),
        part_bytes: keys.part_size,
        start_bytes: if keys.elastic_buffer { keys.elastic_capacity } else { START_BYTES },
    }
}

/// What tells the end of objects of this format.
fn extent(config: &S3SinkConfig, class: FormatClass) -> Extent {
    match class {
        FormatClass::Avro => Extent::Avro,
        FormatClass::Parquet => Extent::Parquet,
        _ if config.bucket.compression == Compression::Gzip => Extent::Gzip,
        _ => Extent::Length,
    }
}

/// One header.
static HEADER: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let header = Schema::new(Type::Struct);
    Arc::new(header.field("key", Schema::string()).field("value", Schema::string()))
});
/// Headers as a list.
static HEADERS: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Arc::new(Schema::array(Arc::clone(&HEADER))));
/// Headers as a row of a table, or a JSON text.
static HEADERS_ROW: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let row = Schema::new(Type::Struct).named("RecordHeaders");
    Arc::new(row.field("headers", Arc::clone(&HEADERS)))
});

/// Headers of a record in the form that a format wants.
fn headers(format: &Format, record: &SinkRecord) -> Result<(&'static Arc<Schema>, Value)> {
    if record.headers.is_empty() {
        return Err(missing(record, "headers", "store.kafka.headers"));
    }
    let pair = |header: &Header| {
        let text = header_text(&header.data.value).ok_or_else(|| {
            ConnectorError::record(format!(
                "Header \"{}\" of record {} of {} has no value, so that it cannot be stored",
                header.key, record.offset, record.origin
            ))
        })?;
        let values = vec![Value::string(&*header.key), Value::string(text)];
        Ok(Value::Struct(Struct::new(Arc::clone(&HEADER), values)))
    };
    let list = Value::Array(record.headers.iter().map(pair).collect::<Result<_>>()?);
    Ok(match format {
        Format::Avro(..) => (&HEADERS, list),
        _ => (&HEADERS_ROW, Value::Struct(Struct::new(Arc::clone(&HEADERS_ROW), vec![list]))),
    })
}

fn missing(record: &SinkRecord, side: &str, key: &str) -> ConnectorError {
    let SinkRecord { offset, origin, .. } = record;
    ConnectorError::record(format!("Record {offset} of {origin} has no {side}"))
        .hint(format!("Set {key}=false, or have every producer send {side}"))
}
