use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::{Converter, Pending},
    error::{ConnectorError, Result},
    record::{
        Header, RawHeader, SchemaAndValue, SinkRecord, SourceRecord, TimestampType, TopicPartition,
    },
    schema::Schema,
    sink::ErrantRecordReporter,
    time::SystemClock,
    value::{Map, Value},
};

use super::*;
use crate::{
    broker::{
        Broker as _, ClientSettings, ConsumerRecord, PartitionRecords, ProducerSettings, ReadFrom,
        ReaderSettings, embedded::EmbeddedBroker,
    },
    convert::ConverterRegistry,
    metrics::{Metrics, Sampling},
    tasks::TaskGroup,
    transform::Chain,
};

fn record(offset: i64, value: &'static str) -> ConsumerRecord {
    ConsumerRecord {
        offset,
        timestamp_ms: Some(7),
        timestamp_type: TimestampType::CreateTime,
        key: None,
        value: Some(Bytes::from_static(value.as_bytes())),
        headers: vec![("n".into(), Some(Bytes::from_static(b"42")))],
    }
}

fn parts(values: &[&'static str]) -> Vec<PartitionRecords> {
    let records: Vec<_> =
        values.iter().zip(0..).map(|(value, offset)| record(offset, value)).collect();
    let next_offset = i64::try_from(records.len()).unwrap();
    vec![PartitionRecords { partition: TopicPartition::new("t", 3), records, next_offset }]
}

fn handler(props: &Props) -> Arc<ErrorHandler> {
    let metrics = Metrics::new(Sampling::default(), Arc::new(SystemClock));
    let meter = Arc::clone(metrics.task(&"conn".into(), 0).meter());
    Arc::new(ErrorHandler::new("conn-0".to_owned(), props, None, meter).unwrap())
}

fn converters(class: &str) -> Converters {
    let worker = Props::from([
        ("key.converter", class),
        ("value.converter", class),
        ("key.converter.schemas.enable", "false"),
        ("value.converter.schemas.enable", "false"),
    ]);
    Converters::of(&ConverterRegistry::own(), &Props::new(), &worker).unwrap()
}

fn sink(class: &str, props: &[(&str, &str)]) -> SinkPipeline {
    let props: Props = props.iter().copied().collect();
    SinkPipeline::new(converters(class), Chain::of(&props).unwrap(), handler(&props))
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_passes_text_without_a_copy() {
    let parts = parts(&["a", "b"]);
    let converted = sink("StringConverter", &[]).convert(&parts).await.unwrap();
    let offsets: Vec<_> = converted.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [0, 1]);
    assert_eq!(converted[1].origin, TopicPartition::new("t", 3));
    assert_eq!(converted[1].headers[0].data.value, Value::Int8(42));
    let Value::String(text) = &converted[1].value.value else { panic!("not text") };
    let original = parts[0].records[1].value.as_ref().unwrap();
    assert_eq!(text.as_bytes().as_ptr(), original.as_ptr());
}

#[tokio::test]
async fn a_record_that_fails_is_skipped_alone_where_that_is_tolerated() {
    let parts = parts(&["1", "{", "3"]);
    let lenient = sink("JsonConverter", &[("errors.tolerance", "all")]);
    let converted = lenient.convert(&parts).await.unwrap();
    let values: Vec<_> = converted.iter().map(|record| record.value.value.clone()).collect();
    assert_eq!(values, [Value::Int64(1), Value::Int64(3)]);
    let error = sink("JsonConverter", &[]).convert(&parts).await.unwrap_err();
    assert_eq!(error.to_string(), "Tolerance exceeded in error handler");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().starts_with("Converting byte[] to Kafka Connect data failed"));
}

#[tokio::test]
async fn a_record_that_a_transform_drops_is_missing_and_its_failure_names_the_transform() {
    let drop = [("transforms", "f"), ("transforms.f.type", "Filter")];
    assert!(sink("StringConverter", &drop).convert(&parts(&["a"])).await.unwrap().is_empty());
    let insert = [
        ("transforms", "i"),
        ("transforms.i.type", "InsertField$Value"),
        ("transforms.i.topic.field", "topic"),
        ("errors.tolerance", "all"),
    ];
    assert!(sink("StringConverter", &insert).convert(&parts(&["a"])).await.unwrap().is_empty());
}

