//! Brings the fields of nested structs or maps to the top.
//!
//! Source: apache/kafka `Flatten.java`.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, mem, sync::Arc};

use bytestring::ByteString;
use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Map, Struct, Value},
    value_text::java_class,
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, fitting, is_date, with_field},
    schema_cache::SchemaCache,
    side::{Side, field_name, require_map, require_struct},
};

const PURPOSE: &str = "flattening";

/// Most bytes of the new names of one record: each repeats those of all that was around its field,
/// so that a megabyte of nested names could become thousands.
const MOST_NAMED_BYTES: usize = 64 << 20;

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct FlattenConfig {
    /// Delimiter to insert between field names from the input record when generating field names
    /// for the output record
    #[config(default = ".")]
    delimiter: String,
}

/// Flattens.
#[derive(Debug)]
pub(super) struct Flatten {
    side: Side,
    delimiter: String,
    flat: SchemaCache<Arc<Schema>>,
}

/// What the parents of a field hand down to it.
#[derive(Clone, Copy)]
struct Inherited<'a> {
    prefix: &'a str,
    is_optional: bool,
    default: Option<&'a Struct>,
}

impl Flatten {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let delimiter = FlattenConfig::parse(props)?.delimiter;
        Ok(Self { side, delimiter, flat: SchemaCache::default() })
    }

    fn flattened(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        let SchemaAndValue { schema, value } = data;
        let Some(schema) = schema else {
            let map = self.map(require_map(value, PURPOSE)?)?;
            return Ok(SchemaAndValue::schemaless(Value::Map(map)));
        };
        let record = require_struct(value, PURPOSE)?;
        let flat = self.flat.get(&schema, || self.schema(&schema))?;
        let mut values = Vec::with_capacity(flat.fields().len());
        collect(record, &mut values);
        let fitted = flat.fields().iter().zip(values).map(|(field, value)| match value {
            Some(value) => fitting(&field.name, &field.schema, value),
            None => Ok(Value::Null),
        });
        let record = Struct::new(Arc::clone(&flat), fitted.collect::<Result<_>>()?);
        Ok(SchemaAndValue::new(flat, Value::Struct(record)))
    }

    fn named(&self, prefix: &str, name: &str) -> String {
        if prefix.is_empty() { name.to_owned() } else { [prefix, &self.delimiter, name].concat() }
    }

    fn map(&self, map: Map) -> Result<Map> {
        let is_flat = !map.entries().iter().any(|(_, value)| matches!(value, Value::Map(_)));
        let mut entries = Vec::with_capacity(map.entries().len());
        self.collect_entries(map, None, &mut entries, &mut Names::default())?;
        Ok(Map::new(if is_flat { entries } else { last_of_each(entries) }))
    }

    fn collect_entries(
        &self,
        map: Map,
        prefix: Option<&str>,
        entries: &mut Vec<(Value, Value)>,
        names: &mut Names,
    ) -> Result<()> {
        for (key, value) in map.into_entries() {
            let key = match prefix {
                None => field_name(&key).map(|_| key.clone())?,
                Some(prefix) => Value::string(self.named(prefix, field_name(&key)?)),
            };
            match value {
                Value::Map(inner) => self.collect_entries(inner, key.as_str(), entries, names)?,
                Value::Struct(_) => {
                    return Err(ConnectorError::record(format!(
                        "Flatten transformation does not support class {} for record without \
                         schemas (for field {}).",
                        java_class(&value),
                        field_name(&key)?
                    )));
                }
                value if is_date(&value) || matches!(value, Value::Decimal(_)) => {
                    return Err(ConnectorError::record(format!(
                        "Flatten transformation was passed a value of type class {} which is not \
                         supported by Connect's data API",
                        java_class(&value)
                    )));
                }
                value => {
                    names.add(field_name(&key)?)?;
                    entries.push((key, value));
                }
            }
        }
        Ok(())
    }

    fn schema(&self, schema: &Schema) -> Result<Arc<Schema>> {
        let default = match schema.default_value() {
            Some(Value::Struct(default)) => Some(default),
            _ => None,
        };
        let top = Inherited { prefix: "", is_optional: schema.is_optional(), default };
        let flat = basics_of(schema, Schema::new(Type::Struct));
        self.extended(flat, schema, top, &mut Names::default()).map(Arc::new)
    }

    /// The flat schema with the fields of one struct.
    fn extended(
        &self,
        flat: Schema,
        schema: &Schema,
        from: Inherited<'_>,
        names: &mut Names,
    ) -> Result<Schema> {
        let mut flat = flat;
        for field in fields_of(schema)? {
            let name = self.named(from.prefix, &field.name);
            let is_optional = from.is_optional || field.schema.is_optional();
            let inherited = || from.default.and_then(|parent| parent.get(&field.name));
            let default = field.schema.default_value().or_else(inherited);
            flat = match field.schema.kind() {
                Type::Struct => {
                    let default = match default {
                        Some(Value::Struct(default)) => Some(default),
                        _ => None,
                    };
                    let inner = Inherited { prefix: &name, is_optional, default };
                    self.extended(flat, &field.schema, inner, names)?
                }
                Type::Map => {
                    return Err(ConnectorError::record(format!(
                        "Flatten transformation does not support MAP for record with schemas (for \
                         field {name})."
                    )));
                }
                _ => {
                    names.add(&name)?;
                    let leaf = leaf(&field.schema, is_optional, default);
                    with_field(flat, &name.into(), leaf)?
                }
            };
        }
        Ok(flat)
    }
}

