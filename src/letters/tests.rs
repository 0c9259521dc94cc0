//! Letters and redrives on an embedded log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::{config::Props, time::SystemClock};
use serde_json::{Value as Json, json};

use super::{
    Letters, LettersError, Owner, PageRequest, Progress, Queue, RedriveRequest, RedriveState,
};
use crate::{
    broker::{
        Broker, ClientSettings, ConsumerRecord, NewTopic, PartitionRecords, ProducerRecord,
        ProducerSettings, ReadFrom, ReaderSettings, embedded::EmbeddedBroker,
    },
    tasks::TaskGroup,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Counts how often its tasks were restarted.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl Owner for Counting {
    async fn restart_tasks(&self) -> Result<(), String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn has_queue(&self, topic: &str) -> bool {
        topic == "dead"
    }
}

/// A worker with one sink, `sink`, that reads `orders` and has the queue `dead`.
struct World {
    letters: Letters,
    broker: Arc<EmbeddedBroker>,
    owner: Arc<Counting>,
    group: TaskGroup,
    _directory: tempfile::TempDir,
}

impl World {
    async fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let group = TaskGroup::new();
        let broker = EmbeddedBroker::open(directory.path(), Arc::new(SystemClock), &group).unwrap();
        let world = Self {
            letters: Letters::new(Arc::<EmbeddedBroker>::clone(&broker), clock(), &group),
            broker,
            owner: Arc::default(),
            group,
            _directory: directory,
        };
        world.topic("orders", 2).await;
        world.topic("dead", 1).await;
        world
    }

    async fn topic(&self, name: &str, partitions: i32) {
        self.topic_with(name, partitions, &[]).await;
    }

    async fn topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        // The records are of 1970.
        let kept = [("retention.ms", "-1")];
        let settings = kept.iter().chain(settings);
        let admin = self.broker.admin(&ClientSettings::default()).await.unwrap();
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: Some(partitions),
            replication_factor: None,
            settings: settings.map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        };
        admin.create_topic(&topic).await.unwrap();
    }

    fn queue(&self) -> Queue {
        queue_with(&[])
    }

    async fn send(&self, records: Vec<ProducerRecord>) {
        let mut producer = self.broker.producer(&ProducerSettings::default()).await.unwrap();
        let delivery = producer.send(records).await.unwrap();
        assert!(delivery.await.unwrap().failed.is_empty());
    }

    /// Letters of records 0, 1, … of `orders`, alternating between its partitions.
    async fn write_letters(&self, count: i64) {
        self.send((0..count).map(|number| letter(number, &[])).collect()).await;
    }

    async fn page(&self, parameters: &[(&str, &str)]) -> Json {
        let request = PageRequest::parse(parameters.iter().copied()).unwrap();
        let page = self.letters.page(&self.queue(), &request).await.unwrap();
        serde_json::to_value(page).unwrap()
    }

    fn start(&self, request: Json) -> Result<Progress, LettersError> {
        let request = RedriveRequest::parse(request.to_string().as_bytes())?;
        self.letters.redrive(self.queue(), request, Arc::clone(&self.owner) as _)
    }

    async fn redrive(&self, request: Json) -> Progress {
        let id = self.start(request).unwrap().id;
        self.end_of(&self.letters, &id).await
    }

    async fn end_of(&self, letters: &Letters, id: &str) -> Progress {
        let wait = async {
            loop {
                let progress = letters.find_redrive("sink", id).unwrap();
                if progress.state != RedriveState::Running {
                    return progress;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the redrive ends")
    }

    /// Everything in a topic.
    async fn contents(&self, topic: &str) -> Vec<(i32, ConsumerRecord)> {
        let settings = ReaderSettings {
            client: ClientSettings::default(),
            topic: topic.to_owned(),
            from: ReadFrom::Beginning,
            is_read_committed: true,
        };
        let mut reader = self.broker.reader(&settings).await.unwrap();
        let parts = reader.read_to_end().await.unwrap();
        let records = |part: PartitionRecords| {
            let number = part.partition.partition;
            part.records.into_iter().map(move |record| (number, record))
        };
        parts.into_iter().flat_map(records).collect()
    }

    async fn end(self) {
        self.letters.stop().await;
        self.broker.close().await;
        self.group.stop(PATIENCE).await.unwrap();
    }
}

fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock)
}