/// A copy without the field that the second transform asks for.
const TORN: [(&str, &str); 8] = [
    ("transforms", "copy,name"),
    ("transforms.copy.type", "Tag"),
    ("transforms.copy.topic", "${topic}-copy"),
    ("transforms.name.type", "ValueToKey"),
    ("transforms.name.fields", "a"),
    ("transforms.name.predicate", "copies"),
    ("predicates", "copies"),
    ("predicates.copies.type", "TopicNameMatches"),
];

#[tokio::test]
async fn a_record_and_its_copy_come_through_together_or_not_at_all() {
    let pattern = ("predicates.copies.pattern", ".*-copy");
    let props = [&TORN[..], &[pattern, ("errors.tolerance", "all")]].concat();
    let parts = parts(&[r#"{"a":1}"#, "2", r#"{"a":3}"#]);
    let converted = sink("JsonConverter", &props).convert(&parts).await.unwrap();
    let seen: Vec<_> = converted.iter().map(|record| (&*record.topic, record.offset)).collect();
    assert_eq!(seen, [("t", 0), ("t-copy", 0), ("t", 2), ("t-copy", 2)]);
    let object = |number| Value::Map(Map::new(vec![("a".into(), Value::Int64(number))]));
    let records = [object(1), Value::Int64(2), object(3)].map(source_record).to_vec();
    let converted = source(&props).convert(records).await.unwrap();
    let topics: Vec<_> = converted.records.iter().map(|record| &*record.topic).collect();
    assert_eq!(topics, ["t", "t-copy", "t", "t-copy"]);
}

fn source(props: &[(&str, &str)]) -> SourcePipeline {
    let props: Props = props.iter().copied().collect();
    let chain = Chain::of(&props).unwrap();
    SourcePipeline::new(converters("JsonConverter"), chain, handler(&props))
}

fn source_record(value: Value) -> SourceRecord {
    SourceRecord::new("t".into(), SchemaAndValue::schemaless(value))
}

#[tokio::test]
async fn source_records_are_converted_with_headers_and_their_size() {
    let mut record = source_record(Value::Int64(5));
    record.headers.push(Header { key: "h".into(), data: SchemaAndValue::schemaless("x".into()) });
    record.timestamp_ms = Some(-1);
    let converted = source(&[]).convert(vec![record]).await.unwrap();
    let record = &converted.records[0];
    assert_eq!(record.value, Some(Bytes::from("5")));
    assert_eq!((record.key.clone(), record.timestamp_ms), (None, None));
    assert_eq!(record.headers, [("h".into(), Some(Bytes::from("x")))]);
    assert!(converted.bytes > 2);
}

#[tokio::test]
async fn a_source_record_that_fails_is_skipped_or_fails_the_batch() {
    let bad = || {
        let value = SchemaAndValue::new(Schema::string(), Value::Int64(1));
        vec![SourceRecord::new("t".into(), value), source_record("good".into())]
    };
    let converted = source(&[("errors.tolerance", "all")]).convert(bad()).await.unwrap();
    assert_eq!(converted.records.len(), 1);
    assert!(source(&[]).convert(bad()).await.is_err());
    let mut early = source_record("x".into());
    early.timestamp_ms = Some(-5);
    let error = source(&[("errors.tolerance", "all")]).convert(vec![early]).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid record timestamp -5");
}

/// A failure that passes after some tries.
async fn tries(props: &[(&str, &str)], failures: u32) -> (Result<Option<u32>>, u32) {
    let errors = handler(&props.iter().copied().collect());
    let failure = |error| Failure { stage: Stage::ValueConverter, class: "c", error };
    let away = failure(ConnectorError::retriable("away"));
    let (mut tried, mut waits) = (0, errors.tries());
    while waits.wait(&away).await {
        tried += 1;
        if tried >= failures {
            return (Ok(Some(tried)), tried);
        }
    }
    let outcome = errors.give_up(away, Origin::Produced(None)).await.map(|()| None);
    (outcome, tried)
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_until_its_time_is_up() {
    let (outcome, tried) = tries(&[], 1).await;
    assert!(outcome.is_err());
    assert_eq!(tried, 0, "errors.retry.timeout is 0");
    let start = tokio::time::Instant::now();
    let (outcome, _) = tries(&[("errors.retry.timeout", "-1")], 4).await;
    assert_eq!(outcome.unwrap(), Some(4));
    assert_eq!(start.elapsed().as_millis(), 300 + 600 + 1200 + 2400);
    let start = tokio::time::Instant::now();
    let (outcome, tried) = tries(&[("errors.retry.timeout", "1000")], 50).await;
    assert!(outcome.is_err());
    assert_eq!((tried, start.elapsed().as_millis()), (3, 1000), "300, 600 and what is left");
    let skipped = [("errors.retry.timeout", "1000"), ("errors.tolerance", "all")];
    assert_eq!(tries(&skipped, 50).await.0.unwrap(), None);
}

/// A converter that has to ask before its first conversions.
#[derive(Debug, Default)]
struct Asking {
    answered: AtomicU32,
    wanted: AtomicU32,
}

impl Asking {
    /// Two answers are needed, one after the other.
    fn convert<T>(&self, outcome: T) -> Result<T> {
        let answered = self.answered.load(Ordering::SeqCst);
        if answered < 2 {
            self.wanted.store(answered + 1, Ordering::SeqCst);
            return Err(ConnectorError::retriable("not answered yet"));
        }
        Ok(outcome)
    }
}

impl Converter for Asking {
    fn class(&self) -> &'static str {
        "Asking"
    }

    fn to_connect(&self, _: &str, _: &[RawHeader], _: Option<&Bytes>) -> Result<SchemaAndValue> {
        self.convert(SchemaAndValue::schemaless("read".into()))
    }

    fn from_connect(&self, _: &str, _: &SchemaAndValue, _: &mut BytesMut) -> Result<Option<Bytes>> {
        self.convert(Some(Bytes::from("written")))
    }

    fn pending(&self) -> Option<Pending<'_>> {
        let wanted = self.wanted.swap(0, Ordering::SeqCst);
        let answer = async move { self.answered.store(wanted, Ordering::SeqCst) };
        (wanted > 0).then(|| Box::pin(answer) as Pending<'_>)
    }
}

#[tokio::test]
async fn what_a_converter_has_to_ask_first_is_no_failure() {
    let strict = Props::new();
    let asking =
        || Converters { value: Arc::new(Asking::default()), ..converters("StringConverter") };
    let sink = SinkPipeline::new(asking(), Chain::of(&Props::new()).unwrap(), handler(&strict));
    let read = sink.convert(&parts(&["a", "b"])).await.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].value.value, "read".into());
    let mut source =
        SourcePipeline::new(asking(), Chain::of(&Props::new()).unwrap(), handler(&strict));
    let written = source.convert(vec![source_record(Value::Int32(1))]).await.unwrap();
    assert_eq!(written.records[0].value, Some(Bytes::from("written")));
}

