//! Keys of a configuration that nobody reads: old ones, those of other plug-ins, and slips.

use std::{collections::BTreeSet, iter};

use connect_api::config::{ConfigDef, ConfigKey, ConfigValue, Props};

use super::{Validator, is_telling, likeness::most_like, parts};
use crate::{
    broker::ClientKind,
    herder::{
        replies::{ConfigInfo, ConfigInfos},
        starter::ConnectorPlugin,
    },
};

/// Unread keys that are compared with those that are known; a slip is among few of them, and
/// somebody who sends thousands is not waited for.
const MOST_SLIPS: usize = 200;

/// Unread keys that a warning names.
const MOST_NAMED: usize = 20;

/// Longest name of an unread key that is shown whole, in characters.
const LONGEST_NAME: usize = 100;

impl Validator<'_> {
    /// All that is read of a configuration.
    pub(super) fn all_read(
        &self,
        plugin: &ConnectorPlugin,
        own: &[ConfigKey],
        clients: &[ClientKind],
        props: &Props,
    ) -> ConfigDef {
        let mut read: ConfigDef = own.iter().cloned().collect();
        read.extend(plugin.config_def());
        // Properties of topics, which the broker knows.
        read.open("topic.creation.");
        for client in clients {
            let prefix = client.override_prefix();
            read.extend(client.def().clone().under(&prefix));
            // What they do not know they say themselves.
            read.open(prefix);
        }
        for (prefix, def) in parts::converter_defs(self.plugins, props) {
            read.extend(def.under(&prefix));
        }
        read
    }
}

impl ConfigInfos {
    /// Warns of keys that nobody reads.
    ///
    /// Those that look like a slip are listed with the key that may be meant, as the JVM's worker
    /// lists a key without a definition. None of them is an error.
    pub(super) fn note_unread(&mut self, props: &Props, read: &ConfigDef) {
        let names = read.keys().iter().flat_map(|key| iter::once(&key.name).chain(&key.aliases));
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        let unread = read.unknown(props);
        let unnamed = props.iter().filter(|(key, _)| !names.contains(key));
        let slips: Vec<_> = unnamed
            .take(MOST_SLIPS)
            .filter_map(|(key, value)| {
                let meant = most_like(key, names.iter().copied())?;
                (!props.contains_key(meant)).then_some((key, value, meant))
            })
            .collect();
        for (key, _, meant) in &slips {
            self.warnings.push(format!("\"{key}\" is read by nobody: did you mean \"{meant}\"?"));
        }
        let is_slip = |key: &&str| slips.iter().any(|(slip, _, _)| slip == key);
        let others: Vec<_> = unread.into_iter().filter(|key| !is_slip(key)).collect();
        let (alone, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|key| lacking(key, props).is_some());
        self.warnings.extend(none_reads(&others));
        self.warnings.extend(alone.iter().take(MOST_NAMED).filter_map(|key| {
            let class = lacking(key, props)?;
            Some(format!("{} is passed over: it counts only beside \"{class}\"", quoted(key)))
        }));
        let listed: BTreeSet<_> = self.values().map(|value| value.name.clone()).collect();
        let slips = slips.into_iter().filter(|(key, _, _)| !listed.contains(*key));
        self.configs.extend(slips.map(|(key, value, meant)| slip(key, value, meant)));
    }
}

/// Names keys that nobody reads, if there are any.
fn none_reads(keys: &[&str]) -> Option<String> {
    let named: Vec<_> = keys.iter().take(MOST_NAMED).map(|key| quoted(key)).collect();
    let more = match keys.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let verb = if keys.len() == 1 { "is" } else { "are" };
    (!named.is_empty())
        .then(|| format!("{}{more} {verb} read by nobody here and passed over", named.join(", ")))
}

/// A key in quotes, not beyond what a reader would read.
fn quoted(key: &str) -> String {
    match key.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("\"{}...\"", key.get(..end).unwrap_or_default()),
        None => format!("\"{key}\""),
    }
}

/// The converter that a key is an option of, where the configuration does not name it: then the worker's
/// counts, with the worker's options.
fn lacking(key: &str, props: &Props) -> Option<&'static str> {
    let is_of = |class: &str| key.strip_prefix(class).is_some_and(|rest| rest.starts_with('.'));
    let class = parts::CONVERTERS.into_iter().find(|class| is_of(class))?;
    (!props.contains_key(class)).then_some(class)
}

fn slip(key: &str, value: &str, meant: &str) -> ConfigInfo {
    ConfigInfo {
        definition: None,
        value: Some(ConfigValue {
            name: key.to_owned(),
            // It may be a secret under a name that nobody knows.
            value: if is_telling(meant) { None } else { Some(value.to_owned()) },
            recommended_values: vec![meant.to_owned()],
            errors: Vec::new(),
            visible: true,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_keys_are_named_and_the_many_are_counted() {
        assert_eq!(none_reads(&[]), None);
        assert_eq!(
            none_reads(&["_comment"]).unwrap(),
            "\"_comment\" is read by nobody here and passed over"
        );
        let long = "k".repeat(1000);
        let keys = vec![long.as_str(); 22];
        let text = none_reads(&keys).unwrap();
        assert!(text.ends_with("\" and 2 more are read by nobody here and passed over"), "{text}");
        assert!(text.len() < 2500, "{}", text.len());
    }
}