fn queue_with(more: &[(&str, &str)]) -> Queue {
    let mut config = Props::from([
        ("topics", "orders"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
    ]);
    config.extend(more.iter().copied().collect::<Props>());
    Queue::of("sink", &config, &Props::new()).unwrap().unwrap()
}

fn header(name: &str, text: &str) -> (Arc<str>, Option<Bytes>) {
    (name.into(), Some(Bytes::copy_from_slice(text.as_bytes())))
}

/// The letter of a record of `orders`, with headers before those that tell of the failure.
fn letter(number: i64, before: &[(&str, &str)]) -> ProducerRecord {
    let mut headers = vec![header("own", "o")];
    headers.extend(before.iter().map(|(name, text)| header(name, text)));
    for (name, text) in [
        ("topic", "orders"),
        ("partition", if number % 2 == 0 { "0" } else { "1" }),
        ("offset", &number.to_string()),
        ("connector.name", "sink"),
        ("task.id", "0"),
        ("stage", "VALUE_CONVERTER"),
        ("class.name", "JsonConverter"),
        ("exception.class.name", "org.apache.kafka.connect.errors.DataException"),
        ("exception.message", "bad"),
        ("exception.stacktrace", "long"),
    ] {
        headers.push(header(&format!("__connect.errors.{name}"), text));
    }
    ProducerRecord {
        topic: "dead".into(),
        partition: Some(0),
        key: Some(Bytes::from(format!("k{number}"))),
        value: Some(Bytes::from(format!("v{number}"))),
        timestamp_ms: Some(1000 + number),
        headers,
    }
}

fn values(records: &[(i32, ConsumerRecord)]) -> Vec<String> {
    let text = |(_, record): &(i32, ConsumerRecord)| {
        String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()
    };
    records.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another_and_show_no_letters_of_others() {
    let world = World::begin().await;
    world.write_letters(5).await;
    let mut foreign = letter(5, &[]);
    foreign.headers.push(header("__connect.errors.connector.name", "other"));
    let bare =
        ProducerRecord { headers: Vec::new(), value: Some("\u{e9}".into()), ..letter(6, &[]) };
    world.send(vec![foreign, bare]).await;
    let first = world.page(&[("limit", "2")]).await;
    let letter = &first["letters"][1];
    assert_eq!(letter["origin"], json!({"topic": "orders", "partition": 1, "offset": 1}));
    assert_eq!(letter["value"], json!({"text": "v1", "size": 2, "truncated": false}));
    assert_eq!(letter["headers"].as_array().unwrap().len(), 1);
    assert_eq!(
        letter["exception"],
        json!({"class": "org.apache.kafka.connect.errors.DataException", "message": "bad"})
    );
    assert_eq!((&letter["task"], &letter["attempts"]), (&json!(0), &json!(0)));
    assert_eq!((&first["next"], first.get("note")), (&json!("0:1"), None));
    let rest = world.page(&[("after", "0:1"), ("max_bytes", "1"), ("trace", "true")]).await;
    let offsets: Vec<_> =
        rest["letters"].as_array().unwrap().iter().map(|l| &l["offset"]).collect();
    assert_eq!(offsets, [2, 3, 4, 6]);
    assert_eq!(rest["letters"][0]["exception"]["stacktrace"], "l");
    let cut = json!({"text": "", "size": 2, "truncated": true});
    assert_eq!((&rest["letters"][3]["value"], &rest["letters"][3]["origin"]), (&cut, &Json::Null));
    assert_eq!((&rest["next"], rest["note"].is_string()), (&Json::Null, true));
    let some = world.page(&[("partition", "1"), ("from", "1002")]).await;
    assert_eq!((some["letters"].as_array().unwrap().len(), &some["scanned"]), (1, &json!(7)));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_is_empty() {
    let world = World::begin().await;
    let queue = queue_with(&[("errors.deadletterqueue.topic.name", "never")]);
    let page = world.letters.page(&queue, &PageRequest::default()).await.unwrap();
    assert!(page.letters.is_empty() && page.next.is_none());
    for wrong in [("limit", "0"), ("limit", "1001"), ("after", "x"), ("colour", "red")] {
        let error = PageRequest::parse([wrong].into_iter()).unwrap_err();
        assert!(matches!(error, LettersError::Invalid(_)), "{wrong:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_go_back_to_their_topic_as_they_were_and_only_once() {
    let world = World::begin().await;
    world.write_letters(1201).await;
    let all = json!({"select": {}, "to": "topic"});
    let dry = world.redrive(json!({"select": {}, "to": "topic", "dry_run": true})).await;
    assert_eq!((dry.state, dry.sent, dry.would_send.len()), (RedriveState::Done, 1201, 1000));
    assert!(world.contents("orders").await.is_empty());
    let done = world.redrive(all.clone()).await;
    assert_eq!((done.state, done.selected, done.sent), (RedriveState::Done, 1201, 1201));
    let again = world.redrive(all).await;
    assert_eq!((again.sent, again.skipped.already_redriven), (0, 1201));
    let records = world.contents("orders").await;
    for partition in [0, 1] {
        let own: Vec<_> = records.iter().filter(|(at, _)| *at == partition).cloned().collect();
        let expected = (0..1201).filter(|number| number % 2 == partition);
        let expected: Vec<_> = expected.map(|number| format!("v{number}")).collect();
        assert_eq!(values(&own), expected, "in their order");
    }
    let (_, one) = &records[0];
    assert_eq!((one.timestamp_ms, one.key.as_deref()), (Some(1000), Some(&b"k0"[..])));
    assert_eq!(one.headers, [header("own", "o"), header("__millrace.redrive.attempts", "1")]);
    let page = world.page(&[("limit", "1")]).await;
    let redriven = &page["letters"][0]["redriven"];
    assert_eq!((&redriven["redrive"], &redriven["to"]), (&json!(done.id), &json!("topic")));
    assert_eq!(world.owner.0.load(Ordering::SeqCst), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_back_to_the_connector_by_a_topic_of_its_own() {
    let world = World::begin().await;
    world.write_letters(2).await;
    let named = json!([{"partition": 0, "offset": 1}, {"partition": 0, "offset": 9}]);
    let done = world.redrive(json!({"letters": named, "to": "connector"})).await;
    assert_eq!((done.sent, done.skipped.not_found), (1, 1));
    let done = world.redrive(json!({"select": {}, "to": "connector"})).await;
    assert_eq!((done.sent, done.skipped.already_redriven), (1, 1));
    let records = world.contents("dead.redrive.sink").await;
    assert_eq!(values(&records), ["v1", "v0"]);
    let (partition, record) = &records[0];
    assert_eq!(*partition, 8, "a partition that orders does not have");
    let expected = [
        header("own", "o"),
        header("__millrace.redrive.attempts", "1"),
        header("__millrace.redrive.topic", "orders"),
        header("__millrace.redrive.partition", "1"),
        header("__millrace.redrive.offset", "1"),
    ];
    assert_eq!(record.headers, expected);
    assert!(world.contents("orders").await.is_empty());
    assert_eq!(world.owner.0.load(Ordering::SeqCst), 1, "told once");
    world.topic("wide", 9).await;
    let mut wide = letter(2, &[]);
    wide.headers.push(header("__connect.errors.topic", "wide"));
    world.send(vec![wide]).await;
    let failed = world.redrive(json!({"select": {"topic": "wide"}, "to": "connector"})).await;
    let error = failed.error.unwrap();
    assert!(error.starts_with("Topic \"wide\" has 9 partitions"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_should_not_go_stays_and_says_why() {
    let world = World::begin().await;
    let tired = letter(0, &[("__millrace.redrive.attempts", "3")]);
    let bare = ProducerRecord { headers: Vec::new(), ..letter(1, &[]) };
    let mut homeless = letter(2, &[]);
    homeless.headers.push(header("__connect.errors.topic", "gone"));
    world.send(vec![tired, bare, homeless]).await;
    let request = json!({"select": {}, "to": "topic"});
    let done = world.redrive(request).await;
    let skipped = done.skipped;
    assert_eq!(
        (skipped.too_many_attempts, skipped.no_origin, skipped.topic_missing, done.sent),
        (1, 1, 1, 0)
    );
    assert_eq!(done.unsent[1].reason, "no origin: name its \"topic\"");
    let more = json!({"select": {}, "to": "topic", "topic": "orders", "max_attempts": 4});
    assert_eq!(world.redrive(more).await.sent, 2);
    let records = world.contents("orders").await;
    let attempts: Vec<_> = records.iter().map(|(_, r)| r.headers.last().unwrap()).collect();
    assert!(attempts.contains(&&header("__millrace.redrive.attempts", "4")), "{attempts:?}");
    for wrong in [
        json!({"to": "topic"}),
        json!({"select": {}, "letters": [], "to": "topic"}),
        json!({"letters": [], "to": "topic"}),
        json!({"select": {"colour": "red"}, "to": "topic"}),
        json!({"select": {}, "to": "moon"}),
        json!({"select": {}, "to": "topic", "rate": 0}),
        json!({"select": {}, "to": "topic", "max_attempts": 0}),
    ] {
        let error = world.start(wrong.clone()).unwrap_err();
        assert!(matches!(error, LettersError::Invalid(_)), "{wrong}: {error}");
    }
    let latest = queue_with(&[("consumer.override.auto.offset.reset", "latest")]);
    let request = RedriveRequest::parse(br#"{"select": {}, "to": "connector"}"#).unwrap();
    let owner = Arc::clone(&world.owner) as Arc<dyn Owner>;
    let error = world.letters.redrive(latest, request, owner).unwrap_err().to_string();
    assert!(error.contains("auto.offset.reset"), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_redrive_waits_here_and_fences_the_first_elsewhere() {
    let world = World::begin().await;
    world.write_letters(100).await;
    let slow = json!({"select": {}, "to": "topic", "rate": 20});
    let first = world.start(slow).unwrap();
    let busy = world.start(json!({"select": {}, "to": "topic"})).unwrap_err();
    assert!(matches!(busy, LettersError::Busy { .. }), "{busy}");
    let wait = async {
        while world.letters.find_redrive("sink", &first.id).unwrap().sent == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    // Another worker, which knows nothing of the first.
    let other = Letters::new(Arc::<EmbeddedBroker>::clone(&world.broker), clock(), &world.group);
    let request = RedriveRequest::parse(br#"{"select": {}, "to": "topic"}"#).unwrap();
    let owner = Arc::clone(&world.owner) as Arc<dyn Owner>;
    let second = other.redrive(world.queue(), request, owner).unwrap();
    let second = world.end_of(&other, &second.id).await;
    let first = world.end_of(&world.letters, &first.id).await;
    assert_eq!(first.state, RedriveState::Failed);
    assert!(first.error.unwrap().contains("fenced off"));
    assert_eq!((second.state, first.sent + second.sent), (RedriveState::Done, 100));
    assert_eq!(world.contents("orders").await.len(), 100);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_is_cancelled_is_taken_up_where_it_was() {
    let world = World::begin().await;
    world.write_letters(50).await;
    let slow = world.start(json!({"select": {}, "to": "topic", "rate": 10})).unwrap();
    world.letters.cancel("sink", &slow.id).unwrap();
    let cancelled = world.end_of(&world.letters, &slow.id).await;
    assert_eq!(cancelled.state, RedriveState::Cancelled);
    assert!(cancelled.sent < 50 && cancelled.ended_at.is_some());
    let done = world.redrive(json!({"select": {}, "to": "topic"})).await;
    assert_eq!(cancelled.sent + done.sent, 50);
    assert_eq!(world.contents("orders").await.len(), 50);
    let ids: Vec<_> = world.letters.redrives("sink").into_iter().map(|known| known.id).collect();
    let unknown = world.letters.find_redrive("other", &slow.id).unwrap_err();
    assert_eq!(ids, [done.id, slow.id]);
    assert!(matches!(unknown, LettersError::Unknown { .. }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_a_queue_made_anew_are_not_taken_for_the_old_ones() {
    let world = World::begin().await;
    world.write_letters(1).await;
    let all = json!({"select": {}, "to": "topic"});
    assert_eq!(world.redrive(all.clone()).await.sent, 1);
    let admin = world.broker.admin(&ClientSettings::default()).await.unwrap();
    admin.delete_topic("dead").await.unwrap();
    world.topic("dead", 1).await;
    world.send(vec![letter(7, &[])]).await;
    assert_eq!(world.redrive(all).await.sent, 1);
    let page = world.page(&[]).await;
    assert_eq!(page["letters"][0]["redriven"]["to"], "topic", "{page}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_the_topic_does_not_take_holds_up_no_other() {
    let world = World::begin().await;
    world.topic_with("small", 1, &[("max.message.bytes", "1000")]).await;
    let to_small = |number: i64, size: usize| {
        let mut letter = letter(number, &[]);
        letter.headers.push(header("__connect.errors.topic", "small"));
        ProducerRecord { value: Some(Bytes::from("v".repeat(size))), ..letter }
    };
    world.send(vec![to_small(0, 1), to_small(1, 5000), to_small(2, 2)]).await;
    let done = world.redrive(json!({"select": {}, "to": "topic"})).await;
    assert_eq!((done.state, done.sent, done.failed), (RedriveState::Done, 2, 1), "{done:?}");
    assert_eq!((done.unsent.len(), done.unsent[0].place.offset), (1, 1));
    assert_eq!(values(&world.contents("small").await), ["v", "vv"]);
    let again = world.redrive(json!({"select": {}, "to": "topic"})).await;
    assert_eq!((again.failed, again.skipped.already_redriven), (1, 2), "and is tried again");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_with_two_letters_is_redriven_once_unless_both_are_named() {
    let world = World::begin().await;
    world.write_letters(2).await;
    world.write_letters(1).await;
    world.send(vec![letter(0, &[("__millrace.redrive.attempts", "1")])]).await;
    let first = world.redrive(json!({"select": {"from": 1001}, "to": "topic"})).await;
    assert_eq!((first.sent, first.skipped.same_record), (1, 0));
    let all = json!({"select": {}, "to": "topic"});
    let done = world.redrive(all.clone()).await;
    assert_eq!((done.sent, done.skipped.same_record), (2, 1), "it failed a second time");
    let again = world.redrive(all).await;
    assert_eq!((again.sent, again.skipped.same_record), (0, 1));
    let named = json!({"letters": [{"partition": 0, "offset": 2}], "to": "topic"});
    assert_eq!(world.redrive(named).await.sent, 1);
    assert_eq!(world.contents("orders").await.len(), 4);
    world.end().await;
}
