//! Client settings that a connector overrides: `producer.override.*` and its like.
//!
//! Their definitions are facts about Kafka's Java clients, kept as a table of text. What becomes
//! of each setting is the broker's business; this is what users are told about it.
//!
//! Source: apache/kafka `AbstractHerder.validateClientOverrides`, `ProducerConfig.java`,
//! `ConsumerConfig.java`, `AdminClientConfig.java`.

use std::sync::LazyLock;

use connect_api::config::{
    ConfigDef, ConfigKey, ConfigKind, ConfigValue, Importance, Props, Width,
};

use super::{HIDDEN, checks};
use crate::{config::ClientOverrides, herder::replies::ConfigInfo};

const TABLE: &str = include_str!("clients.txt");

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Producer,
    Consumer,
    Admin,
}

impl Client {
    /// What its overrides begin with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Producer => "producer.override.",
            Self::Consumer => "consumer.override.",
            Self::Admin => "admin.override.",
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Producer => 'P',
            Self::Consumer => 'C',
            Self::Admin => 'A',
        }
    }

    /// Its options.
    pub(super) fn def(self) -> &'static ConfigDef {
        static DEFS: LazyLock<[ConfigDef; 3]> =
            LazyLock::new(|| [Client::Producer, Client::Consumer, Client::Admin].map(read));
        let [producer, consumer, admin] = &*DEFS;
        match self {
            Self::Producer => producer,
            Self::Consumer => consumer,
            Self::Admin => admin,
        }
    }

    /// The overrides that a configuration has, each with its definition if it has one.
    pub(super) fn section(self, policy: ClientOverrides, props: &Props) -> Vec<ConfigInfo> {
        let overrides = props.with_prefix(self.prefix());
        let values = self.def().validate(&overrides);
        let info = |(key, text): (&str, &str)| {
            let definition = self.def().get(key).cloned();
            let known = definition.as_ref().and(values.iter().find(|value| value.name == key));
            let mut value = known.cloned().unwrap_or_else(|| undefined(key, text));
            value.errors.extend(checks::override_problem(policy, key));
            self.prefixed(definition, value)
        };
        overrides.iter().map(info).collect()
    }

    fn prefixed(self, mut definition: Option<ConfigKey>, mut value: ConfigValue) -> ConfigInfo {
        if let Some(key) = &mut definition {
            key.name.insert_str(0, self.prefix());
        }
        value.name.insert_str(0, self.prefix());
        ConfigInfo { definition, value: Some(value) }
    }
}

/// A value that nobody knows the type of; what may be a secret is kept as one.
fn undefined(key: &str, text: &str) -> ConfigValue {
    let is_secret = ["password", "secret", "jaas", "token"].iter().any(|word| key.contains(word));
    ConfigValue {
        name: key.to_owned(),
        value: Some(if is_secret { HIDDEN } else { text }.to_owned()),
        recommended_values: Vec::new(),
        errors: Vec::new(),
        visible: true,
    }
}

fn read(client: Client) -> ConfigDef {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| {
        let (clients, rest) = row.split_once('|')?;
        if clients.contains(client.letter()) { definition(rest) } else { None }
    })
    .collect()
}

/// One row without its clients.
fn definition(row: &str) -> Option<ConfigKey> {
    let mut cells = row.splitn(5, '|');
    let name = cells.next()?;
    let kind = kind(cells.next()?)?;
    let importance = match cells.next()? {
        "HIGH" => Importance::High,
        "MEDIUM" => Importance::Medium,
        _ => Importance::Low,
    };
    let default = cells.next()?;
    let key = ConfigKey::new(kind, name, cells.next()?)
        .importance(importance)
        .width(Width::None)
        .display_name(name);
    Some(match default {
        "!" => key,
        "-" => key.optional(),
        text => key.default(text),
    })
}

fn kind(name: &str) -> Option<ConfigKind> {
    let kinds = [
        ConfigKind::Boolean,
        ConfigKind::String,
        ConfigKind::Int,
        ConfigKind::Short,
        ConfigKind::Long,
        ConfigKind::Double,
        ConfigKind::List,
        ConfigKind::Class,
        ConfigKind::Password,
    ];
    kinds.into_iter().find(|kind| kind.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows: Vec<_> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        for row in &rows {
            let (clients, rest) = row.split_once('|').unwrap();
            assert!(clients.chars().all(|client| "PCA".contains(client)), "{row}");
            let key = definition(rest).unwrap_or_else(|| panic!("{row}"));
            assert!(key.documentation.ends_with('.'), "{row}");
            let default = key.default_value();
            assert!(
                key.required || default.is_none() || default.as_deref() == key.default.as_deref()
            );
        }
        let expected: usize = rows.iter().map(|row| row.split_once('|').unwrap().0.len()).sum();
        let clients = [Client::Producer, Client::Consumer, Client::Admin];
        let read: usize = clients.iter().map(|client| client.def().keys().len()).sum();
        assert_eq!(read, expected, "a client has a key twice");
    }

    #[test]
    fn only_what_is_set_is_listed_with_its_prefix() {
        let props = Props::from_iter([
            ("producer.override.linger.ms", "abc"),
            ("producer.override.sasl.jaas.config", "s3cret"),
            ("producer.override.my.token", "s3cret"),
            ("consumer.override.group.id", "g"),
        ]);
        let section = Client::Producer.section(ClientOverrides::All, &props);
        let shown: Vec<_> = section
            .iter()
            .map(|info| {
                let value = info.value.as_ref().unwrap();
                (value.name.as_str(), info.definition.is_some(), value.value.as_deref())
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("producer.override.linger.ms", true, None),
                ("producer.override.my.token", false, Some("[hidden]")),
                ("producer.override.sasl.jaas.config", true, Some("[hidden]")),
            ]
        );
        assert_eq!(
            section[0].value.as_ref().unwrap().errors,
            ["Invalid value abc for configuration linger.ms: Not a number of type LONG"]
        );
        let definition = section[0].definition.as_ref().unwrap();
        assert_eq!((definition.order, definition.group.as_deref()), (-1, None));
    }
}
