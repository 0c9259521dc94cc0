//! Connect schemas as Avro schemas.
//!
//! Source: confluentinc/schema-registry `AvroData.fromConnectSchema`.

use connect_api::schema::{Schema, Type, logical};
use serde_json::{Map as JsonMap, Value as Json, json};

use super::{
    config::AvroDataConfig,
    defaults,
    names::{
        AVRO_PROP, DEFAULT_NAME, DEFAULT_PRECISION, ENUM_DEFAULT, ENUM_DOC, FIELD_DEFAULT,
        FIELD_DOC, MAP_ENTRY, NAMESPACE, PRECISION, PROP_DEFAULT, PROP_DOC, PROP_ENUM_DOC,
        PROP_INTERNAL, PROP_NAME, PROP_PARAMETERS, PROP_RECORD_DOC, PROP_TYPE, PROP_VERSION,
        RECORD_DOC, enum_name, enum_parameter, fixed_size, has_text_keys, is_union, scrub,
        scrub_full,
    },
    schema::{AvroField, AvroSchema, AvroType, Kind, Named, TypeId},
};

/// The schema of data without one.
pub const ANYTHING_TEXT: &str = concat!(
    r#"{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":["#,
    r#"{"name":"boolean","type":["null","boolean"],"default":null},"#,
    r#"{"name":"bytes","type":["null","bytes"],"default":null},"#,
    r#"{"name":"double","type":["null","double"],"default":null},"#,
    r#"{"name":"float","type":["null","float"],"default":null},"#,
    r#"{"name":"int","type":["null","int"],"default":null},"#,
    r#"{"name":"long","type":["null","long"],"default":null},"#,
    r#"{"name":"string","type":["null","string"],"default":null},"#,
    r#"{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null},"#,
    r#"{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","#,
    r#""fields":[{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"#,
    r#""default":null}]}"#
);

/// Converts the whole of a schema.
///
/// # Errors
/// What Avro has no schema for, as a sentence.
pub fn avro_schema(config: &AvroDataConfig, schema: &Schema) -> Result<AvroSchema, String> {
    let mut conversion = Conversion {
        config,
        avro: AvroSchema::default(),
        done: Vec::new(),
        seen: Vec::new(),
        names: 0,
    };
    conversion.avro.root = conversion.any(schema, Optional::Wrapped)?;
    Ok(conversion.avro)
}

/// What becomes of a schema that allows null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Optional {
    /// A union with null.
    Wrapped,
    /// Nothing: the union is around it already.
    Ignored,
}

struct Conversion<'a> {
    config: &'a AvroDataConfig,
    avro: AvroSchema,
    /// Schemas that are converted already; what has a name must not be declared again.
    done: Vec<(Schema, TypeId)>,
    seen: Vec<String>,
    names: usize,
}

