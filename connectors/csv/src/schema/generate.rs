//! Schemas that are made of a file.

use std::{collections::HashSet, sync::Arc};

use connect_api::schema::{Schema, Type, logical};

use super::numbered;
use crate::{
    cell::CellReader,
    config::{GeneratedTypes, SchemaConfig},
    row::Fields,
};

/// Rows that are looked at for types.
pub(crate) const SAMPLE_ROWS: usize = 1000;
/// Bytes of rows after which no more of them are looked at: they are held at once.
pub(crate) const SAMPLE_BYTES: u64 = 1 << 20;

/// Types that a column may look like, the narrowest first.
const GUESSES: [Guess; 4] = [
    Guess { kind: Type::Boolean, name: None },
    Guess { kind: Type::Int64, name: None },
    Guess { kind: Type::Float64, name: None },
    Guess { kind: Type::Int64, name: Some(logical::TIMESTAMP) },
];

struct Guess {
    kind: Type,
    name: Option<&'static str>,
}

impl Guess {
    fn schema(&self) -> Schema {
        let schema = Schema::new(self.kind);
        match self.name {
            Some(name) => schema.named(name).versioned(1),
            None => schema,
        }
    }
}

/// Names of the columns of a header.
pub(crate) fn header_of(row: &Fields) -> Vec<String> {
    let plain = numbered(row);
    row.iter().zip(plain).map(|(name, plain)| name.clone().unwrap_or(plain)).collect()
}

/// Schemas of value and key for columns of these names, given some rows of them.
pub(crate) fn generate(
    config: &SchemaConfig,
    names: &[String],
    sample: &[Fields],
) -> (Arc<Schema>, Arc<Schema>) {
    let mut cells = CellReader::new(config);
    let mut value = Schema::new(Type::Struct).named(config.generated_value_name.as_str());
    let mut known = HashSet::with_capacity(names.len());
    for (column, name) in names.iter().enumerate() {
        if !known.insert(name.as_str()) {
            continue;
        }
        let schema = match config.generated_types {
            GeneratedTypes::String => Schema::optional_string(),
            GeneratedTypes::Inferred => {
                let mut schema = guess(&mut cells, column, sample);
                // The field that times are taken from must have one in every row.
                if *name != config.timestamp_field {
                    schema = schema.optional();
                }
                Arc::new(schema)
            }
        };
        value = value.field(name.as_str(), schema);
    }
    let mut key = Schema::new(Type::Struct).named(config.generated_key_name.as_str());
    for name in &config.generated_key_fields {
        let field = value.fields().iter().find(|field| *field.name == **name);
        match field {
            Some(field) => key = key.field(name.as_str(), Arc::clone(&field.schema)),
            None => tracing::warn!("Key field '{name}' is not in the data."),
        }
    }
    (Arc::new(value), Arc::new(key))
}

/// The narrowest type that every sample of a column has. Numbers with zeros before them, such as
/// postal codes, are text.
fn guess(cells: &mut CellReader, column: usize, sample: &[Fields]) -> Schema {
    let texts = || {
        let cells = sample.iter().filter_map(|row| row.get(column)?.as_deref());
        cells.filter(|text| !text.trim().is_empty())
    };
    let is_coded = texts().any(|text| {
        let digits = text.trim().trim_start_matches(['-', '+']);
        digits.len() > 1
            && digits.starts_with('0')
            && !digits.starts_with("0.")
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    if texts().next().is_none() || is_coded {
        return Schema::new(Type::String);
    }
    let found = GUESSES
        .iter()
        .map(Guess::schema)
        .find(|schema| texts().all(|text| cells.is_plainly(schema, text)));
    found.unwrap_or_else(|| Schema::new(Type::String))
}
