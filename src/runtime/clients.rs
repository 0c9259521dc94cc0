//! Settings of a task's clients: what Kafka Connect starts from, then the worker's, then the
//! connector's.

use connect_api::config::{ConfigType as _, Props};

use super::{Environment, RuntimeSettings};
use crate::broker::{ClientSettings, ConsumerSettings, ProducerSettings, Subscription};

/// What a source's producer starts from: nothing is given up by itself, and order is kept.
///
/// Source: apache/kafka `Worker.baseProducerConfigs`.
const PRODUCER_BASE: [(&str, &str); 5] = [
    ("max.block.ms", "9223372036854775807"),
    ("acks", "all"),
    ("max.in.flight.requests.per.connection", "1"),
    ("delivery.timeout.ms", "2147483647"),
    ("enable.idempotence", "false"),
];

/// What a sink's consumer starts from.
///
/// Source: apache/kafka `Worker.baseConsumerConfigs`.
const CONSUMER_BASE: [(&str, &str); 2] =
    [("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];

/// Settings that a transactional producer does not take from anybody.
const TRANSACTIONAL_ONLY: [&str; 2] = ["enable.idempotence", "transactional.id"];

/// A kind of client, as its settings are prefixed.
#[derive(Clone, Copy, Debug)]
enum Role {
    Producer,
    Consumer,
    Admin,
}

impl Role {
    const fn word(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin",
        }
    }
}

impl Environment {
    fn client(&self, role: Role, base: &[(&str, &str)], id: String) -> ClientSettings {
        let word = role.word();
        let mut overrides: Props = base.iter().copied().collect();
        overrides.extend(self.settings.worker.with_prefix(&format!("{word}.")));
        let own = self.spec.connector_config.with_prefix(&format!("{word}.override."));
        overrides.extend(own);
        let client_id = overrides.remove("client.id").unwrap_or(id);
        ClientSettings { client_id, overrides }
    }

    fn client_id(&self, kind: &str) -> String {
        format!("connector-{kind}-{}", self.spec.id)
    }

    /// The source's producer.
    pub(super) fn producer_settings(&self) -> ProducerSettings {
        let client = self.client(Role::Producer, &PRODUCER_BASE, self.client_id("producer"));
        ProducerSettings { client, transactional_id: None }
    }

    /// The source's producer where it writes in transactions.
    pub(super) fn transactional_settings(&self) -> ProducerSettings {
        let mut settings = self.producer_settings();
        let task = &self.spec.id;
        for key in TRANSACTIONAL_ONLY {
            let given = settings.client.overrides.remove(key);
            if given.is_some_and(|value| key == "transactional.id" || value == "true") {
                tracing::warn!(
                    %task,
                    "Task {task} sets producer property {key} itself, because it writes in \
                     transactions"
                );
            }
        }
        settings.client.overrides.insert("enable.idempotence", "true");
        let RuntimeSettings { group_id, .. } = &*self.settings;
        settings.transactional_id = Some(format!("{group_id}-{task}"));
        settings
    }

    /// The producer of a sink's dead letters.
    pub(super) fn dead_letter_settings(&self) -> ProducerSettings {
        let id = self.client_id("dlq-producer");
        let client = self.client(Role::Producer, &PRODUCER_BASE, id);
        ProducerSettings { client, transactional_id: None }
    }

    /// The client that creates topics: a source's, or with `dlq-adminclient` the dead letters'.
    pub(super) fn admin_settings(&self, kind: &str) -> ClientSettings {
        self.client(Role::Admin, &[], self.client_id(kind))
    }

    /// The sink's consumer.
    pub(super) fn consumer_settings(&self) -> ConsumerSettings {
        let mut client = self.client(Role::Consumer, &CONSUMER_BASE, self.client_id("consumer"));
        let own_group = format!("connect-{}", self.spec.id.connector);
        let group_id = client.overrides.remove("group.id").unwrap_or(own_group);
        ConsumerSettings { client, group_id, subscription: self.subscription() }
    }

    fn subscription(&self) -> Subscription {
        let config = &self.spec.connector_config;
        match config.get("topics.regex").map(str::trim) {
            Some(pattern) if !pattern.is_empty() => Subscription::Pattern(pattern.to_owned()),
            _ => {
                let topics = config.get("topics").unwrap_or_default();
                Subscription::Topics(Vec::<String>::parse(topics).unwrap_or_default())
            }
        }
    }
}
