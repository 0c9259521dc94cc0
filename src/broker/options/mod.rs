//! Options of Kafka's Java clients, which are what connectors and workers set for ours.
//!
//! Facts about those clients, kept as a table of text. What becomes of each setting is the
//! broker's business; this is what users are told about it, and what its value must be.
//!
//! Source: apache/kafka `ProducerConfig.java`, `ConsumerConfig.java`, `AdminClientConfig.java`.

mod rules;

use std::sync::LazyLock;

use connect_api::config::{
    ConfigDef, ConfigErrors, ConfigKey, ConfigKind, Importance, Props, Width,
};

const TABLE: &str = include_str!("options.txt");

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Writes records.
    Producer,
    /// Reads records.
    Consumer,
    /// Looks after topics and groups.
    Admin,
}

impl ClientKind {
    /// Its name, which begins a worker's settings of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
        }
    }

    /// What a connector's settings of it begin with.
    #[must_use]
    pub fn override_prefix(self) -> String {
        format!("{}.override.", self.name())
    }

    const fn letter(self) -> char {
        match self {
            Self::Producer => 'P',
            Self::Consumer => 'C',
            Self::Admin => 'A',
        }
    }

    /// Its options, with what their values must be, in the order in which it reads them.
    #[must_use]
    pub fn def(self) -> &'static ConfigDef {
        static DEFS: LazyLock<[ConfigDef; 3]> = LazyLock::new(|| {
            [ClientKind::Producer, ClientKind::Consumer, ClientKind::Admin].map(read)
        });
        let [producer, consumer, admin] = &*DEFS;
        match self {
            Self::Producer => producer,
            Self::Consumer => consumer,
            Self::Admin => admin,
        }
    }

    /// Checks settings as the client does in Java before it is made; keys that it does not know are
    /// passed over.
    ///
    /// # Errors
    /// The first problem, in the order of the options.
    pub fn check(self, settings: &Props) -> Result<(), ConfigErrors> {
        self.check_each(settings)?;
        rules::check_together(self, settings)
    }

    /// Checks each value by itself.
    fn check_each(self, settings: &Props) -> Result<(), ConfigErrors> {
        let is_set = |key: &&ConfigKey| settings.contains_key(&key.name);
        let set: ConfigDef = self.def().keys().iter().filter(is_set).cloned().collect();
        for value in set.validate(settings) {
            if let Some(message) = value.errors.into_iter().next() {
                return Err(ConfigErrors::one(&value.name, message));
            }
        }
        Ok(())
    }
}

fn rows() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#'))
}

fn read(client: ClientKind) -> ConfigDef {
    rows()
        .filter_map(|row| {
            let (clients, rest) = row.split_once('|')?;
            if clients.contains(client.letter()) { definition(rest) } else { None }
        })
        .collect()
}

