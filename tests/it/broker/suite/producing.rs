use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use connect_api::{
    record::TimestampType,
    time::{Clock, SystemClock},
};
use millrace::broker::{Broker, ProducerRecord};

use super::{
    admin, contents, keyed, new_topic, partition, producer, send, send_values, texts, topic,
    unique, value, values,
};

pub(crate) async fn order_is_kept_per_partition_over_batches(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 3).await;
    let mut producer = producer(&broker).await;
    let mut expected = BTreeMap::<i32, Vec<String>>::new();
    let mut deliveries = Vec::new();
    for batch in 0..20 {
        let mut records = Vec::new();
        for at in 0..50 {
            let (number, text) = (at % 3, format!("{batch}/{at}"));
            records.push(value(&name, number, &text));
            expected.entry(number).or_default().push(text);
        }
        deliveries.push(producer.send(records).await.unwrap());
    }
    for delivery in deliveries {
        assert!(delivery.await.unwrap().failed.is_empty());
    }
    let contents = contents(&broker, &name).await;
    let found: BTreeMap<_, _> =
        contents.iter().map(|(number, records)| (*number, texts(records))).collect();
    assert_eq!(found, expected);
    for records in contents.values() {
        let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
        assert!(offsets.iter().zip(0..).all(|(found, expected)| *found == expected));
    }
}

pub(crate) async fn a_delivery_resolves_once_its_records_can_be_read(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    let mut expected = Vec::new();
    for number in 0..20 {
        let text = number.to_string();
        send_values(&mut producer, &name, &[&text]).await;
        expected.push(text);
        let at = partition(&name, 0);
        let watermarks = admin(&broker).await.watermarks(std::slice::from_ref(&at)).await.unwrap();
        assert_eq!(watermarks[&at].high, number + 1);
    }
    assert_eq!(values(&broker, &name).await, expected);
}

pub(crate) async fn absent_and_empty_are_different(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    let some = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    let kinds = [None, some(""), some("x")];
    let mut records = Vec::new();
    for key in &kinds {
        for content in &kinds {
            records.push(ProducerRecord {
                topic: Arc::from(name.as_str()),
                partition: Some(0),
                key: key.clone(),
                value: content.clone(),
                timestamp_ms: None,
                headers: kinds.iter().map(|kind| (Arc::from("name"), kind.clone())).collect(),
            });
        }
    }
    send(&mut producer, records.clone()).await;
    let contents = contents(&broker, &name).await;
    assert_eq!(contents[&0].len(), records.len());
    for (read, written) in contents[&0].iter().zip(&records) {
        assert_eq!(read.key, written.key);
        assert_eq!(read.value, written.value);
        assert_eq!(read.headers, written.headers);
    }
}

pub(crate) async fn a_timestamp_is_kept_or_the_time_of_sending(broker: Arc<dyn Broker>) {
    const MINUTE_MS: i64 = 60_000;
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    let now_ms = SystemClock.now_ms();
    let stamped = ProducerRecord { timestamp_ms: Some(now_ms - 1), ..value(&name, 0, "a") };
    send(&mut producer, vec![stamped, value(&name, 0, "b")]).await;
    let contents = contents(&broker, &name).await;
    let [kept, defaulted] = contents[&0].as_slice() else { panic!("{contents:?}") };
    assert_eq!(kept.timestamp_ms, Some(now_ms - 1));
    assert_eq!(kept.timestamp_type, TimestampType::CreateTime);
    let sent_ms = defaulted.timestamp_ms.unwrap();
    assert!((now_ms - MINUTE_MS..now_ms + MINUTE_MS).contains(&sent_ms), "{sent_ms}");
}

pub(crate) async fn keys_go_where_the_java_client_sends_them(broker: Arc<dyn Broker>) {
    // Hashes of apache/kafka `UtilsTest.testMurmur2`, made positive.
    let hashes: [(&str, i32); 3] = [
        ("21", -973_932_308 & 0x7fff_ffff),
        ("foobar", -790_332_482 & 0x7fff_ffff),
        ("abc", 479_470_107),
    ];
    let name = topic(&broker, 7).await;
    let mut producer = producer(&broker).await;
    send(&mut producer, hashes.map(|(key, _)| keyed(&name, key, Some(key))).into()).await;
    let contents = contents(&broker, &name).await;
    for (key, hash) in hashes {
        let there = contents.get(&(hash % 7)).map(|records| texts(records)).unwrap_or_default();
        assert!(there.iter().any(|text| text == key), "{key} is not in {}", hash % 7);
    }
}

pub(crate) async fn a_new_topic_is_made_by_writing_to_it(broker: Arc<dyn Broker>) {
    let name = unique("made");
    let mut producer = producer(&broker).await;
    let record = ProducerRecord { partition: None, ..value(&name, 0, "a") };
    send(&mut producer, vec![record]).await;
    assert_eq!(values(&broker, &name).await, ["a"]);
}

pub(crate) async fn a_record_that_cannot_be_stored_is_reported_by_its_position(
    broker: Arc<dyn Broker>,
) {
    let mut small = new_topic(&unique("small"), 1);
    small.settings.insert("max.message.bytes".to_owned(), "1000".to_owned());
    admin(&broker).await.create_topic(&small).await.unwrap();
    let other = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    let too_large = value(&small.name, 0, &"x".repeat(2000));
    let batch = vec![value(&other, 0, "a"), too_large, value(&other, 0, "b")];
    let report = producer.send(batch).await.unwrap().await.unwrap();
    let failed: Vec<usize> = report.failed.iter().map(|(position, _)| *position).collect();
    assert_eq!(failed, [1]);
    assert_eq!(values(&broker, &other).await, ["a", "b"]);
    assert!(values(&broker, &small.name).await.is_empty());
}

pub(crate) async fn an_empty_batch_is_delivered(broker: Arc<dyn Broker>) {
    let mut producer = producer(&broker).await;
    send(&mut producer, Vec::new()).await;
}