impl Conversion<'_> {
    fn any(&mut self, schema: &Schema, optional: Optional) -> Result<TypeId, String> {
        if !schema.is_optional()
            && let Some((_, id)) = self.done.iter().find(|(known, _)| known == schema)
        {
            return Ok(*id);
        }
        let id = self.base(schema)?;
        let id = if matches!(self.avro.get(id), Kind::Union(_)) {
            id
        } else {
            self.dress(schema, id)?;
            if optional == Optional::Wrapped { self.wrapped(schema, id) } else { id }
        };
        if !schema.is_optional() {
            self.done.push((schema.clone(), id));
        }
        Ok(id)
    }

    fn add(&mut self, kind: Kind) -> TypeId {
        self.avro.add(AvroType::new(kind))
    }

    fn wrapped(&mut self, schema: &Schema, id: TypeId) -> TypeId {
        if !schema.is_optional() {
            return id;
        }
        let null = self.add(Kind::Null);
        let is_first = schema.default_value().is_some();
        self.add(Kind::Union(if is_first { vec![id, null] } else { vec![null, id] }))
    }

    fn base(&mut self, schema: &Schema) -> Result<TypeId, String> {
        let kind = match schema.kind() {
            Type::Int8 | Type::Int16 | Type::Int32 => Kind::Int,
            Type::Int64 => Kind::Long,
            Type::Float32 => Kind::Float,
            Type::Float64 => Kind::Double,
            Type::Boolean => Kind::Boolean,
            Type::String => self.string(schema),
            Type::Bytes => self.bytes(schema),
            Type::Array => {
                let items =
                    schema.value_schema().ok_or("An array has no schema of its elements")?;
                Kind::Array(self.any(items, Optional::Wrapped)?)
            }
            Type::Map => self.map(schema)?,
            Type::Struct if is_union(schema) => self.union(schema)?,
            Type::Struct if schema.is_optional() => {
                let record = self.any(&required(schema), Optional::Wrapped)?;
                Kind::Union(vec![self.add(Kind::Null), record])
            }
            Type::Struct => return self.record(schema),
        };
        Ok(self.add(kind))
    }

    fn string(&self, schema: &Schema) -> Kind {
        let Some(full) = enum_name(self.config, schema) else { return Kind::String };
        let parameters = schema.parameters();
        let prefix = format!("{}.", enum_parameter(self.config));
        let symbols =
            parameters.iter().filter_map(|(name, _)| name.strip_prefix(&prefix)).map(Into::into);
        let simple = schema.name().and_then(|name| name.rsplit('.').next()).unwrap_or_default();
        let simple = scrub(self.config, simple);
        let text = |name: String| parameters.get(&name).map(str::to_owned);
        let mut named = Named::new(full);
        let mut default = None;
        if self.config.discards {
            named.doc = text(PROP_ENUM_DOC.to_owned());
        } else {
            named.doc = text(format!("{ENUM_DOC}{simple}"));
            default = text(format!("{ENUM_DEFAULT}{simple}"));
        }
        Kind::Enum(named, symbols.collect(), default)
    }

    fn bytes(&mut self, schema: &Schema) -> Kind {
        match fixed_size(schema) {
            Some(size) => Kind::Fixed(self.named(schema), size),
            None => Kind::Bytes,
        }
    }

    fn map(&mut self, schema: &Schema) -> Result<Kind, String> {
        let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
            return Err("A map has no schema of its keys and values".to_owned());
        };
        if has_text_keys(self.config, schema) {
            return Ok(Kind::Map(self.any(values, Optional::Wrapped)?));
        }
        let mut named = Named::new(MAP_ENTRY);
        named.namespace = Some(NAMESPACE.to_owned());
        let mut entry = AvroType::new(Kind::Null);
        if schema.name().is_some() {
            named = self.named(schema);
            entry.props.insert(PROP_INTERNAL.to_owned(), MAP_ENTRY.into());
        }
        let key = self.field("key".to_owned(), keys, None)?;
        let value = self.field("value".to_owned(), values, None)?;
        entry.kind = Kind::Record(named, vec![key, value]);
        Ok(Kind::Array(self.avro.add(entry)))
    }

    fn union(&mut self, schema: &Schema) -> Result<Kind, String> {
        let mut branches = Vec::new();
        if schema.is_optional() {
            branches.push(self.add(Kind::Null));
        }
        for field in schema.fields() {
            branches.push(self.any(&required(&field.schema), Optional::Ignored)?);
        }
        Ok(Kind::Union(branches))
    }

    fn record(&mut self, schema: &Schema) -> Result<TypeId, String> {
        let mut named = self.named(schema);
        let key = if self.config.discards { PROP_RECORD_DOC } else { RECORD_DOC };
        named.doc = schema.parameters().get(key).map(str::to_owned);
        let id = self.add(Kind::Record(named.clone(), Vec::new()));
        let mut fields: Vec<AvroField> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let doc = schema.parameters().get(&format!("{FIELD_DOC}{}", field.name));
            let doc = doc.filter(|_| !self.config.discards).map(str::to_owned);
            let field = self.field(scrub(self.config, &field.name), &field.schema, doc)?;
            if fields.iter().any(|known| known.name == field.name) {
                return Err(format!("Duplicate field {} in record {}", field.name, named.full()));
            }
            fields.push(field);
        }
        self.avro.set(id, AvroType::new(Kind::Record(named, fields)));
        Ok(id)
    }

    fn field(
        &mut self,
        name: String,
        schema: &Schema,
        doc: Option<String>,
    ) -> Result<AvroField, String> {
        let default = match schema.default_value() {
            Some(value) => Some(defaults::to_json(self.config, schema, value)),
            None => schema.is_optional().then_some(Json::Null),
        };
        let full = schema.name().map(|name| scrub_full(self.config, name));
        let is_seen = full.is_some_and(|full| {
            let is_seen = self.seen.contains(&full);
            if !is_seen {
                self.seen.push(full);
            }
            is_seen
        });
        let kind = self.any(schema, Optional::Wrapped)?;
        let mut props = JsonMap::new();
        if self.config.has_meta && is_seen && self.has_name(kind) {
            let parameters = self.parameters(schema);
            if !parameters.is_empty() {
                props.insert(PROP_PARAMETERS.to_owned(), Json::Object(parameters));
            }
        }
        let doc = if self.config.discards { schema.doc().map(str::to_owned) } else { doc };
        Ok(AvroField { name, kind, doc, default, order: None, aliases: Vec::new(), props })
    }

    fn has_name(&self, id: TypeId) -> bool {
        match self.avro.get(id) {
            Kind::Union(branches) => branches.iter().any(|id| self.avro.get(*id).named().is_some()),
            kind => kind.named().is_some(),
        }
    }

    fn parameters(&self, schema: &Schema) -> JsonMap<String, Json> {
        let kept = schema
            .parameters()
            .iter()
            .filter(|(name, _)| self.config.discards || *name != FIELD_DEFAULT);
        kept.map(|(name, text)| (name.to_owned(), text.into())).collect()
    }

    fn named(&mut self, schema: &Schema) -> Named {
        let mut named = match schema.name() {
            Some(full) => return Named::new(&scrub_full(self.config, full)),
            None => Named::new(DEFAULT_NAME),
        };
        self.names += 1;
        if self.names > 1 {
            named.name = format!("{DEFAULT_NAME}{}", self.names);
        }
        named.namespace = Some(NAMESPACE.to_owned());
        named
    }

    /// Notes as properties what Avro cannot say otherwise.
    fn dress(&mut self, schema: &Schema, id: TypeId) -> Result<(), String> {
        let Some(mut found) = self.avro.whole(id).cloned() else { return Ok(()) };
        let is_named = |name: &str| schema.name().is_some_and(|own| own.eq_ignore_ascii_case(name));
        let mut set = |name: &str, value: Json| {
            found.props.entry(name).or_insert(value);
        };
        let decimal = is_named(logical::DECIMAL).then(|| decimal(schema)).transpose()?;
        if let Some((scale, precision)) = decimal {
            set("scale", json!(scale));
            set("precision", json!(precision));
        }
        if self.config.has_meta {
            self.note(schema, &mut set);
        }
        // Also where the scale is beyond what Avro allows, as the original does.
        if decimal.is_some() {
            set("logicalType", json!("decimal"));
        }
        for (name, word) in [
            (logical::TIME, "time-millis"),
            (logical::TIMESTAMP, "timestamp-millis"),
            (logical::DATE, "date"),
        ] {
            if is_named(name) {
                set("logicalType", json!(word));
            }
        }
        for (name, text) in schema.parameters().iter() {
            if name.starts_with(AVRO_PROP) {
                set(name, text.into());
            }
        }
        self.avro.set(id, found);
        Ok(())
    }

    fn note(&self, schema: &Schema, set: &mut impl FnMut(&str, Json)) {
        if let Some(doc) = schema.doc() {
            set(PROP_DOC, doc.into());
        }
        if let Some(version) = schema.version() {
            set(PROP_VERSION, json!(version));
        }
        let parameters = self.parameters(schema);
        if !parameters.is_empty() {
            set(PROP_PARAMETERS, Json::Object(parameters));
        }
        if let Some(default) = schema.default_value()
            && (self.config.discards || !schema.parameters().contains(FIELD_DEFAULT))
        {
            set(PROP_DEFAULT, defaults::to_json(self.config, schema, default));
        }
        if let Some(name) = schema.name() {
            set(PROP_NAME, name.into());
        }
        match schema.kind() {
            Type::Int8 => set(PROP_TYPE, "int8".into()),
            Type::Int16 => set(PROP_TYPE, "int16".into()),
            _ => {}
        }
    }
}

fn decimal(schema: &Schema) -> Result<(i64, i64), String> {
    let number = |name: &str| {
        let text = schema.parameters().get(name)?;
        Some(text.parse::<i64>().map_err(|_| format!("Parameter {name} is no number: {text}")))
    };
    let scale = number("scale").ok_or("A decimal's schema has no parameter scale")??;
    Ok((scale, number(PRECISION).transpose()?.unwrap_or(DEFAULT_PRECISION)))
}

/// The same schema without null.
fn required(schema: &Schema) -> Schema {
    if schema.is_optional() { schema.clone().required() } else { schema.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_data_without_one_is_in_javas_form() {
        assert_eq!(AvroSchema::parse(ANYTHING_TEXT, &[]).unwrap().text(), ANYTHING_TEXT);
    }
}
