//! Settings of a topic: Kafka's names and defaults, and those of them that mean something here.

use std::collections::BTreeMap;

use connect_api::record::TimestampType;

/// Largest record of a topic that does not say otherwise. Kafka's megabyte protects its network
/// threads; here the only reader and writer is this process, which holds a record in memory once.
const MAX_MESSAGE_BYTES: &str = "104857600";

/// Names and defaults of a topic's settings.
///
/// Source: apache/kafka `TopicConfig` and `LogConfig`, but for `max.message.bytes`.
const DEFAULTS: [(&str, &str); 25] = [
    ("cleanup.policy", "delete"),
    ("compression.type", "producer"),
    ("delete.retention.ms", "86400000"),
    ("file.delete.delay.ms", "60000"),
    ("flush.messages", "9223372036854775807"),
    ("flush.ms", "9223372036854775807"),
    ("follower.replication.throttled.replicas", ""),
    ("index.interval.bytes", "4096"),
    ("leader.replication.throttled.replicas", ""),
    ("max.compaction.lag.ms", "9223372036854775807"),
    ("max.message.bytes", MAX_MESSAGE_BYTES),
    ("message.timestamp.after.max.ms", "3600000"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.type", "CreateTime"),
    ("min.cleanable.dirty.ratio", "0.5"),
    ("min.compaction.lag.ms", "0"),
    ("min.insync.replicas", "1"),
    ("preallocate", "false"),
    ("retention.bytes", "-1"),
    ("retention.ms", "604800000"),
    ("segment.bytes", "1073741824"),
    ("segment.index.bytes", "10485760"),
    ("segment.jitter.ms", "0"),
    ("segment.ms", "604800000"),
    ("unclean.leader.election.enable", "false"),
];

/// Settings of one topic.
#[derive(Clone, Debug)]
pub(super) struct TopicSettings {
    given: BTreeMap<String, String>,
    /// Whether the last record of each key is kept for good.
    pub(super) is_compacted: bool,
    /// Whether old records are deleted by age and size.
    pub(super) is_deleted_from: bool,
    /// Age at which records are deleted; none keeps them.
    pub(super) retention_ms: Option<i64>,
    /// Size of a partition above which its oldest records are deleted.
    pub(super) retention_bytes: Option<i64>,
    /// How long a tombstone is kept after compaction first met it.
    pub(super) delete_retention_ms: i64,
    /// Age below which records are not compacted.
    pub(super) min_compaction_lag_ms: i64,
    /// Share of a partition's bytes that must be new before it is compacted.
    pub(super) min_cleanable_dirty_ratio: f64,
    /// Largest record that is taken.
    pub(super) max_message_bytes: usize,
    /// Who stamps the records.
    pub(super) stamped_by: TimestampType,
}

impl TopicSettings {
    /// Reads what was given for a topic; the error says which setting is wrong.
    pub(super) fn parse(given: &BTreeMap<String, String>) -> Result<Self, String> {
        let reading = Reading { given };
        if let Some(name) = given.keys().find(|name| default_of(name).is_none()) {
            return Err(format!("Unknown topic config name: {name}"));
        }
        let (is_deleted_from, is_compacted) = match reading.text("cleanup.policy") {
            "delete" => (true, false),
            "compact" => (false, true),
            "compact,delete" | "delete,compact" => (true, true),
            _ => return Err(reading.complaint("cleanup.policy")),
        };
        let stamped_by = match reading.text("message.timestamp.type") {
            "CreateTime" => TimestampType::CreateTime,
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => return Err(reading.complaint("message.timestamp.type")),
        };
        let limit = |number: i64| (number >= 0).then_some(number);
        Ok(Self {
            is_compacted,
            is_deleted_from,
            retention_ms: limit(reading.number("retention.ms", -1)?),
            retention_bytes: limit(reading.number("retention.bytes", -1)?),
            delete_retention_ms: reading.number("delete.retention.ms", 0)?,
            min_compaction_lag_ms: reading.number("min.compaction.lag.ms", 0)?,
            min_cleanable_dirty_ratio: reading.ratio("min.cleanable.dirty.ratio")?,
            max_message_bytes: usize::try_from(reading.number("max.message.bytes", 0)?)
                .map_err(|_wide| reading.complaint("max.message.bytes"))?,
            stamped_by,
            given: given.clone(),
        })
    }

    /// What was given when the topic was created.
    pub(super) const fn given(&self) -> &BTreeMap<String, String> {
        &self.given
    }

    /// Every setting with the value that counts.
    pub(super) fn effective(&self) -> BTreeMap<String, String> {
        let defaults =
            DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let given = self.given.iter().map(|(name, value)| (name.clone(), value.clone()));
        defaults.chain(given).collect()
    }
}

/// What was given, with the defaults behind it.
struct Reading<'a> {
    given: &'a BTreeMap<String, String>,
}

impl Reading<'_> {
    fn text(&self, name: &str) -> &str {
        self.given.get(name).map_or_else(|| default_of(name).unwrap_or_default(), String::as_str)
    }

    fn number(&self, name: &str, least: i64) -> Result<i64, String> {
        let number = self.text(name).parse().ok().filter(|number| *number >= least);
        number.ok_or_else(|| self.complaint(name))
    }

    fn ratio(&self, name: &str) -> Result<f64, String> {
        let ratio = self.text(name).parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or_else(|| self.complaint(name))
    }

    fn complaint(&self, name: &str) -> String {
        format!("Invalid value {} for configuration {name}", self.text(name))
    }
}

fn default_of(name: &str) -> Option<&'static str> {
    DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, value: &str) -> BTreeMap<String, String> {
        [(name.to_owned(), value.to_owned())].into()
    }

    #[test]
    fn defaults_are_those_of_kafka() {
        let settings = TopicSettings::parse(&BTreeMap::new()).unwrap();
        assert!(settings.is_deleted_from && !settings.is_compacted);
        assert_eq!(settings.retention_ms, Some(7 * 24 * 3_600_000));
        assert_eq!(settings.retention_bytes, None);
        assert_eq!(settings.effective()["cleanup.policy"], "delete");
    }

    #[test]
    fn a_given_setting_wins() {
        let settings = TopicSettings::parse(&given("cleanup.policy", "compact,delete")).unwrap();
        assert!(settings.is_deleted_from && settings.is_compacted);
        assert_eq!(settings.effective()["cleanup.policy"], "compact,delete");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (name, value) in [
            ("cleanup.policy", "sometimes"),
            ("message.timestamp.type", "Never"),
            ("retention.ms", "-2"),
            ("min.cleanable.dirty.ratio", "1.5"),
        ] {
            let complaint = TopicSettings::parse(&given(name, value)).unwrap_err();
            assert_eq!(complaint, format!("Invalid value {value} for configuration {name}"));
        }
        let complaint = TopicSettings::parse(&given("retention", "1")).unwrap_err();
        assert_eq!(complaint, "Unknown topic config name: retention");
    }
}
