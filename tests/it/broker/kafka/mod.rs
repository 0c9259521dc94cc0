//! Kafka: the conformance suite on a real cluster, and what only a cluster does to us.

mod outage;
mod transactions;

use std::sync::Arc;

use connect_api::config::Props;
use millrace::{
    broker::{Broker, BrokerError, ClientSettings, kafka::KafkaBroker},
    tasks::TaskGroup,
};

use super::broker_conformance;
use crate::services;

broker_conformance!(conformance, crate::broker::kafka::open_for_a_case);

async fn open_for_a_case() -> Option<Arc<dyn Broker>> {
    let kafka = services::require!(kafka, None);
    Some(open(kafka.bootstrap()))
}

fn open(servers: &str) -> Arc<dyn Broker> {
    KafkaBroker::connect(servers, Props::new(), &TaskGroup::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_away_fails_calls_in_time_and_not_the_start() {
    // Nothing listens on the discard port of the loopback interface.
    let quick = Props::from_iter([("default.api.timeout.ms", "300")]);
    let broker = KafkaBroker::connect("127.0.0.1:9", quick, &TaskGroup::new()).unwrap();
    let error = broker.cluster_id().await.unwrap_err();
    assert!(matches!(error, BrokerError::Unavailable { .. }), "{error:?}");
    let admin = broker.admin(&ClientSettings::default()).await.unwrap();
    let error = admin.list_topics().await.unwrap_err();
    assert!(matches!(error, BrokerError::Unavailable { .. }), "{error:?}");
    let error = admin.describe_topics(&["t".to_owned()]).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unavailable { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_is_refused_before_anything_connects() {
    let wrong = Props::from_iter([("sasl.mechanism", "GSSAPI")]);
    let error = KafkaBroker::connect("127.0.0.1:9", wrong, &TaskGroup::new()).unwrap_err();
    assert!(matches!(&error, BrokerError::Invalid(text) if text.contains("GSSAPI")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_with_the_same_settings_share_one_admin() {
    let broker = open("127.0.0.1:9");
    let first = broker.admin(&ClientSettings::default()).await.unwrap();
    let same = broker.admin(&ClientSettings::default()).await.unwrap();
    let overrides = Props::from_iter([("default.api.timeout.ms", "1")]);
    let settings = ClientSettings { client_id: String::new(), overrides };
    let other = broker.admin(&settings).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    assert!(!Arc::ptr_eq(&first, &other));
}
