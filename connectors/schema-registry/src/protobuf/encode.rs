//! Connect data to the bytes of a message.
//!
//! Source: confluentinc/schema-registry `ProtobufData.fromConnectData`, protobuf-java
//! `DynamicMessage`: fields come by number, and what a reader assumes anyway is left out.

use std::{collections::HashMap, sync::Arc};

use bytes::{BufMut as _, BytesMut};
use connect_api::{
    error::{ConnectorError, Result},
    schema::Schema,
    value::{Decimal, Map, Struct, Value},
    value_text::{MS_PER_DAY, civil_date, java_class, write_decimal},
};

use super::wire::{WireType, put_chunk, put_field, put_varint, zigzag};

const NANOS_PER_MS: i64 = 1_000_000;

/// How a struct is written.
#[derive(Debug, Default)]
pub(super) struct MessageWriter {
    /// Its fields, by number.
    pub(super) fields: Vec<FieldWriter>,
}

/// How a field is written.
#[derive(Debug)]
pub(super) struct FieldWriter {
    pub(super) tag: u32,
    /// Its place in the struct.
    pub(super) place: usize,
    /// Its place in the union there.
    pub(super) member: Option<usize>,
    pub(super) name: Arc<str>,
    pub(super) schema: Arc<Schema>,
    pub(super) writer: ValueWriter,
    /// Whether a reader tells 0 from a field that is not there.
    pub(super) has_presence: bool,
}

/// How a value is written.
#[derive(Debug)]
pub(super) enum ValueWriter {
    Scalar(Scalar),
    Wrapper(Scalar),
    Message(Arc<MessageWriter>),
    List(Box<ValueWriter>),
    Map(Box<(FieldWriter, FieldWriter)>),
    Decimal,
    Date,
    Time,
    Timestamp,
}

/// How a number or a text is written.
#[derive(Debug)]
pub(super) enum Scalar {
    Int32,
    SInt32,
    SFixed32,
    UInt32,
    Fixed32,
    Int64,
    SInt64,
    Fixed64,
    Float,
    Double,
    Bool,
    String,
    Bytes,
    Symbol(HashMap<String, i32>),
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

fn invalid_type(schema: &Schema, value: &Value) -> ConnectorError {
    bad(format!("Invalid type for {}: class {}", schema.kind(), java_class(value)))
}

/// Appends the message of a struct.
///
/// # Errors
/// `Record` when the struct is not one of the schema.
pub(super) fn write_message(
    out: &mut BytesMut,
    writer: &MessageWriter,
    record: &Struct,
    is_default_ignored: bool,
) -> Result<()> {
    for field in &writer.fields {
        let value = or_default(
            record.values().get(field.place).unwrap_or(&Value::Null),
            record.schema().fields().get(field.place).map(|field| &*field.schema),
            is_default_ignored,
        );
        let value = match (value, field.member) {
            (Value::Struct(union), Some(member)) => match chosen(union, is_default_ignored)? {
                (place, value) if place == member => value,
                _ => continue,
            },
            (value, _) => value,
        };
        write_field(out, field, value, is_default_ignored).map_err(|error| {
            let class = error.class();
            let what = format!("Could not write the field \"{}\" as Protobuf", field.name);
            ConnectorError::new(class, what).caused_by(error)
        })?;
    }
    Ok(())
}

fn or_default<'a>(
    value: &'a Value,
    schema: Option<&'a Schema>,
    is_default_ignored: bool,
) -> &'a Value {
    match schema.and_then(Schema::default_value) {
        Some(default) if value.is_null() && !is_default_ignored => default,
        _ => value,
    }
}

/// The member of a union that has a value.
fn chosen(union: &Struct, is_default_ignored: bool) -> Result<(usize, &Value)> {
    let fields = union.schema().fields().iter().zip(union.values());
    fields
        .map(|(field, value)| or_default(value, Some(&field.schema), is_default_ignored))
        .enumerate()
        .find(|(_, value)| !value.is_null())
        .ok_or_else(|| bad("Cannot find non-null field"))
}

fn write_field(
    out: &mut BytesMut,
    field: &FieldWriter,
    value: &Value,
    is_default_ignored: bool,
) -> Result<()> {
    if value.is_null() {
        return Ok(());
    }
    let key = |out: &mut BytesMut, wire| put_field(out, field.tag, wire);
    match (&field.writer, value) {
        (ValueWriter::Scalar(scalar), value) => {
            if !field.has_presence && is_zero(scalar, value) {
                return Ok(());
            }
            key(out, wire_type(scalar));
            write_scalar(out, scalar, &field.schema, value)
        }
        (ValueWriter::List(writer), Value::Array(items)) => {
            write_list(out, field, writer, items, is_default_ignored)
        }
        (ValueWriter::Map(entry), Value::Map(map)) => {
            write_map(out, field.tag, entry, map, is_default_ignored)
        }
        (ValueWriter::List(_) | ValueWriter::Map(_), value) => {
            Err(invalid_type(&field.schema, value))
        }
        (writer, value) => {
            key(out, WireType::Length);
            put_chunk(out, |out| write_body(out, writer, &field.schema, value, is_default_ignored))
        }
    }
}

