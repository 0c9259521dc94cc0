//! Topics of a source task: created with its connector's settings before the first record goes
//! there, and reported once.
//!
//! Source: KIP-158.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use connect_api::{
    config::Props,
    error::{ConnectorError, Result},
};
use regex::Regex;

use super::{Seat, TaskEventKind, from_broker};
use crate::broker::{Admin, NewTopic, ProducerRecord};

/// What a task knows of the topics it writes to.
pub(super) struct Topics {
    seen: HashSet<Arc<str>>,
    last: Option<Arc<str>>,
    creation: Option<Creation>,
}

/// How missing topics are created.
struct Creation {
    admin: Arc<dyn Admin>,
    /// In the order they are tried; the last is `default`, which matches all.
    groups: Vec<Group>,
}

/// One entry of `topic.creation.groups`.
struct Group {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    settings: BTreeMap<String, String>,
}

impl Topics {
    pub(super) async fn new(seat: &Seat) -> Result<Self> {
        let config = &seat.spec.connector_config;
        let creation = if seat.creates_topics() {
            let admin = seat.admin("adminclient").await?;
            Some(Creation { admin, groups: groups(config)? })
        } else {
            None
        };
        Ok(Self { seen: HashSet::new(), last: None, creation })
    }

    /// Looks at the topics of a batch; nearly always it is the one that was there last.
    pub(super) async fn prepare(&mut self, seat: &Seat, records: &[ProducerRecord]) -> Result<()> {
        for record in records {
            if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &record.topic)) {
                continue;
            }
            if self.seen.insert(Arc::clone(&record.topic)) {
                check_is_free(seat, &record.topic)?;
                if let Some(creation) = &self.creation {
                    creation.ensure(&record.topic).await?;
                }
                let seen = TaskEventKind::TopicSeen(Arc::clone(&record.topic));
                seat.reporter.report(seen).await;
            }
            self.last = Some(Arc::clone(&record.topic));
        }
        Ok(())
    }
}

/// Whoever chooses a record's topic, such as a client of an endpoint, must not become the worker's
/// master by that.
fn check_is_free(seat: &Seat, topic: &str) -> Result<()> {
    if !seat.settings.own_topics.contains(topic) {
        return Ok(());
    }
    let text =
        format!("A record is for topic \"{topic}\", in which the worker keeps its own state");
    Err(ConnectorError::invalid(text).hint("Choose another topic for the connector's records"))
}

impl Creation {
    async fn ensure(&self, name: &str) -> Result<()> {
        let described = self.admin.describe_topics(&[name.to_owned()]).await;
        if described.map_err(from_broker)?.contains_key(name) {
            return Ok(());
        }
        let Some(group) = self.groups.iter().find(|group| group.matches(name)) else {
            return Ok(());
        };
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: group.partitions,
            replication_factor: group.replication_factor,
            settings: group.settings.clone(),
        };
        self.admin.create_topic(&topic).await.map(drop).map_err(|error| {
            ConnectorError::new(
                error.class(),
                format!(
                    "Task failed to create new topic (name={name}, numPartitions={}, \
                     replicationFactor={}, replicasAssignments=null, configs={:?}). Ensure that \
                     the task is authorized to create topics or that the topic exists and restart \
                     the task",
                    topic.partitions.unwrap_or(-1),
                    topic.replication_factor.unwrap_or(-1),
                    topic.settings,
                ),
            )
            .caused_by(error)
        })
    }
}

impl Group {
    fn matches(&self, topic: &str) -> bool {
        self.include.iter().any(|pattern| pattern.is_match(topic))
            && !self.exclude.iter().any(|pattern| pattern.is_match(topic))
    }
}

/// Keys of a group that are not settings of the topic.
const OWN_KEYS: [&str; 4] = ["include", "exclude", "partitions", "replication.factor"];

fn groups(config: &Props) -> Result<Vec<Group>> {
    let names = config.get("topic.creation.groups").unwrap_or_default();
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    let default = config.with_prefix("topic.creation.default.");
    names
        .filter(|name| *name != "default")
        .map(|name| group(&config.with_prefix(&format!("topic.creation.{name}.")), &default))
        .chain(std::iter::once_with(|| {
            let everything = Props::from_iter([("include", ".*")]);
            group(&everything, &default)
        }))
        .collect()
}

fn group(own: &Props, default: &Props) -> Result<Group> {
    let of = |key| own.get(key).or_else(|| default.get(key));
    let is_default = own.get("include") == Some(".*") && own.len() == 1;
    let settings = if is_default { default } else { own };
    Ok(Group {
        include: patterns(own.get("include"))?,
        exclude: patterns(own.get("exclude"))?,
        partitions: number(of("partitions"), "partitions")?.filter(|&count| count != -1),
        replication_factor: number(of("replication.factor"), "replication.factor")?
            .filter(|&count| count != -1),
        settings: settings
            .iter()
            .filter(|(key, _)| !OWN_KEYS.contains(key))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    })
}

fn patterns(list: Option<&str>) -> Result<Vec<Regex>> {
    let items = list.unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            Regex::new(&format!("^(?:{item})$")).map_err(|error| {
                ConnectorError::invalid(format!("\"{item}\" is not a regular expression"))
                    .caused_by(error)
            })
        })
        .collect()
}

fn number<N: std::str::FromStr>(text: Option<&str>, key: &str) -> Result<Option<N>> {
    let parse = |text: &str| {
        text.trim().parse().map_err(|_not_a_number| {
            ConnectorError::invalid(format!("\"{text}\" is not a number for topic creation {key}"))
        })
    };
    text.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_that_matches_decides_and_default_fills_the_gaps() {
        let config = Props::from_iter([
            ("topic.creation.groups", "compacted, audit"),
            ("topic.creation.default.partitions", "3"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.default.retention.ms", "1000"),
            ("topic.creation.compacted.include", "state-.*,keys"),
            ("topic.creation.compacted.exclude", "state-tmp"),
            ("topic.creation.compacted.cleanup.policy", "compact"),
            ("topic.creation.audit.include", "state-tmp"),
            ("topic.creation.audit.partitions", "1"),
        ]);
        let groups = groups(&config).unwrap();
        let of = |topic| groups.iter().find(|group| group.matches(topic)).unwrap();
        let compacted = of("state-users");
        assert_eq!(compacted.partitions, Some(3));
        assert_eq!(compacted.settings.get("cleanup.policy").unwrap(), "compact");
        assert_eq!(of("state-tmp").partitions, Some(1));
        let default = of("anything");
        assert_eq!((default.partitions, default.replication_factor), (Some(3), None));
        assert_eq!(default.settings.get("retention.ms").unwrap(), "1000");
    }
}
