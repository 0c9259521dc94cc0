//! How the bytes of a message become a struct: compiled once per schema.

use std::{collections::HashMap, sync::Arc};

use bytestring::ByteString;
use connect_api::{
    schema::{Schema, Type},
    value::Value,
};

/// How a message is read.
#[derive(Debug)]
pub(super) struct MessagePlan {
    /// Its fields, by number.
    pub(super) fields: Vec<FieldPlan>,
    /// How many oneofs it has.
    pub(super) oneofs: usize,
}

impl MessagePlan {
    /// The field with this number, and its place among the fields.
    pub(super) fn field(&self, number: u32) -> Option<(usize, &FieldPlan)> {
        let place = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        Some((place, self.fields.get(place)?))
    }
}

/// How a field is read.
#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) number: u32,
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    /// The oneof it is in.
    pub(super) oneof: Option<usize>,
    /// Where its value goes.
    pub(super) target: Target,
    /// What it is when it is not there; a message without one is then an error.
    pub(super) absent: Option<Value>,
}

/// How often a field may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    Repeated,
    Map,
}

/// Where a field's value goes.
#[derive(Debug)]
pub(super) enum Target {
    /// A field of the struct.
    Field(usize),
    /// A field of the struct that holds a union, and the place in it.
    Union { field: usize, schema: Arc<Schema>, place: usize },
}

/// What the bytes of a field are.
#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// A message, and the schema of the struct it becomes.
    Message(Arc<Schema>, Arc<MessagePlan>),
    /// A message that holds one value.
    Wrapper(Scalar),
    Decimal,
    Date,
    Time,
    Timestamp,
}

/// What the bytes of a number or a text are.
#[derive(Clone, Debug)]
pub(super) enum Scalar {
    Int32(Type),
    SInt32(Type),
    SFixed32(Type),
    UInt32,
    Fixed32,
    Int64,
    SInt64,
    Fixed64,
    Float,
    Double,
    Bool,
    /// Text, and whether it must be UTF-8.
    String {
        is_strict: bool,
    },
    Bytes,
    Enum(Arc<Symbols>),
}

/// Symbols of an enum.
#[derive(Debug)]
pub(super) struct Symbols {
    pub(super) name: String,
    pub(super) names: HashMap<i32, ByteString>,
    /// Whether numbers without a symbol are left out.
    pub(super) is_closed: bool,
    pub(super) is_integer: bool,
}

impl Symbols {
    /// The value of a number; none when the enum does not have it and says that it must.
    pub(super) fn value(&self, number: i32) -> Option<Value> {
        let known = self.names.get(&number);
        if self.is_closed && known.is_none() {
            return None;
        }
        if self.is_integer {
            return Some(Value::Int32(number));
        }
        let made = || format!("UNKNOWN_ENUM_VALUE_{}_{number}", self.name).into();
        Some(Value::String(known.cloned().unwrap_or_else(made)))
    }
}
