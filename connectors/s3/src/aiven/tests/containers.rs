//! Avro and Parquet files, read back.

use connect_api::{
    schema::Type,
    value::{Map, Struct},
};
use connect_avro::AvroSchema;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::*;
use crate::task::tests::containers::{avro, message, rows};

const EVERY: (&str, &str) = ("format.output.fields", "key,offset,timestamp,headers,value");

fn person() -> Arc<Schema> {
    let name = Schema::new(Type::Struct).named("org.example.Person");
    Arc::new(name.field("name", Schema::string()).field("age", Schema::new(Type::Int32)))
}

fn named(offset: i64, name: &str) -> SinkRecord {
    let value = Struct::new(person(), vec![name.into(), Value::Int32(7)]);
    record(offset, SchemaAndValue::new(person(), Value::Struct(value)))
}

fn text_header(name: &str, value: &str) -> Header {
    header(name, Some(Schema::string()), value.into())
}

/// Fields of a struct, as texts.
fn fields(value: &Value) -> String {
    let mut text = String::new();
    connect_api::value_text::write_java_text(&mut text, value);
    text
}

async fn objects(rig: &Rig, records: &[SinkRecord]) -> BTreeMap<String, Vec<u8>> {
    let mut task = rig.task().await;
    task.put(records).await.unwrap();
    flush(&mut *task, 100).await.unwrap();
    rig.server.objects()
}

const PERSON: &str = concat!(
    r#"{"type":"record","name":"Person","namespace":"org.example","fields":["#,
    r#"{"name":"name","type":"string"},{"name":"age","type":"int"}],"#,
    r#""connect.name":"org.example.Person"}"#
);

#[tokio::test]
async fn avro_files_hold_structs_of_the_chosen_fields() {
    let rig = Rig::new(&[("format.output.type", "avro"), EVERY]).await;
    let mut records = [named(0, "a"), named(1, "b")];
    for record in &mut records {
        record.headers =
            vec![text_header("h", "first"), text_header("g", "1"), text_header("h", "last")];
    }
    let objects = objects(&rig, &records).await;
    let (schema, codec, values) = avro(&objects["t-0-0.avro"]);
    let expected = format!(
        concat!(
            r#"{{"type":"record","name":"connector_records","#,
            r#""namespace":"io.aiven.avro.output.schema","fields":["#,
            r#"{{"name":"key","type":["null","string"]}},{{"name":"offset","type":"long"}},"#,
            r#"{{"name":"timestamp","type":"long"}},"#,
            r#"{{"name":"headers","type":{{"type":"map","values":"string"}}}},"#,
            r#"{{"name":"value","type":{}}}]}}"#
        ),
        PERSON
    );
    assert_eq!((schema, codec.as_str()), (expected, "null"));
    let texts: Vec<_> = values.iter().map(fields).collect();
    assert_eq!(
        texts[1],
        "Struct{key=k1,offset=1,timestamp=1709632800001,headers={g=1, h=last},\
         value=Struct{name=b,age=7}}"
    );
    assert_eq!(texts.len(), 2);
}

#[tokio::test]
async fn avro_files_are_compressed_as_a_whole_and_by_block() {
    let settings = [
        ("format.output.type", "avro"),
        ("file.compression.type", "gzip"),
        ("avro.codec", "snappy"),
    ];
    let rig = Rig::new(&settings).await;
    let mut task = rig.task().await;
    let many: Vec<_> = (0..9_000).map(|offset| named(offset, &"x".repeat(20))).collect();
    task.put(&many).await.unwrap();
    flush(&mut *task, 9_000).await.unwrap();
    let whole = &rig.unpacked(FileCompression::Gzip)["t-0-0.avro.gz"];
    let (_, codec, values) = avro(whole);
    assert_eq!((codec.as_str(), values.len()), ("snappy", 9_000));
}

#[tokio::test]
async fn without_an_envelope_a_struct_is_the_record() {
    let settings = [
        ("format.output.type", "avro"),
        ("format.output.envelope", "false"),
        ("format.output.fields", "value"),
    ];
    let rig = Rig::new(&settings).await;
    let objects = objects(&rig, &[named(0, "a")]).await;
    let (schema, _, values) = avro(&objects["t-0-0.avro"]);
    assert_eq!(schema, PERSON);
    assert_eq!(fields(&values[0]), "Struct{name=a,age=7}");
}

