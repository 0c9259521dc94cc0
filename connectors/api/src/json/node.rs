//! What JSON documents become: Connect data straight away, or nodes where a schema decides.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
};

use bytestring::ByteString;

use super::{Text, parse::Build};
use crate::value::{Map, Value};

/// Objects with fewer members are searched for repeated names one by one.
const FEW_MEMBERS: usize = 24;

/// A part of a document whose meaning a schema decides. Its texts are its own, or those of a
/// document that is at hand ([`Text`]).
#[derive(Clone, Debug, PartialEq)]
#[repr(u64)]
pub enum Node<T = ByteString> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number's text, and whether it has neither fraction nor exponent.
    Number(T, bool),
    /// Text.
    String(T),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Vec<(T, Self)>),
}

/// A part of a document that is at hand.
pub type NodeRef<'a> = Node<Text<'a>>;

impl<T: Deref<Target = str>> Node<T> {
    /// Whether there is no value.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

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
    pub fn text(&self) -> Option<&T> {
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

impl<'a, T: Deref<Target = str> + From<Text<'a>>> Build<'a> for Node<T> {
    type Out = Self;
    type Member = (T, Self);

    #[inline]
    fn null() -> Self {
        Self::Null
    }
    #[inline]
    fn boolean(flag: bool) -> Self {
        Self::Boolean(flag)
    }
    #[inline]
    fn number(text: Text<'a>, is_integer: bool) -> Self {
        Self::Number(text.into(), is_integer)
    }
    #[inline]
    fn string(text: Text<'a>) -> Self {
        Self::String(text.into())
    }
    #[inline]
    fn array(items: Vec<Self>) -> Self {
        Self::Array(items)
    }
    #[inline]
    fn member(name: Text<'a>, value: Self) -> (T, Self) {
        (name.into(), value)
    }
    #[inline]
    fn object(members: Vec<(T, Self)>) -> Self {
        Self::Object(without_repetition(members, |name| name))
    }
}

/// Builds Connect data without a schema: integers become 64 bits, other numbers doubles.
pub struct Schemaless;

impl<'a> Build<'a> for Schemaless {
    type Out = Value;
    type Member = (Value, Value);

    #[inline]
    fn null() -> Value {
        Value::Null
    }
    #[inline]
    fn boolean(flag: bool) -> Value {
        Value::Boolean(flag)
    }
    #[inline]
    fn number(text: Text<'a>, is_integer: bool) -> Value {
        if is_integer {
            Value::Int64(wrapping(&text))
        } else {
            Value::Float64(text.parse().unwrap_or_default())
        }
    }
    #[inline]
    fn string(text: Text<'a>) -> Value {
        Value::String(text.into())
    }
    #[inline]
    fn array(items: Vec<Value>) -> Value {
        Value::Array(items)
    }
    #[inline]
    fn member(name: Text<'a>, value: Value) -> (Value, Value) {
        (Value::String(name.into()), value)
    }
    #[inline]
    fn object(members: Vec<(Value, Value)>) -> Value {
        Value::Map(Map::new(without_repetition(members, |name| name.as_str().unwrap_or_default())))
    }
}

/// Keeps each name once, at its first place with its last value.
fn without_repetition<N, V>(members: Vec<(N, V)>, text: impl Fn(&N) -> &str) -> Vec<(N, V)> {
    if !has_repetition(&members, &text) {
        return members;
    }
    let mut places = HashMap::new();
    let mut unique: Vec<(N, V)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let place = *places.entry(text(&name).to_owned()).or_insert(unique.len());
        match unique.get_mut(place) {
            Some((_, known)) => *known = value,
            None => unique.push((name, value)),
        }
    }
    unique
}

fn has_repetition<N, V>(members: &[(N, V)], text: impl Fn(&N) -> &str) -> bool {
    if members.len() < FEW_MEMBERS {
        let mut rest = members;
        while let Some(((name, _), others)) = rest.split_first() {
            let name = text(name);
            if others.iter().any(|(other, _)| text(other) == name) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    let mut names = HashSet::with_capacity(members.len());
    !members.iter().all(|(name, _)| names.insert(text(name)))
}

/// The lowest 64 bits of an integer of any length, as Java's `BigInteger.longValue`.
#[inline]
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
