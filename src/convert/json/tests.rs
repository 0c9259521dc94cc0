use proptest::prelude::*;

use connect_api::{
    schema::{Type, logical},
    value::{Decimal, Map, Struct},
};

use super::*;

fn converter(props: &[(&str, &str)]) -> JsonConverter {
    JsonConverter::configured(&props.iter().copied().collect()).unwrap()
}

fn plain() -> JsonConverter {
    converter(&[("schemas.enable", "false")])
}

fn written(converter: &JsonConverter, data: &SchemaAndValue) -> Result<String> {
    let bytes = converter.from_connect("t", data, &mut BytesMut::new())?;
    Ok(String::from_utf8(bytes.unwrap().to_vec()).unwrap())
}

fn read(converter: &JsonConverter, json: &str) -> Result<SchemaAndValue> {
    converter.to_connect("t", &[], Some(&Bytes::copy_from_slice(json.as_bytes())))
}

fn refusal(converter: &JsonConverter, json: &str) -> String {
    read(converter, json).unwrap_err().to_string()
}

fn with_schema(schema: Schema, value: Value) -> SchemaAndValue {
    SchemaAndValue::new(Arc::new(schema), value)
}

#[test]
fn the_envelope_has_its_keys_in_the_original_order() {
    let schema = Arc::new(
        Schema::new(Type::Struct)
            .named("Line")
            .versioned(2)
            .documented("A line.")
            .field("id", Schema::new(Type::Int32).with_default(Value::Int32(7)))
            .field("tags", Schema::array(Schema::string()).optional())
            .field("m", Schema::map(Schema::string(), Schema::new(Type::Float64))),
    );
    let map = Value::Map(Map::new(vec![("k".into(), Value::Float64(1e10))]));
    let tags = Value::Array(vec!["a".into()]);
    let record = Struct::new(Arc::clone(&schema), vec![Value::Null, tags, map]);
    let data = SchemaAndValue::new(schema, Value::Struct(record));
    let text = written(&converter(&[]), &data).unwrap();
    assert_eq!(
        text,
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\
         \"default\":7,\"field\":\"id\"},{\"type\":\"array\",\"items\":{\"type\":\"string\",\
         \"optional\":false},\"optional\":true,\"field\":\"tags\"},{\"type\":\"map\",\"keys\":\
         {\"type\":\"string\",\"optional\":false},\"values\":{\"type\":\"double\",\"optional\":\
         false},\"optional\":false,\"field\":\"m\"}],\"optional\":false,\"name\":\"Line\",\
         \"version\":2,\"doc\":\"A line.\"},\"payload\":{\"id\":7,\"tags\":[\"a\"],\"m\":{\"k\":\
         1.0E10}}}"
    );
    let again = read(&converter(&[]), &text).unwrap();
    assert_eq!(again.schema, data.schema);
    assert_eq!(written(&converter(&[]), &again).unwrap(), text);
}

#[test]
fn nulls_are_written_as_the_table_says() {
    let optional = SchemaAndValue::new(Schema::optional_string(), Value::Null);
    let required = SchemaAndValue::new(Schema::string(), Value::Null);
    let default = with_schema(Schema::new(Type::Int8).with_default(Value::Int8(3)), Value::Null);
    let none = converter(&[]).from_connect("t", &SchemaAndValue::NULL, &mut BytesMut::new());
    assert_eq!(none.unwrap(), None);
    let envelope = "{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":null}";
    assert_eq!(written(&converter(&[]), &optional).unwrap(), envelope);
    assert_eq!(written(&plain(), &optional).unwrap(), "null");
    assert_eq!(written(&plain(), &default).unwrap(), "3");
    assert_eq!(
        written(&plain(), &required).unwrap_err().to_string(),
        "Conversion error: null value for field that is required and has no default value"
    );
    let value = SchemaAndValue::schemaless(Value::Int64(1));
    assert_eq!(written(&converter(&[]), &value).unwrap(), "{\"schema\":null,\"payload\":1}");
}