#[tokio::test]
async fn without_an_envelope_a_map_becomes_a_struct_and_text_a_field() {
    let settings = [
        ("format.output.type", "avro"),
        ("format.output.envelope", "false"),
        ("format.output.fields", "value"),
    ];
    let rig = Rig::new(&settings).await;
    let kind = Arc::new(Schema::map(Schema::string(), Schema::new(Type::Int32)));
    let map = |offset, names: [&str; 2]| {
        let entries = names.into_iter().map(|name| (name.into(), Value::Int32(1)));
        let value = Value::Map(Map::new(entries.collect()));
        record(offset, SchemaAndValue::new(Arc::clone(&kind), value))
    };
    let optional = SchemaAndValue::new(Schema::optional_string(), "x".into());
    let records = [map(0, ["b", "a"]), map(1, ["a", "b"]), map(2, ["a", "c"]), record(3, optional)];
    let objects = objects(&rig, &records).await;
    let (schema, _, values) = avro(&objects["t-0-0.avro"]);
    assert!(
        schema.contains(r#"[{"name":"a","type":"int"},{"name":"b","type":"int"}]"#),
        "{schema}"
    );
    assert_eq!(values.len(), 2);
    assert_eq!(fields(&avro(&objects["t-0-2.avro"]).2[0]), "Struct{a=1,c=1}");
    let (schema, _, values) = avro(&objects["t-0-3.avro"]);
    assert!(schema.contains(r#"[{"name":"value","type":["null","string"]}]"#), "{schema}");
    assert_eq!(fields(&values[0]), "Struct{value=x}");
}

#[tokio::test]
async fn another_schema_or_other_headers_begin_another_file() {
    let rig = Rig::new(&[("format.output.type", "avro"), EVERY]).await;
    let mut records = vec![named(0, "a"), named(1, "b"), named(2, "c"), named(3, "d")];
    records[1].headers = vec![text_header("h", "x")];
    records[3].key = SchemaAndValue::new(Arc::new(Schema::new(Type::Int32)), Value::Int32(3));
    let objects = objects(&rig, &records).await;
    let keys: Vec<_> = objects.keys().map(String::as_str).collect();
    assert_eq!(keys, ["t-0-0.avro", "t-0-1.avro", "t-0-2.avro", "t-0-3.avro"]);
    let file = String::from_utf8_lossy(&objects["t-0-0.avro"]);
    assert!(file.contains(r#"{"name":"headers","type":"null"}"#), "{file}");
}

#[tokio::test]
async fn parquet_files_hold_the_same_structs() {
    let rig = Rig::new(&[("format.output.type", "parquet"), EVERY]).await;
    let mut records = [named(0, "a"), named(1, "b")];
    for record in &mut records {
        record.headers = vec![text_header("h", "x")];
    }
    let objects = objects(&rig, &records).await;
    let file = &objects["t-0-0"];
    let map = Schema::map(Schema::string(), Schema::string());
    let shape = Schema::new(Type::Struct)
        .field("key", Schema::optional_string())
        .field("offset", Schema::new(Type::Int64))
        .field("timestamp", Schema::new(Type::Int64))
        .field("headers", map)
        .field("value", person());
    let values = rows(file, &Arc::new(shape));
    assert_eq!(
        fields(&values[1]),
        "Struct{key=k1,offset=1,timestamp=1709632800001,headers={h=x},\
         value=Struct{name=b,age=7}}"
    );
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap();
    let footer = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let schema = footer.iter().find(|pair| pair.key == "parquet.avro.schema").unwrap();
    let schema = AvroSchema::parse(schema.value.as_deref().unwrap(), &[]).unwrap();
    let name = "io.aiven.parquet.output.schema.connector_records";
    assert_eq!(schema.name().as_deref(), Some(name));
}

#[tokio::test]
async fn parquet_is_compressed_by_page_and_has_no_place_for_what_is_always_null() {
    for (compression, codec, extension) in [
        ("none", "UNCOMPRESSED", ""),
        ("gzip", "GZIP", ".gz"),
        ("snappy", "SNAPPY", ".snappy"),
        ("zstd", "ZSTD", ".zst"),
    ] {
        let settings = [
            ("format.output.type", "parquet"),
            ("file.compression.type", compression),
            ("format.output.fields", "value,headers"),
        ];
        let rig = Rig::new(&settings).await;
        let objects = objects(&rig, &[named(0, "a")]).await;
        let file = &objects[&format!("t-0-0{extension}")];
        assert!(!message(file).contains("headers"), "{}", message(file));
        let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap();
        let column = reader.metadata().row_group(0).column(0);
        assert!(format!("{:?}", column.compression()).starts_with(codec), "{codec}");
    }
}

#[tokio::test]
async fn a_large_parquet_file_leaves_in_parts_when_memory_is_short() {
    let settings = [("format.output.type", "parquet")];
    let rig = Rig::new(&settings).await.with_memory(24 << 20);
    let mut task = rig.task().await;
    for offset in 0..40 {
        let one = noise(offset, 1 << 20);
        task.put(&[one]).await.unwrap();
    }
    assert!(rig.context.budget.used_bytes() <= 24 << 20);
    flush(&mut *task, 40).await.unwrap();
    let shape = Schema::new(Type::Struct).field("value", Schema::optional_bytes());
    let shape = Arc::new(shape);
    let objects = rig.server.objects();
    let counts = objects.values().map(|file| rows(file, &shape).len());
    assert_eq!(counts.sum::<usize>(), 40);
    assert!(rig.server.requests().iter().any(|line| line.contains("partNumber=2")));
}

#[tokio::test]
async fn what_has_no_schema_is_a_bad_record() {
    for (settings, told) in [
        (("format.output.fields", "value"), "Record value without schema"),
        (("format.output.fields", "headers"), "Header h without schema"),
        (("format.output.fields", "timestamp"), "Record without timestamp"),
    ] {
        let rig = Rig::new(&[("format.output.type", "avro"), settings]).await;
        let mut task = rig.task().await;
        let mut bad = number(0);
        bad.timestamp_ms = None;
        bad.headers = vec![header("h", None, Value::Int64(1))];
        let error = task.put(&[bad]).await.unwrap_err();
        let text = connect_api::error::chain(&error);
        assert!(text.contains("Could not write t-0@0") && text.contains(told), "{text}");
    }
}