#[test]
fn the_log_says_where_it_failed_and_only_if_wanted_with_which_record() {
    let failure = Failure {
        stage: Stage::ValueConverter,
        class: "org.apache.kafka.connect.json.JsonConverter",
        error: ConnectorError::record("bad"),
    };
    let text = |props: &[(&str, &str)], record: &ConsumerRecord| {
        let origin = Origin::Consumed("t", 3, record);
        handler(&props.iter().copied().collect()).log_text(&failure, origin)
    };
    assert_eq!(
        text(&[], &record(1, "x")),
        "Error encountered in task conn-0. Executing stage 'VALUE_CONVERTER' with class \
         'org.apache.kafka.connect.json.JsonConverter'."
    );
    let with_record = [("errors.log.include.messages", "true")];
    assert_eq!(
        text(&with_record, &record(1, "x")),
        "Error encountered in task conn-0. Executing stage 'VALUE_CONVERTER' with class \
         'org.apache.kafka.connect.json.JsonConverter', where consumed record is {topic='t', \
         partition=3, offset=1, timestamp=7, timestampType=CreateTime}."
    );
    let without_time = ConsumerRecord { timestamp_ms: None, ..record(1, "x") };
    assert!(text(&with_record, &without_time).ends_with("partition=3, offset=1}."));
}

#[tokio::test]
async fn a_reported_record_is_tolerated_or_not_as_the_configuration_says() {
    let report = async |props: &[(&str, &str)]| {
        let props: Props = props.iter().copied().collect();
        let reporter =
            TaskReporter::new(handler(&props), Originals::default(), converters("StringConverter"));
        let record = SinkRecord {
            topic: "t".into(),
            origin: TopicPartition::new("t", 0),
            offset: 0,
            timestamp_ms: None,
            timestamp_type: TimestampType::CreateTime,
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::schemaless("x".into()),
            headers: Vec::new(),
        };
        reporter.report(&record, ConnectorError::record("bad")).await
    };
    assert!(report(&[("errors.tolerance", "all")]).await.is_ok());
    assert!(report(&[]).await.is_err());
}

