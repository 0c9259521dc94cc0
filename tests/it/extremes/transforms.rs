//! Transformations.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    error::Result,
    record::{Header, SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
    value_text::write_java_text,
};
use millrace::transform::{Verdict, transform, transform_registry};

use super::soon;

/// Headers of a record with many.
const MANY: usize = 10_000;
/// Deepest data that a converter reads.
const DEEP: usize = 1000;

/// A configuration that does something for every class.
fn config(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "Cast" => &[("spec", "a:string")],
        "DropHeaders" => &[("headers", "h,x")],
        "ExtractField" => &[("field", "a.a.a"), ("field.syntax.version", "V2")],
        "ExtractTopic" => &[("field", "h"), ("skip.missing.or.null", "true")],
        "FilterByCondition" => &[
            ("filter.condition", "$[?(@.a > 1)]"),
            ("filter.type", "include"),
            ("missing.or.null.behavior", "include"),
        ],
        "HeaderFrom" => &[("fields", "a,b"), ("headers", "h,i"), ("operation", "move")],
        "HoistField" | "Lift" => &[("field", "a")],
        "InsertField" => &[("topic.field", "t"), ("timestamp.field", "ts")],
        "InsertHeader" => &[("header", "h"), ("value.literal", "[1,{}]")],
        "MaskField" => &[("fields", "a"), ("replacement", "7")],
        "RegexRouter" => &[("regex", "(.*)"), ("replacement", "$1-$1")],
        "ReplaceField" => &[("renames", "a:z"), ("exclude", "b")],
        "SetSchemaMetadata" => &[("schema.name", "S")],
        "Tag" => &[("topic", "${topic}-copy"), ("header", "h")],
        "TimestampConverter" => &[("target.type", "Timestamp"), ("field", "a")],
        "ValueToKey" => &[("fields", "a")],
        _ => &[],
    }
}

fn record(value: SchemaAndValue) -> SinkRecord {
    SinkRecord {
        topic: "topic".into(),
        origin: TopicPartition::new("topic", 3),
        offset: i64::MAX,
        timestamp_ms: Some(0),
        timestamp_type: TimestampType::CreateTime,
        key: value.clone(),
        value,
        headers: Vec::new(),
    }
}

fn applied(class: &str, config: &[(&str, &str)], record: &mut SinkRecord) -> Result<Verdict> {
    let props = config.iter().copied().collect();
    transform(class, &props, "t").unwrap().apply(record)
}

/// A value in the only field of a struct, and as the only entry of a map.
fn in_field(schema: impl Into<Arc<Schema>>, value: &Value) -> [SchemaAndValue; 2] {
    let outer = Arc::new(Schema::new(Type::Struct).field("a", schema));
    let fields = Struct::new(Arc::clone(&outer), vec![value.clone()]);
    let map = Map::new(vec![("a".into(), value.clone())]);
    [SchemaAndValue::new(outer, Value::Struct(fields)), SchemaAndValue::schemaless(Value::Map(map))]
}

fn deep_map() -> SchemaAndValue {
    let inner = |value, _| Value::Map(Map::new(vec![("a".into(), value)]));
    SchemaAndValue::schemaless((0..DEEP).fold(Value::Int64(1), inner))
}

fn deep_struct() -> SchemaAndValue {
    let (mut schema, mut value) = (Arc::new(Schema::new(Type::Int64)), Value::Int64(1));
    for _ in 0..DEEP {
        schema = Arc::new(Schema::new(Type::Struct).field("a", schema));
        value = Value::Struct(Struct::new(Arc::clone(&schema), vec![value]));
    }
    SchemaAndValue::new(schema, value)
}

