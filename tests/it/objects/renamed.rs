//! Settings that name objects are changed between a crash and the restart.

use reqwest::Method;

use super::{server::Server, world::World};
use crate::{
    harness::eventually,
    services::{self, kafka::KafkaNode},
};

async fn the_records_that_may_be_there_twice_are_told(name: &str, kafka: Option<&KafkaNode>) {
    let server = Server::Versity(services::require!(s3));
    let mut world = World::new(name, kafka);
    server.create_bucket(name).await;
    let worker = world.start().await;
    world.follow_log(&worker.rest, 1).await;
    world.append(25, |_| String::new());
    let (sink, other) = (format!("{name}-sink"), format!("{name}-other"));
    let mut config = world.reads(server.confluent(&sink, &server.url(), name));
    config["config"]["flush.size"] = "10".into();
    worker.rest.create(&config).await;
    eventually("two objects to be committed", async || {
        let offsets = worker.rest.get(&format!("/connectors/{sink}/offsets")).await;
        (offsets["offsets"][0]["offset"]["kafka_offset"] == 20).then_some(())
    })
    .await;
    worker.kill();
    let worker = world.start().await;
    config["config"]["topics.dir"] = other.as_str().into();
    let path = format!("/connectors/{sink}/config");
    let (status, answer) = worker.rest.send(Method::PUT, &path, Some(&config["config"])).await;
    assert_eq!(status, 200, "{answer}");
    let told =
        format!("topics.dir was \"{sink}\" and is \"{other}\". Records 20 to 24 of {name}-0");
    eventually("the warning", async || worker.log().contains(&told).then_some(())).await;
    assert_eq!(worker.log().matches("goes on with other names").count(), 1);
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_that_may_be_there_twice_are_told_on_the_embedded_log() {
    the_records_that_may_be_there_twice_are_told("renamed", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_that_may_be_there_twice_are_told_on_kafka() {
    let kafka = services::require!(kafka);
    the_records_that_may_be_there_twice_are_told("renamed-kafka", Some(kafka)).await;
}
