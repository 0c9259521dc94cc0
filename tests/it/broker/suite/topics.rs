use std::sync::Arc;

use connect_api::error::ErrorClass;
use millrace::broker::{
    Broker, BrokerError, ClientSettings, ReadFrom, ReaderSettings, TopicCreation, Watermarks,
};

use super::{admin, new_topic, partition, producer, send_values, topic, unique};

pub(crate) async fn a_created_topic_is_described(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let (name, other) = (unique("topic"), unique("other"));
    let creation = admin.create_topic(&new_topic(&name, 3)).await.unwrap();
    assert_eq!(creation, TopicCreation::Created);
    let described = admin.describe_topics(&[name.clone(), other.clone()]).await.unwrap();
    assert_eq!(described[&name].partitions, 3);
    assert!(!described.contains_key(&other));
    assert!(admin.list_topics().await.unwrap().contains(&name));
}

pub(crate) async fn a_topic_that_exists_is_left_as_it_is(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let name = topic(&broker, 2).await;
    let creation = admin.create_topic(&new_topic(&name, 5)).await.unwrap();
    assert_eq!(creation, TopicCreation::Existed);
    let described = admin.describe_topics(std::slice::from_ref(&name)).await.unwrap();
    assert_eq!(described[&name].partitions, 2);
}

pub(crate) async fn a_topic_that_cannot_be_is_rejected(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let nameless = new_topic("not a name", 1);
    let empty = new_topic(&unique("topic"), 0);
    let mut unsettled = new_topic(&unique("topic"), 1);
    unsettled.settings.insert("cleanup.policy".to_owned(), "sometimes".to_owned());
    for impossible in [nameless, empty, unsettled] {
        let error = admin.create_topic(&impossible).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid, "{error:?}");
        let described = admin.describe_topics(std::slice::from_ref(&impossible.name)).await;
        assert!(described.is_ok_and(|described| described.is_empty()));
    }
}

pub(crate) async fn settings_of_a_topic_are_effective(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let mut compacted = new_topic(&unique("topic"), 1);
    compacted.settings.insert("cleanup.policy".to_owned(), "compact".to_owned());
    admin.create_topic(&compacted).await.unwrap();
    let settings = admin.topic_settings(&compacted.name).await.unwrap();
    assert_eq!(settings["cleanup.policy"], "compact");
    assert_eq!(settings["message.timestamp.type"], "CreateTime");
}

pub(crate) async fn a_deleted_topic_is_gone(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    send_values(&mut producer, &name, &["a", "b"]).await;
    admin.delete_topic(&name).await.unwrap();
    // A cluster tells its brokers one after the other.
    while !admin.describe_topics(std::slice::from_ref(&name)).await.unwrap().is_empty() {}
    while admin.create_topic(&new_topic(&name, 1)).await.unwrap() == TopicCreation::Existed {}
    let watermarks = admin.watermarks(&[partition(&name, 0)]).await.unwrap();
    assert_eq!(watermarks[&partition(&name, 0)], Watermarks { low: 0, high: 0 });
}

pub(crate) async fn what_is_asked_of_an_unknown_topic_is_refused(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let name = unique("nowhere");
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: name.clone(),
        from: ReadFrom::Beginning,
        is_read_committed: true,
    };
    let errors = [
        admin.delete_topic(&name).await.unwrap_err(),
        admin.topic_settings(&name).await.unwrap_err(),
        admin.watermarks(&[partition(&name, 0)]).await.unwrap_err(),
        broker.reader(&settings).await.err().unwrap(),
    ];
    for error in errors {
        assert!(matches!(error, BrokerError::UnknownTopic(_)), "{error:?}");
    }
}

pub(crate) async fn watermarks_follow_what_is_written(broker: Arc<dyn Broker>) {
    let admin = admin(&broker).await;
    let name = topic(&broker, 2).await;
    let mut producer = producer(&broker).await;
    send_values(&mut producer, &name, &["a", "b", "c"]).await;
    let watermarks = admin.watermarks(&[partition(&name, 0), partition(&name, 1)]).await.unwrap();
    assert_eq!(watermarks[&partition(&name, 0)], Watermarks { low: 0, high: 3 });
    assert_eq!(watermarks[&partition(&name, 1)], Watermarks { low: 0, high: 0 });
}

pub(crate) async fn the_cluster_keeps_its_identity(broker: Arc<dyn Broker>) {
    let id = broker.cluster_id().await.unwrap();
    assert!(!id.is_empty());
    assert_eq!(broker.cluster_id().await.unwrap(), id);
}
