use bytes::{BufMut as _, BytesMut};
use connect_api::{
    config::Config as _,
    record::SchemaAndValue,
    schema::{Type, logical},
    value::{Decimal, Map, Struct},
};
use connect_testkit::{
    fuzz::{Choices, few_words, fuzz},
    shape::{kind_of, proper},
};
use proptest::prelude::*;

use super::*;

fn config(pairs: &[(&str, &str)]) -> AvroDataConfig {
    AvroDataConfig::parse(&pairs.iter().copied().collect()).unwrap()
}

/// The Avro text of a Connect schema.
fn avro_text(config: &AvroDataConfig, schema: &Schema) -> String {
    avro_schema(config, schema).unwrap().text()
}

/// The Connect schema of an Avro text.
fn connect(config: &AvroDataConfig, text: &str) -> Arc<Schema> {
    connect_schema(config, &AvroSchema::parse(text, &[]).unwrap(), None).unwrap()
}

fn written(config: &AvroDataConfig, schema: &Arc<Schema>, value: &Value) -> Result<Bytes, String> {
    let avro = avro_schema(config, schema)?;
    let mut out = BytesMut::new();
    encode::writer(config, &avro, avro.root, schema)?.write_message(value, &mut out)?;
    Ok(out.freeze())
}

fn read(config: &AvroDataConfig, text: &str, bytes: &[u8]) -> Result<SchemaAndValue, String> {
    let avro = AvroSchema::parse(text, &[])?;
    if decode::is_anything(&avro) {
        let value = Plan::Anything.read_message(Bytes::copy_from_slice(bytes))?;
        return Ok(SchemaAndValue::schemaless(value));
    }
    let schema = connect_schema(config, &avro, None)?;
    let plan = decode::plan(&avro, avro.root, &schema)?;
    let value = plan.read_message(Bytes::copy_from_slice(bytes))?;
    Ok(SchemaAndValue::new(schema, value))
}

fn row() -> Schema {
    Schema::new(Type::Struct)
        .named("com.acme.Row")
        .versioned(3)
        .field("id", Schema::new(Type::Int8))
        .field("text", Schema::optional_string())
        .field("n", Schema::new(Type::Int64).with_default(Value::Int64(5)))
        .field("d", decimal(2))
        .field("at", Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1).optional())
        .field("m", Schema::map(Schema::new(Type::Int32), Schema::string()))
}

fn decimal(scale: i32) -> Schema {
    let schema = Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1);
    schema.parameter("scale", scale.to_string())
}

#[test]
fn a_schema_is_registered_in_the_originals_text() {
    assert_eq!(
        avro_text(&config(&[]), &row()),
        concat!(
            r#"{"type":"record","name":"Row","namespace":"com.acme","fields":["#,
            r#"{"name":"id","type":{"type":"int","connect.type":"int8"}},"#,
            r#"{"name":"text","type":["null","string"],"default":null},"#,
            r#"{"name":"n","type":{"type":"long","connect.default":5},"default":5},"#,
            r#"{"name":"d","type":{"type":"bytes","scale":2,"precision":64,"connect.version":1,"#,
            r#""connect.parameters":{"scale":"2"},"#,
            r#""connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}},"#,
            r#"{"name":"at","type":["null",{"type":"long","connect.version":1,"#,
            r#""connect.name":"org.apache.kafka.connect.data.Timestamp","#,
            r#""logicalType":"timestamp-millis"}],"default":null},"#,
            r#"{"name":"m","type":{"type":"array","items":{"type":"record","name":"MapEntry","#,
            r#""namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},"#,
            r#"{"name":"value","type":"string"}]}}}],"#,
            r#""connect.version":3,"connect.name":"com.acme.Row"}"#
        )
    );
    let plain = avro_text(&config(&[("connect.meta.data", "false")]), &row());
    assert!(!plain.contains("\"connect."), "{plain}");
}

