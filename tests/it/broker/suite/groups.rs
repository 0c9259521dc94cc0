use std::sync::Arc;

use millrace::broker::{Broker, BrokerError, ProducerRecord};

use super::{Member, admin, drive, partition, producer, send, send_values, topic, unique, value};

/// Records for all of four partitions.
fn records(topic: &str, round: i32) -> Vec<ProducerRecord> {
    (0..200).map(|at| value(topic, at % 4, &format!("{round}/{at}"))).collect()
}

fn seen(members: &[Member]) -> usize {
    members.iter().map(|member| member.seen.len()).sum()
}

fn assert_everything_was_read_once(members: &[Member]) {
    let all = members.iter().flat_map(|member| &member.seen);
    let mut offsets: Vec<_> = all.map(|(at, record)| (at.partition, record.offset)).collect();
    offsets.sort_unstable();
    let expected: Vec<(i32, i64)> =
        (0..4).flat_map(|number| (0..200).map(move |offset| (number, offset))).collect();
    assert_eq!(offsets, expected);
}

pub(crate) async fn members_share_partitions_and_hand_them_over(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 4).await, unique("group"));
    let mut producer = producer(&broker).await;
    send(&mut producer, records(&name, 0)).await;
    let mut members = vec![Member::join(&broker, &group, &name).await];
    drive(&mut members, |members| seen(members) > 0).await;
    members.push(Member::join(&broker, &group, &name).await);
    drive(&mut members, |members| members.iter().all(|member| member.owned.len() == 2)).await;
    send(&mut producer, records(&name, 1)).await;
    drive(&mut members, |members| seen(members) == 400).await;
    send(&mut producer, records(&name, 2)).await;
    members[0].consumer.close().await;
    drive(&mut members, |members| members[0].is_closed && members[1].owned.len() == 4).await;
    send(&mut producer, records(&name, 3)).await;
    drive(&mut members, |members| seen(members) >= 800).await;
    assert_everything_was_read_once(&members);
}

pub(crate) async fn a_closed_member_commits_in_its_last_revocation(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 1).await, unique("group"));
    send_values(&mut producer(&broker).await, &name, &["a", "b"]).await;
    let mut member = Member::join(&broker, &group, &name).await;
    member.until(|member| member.seen.len() == 2).await;
    member.close().await;
    assert!(member.owned.is_empty());
    let committed = admin(&broker).await.committed_offsets(&group).await.unwrap();
    assert_eq!(committed, [(partition(&name, 0), 2)].into());
    let mut next = Member::join(&broker, &group, &name).await;
    next.until(|member| !member.owned.is_empty()).await;
    assert_eq!(next.metadata, [(partition(&name, 0), format!("by {group}"))].into());
}

pub(crate) async fn what_is_committed_beside_an_offset_is_told_to_the_next(
    broker: Arc<dyn Broker>,
) {
    let (name, group) = (topic(&broker, 2).await, unique("group"));
    let (zero, one) = (partition(&name, 0), partition(&name, 1));
    send_values(&mut producer(&broker).await, &name, &["a", "b", "c"]).await;
    let admin = admin(&broker).await;
    admin.alter_offsets(&group, &[(one.clone(), Some(0))]).await.unwrap();
    let mut first = Member::join(&broker, &group, &name).await;
    first.until(|member| member.owned.len() == 2).await;
    assert_eq!(first.metadata, [].into());
    first.commit([(zero.clone(), 2)].into(), 1).await;
    first.has_offsets_to_commit = false;
    first.close().await;
    let mut second = Member::join(&broker, &group, &name).await;
    second.until(|member| member.owned.len() == 2).await;
    assert_eq!(second.metadata, [(zero.clone(), format!("by {group}"))].into());
}

pub(crate) async fn offsets_of_a_group_are_altered(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 2).await, unique("group"));
    let (zero, one) = (partition(&name, 0), partition(&name, 1));
    send_values(&mut producer(&broker).await, &name, &["a", "b", "c"]).await;
    let admin = admin(&broker).await;
    let offsets = [(zero.clone(), Some(2)), (one.clone(), Some(0))];
    admin.alter_offsets(&group, &offsets).await.unwrap();
    admin.alter_offsets(&group, &[(one.clone(), None)]).await.unwrap();
    assert_eq!(admin.committed_offsets(&group).await.unwrap(), [(zero.clone(), 2)].into());
    let mut member = Member::join(&broker, &group, &name).await;
    member.until(|member| !member.seen.is_empty()).await;
    assert_eq!(member.values(&zero), ["c"]);
}

pub(crate) async fn a_deleted_group_has_committed_nothing(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 1).await, unique("group"));
    let admin = admin(&broker).await;
    assert!(admin.committed_offsets(&group).await.unwrap().is_empty());
    admin.alter_offsets(&group, &[(partition(&name, 0), Some(0))]).await.unwrap();
    admin.delete_group(&group).await.unwrap();
    assert!(admin.committed_offsets(&group).await.unwrap().is_empty());
    admin.delete_group(&group).await.unwrap();
}

/// A member of a group that has something to read.
async fn reading_member(broker: &Arc<dyn Broker>, group: &str, name: &str) -> Member {
    send_values(&mut producer(broker).await, name, &["a"]).await;
    let mut member = Member::join(broker, group, name).await;
    member.until(|member| !member.seen.is_empty()).await;
    member
}

pub(crate) async fn a_group_with_members_is_left_alone(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 1).await, unique("group"));
    let at = partition(&name, 0);
    let admin = admin(&broker).await;
    let _member = reading_member(&broker, &group, &name).await;
    for error in [
        admin.alter_offsets(&group, &[(at.clone(), Some(0))]).await.unwrap_err(),
        admin.alter_offsets(&group, &[(at, None)]).await.unwrap_err(),
        admin.delete_group(&group).await.unwrap_err(),
    ] {
        assert!(matches!(error, BrokerError::GroupNotEmpty(_)), "{error:?}");
    }
}

pub(crate) async fn a_group_is_free_once_its_last_member_has_closed(broker: Arc<dyn Broker>) {
    let (name, group) = (topic(&broker, 1).await, unique("group"));
    let at = partition(&name, 0);
    let admin = admin(&broker).await;
    reading_member(&broker, &group, &name).await.close().await;
    admin.alter_offsets(&group, &[(at.clone(), Some(0))]).await.unwrap();
    assert_eq!(admin.committed_offsets(&group).await.unwrap(), [(at, 0)].into());
}