#[test]
fn values_without_a_schema_are_read_straight() {
    let data = read(&plain(), r#"{"a":1,"b":[1.5,"x\n\u00e9",null,true],"a":2}"#).unwrap();
    let list = vec![Value::Float64(1.5), "x\né".into(), Value::Null, Value::Boolean(true)];
    let map = Map::new(vec![("a".into(), Value::Int64(2)), ("b".into(), Value::Array(list))]);
    assert_eq!(data, SchemaAndValue::schemaless(Value::Map(map)));
    assert_eq!(read(&plain(), "18446744073709551617").unwrap().value, Value::Int64(1));
    assert_eq!(read(&plain(), "").unwrap(), SchemaAndValue::NULL);
    let nulls = read(&converter(&[]), r#"{"schema":null,"payload":[1]}"#).unwrap();
    assert_eq!(nulls.value, Value::Array(vec![Value::Int64(1)]));
}

#[test]
fn a_schema_of_the_configuration_is_that_of_every_message() {
    let content = r#"{"type":"struct","fields":[{"type":"int64","field":"n"}]}"#;
    let converter = converter(&[("schema.content", content)]);
    let found = read(&converter, r#"{"n":7}"#).unwrap();
    let Value::Struct(record) = &found.value else { panic!("{found:?}") };
    assert_eq!(record.get("n"), Some(&Value::Int64(7)));
    assert!(read(&converter, "7").is_err(), "no struct");
    let refused = JsonConverter::configured(&Props::from([("schema.content", "{}")]));
    assert!(refused.unwrap_err().to_string().contains("schema.content"));
    let plain = [("schemas.enable", "false"), ("schema.content", content)];
    assert!(read(&self::converter(&plain), r#"{"n":7}"#).unwrap().schema.is_none());
}

#[test]
fn broken_and_bare_documents_are_refused_in_the_original_words() {
    let text = "Converting byte[] to Kafka Connect data failed due to serialization error: ";
    assert_eq!(refusal(&plain(), "{"), text);
    assert_eq!(refusal(&converter(&[]), "{\"schema\":1 x"), text);
    for json in ["1", "{}", r#"{"a":1}"#, r#"{"schema":null,"payload":1,"x":2}"#] {
        let message = refusal(&converter(&[]), json);
        assert!(message.starts_with("JsonConverter with schemas.enable requires"), "{message}");
    }
}

#[test]
fn nodes_of_another_kind_are_coerced() {
    let coerced = |kind: &str, payload: &str| {
        let json = format!("{{\"schema\":{{\"type\":\"{kind}\"}},\"payload\":{payload}}}");
        read(&converter(&[]), &json).unwrap().value
    };
    assert_eq!(coerced("int32", "\"x\""), Value::Int32(0));
    assert_eq!(coerced("int8", "300"), Value::Int8(44));
    assert_eq!(coerced("boolean", "1"), Value::Boolean(false));
    assert_eq!(coerced("string", "1"), Value::Null);
    assert_eq!(coerced("int64", "2.9"), Value::Int64(2));
}

#[test]
fn wrong_shapes_and_schemas_are_named() {
    let message = |schema: &str, payload: &str| {
        refusal(&converter(&[]), &format!("{{\"schema\":{schema},\"payload\":{payload}}}"))
    };
    let record = r#"{"type":"struct","fields":[{"type":"int32","field":"a"}]}"#;
    assert_eq!(message(record, "1"), "Structs should be encoded as JSON objects, but found NUMBER");
    assert_eq!(message(record, "{}"), "Invalid null value for required INT32 field");
    assert_eq!(message(r#"{"type":"x"}"#, "1"), "Unknown schema type: x");
    assert_eq!(message("{}", "1"), "Schema must contain 'type' field");
    let date = r#"{"type":"int32","name":"org.apache.kafka.connect.data.Date"}"#;
    assert_eq!(
        message(date, "\"x\""),
        "Invalid type for Date, underlying representation should be integer but was STRING"
    );
}

#[test]
fn decimals_are_base64_or_numbers() {
    let schema = Schema::new(Type::Bytes).named(logical::DECIMAL).parameter("scale", "2");
    let decimal = Decimal { unscaled: Bytes::from_static(&[0, 150]), scale: 2 };
    let data = with_schema(schema, Value::Decimal(decimal));
    let numeric = converter(&[("decimal.format", "numeric"), ("schemas.enable", "false")]);
    assert_eq!(written(&plain(), &data).unwrap(), "\"AJY=\"");
    assert_eq!(written(&numeric, &data).unwrap(), "1.50");
    for format in ["BASE64", "NUMERIC"] {
        let text = written(&converter(&[("decimal.format", format)]), &data).unwrap();
        assert_eq!(read(&converter(&[]), &text).unwrap(), data);
    }
}

#[test]
fn mismatches_are_named_and_leave_nothing_behind() {
    let mut buffer = BytesMut::new();
    let data = SchemaAndValue::new(Schema::string(), Value::Int32(1));
    let error = converter(&[]).from_connect("t", &data, &mut buffer).unwrap_err();
    assert_eq!(error.to_string(), "Invalid type for STRING: class java.lang.Integer");
    assert!(buffer.is_empty());
}

#[test]
fn special_numbers_are_quoted_and_controls_escaped() {
    let text = |value| written(&plain(), &SchemaAndValue::schemaless(value)).unwrap();
    assert_eq!(text(Value::Float64(f64::NAN)), "\"NaN\"");
    assert_eq!(text(Value::Int64(i64::MIN)), "-9223372036854775808");
    assert_eq!(text("a\"\\\n\u{1f}é".into()), "\"a\\\"\\\\\\n\\u001Fé\"");
    let pairs = Map::new(vec![(Value::Int64(1), "x".into())]);
    assert_eq!(text(Value::Map(pairs)), "[[1,\"x\"]]");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Int64),
        proptest::num::f64::NORMAL.prop_map(Value::Float64),
        any::<String>().prop_map(|text| Value::String(text.into())),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..30).prop_map(|entries| {
                let entry = |(name, value): (String, Value)| (Value::String(name.into()), value);
                Value::Map(Map::new(entries.into_iter().map(entry).collect()))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn values_without_a_schema_read_back_as_they_were(value in any_value()) {
        prop_assume!(!value.is_null());
        let data = SchemaAndValue::schemaless(value);
        let text = written(&plain(), &data).unwrap();
        prop_assert_eq!(&read(&plain(), &text).unwrap(), &data);
        let enveloped = written(&converter(&[]), &data).unwrap();
        prop_assert_eq!(read(&converter(&[]), &enveloped).unwrap(), data);
    }

    #[test]
    fn no_document_brings_the_reader_down(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _outcome = plain().to_connect("t", &[], Some(&Bytes::from(bytes)));
    }
}

#[test]
fn of_a_number_that_is_not_whole_the_part_before_the_point_counts() {
    let envelope =
        |number: &str| format!("{{\"schema\":{{\"type\":\"int64\"}},\"payload\":{number}}}");
    for (number, expected) in [
        ("1.99", 1),
        ("-0.5", 0),
        ("1.25e1", 12),
        ("12e-1", 1),
        ("1e400", 0),
        ("1e-99999999999999999999", 0),
        ("18446744073709551617.5", 1),
    ] {
        let value = read(&converter(&[]), &envelope(number)).unwrap().value;
        assert_eq!(value, Value::Int64(expected), "{number}");
    }
}
