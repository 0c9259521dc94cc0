//! Groups: who is a member, and which member reads which partition.
//!
//! One task, the coordinator, owns all groups. It never waits for a member: it publishes to each
//! what the member should have ([`Grants`]), the member hands over what it should not have any
//! more, says so, and the coordinator grants it to the next one. So a partition has at most one
//! reader at any time, only the partitions that move are interrupted, and nothing is ever `Lost`.

mod assign;
mod coordinator;
mod member;

use std::{collections::BTreeMap, sync::Arc};

use connect_api::{config::Props, record::TopicPartition};
use regex::Regex;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    coordinator::Coordinator,
    member::{Group, Member},
};
use super::{catalog::Partition, log::Log};
use crate::broker::{BrokerError, Consumer, ConsumerSettings, GroupMember, Result, Subscription};

/// Requests that wait for the coordinator. A full queue makes members and clients wait; the
/// coordinator never waits for them.
const REQUESTS: usize = 64;

/// Requests to the coordinator.
#[derive(Debug)]
enum Request {
    /// A new member.
    Join { group: String, topics: TopicFilter, joined: oneshot::Sender<Joined> },
    /// A member wants to go; it is gone once it has released what it has.
    Leave { group: String, member: u64 },
    /// A member has handed these grants over.
    Release { group: String, member: u64, grants: Vec<u64> },
    /// Change what a group without members has committed.
    Alter {
        group: String,
        offsets: Vec<(TopicPartition, Option<i64>)>,
        reply: oneshot::Sender<Result<()>>,
    },
    /// Forget what a group without members has committed.
    Delete { group: String, reply: oneshot::Sender<Result<()>> },
}

/// What a new member gets.
#[derive(Debug)]
struct Joined {
    member: u64,
    /// Ends once the coordinator has let the member go.
    grants: watch::Receiver<Grants>,
}

/// What a member should have. It may skip states: each says everything.
#[derive(Clone, Debug, Default, PartialEq)]
struct Grants {
    /// Its partitions.
    held: BTreeMap<TopicPartition, Grant>,
    /// Partitions to hand over.
    revoked: BTreeMap<TopicPartition, u64>,
}

/// A partition in the hands of a member.
#[derive(Clone, Debug)]
struct Grant {
    /// Rises with every grant, so that an old one is told from a new one of the same partition.
    number: u64,
    partition: Arc<Partition>,
}

impl PartialEq for Grant {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

/// The topics that a member reads.
#[derive(Clone, Debug)]
enum TopicFilter {
    Names(Vec<String>),
    Pattern(Regex),
}

impl TopicFilter {
    fn parse(subscription: &Subscription) -> Result<Self> {
        Ok(match subscription {
            Subscription::Topics(names) => Self::Names(names.clone()),
            Subscription::Pattern(pattern) => {
                let regex = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                    BrokerError::Invalid(format!(
                        "Invalid pattern of topics \"{pattern}\": {error}"
                    ))
                })?;
                Self::Pattern(regex)
            }
        })
    }

    fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|name| name == topic),
            Self::Pattern(pattern) => pattern.is_match(topic),
        }
    }
}

/// A member to producers: the group it is in. Partitions are never lost here, so that a member has
/// what it says it has until it has handed it over.
#[derive(Debug)]
pub(super) struct MemberOf(pub(super) String);

/// The way to the coordinator, which ends when the last of these is dropped.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    requests: mpsc::Sender<Request>,
}

/// Says whether a consumer can be made with these settings.
pub(super) fn check_consumer(overrides: &Props) -> Result<()> {
    member::Reading::parse(overrides).map(drop)
}

impl Groups {
    /// Starts the coordinator.
    pub(super) fn start(log: &Arc<Log>) -> Self {
        let (requests, inbox) = mpsc::channel(REQUESTS);
        log.tasks.spawn("embedded-groups", Coordinator::new(Arc::clone(log), inbox).run());
        Self { requests }
    }

    /// Joins a group.
    pub(super) async fn join(
        &self,
        log: &Arc<Log>,
        settings: &ConsumerSettings,
    ) -> Result<Consumer> {
        let topics = TopicFilter::parse(&settings.subscription)?;
        let reading = member::Reading::parse(&settings.client.overrides)?;
        let (joined, welcome) = oneshot::channel();
        let group = settings.group_id.clone();
        self.ask(Request::Join { group: group.clone(), topics, joined }).await?;
        let joined = welcome.await.map_err(|_dropped| BrokerError::Closed)?;
        let (consumer, end) = Consumer::new(GroupMember::new(MemberOf(group.clone())));
        let name = format!("embedded-consumer {group} {}", joined.member);
        let group = Group { id: group, offset_metadata: settings.offset_metadata.clone() };
        let member = Member::new((Arc::clone(log), self.clone()), group, reading, joined, end);
        log.tasks.spawn(name, member.run());
        Ok(consumer)
    }

    /// Changes what a group without members has committed.
    pub(super) async fn alter(
        &self,
        group: &str,
        offsets: Vec<(TopicPartition, Option<i64>)>,
    ) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.ask(Request::Alter { group: group.to_owned(), offsets, reply }).await?;
        outcome.await.map_err(|_dropped| BrokerError::Closed)?
    }

    /// Forgets what a group without members has committed.
    pub(super) async fn delete(&self, group: &str) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        self.ask(Request::Delete { group: group.to_owned(), reply }).await?;
        outcome.await.map_err(|_dropped| BrokerError::Closed)?
    }

    async fn ask(&self, request: Request) -> Result<()> {
        self.requests.send(request).await.map_err(|_closed| BrokerError::Closed)
    }
}
