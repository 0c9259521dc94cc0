//! Maps, which a JSON document becomes before anybody looks into it.

use std::{
    fmt::{self, Debug, Formatter},
    mem,
    sync::{Arc, OnceLock},
};

use bytestring::ByteString;

use super::Value;
use crate::json::{Parser, Schemaless, compact_object};

/// Keys to values in the order they came; keys are usually strings and expected to be unique.
///
/// A map made of a JSON document keeps the document and is read when somebody looks into it, so
/// that one that nobody opens goes on as the text it came as.
#[derive(Clone, Default)]
pub struct Map {
    /// The entries, where there is no document that has them.
    entries: Vec<(Value, Value)>,
    closed: Option<Arc<Closed>>,
}

/// A checked document with what is in it, once somebody asked.
struct Closed {
    text: ByteString,
    entries: OnceLock<Vec<(Value, Value)>>,
}

impl Closed {
    fn entries(&self) -> &Vec<(Value, Value)> {
        self.entries.get_or_init(|| read(&self.text))
    }
}

fn read(text: &ByteString) -> Vec<(Value, Value)> {
    match Parser::new(text).value::<Schemaless>() {
        Ok(Value::Map(map)) => map.into_entries(),
        // The text was checked.
        _ => Vec::new(),
    }
}

impl Map {
    /// A map with these entries.
    #[must_use]
    #[inline]
    pub const fn new(entries: Vec<(Value, Value)>) -> Self {
        Self { entries, closed: None }
    }

    /// The object that a document begins with, read when it is looked into: integers become 64 bits,
    /// other numbers doubles. None when the document is no object, is not JSON, or has a form that
    /// is seldom and must be read at once, as an object with a name twice.
    #[must_use]
    pub fn of_json(document: &ByteString) -> Option<Self> {
        let text = compact_object(document)?;
        let closed = Arc::new(Closed { text, entries: OnceLock::new() });
        Some(Self { entries: Vec::new(), closed: Some(closed) })
    }

    /// The map as JSON without blanks, when it came as JSON and was not changed: what Jackson, and
    /// [`write_scalar`](crate::json::write_scalar) with it, would write.
    #[must_use]
    #[inline]
    pub fn json(&self) -> Option<&ByteString> {
        self.closed.as_ref().map(|closed| &closed.text)
    }

    /// The entries in their order.
    #[must_use]
    #[inline]
    pub fn entries(&self) -> &[(Value, Value)] {
        match &self.closed {
            None => &self.entries,
            Some(closed) => closed.entries(),
        }
    }

    /// The entries in their order, to change.
    pub fn entries_mut(&mut self) -> &mut Vec<(Value, Value)> {
        if self.closed.is_some() {
            self.entries = mem::take(self).into_entries();
        }
        &mut self.entries
    }

    /// The entries in their order, to keep.
    #[must_use]
    pub fn into_entries(self) -> Vec<(Value, Value)> {
        let Some(closed) = self.closed else { return self.entries };
        match Arc::try_unwrap(closed) {
            Ok(Closed { text, entries }) => entries.into_inner().unwrap_or_else(|| read(&text)),
            Err(shared) => shared.entries().clone(),
        }
    }

    /// Value under a string key. Linear: maps in records are small, and their order is kept.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries().iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    }

    /// Sets the value under a string key, in place when the key is there already.
    pub fn set(&mut self, name: &str, value: Value) {
        let entries = self.entries_mut();
        match entries.iter_mut().find(|(key, _)| key.as_str() == Some(name)) {
            Some((_, slot)) => *slot = value,
            None => entries.push((name.into(), value)),
        }
    }

    /// Takes the entry with this string key out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let entries = self.entries_mut();
        let at = entries.iter().position(|(key, _)| key.as_str() == Some(name))?;
        Some(entries.remove(at).1)
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Debug for Map {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().iter().map(|(key, value)| (key, value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed() -> Map {
        Map::of_json(&r#"{"a":1,"b":{"c":[true]}}"#.into()).unwrap()
    }

    #[test]
    fn a_document_is_read_when_somebody_looks_and_stays_until_it_is_changed() {
        let mut map = closed();
        let shared = map.clone();
        assert_eq!(map.get("a"), Some(&Value::Int64(1)));
        assert_eq!(map.json().unwrap(), r#"{"a":1,"b":{"c":[true]}}"#);
        map.set("a", Value::Int64(2));
        assert_eq!(map.json(), None);
        assert_eq!(map.get("a"), Some(&Value::Int64(2)));
        assert_eq!(shared.get("a"), Some(&Value::Int64(1)), "not changed with it");
        assert_eq!(shared, closed());
        assert_eq!(shared.into_entries().len(), 2);
        assert_eq!(
            closed().remove("b").unwrap().path("c"),
            Some(&Value::Array(vec![Value::Boolean(true)]))
        );
    }
}
