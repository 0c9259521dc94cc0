//! Creates the topics that a source writes to.
//!
//! Source: KIP-158, apache/kafka `TopicCreationGroup.java`.

use std::{collections::BTreeMap, sync::Arc};

use connect_api::{
    config::{ConfigType as _, Props},
    error::{ConnectorError, Result},
};
use regex::Regex;

use super::{Environment, start::broker_failure};
use crate::broker::{Admin, NewTopic};

const PREFIX: &str = "topic.creation.";
const DEFAULT_GROUP: &str = "default";

/// Topics that are made alike.
#[derive(Debug)]
struct Group {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    settings: BTreeMap<String, String>,
}

/// Creates missing topics by the connector's rules.
#[derive(Debug)]
pub(super) struct TopicCreator {
    groups: Vec<Group>,
    admin: Arc<dyn Admin>,
}

impl TopicCreator {
    /// The creator that the connector asks for; none leaves it to the broker.
    pub(super) async fn of(environment: &Environment) -> Result<Option<Self>> {
        let config = &environment.spec.connector_config;
        let is_asked_for = config.keys().any(|key| key.starts_with(PREFIX));
        if !environment.settings.topic_creation || !is_asked_for {
            return Ok(None);
        }
        let groups = groups(config)?;
        let settings = environment.admin_settings("adminclient");
        let admin = environment.settings.broker.admin(&settings).await.map_err(|error| {
            broker_failure("Could not open the client that creates topics", error)
        })?;
        Ok(Some(Self { groups, admin }))
    }

    /// Creates a topic unless it is there.
    pub(super) async fn ensure(&self, topic: &str) -> Result<()> {
        let described = self.admin.describe_topics(&[topic.to_owned()]).await;
        let described = described.map_err(|error| {
            broker_failure(&format!("Could not look up topic \"{topic}\""), error)
        })?;
        let Some(group) = self.groups.iter().find(|group| group.is_for(topic)) else {
            return Ok(());
        };
        if described.contains_key(topic) {
            return Ok(());
        }
        let new = group.topic(topic);
        match self.admin.create_topic(&new).await {
            Ok(_) => Ok(()),
            Err(error) if error.class().is_retriable() => {
                Err(broker_failure(&format!("Could not create topic \"{topic}\""), error))
            }
            Err(error) => Err(ConnectorError::internal(refusal(&new)).caused_by(error)),
        }
    }
}

fn refusal(new: &NewTopic) -> String {
    let settings: Vec<_> =
        new.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!(
        "Task failed to create new topic (name={}, numPartitions={}, replicationFactor={}, \
         replicasAssignments=null, configs={{{}}}). Ensure that the task is authorized to create \
         topics or that the topic exists and restart the task",
        new.name,
        new.partitions.unwrap_or(-1),
        new.replication_factor.unwrap_or(-1),
        settings.join(", ")
    )
}

impl Group {
    fn is_for(&self, topic: &str) -> bool {
        self.include.iter().any(|pattern| pattern.is_match(topic))
            && !self.exclude.iter().any(|pattern| pattern.is_match(topic))
    }

    fn topic(&self, name: &str) -> NewTopic {
        NewTopic {
            name: name.to_owned(),
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            settings: self.settings.clone(),
        }
    }
}

/// The groups in the order in which they are asked, the default last.
fn groups(config: &Props) -> Result<Vec<Group>> {
    let names = Vec::<String>::parse(config.get("topic.creation.groups").unwrap_or_default());
    let names = names.map_err(ConnectorError::invalid)?;
    let own = names.iter().map(String::as_str).filter(|name| *name != DEFAULT_GROUP);
    let default = config.with_prefix("topic.creation.default.");
    own.chain([DEFAULT_GROUP]).map(|name| group(config, name, &default)).collect()
}

fn group(config: &Props, name: &str, default: &Props) -> Result<Group> {
    let mut own = config.with_prefix(&format!("{PREFIX}{name}."));
    let key = |part: &str| format!("{PREFIX}{name}.{part}");
    let (include, exclude) = (own.remove("include"), own.remove("exclude"));
    let (include, exclude) = if name == DEFAULT_GROUP {
        (patterns(".*", &key("include"))?, Vec::new())
    } else {
        (
            patterns(include.as_deref().unwrap_or_default(), &key("include"))?,
            patterns(exclude.as_deref().unwrap_or_default(), &key("exclude"))?,
        )
    };
    let mut number = |part: &str| {
        let text = own.remove(part).or_else(|| default.get(part).map(str::to_owned));
        let text = text.ok_or_else(|| {
            ConnectorError::invalid(format!(
                "Missing required configuration \"{PREFIX}{DEFAULT_GROUP}.{part}\" which has no \
                 default value."
            ))
        })?;
        i32::parse(text.trim()).map_err(|reason| {
            let key = format!("{PREFIX}{name}.{part}");
            ConnectorError::invalid(format!(
                "Invalid value {text} for configuration {key}: {reason}"
            ))
        })
    };
    // -1 leaves it to the broker.
    let partitions = Some(number("partitions")?).filter(|number| *number > 0);
    let replication_factor =
        i16::try_from(number("replication.factor")?).ok().filter(|number| *number > 0);
    let settings = own.into_iter().collect();
    Ok(Group { include, exclude, partitions, replication_factor, settings })
}

fn patterns(list: &str, key: &str) -> Result<Vec<Regex>> {
    let patterns = Vec::<String>::parse(list).map_err(ConnectorError::invalid)?;
    let whole = |pattern: &String| {
        Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            ConnectorError::invalid(format!(
                "Invalid value {pattern} for configuration {key}: Invalid regex: {error}"
            ))
        })
    };
    patterns.iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_that_wants_the_topic_makes_it() {
        let groups = groups(&Props::from([
            ("topic.creation.groups", "logs"),
            ("topic.creation.default.partitions", "3"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.logs.include", "log-.*"),
            ("topic.creation.logs.exclude", "log-x"),
            ("topic.creation.logs.partitions", "1"),
            ("topic.creation.logs.cleanup.policy", "compact"),
        ]))
        .unwrap();
        let made =
            |topic: &str| groups.iter().find(|group| group.is_for(topic)).unwrap().topic(topic);
        assert_eq!(made("log-a").partitions, Some(1));
        assert_eq!(made("log-a").settings["cleanup.policy"], "compact");
        assert_eq!(made("log-a").replication_factor, None, "-1 leaves it to the broker");
        assert_eq!(made("log-x").partitions, Some(3));
        assert!(made("other").settings.is_empty());
    }

    #[test]
    fn a_refused_topic_is_described_in_the_original_words() {
        let new = NewTopic {
            name: "t".to_owned(),
            partitions: Some(2),
            replication_factor: None,
            settings: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        };
        assert!(refusal(&new).starts_with(
            "Task failed to create new topic (name=t, numPartitions=2, replicationFactor=-1, \
             replicasAssignments=null, configs={a=b}). Ensure"
        ));
    }
}
