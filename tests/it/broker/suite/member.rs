//! A member of a group that notes what happens to it and commits what it has read when asked to
//! hand over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::{config::Props, record::TopicPartition, sink::SinkOffsets};
use futures::future::select_all;
use millrace::broker::{
    Assignment, Broker, ClientSettings, Consumer, ConsumerEvent, ConsumerRecord, ConsumerSettings,
    Result, Subscription,
};

/// A member of a group.
pub(crate) struct Member {
    pub(crate) consumer: Consumer,
    /// Partitions it has.
    pub(crate) owned: BTreeSet<TopicPartition>,
    /// Where each partition began when it was last assigned.
    pub(crate) began: SinkOffsets,
    /// What was committed with where it began.
    pub(crate) metadata: BTreeMap<TopicPartition, String>,
    /// Where it would go on.
    pub(crate) positions: SinkOffsets,
    /// Everything it was given, in order.
    pub(crate) seen: Vec<(TopicPartition, ConsumerRecord)>,
    /// Outcomes of commits by their number.
    pub(crate) commits: BTreeMap<u64, Result<()>>,
    /// Whether it commits its positions when it hands partitions over.
    pub(crate) has_offsets_to_commit: bool,
    pub(crate) is_closed: bool,
}

impl Member {
    pub(crate) async fn join(broker: &Arc<dyn Broker>, group: &str, topic: &str) -> Self {
        let subscription = Subscription::Topics(vec![topic.to_owned()]);
        Self::join_with(broker, group, subscription, &[]).await
    }

    pub(crate) async fn join_with(
        broker: &Arc<dyn Broker>,
        group: &str,
        subscription: Subscription,
        overrides: &[(&str, &str)],
    ) -> Self {
        let overrides: Props = overrides.iter().copied().collect();
        let settings = ConsumerSettings {
            client: ClientSettings { client_id: String::new(), overrides },
            group_id: group.to_owned(),
            subscription,
            offset_metadata: format!("by {group}"),
        };
        Self {
            consumer: broker.consumer(&settings).await.unwrap(),
            owned: BTreeSet::new(),
            began: SinkOffsets::new(),
            positions: SinkOffsets::new(),
            metadata: BTreeMap::new(),
            seen: Vec::new(),
            commits: BTreeMap::new(),
            has_offsets_to_commit: true,
            is_closed: false,
        }
    }

    /// The values it was given of a partition.
    pub(crate) fn values(&self, partition: &TopicPartition) -> Vec<String> {
        let of = self.seen.iter().filter(|(at, _)| at == partition);
        super::texts(&of.map(|(_, record)| record.clone()).collect::<Vec<_>>())
    }

    /// Reads events until the condition holds.
    pub(crate) async fn until(&mut self, is_enough: impl Fn(&Self) -> bool) {
        drive(std::slice::from_mut(self), |members| is_enough(&members[0])).await;
    }

    /// Commits and waits for the outcome.
    pub(crate) async fn commit(&mut self, offsets: SinkOffsets, sequence: u64) {
        self.consumer.commit(offsets, sequence).await;
        self.until(|member| member.commits.contains_key(&sequence)).await;
    }

    /// Leaves the group, and reads on until there is nothing more.
    pub(crate) async fn close(&mut self) {
        self.consumer.close().await;
        self.until(|member| member.is_closed).await;
    }

    fn note(&mut self, event: Option<ConsumerEvent>) {
        match event {
            None => self.is_closed = true,
            Some(ConsumerEvent::Records(parts)) => {
                for part in parts {
                    assert!(self.owned.contains(&part.partition), "records of another's partition");
                    self.positions.insert(part.partition.clone(), part.next_offset);
                    let partition = part.partition;
                    let records = part.records.into_iter();
                    self.seen.extend(records.map(|record| (partition.clone(), record)));
                }
            }
            Some(ConsumerEvent::Assigned(Assignment { positions, metadata })) => {
                self.owned.extend(positions.keys().cloned());
                self.positions.extend(positions.clone());
                self.began.extend(positions);
                self.metadata.extend(metadata);
            }
            Some(ConsumerEvent::Revoked(revocation)) => {
                let mut offsets = SinkOffsets::new();
                for partition in &revocation.partitions {
                    self.owned.remove(partition);
                    let position = self.positions.remove(partition);
                    offsets.extend(position.map(|offset| (partition.clone(), offset)));
                }
                if self.has_offsets_to_commit {
                    revocation.reply.send(offsets).expect("the broker waits for the answer");
                }
            }
            Some(ConsumerEvent::Lost(partitions)) => panic!("lost {partitions:?}"),
            Some(ConsumerEvent::Committed { sequence, outcome }) => {
                self.commits.insert(sequence, outcome);
            }
            Some(ConsumerEvent::Failed(error)) => panic!("failed: {error:?}"),
            Some(ConsumerEvent::Sought(_)) => unreachable!("the consumer keeps this to itself"),
        }
    }
}

/// Reads events of all members until the condition holds.
pub(crate) async fn drive(members: &mut [Member], is_enough: impl Fn(&[Member]) -> bool) {
    while !is_enough(members) {
        let open = members.iter_mut().enumerate().filter(|(_, member)| !member.is_closed);
        let next =
            open.map(|(at, member)| Box::pin(async move { (at, member.consumer.next().await) }));
        let ((at, event), _, _) = select_all(next).await;
        members[at].note(event);
    }
}
