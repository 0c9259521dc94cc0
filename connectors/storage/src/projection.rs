//! Records of one schema in files of another.
//!
//! With `schema.compatibility` a file keeps the schema of its first record, and what is written later
//! is brought into it, as long as that loses nothing but what the schema does not know.
//! Source: confluentinc/kafka-connect-storage-common `StorageSchemaCompatibility.java`, apache/kafka
//! `SchemaProjector.java`.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Parameters, Schema, Type, same_schema},
    value::{Map, Struct, Value},
};

use crate::words::Compatibility;

/// Symbols of enumerations are parameters with these names.
const ENUMS: [&str; 2] = ["io.confluent.connect.avro.Enum", "org.apache.kafka.connect.data.Enum"];
/// Documentation and aliases are parameters with these in their names.
const NOTES: [&str; 3] = [".doc", ".record.aliases", ".field.aliases"];

/// What a record of another schema means for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is written as it is.
    Same,
    /// It is written by the file's schema.
    Projected,
    /// It belongs to another file.
    Other,
}

/// How a record of a schema fits a file of another.
///
/// # Errors
/// `Record` when the mode needs versions and a schema has none.
pub fn fit(
    mode: Compatibility,
    file: Option<&Arc<Schema>>,
    record: Option<&Arc<Schema>>,
) -> Result<Fit> {
    if same_schema(file, record) {
        return Ok(Fit::Same);
    }
    let (Some(file), Some(record)) = (file, record) else { return Ok(Fit::Other) };
    if mode == Compatibility::None {
        return Ok(Fit::Other);
    }
    let (Some(file_version), Some(version)) = (file.version(), record.version()) else {
        return Err(ConnectorError::record(
            "schema.compatibility needs schemas with versions, which the value's has not",
        )
        .hint(
            "Use a converter with a schema registry, such as \
             io.confluent.connect.avro.AvroConverter, or set schema.compatibility=NONE",
        ));
    };
    let is_ahead = match mode {
        Compatibility::Forward => version < file_version,
        _ => version > file_version,
    };
    let is_other = is_ahead || !is_projectable(record, file);
    Ok(if is_other { Fit::Other } else { Fit::Projected })
}

/// Whether every value of one schema has a place in another.
fn is_projectable(from: &Schema, to: &Schema) -> bool {
    let nulls_fit = !from.is_optional() || to.is_optional() || to.default_value().is_some();
    let is_alike = from.name() == to.name() && are_alike(from.parameters(), to.parameters());
    nulls_fit && is_alike && has_place(from, to)
}

fn has_place(from: &Schema, to: &Schema) -> bool {
    let both = |left: Option<&Arc<Schema>>, right: Option<&Arc<Schema>>| match (left, right) {
        (Some(left), Some(right)) => is_projectable(left, right),
        (left, right) => left.is_none() && right.is_none(),
    };
    match (from.kind(), to.kind()) {
        (Type::Struct, Type::Struct) => to.fields().iter().all(|field| {
            let own = from.field_index(&field.name).and_then(|place| from.fields().get(place));
            match own {
                Some(own) => is_projectable(&own.schema, &field.schema),
                None => field.schema.is_optional() || field.schema.default_value().is_some(),
            }
        }),
        (Type::Array, Type::Array) => both(from.value_schema(), to.value_schema()),
        (Type::Map, Type::Map) => {
            both(from.key_schema(), to.key_schema()) && both(from.value_schema(), to.value_schema())
        }
        (left, right) if left == right => true,
        (left, right) => rank(left).zip(rank(right)).is_some_and(|(left, right)| left <= right),
    }
}

/// Numbers in the order in which one becomes the other.
const fn rank(kind: Type) -> Option<u8> {
    Some(match kind {
        Type::Int8 => 0,
        Type::Int16 => 1,
        Type::Int32 => 2,
        Type::Int64 => 3,
        Type::Float32 => 4,
        Type::Float64 => 5,
        _ => return None,
    })
}

/// Whether parameters say the same, but for documentation, and for symbols that are new.
fn are_alike(from: &Parameters, to: &Parameters) -> bool {
    let is_symbol = |name: &str| ENUMS.iter().any(|start| name.starts_with(start));
    let is_note = |name: &str| NOTES.iter().any(|part| name.contains(part));
    let known = from.iter().all(|(name, text)| is_note(name) || to.get(name) == Some(text));
    known && to.iter().all(|(name, _)| is_note(name) || is_symbol(name) || from.contains(name))
}

/// A value by another schema, into which its own [`fit`]s.
pub fn project(value: &Value, to: &Arc<Schema>) -> Value {
    match (value, to.kind()) {
        (Value::Null, _) if to.is_optional() => Value::Null,
        (Value::Null, _) => to.default_value().cloned().unwrap_or(Value::Null),
        (Value::Struct(own), Type::Struct) => {
            let values = to.fields().iter().map(|field| {
                let place = own.schema().field_index(&field.name);
                match place.and_then(|place| own.values().get(place)) {
                    Some(value) => project(value, &field.schema),
                    None if field.schema.is_optional() => Value::Null,
                    None => field.schema.default_value().cloned().unwrap_or(Value::Null),
                }
            });
            Value::Struct(Struct::new(Arc::clone(to), values.collect()))
        }
        (Value::Array(items), Type::Array) => match to.value_schema() {
            Some(own) => Value::Array(items.iter().map(|item| project(item, own)).collect()),
            None => value.clone(),
        },
        (Value::Map(map), Type::Map) => match (to.key_schema(), to.value_schema()) {
            (Some(keys), Some(values)) => {
                let entry =
                    |(key, value): &(Value, Value)| (project(key, keys), project(value, values));
                Value::Map(Map::new(map.entries().iter().map(entry).collect()))
            }
            _ => value.clone(),
        },
        _ => widened(value, to.kind()).unwrap_or_else(|| value.clone()),
    }
}

