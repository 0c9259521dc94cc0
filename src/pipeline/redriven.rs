//! Records that came back from a dead letter queue: where they lie, and where they were first.
//!
//! A letter that goes back to one connector alone is written to a topic of that connector's own
//! ([`redrive_topic`]), which its tasks read beside their topics. Such a record says in headers
//! where it was first ([`Home`]), and the pipeline gives it that topic's name again; the partition
//! and the offset stay those of the topic it lies in, because they are what is committed.

use std::sync::Arc;

use bytes::Bytes;

use crate::broker::RawHeader;

/// Beginning of the names of the headers that a failure leaves. Source: KIP-298.
pub const CONTEXT_HEADERS: &str = "__connect.errors.";

/// Beginning of the names of the headers that a redrive leaves.
pub const REDRIVE_HEADERS: &str = "__millrace.redrive.";

/// Header that counts how often a record was redriven.
pub const ATTEMPTS_HEADER: &str = "__millrace.redrive.attempts";

const TOPIC: &str = "__millrace.redrive.topic";
const PARTITION: &str = "__millrace.redrive.partition";
const OFFSET: &str = "__millrace.redrive.offset";

/// Longest name of a topic. Source: apache/kafka `Topic.java`.
const LONGEST_NAME: usize = 249;

/// Where a record was first: the topic, and what else is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: Option<i32>,
    /// Offset.
    pub offset: Option<i64>,
}

impl Home {
    /// What the headers of a redriven record say.
    #[must_use]
    pub fn of(headers: &[RawHeader]) -> Option<Self> {
        let number = |name| last_text(headers, name).and_then(|text| text.parse().ok());
        Some(Self {
            topic: last_text(headers, TOPIC)?.into(),
            partition: number(PARTITION).and_then(|number| i32::try_from(number).ok()),
            offset: number(OFFSET),
        })
    }

    /// The headers that say it.
    pub fn headers(&self) -> impl Iterator<Item = RawHeader> {
        let topic = (TOPIC, Some(self.topic.as_ref().to_owned()));
        let partition = (PARTITION, self.partition.map(|number| number.to_string()));
        let offset = (OFFSET, self.offset.map(|number| number.to_string()));
        let header = |(name, text): (&str, Option<String>)| Some((name.into(), Some(text?.into())));
        [topic, partition, offset].into_iter().filter_map(header)
    }

    /// Whether a header is one of these.
    #[must_use]
    pub fn is_header(name: &str) -> bool {
        [TOPIC, PARTITION, OFFSET].contains(&name)
    }
}

/// Text of the last header of a name; the ones before it are of those who wrote the record.
#[must_use]
pub fn last_text<'a>(headers: &'a [RawHeader], name: &str) -> Option<&'a str> {
    let value = headers.iter().rev().find(|(known, _)| known.as_ref() == name)?.1.as_ref();
    std::str::from_utf8(value.map(Bytes::as_ref)?).ok()
}

/// Topic of the letters that go back to a connector: `QUEUE.redrive.CONNECTOR`. Where the
/// connector's name is no name of a topic, its odd characters become `_` and a checksum is added.
#[must_use]
pub fn redrive_topic(queue: &str, connector: &str) -> String {
    let is_legal = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let name = connector.replace(|letter| !is_legal(letter), "_");
    let topic = format!("{queue}.redrive.{name}");
    if name == connector && topic.len() <= LONGEST_NAME {
        return topic;
    }
    let mark = format!("-{:08x}", crc32fast::hash(connector.as_bytes()));
    let kept: String = topic.chars().take(LONGEST_NAME - mark.len()).collect();
    kept + &mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_read_from_the_headers_it_writes() {
        let whole = Home { topic: "orders".into(), partition: Some(3), offset: Some(17) };
        let bare = Home { topic: "orders".into(), partition: None, offset: None };
        for home in [whole, bare] {
            let headers: Vec<_> = home.headers().collect();
            assert!(headers.iter().all(|(name, _)| Home::is_header(name)));
            assert_eq!(Home::of(&headers), Some(home));
        }
        assert_eq!(Home::of(&[]), None);
    }

    #[test]
    fn every_connector_has_a_topic_of_its_own_with_a_legal_name() {
        assert_eq!(redrive_topic("dead", "orders-sink"), "dead.redrive.orders-sink");
        let odd = redrive_topic("dead", "orders sink");
        assert!(odd.starts_with("dead.redrive.orders_sink-"), "{odd}");
        assert_ne!(odd, redrive_topic("dead", "orders/sink"));
        assert_eq!(redrive_topic("dead", &"c".repeat(500)).len(), LONGEST_NAME);
    }
}
