//! What clients of the broker are made from.

use std::collections::BTreeMap;

use connect_api::config::Props;

use super::ClientKind;

/// What every client is made from.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// `client.id`.
    pub client_id: String,
    /// Settings in the names of Kafka's clients, on top of the broker's own; of these the embedded
    /// log obeys `auto.offset.reset`, `max.poll.records` and `fetch.max.bytes` of consumers.
    pub overrides: Props,
}

impl ClientSettings {
    /// Settings of a connector's client: `KIND.*` of the worker, and over them
    /// `KIND.override.*` of the connector.
    #[must_use]
    pub fn of_connector(
        client_id: String,
        kind: ClientKind,
        (worker, connector): (&Props, &Props),
    ) -> Self {
        let mut overrides = worker.with_prefix(&format!("{}.", kind.name()));
        overrides.extend(connector.with_prefix(&kind.override_prefix()));
        Self { client_id, overrides }
    }
}

/// What a producer is made from.
#[derive(Clone, Debug, Default)]
pub struct ProducerSettings {
    /// Identity and settings.
    pub client: ClientSettings,
    /// `transactional.id`; with one, records are sent inside transactions only.
    pub transactional_id: Option<String>,
}

/// What a member of a group is made from.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// Identity and settings.
    pub client: ClientSettings,
    /// `group.id`.
    pub group_id: String,
    /// What to read.
    pub subscription: Subscription,
    /// Text that is committed with each offset, and told with it to whoever reads the partition
    /// next; may be empty.
    pub offset_metadata: String,
}

/// The topics a member of a group reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// These topics; one that does not exist yet is read once it does.
    Topics(Vec<String>),
    /// Every topic whose whole name matches this regular expression, also later ones.
    Pattern(String),
}

/// What a reader of a whole topic is made from.
#[derive(Clone, Debug)]
pub struct ReaderSettings {
    /// Identity and settings.
    pub client: ClientSettings,
    /// The topic.
    pub topic: String,
    /// Where to begin.
    pub from: ReadFrom,
    /// Whether records of open and aborted transactions are left out.
    pub is_read_committed: bool,
}

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// Where each partition begins.
    Beginning,
    /// At these offsets of these partitions; the others are not read.
    Offsets(BTreeMap<i32, i64>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_overrides_the_workers_client_settings() {
        let worker = Props::from([("consumer.a", "1"), ("consumer.b", "1"), ("producer.a", "9")]);
        let connector = Props::from([("consumer.override.b", "2"), ("consumer.c", "3")]);
        let settings = ClientSettings::of_connector(
            "id".to_owned(),
            ClientKind::Consumer,
            (&worker, &connector),
        );
        assert_eq!(settings.overrides, Props::from([("a", "1"), ("b", "2")]));
    }
}
