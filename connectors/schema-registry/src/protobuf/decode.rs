//! Bytes of a message to Connect data, by its plan.
//!
//! Nothing is built in between: a field's bytes become its value. Of a message that comes in parts
//! only the bytes are kept until all parts are known.
//! Source: confluentinc/schema-registry `ProtobufData.toConnectData`.

use std::{collections::HashMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use connect_api::{
    error::{ConnectorError, Result},
    schema::Schema,
    value::{Map, Value},
    value_text::{civil_date, days_of_civil, decimal_of_bytes},
};

use super::{
    connect::{Reading, placed},
    plan::{FieldPlan, Kind, MessagePlan, Scalar, Shape, Target},
    read_types::{narrowed, zero},
    wire::{MAX_DEPTH, Reader, WireType, broken, unzigzag},
};

const NANOS_PER_MS: i64 = 1_000_000;

/// Reads the bytes of a record.
///
/// # Errors
/// `Record` when they are no message of the schema.
pub(super) fn decode(reading: &Reading, schema: &Arc<Schema>, bytes: Bytes) -> Result<Value> {
    match reading {
        Reading::Message(plan) => message(schema, plan, bytes, 0),
        Reading::Wrapper(scalar) => wrapper(scalar, bytes),
    }
}

/// What is known of a field while its message is read.
#[derive(Default)]
enum State {
    #[default]
    Absent,
    Value(Value),
    /// The bytes of a message.
    Raw(Bytes),
    /// The bytes of a message that came in several parts.
    Parts(BytesMut),
    List(Vec<Value>),
    Entries(Vec<(Value, Value)>),
}

fn message(schema: &Arc<Schema>, plan: &MessagePlan, bytes: Bytes, depth: usize) -> Result<Value> {
    let states = read_fields(plan, bytes, depth)?;
    let mut values = vec![Value::Null; schema.fields().len()];
    for (field, state) in plan.fields.iter().zip(states) {
        let Some(value) = finished(field, state, depth)? else { continue };
        let (place, value) = match &field.target {
            Target::Field(place) => (*place, value),
            Target::Union { field, schema, place } => {
                let union = placed(Arc::clone(schema), vec![(*place, value)]);
                (*field, Value::Struct(union))
            }
        };
        if let Some(slot) = values.get_mut(place) {
            *slot = value;
        }
    }
    Ok(Value::Struct(connect_api::value::Struct::new(Arc::clone(schema), values)))
}

fn read_fields(plan: &MessagePlan, bytes: Bytes, depth: usize) -> Result<Vec<State>> {
    if depth == MAX_DEPTH {
        return Err(broken("its messages are nested too deeply"));
    }
    let mut states: Vec<State> = Vec::new();
    states.resize_with(plan.fields.len(), State::default);
    let mut chosen = vec![None; plan.oneofs];
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (number, wire) = reader.field()?;
        let known = plan.field(number).filter(|(_, field)| fits(field, wire));
        let Some((place, field)) = known else {
            reader.skip(number, wire)?;
            continue;
        };
        let Some(state) = states.get_mut(place) else { continue };
        read_field(field, wire, &mut reader, state, depth)
            .map_err(|error| in_field(field, error))?;
        if let Some(choice) = field.oneof.and_then(|oneof| chosen.get_mut(oneof))
            && let Some(before) = choice.replace(place).filter(|before| *before != place)
            && let Some(state) = states.get_mut(before)
        {
            *state = State::Absent;
        }
    }
    Ok(states)
}

fn in_field(field: &FieldPlan, error: ConnectorError) -> ConnectorError {
    let class = error.class();
    ConnectorError::new(class, format!("Could not read the Protobuf field \"{}\"", field.name))
        .caused_by(error)
}

/// Whether a field comes as its schema says; one that does not is passed over.
fn fits(field: &FieldPlan, wire: WireType) -> bool {
    let own = match &field.kind {
        Kind::Scalar(scalar) => wire_type(scalar),
        _ => WireType::Length,
    };
    own == wire || (wire == WireType::Length && field.shape == Shape::Repeated)
}

const fn wire_type(scalar: &Scalar) -> WireType {
    match scalar {
        Scalar::SFixed32(_) | Scalar::Fixed32 | Scalar::Float => WireType::Fixed32,
        Scalar::Fixed64 | Scalar::Double => WireType::Fixed64,
        Scalar::String { .. } | Scalar::Bytes => WireType::Length,
        _ => WireType::Varint,
    }
}