fn write_list(
    out: &mut BytesMut,
    field: &FieldWriter,
    writer: &ValueWriter,
    items: &[Value],
    is_default_ignored: bool,
) -> Result<()> {
    let tag = field.tag;
    let elements = field.schema.value_schema().unwrap_or(&field.schema);
    if items.iter().any(Value::is_null) {
        return Err(bad("A list with a null in it cannot be written"));
    }
    match writer {
        ValueWriter::Scalar(scalar) if wire_type(scalar) != WireType::Length => {
            if items.is_empty() {
                return Ok(());
            }
            put_field(out, tag, WireType::Length);
            put_chunk(out, |out| {
                items.iter().try_for_each(|item| write_scalar(out, scalar, elements, item))
            })
        }
        ValueWriter::Scalar(scalar) => items.iter().try_for_each(|item| {
            put_field(out, tag, WireType::Length);
            write_scalar(out, scalar, elements, item)
        }),
        writer => items.iter().try_for_each(|item| {
            put_field(out, tag, WireType::Length);
            put_chunk(out, |out| write_body(out, writer, elements, item, is_default_ignored))
        }),
    }
}

fn write_map(
    out: &mut BytesMut,
    tag: u32,
    (key, value): &(FieldWriter, FieldWriter),
    map: &Map,
    is_default_ignored: bool,
) -> Result<()> {
    map.entries().iter().try_for_each(|entry| {
        put_field(out, tag, WireType::Length);
        put_chunk(out, |out| {
            write_field(out, key, &entry.0, is_default_ignored)?;
            write_field(out, value, &entry.1, is_default_ignored)
        })
    })
}

/// Appends what is between a message's length and its end.
pub(super) fn write_body(
    out: &mut BytesMut,
    writer: &ValueWriter,
    schema: &Schema,
    value: &Value,
    is_default_ignored: bool,
) -> Result<()> {
    match (writer, value) {
        (ValueWriter::Wrapper(scalar), value) => {
            if is_zero(scalar, value) {
                return Ok(());
            }
            put_field(out, 1, wire_type(scalar));
            write_scalar(out, scalar, schema, value)
        }
        (ValueWriter::Message(writer), Value::Struct(record)) => {
            if record.schema().fields().len() != schema.fields().len() {
                return Err(bad("Mismatching struct schema"));
            }
            write_message(out, writer, record, is_default_ignored)
        }
        (ValueWriter::Decimal, Value::Decimal(decimal)) => {
            write_decimal_body(out, decimal);
            Ok(())
        }
        (ValueWriter::Date, Value::Date(days)) => {
            let (year, month, day) = civil_date(i64::from(*days));
            put_numbers(out, &[year, month, day]);
            Ok(())
        }
        (ValueWriter::Time, Value::Time(ms)) => write_time(out, i64::from(*ms)),
        (ValueWriter::Timestamp, Value::Timestamp(ms)) => {
            put_numbers(out, &[ms.div_euclid(1000), ms.rem_euclid(1000) * NANOS_PER_MS]);
            Ok(())
        }
        (ValueWriter::Decimal, value) => Err(expected("Decimal", "BigDecimal", value)),
        (ValueWriter::Date, value) => Err(expected("Date", "Date", value)),
        (ValueWriter::Time, value) => Err(expected("Time", "Date", value)),
        (ValueWriter::Timestamp, value) => Err(expected("Timestamp", "Date", value)),
        (_, value) => Err(invalid_type(schema, value)),
    }
}

fn expected(what: &str, class: &str, value: &Value) -> ConnectorError {
    bad(format!("Invalid type for {what}, expected {class} but was class {}", java_class(value)))
}

fn write_time(out: &mut BytesMut, ms: i64) -> Result<()> {
    if !(0..MS_PER_DAY).contains(&ms) {
        return Err(bad(
            "Time values must use number of millis greater than 0 and less than 86400000",
        ));
    }
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    put_numbers(out, &[minutes / 60, minutes % 60, seconds, ms * NANOS_PER_MS]);
    Ok(())
}

