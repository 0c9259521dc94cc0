//! Turns fields, or a whole key or value, into another type.
//!
//! Source: apache/kafka `Cast.java`.

mod convert;
mod spec;
#[cfg(test)]
mod tests;

use std::{mem, sync::Arc};

use connect_api::{
    config::{Check, Config, ConfigType as _, Props, sentence},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Struct, Value},
};

use self::{convert::cast, spec::Spec};
use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, fits, fitting},
    schema_cache::SchemaCache,
    side::{Side, require_map, require_struct},
};

const PURPOSE: &str = "cast types";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct CastConfig {
    /// List of fields and the type to cast them to of the form field1:type,field2:type to cast
    /// fields of Maps or Structs. A single type to cast the entire value. Valid types are int8,
    /// int16, int32, int64, float32, float64, boolean, and string. Note that binary fields can only
    /// be cast to string.
    #[config(importance = High, check = casts())]
    spec: Vec<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// The new schema, and the type that each of its fields is cast to.
type Plan = Arc<(Arc<Schema>, Vec<Option<Type>>)>;

/// Casts.
#[derive(Debug)]
pub(super) struct Cast {
    side: Side,
    spec: Spec,
    nulls: Nulls,
    plans: SchemaCache<Plan>,
}

impl Cast {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let CastConfig { spec, nulls } = CastConfig::parse(props)?;
        let spec = Spec::parse(&spec).map_err(ConnectorError::invalid)?;
        Ok(Self { side, spec, nulls, plans: SchemaCache::default() })
    }

    fn changed(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        let SchemaAndValue { schema, value } = data;
        let Some(schema) = schema else {
            return Ok(SchemaAndValue::schemaless(self.schemaless(value)?));
        };
        let plan = self.plans.get(&schema, || self.plan(&schema))?;
        let updated = Arc::clone(&plan.0);
        let value = match &self.spec {
            Spec::Whole(kind) => cast(Some(&schema), value, *kind)?,
            Spec::Fields(_) => self.record(&plan, require_struct(value, PURPOSE)?)?,
        };
        Ok(SchemaAndValue::new(updated, value))
    }

    fn schemaless(&self, value: Value) -> Result<Value> {
        let fields = match &self.spec {
            Spec::Whole(kind) => return cast(None, value, *kind),
            Spec::Fields(fields) => fields,
        };
        let mut map = require_map(value, PURPOSE)?;
        for (name, kind) in fields {
            let slot = map.entries_mut().iter_mut().find(|(key, _)| key.as_str() == Some(name));
            match slot {
                Some((_, value)) => *value = cast(None, mem::take(value), *kind)?,
                None => map.set(name, Value::Null),
            }
        }
        Ok(Value::Map(map))
    }

    fn record(&self, plan: &Plan, record: Struct) -> Result<Value> {
        let (updated, kinds) = &**plan;
        let (old, mut values) = record.into_parts();
        let fields = old.fields().iter().zip(&mut values);
        for ((old, value), (new, kind)) in fields.zip(updated.fields().iter().zip(kinds)) {
            if let Some(kind) = kind {
                let given = self.nulls.resolve(&old.schema, mem::take(value));
                let cast = cast(Some(&old.schema), given, *kind)?;
                *value = fitting(&new.name, &new.schema, cast)?;
            } else {
                self.nulls.carry(&old.schema, new, value)?;
            }
        }
        Ok(Value::Struct(Struct::new(Arc::clone(updated), values)))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let (updated, kinds) = match &self.spec {
            Spec::Whole(kind) => (basics_of(schema, Schema::new(*kind)), Vec::new()),
            Spec::Fields(_) => {
                let fields = fields_of(schema)?;
                let mut updated = basics_of(schema, Schema::new(Type::Struct));
                for field in fields {
                    let new = match self.spec.kind_of(&field.name) {
                        Some(kind) => Arc::new(recast(&field.schema, kind)?),
                        None => Arc::clone(&field.schema),
                    };
                    updated = updated.field(Arc::clone(&field.name), new);
                }
                let kinds = fields.iter().map(|field| self.spec.kind_of(&field.name));
                (updated, kinds.collect())
            }
        };
        let updated = with_state_of(schema, updated)?;
        if updated.default_value().is_some_and(|default| !fits(&updated, default)) {
            return Err(ConnectorError::record("Invalid default value"));
        }
        Ok(Arc::new((Arc::new(updated), kinds)))
    }
}

/// A plain schema of the type, with what is optional and the default of another.
fn recast(schema: &Schema, kind: Type) -> Result<Schema> {
    with_state_of(schema, Schema::new(kind))
}

fn with_state_of(schema: &Schema, mut updated: Schema) -> Result<Schema> {
    if schema.is_optional() {
        updated = updated.optional();
    }
    if let Some(default) = schema.default_value() {
        let default = cast(Some(schema), default.clone(), updated.kind())?;
        updated = updated.with_default(default);
    }
    Ok(updated)
}

/// Demands casts that can be read.
fn casts() -> Check {
    sentence(|text| {
        let items = Vec::<String>::parse(text.unwrap_or_default())?;
        Spec::parse(&items).map(drop)
    })
}

impl Transform for Cast {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.Cast$Key",
            "org.apache.kafka.connect.transforms.Cast$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        if !slot.value.is_null() {
            *slot = self.changed(mem::take(slot))?;
        }
        Ok(Verdict::Keep)
    }
}