fn read_field(
    field: &FieldPlan,
    wire: WireType,
    reader: &mut Reader,
    state: &mut State,
    depth: usize,
) -> Result<()> {
    match (field.shape, &field.kind) {
        (Shape::Single, Kind::Scalar(scalar)) => {
            if let Some(value) = scalar_value(scalar, reader)? {
                *state = State::Value(value);
            }
        }
        (Shape::Single, _) => add_part(state, reader.chunk()?),
        (Shape::Repeated, Kind::Scalar(scalar)) => {
            if wire == WireType::Length && wire_type(scalar) != WireType::Length {
                let mut packed = Reader::new(reader.chunk()?);
                while !packed.is_empty() {
                    push_all(state, scalar_value(scalar, &mut packed)?);
                }
            } else {
                push_all(state, scalar_value(scalar, reader)?);
            }
        }
        (Shape::Repeated, kind) => {
            let item = message_value(kind, reader.chunk()?, depth)?;
            push_all(state, [item]);
        }
        (Shape::Map, Kind::Message(_, plan)) => {
            let entry = map_entry(plan, reader.chunk()?, depth)?;
            if !matches!(state, State::Entries(_)) {
                *state = State::Entries(Vec::new());
            }
            if let State::Entries(entries) = state {
                entries.push(entry);
            }
        }
        (Shape::Map, _) => return Err(broken("a map has no entries")),
    }
    Ok(())
}

/// Adds to the items of a list.
fn push_all(state: &mut State, more: impl IntoIterator<Item = Value>) {
    match state {
        State::List(items) => items.extend(more),
        other => *other = State::List(more.into_iter().collect()),
    }
}

/// Parts of a message count as one that has all their fields.
fn add_part(state: &mut State, part: Bytes) {
    *state = match std::mem::take(state) {
        State::Raw(first) => {
            let mut parts = BytesMut::from(&*first);
            parts.extend_from_slice(&part);
            State::Parts(parts)
        }
        State::Parts(mut parts) => {
            parts.extend_from_slice(&part);
            State::Parts(parts)
        }
        _ => State::Raw(part),
    };
}

/// The field's value; none when it stays null.
fn finished(field: &FieldPlan, state: State, depth: usize) -> Result<Option<Value>> {
    let raw = |bytes| {
        message_value(&field.kind, bytes, depth).map(Some).map_err(|error| in_field(field, error))
    };
    match state {
        State::Value(value) => Ok(Some(value)),
        State::Raw(bytes) => raw(bytes),
        State::Parts(parts) => raw(parts.freeze()),
        State::List(items) => Ok(Some(Value::Array(items))),
        State::Entries(entries) => Ok(Some(Value::Map(Map::new(unique(entries))))),
        State::Absent => match &field.absent {
            None => Err(broken(&format!("its required field \"{}\" is missing", field.name))),
            Some(Value::Null) => Ok(None),
            Some(value) => Ok(Some(value.clone())),
        },
    }
}

/// A key as something that can be looked up.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Number(i64),
    Boolean(bool),
    Text(ByteString),
    Other(usize),
}

/// Keeps each key once, at its first place with its last value.
fn unique(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut places: HashMap<Key, usize> = HashMap::with_capacity(entries.len());
    let mut unique: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let lookup = match &key {
            Value::Boolean(flag) => Key::Boolean(*flag),
            Value::String(text) => Key::Text(text.clone()),
            other => other.as_i64().map_or(Key::Other(unique.len()), Key::Number),
        };
        let place = *places.entry(lookup).or_insert(unique.len());
        match unique.get_mut(place) {
            Some((_, known)) => *known = value,
            None => unique.push((key, value)),
        }
    }
    unique
}

fn map_entry(plan: &MessagePlan, bytes: Bytes, depth: usize) -> Result<(Value, Value)> {
    let states = read_fields(plan, bytes, depth + 1)?;
    let mut entry = (Value::Null, Value::Null);
    for (field, state) in plan.fields.iter().zip(states) {
        let value = finished(field, state, depth + 1)?.unwrap_or_default();
        match &field.target {
            Target::Field(0) => entry.0 = value,
            _ => entry.1 = value,
        }
    }
    Ok(entry)
}

/// Reads a number or a text; none when an enum does not have it.
fn scalar_value(scalar: &Scalar, reader: &mut Reader) -> Result<Option<Value>> {
    Ok(Some(match scalar {
        Scalar::Int32(kind) => narrowed(*kind, low_bits(reader.varint()?)),
        Scalar::SInt32(kind) => {
            let number = reader.varint()? & u64::from(u32::MAX);
            narrowed(*kind, low_bits(unzigzag(number).cast_unsigned()))
        }
        Scalar::SFixed32(kind) => narrowed(*kind, reader.fixed32()?.cast_signed()),
        Scalar::UInt32 => Value::Int64(low_bits(reader.varint()?).cast_unsigned().into()),
        Scalar::Fixed32 => Value::Int64(reader.fixed32()?.into()),
        Scalar::Int64 => Value::Int64(reader.varint()?.cast_signed()),
        Scalar::SInt64 => Value::Int64(unzigzag(reader.varint()?)),
        Scalar::Fixed64 => Value::Int64(reader.fixed64()?.cast_signed()),
        Scalar::Float => Value::Float32(f32::from_bits(reader.fixed32()?)),
        Scalar::Double => Value::Float64(f64::from_bits(reader.fixed64()?)),
        Scalar::Bool => Value::Boolean(reader.varint()? != 0),
        Scalar::String { is_strict } => Value::String(text(reader.chunk()?, *is_strict)?),
        Scalar::Bytes => Value::Bytes(reader.chunk()?),
        Scalar::Enum(symbols) => return Ok(symbols.value(low_bits(reader.varint()?))),
    }))
}