#[test]
fn originals_are_found_by_partition_and_offset() {
    let originals = Originals::default();
    originals.replace(parts(&["a", "b"]));
    let at = TopicPartition::new("t", 3);
    assert_eq!(originals.find(&at, 1).unwrap().value, Some(Bytes::from("b")));
    assert!(originals.find(&at, 2).is_none());
    assert!(originals.find(&TopicPartition::new("t", 0), 1).is_none());
}

/// A letter that came back: a record of partition 2 of `orders`, in the topic of the connector.
fn redriven() -> PartitionRecords {
    let header = |name: &str, text: &'static str| {
        (format!("__millrace.redrive.{name}").into(), Some(Bytes::from_static(text.as_bytes())))
    };
    let mut record = record(5, "x");
    record.headers.extend([
        header("attempts", "1"),
        header("topic", "1.50"),
        header("partition", "2"),
        header("offset", "17"),
    ]);
    let partition = TopicPartition::new("dead.redrive.conn", 8);
    PartitionRecords { partition, records: vec![record], next_offset: 6 }
}

#[tokio::test]
async fn a_redriven_record_has_the_name_of_its_first_topic_and_its_own_place() {
    let pipeline =
        sink("StringConverter", &[]).with_redrive_topic(Some("dead.redrive.conn".into()));
    let converted = pipeline.convert(&[redriven()]).await.unwrap();
    let record = &converted[0];
    assert_eq!((record.topic.as_ref(), record.offset), ("1.50", 5));
    assert_eq!(record.origin, TopicPartition::new("dead.redrive.conn", 8));
    let text = |at: usize| record.headers[at].data.value.as_str().map(str::to_owned);
    assert_eq!((text(0), text(1), text(2)), (None, Some("1".into()), Some("1.50".into())));
    let elsewhere = sink("StringConverter", &[]).convert(&[redriven()]).await.unwrap();
    assert_eq!(elsewhere[0].topic.as_ref(), "dead.redrive.conn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_record_that_is_rejected_is_known_by_its_first_place() {
    let directory = tempfile::tempdir().unwrap();
    let group = TaskGroup::new();
    let broker = EmbeddedBroker::open(directory.path(), Arc::new(SystemClock), &group).unwrap();
    let props = Props::from([
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ]);
    let config = <DeadLetterConfig as connect_api::config::Config>::parse(&props).unwrap();
    let producer = broker.producer(&ProducerSettings::default()).await.unwrap();
    let letters = Arc::new(DeadLetters::new(config, "conn".into(), 0, producer));
    let metrics = Metrics::new(Sampling::default(), Arc::new(SystemClock));
    let meter = Arc::clone(metrics.task(&"conn".into(), 0).meter());
    let errors = ErrorHandler::new("conn-0".to_owned(), &props, Some(letters), meter).unwrap();
    let errors = Arc::new(errors);
    let converters = converters("StringConverter");
    let pipeline = SinkPipeline::new(
        converters.clone(),
        Chain::of(&Props::new()).unwrap(),
        Arc::clone(&errors),
    )
    .with_redrive_topic(Some("dead.redrive.conn".into()));
    let converted = pipeline.convert(&[redriven()]).await.unwrap();
    // Once while the record is there as it was read, and once long after.
    let originals = Originals::default();
    originals.replace(vec![redriven()]);
    for originals in [originals, Originals::default()] {
        let reporter = TaskReporter::new(Arc::clone(&errors), originals, converters.clone());
        reporter.report(&converted[0], ConnectorError::record("bad")).await.unwrap();
    }
    errors.settle().await.unwrap();
    let settings = ReaderSettings {
        client: ClientSettings::default(),
        topic: "dead".to_owned(),
        from: ReadFrom::Beginning,
        is_read_committed: true,
    };
    let parts = broker.reader(&settings).await.unwrap().read_to_end().await.unwrap();
    let records: Vec<_> = parts.into_iter().flat_map(|part| part.records).collect();
    assert_eq!(records.len(), 2);
    for record in records {
        let text = |name: &str| last_text(&record.headers, name).map(str::to_owned);
        assert_eq!(text("__connect.errors.topic").as_deref(), Some("1.50"));
        assert_eq!(text("__connect.errors.partition").as_deref(), Some("2"));
        assert_eq!(text("__connect.errors.offset").as_deref(), Some("17"));
        assert_eq!(text(ATTEMPTS_HEADER).as_deref(), Some("1"));
        assert_eq!(text("n").as_deref(), Some("42"));
        assert!(Home::of(&record.headers).is_none());
    }
    broker.close().await;
    group.stop(std::time::Duration::from_secs(5)).await.unwrap();
}
