//! Connect values as Avro data, by a plan that is made once for two schemas.
//!
//! Source: the Avro specification, confluentinc/schema-registry `AvroData.fromConnectData`.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use bytes::BufMut;
use connect_api::{
    schema::{Schema, Type, logical, same_schema},
    value::{Map, Struct, Value},
    value_text::java_class,
};

use super::{
    compile::Compiler,
    config::AvroDataConfig,
    schema::{AvroSchema, TypeId},
};

/// How the values of one schema are written.
#[derive(Debug)]
pub(super) enum Writer {
    Boolean,
    Int8,
    Int16,
    Int32,
    Date,
    Time,
    /// A number as one of 64 bits, by the type that the values have.
    Long(Type),
    Timestamp,
    Float32,
    /// A number as one of 64 bits, by the type that the values have.
    Double(Type),
    String,
    Bytes,
    Decimal(i32),
    Fixed(usize),
    FixedDecimal(usize, i32),
    Enum(HashMap<String, i32>),
    Array(Box<Writer>),
    Map(Box<Writer>),
    Entries(Box<Writer>, Box<Writer>),
    /// A branch of a union, and that of null where null is allowed.
    Branch {
        branch: i32,
        null: Option<i32>,
        writer: Box<Writer>,
    },
    /// A struct that stands for a union: branch and writer of each field.
    Choice(Arc<Schema>, Vec<(i32, Writer)>, Option<i32>),
    Record(Arc<Schema>, Vec<FieldWriter>),
    /// Data without a schema.
    Anything,
}

/// How one field of a record is written.
#[derive(Debug)]
pub(super) enum FieldWriter {
    /// By the field of the struct at this place; with what stands in for null.
    Of(usize, Option<Value>, Writer),
    /// Always alike: the struct does not have it.
    Constant(Vec<u8>),
}

/// Why a value cannot be written, as a sentence.
pub(super) type Unfit = String;

/// Makes the writer of values of a schema.
pub(super) fn writer(
    config: &AvroDataConfig,
    avro: &AvroSchema,
    id: TypeId,
    schema: &Arc<Schema>,
) -> Result<Writer, String> {
    Compiler { config, avro }.writer(id, schema)
}

impl Writer {
    /// Writes a value.
    ///
    /// # Errors
    /// Why it does not fit, as a sentence.
    pub(super) fn write(&self, value: &Value, out: &mut impl BufMut) -> Result<(), Unfit> {
        match (self, value) {
            (Self::Branch { null, .. }, Value::Null) => {
                let null = null.ok_or_else(no_null)?;
                put_long(out, i64::from(null));
            }
            (Self::Branch { branch, writer, .. }, value) => {
                put_long(out, i64::from(*branch));
                writer.write(value, out)?;
            }
            (Self::Choice(_, _, null), Value::Null) => {
                let null = null.ok_or_else(no_null)?;
                put_long(out, i64::from(null));
            }
            (Self::Anything, value) => anything(value, out)?,
            (_, Value::Null) => return Err(no_null()),
            (Self::Boolean, Value::Boolean(flag)) => out.put_u8(u8::from(*flag)),
            (Self::Int8, Value::Int8(n)) => put_long(out, i64::from(*n)),
            (Self::Int16, Value::Int16(n)) => put_long(out, i64::from(*n)),
            (Self::Int32, Value::Int32(n))
            | (Self::Date, Value::Date(n))
            | (Self::Time, Value::Time(n)) => put_long(out, i64::from(*n)),
            (Self::Long(kind), value) if value.kind() == Some(*kind) => {
                put_long(out, value.as_i64().ok_or_else(|| unfit(*kind, value))?);
            }
            (Self::Timestamp, Value::Timestamp(n)) => put_long(out, *n),
            (Self::Float32, Value::Float32(n)) => out.put_f32_le(*n),
            (Self::Double(Type::Float64), Value::Float64(n)) => out.put_f64_le(*n),
            (Self::Double(Type::Float32), Value::Float32(n)) => out.put_f64_le(f64::from(*n)),
            (Self::String, Value::String(text)) => put_bytes(out, text.as_bytes())?,
            (Self::Bytes, Value::Bytes(bytes)) => put_bytes(out, bytes)?,
            (Self::Decimal(scale), Value::Decimal(decimal)) => {
                check_scale(*scale, decimal.scale)?;
                put_bytes(out, &decimal.unscaled)?;
            }
            (Self::Fixed(size), Value::Bytes(bytes)) => put_fixed(out, bytes, *size)?,
            (Self::FixedDecimal(size, scale), Value::Decimal(decimal)) => {
                check_scale(*scale, decimal.scale)?;
                put_fixed(out, &padded(&decimal.unscaled, *size)?, *size)?;
            }
            (Self::Enum(symbols), Value::String(text)) => {
                let index = symbols.get(&**text);
                let index = index.ok_or_else(|| format!("Enumeration has no symbol {text}"))?;
                put_long(out, i64::from(*index));
            }
            (nested, value) => nested.write_nested(value, out)?,
        }
        Ok(())
    }

