//! The sides of a record that objects hold: its value, and its key and headers beside it.
//!
//! Source: confluentinc/kafka-connect-storage-cloud `RecordViews.java`.

use std::sync::{Arc, LazyLock};

use connect_api::{
    error::{ConnectorError, Result},
    record::{Header, SinkRecord},
    schema::{Schema, Type, same_schema},
    value::{Struct, Value},
    value_text::header_text,
};

use super::{Format, Layout, Layouts, extension};
use crate::{
    config::{FormatClass, S3SinkConfig},
    file::BodyOptions,
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
            format: Format::new(config, class),
            suffix: format!("{infix}{}", extension(config, class)),
            body: BodyOptions::new(config, class),
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

/// One side of a record on its way into an object.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) content: Vec<u8>,
    pub(crate) layout: Option<Arc<Layout>>,
    /// Schema as the record has it.
    pub(crate) schema: Option<Arc<Schema>>,
    layouts: Layouts,
    /// Schema of a key, and of the row with it.
    row: Option<(Arc<Schema>, Arc<Schema>)>,
}

impl Draft {
    /// Nothing yet; so many schemas are remembered.
    pub(crate) fn new(most_layouts: i32) -> Self {
        let layouts = Layouts::new(most_layouts);
        Self { content: Vec::new(), layout: None, schema: None, layouts, row: None }
    }

    /// Writes a value that has this schema.
    ///
    /// # Errors
    /// `Record` when it has no form in the format.
    pub(crate) fn write(
        &mut self,
        format: &Format,
        schema: Option<&Arc<Schema>>,
        value: &Value,
    ) -> Result<()> {
        self.content.clear();
        self.layout = self.layouts.find(format, schema)?;
        if !same_schema(self.schema.as_ref(), schema) {
            self.schema = schema.cloned();
        }
        format.write(&mut self.content, value, self.layout.as_deref())
    }

    /// Writes a side of a record.
    ///
    /// # Errors
    /// `Record` when the side is missing, or has no form in the format.
    pub(crate) fn write_view(&mut self, shape: &Shape, record: &SinkRecord) -> Result<()> {
        match shape.view {
            View::Value => {
                let data = &record.value;
                self.write(&shape.format, data.schema.as_ref(), &data.value)
            }
            View::Key => self.write_key(&shape.format, record),
            View::Headers => {
                let (schema, value) = headers(&shape.format, record)?;
                self.write(&shape.format, Some(schema), &value)
            }
        }
    }

    fn write_key(&mut self, format: &Format, record: &SinkRecord) -> Result<()> {
        let (own, key) = (record.key.schema.as_ref(), &record.key.value);
        if key.is_null() {
            return Err(missing(record, "key", "store.kafka.keys"));
        }
        let (Format::Parquet(..), Some(own)) = (format, own) else {
            return self.write(format, own, key);
        };
        let row = match &self.row {
            Some((known, row)) if Arc::ptr_eq(known, own) || known == own => Arc::clone(row),
            _ => {
                let row = Schema::new(Type::Struct).named("RecordKey");
                let row = Arc::new(row.field("key", Arc::clone(own)));
                self.row = Some((Arc::clone(own), Arc::clone(&row)));
                row
            }
        };
        let value = Value::Struct(Struct::new(Arc::clone(&row), vec![key.clone()]));
        self.write(format, Some(&row), &value)
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
