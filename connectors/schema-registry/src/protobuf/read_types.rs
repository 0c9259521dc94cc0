//! Types of Connect that Protobuf's types are read as.
//!
//! Source: confluentinc/schema-registry `ProtobufData.toConnectSchema`.

use connect_api::{schema::Type, value::Value};
use prost_reflect::{FieldDescriptor, Kind as ProtoKind, MessageDescriptor, Value as ReflectValue};

use super::plan::Scalar;

/// Type of the value in a wrapper message; none when it is another message.
pub(super) fn wrapped(message: &MessageDescriptor) -> Option<(Type, Scalar)> {
    let scalar = match message.full_name().strip_prefix("google.protobuf.")? {
        "DoubleValue" => Scalar::Double,
        "FloatValue" => Scalar::Float,
        "Int64Value" | "UInt64Value" => Scalar::Int64,
        "Int32Value" => Scalar::Int32(Type::Int32),
        "UInt32Value" => Scalar::UInt32,
        "BoolValue" => Scalar::Bool,
        "StringValue" => Scalar::String { is_strict: true },
        "BytesValue" => Scalar::Bytes,
        _ => return None,
    };
    Some((connect_type(&scalar), scalar))
}

pub(super) fn connect_type(scalar: &Scalar) -> Type {
    match scalar {
        Scalar::Int32(kind) | Scalar::SInt32(kind) | Scalar::SFixed32(kind) => *kind,
        Scalar::UInt32 | Scalar::Fixed32 | Scalar::Int64 | Scalar::SInt64 | Scalar::Fixed64 => {
            Type::Int64
        }
        Scalar::Float => Type::Float32,
        Scalar::Double => Type::Float64,
        Scalar::Bool => Type::Boolean,
        Scalar::String { .. } => Type::String,
        Scalar::Bytes => Type::Bytes,
        Scalar::Enum(symbols) if symbols.is_integer => Type::Int32,
        Scalar::Enum(_) => Type::String,
    }
}

/// What a schema says about a type that is not the usual one of its size.
pub(super) const fn type_word(kind: &ProtoKind) -> Option<&'static str> {
    Some(match kind {
        ProtoKind::Sint32 => "sint32",
        ProtoKind::Sfixed32 => "sfixed32",
        ProtoKind::Uint32 => "uint32",
        ProtoKind::Fixed32 => "fixed32",
        ProtoKind::Uint64 => "uint64",
        ProtoKind::Sint64 => "sint64",
        ProtoKind::Fixed64 => "fixed64",
        ProtoKind::Sfixed64 => "sfixed64",
        _ => return None,
    })
}

/// The number 0, the empty text and so on.
pub(super) fn zero(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Int32(kind) | Scalar::SInt32(kind) | Scalar::SFixed32(kind) => narrowed(*kind, 0),
        Scalar::UInt32 | Scalar::Fixed32 | Scalar::Int64 | Scalar::SInt64 | Scalar::Fixed64 => {
            Value::Int64(0)
        }
        Scalar::Float => Value::Float32(0.0),
        Scalar::Double => Value::Float64(0.0),
        Scalar::Bool => Value::Boolean(false),
        Scalar::String { .. } => Value::from(""),
        Scalar::Bytes => Value::Bytes(bytes::Bytes::new()),
        Scalar::Enum(symbols) => symbols.value(0).unwrap_or_default(),
    }
}

/// A number of 32 bits as a smaller one, as Java cuts it.
#[expect(clippy::cast_possible_truncation, reason = "Java's narrowing is the contract")]
pub(super) const fn narrowed(kind: Type, number: i32) -> Value {
    match kind {
        Type::Int8 => Value::Int8(number as i8),
        Type::Int16 => Value::Int16(number as i16),
        _ => Value::Int32(number),
    }
}

/// What a field that may not be left out is when it is not there.
pub(super) fn default_of(field: &FieldDescriptor, scalar: &Scalar) -> Value {
    match (field.default_value(), scalar) {
        (
            ReflectValue::I32(number),
            Scalar::Int32(kind) | Scalar::SInt32(kind) | Scalar::SFixed32(kind),
        ) => narrowed(*kind, number),
        (ReflectValue::EnumNumber(number), Scalar::Enum(symbols)) => {
            symbols.value(number).unwrap_or_default()
        }
        (ReflectValue::I64(number), _) => Value::Int64(number),
        (ReflectValue::U32(number), _) => Value::Int64(number.into()),
        (ReflectValue::U64(number), _) => Value::Int64(number.cast_signed()),
        (ReflectValue::F32(number), _) => Value::Float32(number),
        (ReflectValue::F64(number), _) => Value::Float64(number),
        (ReflectValue::Bool(flag), _) => Value::Boolean(flag),
        (ReflectValue::String(text), _) => Value::string(text),
        (ReflectValue::Bytes(bytes), _) => Value::Bytes(bytes),
        _ => zero(scalar),
    }
}