/// How much the new names of a record take.
#[derive(Default)]
struct Names {
    bytes: usize,
}

impl Names {
    fn add(&mut self, name: &str) -> Result<()> {
        self.bytes += name.len();
        if self.bytes > MOST_NAMED_BYTES {
            return Err(ConnectorError::record(format!(
                "Flatten transformation makes names of more than {MOST_NAMED_BYTES} bytes of this \
                 record"
            )));
        }
        Ok(())
    }
}

/// The schema of a field at the top that was within others.
fn leaf(schema: &Schema, is_optional: bool, default: Option<&Value>) -> Schema {
    let plain = match schema.value_schema() {
        Some(elements) if schema.kind() == Type::Array => Schema::array(Arc::clone(elements)),
        _ => Schema::new(schema.kind()),
    };
    let mut leaf = basics_of(schema, plain);
    if is_optional {
        leaf = leaf.optional();
    }
    match default {
        Some(default) if !default.is_null() => leaf.with_default(default.clone()),
        _ => leaf,
    }
}

/// The values of a struct and those within it, in the order of the flat schema; none for a field
/// of a struct that is null.
fn collect(record: Struct, values: &mut Vec<Option<Value>>) {
    let schema = Arc::clone(record.schema());
    for (field, value) in schema.fields().iter().zip(record.into_parts().1) {
        match value {
            Value::Struct(inner) => collect(inner, values),
            _ if field.schema.kind() == Type::Struct => skip(&field.schema, values),
            value => values.push(Some(Nulls::Replaced.resolve(&field.schema, value))),
        }
    }
}

fn skip(schema: &Schema, values: &mut Vec<Option<Value>>) {
    for field in schema.fields() {
        match field.schema.kind() {
            Type::Struct => skip(&field.schema, values),
            _ => values.push(None),
        }
    }
}

/// Entries with names that differ: of those that share one, the last value at the first place.
fn last_of_each(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut places: HashMap<ByteString, usize> = HashMap::with_capacity(entries.len());
    let mut distinct: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let Value::String(name) = &key else { continue };
        match places.get(name).and_then(|at| distinct.get_mut(*at)) {
            Some((_, known)) => *known = value,
            None => {
                places.insert(name.clone(), distinct.len());
                distinct.push((key, value));
            }
        }
    }
    distinct
}

impl Transform for Flatten {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.Flatten$Key",
            "org.apache.kafka.connect.transforms.Flatten$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        if !slot.value.is_null() {
            *slot = self.flattened(mem::take(slot))?;
        }
        Ok(Verdict::Keep)
    }
}
