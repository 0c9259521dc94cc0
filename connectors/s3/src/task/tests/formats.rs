//! Objects whose format needs a schema: what is in them, and what survives a crash.

use bytes::Bytes;
use connect_api::{
    schema::{Schema, Type, logical},
    value::{Decimal, Struct},
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::{Strategy, any, prop};

use super::{
    containers::{avro, message, rows},
    *,
};

/// What a row becomes in Parquet.
const ROW_LAYOUT: &str = "message com.acme.Row {
  REQUIRED INT64 id;
  REQUIRED INT32 small;
  OPTIONAL INT32 number;
  OPTIONAL BYTE_ARRAY text (STRING);
  REQUIRED BOOLEAN flag;
  OPTIONAL BYTE_ARRAY raw;
  REQUIRED BYTE_ARRAY price (DECIMAL(64,2));
  OPTIONAL INT64 at (TIMESTAMP(MILLIS,true));
  REQUIRED INT32 day (DATE);
  OPTIONAL group point {
    REQUIRED DOUBLE x;
    REQUIRED FLOAT y;
  }
  REQUIRED group words (LIST) {
    REPEATED BYTE_ARRAY array (STRING);
  }
  REQUIRED group counts (MAP) {
    REPEATED group key_value {
      REQUIRED BYTE_ARRAY key (STRING);
      REQUIRED INT32 value;
    }
  }
}
";

/// What lists of optional items, unions and lists of lists become in Parquet.
const NESTED_LAYOUT: &str = "message io.confluent.connect.avro.ConnectDefault {
  REQUIRED group texts (LIST) {
    REPEATED group list {
      OPTIONAL BYTE_ARRAY element (STRING);
    }
  }
  REQUIRED group either {
    OPTIONAL INT32 member0;
    OPTIONAL BYTE_ARRAY member1 (STRING);
  }
  REQUIRED group deep (LIST) {
    REPEATED group list {
      REQUIRED group element (LIST) {
        REPEATED group list {
          REQUIRED INT32 element;
        }
      }
    }
  }
}
";

/// A schema with a field of every kind that matters to a file.
fn schema() -> Arc<Schema> {
    let decimal = Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1);
    let point = Schema::new(Type::Struct).named("com.acme.Point");
    let point = point.field("x", Schema::new(Type::Float64)).field("y", Schema::new(Type::Float32));
    let schema = Schema::new(Type::Struct)
        .named("com.acme.Row")
        .versioned(1)
        .field("id", Schema::new(Type::Int64))
        .field("small", Schema::new(Type::Int8))
        .field("number", Schema::new(Type::Int32).optional())
        .field("text", Schema::optional_string())
        .field("flag", Schema::new(Type::Boolean))
        .field("raw", Schema::optional_bytes())
        .field("price", decimal.parameter("scale", "2"))
        .field("at", Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1).optional())
        .field("day", Schema::new(Type::Int32).named(logical::DATE).versioned(1))
        .field("point", point.optional())
        .field("words", Schema::array(Schema::string()))
        .field("counts", Schema::map(Schema::string(), Schema::new(Type::Int32)));
    Arc::new(schema)
}

/// A value of it; the seed decides what is missing and how much of the rest there is.
fn row(id: i64, seed: u64) -> Value {
    let schema = schema();
    let is_set = |bit: u32| seed & (1 << bit) != 0;
    let optional = |bit: u32, value: Value| if is_set(bit) { value } else { Value::Null };
    let small = i8::try_from(seed % 128).unwrap();
    let count = i64::from(small % 4);
    let point = Arc::clone(&schema.fields()[9].schema);
    let point = Struct::new(point, vec![Value::Float64(0.5), Value::Float32(f32::from(small))]);
    let unscaled = Bytes::copy_from_slice(&id.to_be_bytes());
    let values = vec![
        Value::Int64(id),
        Value::Int8(-small),
        optional(0, Value::Int32(i32::from(small) << 20)),
        optional(1, Value::string(format!("text {seed} ä"))),
        Value::Boolean(is_set(2)),
        optional(3, Value::Bytes(Bytes::from(vec![7; usize::try_from(seed % 300).unwrap()]))),
        Value::Decimal(Decimal { unscaled, scale: 2 }),
        optional(4, Value::Timestamp(TEN + id)),
        Value::Date(19_000 + i32::from(small)),
        optional(5, Value::Struct(point)),
        Value::Array((0..count).map(|n| Value::string(format!("w{n}"))).collect()),
        Value::Map(Map::new(
            (0..count).map(|n| (Value::string(format!("k{n}")), Value::Int32(1))).collect(),
        )),
    ];
    Value::Struct(Struct::new(schema, values))
}