/// Numbers as fields from 1 on, without the zeros.
fn put_numbers(out: &mut BytesMut, numbers: &[i64]) {
    for (tag, number) in (1..).zip(numbers) {
        if *number != 0 {
            put_field(out, tag, WireType::Varint);
            put_varint(out, number.cast_unsigned());
        }
    }
}

fn write_decimal_body(out: &mut BytesMut, decimal: &Decimal) {
    put_field(out, 1, WireType::Length);
    put_varint(out, u64::try_from(decimal.unscaled.len()).unwrap_or(u64::MAX));
    out.put_slice(&decimal.unscaled);
    let mut digits = String::new();
    write_decimal(&mut digits, &Decimal { unscaled: decimal.unscaled.clone(), scale: 0 });
    let precision = digits.bytes().filter(u8::is_ascii_digit).count();
    put_field(out, 2, WireType::Varint);
    put_varint(out, u64::try_from(precision).unwrap_or(u64::MAX));
    if decimal.scale != 0 {
        put_field(out, 3, WireType::Varint);
        put_varint(out, i64::from(decimal.scale).cast_unsigned());
    }
}

const fn wire_type(scalar: &Scalar) -> WireType {
    match scalar {
        Scalar::SFixed32 | Scalar::Fixed32 | Scalar::Float => WireType::Fixed32,
        Scalar::Fixed64 | Scalar::Double => WireType::Fixed64,
        Scalar::String | Scalar::Bytes => WireType::Length,
        _ => WireType::Varint,
    }
}

/// Whether the value is what a reader assumes of a field that is not there.
fn is_zero(scalar: &Scalar, value: &Value) -> bool {
    match (scalar, value) {
        (Scalar::Symbol(symbols), Value::String(symbol)) => symbols.get(&**symbol) == Some(&0),
        (_, Value::Boolean(flag)) => !flag,
        (_, Value::Float32(number)) => number.to_bits() == 0,
        (_, Value::Float64(number)) => number.to_bits() == 0,
        (_, Value::String(text)) => text.is_empty(),
        (_, Value::Bytes(bytes)) => bytes.is_empty(),
        (_, value) => integer(value) == Some(0),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match *value {
        Value::Int8(number) => Some(number.into()),
        Value::Int16(number) => Some(number.into()),
        Value::Int32(number) => Some(number.into()),
        Value::Int64(number) => Some(number),
        _ => None,
    }
}

/// The lowest 32 bits, as Java cuts a number.
#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing is the contract")]
const fn low_bits(number: i64) -> i32 {
    number as i32
}

fn write_scalar(out: &mut BytesMut, scalar: &Scalar, schema: &Schema, value: &Value) -> Result<()> {
    match (scalar, value) {
        (Scalar::Float, Value::Float32(number)) => out.put_u32_le(number.to_bits()),
        (Scalar::Double, Value::Float64(number)) => out.put_u64_le(number.to_bits()),
        (Scalar::Bool, Value::Boolean(flag)) => out.put_u8(u8::from(*flag)),
        (Scalar::String, Value::String(text)) => put_bytes(out, text.as_bytes()),
        (Scalar::Bytes, Value::Bytes(bytes)) => put_bytes(out, bytes),
        (Scalar::Symbol(symbols), Value::String(symbol)) => {
            let number = symbols.get(&**symbol).ok_or_else(|| {
                bad(format!("\"{symbol}\" is no symbol of {}", schema.name().unwrap_or("the enum")))
            })?;
            put_varint(out, i64::from(*number).cast_unsigned());
        }
        (Scalar::Float | Scalar::Double | Scalar::Bool | Scalar::String | Scalar::Bytes, _) => {
            return Err(invalid_type(schema, value));
        }
        (scalar, value) => {
            let number = integer(value).ok_or_else(|| invalid_type(schema, value))?;
            put_integer(out, scalar, number);
        }
    }
    Ok(())
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_varint(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.put_slice(bytes);
}

fn put_integer(out: &mut BytesMut, scalar: &Scalar, number: i64) {
    match scalar {
        Scalar::SInt32 => {
            // 32 bits, zigzag: the upper half of the longer number is not written.
            put_varint(out, zigzag(i64::from(low_bits(number))) & u64::from(u32::MAX));
        }
        Scalar::SInt64 => put_varint(out, zigzag(number)),
        Scalar::UInt32 => put_varint(out, u64::from(low_bits(number).cast_unsigned())),
        Scalar::SFixed32 | Scalar::Fixed32 => out.put_i32_le(low_bits(number)),
        Scalar::Fixed64 => out.put_i64_le(number),
        Scalar::Int32 | Scalar::Symbol(_) => {
            put_varint(out, i64::from(low_bits(number)).cast_unsigned());
        }
        _ => put_varint(out, number.cast_unsigned()),
    }
}
