//! Values of Connect data.
//!
//! A value keeps text and bytes as reference-counted slices of the buffer they arrived in, so that
//! a record nobody opens is never copied. The variants are Kafka Connect's types plus its four
//! logical types, which carry their meaning themselves and need no schema to be understood.

mod map;

use std::{borrow::Cow, fmt::UpperExp, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;

pub use self::map::Map;
use crate::schema::{Schema, Type};

/// One value of a record: a key, a value, a header or a part of them.
// The width of the tag aligns what comes after it, without which moving a value is copying it in
// odd pieces, half as fast.
#[derive(Clone, Debug, PartialEq, Default)]
#[repr(u64)]
pub enum Value {
    /// No value; as a record's value, a tombstone.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// 8-bit signed integer.
    Int8(i8),
    /// 16-bit signed integer.
    Int16(i16),
    /// 32-bit signed integer.
    Int32(i32),
    /// 64-bit signed integer.
    Int64(i64),
    /// 32-bit IEEE 754 number.
    Float32(f32),
    /// 64-bit IEEE 754 number.
    Float64(f64),
    /// UTF-8 text.
    String(ByteString),
    /// Raw bytes.
    Bytes(Bytes),
    /// Ordered elements.
    Array(Vec<Value>),
    /// Keys to values, in the order they came.
    Map(Map),
    /// Named fields with a schema.
    Struct(Struct),
    /// Arbitrary-precision decimal (logical type on bytes).
    Decimal(Decimal),
    /// Days since the epoch (logical type on int32).
    Date(i32),
    /// Milliseconds of the day (logical type on int32).
    Time(i32),
    /// Milliseconds since the epoch (logical type on int64).
    Timestamp(i64),
}

impl Value {
    /// Text as a value.
    #[must_use]
    pub fn string(text: impl Into<ByteString>) -> Self {
        Self::String(text.into())
    }

    /// Whether this is no value.
    #[must_use]
    #[inline]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Any integer or timestamp as 64 bits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int8(n) => Some(n.into()),
            Self::Int16(n) => Some(n.into()),
            Self::Int32(n) | Self::Date(n) | Self::Time(n) => Some(n.into()),
            Self::Int64(n) | Self::Timestamp(n) => Some(n),
            _ => None,
        }
    }

    /// Type of the value; none for null.
    #[must_use]
    pub const fn kind(&self) -> Option<Type> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(_) => Type::Boolean,
            Self::Int8(_) => Type::Int8,
            Self::Int16(_) => Type::Int16,
            Self::Int32(_) | Self::Date(_) | Self::Time(_) => Type::Int32,
            Self::Int64(_) | Self::Timestamp(_) => Type::Int64,
            Self::Float32(_) => Type::Float32,
            Self::Float64(_) => Type::Float64,
            Self::String(_) => Type::String,
            Self::Bytes(_) | Self::Decimal(_) => Type::Bytes,
            Self::Array(_) => Type::Array,
            Self::Map(_) => Type::Map,
            Self::Struct(_) => Type::Struct,
        })
    }

    /// Member of a map with string keys or field of a struct; none when absent or not an object.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map.get(name),
            Self::Struct(record) => record.get(name),
            _ => None,
        }
    }

    /// Follows a dotted path through nested maps and structs.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self, |value, step| value.member(step))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

/// Values of a struct schema's fields, in the schema's order.
#[derive(Clone, Debug)]
pub struct Struct {
    schema: Arc<Schema>,
    values: Vec<Value>,
}

impl Struct {
    /// Pairs a struct schema with one value per field; missing values become null, values beyond
    /// the last field are dropped.
    #[must_use]
    #[inline]
    pub fn new(schema: Arc<Schema>, mut values: Vec<Value>) -> Self {
        values.resize(schema.fields().len(), Value::Null);
        Self { schema, values }
    }

    /// The schema.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Values in the order of the schema's fields.
    #[must_use]
    #[inline]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Value of the field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(self.schema.field_index(name)?)
    }

    /// Field names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.schema.fields().iter().map(|field| &*field.name).zip(&self.values)
    }

    /// The schema, and the values in the order of its fields.
    #[must_use]
    #[inline]
    pub fn into_parts(self) -> (Arc<Schema>, Vec<Value>) {
        (self.schema, self.values)
    }
}

impl PartialEq for Struct {
    fn eq(&self, other: &Self) -> bool {
        (Arc::ptr_eq(&self.schema, &other.schema) || self.schema == other.schema)
            && self.values == other.values
    }
}

/// A decimal number: `unscaled × 10^-scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Big-endian two's complement of the unscaled number; never empty.
    pub unscaled: Bytes,
    /// Digits after the point; may be negative.
    pub scale: i32,
}

/// Java's text of a number of 64 bits: `1.0`, `1.0E10`, `NaN`, shortest digits that read back the
/// same.
///
/// Source: Java `Double.toString`, JDK 19 and later.
pub(crate) fn java_double(number: f64, buffer: &mut zmij::Buffer) -> Cow<'_, str> {
    match number.abs() {
        0.0 | 1e-3..1e7 => Cow::Borrowed(buffer.format_finite(number)),
        _ => Cow::Owned(unusual(number)),
    }
}

/// Java's text of a number of 32 bits; see [`java_double`].
pub(crate) fn java_single(number: f32, buffer: &mut zmij::Buffer) -> Cow<'_, str> {
    match number.abs() {
        0.0 | 1e-3..1e7 => Cow::Borrowed(buffer.format_finite(number)),
        _ => Cow::Owned(unusual(number)),
    }
}

/// Appends Java's text of a number of 64 bits: `1.0`, `1.0E10`, `NaN`, shortest digits that read
/// back the same.
pub fn write_java_double(out: &mut String, number: f64) {
    out.push_str(&java_double(number, &mut zmij::Buffer::new()));
}

/// What has an exponent in Java, or is no number.
fn unusual<F: UpperExp + Into<f64> + Copy>(number: F) -> String {
    let double: f64 = number.into();
    if double.is_nan() {
        return "NaN".to_owned();
    }
    if double.is_infinite() {
        return if double > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    let text = format!("{number:E}");
    // Java has two digits at least, and of those the nearest: 4.9E-324.
    if text.contains('.') { text } else { format!("{number:.1E}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn java(number: f64) -> String {
        java_double(number, &mut zmij::Buffer::new()).into_owned()
    }

    #[test]
    fn numbers_print_as_java_prints_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (100.0, "100.0"),
            (123_456.789, "123456.789"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.25e10, "1.25E10"),
            (0.001, "0.001"),
            (0.000_123, "1.23E-4"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (-0.0, "-0.0"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (0.0, "0.0"),
            (1e23, "1.0E23"),
            (9.999e-4, "9.999E-4"),
            (-9_999_999.999, "-9999999.999"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::from_bits(2), "9.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
        ] {
            assert_eq!(java(number), text);
        }
    }

    #[test]
    fn a_dotted_path_reaches_through_maps_and_structs() {
        let schema = Arc::new(Schema::new(Type::Struct).field("id", Schema::new(Type::Int32)));
        let inner = Value::Struct(Struct::new(schema, vec![Value::Int32(7)]));
        let outer = Value::Map(Map::new(vec![("user".into(), inner)]));
        assert_eq!(outer.path("user.id"), Some(&Value::Int32(7)));
        assert_eq!(outer.path("user.name"), None);
        assert_eq!(outer.path("user.id.more"), None);
    }
}
