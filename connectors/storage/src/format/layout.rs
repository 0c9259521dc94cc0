//! What is made once for a schema, so that its records cost little.

use std::{fmt, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    schema::Schema,
    value::Value,
};
use connect_avro::{AvroWriter, avro_schema};

use super::Format;
use crate::body::{Head, Plan};

/// Most layouts a partition remembers, whatever `schemas.cache.config` says: a search through more
/// would cost more than it saves.
const MOST_LAYOUTS: usize = 1000;

/// How values of one schema stand in files.
pub struct Layout {
    schema: Arc<Schema>,
    writer: AvroWriter,
    /// What is around the records of a file.
    pub container: Container,
}

/// What is around the records of a file.
#[derive(Debug)]
pub enum Container {
    /// An Avro object container.
    Avro(Head),
    /// The row groups of a Parquet file.
    Parquet(Arc<Plan>),
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layout").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Layout {
    /// Nothing for a format without schemas.
    fn new(format: &Format, schema: Option<&Arc<Schema>>) -> Result<Option<Self>> {
        let (name, config) = match format {
            Format::Avro(_, config) => ("AvroFormat", config),
            Format::Parquet(_, config) => ("ParquetFormat", config),
            Format::Json(_) | Format::Bytes(_) | Format::Text => return Ok(None),
        };
        let Some(schema) = schema else { return Err(no_schema(name)) };
        let told = |reason: String| {
            ConnectorError::record(format!("{name} cannot write values of this schema: {reason}"))
        };
        // The rows of a table are there or not: null as a whole has no place.
        let own = match format {
            Format::Parquet(..) if schema.is_optional() => {
                Arc::new(schema.as_ref().clone().required())
            }
            _ => Arc::clone(schema),
        };
        let avro = avro_schema(config, &own).map_err(told)?;
        let writer = AvroWriter::new(config, &avro, &own).map_err(told)?;
        let container = match format {
            Format::Parquet(codec, _) => {
                Container::Parquet(Arc::new(Plan::new(&avro, *codec).map_err(told)?))
            }
            Format::Avro(codec, _) => Container::Avro(Head::new(*codec, &avro.text())),
            Format::Json(_) | Format::Bytes(_) | Format::Text => return Ok(None),
        };
        Ok(Some(Self { schema: Arc::clone(schema), writer, container }))
    }

    /// Appends a value as Avro data; after an error some of it may be there.
    ///
    /// # Errors
    /// `Record` when it does not fit the schema.
    pub(super) fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<()> {
        self.writer.write(value, out).map_err(ConnectorError::record)
    }
}

fn no_schema(format: &str) -> ConnectorError {
    ConnectorError::record(format!("{format} cannot write a value without a schema")).hint(
        "Use a value.converter, or key.converter for keys, whose data have one, such as \
         io.confluent.connect.avro.AvroConverter, or JsonConverter with \
         value.converter.schemas.enable=true",
    )
}

/// The layouts of the schemas that were met last.
#[derive(Debug)]
pub(super) struct Layouts {
    known: Vec<Arc<Layout>>,
    most: usize,
}

impl Layouts {
    /// None yet, and at most so many, as `schemas.cache.config` says.
    pub(super) fn new(most: i32) -> Self {
        let most = usize::try_from(most).unwrap_or(1).clamp(1, MOST_LAYOUTS);
        Self { known: Vec::new(), most }
    }

    /// The layout of a schema; nothing for a format without schemas.
    ///
    /// # Errors
    /// `Record` when the format cannot write values of this schema.
    pub(super) fn find(
        &mut self,
        format: &Format,
        schema: Option<&Arc<Schema>>,
    ) -> Result<Option<Arc<Layout>>> {
        if let Some(schema) = schema {
            let is_it = |known: &Arc<Layout>| Arc::ptr_eq(&known.schema, schema);
            let place = self.known.iter().position(is_it);
            let place = place.or_else(|| self.known.iter().position(|one| one.schema == *schema));
            if let Some(before) = place.and_then(|place| self.known.get_mut(..=place)) {
                before.rotate_right(1);
                return Ok(self.known.first().cloned());
            }
        }
        let Some(layout) = Layout::new(format, schema)?.map(Arc::new) else { return Ok(None) };
        self.known.insert(0, Arc::clone(&layout));
        self.known.truncate(self.most);
        Ok(Some(layout))
    }
}
