//! What JSON documents become: Connect data straight away, or nodes where a schema decides.

use bytestring::ByteString;
use connect_api::value::{Map, Value};

use super::parse::Build;

/// A part of a document whose meaning a schema decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number's text, and whether it has neither fraction nor exponent.
    Number(ByteString, bool),
    /// Text.
    String(ByteString),
    /// An array.
    Array(Vec<Node>),
    /// An object.
    Object(Vec<(ByteString, Node)>),
}

impl Node {
    /// Jackson's word for the kind of node.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean(_) => "BOOLEAN",
            Self::Number(..) => "NUMBER",
            Self::String(_) => "STRING",
            Self::Array(_) => "ARRAY",
            Self::Object(_) => "OBJECT",
        }
    }

    /// Member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Text of a string.
    pub fn text(&self) -> Option<&ByteString> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Number of an integer.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Number(text, true) => Some(wrapping(text)),
            _ => None,
        }
    }
}

impl Build for Node {
    type Out = Self;

    fn null() -> Self {
        Self::Null
    }
    fn boolean(flag: bool) -> Self {
        Self::Boolean(flag)
    }
    fn number(text: ByteString, is_integer: bool) -> Self {
        Self::Number(text, is_integer)
    }
    fn string(text: ByteString) -> Self {
        Self::String(text)
    }
    fn array(items: Vec<Self>) -> Self {
        Self::Array(items)
    }
    fn object(members: Vec<(ByteString, Self)>) -> Self {
        Self::Object(members)
    }
}

/// Builds Connect data without a schema: integers become 64 bits, other numbers doubles.
pub struct Schemaless;

impl Build for Schemaless {
    type Out = Value;

    fn null() -> Value {
        Value::Null
    }
    fn boolean(flag: bool) -> Value {
        Value::Boolean(flag)
    }
    fn number(text: ByteString, is_integer: bool) -> Value {
        if is_integer {
            Value::Int64(wrapping(&text))
        } else {
            Value::Float64(text.parse().unwrap_or_default())
        }
    }
    fn string(text: ByteString) -> Value {
        Value::String(text)
    }
    fn array(items: Vec<Value>) -> Value {
        Value::Array(items)
    }
    fn object(members: Vec<(ByteString, Value)>) -> Value {
        Value::Map(Map(members
            .into_iter()
            .map(|(name, value)| (Value::String(name), value))
            .collect()))
    }
}

/// The lowest 64 bits of an integer of any length, as Java's `BigInteger.longValue`.
pub fn wrapping(text: &str) -> i64 {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let number = digits.bytes().fold(0_i64, |sum, digit| {
        sum.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0')))
    });
    if is_negative { number.wrapping_neg() } else { number }
}
