//! Crashes where records are brought into the schema of a file.

use connect_api::{
    schema::{Schema, Type},
    value::Struct,
};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::{containers::avro, *};

/// Content that no codec makes small, in a record of one version of a schema or the other.
fn log() -> Vec<SinkRecord> {
    let version = |version| {
        let schema = Schema::new(Type::Struct).named("R").versioned(version);
        let schema = schema.field("id", Schema::new(Type::Int64)).field("s", Schema::string());
        let schema =
            if version == 2 { schema.field("b", Schema::optional_string()) } else { schema };
        Arc::new(schema)
    };
    let (old, new) = (version(1), version(2));
    // Longer than what LZ4 looks back.
    let block: String = (0..100_000).map(|_| char::from(rand::random_range(b' '..b'~'))).collect();
    let noise = |blocks: usize| block.repeat(blocks);
    // Newer, older, newer, …: whatever the mode, some record of each file is projected. What is
    // added or left out is large, so that a length by the wrong schema is another one.
    let one = |n: i64| {
        let (schema, mut values) = (
            Arc::clone(if n % 2 == 0 { &new } else { &old }),
            vec![Value::Int64(n), Value::string(noise(20))],
        );
        if n % 2 == 0 {
            values.push(Value::string(noise(10)));
        }
        let value = Value::Struct(Struct::new(Arc::clone(&schema), values));
        let mut record = record(n, TEN + n, Value::Null);
        record.value = SchemaAndValue::new(schema, value);
        record.key = SchemaAndValue::new(Schema::string(), Value::string(format!("k{n}")));
        record
    };
    (0..9).map(one).collect()
}

/// Ids of the records of an object.
fn ids(key: &str, bytes: &[u8]) -> Vec<i64> {
    if key.ends_with(".parquet") {
        let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        let id = |row: parquet::record::Row| match row.into_columns().swap_remove(0).1 {
            parquet::record::Field::Long(id) => id,
            other => panic!("{other:?}"),
        };
        return rows.map(|row| id(row.unwrap())).collect();
    }
    if key.ends_with(".avro") {
        let records = avro(bytes).2.into_iter();
        let id = |value| match value {
            Value::Struct(row) => row.values()[0].as_i64().unwrap(),
            other => panic!("{other:?}"),
        };
        return records.map(id).collect();
    }
    let text = std::str::from_utf8(bytes).unwrap();
    let id = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["id"].as_i64().unwrap()
    };
    text.lines().map(id).collect()
}

/// Objects of values and their ids, in order of their first.
fn values(rig: &Rig) -> Vec<Vec<i64>> {
    let objects = rig.server.objects().into_iter();
    let values = objects.filter(|(key, _)| !key.contains(".keys."));
    values.map(|(key, bytes)| ids(&key, &bytes)).collect()
}

async fn crash(format: &str, mode: &str, with_keys: bool) {
    let mut rig = Rig::new(&[
        ("format.class", format),
        ("parquet.codec", "lz4_raw"),
        ("schema.compatibility", mode),
        ("s3.part.size", "5242880"),
        ("flush.size", "4"),
    ])
    .await;
    if with_keys {
        rig.props.insert("store.kafka.keys", "true");
    }
    // With BACKWARD the first file begins with the newer schema, with FORWARD with the older one.
    let log: Vec<_> = if mode == "FORWARD" { log().split_off(1) } else { log() };
    let first = log[0].offset;
    let mut reader = Reader::new(&log, 1);
    let mut task = rig.task().await;
    // Two objects with keys: the second one, the values, is the one in parts.
    rig.run_until_silent(if with_keys { 2 } else { 1 }, &mut reader, &mut *task).await;
    assert_eq!(values(&rig), [(first..first + 4).collect::<Vec<_>>()], "{format} {mode}");
    assert_eq!(reader.committed, first);
    // Other borders: the object that is there holds more than the next file would.
    rig.props.insert("flush.size", "3");
    rig.context = sink_context(&rig.clock);
    let mut task = rig.task().await;
    reader.crash();
    reader.run(&mut *task, &rig.context).await.unwrap();
    drop(task);
    rig.props.insert("flush.size", "1");
    let mut task = rig.task().await;
    reader.crash();
    reader.run(&mut *task, &rig.context).await.unwrap();
    let stored: Vec<_> = values(&rig).concat();
    assert_eq!(
        stored,
        log.iter().map(|record| record.offset).collect::<Vec<_>>(),
        "{format} {mode}"
    );
    assert_eq!((reader.committed, rig.context.budget.used_bytes()), (9, 0));
}

#[tokio::test]
async fn projected_json_is_found_again_after_an_upload_in_parts() {
    for mode in ["BACKWARD", "FORWARD", "FULL"] {
        crash("JsonFormat", mode, false).await;
    }
}

#[tokio::test]
async fn projected_avro_is_found_again_after_an_upload_in_parts() {
    for mode in ["BACKWARD", "FORWARD", "FULL"] {
        crash("AvroFormat", mode, false).await;
    }
}

#[tokio::test]
async fn projected_parquet_is_found_again_after_an_upload_in_parts() {
    for mode in ["BACKWARD", "FORWARD", "FULL"] {
        crash("ParquetFormat", mode, false).await;
    }
}

#[tokio::test]
async fn projected_values_beside_keys_are_found_again_after_an_upload_in_parts() {
    crash("JsonFormat", "BACKWARD", true).await;
    crash("JsonFormat", "FORWARD", true).await;
}
