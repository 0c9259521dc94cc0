//! Avro data as Connect values, by a plan that is made once for a schema.
//!
//! Nothing stands between the bytes and the values: text and bytes are slices of the message. What
//! a message may cost is bounded by its length, whatever its counts say.
//! Source: the Avro specification, confluentinc/schema-registry `AvroData.toConnectData`.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use connect_api::{
    schema::{Schema, Type, logical},
    value::{Map, Struct, Value},
    value_text::decimal_of_bytes,
};

use super::{
    input::Input,
    names::{ANYTHING, is_union},
    schema::{AvroSchema, Kind, Named, TypeId},
    to_connect::map_entry,
};

/// How one type is read.
#[derive(Debug)]
pub(super) enum Plan {
    Null,
    Boolean,
    Int8,
    Int16,
    Int32,
    Date,
    Time,
    Int64,
    Timestamp,
    Float32,
    Float64,
    String,
    Bytes,
    Decimal(i32),
    Fixed(usize),
    FixedDecimal(usize, i32),
    Enum(Vec<ByteString>),
    Array(Box<Plan>, Cost),
    Map(Box<Plan>),
    /// Records of two fields as a map; whether the value comes first.
    Entries(Box<Plan>, Box<Plan>, bool, Cost),
    /// A union whose branches are all read alike: one type, or it and null.
    Union(Vec<Plan>),
    /// A union as a struct: the field of each branch, none for null.
    Choice(Arc<Schema>, Vec<Option<(usize, Plan)>>),
    /// Fields of a record, and how many of them take no bytes.
    Record(Arc<Schema>, Vec<Plan>, usize),
    /// Data without a schema.
    Anything,
}

/// Whether an item takes any bytes at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Bytes,
    Nothing,
}

/// Items that room is made for before they are read: a list in a list in a list might announce as
/// many items each as the message has bytes.
const MOST_RESERVED: usize = 1024;

/// Why data cannot be read, as a sentence.
pub(super) type Malformed = String;

/// Makes the plan of a type that is converted to this schema.
pub(super) fn plan(avro: &AvroSchema, id: TypeId, schema: &Arc<Schema>) -> Result<Plan, String> {
    let mismatch = || "The Avro schema and its Connect schema differ".to_owned();
    let scale = || schema.parameters().get("scale").and_then(|scale| scale.parse().ok());
    let is_decimal = schema.name() == Some(logical::DECIMAL);
    Ok(match (avro.get(id), schema.kind()) {
        (Kind::Null, _) => Plan::Null,
        (Kind::Boolean, _) => Plan::Boolean,
        (Kind::Int, Type::Int8) => Plan::Int8,
        (Kind::Int, Type::Int16) => Plan::Int16,
        (Kind::Int, _) => match schema.name() {
            Some(logical::DATE) => Plan::Date,
            Some(logical::TIME) => Plan::Time,
            _ => Plan::Int32,
        },
        (Kind::Long, _) if schema.name() == Some(logical::TIMESTAMP) => Plan::Timestamp,
        (Kind::Long, _) => Plan::Int64,
        (Kind::Float, _) => Plan::Float32,
        (Kind::Double, _) => Plan::Float64,
        (Kind::String, _) => Plan::String,
        (Kind::Bytes, _) if is_decimal => Plan::Decimal(scale().ok_or_else(mismatch)?),
        (Kind::Bytes, _) => Plan::Bytes,
        (Kind::Fixed(_, size), _) if is_decimal => {
            Plan::FixedDecimal(*size, scale().ok_or_else(mismatch)?)
        }
        (Kind::Fixed(_, size), _) => Plan::Fixed(*size),
        (Kind::Enum(_, symbols, _), _) => {
            Plan::Enum(symbols.iter().map(|symbol| ByteString::from(&**symbol)).collect())
        }
        (Kind::Array(items), Type::Map) => {
            let entry = map_entry(avro, *items)?.ok_or_else(mismatch)?;
            let keys = plan(avro, entry.0, schema.key_schema().ok_or_else(mismatch)?)?;
            let values = plan(avro, entry.1, schema.value_schema().ok_or_else(mismatch)?)?;
            let cost = keys.cost().max(values.cost());
            let is_value_first = matches!(avro.get(*items), Kind::Record(_, fields)
                if fields.first().is_some_and(|field| field.name == "value"));
            Plan::Entries(Box::new(keys), Box::new(values), is_value_first, cost)
        }
        (Kind::Array(items), _) => {
            let items = plan(avro, *items, schema.value_schema().ok_or_else(mismatch)?)?;
            let cost = items.cost();
            Plan::Array(Box::new(items), cost)
        }
        (Kind::Map(values), _) => {
            let values = plan(avro, *values, schema.value_schema().ok_or_else(mismatch)?)?;
            Plan::Map(Box::new(values))
        }
        (Kind::Union(branches), _) => union(avro, branches, schema)?,
        (Kind::Record(_, fields), Type::Struct) => {
            let own = fields.iter().zip(schema.fields());
            let plans = own.map(|(field, own)| plan(avro, field.kind, &own.schema));
            let plans = plans.collect::<Result<Vec<_>, _>>()?;
            let free = plans.iter().filter(|plan| plan.cost() == Cost::Nothing).count();
            Plan::Record(Arc::clone(schema), plans, free)
        }
        (Kind::Record(..), _) => return Err(mismatch()),
    })
}