    /// Writes a value that holds others.
    fn write_nested(&self, value: &Value, out: &mut impl BufMut) -> Result<(), Unfit> {
        match (self, value) {
            (Self::Array(items), Value::Array(list)) => {
                put_count(out, list.len())?;
                for item in list {
                    items.write(item, out)?;
                }
                put_end(out);
            }
            (Self::Map(values), Value::Map(map)) => write_map(values, map, out)?,
            (Self::Entries(keys, values), Value::Map(map)) => {
                put_count(out, map.entries().len())?;
                for (key, value) in map.entries() {
                    keys.write(key, out)?;
                    values.write(value, out)?;
                }
                put_end(out);
            }
            (Self::Choice(schema, branches, null), Value::Struct(value)) => {
                check_schema(schema, value)?;
                choice(branches, *null, value, out)?;
            }
            (Self::Record(schema, fields), Value::Struct(value)) => {
                check_schema(schema, value)?;
                record(fields, value, out)?;
            }
            (other, value) => return Err(unfit(other.kind(), value)),
        }
        Ok(())
    }

    /// Writes a whole message. Bytes stand for themselves there.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(super) fn write_message(&self, value: &Value, out: &mut impl BufMut) -> Result<(), Unfit> {
        match (self, value) {
            (Self::Bytes, Value::Bytes(bytes)) => out.put_slice(bytes),
            (Self::Decimal(scale), Value::Decimal(decimal)) => {
                check_scale(*scale, decimal.scale)?;
                out.put_slice(&decimal.unscaled);
            }
            _ => self.write(value, out)?,
        }
        Ok(())
    }

    /// The Connect type that is written so, for sentences.
    fn kind(&self) -> Type {
        match self {
            Self::Boolean => Type::Boolean,
            Self::Int8 => Type::Int8,
            Self::Int16 => Type::Int16,
            Self::Int32 | Self::Date | Self::Time => Type::Int32,
            Self::Long(kind) | Self::Double(kind) => *kind,
            Self::Timestamp => Type::Int64,
            Self::Float32 => Type::Float32,
            Self::String | Self::Enum(_) => Type::String,
            Self::Bytes | Self::Decimal(_) | Self::Fixed(..) | Self::FixedDecimal(..) => {
                Type::Bytes
            }
            Self::Array(_) => Type::Array,
            Self::Map(_) | Self::Entries(..) => Type::Map,
            Self::Branch { writer, .. } => writer.kind(),
            Self::Choice(..) | Self::Record(..) | Self::Anything => Type::Struct,
        }
    }
}

fn write_map(values: &Writer, map: &Map, out: &mut impl BufMut) -> Result<(), Unfit> {
    put_count(out, map.entries().len())?;
    for (key, value) in map.entries() {
        let key_text = key.as_str().ok_or_else(|| unfit(Type::String, key))?;
        put_bytes(out, key_text.as_bytes())?;
        values.write(value, out)?;
    }
    put_end(out);
    Ok(())
}

fn record(fields: &[FieldWriter], value: &Struct, out: &mut impl BufMut) -> Result<(), Unfit> {
    for field in fields {
        match field {
            FieldWriter::Constant(bytes) => out.put_slice(bytes),
            FieldWriter::Of(place, default, writer) => {
                let own = match (value.values().get(*place), default) {
                    (None | Some(Value::Null), Some(default)) => default,
                    (Some(own), _) => own,
                    (None, None) => &Value::Null,
                };
                writer.write(own, out).map_err(|error| named(value, *place, error))?;
            }
        }
    }
    Ok(())
}

/// Says which field it is; the original's sentence stays in front.
fn named(value: &Struct, place: usize, error: Unfit) -> Unfit {
    match value.schema().fields().get(place) {
        Some(field) if error.ends_with(')') => {
            error.replacen("(field ", &format!("(field {}.", field.name), 1)
        }
        Some(field) => format!("{error} (field {})", field.name),
        None => error,
    }
}

/// The first field that is set is what the union holds.
fn choice(
    branches: &[(i32, Writer)],
    null: Option<i32>,
    value: &Struct,
    out: &mut impl BufMut,
) -> Result<(), Unfit> {
    let set = branches.iter().zip(value.values()).find(|(_, value)| !value.is_null());
    match set {
        Some(((branch, writer), value)) => {
            put_long(out, i64::from(*branch));
            writer.write(value, out)
        }
        None => {
            put_long(out, i64::from(null.ok_or_else(no_null)?));
            Ok(())
        }
    }
}

