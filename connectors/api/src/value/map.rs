//! Maps, which a JSON document becomes before anybody looks into it.

use std::{
    fmt::{self, Debug, Formatter},
    mem,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use bytestring::ByteString;

use super::Value;
use crate::json::{Member, Members, Parser, Schemaless, compact_object, write_scalar};

/// Keys to values in the order they came; keys are usually strings and expected to be unique.
///
/// A map made of a JSON document keeps the document, so that one that nobody opens goes on as the text
/// it came as. Single members are read from it, and replaced in it, where they stand; the whole is
/// read when somebody looks at all entries.
#[derive(Clone, Default)]
pub struct Map {
    /// The entries, where there is no document that has them.
    entries: Vec<(Value, Value)>,
    closed: Option<Arc<Closed>>,
}

/// A checked document with what was read of it.
struct Closed {
    text: ByteString,
    entries: OnceLock<Vec<(Value, Value)>>,
    /// The member that was asked for first.
    known: OnceLock<(Member, Value)>,
}

impl Closed {
    const fn new(text: ByteString) -> Self {
        Self { text, entries: OnceLock::new(), known: OnceLock::new() }
    }

    fn entries(&self) -> &Vec<(Value, Value)> {
        self.entries.get_or_init(|| read(&self.text))
    }

    /// Whether nobody has looked at all of it.
    fn is_closed(&self) -> bool {
        self.entries.get().is_none()
    }

    /// Where the member of a name is.
    fn find(&self, name: &str) -> Option<Member> {
        match self.known.get() {
            Some((known, _)) if self.text.get(known.name.clone()) == Some(name) => {
                Some(known.clone())
            }
            _ => Members::of(&self.text).find(name),
        }
    }

    /// Value of a member, read alone as long as it is the only one that somebody asks for.
    fn value(&self, name: &str) -> Option<&Value> {
        if self.is_closed() {
            let member = self.find(name)?;
            let read = || {
                let text = self.text.get(member.value.clone()).unwrap_or_default();
                let text = self.text.slice_ref(text);
                // The text was checked.
                (member.clone(), Parser::new(&text).first::<Schemaless>().unwrap_or_default())
            };
            let (known, value) = self.known.get_or_init(read);
            if *known == member {
                return Some(value);
            }
        }
        find(self.entries(), name)
    }

    /// The document with this value for a member; nothing when it has to be opened for that.
    fn with(&self, name: &str, value: &Value) -> Option<ByteString> {
        let mut written = Vec::new();
        match value {
            Value::Null => written.extend_from_slice(b"null"),
            Value::Float64(number) if !number.is_finite() => return None,
            // What reading gives back as it is.
            Value::Boolean(_) | Value::Int64(_) | Value::Float64(_) | Value::String(_) => {
                write_scalar(&mut written, value);
            }
            _ => return None,
        }
        if let Some(member) = self.find(name) {
            return self.spliced(member.value.start, &[&written], member.value.end);
        }
        let mut quoted = Vec::new();
        write_scalar(&mut quoted, &name.into());
        // A name with escapes could not be found again.
        if quoted.len() != name.len() + 2 {
            return None;
        }
        let end = self.text.len().checked_sub(1)?;
        let separator: &[u8] = if end == 1 { b"" } else { b"," };
        self.spliced(end, &[separator, &quoted, b":", &written], end)
    }

    /// The document without a member.
    fn without(&self, member: &Member) -> Option<ByteString> {
        let (start, end) = (member.name.start.checked_sub(1)?, member.value.end);
        let bytes = self.text.as_bytes();
        match (bytes.get(end), bytes.get(start - 1)) {
            (Some(b','), _) => self.spliced(start, &[], end + 1),
            (_, Some(b',')) => self.spliced(start - 1, &[], end),
            _ => self.spliced(start, &[], end),
        }
    }

    /// The document with something else between two places.
    fn spliced(&self, start: usize, by: &[&[u8]], end: usize) -> Option<ByteString> {
        let bytes = self.text.as_bytes();
        let more: usize = by.iter().map(|part| part.len()).sum();
        let mut text = Vec::with_capacity(bytes.len() + more);
        text.extend_from_slice(bytes.get(..start)?);
        by.iter().for_each(|part| text.extend_from_slice(part));
        text.extend_from_slice(bytes.get(end..)?);
        ByteString::try_from(Bytes::from(text)).ok()
    }
}

fn find<'a>(entries: &'a [(Value, Value)], name: &str) -> Option<&'a Value> {
    entries.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
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
        Some(Self::closed(text))
    }

    fn closed(text: ByteString) -> Self {
        Self { entries: Vec::new(), closed: Some(Arc::new(Closed::new(text))) }
    }

    /// The document, while nobody has looked at all of it.
    fn unopened(&self) -> Option<&Closed> {
        self.closed.as_deref().filter(|closed| closed.is_closed())
    }

    /// The map as JSON without blanks, when it came as JSON and was not changed: what Jackson, and
    /// [`write_scalar`] with it, would write.
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
            Ok(Closed { text, entries, .. }) => entries.into_inner().unwrap_or_else(|| read(&text)),
            Err(shared) => shared.entries().clone(),
        }
    }

    /// Value under a string key. Linear: maps in records are small, and their order is kept.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        match &self.closed {
            None => find(&self.entries, name),
            Some(closed) => closed.value(name),
        }
    }

    /// Sets the value under a string key, in place when the key is there already.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(text) = self.unopened().and_then(|closed| closed.with(name, &value)) {
            *self = Self::closed(text);
            return;
        }
        let entries = self.entries_mut();
        match entries.iter_mut().find(|(key, _)| key.as_str() == Some(name)) {
            Some((_, slot)) => *slot = value,
            None => entries.push((name.into(), value)),
        }
    }

    /// Takes the entry with this string key out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        if let Some(closed) = self.unopened() {
            let member = closed.find(name)?;
            if let Some(text) = closed.without(&member) {
                let value = closed.value(name).cloned();
                *self = Self::closed(text);
                return value;
            }
        }
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
    use proptest::prelude::*;

    use super::*;

    fn closed() -> Map {
        Map::of_json(&r#"{"a":1,"b":{"c":[true]}}"#.into()).unwrap()
    }

    /// What is done to a map, one step after the other.
    #[derive(Clone, Debug)]
    enum Step {
        Get(String),
        Set(String, Value),
        Remove(String),
        Look,
    }

    fn name() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["a", "b", "c", "", "é", "n\"ew", "x"]).prop_map(str::to_owned)
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::Int64),
            any::<i32>().prop_map(Value::Int32),
            any::<f64>().prop_filter("equal to itself", |n| !n.is_nan()).prop_map(Value::Float64),
            ".{0,9}".prop_map(Value::string),
            Just(Value::Array(vec![Value::Int64(1)])),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            name().prop_map(Step::Get),
            (name(), value()).prop_map(|(name, value)| Step::Set(name, value)),
            name().prop_map(Step::Remove),
            Just(Step::Look),
        ]
    }

    proptest! {
        /// A document answers as the entries in it would, and says so as text where it has not been opened.
        #[test]
        fn a_document_is_as_good_as_its_entries(
            members in prop::collection::btree_map("[abcé]", any::<i32>(), 0..4),
            steps in prop::collection::vec(step(), 0..8),
        ) {
            let members: Vec<_> = members
                .iter()
                .map(|(name, number)| format!("\"{name}\":[{{\"a\":\"}},\"}},{number}]"))
                .collect();
            let text = ByteString::from(format!("{{{}}}", members.join(",")));
            let mut document = Map::of_json(&text).unwrap();
            let mut entries = Map::new(document.clone().into_entries());
            for step in steps {
                match step {
                    Step::Get(name) => prop_assert_eq!(document.get(&name), entries.get(&name)),
                    Step::Set(name, value) => {
                        document.set(&name, value.clone());
                        entries.set(&name, value);
                    }
                    Step::Remove(name) => {
                        prop_assert_eq!(document.remove(&name), entries.remove(&name));
                    }
                    Step::Look => prop_assert_eq!(&document, &entries),
                }
                if let Some(text) = document.json() {
                    prop_assert_eq!(&Map::of_json(text).unwrap(), &entries);
                }
            }
            prop_assert_eq!(document, entries);
        }
    }

    #[test]
    fn members_are_changed_where_they_stand() {
        let mut map = closed();
        assert_eq!(map.get("a"), Some(&Value::Int64(1)));
        map.set("a", "x\n".into());
        map.set("new", Value::Float64(1.0));
        assert_eq!(map.json().unwrap(), r#"{"a":"x\n","b":{"c":[true]},"new":1.0}"#);
        assert_eq!(map.remove("a"), Some("x\n".into()));
        assert_eq!(map.remove("new"), Some(Value::Float64(1.0)));
        assert_eq!(map.remove("new"), None);
        assert_eq!(map.json().unwrap(), r#"{"b":{"c":[true]}}"#);
        map.remove("b");
        map.set("n", Value::Null);
        assert_eq!(map.json().unwrap(), r#"{"n":null}"#);
        map.set("n", Value::Int32(1));
        assert_eq!((map.json(), map.get("n")), (None, Some(&Value::Int32(1))));
    }

    #[test]
    fn a_document_is_read_when_somebody_looks_and_stays_until_it_is_changed() {
        let mut map = closed();
        let shared = map.clone();
        assert_eq!(map.get("a"), Some(&Value::Int64(1)));
        assert_eq!(map.json().unwrap(), r#"{"a":1,"b":{"c":[true]}}"#);
        map.set("a", Value::Int64(2));
        assert_eq!(map.json().unwrap(), r#"{"a":2,"b":{"c":[true]}}"#);
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
