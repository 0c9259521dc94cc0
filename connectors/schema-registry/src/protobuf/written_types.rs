//! Types of Protobuf that Connect's types are written as.
//!
//! Source: confluentinc/schema-registry `ProtobufData.dataTypeFromConnectSchema`,
//! `descriptorFromConnectSchema`.

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Schema, Type, logical},
};

use super::{
    define::Definition,
    encode::{Scalar, ValueWriter},
    names::TYPE,
};

/// The file that is registered for a value that is no struct.
const WRAPPERS_TEXT: &str = include_str!("well_known/wrappers.proto");

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

/// A value that is no struct goes into a wrapper message.
pub(super) fn root_wrapper(schema: &Schema) -> Result<Definition> {
    let is_logical = matches!(
        schema.name(),
        Some(logical::DATE | logical::TIME | logical::TIMESTAMP | logical::DECIMAL)
    );
    let (name, index, scalar) = match schema.kind() {
        _ if is_logical => {
            return Err(bad("A date, time or decimal cannot be a record of its own in Protobuf")
                .hint("Put it into a struct, with the transformation HoistField for example"));
        }
        Type::Float64 => ("DoubleValue", 0, Scalar::Double),
        Type::Float32 => ("FloatValue", 1, Scalar::Float),
        Type::Int64 => ("Int64Value", 2, Scalar::Int64),
        Type::Int8 | Type::Int16 | Type::Int32 => ("Int32Value", 4, Scalar::Int32),
        Type::Boolean => ("BoolValue", 6, Scalar::Bool),
        Type::String => ("StringValue", 7, Scalar::String),
        Type::Bytes => ("BytesValue", 8, Scalar::Bytes),
        kind @ (Type::Array | Type::Map | Type::Struct) => {
            return Err(bad(format!("Unsupported root schema of type {kind}"))
                .hint("Put it into a struct, with the transformation HoistField for example"));
        }
    };
    Ok(Definition {
        text: WRAPPERS_TEXT.to_owned(),
        name: format!("google.protobuf.{name}"),
        indexes: vec![index],
        writer: ValueWriter::Wrapper(scalar),
    })
}

/// Word, wrapper message with how that is written, and how the type is.
pub(super) type Scalars = (&'static str, (Scalar, &'static str), Scalar);

/// Word of a type, its wrapper message, and how it is written.
pub(super) fn scalar_type(schema: &Schema) -> Result<Scalars> {
    let declared = schema.parameters().get(TYPE);
    Ok(match (schema.kind(), declared) {
        (Type::Int32, Some("sint32")) => ("sint32", (Scalar::Int32, "Int32Value"), Scalar::SInt32),
        (Type::Int32, Some("sfixed32")) => {
            ("sfixed32", (Scalar::Int32, "Int32Value"), Scalar::SFixed32)
        }
        (Type::Int8 | Type::Int16, _) | (Type::Int32, None | Some("int32")) => {
            ("int32", (Scalar::Int32, "Int32Value"), Scalar::Int32)
        }
        (Type::Int64, None | Some("int64")) => {
            ("int64", (Scalar::Int64, "Int64Value"), Scalar::Int64)
        }
        (Type::Int64, Some("uint32")) => {
            ("uint32", (Scalar::UInt32, "UInt32Value"), Scalar::UInt32)
        }
        (Type::Int64, Some("fixed32")) => {
            ("fixed32", (Scalar::UInt32, "UInt32Value"), Scalar::Fixed32)
        }
        (Type::Int64, Some("uint64")) => ("uint64", (Scalar::Int64, "UInt64Value"), Scalar::Int64),
        (Type::Int64, Some("fixed64")) => {
            ("fixed64", (Scalar::Int64, "UInt64Value"), Scalar::Fixed64)
        }
        (Type::Int64, Some("sint64")) => ("sint64", (Scalar::Int64, "Int64Value"), Scalar::SInt64),
        (Type::Int64, Some("sfixed64")) => {
            ("sfixed64", (Scalar::Int64, "Int64Value"), Scalar::Fixed64)
        }
        (Type::Float32, _) => ("float", (Scalar::Float, "FloatValue"), Scalar::Float),
        (Type::Float64, _) => ("double", (Scalar::Double, "DoubleValue"), Scalar::Double),
        (Type::Boolean, _) => ("bool", (Scalar::Bool, "BoolValue"), Scalar::Bool),
        (Type::String, _) => ("string", (Scalar::String, "StringValue"), Scalar::String),
        (Type::Bytes, _) => ("bytes", (Scalar::Bytes, "BytesValue"), Scalar::Bytes),
        (kind, Some(word)) => {
            return Err(bad(format!("\"{word}\" is no Protobuf type of an {kind}")));
        }
        (kind, None) => return Err(bad(format!("Unknown schema type: {kind}"))),
    })
}