/// The lowest 32 bits, which are what counts of a longer number.
#[expect(clippy::cast_possible_truncation, reason = "Protobuf cuts numbers")]
const fn low_bits(number: u64) -> i32 {
    (number as u32).cast_signed()
}

fn text(bytes: Bytes, is_strict: bool) -> Result<ByteString> {
    match ByteString::try_from(bytes.clone()) {
        Ok(text) => Ok(text),
        Err(_) if is_strict => Err(broken("a text is not UTF-8")),
        Err(_) => Ok(String::from_utf8_lossy(&bytes).into_owned().into()),
    }
}

fn message_value(kind: &Kind, bytes: Bytes, depth: usize) -> Result<Value> {
    match kind {
        Kind::Message(schema, plan) => message(schema, plan, bytes, depth + 1),
        Kind::Wrapper(scalar) | Kind::Scalar(scalar) => wrapper(scalar, bytes),
        Kind::Decimal => decimal(bytes),
        Kind::Date => date(bytes),
        Kind::Time => time(bytes),
        Kind::Timestamp => timestamp(bytes),
    }
}

fn wrapper(scalar: &Scalar, bytes: Bytes) -> Result<Value> {
    let mut value = zero(scalar);
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (number, wire) = reader.field()?;
        if number == 1 && wire == wire_type(scalar) {
            value = scalar_value(scalar, &mut reader)?.unwrap_or(value);
        } else {
            reader.skip(number, wire)?;
        }
    }
    Ok(value)
}

/// The numbers of a small message, by field number from 1; fields of another type are passed over.
fn numbers<const N: usize>(bytes: Bytes) -> Result<[i64; N]> {
    let mut numbers = [0; N];
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let (number, wire) = reader.field()?;
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        match place.and_then(|place| numbers.get_mut(place)) {
            Some(slot) if wire == WireType::Varint => *slot = reader.varint()?.cast_signed(),
            _ => reader.skip(number, wire)?,
        }
    }
    Ok(numbers)
}

fn decimal(bytes: Bytes) -> Result<Value> {
    let (mut unscaled, mut scale) = (Bytes::new(), 0);
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        match reader.field()? {
            (1, WireType::Length) => unscaled = reader.chunk()?,
            (3, WireType::Varint) => scale = low_bits(reader.varint()?),
            (number, wire) => reader.skip(number, wire)?,
        }
    }
    if unscaled.is_empty() {
        unscaled = Bytes::from_static(&[0]);
    }
    decimal_of_bytes(unscaled, scale).map(Value::Decimal).map_err(ConnectorError::record)
}

fn date(bytes: Bytes) -> Result<Value> {
    let [year, month, day] = numbers(bytes)?;
    let is_near = (-999_999..=999_999).contains(&year) && (1..=12).contains(&month);
    let days = if is_near && (1..=31).contains(&day) {
        days_of_civil(year, month, day)
    } else {
        return Err(broken(&format!("{year}-{month}-{day} is no date")));
    };
    let is_same = civil_date(days) == (year, month, day);
    match i32::try_from(days) {
        Ok(days) if is_same => Ok(Value::Date(days)),
        _ => Err(broken(&format!("{year}-{month}-{day} is no date"))),
    }
}

fn time(bytes: Bytes) -> Result<Value> {
    let [hours, minutes, seconds, nanos] = numbers(bytes)?;
    let is_time = (0..24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..60).contains(&seconds)
        && (0..1_000_000_000).contains(&nanos);
    if !is_time {
        return Err(broken("a time of day is none"));
    }
    let ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + nanos / NANOS_PER_MS;
    i32::try_from(ms).map(Value::Time).map_err(|_| broken("a time of day is none"))
}

fn timestamp(bytes: Bytes) -> Result<Value> {
    let [seconds, nanos] = numbers(bytes)?;
    let nanos = i64::from(low_bits(nanos.cast_unsigned()));
    seconds
        .checked_mul(1000)
        .and_then(|ms| ms.checked_add(nanos.div_euclid(NANOS_PER_MS)))
        .map(Value::Timestamp)
        .ok_or_else(|| broken("a timestamp is out of range"))
}