/// Data that no transformation may stumble over.
fn extremes() -> Vec<SchemaAndValue> {
    let decimal = |scale: i32| {
        let schema = Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1);
        let unscaled = Bytes::from(vec![0x7f; 4096]);
        let value = Value::Decimal(Decimal { unscaled, scale });
        (schema.parameter("scale", scale.to_string()), value)
    };
    let time = |kind, name| Schema::new(kind).named(name).versioned(1);
    let plain = Schema::new;
    let cases = vec![
        (plain(Type::Float64), Value::Float64(f64::NAN)),
        (plain(Type::Float32), Value::Float32(f32::NEG_INFINITY)),
        (plain(Type::Int64), Value::Int64(i64::MIN)),
        (plain(Type::Bytes), Value::Bytes(Bytes::from_static(b"\xff\xfe"))),
        (plain(Type::String), Value::string("9".repeat(1 << 20))),
        (time(Type::Int64, logical::TIMESTAMP), Value::Timestamp(i64::MAX)),
        (time(Type::Int64, logical::TIMESTAMP), Value::Timestamp(i64::MIN)),
        (time(Type::Int32, logical::DATE), Value::Date(i32::MIN)),
        (time(Type::Int32, logical::TIME), Value::Time(i32::MAX)),
        decimal(i32::MAX),
        decimal(i32::MIN),
    ];
    let fields = cases.into_iter().flat_map(|(schema, value)| in_field(schema, &value));
    fields.chain([deep_map(), deep_struct(), SchemaAndValue::NULL]).collect()
}

#[test]
fn every_transformation_bears_every_extreme() {
    for plugin in transform_registry() {
        let name = plugin.class.rsplit('.').next().unwrap().split('$').next().unwrap();
        for data in extremes() {
            let mut record = record(data);
            let outcome = soon(|| applied(plugin.class, config(name), &mut record));
            if outcome.is_ok() {
                let mut text = String::new();
                write_java_text(&mut text, &record.value.value);
                assert!(text.len() < 3 << 20, "{}: {} bytes", plugin.class, text.len());
            }
        }
    }
}

fn cast(target: &str, value: &Value) -> Value {
    let mut record = record(SchemaAndValue::schemaless(value.clone()));
    applied("Cast$Value", &[("spec", target)], &mut record).unwrap();
    record.value.value
}

#[test]
fn numbers_without_a_value_are_cast_as_in_java() {
    let (nan, infinity) = (Value::Float64(f64::NAN), Value::Float32(f32::INFINITY));
    for (target, of_nan, of_infinity) in [
        ("int8", Value::Int8(0), Value::Int8(-1)),
        ("int16", Value::Int16(0), Value::Int16(-1)),
        ("int32", Value::Int32(0), Value::Int32(i32::MAX)),
        ("int64", Value::Int64(0), Value::Int64(i64::MAX)),
        ("boolean", Value::Boolean(false), Value::Boolean(true)),
        ("string", "NaN".into(), "Infinity".into()),
    ] {
        assert_eq!(cast(target, &nan), of_nan, "{target}");
        assert_eq!(cast(target, &infinity), of_infinity, "{target}");
    }
    assert!(matches!(cast("float32", &nan), Value::Float32(number) if number.is_nan()));
    assert!(matches!(cast("float64", &"NaN".into()), Value::Float64(number) if number.is_nan()));
    assert_eq!(cast("float32", &Value::Float64(1e300)), infinity);
}

