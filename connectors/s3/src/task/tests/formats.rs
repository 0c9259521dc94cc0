//! Objects whose format needs a schema: what is in them, and what survives a crash.

use bytes::Bytes;
use connect_api::{
    config::Config as _,
    schema::{Schema, Type, logical},
    value::{Decimal, Struct},
};
use connect_avro::{AvroDataConfig, AvroReader, AvroSchema, connect_schema};
use proptest::prelude::{Strategy, any, prop};

use super::*;

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
        Value::Map(Map((0..count)
            .map(|n| (Value::string(format!("k{n}")), Value::Int32(1)))
            .collect())),
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

/// Schema, codec and records of an Avro file.
fn avro(bytes: &[u8]) -> (String, String, Vec<Value>) {
    let mut input = bytes.strip_prefix(b"Obj\x01").unwrap();
    let mut metadata = BTreeMap::new();
    while let count @ 1.. = number(&mut input) {
        for _ in 0..count {
            let name = String::from_utf8(text(&mut input).to_vec()).unwrap();
            metadata.insert(name, String::from_utf8(text(&mut input).to_vec()).unwrap());
        }
    }
    let mark = take(&mut input, 16);
    let (schema, codec) = (metadata["avro.schema"].clone(), metadata["avro.codec"].clone());
    let mut records = Vec::new();
    while !input.is_empty() {
        let count = number(&mut input);
        let block = unpacked(&codec, text(&mut input));
        assert_eq!(take(&mut input, 16), mark);
        records.extend(items(&schema, count, &block));
    }
    (schema, codec, records)
}

/// A block has the form of a list that is not ended.
fn items(schema: &str, count: i64, block: &[u8]) -> Vec<Value> {
    let list = format!(r#"{{"type":"array","items":{schema}}}"#);
    let list = AvroSchema::parse(&list, &[]).unwrap();
    let config = AvroDataConfig::parse(&Props::default()).unwrap();
    let reader = AvroReader::new(&list, &connect_schema(&config, &list, None).unwrap()).unwrap();
    let count = (u64::try_from(count).unwrap() << 1).to_le_bytes();
    let [low, high, ..] = count;
    let front = if high > 0 || low > 0x7f {
        vec![low | 0x80, (high << 1) | (low >> 7), 0].into_iter().take(2).collect()
    } else {
        vec![low]
    };
    let data = [&front, block, &[0]].concat();
    let Value::Array(items) = reader.read(Bytes::from(data)).unwrap() else { panic!("no list") };
    items
}

fn unpacked(codec: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut out = Vec::new();
    match codec {
        "null" => out.extend_from_slice(bytes),
        "deflate" => {
            flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
        }
        "bzip2" => {
            bzip2::read::BzDecoder::new(bytes).read_to_end(&mut out).unwrap();
        }
        "snappy" => {
            let (packed, sum) = bytes.split_at(bytes.len() - 4);
            out = snap::raw::Decoder::new().decompress_vec(packed).unwrap();
            let mut crc = flate2::Crc::new();
            crc.update(&out);
            assert_eq!(sum, crc.sum().to_be_bytes());
        }
        other => panic!("{other}"),
    }
    out
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(length);
    *input = rest;
    taken
}

fn text<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(number(input)).unwrap();
    take(input, length)
}

fn number(input: &mut &[u8]) -> i64 {
    let (mut bits, mut place) = (0_u64, 0);
    loop {
        let byte = take(input, 1)[0];
        bits |= u64::from(byte & 0x7f) << place;
        place += 7;
        if byte & 0x80 == 0 {
            return (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed();
        }
    }
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
    task.put(&[of(0, row(0, 0)), plain, number_without_schema(2)]).await.unwrap();
    let rejected = reporter.take();
    assert_eq!(rejected.len(), 1);
    task.put(&[of(3, row(3, 9))]).await.unwrap();
    let objects: Vec<_> = rig.server.objects().into_values().collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(avro(&objects[1]).2, ["x".into()]);
    assert_eq!(avro(&objects[1]).0, "\"string\"");
}

fn number_without_schema(offset: i64) -> SinkRecord {
    super::number(offset, TEN)
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
    rig.server.silence_after(1);
    tokio::select! {
        done = reader.run(&mut *task, &rig.context) => done.unwrap(),
        () = rig.server.silence() => {}
    }
    rig.server.speak_again();
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
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 16, ..Default::default() })]
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
}