fn of(offset: i64, value: Value) -> SinkRecord {
    let Value::Struct(data) = &value else { panic!("no struct") };
    let schema = Some(Arc::clone(data.schema()));
    let mut record = record(offset, TEN + offset, Value::Null);
    record.value = SchemaAndValue { schema, value };
    record
}

#[tokio::test]
async fn avro_files_hold_the_records_under_the_schema_of_the_first() {
    for codec in ["null", "deflate", "snappy", "bzip2"] {
        let rig =
            Rig::new(&[("format.class", "AvroFormat"), ("avro.codec", codec), ("flush.size", "3")])
                .await;
        let mut task = rig.task().await;
        let records: Vec<_> = (0..3).map(|n| of(n, row(n, 77 * n.cast_unsigned()))).collect();
        task.put(&records).await.unwrap();
        assert_eq!(rig.server.keys(), ["topics/t/partition=0/t+0+0000000000.avro"]);
        let object = rig.server.objects().into_values().next().unwrap();
        let (schema, found, read) = avro(&object);
        assert_eq!(found, codec);
        let start =
            r#"{"type":"record","name":"Row","namespace":"com.acme","fields":[{"name":"id","#;
        assert!(schema.starts_with(start), "{schema}");
        assert!(schema.ends_with(r#""connect.version":1,"connect.name":"com.acme.Row"}"#));
        assert_eq!(read, records.into_iter().map(|record| record.value.value).collect::<Vec<_>>());
        assert_eq!(rig.context.budget.used_bytes(), 0);
    }
}

#[tokio::test]
async fn another_schema_is_another_file_and_none_goes_to_the_reporter() {
    let mut rig = Rig::new(&[("format.class", "AvroFormat"), ("connect.meta.data", "false")]).await;
    let reporter = Arc::new(connect_testkit::CollectingReporter::default());
    rig.context.reporter = Some(Arc::<connect_testkit::CollectingReporter>::clone(&reporter));
    let mut task = rig.task().await;
    let mut plain = record(1, TEN, "x".into());
    plain.value.schema = Some(Schema::string());
    task.put(&[of(0, row(0, 0)), plain, number(2, TEN)]).await.unwrap();
    let rejected = reporter.take();
    assert_eq!(rejected.len(), 1);
    task.put(&[of(3, row(3, 9))]).await.unwrap();
    let objects: Vec<_> = rig.server.objects().into_values().collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(avro(&objects[1]).2, ["x".into()]);
    assert_eq!(avro(&objects[1]).0, "\"string\"");
}

#[tokio::test]
async fn parquet_files_hold_the_records_in_every_codec() {
    for (codec, extension) in [
        ("none", ".parquet"),
        ("snappy", ".snappy.parquet"),
        ("gzip", ".gz.parquet"),
        ("brotli", ".br.parquet"),
        ("lz4", ".lz4hadoop.parquet"),
        ("zstd", ".zstd.parquet"),
        ("lz4_raw", ".lz4raw.parquet"),
    ] {
        let settings =
            [("format.class", "ParquetFormat"), ("parquet.codec", codec), ("flush.size", "9")];
        let rig = Rig::new(&settings).await;
        let mut task = rig.task().await;
        let records: Vec<_> = (0..9).map(|n| of(n, row(n, 77 * n.cast_unsigned()))).collect();
        task.put(&records).await.unwrap();
        let key = format!("topics/t/partition=0/t+0+0000000000{extension}");
        assert_eq!(rig.server.keys(), [key]);
        let object = rig.server.objects().into_values().next().unwrap();
        let values: Vec<_> = records.into_iter().map(|record| record.value.value).collect();
        assert_eq!(rows(&object, &schema()), values, "{codec}");
        assert_eq!(rig.context.budget.used_bytes(), 0);
    }
}

#[tokio::test]
async fn the_layout_of_a_parquet_file_is_the_originals() {
    let rig = Rig::new(&[("format.class", "ParquetFormat"), ("flush.size", "1")]).await;
    let mut task = rig.task().await;
    task.put(&[of(0, row(0, 63))]).await.unwrap();
    let optional = Schema::array(Schema::optional_string());
    let either = Schema::new(Type::Struct)
        .named("io.confluent.connect.avro.Union")
        .field("int", Schema::new(Type::Int32).optional())
        .field("string", Schema::optional_string());
    let other = Schema::new(Type::Struct)
        .field("texts", optional)
        .field("either", either.clone())
        .field("deep", Schema::array(Schema::array(Schema::new(Type::Int32))));
    let (either, other) = (Arc::new(either), Arc::new(other));
    let either = Struct::new(either, vec![Value::Null, "s".into()]);
    let deep = [vec![Value::Int32(1), Value::Int32(2)], vec![]].map(Value::Array).to_vec();
    let values = vec![
        Value::Array(vec!["a".into(), Value::Null]),
        Value::Struct(either),
        Value::Array(deep),
    ];
    task.put(&[of(1, Value::Struct(Struct::new(other, values)))]).await.unwrap();
    let objects: Vec<_> = rig.server.objects().into_values().collect();
    assert_eq!(message(&objects[0]), ROW_LAYOUT);
    assert_eq!(message(&objects[1]), NESTED_LAYOUT);
    let reader = SerializedFileReader::new(Bytes::from(objects[1].clone())).unwrap();
    let row = reader.get_row_iter(None).unwrap().next().unwrap().unwrap();
    assert_eq!(
        row.to_string(),
        r#"{texts: ["a", null], either: {member0: null, member1: "s"}, deep: [[1, 2], []]}"#
    );
    let pairs = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let avro = pairs.iter().find(|pair| pair.key == "parquet.avro.schema").unwrap();
    assert!(avro.value.as_ref().unwrap().starts_with(r#"{"type":"record","name":"ConnectDef"#));
}

#[tokio::test]
async fn what_parquet_cannot_hold_goes_to_the_reporter() {
    let mut rig = Rig::new(&[("format.class", "ParquetFormat"), ("flush.size", "1")]).await;
    let reporter = Arc::new(connect_testkit::CollectingReporter::default());
    rig.context.reporter = Some(Arc::<connect_testkit::CollectingReporter>::clone(&reporter));
    let mut task = rig.task().await;
    let mut plain = record(0, TEN, "x".into());
    plain.value.schema = Some(Schema::string());
    let empty = Arc::new(Schema::new(Type::Struct));
    let empty = Value::Struct(Struct::new(empty, Vec::new()));
    task.put(&[plain, of(1, empty), number(2, TEN)]).await.unwrap();
    assert_eq!(reporter.take().len(), 3);
    assert!(rig.server.keys().is_empty());
}

#[tokio::test]
async fn memory_that_gets_short_closes_row_groups_and_not_files() {
    let mut rig = Rig::new(&[
        ("format.class", "ParquetFormat"),
        ("parquet.codec", "none"),
        ("s3.part.size", "5242880"),
        ("flush.size", "200"),
    ])
    .await;
    rig.context.budget = connect_api::budget::MemoryBudget::new(14 << 20);
    let noise =
        || (0..12_500).flat_map(|_| rand::random::<u64>().to_le_bytes()).collect::<Vec<_>>();
    let schema = Arc::new(Schema::new(Type::Struct).field("b", Schema::new(Type::Bytes)));
    let value = || Struct::new(Arc::clone(&schema), vec![Value::Bytes(noise().into())]);
    let log: Vec<_> = (0..200).map(|n| of(n, Value::Struct(value()))).collect();
    let mut task = rig.task().await;
    let mut reader = Reader::new(&log, 7);
    reader.run(&mut *task, &rig.context).await.unwrap();
    assert_eq!((reader.committed, rig.context.budget.used_bytes()), (200, 0));
    let objects: Vec<_> = rig.server.objects().into_values().collect();
    assert_eq!(objects.len(), 1, "memory moved a border");
    let values: Vec<_> = log.into_iter().map(|record| record.value.value).collect();
    assert_eq!(rows(&objects[0], &schema), values);
}

#[tokio::test]
async fn older_records_are_brought_into_the_files_schema_where_that_is_asked_for() {
    let one = Schema::new(Type::Struct).named("R").versioned(1);
    let one = Arc::new(one.field("id", Schema::new(Type::Int64)));
    let two = Schema::new(Type::Struct).named("R").versioned(2);
    let two = two.field("id", Schema::new(Type::Int64)).field("b", Schema::optional_string());
    let two = Arc::new(two);
    let old = |n| of(n, Value::Struct(Struct::new(Arc::clone(&one), vec![Value::Int64(n)])));
    let new = |n: i64| {
        of(n, Value::Struct(Struct::new(Arc::clone(&two), vec![Value::Int64(n), "b".into()])))
    };
    for (mode, expected) in [
        ("NONE", vec!["0", "1", "2", "3"]),
        ("BACKWARD", vec!["0", "1,2,3"]),
        ("FORWARD", vec!["0,1,2,3"]),
    ] {
        let rig = Rig::new(&[
            ("format.class", "AvroFormat"),
            ("schema.compatibility", mode),
            ("rotate.schedule.interval.ms", "600000"),
        ])
        .await;
        let mut task = rig.task().await;
        task.put(&[old(0), new(1), old(2), new(3)]).await.unwrap();
        rig.clock.advance_ms(10 * MINUTE);
        task.put(&[]).await.unwrap();
        let ids = |bytes: &Vec<u8>| {
            let ids = avro(bytes).2.into_iter().map(|value| match value {
                Value::Struct(row) => row.values()[0].as_i64().unwrap().to_string(),
                other => panic!("{other:?}"),
            });
            ids.collect::<Vec<_>>().join(",")
        };
        let files: Vec<_> = rig.server.objects().values().map(ids).collect();
        assert_eq!(files, expected, "{mode}");
    }
}

#[tokio::test]
async fn a_crash_after_an_avro_upload_in_parts_is_told_by_its_blocks() {
    let rig = Rig::new(&[
        ("format.class", "AvroFormat"),
        ("s3.part.size", "5242880"),
        ("flush.size", "3"),
    ])
    .await;
    crash_after_parts(rig, ".avro").await;
}

#[tokio::test]
async fn a_crash_after_a_parquet_upload_in_parts_is_told_by_its_footer() {
    let rig = Rig::new(&[
        ("format.class", "ParquetFormat"),
        ("parquet.codec", "lz4_raw"),
        ("s3.part.size", "5242880"),
        ("flush.size", "3"),
    ])
    .await;
    crash_after_parts(rig, ".lz4raw.parquet").await;
}

/// Large records, a crash behind the first object, then other borders.
async fn crash_after_parts(mut rig: Rig, extension: &str) {
    let schema = Arc::new(
        Schema::new(Type::Struct)
            .field("id", Schema::new(Type::Int64))
            .field("s", Schema::string()),
    );
    let large = |n: i64| {
        // Nothing that a codec would make small.
        let noise: String =
            (0..3 << 20).map(|_| char::from(rand::random_range(b' '..b'~'))).collect();
        let values = vec![Value::Int64(n), Value::string(noise)];
        of(n, Value::Struct(Struct::new(Arc::clone(&schema), values)))
    };
    let log: Vec<_> = (0..6).map(large).collect();
    let mut reader = Reader::new(&log, 1);
    let mut task = rig.task().await;
    rig.run_until_silent(1, &mut reader, &mut *task).await;
    assert_eq!((rig.server.keys().len(), reader.committed), (1, 0));
    rig.props.insert("flush.size", "2");
    rig.context = sink_context(&rig.clock);
    let mut task = rig.task().await;
    reader.crash();
    reader.run(&mut *task, &rig.context).await.unwrap();
    let key = |n: i64| format!("topics/t/partition=0/t+0+{n:010}{extension}");
    assert_eq!(rig.server.keys(), [key(0), key(3), key(4)]);
    assert_eq!((reader.committed, rig.context.budget.used_bytes()), (6, 0));
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}

fn seeds() -> impl Strategy<Value = (Vec<u64>, &'static str)> {
    let codec = prop::sample::select(vec!["null", "deflate", "snappy", "bzip2"]);
    (prop::collection::vec(any::<u64>(), 1..400), codec)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 8, ..Default::default() })]
    #[test]
    fn any_rows_come_back_from_avro((seeds, codec) in seeds()) {
        block_on(async {
            let flush = seeds.len().to_string();
            let settings =
                [("format.class", "AvroFormat"), ("avro.codec", codec), ("flush.size", &flush)];
            let rig = Rig::new(&settings).await;
            let mut task = rig.task().await;
            let log: Vec<_> = (0..).zip(&seeds).map(|(n, seed)| of(n, row(n, *seed))).collect();
            task.put(&log).await.unwrap();
            let object = rig.server.objects().into_values().next().unwrap();
            let values: Vec<_> = log.into_iter().map(|record| record.value.value).collect();
            assert_eq!(avro(&object).2, values);
        });
    }

    #[test]
    fn any_rows_come_back_from_parquet(seeds in prop::collection::vec(any::<u64>(), 1..1500)) {
        block_on(async {
            let flush = seeds.len().to_string();
            let rig = Rig::new(&[("format.class", "ParquetFormat"), ("flush.size", &flush)]).await;
            let mut task = rig.task().await;
            let log: Vec<_> = (0..).zip(&seeds).map(|(n, seed)| of(n, row(n, *seed))).collect();
            task.put(&log).await.unwrap();
            let object = rig.server.objects().into_values().next().unwrap();
            let values: Vec<_> = log.into_iter().map(|record| record.value.value).collect();
            assert_eq!(rows(&object, &schema()), values);
        });
    }
}
