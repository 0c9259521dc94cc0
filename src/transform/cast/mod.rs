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
    schema::{Field, Schema, Type},
    value::Value,
};

use self::{convert::cast, spec::Spec};
use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, fits, fitting},
    schema_cache::SchemaCache,
    side::{Side, require_map, reshape},
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
type Plan = (Arc<Schema>, Vec<Option<Type>>);

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

    fn change(&self, data: &mut SchemaAndValue) -> Result<()> {
        let Some(schema) = data.schema.clone() else {
            data.value = self.schemaless(mem::take(&mut data.value))?;
            return Ok(());
        };
        if let Spec::Whole(kind) = &self.spec {
            let plan = || self.plan(&schema);
            let updated = self.plans.with(&schema, plan, |plan| Ok(Arc::clone(&plan.0)))?;
            data.value = cast(Some(&schema), mem::take(&mut data.value), *kind)?;
            data.schema = Some(updated);
            return Ok(());
        }
        if !matches!(data.value, Value::Struct(_)) {
            // What is wrong with the schema is told first.
            self.plan(&schema)?;
        }
        reshape(data, PURPOSE, |old, values| {
            self.plans.with(
                &schema,
                || self.plan(&schema),
                |(updated, kinds)| {
                    self.record(old.fields(), updated.fields(), kinds, values)?;
                    Ok(Arc::clone(updated))
                },
            )
        })
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

    fn record(
        &self,
        old: &[Field],
        updated: &[Field],
        kinds: &[Option<Type>],
        values: &mut [Value],
    ) -> Result<()> {
        for ((old, value), (new, kind)) in old.iter().zip(values).zip(updated.iter().zip(kinds)) {
            if let Some(kind) = kind {
                let given = self.nulls.resolve(&old.schema, mem::take(value));
                let cast = cast(Some(&old.schema), given, *kind)?;
                *value = fitting(&new.name, &new.schema, cast)?;
            } else {
                self.nulls.carry(&old.schema, new, value)?;
            }
        }
        Ok(())
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
        Ok((Arc::new(updated), kinds))
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
            self.change(slot)?;
        }
        Ok(Verdict::Keep)
    }
}