fn union(avro: &AvroSchema, branches: &[TypeId], schema: &Arc<Schema>) -> Result<Plan, String> {
    if !is_union(schema) {
        let plans = branches.iter().map(|id| match avro.get(*id) {
            Kind::Null => Ok(Plan::Null),
            _ => plan(avro, *id, schema),
        });
        return Ok(Plan::Union(plans.collect::<Result<_, _>>()?));
    }
    let mut place = 0;
    let mut plans = Vec::with_capacity(branches.len());
    for id in branches {
        if *avro.get(*id) == Kind::Null {
            plans.push(None);
            continue;
        }
        let field = schema.fields().get(place).ok_or("A branch of a union has no field")?;
        plans.push(Some((place, plan(avro, *id, &field.schema)?)));
        place += 1;
    }
    Ok(Plan::Choice(Arc::clone(schema), plans))
}

/// Whether a schema is that of data without one.
pub(super) fn is_anything(avro: &AvroSchema) -> bool {
    let Kind::Record(named, fields) = avro.get(avro.root) else { return false };
    let names = ["boolean", "bytes", "double", "float", "int", "long", "string", "array", "map"];
    Named::full(named) == ANYTHING && fields.iter().map(|field| field.name.as_str()).eq(names)
}

impl Cost {
    fn max(self, other: Self) -> Self {
        if self == Self::Bytes { self } else { other }
    }
}

/// Where a value goes.
trait Place {
    fn put(self, value: Value);
}

impl Place for &mut Value {
    #[inline]
    fn put(self, value: Value) {
        *self = value;
    }
}

impl Place for &mut Vec<Value> {
    #[inline]
    fn put(self, value: Value) {
        self.push(value);
    }
}

impl Plan {
    fn cost(&self) -> Cost {
        let is_free = match self {
            Self::Null => true,
            Self::Fixed(size) | Self::FixedDecimal(size, _) => *size == 0,
            Self::Record(_, fields, free) => fields.len() == *free,
            _ => false,
        };
        if is_free { Cost::Nothing } else { Cost::Bytes }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// Why the bytes are none, as a sentence.
    pub(super) fn read(&self, input: &mut Input) -> Result<Value, Malformed> {
        let mut value = Value::Null;
        self.read_to(input, &mut value)?;
        Ok(value)
    }

    /// Reads a value to where it belongs: handing values of 48 bytes on would cost more than
    /// reading them.
    fn read_to(&self, input: &mut Input, place: impl Place) -> Result<(), Malformed> {
        match self {
            Self::Null => place.put(Value::Null),
            Self::Boolean => place.put(Value::Boolean(input.boolean()?)),
            Self::Int8 => place.put(Value::Int8(low_byte(input.int()?))),
            Self::Int16 => place.put(Value::Int16(low_bytes(input.int()?))),
            Self::Int32 => place.put(Value::Int32(input.int()?)),
            Self::Date => place.put(Value::Date(input.int()?)),
            Self::Time => place.put(Value::Time(input.int()?)),
            Self::Int64 => place.put(Value::Int64(input.long()?)),
            Self::Timestamp => place.put(Value::Timestamp(input.long()?)),
            Self::Float32 => place.put(Value::Float32(input.float()?)),
            Self::Float64 => place.put(Value::Float64(input.double()?)),
            Self::String => place.put(Value::String(input.string()?)),
            Self::Bytes => place.put(Value::Bytes(input.bytes()?)),
            Self::Decimal(scale) => place.put(decimal(input.bytes()?, *scale)?),
            Self::Fixed(size) => place.put(Value::Bytes(input.take(*size)?)),
            Self::FixedDecimal(size, scale) => place.put(decimal(input.take(*size)?, *scale)?),
            Self::Enum(symbols) => {
                let index = input.index()?;
                let symbol = symbols.get(index);
                place.put(Value::String(symbol.ok_or_else(|| beyond("symbol", index))?.clone()));
            }
            Self::Union(branches) => {
                let index = input.index()?;
                let branch = branches.get(index).ok_or_else(|| beyond("branch", index))?;
                return branch.read_to(input, place);
            }
            nested => place.put(nested.read_nested(input)?),
        }
        Ok(())
    }

    /// Reads a value that holds others.
    fn read_nested(&self, input: &mut Input) -> Result<Value, Malformed> {
        Ok(match self {
            Self::Array(items, cost) => {
                let mut list = Vec::new();
                while let Some(count) = input.block(*cost)? {
                    list.reserve(count.min(MOST_RESERVED));
                    for _ in 0..count {
                        items.read_to(input, &mut list)?;
                    }
                }
                Value::Array(list)
            }
            Self::Map(values) => {
                let mut map = Vec::new();
                while let Some(count) = input.block(Cost::Bytes)? {
                    map.reserve(count.min(MOST_RESERVED));
                    for _ in 0..count {
                        let key = Value::String(input.string()?);
                        map.push((key, values.read(input)?));
                    }
                }
                Value::Map(Map::new(map))
            }
            Self::Entries(keys, values, is_value_first, cost) => {
                let mut map = Vec::new();
                while let Some(count) = input.block(*cost)? {
                    for _ in 0..count {
                        map.push(entry(keys, values, *is_value_first, input)?);
                    }
                }
                Value::Map(Map::new(map))
            }
            Self::Choice(schema, branches) => choice(schema, branches, input)?,
            Self::Record(schema, fields, free) => {
                input.spend(*free)?;
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    field.read_to(input, &mut values)?;
                }
                Value::Struct(Struct::new(Arc::clone(schema), values))
            }
            Self::Anything => anything(input, 0)?,
            _ => return Err("The plan reads no such value".to_owned()),
        })
    }

