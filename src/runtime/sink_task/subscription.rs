//! What a sink task reads: the topics of its configuration, and the letters that come back to it.

use std::sync::Arc;

use connect_api::{
    config::{Config as _, Props},
    error::{ConnectorError, ErrorClass, Result},
};

use crate::{
    broker::{ClientKind, ConsumerSettings, Subscription},
    pipeline::DeadLetterConfig,
    runtime::{
        Seat,
        life::{Tries, from_broker},
    },
};

/// What a task reads, and by which consumer.
pub(super) struct Reading {
    pub(super) consumer: ConsumerSettings,
    /// Topic of the letters that come back to the connector, once somebody has redriven any.
    pub(super) redrive_topic: Option<Arc<str>>,
}

impl Reading {
    /// Has the group's offsets read only once every transaction that changes them is decided: a task
    /// that died may have left one that is being committed.
    ///
    /// Source: KIP-447, where stable offsets come with this isolation level.
    pub(super) fn wait_for_decided_offsets(&mut self) {
        self.consumer.client.overrides.insert("isolation.level", "read_committed");
    }
}

/// Finds out what to read; none when the task was told to stop before the broker answered.
pub(super) async fn find(seat: &Seat) -> Result<Option<Reading>> {
    let config = &seat.spec.connector_config;
    let mut client = seat.client("consumer", ClientKind::Consumer);
    let own_group = client.overrides.get("group.id").map(str::to_owned);
    let group_id = own_group.unwrap_or_else(|| format!("connect-{}", seat.spec.id.connector));
    let subscription = subscription(config)?;
    let letters = DeadLetterConfig::parse(config)?.redrive_topic(&seat.spec.id.connector);
    let redrive_topic = match letters {
        Some(topic) => match exists(seat, &topic).await? {
            Some(exists) => Some(topic).filter(|_| exists),
            None => return Ok(None),
        },
        None => None,
    };
    let subscription = match &redrive_topic {
        Some(topic) => {
            // A letter counts as redriven once its transaction is committed, and not before.
            client.overrides.insert("isolation.level", "read_committed");
            with_topic(subscription, topic)
        }
        None => subscription,
    };
    let offset_metadata = String::new();
    let consumer = ConsumerSettings { client, group_id, subscription, offset_metadata };
    Ok(Some(Reading { consumer, redrive_topic: redrive_topic.map(Into::into) }))
}

fn subscription(config: &Props) -> Result<Subscription> {
    let topics: Vec<String> = config
        .get("topics")
        .unwrap_or_default()
        .split(',')
        .map(|topic| topic.trim().to_owned())
        .filter(|topic| !topic.is_empty())
        .collect();
    match config.get("topics.regex").map(str::trim) {
        Some(pattern) if !pattern.is_empty() => Ok(Subscription::Pattern(pattern.to_owned())),
        _ if topics.is_empty() => {
            Err(ConnectorError::invalid("Must configure one of topics or topics.regex"))
        }
        _ => Ok(Subscription::Topics(topics)),
    }
}

fn with_topic(subscription: Subscription, topic: &str) -> Subscription {
    match subscription {
        Subscription::Topics(mut topics) => {
            if !topics.iter().any(|known| known == topic) {
                topics.push(topic.to_owned());
            }
            Subscription::Topics(topics)
        }
        Subscription::Pattern(pattern) => {
            Subscription::Pattern(format!("{pattern}|{}", regex::escape(topic)))
        }
    }
}

/// Whether a topic is there; none when the task was told to stop. What may not be looked at is not
/// there for this connector.
async fn exists(seat: &Seat, topic: &str) -> Result<Option<bool>> {
    let admin = seat.admin("dlq-adminclient").await?;
    let names = [topic.to_owned()];
    let mut tries = Tries::of_broker();
    loop {
        match admin.describe_topics(&names).await {
            Ok(found) => return Ok(Some(found.contains_key(topic))),
            Err(error) if error.class() == ErrorClass::Forbidden => return Ok(Some(false)),
            Err(error) => {
                if !tries.again(seat, from_broker(error)).await? {
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_beside_what_the_configuration_names() {
        let topics = |names: &[&str]| {
            Subscription::Topics(names.iter().map(|&name| name.to_owned()).collect())
        };
        assert_eq!(with_topic(topics(&["a"]), "d.redrive.c"), topics(&["a", "d.redrive.c"]));
        assert_eq!(with_topic(topics(&["b"]), "b"), topics(&["b"]));
        let pattern = with_topic(Subscription::Pattern("a|b".to_owned()), "d.redrive.c");
        assert_eq!(pattern, Subscription::Pattern(r"a|b|d\.redrive\.c".to_owned()));
    }
}
