//! Keys and headers beside values, and records without a value.

use connect_api::{
    record::Header,
    schema::{Schema, Type},
    value::Struct,
};

use super::{
    containers::{avro, rows},
    *,
};

const JSON_SIDES: [(&str, &str); 4] = [
    ("store.kafka.keys", "true"),
    ("keys.format.class", "JsonFormat"),
    ("store.kafka.headers", "true"),
    ("headers.format.class", "JsonFormat"),
];

/// A record with a key and two headers.
fn full(offset: i64) -> SinkRecord {
    let header = |key: &str, value| {
        let data = SchemaAndValue::schemaless(value);
        Header { key: key.into(), data }
    };
    SinkRecord {
        key: SchemaAndValue {
            schema: Some(Schema::string()),
            value: Value::string(format!("k{offset}")),
        },
        headers: vec![header("a", "x".into()), header("b", Value::Int64(offset))],
        ..number(offset, TEN + offset)
    }
}

fn null(offset: i64) -> SinkRecord {
    SinkRecord { value: SchemaAndValue::NULL, ..full(offset) }
}

fn stem(end: &str) -> String {
    format!("topics/t/partition=0/t+0+0000000000{end}")
}

fn pair(key: &str, value: &str, schema: &Arc<Schema>) -> Value {
    Value::Struct(Struct::new(Arc::clone(schema), vec![key.into(), value.into()]))
}

#[tokio::test]
async fn keys_and_headers_stand_beside_values() {
    let rig = Rig::new(&[&JSON_SIDES[..], &[("flush.size", "2")]].concat()).await;
    let mut task = rig.task().await;
    task.put(&[full(0), full(1)]).await.unwrap();
    let expected = [
        (
            stem(".headers.json"),
            r#"{"headers":[{"key":"a","value":"x"},{"key":"b","value":"0"}]}
{"headers":[{"key":"a","value":"x"},{"key":"b","value":"1"}]}
"#
            .to_owned(),
        ),
        (stem(".json"), "0\n1\n".to_owned()),
        (stem(".keys.json"), "\"k0\"\n\"k1\"\n".to_owned()),
    ];
    assert_eq!(rig.server.texts(), BTreeMap::from(expected));
    let puts = rig.server.requests();
    let puts: Vec<_> = puts.iter().filter(|line| line.starts_with("PUT")).collect();
    assert!(puts.last().unwrap().contains("0000000000.json"), "values come last: {puts:?}");
    assert_eq!((safe_offset(&mut *task, 2).await, rig.context.budget.used_bytes()), (2, 0));
}