    /// Reads a whole message. Bytes stand for themselves there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_message(&self, data: Bytes) -> Result<Value, Malformed> {
        match self {
            Self::Bytes => Ok(Value::Bytes(data)),
            Self::Decimal(scale) => decimal(data, *scale),
            _ => self.read(&mut Input::new(data)),
        }
    }
}

fn entry(
    keys: &Plan,
    values: &Plan,
    is_value_first: bool,
    input: &mut Input,
) -> Result<(Value, Value), Malformed> {
    if is_value_first {
        let value = values.read(input)?;
        return Ok((keys.read(input)?, value));
    }
    Ok((keys.read(input)?, values.read(input)?))
}

fn choice(
    schema: &Arc<Schema>,
    branches: &[Option<(usize, Plan)>],
    input: &mut Input,
) -> Result<Value, Malformed> {
    let index = input.index()?;
    let Some((place, plan)) = branches.get(index).ok_or_else(|| beyond("branch", index))? else {
        return Ok(Value::Null);
    };
    let mut values = vec![Value::Null; schema.fields().len()];
    if let Some(slot) = values.get_mut(*place) {
        plan.read_to(input, slot)?;
    }
    Ok(Value::Struct(Struct::new(Arc::clone(schema), values)))
}

/// Lists within lists that data without a schema may have.
const MOST_NESTED: usize = 100;

/// A record of nine unions with null, of which the first that is set is the value.
fn anything(input: &mut Input, depth: usize) -> Result<Value, Malformed> {
    if depth > MOST_NESTED {
        return Err(format!("Data without a schema are nested more than {MOST_NESTED} deep"));
    }
    let mut value = Value::Null;
    for place in 0..9 {
        match input.index()? {
            0 => continue,
            1 => {}
            index => return Err(beyond("branch", index)),
        }
        let read = match place {
            0 => Value::Boolean(input.boolean()?),
            1 => Value::Bytes(input.bytes()?),
            2 => Value::Float64(input.double()?),
            3 => Value::Float32(input.float()?),
            4 => Value::Int32(input.int()?),
            5 => Value::Int64(input.long()?),
            6 => Value::String(input.string()?),
            7 => {
                let mut list = Vec::new();
                while let Some(count) = input.block(Cost::Bytes)? {
                    for _ in 0..count {
                        list.push(anything(input, depth + 1)?);
                    }
                }
                Value::Array(list)
            }
            _ => {
                let mut map = Vec::new();
                while let Some(count) = input.block(Cost::Bytes)? {
                    for _ in 0..count {
                        let key = anything(input, depth + 1)?;
                        map.push((key, anything(input, depth + 1)?));
                    }
                }
                Value::Map(Map::new(map))
            }
        };
        if value.is_null() {
            value = read;
        }
    }
    Ok(value)
}

fn decimal(unscaled: Bytes, scale: i32) -> Result<Value, Malformed> {
    if unscaled.is_empty() {
        return Err("Zero length BigInteger".to_owned());
    }
    decimal_of_bytes(unscaled, scale).map(Value::Decimal)
}

fn beyond(what: &str, index: usize) -> Malformed {
    format!("The data name {what} {index}, which the schema does not have")
}

/// As Java narrows numbers.
fn low_byte(number: i32) -> i8 {
    let [low, ..] = number.to_le_bytes();
    i8::from_le_bytes([low])
}

fn low_bytes(number: i32) -> i16 {
    let [low, high, ..] = number.to_le_bytes();
    i16::from_le_bytes([low, high])
}
