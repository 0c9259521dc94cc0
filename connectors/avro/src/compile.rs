//! Makes writers: what a value of a Connect schema becomes under an Avro schema.
//!
//! The Avro schema need not be the one that the Connect schema converts to: with
//! `use.latest.version` it is what the registry says. Fields are found by name then, numbers may
//! become longer, and a field that the struct does not have is written by its default.

use std::sync::Arc;

use bytes::BytesMut;
use connect_api::schema::{Schema, Type, logical};
use serde_json::Value as Json;

use super::{
    config::AvroDataConfig,
    encode::{FieldWriter, Writer, logical_type, put_bytes, put_long},
    names::{branch_name, is_union, schema_branch_name, scrub, scrub_full},
    schema::{AvroField, AvroSchema, Kind, TypeId},
    to_connect::map_entry,
};

/// Types within types that a default may have: a record may contain itself.
const MOST_NESTED: usize = 100;

/// Makes the writers of one pair of schemas.
pub(super) struct Compiler<'a> {
    pub(super) config: &'a AvroDataConfig,
    pub(super) avro: &'a AvroSchema,
}

impl Compiler<'_> {
    pub(super) fn writer(&self, id: TypeId, schema: &Arc<Schema>) -> Result<Writer, String> {
        match self.avro.get(id) {
            Kind::Union(branches) if is_union(schema) => self.choice(branches, schema),
            Kind::Union(branches) => self.branch(branches, schema),
            kind => self.plain(kind, schema),
        }
    }

    /// The branch that a schema is written as, and null's.
    fn branch(&self, branches: &[TypeId], schema: &Arc<Schema>) -> Result<Writer, String> {
        let mut null = None;
        let mut found = None;
        for (place, id) in (0..).zip(branches) {
            match self.avro.get(*id) {
                Kind::Null => null = Some(place),
                kind if found.is_none() && self.is_called(kind, schema) => {
                    found = self.plain(kind, schema).ok().map(|writer| (place, writer));
                }
                _ => {}
            }
        }
        let (branch, writer) = found.ok_or_else(|| self.missing(schema))?;
        let null = null.filter(|_| schema.is_optional());
        Ok(Writer::Branch { branch, null, writer: Box::new(writer) })
    }

    /// Whether a branch may be meant by a schema: types with a name go by it.
    fn is_called(&self, kind: &Kind, schema: &Schema) -> bool {
        match (kind, schema.name()) {
            (Kind::Record(named, _), Some(name)) => {
                let name = scrub_full(self.config, name);
                named.full() == name || named.name == name.rsplit('.').next().unwrap_or(&name)
            }
            _ => true,
        }
    }

    fn choice(&self, branches: &[TypeId], schema: &Arc<Schema>) -> Result<Writer, String> {
        let null = (0..).zip(branches).find(|(_, id)| *self.avro.get(**id) == Kind::Null);
        let null = null.map(|(place, _)| place).filter(|_| schema.is_optional());
        let mut writers = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            let wanted = schema_branch_name(self.config, &field.schema, index);
            let named = (0..).zip(branches.iter().enumerate()).find(|(_, (place, id))| {
                let kind = self.avro.get(**id);
                *kind != Kind::Null
                    && !self.config.is_generalized
                    && wanted.as_deref() == Some(&branch_name(self.config, kind, *place))
            });
            // Fields stand in the order of the branches, null left out.
            let in_turn = || {
                let real = (0..).zip(branches).filter(|(_, id)| *self.avro.get(**id) != Kind::Null);
                real.map(|(place, id)| (place, *id)).nth(index)
            };
            let (branch, id) = named
                .map(|(branch, (_, id))| (branch, *id))
                .or_else(in_turn)
                .ok_or_else(|| self.missing(&field.schema))?;
            writers.push((branch, self.plain(self.avro.get(id), &field.schema)?));
        }
        Ok(Writer::Choice(Arc::clone(schema), writers, null))
    }

    fn plain(&self, kind: &Kind, schema: &Arc<Schema>) -> Result<Writer, String> {
        let scale = || {
            let scale = schema.parameters().get("scale").and_then(|scale| scale.parse().ok());
            scale.ok_or_else(|| "A decimal's schema has no parameter scale".to_owned())
        };
        let logical = logical_type(schema);
        Ok(match (schema.kind(), kind) {
            (Type::Boolean, Kind::Boolean) => Writer::Boolean,
            (Type::Int8, Kind::Int) => Writer::Int8,
            (Type::Int16, Kind::Int) => Writer::Int16,
            (Type::Int32, Kind::Int) => match logical {
                Some(logical::DATE) => Writer::Date,
                Some(logical::TIME) => Writer::Time,
                _ => Writer::Int32,
            },
            (Type::Int64, Kind::Long) if logical == Some(logical::TIMESTAMP) => Writer::Timestamp,
            (own @ (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64), Kind::Long)
                if logical.is_none() =>
            {
                Writer::Long(own)
            }
            (Type::Float32, Kind::Float) => Writer::Float32,
            (own @ (Type::Float32 | Type::Float64), Kind::Double) => Writer::Double(own),
            (Type::String, Kind::String) => Writer::String,
            (Type::String, Kind::Enum(_, symbols, _)) => {
                Writer::Enum(symbols.iter().map(ToString::to_string).zip(0..).collect())
            }
            (Type::Bytes, Kind::Bytes) if logical == Some(logical::DECIMAL) => {
                Writer::Decimal(scale()?)
            }
            (Type::Bytes, Kind::Bytes) => Writer::Bytes,
            (Type::Bytes, Kind::Fixed(_, size)) if logical == Some(logical::DECIMAL) => {
                Writer::FixedDecimal(*size, scale()?)
            }
            (Type::Bytes, Kind::Fixed(_, size)) => Writer::Fixed(*size),
            (Type::Array, Kind::Array(items)) => {
                let own = schema.value_schema().ok_or_else(|| self.missing(schema))?;
                Writer::Array(Box::new(self.writer(*items, own)?))
            }
            (Type::Map, Kind::Map(values)) => {
                let own = schema.value_schema().ok_or_else(|| self.missing(schema))?;
                Writer::Map(Box::new(self.writer(*values, own)?))
            }
            (Type::Map, Kind::Array(items)) => self.entries(*items, schema)?,
            (Type::Struct, Kind::Record(_, fields)) => {
                let writers = fields.iter().map(|field| self.field(field, schema));
                Writer::Record(Arc::clone(schema), writers.collect::<Result<_, _>>()?)
            }
            _ => return Err(self.missing(schema)),
        })
    }

    fn entries(&self, items: TypeId, schema: &Arc<Schema>) -> Result<Writer, String> {
        let (Some((key, value)), Some(keys), Some(values)) =
            (map_entry(self.avro, items)?, schema.key_schema(), schema.value_schema())
        else {
            return Err(self.missing(schema));
        };
        let (keys, values) = (self.writer(key, keys)?, self.writer(value, values)?);
        Ok(Writer::Entries(Box::new(keys), Box::new(values)))
    }

    fn field(&self, field: &AvroField, schema: &Schema) -> Result<FieldWriter, String> {
        let own =
            schema.fields().iter().position(|own| scrub(self.config, &own.name) == field.name);
        if let Some(place) = own
            && let Some(own) = schema.fields().get(place)
        {
            let default = own.schema.default_value().filter(|_| !self.config.ignores_default);
            let writer = self.writer(field.kind, &own.schema)?;
            return Ok(FieldWriter::Of(place, default.cloned(), writer));
        }
        let default = field.default.as_ref().ok_or_else(|| {
            format!(
                "Field {} type:{} not set and has no default value",
                field.name,
                self.avro.get(field.kind).word()
            )
        })?;
        let mut out = BytesMut::new();
        self.constant(field.kind, default, &mut out, 0)
            .ok_or_else(|| format!("The default of field {} does not fit its type", field.name))?;
        Ok(FieldWriter::Constant(out.to_vec()))
    }

    /// Writes a default of Avro; none where it does not fit.
    fn constant(&self, id: TypeId, json: &Json, out: &mut BytesMut, depth: usize) -> Option<()> {
        let depth = (depth < MOST_NESTED).then_some(depth + 1)?;
        match self.avro.get(id) {
            Kind::Array(items) => {
                let list = json.as_array()?;
                if !list.is_empty() {
                    put_long(out, i64::try_from(list.len()).ok()?);
                    for item in list {
                        self.constant(*items, item, out, depth)?;
                    }
                }
                put_long(out, 0);
            }
            Kind::Map(values) => {
                let members = json.as_object()?;
                if !members.is_empty() {
                    put_long(out, i64::try_from(members.len()).ok()?);
                    for (key, value) in members {
                        put_bytes(out, key.as_bytes()).ok()?;
                        self.constant(*values, value, out, depth)?;
                    }
                }
                put_long(out, 0);
            }
            Kind::Union(branches) => {
                let (place, tail) = (0..).zip(branches).find_map(|(place, branch)| {
                    let mut tail = BytesMut::new();
                    self.constant(*branch, json, &mut tail, depth).map(|()| (place, tail))
                })?;
                put_long(out, place);
                out.extend_from_slice(&tail);
            }
            Kind::Record(_, fields) => {
                let members = json.as_object()?;
                for field in fields {
                    let value = members.get(&field.name).or(field.default.as_ref())?;
                    self.constant(field.kind, value, out, depth)?;
                }
            }
            kind => return plain_constant(kind, json, out),
        }
        Some(())
    }

    fn missing(&self, schema: &Schema) -> String {
        let name = schema.name().map(|name| format!(" {name}")).unwrap_or_default();
        let root =
            self.avro.name().unwrap_or_else(|| self.avro.get(self.avro.root).word().to_owned());
        format!("The Avro schema {root} has no place for {}{name}", schema.kind())
    }
}

