//! What a letter says of itself.

use bytes::Bytes;

use crate::{
    broker::{ConsumerRecord, RawHeader},
    pipeline::{ATTEMPTS_HEADER, CONTEXT_HEADERS, Home, REDRIVE_HEADERS, last_text},
};

/// What the headers of a letter say. Source: KIP-298.
#[derive(Clone, Debug)]
pub(super) struct Context<'a> {
    /// Where the record was first.
    pub(super) home: Option<Home>,
    pub(super) connector: Option<&'a str>,
    pub(super) task: Option<u32>,
    pub(super) stage: Option<&'a str>,
    pub(super) class: Option<&'a str>,
    pub(super) exception: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    pub(super) stacktrace: Option<&'a str>,
    /// How often the record was redriven before it failed.
    pub(super) attempts: u32,
}

impl<'a> Context<'a> {
    pub(super) fn of(record: &'a ConsumerRecord) -> Self {
        let headers = &record.headers;
        let text = |name: &str| last_text(headers, &format!("{CONTEXT_HEADERS}{name}"));
        let number = |name| text(name).and_then(|text| text.parse::<i64>().ok());
        let narrow = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        let home = text("topic").map(|topic| Home {
            topic: topic.into(),
            partition: number("partition").and_then(|number| i32::try_from(number).ok()),
            offset: number("offset"),
        });
        let attempts = last_text(headers, ATTEMPTS_HEADER).and_then(|text| text.parse().ok());
        Self {
            home: home.or_else(|| Home::of(headers)),
            connector: text("connector.name"),
            task: narrow(number("task.id")),
            stage: text("stage"),
            class: text("class.name"),
            exception: text("exception.class.name"),
            message: text("exception.message"),
            stacktrace: text("exception.stacktrace"),
            attempts: attempts.unwrap_or(0),
        }
    }

    /// Whether the letter may be this connector's: one that does not say whose it is may be
    /// anybody's.
    pub(super) fn may_be_of(&self, connector: &str) -> bool {
        self.connector.is_none_or(|known| known == connector)
    }
}

/// The headers that the record had before it failed: of each header that tells of a failure the
/// last one is taken away, and those of redrives.
pub(super) fn own_headers(record: &ConsumerRecord) -> Vec<RawHeader> {
    let mut taken: Vec<&str> = Vec::new();
    let mut kept: Vec<RawHeader> = Vec::with_capacity(record.headers.len());
    for header in record.headers.iter().rev() {
        let name = header.0.as_ref();
        if name.starts_with(REDRIVE_HEADERS) {
            continue;
        }
        if name.starts_with(CONTEXT_HEADERS) && !taken.contains(&name) {
            taken.push(name);
            continue;
        }
        kept.push(header.clone());
    }
    kept.reverse();
    kept
}

/// Tells a letter from another one that a queue made anew has at the same offset.
pub(super) fn fingerprint(record: &ConsumerRecord) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let mut part = |bytes: Option<&Bytes>| match bytes {
        // The length, so that a byte more here is not a byte less there.
        Some(bytes) => {
            hasher.update(&bytes.len().to_le_bytes());
            hasher.update(bytes);
        }
        None => hasher.update(&[0xff]),
    };
    part(record.key.as_ref());
    part(record.value.as_ref());
    for (name, value) in &record.headers {
        part(Some(&Bytes::copy_from_slice(name.as_bytes())));
        part(value.as_ref());
    }
    hasher.update(&record.timestamp_ms.unwrap_or(-1).to_le_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use connect_api::record::TimestampType;

    use super::*;

    fn letter(headers: &[(&str, &str)]) -> ConsumerRecord {
        let header = |(name, value): &(&str, &str)| {
            ((*name).into(), Some(Bytes::copy_from_slice(value.as_bytes())))
        };
        ConsumerRecord {
            offset: 0,
            timestamp_ms: Some(1),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: None,
            headers: headers.iter().map(header).collect(),
        }
    }

    #[test]
    fn a_letter_of_a_letter_is_known_by_its_last_failure_and_keeps_the_first() {
        let letter = letter(&[
            ("own", "1"),
            ("__connect.errors.topic", "before"),
            ("__millrace.redrive.attempts", "2"),
            ("__connect.errors.topic", "orders"),
            ("__connect.errors.partition", "3"),
            ("__connect.errors.offset", "x"),
        ]);
        let context = Context::of(&letter);
        let home = Home { topic: "orders".into(), partition: Some(3), offset: None };
        assert_eq!((context.home, context.attempts), (Some(home), 2));
        let kept = own_headers(&letter);
        let kept: Vec<_> = kept.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(kept, ["own", "__connect.errors.topic"]);
    }

    #[test]
    fn letters_differ_where_any_part_of_them_does() {
        let one = letter(&[("a", "bc")]);
        let mut others = vec![letter(&[("ab", "c")]), letter(&[])];
        others.push(ConsumerRecord { timestamp_ms: Some(2), ..one.clone() });
        others.push(ConsumerRecord { value: Some(Bytes::new()), ..one.clone() });
        for other in &others {
            assert_ne!(fingerprint(&one), fingerprint(other), "{other:?}");
        }
        assert_eq!(fingerprint(&one), fingerprint(&one.clone()));
    }
}
