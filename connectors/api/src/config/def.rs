//! A set of options, in the order users see them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{key::ConfigKey, props::Props};

/// Options in the order users see them, each key once.
#[derive(Clone, Debug, Default)]
pub struct ConfigDef {
    keys: Vec<ConfigKey>,
    /// What keys begin with that are read under any name, such as properties of a driver.
    open: Vec<String>,
}

impl ConfigDef {
    /// Starts without an option.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an option, unless its key is defined already: the first definition stays.
    ///
    /// An option with a group and no order takes the next place in its group.
    pub fn add(&mut self, mut key: ConfigKey) {
        if self.get(&key.name).is_some() {
            return;
        }
        if key.group.is_some() && key.order == -1 {
            let taken = self.keys.iter().filter(|other| other.group == key.group).count();
            key.order = i32::try_from(taken + 1).unwrap_or(i32::MAX);
        }
        self.keys.push(key);
    }

    /// Adds an option as [`ConfigDef::add`] does, for definitions in one expression.
    #[must_use]
    pub fn with(mut self, key: ConfigKey) -> Self {
        self.add(key);
        self
    }

    /// Adds another definition's options after these, but for the keys defined already.
    pub fn extend(&mut self, other: Self) {
        for key in other.keys {
            self.add(key);
        }
        self.open.extend(other.open);
    }

    /// Has all keys that begin with `prefix` read, whatever follows; they are no options.
    pub fn open(&mut self, prefix: impl Into<String>) {
        self.open.push(prefix.into());
    }

    /// Joins two definitions as [`ConfigDef::extend`] does.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.extend(other);
        self
    }

    /// Puts every option under a prefix and a heading, for plug-ins inside a configuration.
    ///
    /// `with_prefix("transforms.A.", "Transforms: A")` makes `spec` into `transforms.A.spec`.
    /// Places are counted anew from 0, and an option's own heading follows the new one. Broken
    /// rules are reported under the key without the prefix, missing and unreadable values with it.
    /// Source: apache/kafka `ConfigDef.embed`.
    #[must_use]
    pub fn with_prefix(self, prefix: &str, group: &str) -> Self {
        let keys = (0..).zip(self.keys).map(|(place, key)| key.embed(prefix, group, place));
        let open = self.open.iter().map(|open| format!("{prefix}{open}"));
        Self { keys: keys.collect(), open: open.collect() }
    }

    /// Puts every key under a prefix; everything else about it stays.
    ///
    /// `under("https.")` makes `ssl.protocol` into `https.ssl.protocol`.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        let open = self.open.iter().map(|open| format!("{prefix}{open}"));
        let open = open.collect();
        Self { keys: self.keys.into_iter().map(|key| key.under(prefix)).collect(), open }
    }

    /// The options, in order.
    pub fn keys(&self) -> &[ConfigKey] {
        &self.keys
    }

    /// The option of a key; aliases do not count.
    pub fn get(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Whether a key, or an alias, holds a value that is never shown.
    pub fn is_secret(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.is_secret() && key.is_named(name))
    }

    /// The headings, in order of first use.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        for group in self.keys.iter().filter_map(|key| key.group.as_deref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// The keys of a configuration that nothing is read from.
    pub fn unknown<'a>(&self, props: &'a Props) -> Vec<&'a str> {
        let own = self.keys.iter();
        let names = own.flat_map(|key| std::iter::once(&key.name).chain(&key.aliases));
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        let is_open = |name: &str| self.open.iter().any(|prefix| name.starts_with(prefix));
        props.keys().filter(|name| !names.contains(name) && !is_open(name)).collect()
    }

    /// The value and every problem of each option, in order.
    ///
    /// Where a value is missing or unreadable, a range or a list of words reports `null` as well.
    /// Source: apache/kafka `ConfigDef.validate`.
    pub fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        self.keys.iter().map(|key| ConfigValue::of_key(key, props)).collect()
    }
}

impl FromIterator<ConfigKey> for ConfigDef {
    fn from_iter<I: IntoIterator<Item = ConfigKey>>(keys: I) -> Self {
        keys.into_iter().fold(Self::new(), Self::with)
    }
}

/// An option's value as users may see it, and what is wrong with it.
///
/// Serialises as the `value` object of the REST interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigValue {
    /// Key of the option.
    pub name: String,
    /// Canonical text of the value or default, `[hidden]` for a secret; `None` when there is none.
    pub value: Option<String>,
    /// Values to offer.
    pub recommended_values: Vec<String>,
    /// Every problem; empty when the value is right.
    pub errors: Vec<String>,
    /// Whether a form shows the option.
    pub visible: bool,
}

impl ConfigValue {
    /// A value that is known only for a problem, such as a key nobody defined.
    pub fn of_problem(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
            recommended_values: Vec::new(),
            errors: vec![message.into()],
            visible: true,
        }
    }

    fn of_key(key: &ConfigKey, props: &Props) -> Self {
        let (value, errors) = match key.resolve(props) {
            Ok(Some(text)) => {
                (Some(key.shown(&text)), key.accept(&text).err().into_iter().collect())
            }
            Ok(None) => (None, Vec::new()),
            Err(message) => (None, std::iter::once(message).chain(key.refusal_of_null()).collect()),
        };
        Self {
            name: key.name.clone(),
            value,
            recommended_values: key.recommended.clone(),
            errors,
            visible: true,
        }
    }
}