#[test]
fn points_in_time_beyond_the_calendar_are_texts_or_refused() {
    let formats = ["yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "YYYY-ww-u", "D F W G", "yy"];
    let targets = ["string", "unix", "Date", "Time", "Timestamp"];
    let precisions = ["seconds", "milliseconds", "microseconds", "nanoseconds"];
    let times = [i64::MIN, i64::MIN + 1, -1, i64::MAX].map(Value::Int64);
    let texts = ["-2147483648-99-99", "292278995-01-01", "0000", ""].map(Value::from);
    for value in times.iter().chain(&texts) {
        for (format, target) in formats.iter().flat_map(|f| targets.map(|target| (*f, target))) {
            for precision in precisions {
                let config =
                    [("target.type", target), ("format", format), ("unix.precision", precision)];
                let mut record = record(SchemaAndValue::schemaless(value.clone()));
                if let Err(error) = applied("TimestampConverter$Value", &config, &mut record) {
                    let text = error.to_string();
                    assert!(text.contains("beyond") || text.contains("Could not parse"), "{text}");
                }
            }
        }
    }
    for (ms, topic) in [(i64::MAX, "t-292278994"), (i64::MIN, "t-292269055")] {
        let mut record = record(SchemaAndValue::NULL);
        (record.topic, record.timestamp_ms) = ("t".into(), Some(ms));
        applied("TimestampRouter", &[("timestamp.format", "yyyy")], &mut record).unwrap();
        assert_eq!(&*record.topic, topic);
    }
}

#[test]
fn deep_data_are_flattened_and_names_do_not_multiply() {
    for data in [deep_map(), deep_struct()] {
        let mut record = record(data);
        soon(|| applied("Flatten$Value", &[("delimiter", "")], &mut record)).unwrap();
        assert_eq!(record.value.value.member(&"a".repeat(DEEP)), Some(&Value::Int64(1)));
    }
    // Half a megabyte of names, in front of each of ten thousand leaves.
    let leaves = (0..10_000).map(|n| (Value::string(n.to_string()), Value::Null)).collect();
    let long = "n".repeat(DEEP / 2);
    let inner = |value, _| Value::Map(Map::new(vec![(long.as_str().into(), value)]));
    let bomb = (0..DEEP).fold(Value::Map(Map::new(leaves)), inner);
    let mut record = record(SchemaAndValue::schemaless(bomb));
    let refused = soon(|| applied("Flatten$Value", &[], &mut record)).unwrap_err().to_string();
    assert!(refused.contains("names"), "{refused}");
}

#[test]
fn ten_thousand_headers_are_handled_in_time() {
    let headers = |names: usize| {
        let header = |n: usize| Header {
            key: format!("h{}", n % names).into(),
            data: SchemaAndValue::schemaless("x".into()),
        };
        (0..MANY).map(header).collect::<Vec<_>>()
    };
    for (class, config, names, left) in [
        ("DropHeaders", &[("headers", "h0,h1")][..], 2, 0),
        ("DropHeaders", &[("headers", "h0,h1")], MANY, MANY - 2),
        ("InsertHeader", &[("header", "h0"), ("value.literal", "1")], 1, MANY + 1),
        ("ExtractTopic$Header", &[("field", "h0")], MANY, MANY),
        ("Envelope", &[], MANY, MANY),
    ] {
        let mut record = record(SchemaAndValue::schemaless(Value::Int64(1)));
        record.headers = headers(names);
        soon(|| applied(class, config, &mut record)).unwrap();
        assert_eq!(record.headers.len(), left, "{class}");
    }
    // As many fields become as many headers, and go as such.
    let names: Vec<_> = (0..MANY).map(|n| format!("f{n}")).collect();
    let names = names.join(",");
    let fields = names.split(',').map(|name| (name.into(), Value::Int64(1))).collect();
    let mut record = record(SchemaAndValue::schemaless(Value::Map(Map::new(fields))));
    let config = [("fields", &*names), ("headers", &*names), ("operation", "move")];
    soon(|| applied("HeaderFrom$Value", &config, &mut record)).unwrap();
    assert_eq!(record.headers.len(), MANY);
    soon(|| applied("DropHeaders", &[("headers", &*names)], &mut record)).unwrap();
    assert!(record.headers.is_empty());
}

#[test]
fn wide_maps_are_lifted_in_time() {
    let wide = |prefix: &str| {
        let entries = (0..100_000).map(|n| (format!("{prefix}{n}").as_str().into(), Value::Null));
        entries.collect::<Vec<(Value, Value)>>()
    };
    let mut entries = wide("");
    entries.push(("a".into(), Value::Map(Map::new(wide("1")))));
    let mut record = record(SchemaAndValue::schemaless(Value::Map(Map::new(entries))));
    soon(|| applied("Lift$Value", &[("field", "a")], &mut record)).unwrap();
    let Value::Map(lifted) = record.value.value else { panic!("no map") };
    assert!(lifted.entries().len() > 100_000);
}
