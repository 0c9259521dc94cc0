//! Records by an Avro schema and its `arg.properties`.
//!
//! A schema becomes a tree of plans once. A plan writes a random value in Avro's binary form, and
//! the reader of the Avro crate makes Connect's data of the whole record, so that unions, logical
//! types and defaults mean what they mean everywhere else.
//!
//! Source: confluentinc/avro-random-generator `Generator.java`, its README.

mod arguments;
mod compile;
mod iteration;
mod options;
mod plan;
mod regex;

use std::sync::Arc;

use connect_api::{config::Config as _, config::Props, schema::Schema, value::Value};
use connect_avro::{AvroDataConfig, AvroReader, AvroSchema, Kind, connect_schema};
use rand::rngs::SmallRng;

use self::plan::Plan;

/// Makes records of one schema.
#[derive(Debug)]
pub(crate) struct Generator {
    plan: Plan,
    reader: AvroReader,
    schema: Arc<Schema>,
}

impl Generator {
    /// Reads a schema; iterations go on as after so many records.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn new(text: &str, generation: u64) -> Result<Self, String> {
        let avro = AvroSchema::parse(text, &[])
            .map_err(|reason| format!("Unable to parse the provided schema: {reason}"))?;
        if !matches!(avro.get(avro.root), Kind::Record(..)) {
            return Err("The provided schema is not that of a record".to_owned());
        }
        let config = AvroDataConfig::parse(&Props::default()).map_err(|error| error.to_string())?;
        let schema = connect_schema(&config, &avro, None)?;
        let reader = AvroReader::new(&avro, &schema)?;
        let plan = compile::plan(&avro, generation)?;
        Ok(Self { plan, reader, schema })
    }

    /// Connect's schema of the records.
    pub(crate) const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Whether records have a field of this name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.schema.field_index(name).is_some()
    }

    /// The next record.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub(crate) fn next(&mut self, random: &mut SmallRng) -> Result<Value, String> {
        let mut bytes = Vec::new();
        self.plan.write(random, &mut bytes);
        self.reader.read(bytes.into())
    }
}