/// A default of a type that holds no other.
fn plain_constant(kind: &Kind, json: &Json, out: &mut BytesMut) -> Option<()> {
    match kind {
        Kind::Null => return json.is_null().then_some(()),
        Kind::Boolean => out.extend_from_slice(&[u8::from(json.as_bool()?)]),
        Kind::Int => put_long(out, i32::try_from(json.as_i64()?).ok()?.into()),
        Kind::Long => put_long(out, json.as_i64()?),
        Kind::Float => {
            let number: f32 = json.as_f64()?.to_string().parse().ok()?;
            out.extend_from_slice(&number.to_le_bytes());
        }
        Kind::Double => out.extend_from_slice(&json.as_f64()?.to_le_bytes()),
        Kind::String => put_bytes(out, json.as_str()?.as_bytes()).ok()?,
        Kind::Bytes => put_bytes(out, &latin(json)?).ok()?,
        Kind::Fixed(_, size) => {
            let bytes = latin(json)?;
            out.extend_from_slice((bytes.len() == *size).then_some(&bytes)?);
        }
        Kind::Enum(_, symbols, _) => {
            let wanted = json.as_str()?;
            let place = (0..).zip(symbols).find(|(_, symbol)| &***symbol == wanted)?.0;
            put_long(out, place);
        }
        Kind::Array(_) | Kind::Map(_) | Kind::Union(_) | Kind::Record(..) => return None,
    }
    Some(())
}

fn latin(json: &Json) -> Option<Vec<u8>> {
    json.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