#[test]
fn a_struct_without_a_name_gets_the_default_ones() {
    let inner = Schema::new(Type::Struct).field("a", Schema::new(Type::Boolean));
    let outer = Schema::new(Type::Struct).field("b", inner.clone()).field("c", inner.optional());
    assert_eq!(
        avro_text(&config(&[]), &outer),
        concat!(
            r#"{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","#,
            r#""fields":[{"name":"b","type":{"type":"record","name":"ConnectDefault2","#,
            r#""fields":[{"name":"a","type":"boolean"}]}},"#,
            r#"{"name":"c","type":["null","ConnectDefault2"],"default":null}]}"#
        )
    );
}

#[test]
fn a_record_comes_back_as_it_was() {
    let (config, schema) = (config(&[]), Arc::new(row()));
    let number = Decimal { unscaled: Bytes::from_static(&[0x01, 0x00]), scale: 2 };
    let values = vec![
        Value::Int8(-1),
        Value::Null,
        Value::Int64(7),
        Value::Decimal(number),
        Value::Timestamp(1_700_000_000_000),
        Value::Map(Map::new(vec![(Value::Int32(1), "one".into())])),
    ];
    let value = Value::Struct(Struct::new(Arc::clone(&schema), values));
    let bytes = written(&config, &schema, &value).unwrap();
    let back = read(&config, &avro_text(&config, &schema), &bytes).unwrap();
    assert_eq!(back.schema.as_ref(), Some(&schema));
    assert_eq!(back.value, value);
}

#[test]
fn null_of_a_field_with_a_default_is_written_as_the_default_unless_that_is_off() {
    let number = Schema::new(Type::Int32).optional().with_default(Value::Int32(9));
    let schema = Arc::new(Schema::new(Type::Struct).named("R").field("n", number));
    let value = Value::Struct(Struct::new(Arc::clone(&schema), vec![Value::Null]));
    assert_eq!(&*written(&config(&[]), &schema, &value).unwrap(), [0, 18]);
    let off = config(&[("ignore.default.for.nullables", "true")]);
    assert_eq!(&*written(&off, &schema, &value).unwrap(), [2]);
}

