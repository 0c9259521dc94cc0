use std::{collections::BTreeMap, sync::Arc};

use millrace::broker::{
    Broker, ClientSettings, ConsumerRecord, ReadFrom, ReaderSettings, TopicReader,
};

use super::{
    admin, by_partition, contents, keyed, new_topic, producer, reader, send, send_values, texts,
    topic, unique, value,
};

pub(crate) async fn a_reader_reads_to_the_end_each_time(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    let mut reader = reader(&broker, &name).await;
    assert!(read_values(&mut reader).await.is_empty());
    send_values(&mut producer, &name, &["a", "b"]).await;
    assert_eq!(read_values(&mut reader).await, ["a", "b"]);
    assert!(read_values(&mut reader).await.is_empty());
}

pub(crate) async fn a_reader_waits_for_the_next_record(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 1).await;
    let mut producer = producer(&broker).await;
    let mut reader = reader(&broker, &name).await;
    let (next, ()) = tokio::join!(reader.next(), send_values(&mut producer, &name, &["a"]));
    assert_eq!(texts(&by_partition(next.unwrap())[&0]), ["a"]);
    send_values(&mut producer, &name, &["b"]).await;
    assert_eq!(read_values(&mut reader).await, ["b"]);
}

pub(crate) async fn a_reader_begins_where_it_is_told(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 3).await;
    let mut producer = producer(&broker).await;
    let records = (0..9).map(|at| value(&name, at % 3, &at.to_string())).collect();
    send(&mut producer, records).await;
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: name.clone(),
        from: ReadFrom::Offsets([(0, 2), (2, 0), (7, 0)].into()),
        is_read_committed: true,
    };
    let mut reader = broker.reader(&settings).await.unwrap();
    let read = by_partition(reader.read_to_end().await.unwrap());
    let read: Vec<_> = read.iter().map(|(number, records)| (*number, texts(records))).collect();
    let expected = [(0, &["6"] as &[_]), (2, &["2", "5", "8"])];
    assert_eq!(read, expected.map(|(at, values)| (at, values.iter().map(|&v| v.into()).collect())));
    send(&mut producer, vec![value(&name, 1, "not asked for"), value(&name, 2, "next")]).await;
    assert_eq!(texts(&by_partition(reader.next().await.unwrap())[&2]), ["next"]);
}

/// The values in partition 0 that a reader has not read yet.
async fn read_values(reader: &mut Box<dyn TopicReader>) -> Vec<String> {
    let read = by_partition(reader.read_to_end().await.unwrap());
    texts(read.get(&0).map_or(&[], Vec::as_slice))
}

pub(crate) async fn a_reader_reads_every_partition(broker: Arc<dyn Broker>) {
    let name = topic(&broker, 3).await;
    let mut producer = producer(&broker).await;
    let records = (0..3000).map(|at| value(&name, at % 3, &at.to_string())).collect();
    send(&mut producer, records).await;
    let contents = contents(&broker, &name).await;
    for (number, records) in &contents {
        let expected: Vec<String> = (0..1000).map(|at| (at * 3 + number).to_string()).collect();
        assert_eq!(texts(records), expected);
    }
    assert_eq!(contents.len(), 3);
}

pub(crate) async fn the_last_value_of_each_key_is_in_a_compacted_topic(broker: Arc<dyn Broker>) {
    let mut compacted = new_topic(&unique("compacted"), 1);
    compacted.settings.insert("cleanup.policy".to_owned(), "compact".to_owned());
    admin(&broker).await.create_topic(&compacted).await.unwrap();
    let name = &compacted.name;
    let mut producer = producer(&broker).await;
    for round in ["1", "2", "3"] {
        let batch = ["a", "b", "c"].map(|key| keyed(name, key, Some(round)));
        send(&mut producer, batch.into()).await;
    }
    send(&mut producer, vec![keyed(name, "b", None), keyed(name, "c", Some("4"))]).await;
    let mut last = BTreeMap::new();
    for ConsumerRecord { key, value, .. } in contents(&broker, name).await.remove(&0).unwrap() {
        last.insert(key.unwrap(), value);
    }
    last.retain(|_, value| value.is_some());
    let expected = [("a", "3"), ("c", "4")];
    assert_eq!(last, expected.map(|(key, value)| (key.into(), Some(value.into()))).into());
}