#[tokio::test]
async fn keys_and_headers_have_formats_of_their_own() {
    let pairs =
        Schema::new(Type::Struct).field("key", Schema::string()).field("value", Schema::string());
    let pairs = Arc::new(pairs);
    for format in ["AvroFormat", "ParquetFormat"] {
        let rig = Rig::new(&[
            ("flush.size", "1"),
            ("store.kafka.keys", "true"),
            ("keys.format.class", format),
            ("store.kafka.headers", "true"),
            ("headers.format.class", format),
        ])
        .await;
        let mut task = rig.task().await;
        task.put(&[full(0)]).await.unwrap();
        let objects = rig.server.objects();
        let list = Value::Array(vec![pair("a", "x", &pairs), pair("b", "0", &pairs)]);
        if format == "AvroFormat" {
            let (schema, _, keys) = avro(&objects[&stem(".keys.avro")]);
            assert_eq!((schema.as_str(), keys), ("\"string\"", vec!["k0".into()]));
            let (_, _, headers) = avro(&objects[&stem(".headers.avro")]);
            let Value::Array(headers) = &headers[0] else { panic!("{headers:?}") };
            let texts: Vec<_> = headers
                .iter()
                .map(|header| match header {
                    Value::Struct(pair) => pair.values().to_vec(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(texts, [["a".into(), "x".into()], ["b".into(), "0".into()]]);
            continue;
        }
        let keys = Arc::new(Schema::new(Type::Struct).field("key", Schema::string()));
        let row = |schema: &Arc<Schema>, value: Value| {
            Value::Struct(Struct::new(Arc::clone(schema), vec![value]))
        };
        let object = &objects[&stem(".keys.snappy.parquet")];
        assert_eq!(rows(object, &keys), [row(&keys, "k0".into())]);
        let headers = Schema::array(Arc::clone(&pairs));
        let headers = Arc::new(Schema::new(Type::Struct).field("headers", headers));
        let object = &objects[&stem(".headers.snappy.parquet")];
        assert_eq!(rows(object, &headers), [row(&headers, list)]);
    }
}

#[tokio::test]
async fn bytes_of_keys_are_compressed_as_those_of_values() {
    let rig = Rig::new(&[
        ("flush.size", "1"),
        ("s3.compression.type", "gzip"),
        ("store.kafka.keys", "true"),
        ("keys.format.class", "ByteArrayFormat"),
    ])
    .await;
    let mut task = rig.task().await;
    let key = SchemaAndValue::schemaless(Value::Bytes("raw".into()));
    task.put(&[SinkRecord { key, ..number(0, TEN) }]).await.unwrap();
    assert_eq!(rig.server.keys(), [stem(".json.gz"), stem(".keys.bin.gz")]);
}

#[tokio::test]
async fn a_record_without_key_or_headers_goes_to_the_reporter() {
    let mut rig = Rig::new(&[&JSON_SIDES[..], &[("flush.size", "1")]].concat()).await;
    let reporter = Arc::new(connect_testkit::CollectingReporter::default());
    rig.context.reporter = Some(Arc::<connect_testkit::CollectingReporter>::clone(&reporter));
    let mut task = rig.task().await;
    let no_key = SinkRecord { key: SchemaAndValue::NULL, ..full(0) };
    let no_headers = SinkRecord { headers: Vec::new(), ..full(1) };
    let mut null_header = full(2);
    null_header.headers[0].data = SchemaAndValue::NULL;
    task.put(&[no_key, no_headers, null_header]).await.unwrap();
    assert_eq!((reporter.take().len(), rig.server.keys().len()), (3, 0));
    assert_eq!(safe_offset(&mut *task, 3).await, 3);
}

#[tokio::test]
async fn another_schema_of_keys_is_another_file_where_the_format_has_schemas() {
    let rig = Rig::new(&[("flush.size", "9"), ("store.kafka.keys", "true")]).await;
    let mut task = rig.task().await;
    let mut other = full(1);
    other.key =
        SchemaAndValue { schema: Some(Arc::new(Schema::new(Type::Int64))), value: Value::Int64(1) };
    task.put(&[full(0), other]).await.unwrap();
    assert_eq!(rig.server.keys(), [stem(".json"), stem(".keys.avro")]);
}

#[tokio::test]
async fn a_record_without_value_is_its_key_in_a_folder_of_its_own() {
    let settings = [
        ("flush.size", "4"),
        ("behavior.on.null.values", "write"),
        ("partitioner.class", "HourlyPartitioner"),
        ("timestamp.extractor", "Record"),
        ("rotate.interval.ms", "3600000"),
    ];
    let rig = Rig::new(&[&JSON_SIDES[..], &settings].concat()).await;
    let mut task = rig.task().await;
    task.put(&[full(0), null(1), full(2), null(3)]).await.unwrap();
    let texts = rig.server.texts();
    assert_eq!(texts.len(), 5, "no value object, and no rotation: {:?}", texts.keys());
    assert_eq!(texts["topics/t/tombstone/t+0+0000000001.keys.json"], "\"k1\"\n\"k3\"\n");
    assert!(texts.contains_key("topics/t/tombstone/t+0+0000000001.headers.json"));
    let hour = "topics/t/year=2024/month=03/day=05/hour=10/t+0+0000000000";
    assert_eq!(texts[&format!("{hour}.keys.json")], "\"k0\"\n\"k2\"\n");
    assert_eq!(texts[&format!("{hour}.json")], "0\n2\n");
    assert_eq!(safe_offset(&mut *task, 4).await, 4);
}

#[tokio::test]
async fn a_folder_named_as_the_tombstones_is_not_mixed_up_with_theirs() {
    let settings = [
        ("flush.size", "3"),
        ("behavior.on.null.values", "write"),
        ("tombstone.encoded.partition", "partition=0"),
    ];
    let rig = Rig::new(&[&JSON_SIDES[..], &settings].concat()).await;
    let mut task = rig.task().await;
    task.put(&[full(0), null(1), full(2), full(3), full(4)]).await.unwrap();
    let texts = rig.server.texts();
    assert_eq!(texts[&stem(".json")], "0\n");
    assert_eq!(texts["topics/t/partition=0/t+0+0000000001.keys.json"], "\"k1\"\n");
    assert_eq!(texts["topics/t/partition=0/t+0+0000000002.json"], "2\n3\n4\n");
}

#[tokio::test]
async fn memory_that_is_used_up_keeps_the_sides_of_a_record_together() {
    for format in ["JsonFormat", "AvroFormat", "ParquetFormat"] {
        let mut rig = Rig::new(&[
            ("flush.size", "50"),
            ("store.kafka.keys", "true"),
            ("keys.format.class", format),
        ])
        .await;
        rig.context.budget = connect_api::budget::MemoryBudget::new(200 << 10);
        let text = "y".repeat(3000);
        let long = |n: i64| {
            let key = SchemaAndValue::new(Schema::string(), Value::string(format!("{n}{text}")));
            SinkRecord { key, ..full(n) }
        };
        let log: Vec<_> = (0..150).map(long).collect();
        let mut task = rig.task().await;
        let mut reader = Reader::new(&log, 11);
        reader.run(&mut *task, &rig.context).await.unwrap();
        let objects = rig.server.objects();
        let mut stored = 0;
        for (key, bytes) in &objects {
            let Some(stem) = key.strip_suffix(".json").filter(|stem| !stem.ends_with(".keys"))
            else {
                continue;
            };
            let values = bytes.split(|&byte| byte == b'\n').count() - 1;
            stored += values;
            let keys = match format {
                "JsonFormat" => {
                    let keys = &objects[&format!("{stem}.keys.json")];
                    keys.split(|&byte| byte == b'\n').count() - 1
                }
                "AvroFormat" => avro(&objects[&format!("{stem}.keys.avro")]).2.len(),
                _ => {
                    let row = Schema::new(Type::Struct).field("key", Schema::string());
                    rows(&objects[&format!("{stem}.keys.snappy.parquet")], &Arc::new(row)).len()
                }
            };
            assert_eq!(keys, values, "{format} {stem}");
        }
        assert_eq!(i64::try_from(stored).unwrap(), reader.committed, "{format}");
        assert!(stored > 100, "{format}: {stored}");
    }
}
