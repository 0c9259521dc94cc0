//! Schemas of rows: given as JSON, or made of the files.

mod generate;
mod text;

pub(crate) use self::{
    generate::{SAMPLE_BYTES, SAMPLE_ROWS, generate, header_of},
    text::parse_schema,
};

use std::{collections::HashMap, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::Schema,
    value::{Struct, Value},
};

use crate::row::Fields;

/// The schemas of a file, and where the columns go.
#[derive(Clone, Debug)]
pub(crate) struct RowSchema {
    /// Schema of the values.
    pub(crate) value: Arc<Schema>,
    /// Schema of the keys, and the fields of the value that they take; none when there is no key.
    pub(crate) key: Option<(Arc<Schema>, Vec<usize>)>,
    /// Name of each column with its field of the value; none when the schema has no such field.
    pub(crate) columns: Vec<(Arc<str>, Option<usize>)>,
}

impl RowSchema {
    /// Brings together the schemas and the names of columns.
    ///
    /// # Errors
    /// `Invalid` when the key has a field that the value has not; `Record` when two columns are one
    /// field.
    pub(crate) fn new(
        value: Arc<Schema>,
        key: Option<Arc<Schema>>,
        names: &[String],
        is_case_sensitive: bool,
    ) -> Result<Self> {
        let mut places: HashMap<String, usize> = HashMap::with_capacity(value.fields().len());
        let mut in_any_case: HashMap<String, usize> = HashMap::new();
        for (index, field) in value.fields().iter().enumerate() {
            places.insert(field.name.to_string(), index);
            if !is_case_sensitive {
                in_any_case.entry(field.name.to_ascii_lowercase()).or_insert(index);
            }
        }
        let place = |name: &str| {
            let found = places.get(name);
            found.or_else(|| in_any_case.get(&name.to_ascii_lowercase())).copied()
        };
        let columns: Vec<(Arc<str>, Option<usize>)> =
            names.iter().map(|name| (Arc::from(name.as_str()), place(name))).collect();
        check_columns(&columns)?;
        let key = match key {
            Some(key) if !key.fields().is_empty() => {
                let taken = key.fields().iter().map(|field| {
                    value.field_index(&field.name).ok_or_else(|| {
                        ConnectorError::invalid(format!(
                            "Field '{}' of the key is no field of the value",
                            field.name
                        ))
                    })
                });
                let taken = taken.collect::<Result<_>>()?;
                Some((key, taken))
            }
            _ => None,
        };
        Ok(Self { value, key, columns })
    }

    /// Key and value of a row.
    pub(crate) fn record(&self, values: Vec<Value>) -> (SchemaAndValue, SchemaAndValue) {
        let key = self.key.as_ref().map_or(SchemaAndValue::NULL, |(schema, taken)| {
            let taken = taken.iter().map(|index| values.get(*index).cloned().unwrap_or_default());
            let key = Struct::new(Arc::clone(schema), taken.collect());
            SchemaAndValue::new(Arc::clone(schema), Value::Struct(key))
        });
        let value = Struct::new(Arc::clone(&self.value), values);
        (key, SchemaAndValue::new(Arc::clone(&self.value), Value::Struct(value)))
    }
}

/// A field can take one column only: the other would be lost.
fn check_columns(columns: &[(Arc<str>, Option<usize>)]) -> Result<()> {
    let mut taken = HashMap::with_capacity(columns.len());
    for (index, (name, place)) in columns.iter().enumerate() {
        let Some(place) = place else { continue };
        let number = index + 1;
        let Some((other, before)) = taken.insert(place, (number, name)) else { continue };
        return Err(ConnectorError::record(format!(
            "Columns {other} (\"{before}\") and {number} (\"{name}\") are the same field. Give one \
             of them another name"
        )));
    }
    Ok(())
}

/// Names for columns that have none.
pub(crate) fn numbered(row: &Fields) -> Vec<String> {
    (1..=row.len()).map(|number| format!("column{number:02}")).collect()
}
