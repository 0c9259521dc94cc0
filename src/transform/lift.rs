//! Brings the members of a nested field to the top, where the field itself was.
//!
//! Millrace's own: what `Flatten` does to a whole record, for one field and with its plain names.

use std::{collections::HashSet, mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Map, Struct, Value},
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, fitting, optional_copy, with_field},
    schema_cache::SchemaCache,
    side::{Side, not_a_map, require_map, require_struct},
};

const PURPOSE: &str = "lifting";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct LiftConfig {
    /// Name of the field whose members move up; the field itself goes. In a record without a
    /// schema a member takes the place of an entry of its name, and a record without the field
    /// passes.
    #[config(importance = High, check = NOT_EMPTY)]
    field: String,
}

/// The new schema, the place of the field, and how many members it has.
type Plan = Arc<(Arc<Schema>, usize, usize)>;

/// Lifts.
#[derive(Debug)]
pub(super) struct Lift {
    side: Side,
    field: String,
    plans: SchemaCache<Plan>,
}

impl Lift {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let field = LiftConfig::parse(props)?.field;
        Ok(Self { side, field, plans: SchemaCache::default() })
    }

    fn lifted(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        let SchemaAndValue { schema, value } = data;
        let Some(schema) = schema else {
            let map = self.map(require_map(value, PURPOSE)?)?;
            return Ok(SchemaAndValue::schemaless(Value::Map(map)));
        };
        let record = require_struct(value, PURPOSE)?;
        let plan = self.plans.get(&schema, || self.plan(&schema))?;
        let (updated, at, count) = &*plan;
        let mut values = Vec::with_capacity(updated.fields().len());
        for (place, value) in record.into_parts().1.into_iter().enumerate() {
            match value {
                Value::Struct(inner) if place == *at => values.extend(inner.into_parts().1),
                _ if place == *at => values.extend(std::iter::repeat_n(Value::Null, *count)),
                value => values.push(value),
            }
        }
        // The lifted ones may be of a struct with a schema of its own.
        for (field, value) in updated.fields().iter().zip(&mut values) {
            let given = Nulls::Replaced.resolve(&field.schema, mem::take(value));
            *value = fitting(&field.name, &field.schema, given)?;
        }
        let record = Struct::new(Arc::clone(updated), values);
        Ok(SchemaAndValue::new(Arc::clone(updated), Value::Struct(record)))
    }

    fn map(&self, mut map: Map) -> Result<Map> {
        let Some(at) = map.entries().iter().position(|(key, _)| key.as_str() == Some(&self.field))
        else {
            return Ok(map);
        };
        let members = match map.entries_mut().get_mut(at).map(|(_, value)| mem::take(value)) {
            Some(Value::Map(members)) => members.into_entries(),
            Some(Value::Null) | None => Vec::new(),
            Some(other) => return Err(not_a_map(&other, PURPOSE)),
        };
        let names: HashSet<&str> = members.iter().filter_map(|(key, _)| key.as_str()).collect();
        let is_member = |key: &Value| match key.as_str() {
            Some(name) => names.contains(name),
            None => members.iter().any(|(member, _)| member == key),
        };
        let mut before: Vec<_> =
            map.entries_mut().drain(..at).filter(|(key, _)| !is_member(key)).collect();
        let after: Vec<_> =
            map.entries_mut().drain(..).skip(1).filter(|(key, _)| !is_member(key)).collect();
        before.extend(members);
        before.extend(after);
        Ok(Map::new(before))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let unknown = || ConnectorError::record(format!("Unknown field: {}", self.field));
        let at = schema.field_index(&self.field).ok_or_else(unknown)?;
        let mut updated = basics_of(schema, Schema::new(Type::Struct));
        let mut count = 0;
        for (place, field) in fields_of(schema)?.iter().enumerate() {
            if place != at {
                updated = with_field(updated, &field.name, Arc::clone(&field.schema))?;
                continue;
            }
            let members = fields_of(&field.schema)?;
            count = members.len();
            for member in members {
                let member_schema = match field.schema.is_optional() {
                    true => optional_copy(&member.schema),
                    false => Arc::clone(&member.schema),
                };
                updated = with_field(updated, &member.name, member_schema)?;
            }
        }
        Ok(Arc::new((Arc::new(updated), at, count)))
    }
}

impl Transform for Lift {
    fn class(&self) -> &'static str {
        self.side.class("millrace.transforms.Lift$Key", "millrace.transforms.Lift$Value")
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        if !slot.value.is_null() {
            *slot = self.lifted(mem::take(slot))?;
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifted(data: SchemaAndValue) -> Result<SchemaAndValue> {
        Lift::configured(&Props::from([("field", "in")]), Side::Value)?.lifted(data)
    }

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::Map(Map::new(
            entries.iter().map(|(k, value)| ((*k).into(), value.clone())).collect(),
        ))
    }

    fn record(inner: Option<Value>) -> SchemaAndValue {
        let nested = Schema::new(Type::Struct).optional().field("a", Schema::string());
        let nested = Arc::new(nested);
        let schema = Schema::new(Type::Struct)
            .named("S")
            .field("x", Schema::string())
            .field("in", Arc::clone(&nested))
            .field("y", Schema::string());
        let schema = Arc::new(schema);
        let inner = inner.map_or(Value::Null, |v| Value::Struct(Struct::new(nested, vec![v])));
        let value = Struct::new(Arc::clone(&schema), vec!["1".into(), inner, "2".into()]);
        SchemaAndValue::new(schema, Value::Struct(value))
    }

    #[test]
    fn members_stand_where_the_field_was() {
        for (inner, expected) in [(Some("v".into()), "v".into()), (None, Value::Null)] {
            let outcome = lifted(record(inner)).unwrap();
            let Value::Struct(value) = outcome.value else { panic!("a struct is expected") };
            let found: Vec<_> = value.iter().collect();
            assert_eq!(found, [("x", &"1".into()), ("a", &expected), ("y", &"2".into())]);
            assert!(value.schema().fields()[1].schema.is_optional(), "the field was");
            assert_eq!(value.schema().name(), Some("S"));
        }
    }

    #[test]
    fn a_member_of_a_map_takes_the_place_of_its_name() {
        let inner = map(&[("y", "inner".into()), ("z", "z".into())]);
        for (given, expected) in [
            (
                map(&[("y", "outer".into()), ("in", inner), ("w", "w".into())]),
                map(&[("y", "inner".into()), ("z", "z".into()), ("w", "w".into())]),
            ),
            (map(&[("in", Value::Null), ("w", "w".into())]), map(&[("w", "w".into())])),
            (map(&[("w", "w".into())]), map(&[("w", "w".into())])),
        ] {
            assert_eq!(lifted(SchemaAndValue::schemaless(given)).unwrap().value, expected);
        }
    }

    #[test]
    fn what_cannot_be_lifted_is_refused() {
        let said = |data| lifted(data).unwrap_err().to_string();
        let flat = Arc::new(Schema::new(Type::Struct).field("a", Schema::string()));
        let value = Value::Struct(Struct::new(Arc::clone(&flat), vec!["x".into()]));
        assert_eq!(said(SchemaAndValue::new(flat, value)), "Unknown field: in");
        assert_eq!(
            said(SchemaAndValue::schemaless(map(&[("in", "x".into())]))),
            "Only Map objects supported in absence of schema for [lifting], found: java.lang.String"
        );
    }
}
