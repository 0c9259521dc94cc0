//! Creates, describes and deletes topics; reads and changes what groups have committed.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use connect_api::{record::TopicPartition, sink::SinkOffsets};
use rusqlite::{Transaction, params};

use super::{
    catalog::{Partition, Topic},
    fault::Fault,
    group::Groups,
    log::Log,
    settings::TopicSettings,
};
use crate::broker::{
    Admin, BrokerError, NewTopic, Result, TopicCreation, TopicDescription, Watermarks,
};

/// Longest name of a topic.
///
/// Source: apache/kafka `Topic.MAX_NAME_LENGTH`.
const MAX_NAME_BYTES: usize = 249;

/// Looks after the log's topics and groups.
#[derive(Debug)]
pub(super) struct EmbeddedAdmin {
    pub(super) log: Arc<Log>,
    pub(super) groups: Groups,
}

#[async_trait]
impl Admin for EmbeddedAdmin {
    async fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation> {
        create_topic(&self.log, topic).await
    }

    async fn describe_topics(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, TopicDescription>> {
        let describe = |name: &String| {
            let partitions = self.log.catalog.topic(name).ok()?.partitions.len();
            let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
            Some((name.clone(), TopicDescription { partitions }))
        };
        Ok(names.iter().filter_map(describe).collect())
    }

    async fn list_topics(&self) -> Result<Vec<String>> {
        let topics = self.log.catalog.topics();
        Ok(topics.iter().map(|topic| topic.name.as_ref().to_owned()).collect())
    }

    async fn topic_settings(&self, name: &str) -> Result<BTreeMap<String, String>> {
        Ok(self.log.catalog.topic(name)?.settings.effective())
    }

    async fn delete_topic(&self, name: &str) -> Result<()> {
        let name: Arc<str> = Arc::from(name);
        let catalog = Arc::clone(&self.log.catalog);
        let (forgotten, hidden) = (Arc::clone(&name), Arc::clone(&name));
        let forget = move |transaction: &Transaction<'_>| forget_topic(transaction, &forgotten);
        let hide = move |was_there: &bool| {
            if *was_there {
                catalog.remove(&hidden);
            }
        };
        if !self.log.change(forget, hide).await? {
            return Err(BrokerError::UnknownTopic(name.as_ref().to_owned()));
        }
        // Its records are taken away piece by piece, while others write.
        self.log.cleaning.notify_one();
        Ok(())
    }

    async fn watermarks(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Watermarks>> {
        let watermarks = |name: &TopicPartition| {
            let partition = self.log.catalog.partition(name)?;
            Ok((name.clone(), Watermarks { low: partition.low(), high: partition.high() }))
        };
        partitions.iter().map(watermarks).collect()
    }

    async fn committed_offsets(&self, group_id: &str) -> Result<SinkOffsets> {
        let committed = self.log.committed(group_id).await?;
        Ok(committed.into_iter().map(|(at, committed)| (at, committed.offset)).collect())
    }

    async fn alter_offsets(
        &self,
        group_id: &str,
        offsets: &[(TopicPartition, Option<i64>)],
    ) -> Result<()> {
        self.groups.alter(group_id, offsets.to_vec()).await
    }

    async fn delete_group(&self, group_id: &str) -> Result<()> {
        self.groups.delete(group_id).await
    }
}

/// Creates a topic unless it is there.
pub(super) async fn create_topic(log: &Log, new: &NewTopic) -> Result<TopicCreation> {
    let rejected = |reason: String| BrokerError::Rejected {
        operation: format!("Creating topic \"{}\"", new.name),
        source: reason.into(),
    };
    if log.catalog.topic(&new.name).is_ok() {
        return Ok(TopicCreation::Existed);
    }
    check_name(&new.name).map_err(rejected)?;
    let partitions = new.partitions.unwrap_or(1);
    if partitions < 1 {
        return Err(rejected("Number of partitions must be larger than 0.".to_owned()));
    }
    // There is one copy of everything here, however many are asked for: a worker's default of
    // three must not keep it from starting without Kafka.
    if new.replication_factor.is_some_and(|copies| copies < 1 && copies != -1) {
        return Err(rejected("Replication factor must be larger than 0.".to_owned()));
    }
    let settings = TopicSettings::parse(&new.settings).map_err(rejected)?;
    let name: Arc<str> = Arc::from(new.name.as_str());
    let catalog = Arc::clone(&log.catalog);
    let make =
        move |transaction: &Transaction<'_>| make_topic(transaction, &name, settings, partitions);
    let show = move |topic: &Option<Arc<Topic>>| {
        if let Some(topic) = topic {
            catalog.add(Arc::clone(topic));
        }
    };
    Ok(match log.change(make, show).await? {
        Some(_topic) => TopicCreation::Created,
        None => TopicCreation::Existed,
    })
}

/// Source: apache/kafka `Topic.validate`.
fn check_name(name: &str) -> Result<(), String> {
    let complaint = if name.is_empty() {
        "the empty string is not allowed"
    } else if name == "." || name == ".." {
        "'.' or '..' is not allowed"
    } else if name.len() > MAX_NAME_BYTES {
        "the length is longer than the max allowed length 249"
    } else if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Ok(());
    } else {
        "it contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    };
    Err(format!("Topic name is invalid: {complaint}"))
}

fn make_topic(
    transaction: &Transaction<'_>,
    name: &Arc<str>,
    settings: TopicSettings,
    partitions: i32,
) -> Result<Option<Arc<Topic>>, Fault> {
    let text = serde_json::to_string(settings.given())
        .map_err(|error| Fault::broken(error.to_string()))?;
    let added = transaction
        .prepare_cached("INSERT OR IGNORE INTO topic (name, settings) VALUES (?, ?)")?
        .execute(params![name, text])?;
    if added == 0 {
        return Ok(None);
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO partition (topic, number, low, least_high, compacted_to)
         VALUES (?, ?, 0, 0, 0)",
    )?;
    let make = |number| {
        let id = insert.insert(params![name, number])?;
        let partition = TopicPartition::new(Arc::clone(name), number);
        Ok(Arc::new(Partition::new(id, partition, Watermarks { low: 0, high: 0 })))
    };
    let partitions = (0..partitions).map(make).collect::<Result<_, Fault>>()?;
    Ok(Some(Arc::new(Topic::new(Arc::clone(name), settings, partitions))))
}

/// Forgets a topic and what groups have committed for it; its batches are orphans then.
fn forget_topic(transaction: &Transaction<'_>, name: &str) -> Result<bool, Fault> {
    let removed = transaction.execute("DELETE FROM topic WHERE name = ?", [name])?;
    transaction.execute("DELETE FROM partition WHERE topic = ?", [name])?;
    transaction.execute("DELETE FROM group_offset WHERE topic = ?", [name])?;
    Ok(removed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_kafka_does() {
        let long = "a".repeat(250);
        for name in ["", ".", "..", "a b", "a/b", "\u{e4}", long.as_str()] {
            assert!(check_name(name).is_err(), "{name}");
        }
        check_name("connect-offsets_1.x").unwrap();
    }
}