#[test]
fn a_union_becomes_a_struct_and_the_struct_a_union() {
    let config = config(&[]);
    let text =
        r#"["null","int",{"type":"record","name":"R","namespace":"n","fields":[]},"string"]"#;
    let schema = connect(&config, text);
    let names: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!((schema.name(), schema.is_optional()), (Some(names::UNION), true));
    assert_eq!(names, ["int", "R", "string"]);
    let read = read(&config, text, &[6, 2, b'x']).unwrap();
    let Value::Struct(union) = &read.value else { panic!("no struct") };
    assert_eq!(union.values(), [Value::Null, Value::Null, "x".into()]);
    assert_eq!(&*written(&config, &schema, &read.value).unwrap(), [6, 2, b'x']);
    assert!(avro_text(&config, &schema).starts_with(r#"["null","int",{"type":"record""#));
}

#[test]
fn an_enumeration_stays_one_with_enhanced_support() {
    let text = r#"{"type":"enum","name":"E","namespace":"n","symbols":["Z","A"],"default":"A"}"#;
    let enhanced = config(&[("enhanced.avro.schema.support", "true")]);
    let schema = connect(&enhanced, text);
    assert_eq!(schema.parameters().get("io.confluent.connect.avro.Enum.Z"), Some("Z"));
    let again = avro_text(&enhanced, &schema);
    assert!(again.starts_with(concat!(
        r#"{"type":"enum","name":"E","namespace":"n","symbols":["Z","A"],"default":"A","#,
        r#""connect.parameters":{"#
    )));
    assert_eq!(&*written(&enhanced, &schema, &"A".into()).unwrap(), [2]);
    assert!(written(&enhanced, &schema, &"B".into()).is_err());
    assert!(avro_text(&config(&[]), &schema).starts_with(r#"{"type":"string""#));
}

#[test]
fn a_fixed_keeps_its_size_and_a_decimal_in_it_is_padded() {
    let config = config(&[]);
    let text = r#"{"type":"fixed","name":"F","size":4}"#;
    let schema = connect(&config, text);
    assert_eq!(schema.parameters().get("connect.fixed.size"), Some("4"));
    let padded = AvroSchema::parse(
        r#"{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":9,"scale":1}"#,
        &[],
    )
    .unwrap();
    let schema = connect_schema(&config, &padded, None).unwrap();
    let writer = encode::writer(&config, &padded, padded.root, &schema).unwrap();
    let mut out = BytesMut::new();
    let number = Decimal { unscaled: Bytes::from_static(&[0xfe]), scale: 1 };
    writer.write_message(&Value::Decimal(number), &mut out).unwrap();
    assert_eq!(&*out, [0xff, 0xff, 0xff, 0xfe]);
}

#[test]
fn data_without_a_schema_are_anything() {
    let list = Value::Array(vec![
        Value::Int32(1),
        "a".into(),
        Value::Null,
        Value::Map(Map::new(vec![("k".into(), Value::Boolean(true))])),
    ]);
    let mut out = BytesMut::new();
    Writer::Anything.write_message(&list, &mut out).unwrap();
    let back = read(&config(&[]), ANYTHING_TEXT, &out).unwrap();
    assert_eq!(back, SchemaAndValue::schemaless(list));
    let error = Writer::Anything.write_message(&Value::Bytes(Bytes::new()), &mut out).unwrap_err();
    assert!(error.starts_with("Unknown Java type for schemaless data"), "{error}");
}

#[test]
fn documentation_and_defaults_of_fields_survive_the_way_there_and_back() {
    let config = config(&[]);
    let text = concat!(
        r#"{"type":"record","name":"R","namespace":"n","doc":"a record","fields":["#,
        r#"{"name":"a","type":"int","doc":"a field","default":3},"#,
        r#"{"name":"b","type":["null","string"],"default":null}]"#
    );
    let again = avro_text(&config, &connect(&config, &format!("{text}}}")));
    assert!(again.starts_with(r#"{"type":"record","name":"R","namespace":"n","doc":"a record""#));
    assert!(again.contains(r#""doc":"a field","default":3"#), "{again}");
    assert!(!again.contains("connect.default"), "{again}");
}

#[test]
fn a_schema_of_the_registry_is_written_by_name_with_defaults() {
    let config = config(&[]);
    let latest = AvroSchema::parse(
        concat!(
            r#"{"type":"record","name":"R","fields":[{"name":"new","type":["string","null"],"#,
            r#""default":"d"},{"name":"b","type":"long"},{"name":"a","type":"string"}]}"#
        ),
        &[],
    )
    .unwrap();
    let schema = Schema::new(Type::Struct)
        .named("R")
        .field("a", Schema::string())
        .field("b", Schema::new(Type::Int32));
    let schema = Arc::new(schema);
    let writer = encode::writer(&config, &latest, latest.root, &schema).unwrap();
    let mut out = BytesMut::new();
    let value = Struct::new(Arc::clone(&schema), vec!["x".into(), Value::Int32(-1)]);
    writer.write_message(&Value::Struct(value), &mut out).unwrap();
    assert_eq!(&*out, [0, 2, b'd', 1, 2, b'x']);
}

#[test]
fn what_connect_cannot_say_is_refused_in_the_originals_words() {
    let refused = |text: &str| {
        let avro = AvroSchema::parse(text, &[]).unwrap();
        connect_schema(&config(&[]), &avro, None).unwrap_err()
    };
    assert!(refused(r#""null""#).starts_with("Standalone null schemas"));
    assert!(refused(r#"["string","string"]"#).starts_with("Multiple union schemas"));
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    assert!(refused(list).contains("contains itself"));
}

#[test]
fn types_that_double_at_every_step_are_refused_in_time() {
    let mut text = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
    for n in 1..60 {
        let before = n - 1;
        text = format!(
            r#"{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":{text}}},{{"name":"b","type":"R{before}"}}]}}"#
        );
    }
    if let Ok(avro) = AvroSchema::parse(&text, &[]) {
        let error = connect_schema(&config(&[]), &avro, None).unwrap_err();
        assert!(error.contains("more than"), "{error}");
    }
}

#[test]
fn names_that_lead_on_and_on_are_refused() {
    let nested = |name: &str| {
        let (open, close) = (r#"{"type":"array","items":"#.repeat(50), "}".repeat(50));
        format!("{open}{name}{close}")
    };
    let mut inner = "\"int\"".to_owned();
    let mut named = Vec::new();
    for n in 0..1000 {
        let field = nested(&inner);
        let text = format!(
            r#"{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":{field}}}]}}"#
        );
        named.push((format!("R{n}"), Arc::from(text)));
        inner = format!("\"R{n}\"");
    }
    let avro = AvroSchema::parse(&inner, &named).unwrap();
    let error = connect_schema(&config(&[]), &avro, None).unwrap_err();
    assert_eq!(error, "The Avro schema is nested more than 200 types deep");
}

#[test]
fn schemas_as_deep_as_connect_has_them_are_written() {
    let deep = (0..1000).fold(Schema::new(Type::Int32), |inner, _| Schema::array(inner));
    let value = (0..1000).fold(Value::Int32(1), |inner, _| Value::Array(vec![inner]));
    let bytes = written(&config(&[]), &Arc::new(deep), &value).unwrap();
    assert_eq!(bytes.len(), 2001);
}

/// Address space that the process has taken at most; none where the system does not say.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn lists_in_lists_take_no_room_before_their_items_are_there() {
    const DEPTH: usize = 60;
    let (open, close) = (r#"{"type":"array","items":"#.repeat(DEPTH), "}".repeat(DEPTH));
    let text = format!("{open}\"int\"{close}");
    // Each list announces nearly as many items as the message has bytes.
    let mut message = BytesMut::new();
    (0..DEPTH).for_each(|_| put_long(&mut message, 900_000));
    message.resize(1_000_000, 0x80);
    let before = peak_kib();
    assert!(read(&config(&[]), &text, &message).is_err());
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        assert!(after - before < 1 << 20, "{} KiB", after - before);
    }
}

#[test]
fn fields_that_take_no_bytes_do_not_multiply() {
    let field = |n| format!(r#"{{"name":"f{n}","type":"E"}}"#);
    let fields: Vec<_> = (1..1000).map(field).collect();
    let text = format!(
        r#"{{"type":"array","items":{{"type":"record","name":"R","fields":[{{"name":"f0","type":{{"type":"record","name":"E","fields":[]}}}},{}]}}}}"#,
        fields.join(",")
    );
    let announced = |count| {
        let mut message = BytesMut::new();
        put_long(&mut message, count);
        message.put_u8(0);
        read(&config(&[]), &text, &message)
    };
    assert!(announced(10).is_ok());
    let refused = announced(65_000).unwrap_err();
    assert!(refused.contains("more than 65536 items and fields that take no bytes"), "{refused}");
}

#[test]
fn large_values_are_slices_and_huge_ones_are_told() {
    let mut message = BytesMut::new();
    encode::put_bytes(&mut message, &vec![b'x'; 100 << 20]).unwrap();
    let message = message.freeze();
    let avro = AvroSchema::parse("\"string\"", &[]).unwrap();
    let schema = connect_schema(&config(&[]), &avro, None).unwrap();
    let plan = decode::plan(&avro, avro.root, &schema).unwrap();
    let value = plan.read_message(message.clone()).unwrap();
    assert!(message.as_ptr_range().contains(&value.as_str().unwrap().as_ptr()));
    let mut announced = BytesMut::new();
    put_long(&mut announced, i64::MAX);
    assert!(plan.read_message(announced.freeze()).unwrap_err().contains("end"));
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    let refused = read(&config(&[]), decimal, &vec![1; 1 << 20]).unwrap_err();
    assert!(refused.starts_with("A decimal takes 1048576 bytes"), "{refused}");
    assert!(read(&config(&[]), "\"double\"", &f64::NAN.to_le_bytes()).is_ok());
}

#[test]
fn any_schema_and_any_bytes_are_borne() {
    let configs = [
        config(&[]),
        config(&[
            ("enhanced.avro.schema.support", "true"),
            ("generalized.sum.type.support", "true"),
        ]),
        config(&[
            ("connect.meta.data", "false"),
            ("discard.type.doc.default", "true"),
            ("scrub.invalid.names", "true"),
            ("allow.optional.map.keys", "true"),
        ]),
    ];
    fuzz("avro", |input| {
        let mut choices = Choices::of(input);
        let config = &configs[choices.below(configs.len())];
        let (text, bytes) = choices.parts();
        let data = match read(config, &text, bytes) {
            Ok(data) => data,
            Err(error) => return few_words(&error),
        };
        assert!(proper(&data), "{data:?}");
        let Some(schema) = &data.schema else { return kind_of(&data) };
        if let Ok(bytes) = written(config, schema, &data.value)
            && let own = avro_text(config, schema)
            && AvroSchema::parse(&own, &[]).is_ok()
        {
            let again = read(config, &own, &bytes);
            assert!(again.is_ok(), "{text} was written as {own}: {again:?}");
        }
        kind_of(&data)
    });
}

/// Two messages that `confluent-kafka` 2.16.0 for Python wrote, without magic and id.
#[test]
fn messages_of_confluents_python_client_are_read() {
    let text = concat!(
        r#"{"type": "record", "name": "Item", "namespace": "com.acme", "fields": ["#,
        r#"{"name": "id", "type": "long"},"#,
        r#"{"name": "name", "type": ["null", "string"], "default": null},"#,
        r#"{"name": "price", "type": {"type": "bytes", "logicalType": "decimal","#,
        r#" "precision": 9, "scale": 2}},"#,
        r#"{"name": "tags", "type": {"type": "array", "items": "string"}},"#,
        r#"{"name": "extra", "type": {"type": "map", "values": "int"}},"#,
        r#"{"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},"#,
        r#"{"name": "either", "type": ["long", "string"]}]}"#
    );
    let told = |bytes: &[u8]| {
        let read = read(&config(&[]), text, bytes).unwrap();
        let mut told = String::new();
        connect_api::value_text::write_java_text(&mut told, &read.value);
        told
    };
    assert_eq!(
        told(b"\x02\x02\x04\xc3\xa4\x04\x04\xe2\x04\x02a\x02b\x00\x02\x02k\x02\x00\x02\x02\x02s"),
        "Struct{id=1,name=\u{e4},price=12.50,tags=[a, b],extra={k=1},kind=B,\
         either=Struct{string=s}}"
    );
    assert_eq!(
        told(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x02\xff\x00\x00\x00\x00\x0e"),
        "Struct{id=-9223372036854775808,price=-0.01,tags=[],extra={},kind=A,\
         either=Struct{long=7}}"
    );
}

fn leaf() -> impl Strategy<Value = (Schema, Value)> {
    let of = |kind, value| (Schema::new(kind), value);
    prop_oneof![
        any::<bool>().prop_map(move |v| of(Type::Boolean, Value::Boolean(v))),
        any::<i8>().prop_map(move |v| of(Type::Int8, Value::Int8(v))),
        any::<i16>().prop_map(move |v| of(Type::Int16, Value::Int16(v))),
        any::<i32>().prop_map(move |v| of(Type::Int32, Value::Int32(v))),
        any::<i64>().prop_map(move |v| of(Type::Int64, Value::Int64(v))),
        (-1e9_f32..1e9).prop_map(move |v| of(Type::Float32, Value::Float32(v))),
        (-1e99_f64..1e99).prop_map(move |v| of(Type::Float64, Value::Float64(v))),
        ".{0,9}".prop_map(move |v| of(Type::String, v.as_str().into())),
        prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(move |v| of(Type::Bytes, Value::Bytes(v.into()))),
        any::<i64>().prop_map(|v| {
            (Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1), Value::Timestamp(v))
        }),
    ]
}

fn pair() -> impl Strategy<Value = (Schema, Value)> {
    leaf().prop_recursive(4, 40, 5, |inner| {
        let field = (inner.clone(), any::<bool>(), any::<bool>());
        prop_oneof![
            inner.clone().prop_map(|(schema, value)| {
                (Schema::array(schema), Value::Array(vec![value.clone(), value]))
            }),
            inner.clone().prop_map(|(schema, value)| {
                let map = Map::new(vec![("k".into(), value)]);
                (Schema::map(Schema::string(), schema), Value::Map(map))
            }),
            (leaf(), inner).prop_map(|((key, k), (schema, value))| {
                let map = Map::new(vec![(k, value)]);
                (Schema::map(key.optional(), schema), Value::Map(map))
            }),
            prop::collection::vec(field, 0..5).prop_map(|fields| {
                let (mut schema, mut values) = (Schema::new(Type::Struct), Vec::new());
                for (place, ((own, value), is_optional, is_null)) in fields.into_iter().enumerate()
                {
                    let own = if is_optional { own.optional() } else { own };
                    values.push(if is_optional && is_null {
                        Value::Null
                    } else {
                        fitted(&own, value)
                    });
                    schema = schema.field(format!("f{place}"), own);
                }
                let schema = Arc::new(schema);
                (schema.as_ref().clone(), Value::Struct(Struct::new(schema, values)))
            }),
        ]
    })
}

/// A struct carries its schema, which has to say the same of null.
fn fitted(schema: &Schema, value: Value) -> Value {
    match value {
        Value::Struct(value) => {
            Value::Struct(Struct::new(Arc::new(schema.clone()), value.into_parts().1))
        }
        other => other,
    }
}

fn avro_json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "null", "boolean", "int", "long", "float", "double", "bytes", "string", "R", "",
    ]);
    let leaf = prop_oneof![
        word.prop_map(|word| format!("\"{word}\"")),
        (0_usize..3).prop_map(|size| format!(r#"{{"type":"fixed","name":"F","size":{size}}}"#)),
        Just(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#.to_owned()),
        Just(r#"{"type":"bytes","logicalType":"decimal","scale":2}"#.to_owned()),
        Just(r#"{"type":"int","logicalType":"date"}"#.to_owned()),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| format!(r#"{{"type":"array","items":{items}}}"#)),
            inner.clone().prop_map(|values| format!(r#"{{"type":"map","values":{values}}}"#)),
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|branches| format!("[{}]", branches.join(","))),
            prop::collection::vec(inner, 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .enumerate()
                    .map(|(n, kind)| format!(r#"{{"name":"f{n}","type":{kind},"default":1}}"#))
                    .collect();
                format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn data_survive_the_way_to_avro_and_back((schema, value) in pair()) {
        let (config, schema) = (config(&[]), Arc::new(schema));
        let text = avro_text(&config, &schema);
        let bytes = written(&config, &schema, &value).unwrap();
        // Maps of different types within each other get one name, in the original too.
        prop_assume!(AvroSchema::parse(&text, &[]).is_ok());
        let back = read(&config, &text, &bytes).unwrap();
        prop_assert_eq!(back.value, value);
        prop_assert_eq!(back.schema.unwrap(), schema);
    }

    #[test]
    fn no_bytes_and_no_schema_do_harm(
        text in avro_json(),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        if let Ok(data) = read(&config(&[]), &text, &bytes)
            && let Some(schema) = &data.schema
        {
            prop_assert_eq!(schema.fields().len(), schema.fields().iter().count());
        }
    }

    #[test]
    fn a_text_in_javas_form_stays_so(text in avro_json()) {
        if let Ok(avro) = AvroSchema::parse(&text, &[]) {
            let first = avro.text();
            if let Ok(again) = AvroSchema::parse(&first, &[]) {
                prop_assert_eq!(again.text(), first);
            }
        }
    }

    #[test]
    fn any_json_is_a_schema_or_told(text in r#"[\[\]{}",:a-z0-9 ]{0,60}"#) {
        let _outcome = AvroSchema::parse(&text, &[]);
    }
}
