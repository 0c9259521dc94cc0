//! Where a letter goes, and what it looks like there.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    progress::Skip,
    request::{Destination, LetterPlace, RedriveRequest},
};
use crate::{
    broker::{Admin, ConsumerRecord, ProducerRecord, TopicCreation},
    letters::{
        context::{Context, fingerprint, own_headers},
        error::{LettersError, Result},
        queue::{Queue, partitions_of},
    },
    pipeline::{ATTEMPTS_HEADER, Home},
};

/// Partitions that the topic of a connector's letters has at least beside the one it uses, so that
/// topics may grow.
const SPARE: i32 = 8;

/// Letters stay until the connector has read them, however long it is stopped.
const KEEP: [(&str, &str); 2] = [("cleanup.policy", "delete"), ("retention.ms", "-1")];

/// A letter on its way.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) place: LetterPlace,
    pub(super) record: ProducerRecord,
    /// Checksum of the letter.
    pub(super) letter: u32,
}

/// Where letters go.
#[derive(Debug)]
pub(super) enum Target {
    /// To the topic they were in first.
    Topic,
    /// To this partition of the topic that the connector reads letters from.
    Connector(Arc<str>, i32),
}

impl Target {
    /// Where letters of a request go, and whether that place is new.
    pub(super) async fn find(
        admin: &dyn Admin,
        queue: &Queue,
        request: &RedriveRequest,
    ) -> Result<(Self, TopicCreation)> {
        if request.to == Destination::Topic {
            return Ok((Self::Topic, TopicCreation::Existed));
        }
        let topic = queue.redrive_topic();
        let finding = async {
            if let Some(count) = partitions_of(admin, &topic).await? {
                return Ok((count, TopicCreation::Existed));
            }
            let names = queue.own_topics(admin).await?;
            let known = admin.describe_topics(&names).await?;
            let most = known.values().map(|topic| topic.partitions).max().unwrap_or(0);
            let count = spare_partitions(most).saturating_add(1);
            if request.dry_run {
                return Ok((count, TopicCreation::Existed));
            }
            let created = queue.create_topic(admin, (&topic, count), &KEEP).await?;
            Ok((count, created))
        };
        let found = finding.await;
        let (count, created) = found
            .map_err(LettersError::during(format!("make topic \"{topic}\" for the letters")))?;
        Ok((Self::Connector(topic.into(), count - 1), created))
    }
}

/// Sinks name what they write after topic, partition and offset, and the topic they see is the one
/// a record was in first: letters must be in a partition which that topic does not have.
fn spare_partitions(most: i32) -> i32 {
    let power = u32::try_from(most).unwrap_or(0).checked_next_power_of_two();
    power.and_then(|power| i32::try_from(power).ok()).unwrap_or(most).max(SPARE)
}

/// Plans letters one by one.
pub(super) struct Planner<'a> {
    admin: &'a dyn Admin,
    request: &'a RedriveRequest,
    target: Target,
    /// Partitions of topics that letters are of.
    partitions: BTreeMap<Arc<str>, Option<i32>>,
}

impl<'a> Planner<'a> {
    pub(super) const fn new(
        admin: &'a dyn Admin,
        request: &'a RedriveRequest,
        target: Target,
    ) -> Self {
        Self { admin, request, target, partitions: BTreeMap::new() }
    }

    /// What a letter looks like where it goes, or why it stays.
    ///
    /// # Errors
    /// `Crowded`, or when the broker does not say what the letter's topic is like.
    pub(super) async fn plan(
        &mut self,
        place: LetterPlace,
        record: &ConsumerRecord,
        context: Context<'_>,
    ) -> Result<Result<Planned, Skip>> {
        if context.attempts >= self.request.max_attempts {
            return Ok(Err(Skip::TooManyAttempts));
        }
        let named = self.request.topic.as_deref();
        let named = named.map(|topic| Home { topic: topic.into(), partition: None, offset: None });
        let Some(home) = context.home.or(named) else { return Ok(Err(Skip::NoOrigin)) };
        let count = self.partitions_of(&home.topic).await?;
        let mut headers = own_headers(record);
        headers.push((
            ATTEMPTS_HEADER.into(),
            Some(context.attempts.saturating_add(1).to_string().into()),
        ));
        let (topic, partition) = match (&self.target, count) {
            (Target::Connector(topic, partition), count) => {
                let count = count.unwrap_or(0);
                if count > *partition {
                    return Err(LettersError::Crowded {
                        topic: home.topic.as_ref().to_owned(),
                        count,
                        partition: *partition,
                        redrive_topic: topic.as_ref().to_owned(),
                    });
                }
                headers.extend(home.headers());
                (Arc::clone(topic), Some(*partition))
            }
            (Target::Topic, Some(count)) => {
                (home.topic, home.partition.filter(|number| (0..count).contains(number)))
            }
            (Target::Topic, None) => return Ok(Err(Skip::TopicMissing)),
        };
        let letter = fingerprint(record);
        let record = ProducerRecord {
            topic,
            partition,
            key: record.key.clone(),
            value: record.value.clone(),
            timestamp_ms: record.timestamp_ms,
            headers,
        };
        Ok(Ok(Planned { place, record, letter }))
    }

    async fn partitions_of(&mut self, topic: &Arc<str>) -> Result<Option<i32>> {
        if let Some(known) = self.partitions.get(topic) {
            return Ok(*known);
        }
        let found = partitions_of(self.admin, topic).await;
        let found = found.map_err(LettersError::during(format!("describe topic \"{topic}\"")))?;
        self.partitions.insert(Arc::clone(topic), found);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_in_a_partition_that_their_topic_does_not_have() {
        for (most, expected) in [(0, 8), (1, 8), (8, 8), (9, 16), (100, 128)] {
            assert_eq!(spare_partitions(most), expected);
        }
        assert_eq!(spare_partitions(i32::MAX), i32::MAX);
    }
}
