//! Maps that are built entry by entry, where a key may come again.

use std::collections::HashMap;

use crate::value::{Map, Value};

/// Entries of a map: each key once, at its first place with its last value. Keys are looked up by
/// what they hold, so that no map takes more than time in proportion to its size. As in Java, `NaN`
/// is the same key as `NaN`, and 0.0 is another than -0.0.
#[derive(Debug, Default)]
pub struct Entries {
    places: HashMap<Vec<u8>, usize>,
    entries: Vec<(Value, Value)>,
}

impl Entries {
    /// Adds an entry, or gives a key that is there another value.
    pub fn put(&mut self, key: Value, value: Value) {
        let mut identity = Vec::new();
        identify(&mut identity, &key);
        let place = *self.places.entry(identity).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some((_, known)) => *known = value,
            None => self.entries.push((key, value)),
        }
    }

    /// The map.
    #[must_use]
    pub fn into_map(self) -> Map {
        Map::new(self.entries)
    }
}

/// Appends what makes a value another one than any other, its schema left out: those of the keys
/// of a map are the same.
fn identify(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Boolean(flag) => out.extend([1, u8::from(*flag)]),
        Value::Int8(n) => tagged(out, 2, &n.to_le_bytes()),
        Value::Int16(n) => tagged(out, 3, &n.to_le_bytes()),
        Value::Int32(n) => tagged(out, 4, &n.to_le_bytes()),
        Value::Int64(n) => tagged(out, 5, &n.to_le_bytes()),
        Value::Float32(n) if n.is_nan() => out.push(6),
        Value::Float32(n) => tagged(out, 7, &n.to_le_bytes()),
        Value::Float64(n) if n.is_nan() => out.push(8),
        Value::Float64(n) => tagged(out, 9, &n.to_le_bytes()),
        Value::String(text) => tagged(out, 10, text.as_bytes()),
        Value::Bytes(bytes) => tagged(out, 11, bytes),
        Value::Array(items) => nested(out, 12, items.iter()),
        Value::Map(map) => {
            nested(out, 13, map.entries().iter().flat_map(|(key, value)| [key, value]));
        }
        Value::Struct(record) => nested(out, 14, record.values().iter()),
        Value::Decimal(decimal) => {
            tagged(out, 15, &decimal.scale.to_le_bytes());
            tagged(out, 15, &decimal.unscaled);
        }
        Value::Date(n) => tagged(out, 16, &n.to_le_bytes()),
        Value::Time(n) => tagged(out, 17, &n.to_le_bytes()),
        Value::Timestamp(n) => tagged(out, 18, &n.to_le_bytes()),
    }
}

/// With their length, so that no two of them look like one.
fn tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend(bytes.len().to_le_bytes());
    out.extend(bytes);
}

fn nested<'a>(out: &mut Vec<u8>, tag: u8, values: impl Iterator<Item = &'a Value>) {
    out.push(tag);
    values.for_each(|value| identify(out, value));
    out.push(u8::MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(keys: Vec<Value>) -> Vec<(Value, Value)> {
        let mut entries = Entries::default();
        for (place, key) in (0..).zip(keys) {
            entries.put(key, Value::Int32(place));
        }
        entries.into_map().into_entries()
    }

    #[test]
    fn a_key_keeps_its_first_place_and_its_last_value() {
        let two = map(vec!["a".into(), Value::Float64(f64::NAN), "a".into()]);
        assert_eq!(two[0], ("a".into(), Value::Int32(2)));
        assert_eq!(map(vec![Value::Float64(f64::NAN); 2]).len(), 1);
    }

    #[test]
    fn keys_that_differ_stay_apart() {
        let list = |items: &[&str]| Value::Array(items.iter().map(|item| (*item).into()).collect());
        let keys = vec![
            Value::Null,
            Value::Int8(1),
            Value::Int32(1),
            Value::Date(1),
            "1".into(),
            Value::Float32(0.0),
            Value::Float32(-0.0),
            list(&["a", "b"]),
            list(&["a, b"]),
            list(&[]),
            Value::Array(vec![list(&["a"]), list(&["b"])]),
            Value::Array(vec![list(&["a", "b"])]),
        ];
        assert_eq!(map(keys.clone()).len(), keys.len());
    }
}
