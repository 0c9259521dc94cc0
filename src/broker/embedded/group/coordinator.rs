//! The task that owns all groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connect_api::record::TopicPartition;
use tokio::sync::{mpsc, watch};

use super::{Grant, Grants, Joined, Request, TopicFilter, assign::assign};
use crate::broker::{
    BrokerError, Result,
    embedded::{catalog::Partition, log::Log},
};

/// All groups that have members.
#[derive(Debug)]
pub(super) struct Coordinator {
    log: Arc<Log>,
    inbox: mpsc::Receiver<Request>,
    versions: watch::Receiver<u64>,
    groups: BTreeMap<String, Group>,
    last_member: u64,
}

#[derive(Debug, Default)]
struct Group {
    members: BTreeMap<u64, Membership>,
    last_grant: u64,
}

#[derive(Debug)]
struct Membership {
    topics: TopicFilter,
    /// What it has, until it says that it has not.
    owned: BTreeMap<TopicPartition, Grant>,
    is_leaving: bool,
    grants: watch::Sender<Grants>,
}

impl Coordinator {
    pub(super) fn new(log: Arc<Log>, inbox: mpsc::Receiver<Request>) -> Self {
        let versions = log.catalog.version();
        Self { log, inbox, versions, groups: BTreeMap::new(), last_member: 0 }
    }

    /// Serves until nobody can ask any more, or the log is closed.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                () = self.log.closed.cancelled() => return,
                request = self.inbox.recv() => match request {
                    Some(request) => self.handle(request).await,
                    None => return,
                },
                // The catalog lives as long as the log, so that this never fails.
                _changed = self.versions.changed() => self.settle_all(),
            }
        }
    }

    async fn handle(&mut self, request: Request) {
        match request {
            Request::Join { group, topics, joined } => {
                self.last_member += 1;
                let member = self.last_member;
                let (grants, receiver) = watch::channel(Grants::default());
                if joined.send(Joined { member, grants: receiver }).is_ok() {
                    let owned = BTreeMap::new();
                    let membership = Membership { topics, owned, is_leaving: false, grants };
                    let known = self.groups.entry(group.clone()).or_default();
                    known.members.insert(member, membership);
                    self.settle(&group);
                }
            }
            Request::Leave { group, member } => {
                if let Some(membership) = self.membership(&group, member) {
                    membership.is_leaving = true;
                }
                self.settle(&group);
            }
            Request::Release { group, member, grants } => {
                if let Some(membership) = self.membership(&group, member) {
                    membership.owned.retain(|_, grant| !grants.contains(&grant.number));
                }
                self.settle(&group);
            }
            // Nobody can join while this is stored, so that no member starts from what was there.
            Request::Alter { group, offsets, reply } => {
                let outcome = match self.check_empty(&group) {
                    Ok(()) => {
                        let offsets = offsets.into_iter();
                        let offsets = offsets.map(|(at, offset)| (at, offset.map(Into::into)));
                        self.log.set_committed(&group, offsets.collect()).await
                    }
                    refused => refused,
                };
                let _sent = reply.send(outcome);
            }
            Request::Delete { group, reply } => {
                let outcome = match self.check_empty(&group) {
                    Ok(()) => self.log.forget_committed(&group).await,
                    refused => refused,
                };
                let _sent = reply.send(outcome);
            }
        }
    }

    fn membership(&mut self, group: &str, member: u64) -> Option<&mut Membership> {
        self.groups.get_mut(group)?.members.get_mut(&member)
    }

    fn check_empty(&self, group: &str) -> Result<()> {
        match self.groups.get(group) {
            Some(_) => Err(BrokerError::GroupNotEmpty(group.to_owned())),
            None => Ok(()),
        }
    }

    fn settle_all(&mut self) {
        let groups: Vec<String> = self.groups.keys().cloned().collect();
        for group in groups {
            self.settle(&group);
        }
    }

    /// Brings a group a step nearer to what it should be.
    fn settle(&mut self, name: &str) {
        let partitions = self.partitions();
        if let Some(group) = self.groups.get_mut(name) {
            group.settle(&partitions);
            if group.members.is_empty() {
                self.groups.remove(name);
            }
        }
    }

    fn partitions(&self) -> BTreeMap<TopicPartition, Arc<Partition>> {
        let topics = self.log.catalog.topics();
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| (partition.name.clone(), Arc::clone(partition))).collect()
    }
}

impl Group {
    fn settle(&mut self, partitions: &BTreeMap<TopicPartition, Arc<Partition>>) {
        // A member whose task is gone will not release anything any more.
        self.members.retain(|_, member| {
            let has_left = member.is_leaving && member.owned.is_empty();
            !has_left && !member.grants.is_closed()
        });
        let target = self.target(partitions);
        let mut owned: BTreeSet<TopicPartition> =
            self.members.values().flat_map(|member| member.owned.keys().cloned()).collect();
        for (number, member) in &mut self.members {
            for (name, _) in target.iter().filter(|(_, at)| *at == number) {
                if let Some(partition) = partitions.get(name)
                    && owned.insert(name.clone())
                {
                    self.last_grant += 1;
                    let grant = Grant { number: self.last_grant, partition: Arc::clone(partition) };
                    member.owned.insert(name.clone(), grant);
                }
            }
            member.publish(|name, grant| {
                // The number of the database tells a topic from an earlier one of the same name.
                target.get(name) == Some(number)
                    && partitions.get(name).is_some_and(|now| now.id == grant.partition.id)
            });
        }
    }

    fn target(
        &self,
        partitions: &BTreeMap<TopicPartition, Arc<Partition>>,
    ) -> BTreeMap<TopicPartition, u64> {
        let staying = self.members.iter().filter(|(_, member)| !member.is_leaving);
        let eligible = staying.map(|(number, member)| {
            let names = partitions.keys().filter(|name| member.topics.matches(&name.topic));
            (*number, names.cloned().collect())
        });
        let current = self
            .members
            .iter()
            .flat_map(|(number, member)| member.owned.keys().map(|name| (name.clone(), *number)));
        assign(&eligible.collect(), &current.collect())
    }
}

impl Membership {
    fn publish(&self, is_kept: impl Fn(&TopicPartition, &Grant) -> bool) {
        let mut grants = Grants::default();
        for (name, grant) in &self.owned {
            if is_kept(name, grant) {
                grants.held.insert(name.clone(), grant.clone());
            } else {
                grants.revoked.insert(name.clone(), grant.number);
            }
        }
        self.grants.send_if_modified(|before| {
            let is_new = *before != grants;
            if is_new {
                *before = grants;
            }
            is_new
        });
    }
}