/// A number as a wider one; nothing where it is one already.
fn widened(value: &Value, to: Type) -> Option<Value> {
    let number = match value {
        Value::Int8(n) => i64::from(*n),
        Value::Int16(n) => i64::from(*n),
        Value::Int32(n) => i64::from(*n),
        Value::Int64(n) => *n,
        Value::Float32(n) if to == Type::Float64 => return Some(Value::Float64(f64::from(*n))),
        _ => return None,
    };
    Some(match to {
        Type::Int16 => Value::Int16(number.try_into().ok()?),
        Type::Int32 => Value::Int32(number.try_into().ok()?),
        Type::Int64 => Value::Int64(number),
        Type::Float32 => Value::Float32(nearest(number)),
        Type::Float64 => Value::Float64(nearest(number)),
        _ => return None,
    })
}

/// The fraction nearest to a number, as Java's cast: both read the digits.
fn nearest<T: std::str::FromStr + Default>(number: i64) -> T {
    number.to_string().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: i32) -> Schema {
        Schema::new(Type::Struct).named("R").versioned(version)
    }

    fn fits(mode: Compatibility, file: &Schema, record: &Schema) -> Fit {
        let (file, record) = (Arc::new(file.clone()), Arc::new(record.clone()));
        fit(mode, Some(&file), Some(&record)).unwrap()
    }

    #[test]
    fn versions_and_modes_say_which_records_are_projected() {
        let one = row(1).field("a", Schema::new(Type::Int32));
        let two = row(2).field("a", Schema::new(Type::Int32)).field("b", Schema::optional_string());
        for (mode, older, newer) in [
            (Compatibility::None, Fit::Other, Fit::Other),
            (Compatibility::Backward, Fit::Projected, Fit::Other),
            (Compatibility::Full, Fit::Projected, Fit::Other),
            (Compatibility::Forward, Fit::Other, Fit::Projected),
        ] {
            assert_eq!(fits(mode, &two, &one), older, "{mode:?}");
            assert_eq!(fits(mode, &one, &two), newer, "{mode:?}");
            assert_eq!(fits(mode, &one, &one), Fit::Same, "{mode:?}");
        }
    }

    #[test]
    fn what_has_no_place_is_another_file() {
        let of = |kind: Type| row(1).field("a", Schema::new(kind));
        let to = |schema: Schema| row(2).field("a", schema);
        let fits = |to: Schema, from: Schema| fits(Compatibility::Backward, &to, &from);
        assert_eq!(fits(to(Schema::new(Type::Float64)), of(Type::Int8)), Fit::Projected);
        assert_eq!(fits(to(Schema::new(Type::Int8)), of(Type::Int16)), Fit::Other);
        assert_eq!(fits(to(Schema::new(Type::String)), of(Type::Int8)), Fit::Other);
        assert_eq!(fits(to(Schema::new(Type::Int8).named("x")), of(Type::Int8)), Fit::Other);
        let symbol = Schema::new(Type::Int8).parameter("io.confluent.connect.avro.Enum.A", "A");
        assert_eq!(fits(to(symbol.clone()), of(Type::Int8)), Fit::Projected);
        assert_eq!(
            fits(row(2).field("a", Schema::new(Type::Int8)), row(1).field("a", symbol)),
            Fit::Other
        );
        let required = of(Type::Int8).versioned(2).field("b", Schema::string());
        assert_eq!(fits(required, of(Type::Int8)), Fit::Other);
        let optional = row(1).field("a", Schema::new(Type::Int8).optional());
        assert_eq!(fits(to(Schema::new(Type::Int8)), optional), Fit::Other);
    }

    #[test]
    fn schemas_without_versions_are_told() {
        let one = Arc::new(Schema::new(Type::Int8));
        let error =
            fit(Compatibility::Full, Some(&one), Some(&Schema::string())).unwrap_err().to_string();
        assert!(error.contains("versions"), "{error}");
        assert_eq!(fit(Compatibility::Full, None, Some(&one)).unwrap(), Fit::Other);
    }

    #[test]
    fn a_value_gets_the_files_fields_in_the_files_types() {
        let from = row(1)
            .field("gone", Schema::string())
            .field("n", Schema::new(Type::Int32))
            .field("list", Schema::array(Schema::new(Type::Int8)));
        let filled = Schema::new(Type::Int32).with_default(Value::Int32(7));
        let to = row(2)
            .field("list", Schema::array(Schema::new(Type::Int64)))
            .field("n", Schema::new(Type::Float64))
            .field("new", Schema::optional_string())
            .field("filled", filled);
        let to = Arc::new(to);
        let list = Value::Array(vec![Value::Int8(1)]);
        let value = Struct::new(Arc::new(from), vec!["x".into(), Value::Int32(3), list]);
        let projected = project(&Value::Struct(value), &to);
        let list = Value::Array(vec![Value::Int64(1)]);
        let values = vec![list, Value::Float64(3.0), Value::Null, Value::Int32(7)];
        assert_eq!(projected, Value::Struct(Struct::new(to, values)));
    }
}