/// One row without its clients.
fn definition(row: &str) -> Option<ConfigKey> {
    let mut cells = row.splitn(6, '|');
    let name = cells.next()?;
    let kind = kind(cells.next()?)?;
    let importance = match cells.next()? {
        "HIGH" => Importance::High,
        "MEDIUM" => Importance::Medium,
        _ => Importance::Low,
    };
    let (default, rule) = (cells.next()?, cells.next()?);
    let key = ConfigKey::new(kind, name, cells.next()?)
        .importance(importance)
        .width(Width::None)
        .display_name(name);
    let key = match default {
        "!" => key,
        "-" => key.optional(),
        text => key.default(text),
    };
    rules::with_rule(key, rule)
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

    const KINDS: [ClientKind; 3] = [ClientKind::Producer, ClientKind::Consumer, ClientKind::Admin];

    fn text(checked: Result<(), ConfigErrors>) -> String {
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn refusal(kind: ClientKind, entries: &[(&str, &str)]) -> String {
        text(kind.check(&entries.iter().copied().collect()))
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        for row in rows() {
            let (clients, rest) = row.split_once('|').unwrap();
            assert!(clients.chars().all(|client| "PCA".contains(client)), "{row}");
            let key = definition(rest).unwrap_or_else(|| panic!("{row}"));
            assert!(key.documentation.ends_with('.'), "{row}");
            let default = key.default_value();
            assert!(
                key.required || default.is_none() || default.as_deref() == key.default.as_deref()
            );
        }
        let expected: usize = rows().map(|row| row.split_once('|').unwrap().0.len()).sum();
        let read: usize = KINDS.iter().map(|client| client.def().keys().len()).sum();
        assert_eq!(read, expected, "a client has a key twice");
    }

    #[test]
    fn every_default_is_a_value_that_is_taken() {
        for kind in KINDS {
            for key in kind.def().keys() {
                let Some(default) = key.default.as_deref() else { continue };
                assert_eq!(refusal(kind, &[(&key.name, default)]), "", "{}", key.name);
            }
        }
    }

    /// Values and what Kafka 4.3.1 says of them, recorded from its `ConfigDef`s.
    #[test]
    fn values_are_refused_in_the_words_of_kafka() {
        let rows = include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#'));
        let mut wrong = Vec::new();
        for row in rows {
            let cells: Vec<_> = row.splitn(4, '|').collect();
            let [clients, key, value, expected] = cells[..] else { panic!("{row}") };
            for kind in KINDS.into_iter().filter(|kind| clients.contains(kind.letter())) {
                let said = text(kind.check_each(&Props::from([(key, value)])));
                if said != expected {
                    wrong.push(format!("{row}\n    here: {said}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_first_problem_is_that_of_the_first_option() {
        assert!(
            refusal(
                ClientKind::Consumer,
                &[("max.poll.records", "0"), ("auto.offset.reset", "x"), ("my.own", "y")]
            )
            .starts_with("Invalid value x for configuration auto.offset.reset: ")
        );
    }

    /// Recorded from the constructors of the clients of Kafka 4.3.1.
    #[test]
    fn options_that_exclude_each_other_are_refused() {
        use ClientKind::{Admin, Consumer, Producer};
        let idempotent = ("enable.idempotence", "true");
        let protocol = ("group.protocol", "Consumer");
        for (kind, entries, expected) in [
            (Producer, &[idempotent, ("acks", "-1"), ("retries", "1")][..], ""),
            (Producer, &[("acks", "1"), ("retries", "0")], ""),
            (
                Producer,
                &[idempotent, ("acks", "1"), ("retries", "0")],
                "Must set retries to non-zero when using the idempotent producer.",
            ),
            (
                Producer,
                &[idempotent, ("acks", "1")],
                "Must set acks to all in order to use the idempotent producer. Otherwise we cannot \
                 guarantee idempotence.",
            ),
            (
                Producer,
                &[idempotent, ("max.in.flight.requests.per.connection", "6")],
                "To use the idempotent producer, max.in.flight.requests.per.connection must be set \
                 to at most 5. Current value is 6.",
            ),
            (
                Producer,
                &[("transactional.id", "x")],
                "Cannot set a transactional.id without also enabling idempotence.",
            ),
            (Producer, &[idempotent, ("transactional.id", "x")], ""),
            (
                Producer,
                &[("transaction.two.phase.commit.enable", "true"), ("transaction.timeout.ms", "5")],
                "Cannot set transaction.timeout.ms when transaction.two.phase.commit.enable is set \
                 to true. Transactions will not expire with two-phase commit enabled.",
            ),
            (
                Admin,
                &[("security.protocol", "sasl_ssl"), ("sasl.mechanism", " ")],
                "Invalid value null for configuration sasl.mechanism: When the security.protocol \
                 configuration enables SASL, mechanism must be non-null and non-empty string.",
            ),
            (
                Consumer,
                &[protocol, ("session.timeout.ms", "5"), ("heartbeat.interval.ms", "5")],
                "heartbeat.interval.ms, session.timeout.ms cannot be set when \
                 group.protocol=CONSUMER",
            ),
            (Consumer, &[protocol, ("group.remote.assignor", "x")], ""),
            (Consumer, &[("group.remote.assignor", "")], ""),
            (
                Consumer,
                &[("group.remote.assignor", "x")],
                "group.remote.assignor cannot be set when group.protocol=CLASSIC",
            ),
        ] {
            assert_eq!(refusal(kind, entries), expected, "{entries:?}");
        }
    }
}
