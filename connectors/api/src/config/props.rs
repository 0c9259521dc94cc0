//! A flat configuration as users write it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// A flat configuration: strings by key, in key order.
///
/// As JSON it is one object. Numbers and booleans are taken in their string form, and a key whose
/// value is `null` is absent. `Debug` prints the keys only, because any value may be a secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Props(BTreeMap<String, String>);

impl Props {
    /// Makes an empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a key, as it was written.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets a key and returns the value it had.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(key.into(), value.into())
    }

    /// Removes a key and returns the value it had.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Whether the key is set, be it to an empty value.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Keys and values, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that start with `prefix`, without it.
    ///
    /// `with_prefix("producer.override.")` turns `producer.override.acks` into `acks`. A key that
    /// equals the prefix is left out.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        self.iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)))
            .filter(|(key, _)| !key.is_empty())
            .collect()
    }
}

impl fmt::Debug for Props {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Props ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Props {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut props = Self::new();
        props.extend(entries);
        props
    }
}

impl<K: Into<String>, V: Into<String>> Extend<(K, V)> for Props {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries.into_iter().map(|(key, value)| (key.into(), value.into())));
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Props {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl From<BTreeMap<String, String>> for Props {
    fn from(entries: BTreeMap<String, String>) -> Self {
        Self(entries)
    }
}

impl IntoIterator for Props {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Props {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut props = Self::new();
        for (key, value) in BTreeMap::<String, Value>::deserialize(deserializer)? {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(D::Error::custom(format_args!(
                        "the value of \"{key}\" is not a string, number or boolean"
                    )));
                }
            };
            props.insert(key, text);
        }
        Ok(props)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_numbers_and_booleans_become_their_string_form() {
        let json = r#"{"a":3,"b":false,"c":"x","d":null,"e":1.5}"#;
        let props: Props = serde_json::from_str(json).unwrap();
        assert_eq!(props, Props::from([("a", "3"), ("b", "false"), ("c", "x"), ("e", "1.5")]));
        let text = serde_json::to_string(&props).unwrap();
        assert_eq!(text, r#"{"a":"3","b":"false","c":"x","e":"1.5"}"#);
    }

    #[test]
    fn nested_json_is_refused_by_key() {
        let error = serde_json::from_str::<Props>(r#"{"a":{"secret":1}}"#).unwrap_err();
        assert!(error.to_string().contains("the value of \"a\""), "{error}");
    }

    #[test]
    fn prefix_is_stripped_and_other_keys_are_left_out() {
        let props = Props::from([("p.", "0"), ("p.a", "1"), ("p.b.c", "2"), ("q.a", "3")]);
        assert_eq!(props.with_prefix("p."), Props::from([("a", "1"), ("b.c", "2")]));
    }

    #[test]
    fn debug_shows_keys_and_no_values() {
        let text = format!("{:?}", Props::from([("user", "u5er"), ("pass", "s3cret")]));
        assert_eq!(text, r#"Props {"pass", "user"}"#);
    }
}
