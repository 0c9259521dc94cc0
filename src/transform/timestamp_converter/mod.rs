//! Turns points in time from one form into another.
//!
//! Source: apache/kafka `TimestampConverter.java`.

#[cfg(test)]
mod tests;
mod translate;

use std::{mem, sync::Arc};

use connect_api::{
    config::{Config, Props},
    date_format::DateFormat,
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Struct, Value},
};

use self::translate::{Form, Precision, Translator};
use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, fitting},
    schema_cache::SchemaCache,
    side::{Side, require_map, require_struct},
};

const PURPOSE: &str = "converting timestamp formats";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct TimestampConverterConfig {
    /// The field containing the timestamp, or empty if the entire value is a timestamp
    #[config(default = "", importance = High)]
    field: String,
    /// The desired timestamp representation: string, unix, Date, Time, or Timestamp
    #[config(
        key = "target.type",
        importance = High,
        check = one_of(&["string", "unix", "Date", "Time", "Timestamp"])
    )]
    target: String,
    /// A SimpleDateFormat-compatible format for the timestamp. Used to generate the output when
    /// type=string or used to parse the input if the input is a string.
    #[config(default = "")]
    format: String,
    /// The desired Unix precision for the timestamp: seconds, milliseconds, microseconds, or
    /// nanoseconds. Used to generate the output when type=unix or used to parse the input if the
    /// input is a Long.Note: This SMT will cause precision loss during conversions from, and to,
    /// values with sub-millisecond components.
    #[config(
        key = "unix.precision",
        default = "milliseconds",
        importance = Low,
        check = one_of(&["nanoseconds", "microseconds", "milliseconds", "seconds"])
    )]
    precision: String,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// The new schema, and the place of the field that is converted.
type Plan = Arc<(Arc<Schema>, Option<usize>)>;

/// Converts points in time.
#[derive(Debug)]
pub(super) struct TimestampConverter {
    side: Side,
    /// None for the whole key or value.
    field: Option<String>,
    translator: Translator,
    nulls: Nulls,
    /// Schemas of whole values: required, and optional.
    whole: [Arc<Schema>; 2],
    plans: SchemaCache<Plan>,
}

impl TimestampConverter {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let config = TimestampConverterConfig::parse(props)?;
        let target = Form::named(&config.target);
        let is_blank = config.format.trim().is_empty();
        if target == Form::Text && is_blank {
            return Err(ConnectorError::invalid(
                "TimestampConverter requires format option to be specified when using string \
                 timestamps",
            ));
        }
        let format = (!is_blank).then(|| DateFormat::new(&config.format)).transpose();
        let format = format.map_err(|_| {
            ConnectorError::invalid(format!(
                "TimestampConverter requires a SimpleDateFormat-compatible pattern for string \
                 timestamps: {}",
                config.format
            ))
        })?;
        let precision = Precision::named(&config.precision);
        Ok(Self {
            side,
            field: Some(config.field).filter(|field| !field.is_empty()),
            translator: Translator { target, format, precision },
            nulls: config.nulls,
            whole: [target.schema(), target.schema().optional()].map(Arc::new),
            plans: SchemaCache::default(),
        })
    }

    fn changed(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        let SchemaAndValue { schema, value } = data;
        let Some(schema) = schema else {
            return Ok(SchemaAndValue::schemaless(self.schemaless(value)?));
        };
        if self.field.is_none() {
            let form = Form::of_schema(&schema)?;
            let value = self.translator.translate(value, Some(form))?;
            return Ok(SchemaAndValue::new(self.whole_schema(&schema), value));
        }
        let record = match value {
            Value::Null => None,
            value => Some(require_struct(value, PURPOSE)?),
        };
        let plan = self.plans.get(&schema, || self.plan(&schema))?;
        let (updated, at) = &*plan;
        let value = match record {
            Some(record) => Value::Struct(self.record(updated, *at, record)?),
            None => Value::Null,
        };
        Ok(SchemaAndValue::new(Arc::clone(updated), value))
    }

    fn schemaless(&self, value: Value) -> Result<Value> {
        let field = match &self.field {
            Some(field) if !value.is_null() => field,
            _ => return self.translator.translate(value, None),
        };
        let mut map = require_map(value, PURPOSE)?;
        let slot = map.entries_mut().iter_mut().find(|(key, _)| key.as_str() == Some(field));
        match slot {
            Some((_, slot)) => *slot = self.translator.translate(mem::take(slot), None)?,
            None => map.set(field, Value::Null),
        }
        Ok(Value::Map(map))
    }

    fn record(&self, updated: &Arc<Schema>, at: Option<usize>, record: Struct) -> Result<Struct> {
        let (old, mut values) = record.into_parts();
        let fields = old.fields().iter().zip(updated.fields()).zip(&mut values);
        for (place, ((old, new), value)) in fields.enumerate() {
            if Some(place) == at {
                let given = self.nulls.resolve(&old.schema, mem::take(value));
                let form = Form::of_schema(&old.schema)?;
                let translated = self.translator.translate(given, Some(form))?;
                *value = fitting(&new.name, &new.schema, translated)?;
            } else {
                self.nulls.carry(&old.schema, new, value)?;
            }
        }
        Ok(Struct::new(Arc::clone(updated), values))
    }

    fn whole_schema(&self, schema: &Schema) -> Arc<Schema> {
        let [required, optional] = &self.whole;
        Arc::clone(if schema.is_optional() { optional } else { required })
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let fields = fields_of(schema)?;
        let at = self.field.as_deref().and_then(|field| schema.field_index(field));
        let mut updated = basics_of(schema, Schema::new(Type::Struct));
        for (place, field) in fields.iter().enumerate() {
            let new = match Some(place) == at {
                true => self.whole_schema(&field.schema),
                false => Arc::clone(&field.schema),
            };
            updated = updated.field(Arc::clone(&field.name), new);
        }
        if schema.is_optional() {
            updated = updated.optional();
        }
        if let Some(Value::Struct(default)) = schema.default_value() {
            let default = self.record(&Arc::new(updated.clone()), at, default.clone())?;
            updated = updated.with_default(Value::Struct(default));
        }
        Ok(Arc::new((Arc::new(updated), at)))
    }
}

impl Transform for TimestampConverter {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.TimestampConverter$Key",
            "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        *slot = self.changed(mem::take(slot))?;
        Ok(Verdict::Keep)
    }
}
