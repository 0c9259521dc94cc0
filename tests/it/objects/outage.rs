//! S3 that is away, a bucket that is deleted, credentials that expire: the task waits, its status says
//! why, and it goes on by itself.

use std::time::Duration;

use connect_testkit::s3::{Fault, FaultProxy, Which, before};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde_json::Value as Json;

use super::{
    server::{Server, objects},
    world::{World, gets_on, is_held, is_through},
};
use crate::{
    harness::Worker,
    services::{self, kafka::KafkaNode},
};

/// Longer than a broker waits for a member that does not poll.
const BEYOND_POLL_INTERVAL: Duration = Duration::from_secs(12);

/// A sink behind a proxy, and its worker.
struct Rig {
    /// Ends before what it works with.
    worker: Worker,
    world: World,
    server: Server,
    proxy: FaultProxy,
}

impl Rig {
    /// Starts sinks of these classes that make an object of five records each.
    async fn start(name: &str, server: Server, kafka: Option<&KafkaNode>) -> Self {
        server.create_bucket(name).await;
        let proxy = FaultProxy::start(before(&server.url())).await.unwrap();
        let mut world = World::new(name, kafka);
        let worker = world.start().await;
        world.follow_log(&worker.rest, 1).await;
        world.append(10, |_| String::new());
        Self { world, server, proxy, worker }
    }

    async fn create(&self, mut sink: Json) {
        sink["config"]["flush.size"] = "5".into();
        self.worker.rest.create(&self.world.reads(sink)).await;
    }

    fn confluent(&self, name: &str) -> Json {
        self.server.confluent(name, self.proxy.url(), &self.world.name)
    }

    fn aiven(&self, name: &str) -> Json {
        self.server.aiven(name, self.proxy.url(), &self.world.name)
    }

    /// Numbers of the records in the bucket below a prefix, and the truth about their objects.
    async fn stored(&self, prefix: &str) -> Vec<i64> {
        let client = self.server.client();
        let mut numbers = Vec::new();
        for object in objects(&client, &self.world.name, prefix).await {
            let rows = object.rows();
            object.assert_true_of(&rows);
            numbers.extend(rows.iter().map(|row| row.n));
        }
        numbers.sort_unstable();
        numbers
    }

    /// No task was started again, and none has failed.
    async fn went_without_a_restart(&self, sink: &str) {
        let history = self.worker.rest.get(&format!("/connectors/{sink}/history")).await;
        let events = history["events"].as_array().unwrap();
        let states: Vec<_> = events.iter().filter_map(|event| event["state"].as_str()).collect();
        assert!(!states.contains(&"FAILED") && !states.contains(&"RESTARTING"), "{history}");
    }
}

/// Ids of the members of a sink's group.
fn members(kafka: &KafkaNode, sink: &str) -> Vec<String> {
    let client: BaseConsumer = kafka.client_config().create().unwrap();
    let group = format!("connect-{sink}");
    let groups = client.fetch_group_list(Some(&group), Duration::from_secs(10)).unwrap();
    let members = groups.groups().iter().flat_map(rdkafka::groups::GroupInfo::members);
    members.map(|member| member.id().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_is_away_is_waited_for_as_a_member_of_the_group() {
    let (kafka, s3) = (services::require!(kafka), services::require!(s3));
    let mut rig = Rig::start("outage-away", Server::Versity(s3), Some(kafka)).await;
    rig.create(rig.confluent("outage-away-sink")).await;
    let sink = "outage-away-sink";
    is_through(&rig.worker.rest, sink, 10).await;
    let before = members(kafka, sink);
    assert_eq!(before.len(), 1, "{before:?}");

    rig.proxy.always(Which::Any, Fault::SLOW_DOWN);
    rig.world.append(10, |_| String::new());
    is_held(&rig.worker.rest, sink, "503 SlowDown").await;
    rig.proxy.always(Which::Any, Fault::Reset);
    is_held(&rig.worker.rest, sink, "the server gave no answer").await;
    rig.proxy.always(Which::Any, Fault::Silence);
    tokio::time::sleep(BEYOND_POLL_INTERVAL).await;
    assert_eq!(members(kafka, sink), before);

    rig.proxy.heal();
    is_through(&rig.worker.rest, sink, 20).await;
    gets_on(&rig.worker.rest, sink).await;
    assert_eq!(rig.stored(sink).await, (0..20).collect::<Vec<_>>());
    assert_eq!(members(kafka, sink), before);
    rig.went_without_a_restart(sink).await;
    assert!(rig.worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_deleted_is_waited_for_until_it_is_there_again() {
    let s3 = services::require!(s3);
    let mut rig = Rig::start("outage-bucket", Server::Versity(s3), None).await;
    rig.create(rig.confluent("outage-bucket-confluent")).await;
    rig.create(rig.aiven("outage-bucket-aiven")).await;
    let sinks = ["outage-bucket-confluent", "outage-bucket-aiven"];
    for sink in sinks {
        is_through(&rig.worker.rest, sink, 10).await;
    }
    let (client, bucket) = (rig.server.client(), rig.world.name.clone());
    for object in objects(&client, &bucket, "").await {
        let request = client.delete_object().bucket(&bucket).key(&object.key);
        Box::pin(request.send()).await.unwrap();
    }
    Box::pin(client.delete_bucket().bucket(&bucket).send()).await.unwrap();
    rig.world.append(10, |_| String::new());
    for sink in sinks {
        is_held(&rig.worker.rest, sink, "404 NoSuchBucket").await;
    }
    rig.server.create_bucket(&bucket).await;
    for sink in sinks {
        is_through(&rig.worker.rest, sink, 20).await;
        gets_on(&rig.worker.rest, sink).await;
        rig.went_without_a_restart(sink).await;
    }
    assert_eq!(rig.stored(sinks[0]).await, (10..20).collect::<Vec<_>>());
    let lines = objects(&client, &bucket, sinks[1]).await;
    assert_eq!(lines.iter().map(|object| object.text().lines().count()).sum::<usize>(), 10);
    assert!(rig.worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_are_waited_for_until_they_are_renewed() {
    let s3 = services::require!(s3);
    let mut rig = Rig::start("outage-expired", Server::Versity(s3), None).await;
    rig.create(rig.confluent("outage-expired-confluent")).await;
    rig.create(rig.aiven("outage-expired-aiven")).await;
    let sinks = ["outage-expired-confluent", "outage-expired-aiven"];
    for sink in sinks {
        is_through(&rig.worker.rest, sink, 10).await;
    }
    for (fault, told, lines) in [
        (Fault::EXPIRED_TOKEN, "400 ExpiredToken", 20),
        (Fault::Answer(403, "ExpiredToken"), "403 ExpiredToken", 30),
        (Fault::CLOCK_SKEW, "403 RequestTimeTooSkewed", 40),
    ] {
        rig.proxy.always(Which::Any, fault);
        rig.world.append(10, |_| String::new());
        for sink in sinks {
            is_held(&rig.worker.rest, sink, told).await;
        }
        rig.proxy.heal();
        for sink in sinks {
            is_through(&rig.worker.rest, sink, lines).await;
            gets_on(&rig.worker.rest, sink).await;
        }
    }
    assert_eq!(rig.stored(sinks[0]).await, (0..40).collect::<Vec<_>>());
    for sink in sinks {
        rig.went_without_a_restart(sink).await;
    }
    assert!(rig.worker.stop().success());
}