/// Lists within lists that data without a schema may have; as deep as they are read.
fn anything(value: &Value, out: &mut impl BufMut) -> Result<(), Unfit> {
    let place = match value {
        Value::Null => None,
        Value::Boolean(_) => Some(0),
        Value::Float64(_) => Some(2),
        Value::Float32(_) => Some(3),
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) => Some(4),
        Value::Int64(_) => Some(5),
        Value::String(_) => Some(6),
        Value::Array(_) => Some(7),
        Value::Map(_) => Some(8),
        _ => {
            return Err(format!(
                "Unknown Java type for schemaless data: class {}",
                java_class(value)
            ));
        }
    };
    for branch in 0..9 {
        let is_set = Some(branch) == place;
        out.put_u8(if is_set { 2 } else { 0 });
        if is_set {
            something(value, out)?;
        }
    }
    Ok(())
}

fn something(value: &Value, out: &mut impl BufMut) -> Result<(), Unfit> {
    match value {
        Value::Boolean(flag) => out.put_u8(u8::from(*flag)),
        Value::Float64(n) => out.put_f64_le(*n),
        Value::Float32(n) => out.put_f32_le(*n),
        Value::String(text) => put_bytes(out, text.as_bytes())?,
        Value::Array(list) => {
            put_count(out, list.len())?;
            for item in list {
                anything(item, out)?;
            }
            put_end(out);
        }
        Value::Map(map) => {
            put_count(out, map.entries().len())?;
            for (key, value) in map.entries() {
                anything(key, out)?;
                anything(value, out)?;
            }
            put_end(out);
        }
        number => put_long(out, number.as_i64().unwrap_or_default()),
    }
    Ok(())
}

fn check_schema(schema: &Arc<Schema>, value: &Struct) -> Result<(), Unfit> {
    if same_schema(Some(schema), Some(value.schema())) {
        return Ok(());
    }
    // Null may be allowed where the struct stands and not by the struct itself.
    let is_same = schema.is_optional() != value.schema().is_optional()
        && schema.as_ref().clone().required() == value.schema().as_ref().clone().required();
    if is_same { Ok(()) } else { Err("Mismatching struct schema".to_owned()) }
}

fn check_scale(expected: i32, actual: i32) -> Result<(), Unfit> {
    if expected == actual {
        return Ok(());
    }
    Err(format!(
        "Decimal value has mismatching scale for given Decimal schema. Schema has scale \
         {expected}, value has scale {actual}."
    ))
}

/// Left-padded with its sign, as a fixed needs it.
fn padded(unscaled: &[u8], size: usize) -> Result<Cow<'_, [u8]>, Unfit> {
    let missing = size.checked_sub(unscaled.len()).ok_or_else(|| {
        format!(
            "Unscaled value byte array length {} is greater than fixed size {size}",
            unscaled.len()
        )
    })?;
    if missing == 0 {
        return Ok(Cow::Borrowed(unscaled));
    }
    let is_negative = unscaled.first().is_some_and(|first| first & 0x80 != 0);
    let mut padded = vec![if is_negative { 0xff } else { 0 }; missing];
    padded.extend_from_slice(unscaled);
    Ok(Cow::Owned(padded))
}

fn put_fixed(out: &mut impl BufMut, bytes: &[u8], size: usize) -> Result<(), Unfit> {
    if bytes.len() != size {
        return Err(format!("{} bytes are no fixed of {size}", bytes.len()));
    }
    out.put_slice(bytes);
    Ok(())
}

fn put_count(out: &mut impl BufMut, count: usize) -> Result<(), Unfit> {
    if count > 0 {
        put_length(out, count)?;
    }
    Ok(())
}

fn put_end(out: &mut impl BufMut) {
    out.put_u8(0);
}

pub(super) fn put_bytes(out: &mut impl BufMut, bytes: &[u8]) -> Result<(), Unfit> {
    put_length(out, bytes.len())?;
    out.put_slice(bytes);
    Ok(())
}

fn put_length(out: &mut impl BufMut, length: usize) -> Result<(), Unfit> {
    put_long(out, i64::try_from(length).map_err(|_| "A value is too long".to_owned())?);
    Ok(())
}

/// Appends a number as Avro's `long`: zigzag, seven bits at a time.
pub fn put_long(out: &mut impl BufMut, number: i64) {
    let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while bits > 0x7f {
        let [low, ..] = bits.to_le_bytes();
        out.put_u8(low | 0x80);
        bits >>= 7;
    }
    let [low, ..] = bits.to_le_bytes();
    out.put_u8(low);
}

fn no_null() -> Unfit {
    "Found null value for non-optional schema".to_owned()
}

fn unfit(kind: Type, value: &Value) -> Unfit {
    format!("Invalid type for {kind}: class {}", java_class(value))
}

/// The logical type of a schema, where the value has its own kind for it.
pub(super) fn logical_type(schema: &Schema) -> Option<&str> {
    schema.name().filter(|name| {
        [logical::DECIMAL, logical::DATE, logical::TIME, logical::TIMESTAMP].contains(name)
    })
}
