use connect_api::{
    record::SchemaAndValue,
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct, Value},
};
use connect_testkit::{
    fuzz::{Choices, few_words, fuzz},
    shape::{kind_of, proper},
};
use proptest::prelude::*;

use super::*;

const DEFAULTS: JsonSchemaOptions = JsonSchemaOptions {
    is_sum_type_general: false,
    is_default_ignored: false,
    has_additional_properties: true,
    is_optional_unless_required: false,
    is_decimal_numeric: false,
    is_singleton_flattened: true,
};

fn text(schema: &Schema) -> String {
    DEFAULTS.schema_text(schema).unwrap()
}

fn schema(text: &str) -> Arc<Schema> {
    DEFAULTS.connect_schema(text, &[], None).unwrap()
}

fn refusal(text: &str) -> String {
    DEFAULTS.connect_schema(text, &[], None).unwrap_err().to_string()
}

fn json(schema: &Arc<Schema>, value: &Value) -> String {
    let mut out = Vec::new();
    DEFAULTS.write(&mut out, schema, value).unwrap();
    String::from_utf8(out).unwrap()
}

fn customer() -> Schema {
    let email = Schema::new(Type::String).optional().documented("where to write");
    Schema::new(Type::Struct)
        .named("Customer")
        .versioned(2)
        .field("id", Schema::new(Type::Int32))
        .field("email", email)
        .field("vip", Schema::new(Type::Boolean).with_default(Value::Boolean(true)))
}

/// By hand: of 16 buckets, "id" is in 11, "vip" in 12 and "email" in 15; of a table of two entries,
/// "connect.index" is in bucket 0 of 4 and "connect.type" in 1.
#[test]
fn a_record_is_described_as_the_original_prints_it() {
    assert_eq!(
        text(&customer()),
        concat!(
            r#"{"type":"object","title":"Customer","connect.version":2,"properties":{"#,
            r#""id":{"type":"integer","connect.index":0,"connect.type":"int32"},"#,
            r#""vip":{"default":true,"connect.index":2,"type":"boolean"},"#,
            r#""email":{"connect.index":1,"oneOf":[{"type":"null"},"#,
            r#"{"type":"string","description":"where to write"}]}}}"#
        )
    );
}

#[test]
fn logical_types_keep_their_parameters() {
    let price =
        Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1).parameter("scale", "2");
    let expected = concat!(
        r#"{"type":"string","title":"org.apache.kafka.connect.data.Decimal","#,
        r#""connect.version":1,"connect.type":"bytes","connect.parameters":{"scale":"2"}}"#
    );
    assert_eq!(text(&price), expected);
    assert_eq!(*schema(&text(&price)), price);
}

#[test]
fn maps_with_other_keys_are_arrays_of_entries() {
    let map = Schema::map(Schema::new(Type::Int32), Schema::new(Type::Int8));
    assert_eq!(
        text(&map),
        concat!(
            r#"{"type":"array","connect.type":"map","items":{"type":"object","properties":{"#,
            r#""value":{"type":"integer","connect.index":1,"connect.type":"int8"},"#,
            r#""key":{"type":"integer","connect.index":0,"connect.type":"int32"}}}}"#
        )
    );
    let value = Value::Map(Map::new(vec![(Value::Int32(1), Value::Int8(2))]));
    let map = Arc::new(map);
    assert_eq!(json(&map, &value), r#"[{"key":1,"value":2}]"#);
    assert_eq!(*schema(&text(&map)), *map);
    assert_eq!(DEFAULTS.read(&map, &json(&map, &value).into()).unwrap(), value);
}

#[test]
fn what_a_schema_becomes_is_what_it_was() {
    let nested = customer().optional();
    let outer = Schema::new(Type::Struct)
        .named("Outer")
        .field("customers", Schema::array(customer()))
        .field("first", nested)
        .field("attributes", Schema::map(Schema::string(), Schema::new(Type::Float64)).optional())
        .field("when", Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1));
    assert_eq!(*schema(&text(&outer)), outer);
}

#[test]
fn a_union_takes_the_first_type_that_fits() {
    let union = schema(
        r#"{"oneOf":[{"type":"string"},{"type":"integer"},
            {"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}},
            {"type":"object","properties":{"a":{"type":"string"},"c":{"type":"string"}}}]}"#,
    );
    assert_eq!(union.name(), Some("io.confluent.connect.json.OneOf"));
    let place = |document: &str| match DEFAULTS.read(&union, &document.into()).unwrap() {
        Value::Struct(record) => record.values().iter().position(|value| !value.is_null()),
        other => panic!("{other:?}"),
    };
    assert_eq!(place("\"x\""), Some(0));
    assert_eq!(place("7"), Some(1));
    assert_eq!(place(r#"{"a":"x"}"#), Some(2));
    assert_eq!(place(r#"{"a":"x","c":"y"}"#), Some(3));
    let value = DEFAULTS.read(&union, &"7".into()).unwrap();
    assert_eq!(json(&union, &value), "7");
    let error = DEFAULTS.read(&union, &"true".into()).unwrap_err();
    assert_eq!(error.to_string(), "Did not find matching oneof field for data");
}

#[test]
fn enums_keep_their_symbols() {
    let colours = schema(r#"{"type":"string","enum":["RED","GREEN",null]}"#);
    assert_eq!(colours.kind(), Type::String);
    let names: Vec<_> = colours.parameters().iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "io.confluent.connect.json.Enum",
            "io.confluent.connect.json.Enum.RED",
            "io.confluent.connect.json.Enum.GREEN",
            "io.confluent.connect.json.Enum.<NULL>",
        ]
    );
    assert_eq!(text(&colours), r#"{"enum":["RED",null,"GREEN"]}"#);
    let general = JsonSchemaOptions { is_sum_type_general: true, ..DEFAULTS };
    let colours = general.connect_schema(r#"{"enum":["RED","GREEN"]}"#, &[], None).unwrap();
    assert_eq!(colours.parameters().get("org.apache.kafka.connect.data.Enum.GREEN").unwrap(), "1");
}

#[test]
fn references_lead_within_and_out_of_the_document() {
    let text = r##"{"type":"object","properties":{
        "a":{"$ref":"#/definitions/Price","connect.index":0},
        "b":{"$ref":"other.json#/definitions/Price"},
        "c":{"oneOf":[{"type":"null"},{"$ref":"#price"}]}},
        "definitions":{"Price":{"$id":"#price","type":"number"}}}"##;
    let other = Arc::from(r#"{"definitions":{"Price":{"type":"integer"}}}"#);
    let referred = [("other.json".to_owned(), other)];
    let schema = DEFAULTS.connect_schema(text, &referred, Some(3)).unwrap();
    assert_eq!(schema.version(), Some(3));
    let kind = |name| schema.fields()[schema.field_index(name).unwrap()].schema.kind();
    assert_eq!([kind("a"), kind("b"), kind("c")], [Type::Float64, Type::Int64, Type::Float64]);
    let missing = refusal(r#"{"$ref":"gone.json"}"#);
    assert!(missing.starts_with("Could not resolve the reference \"gone.json\""), "{missing}");
}

#[test]
fn a_schema_that_holds_itself_is_refused() {
    for text in [
        r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##,
        r##"{"$ref":"#"}"##,
        r##"{"allOf":[{"$ref":"#"},{"type":"string"}]}"##,
        r##"{"type":"array","items":{"$ref":"#/definitions/a"},
            "definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}}"##,
    ] {
        let refused = refusal(text);
        assert!(refused.starts_with("The JSON Schema holds itself"), "{refused}");
    }
}

#[test]
fn references_to_references_do_not_multiply() {
    let mut definitions = String::new();
    for level in 0..40 {
        let next = level + 1;
        definitions.push_str(&format!(
            "\"d{level}\":{{\"type\":\"object\",\"properties\":{{\
             \"l\":{{\"$ref\":\"#/definitions/d{next}\"}},\
             \"r\":{{\"$ref\":\"#/definitions/d{next}\"}}}}}},"
        ));
    }
    let text = format!(
        "{{\"$ref\":\"#/definitions/d0\",\"definitions\":{{{definitions}\"d40\":{{\"type\":\"string\"}}}}}}"
    );
    assert_eq!(refusal(&text), "The JSON Schema has more than 50000 parts");
}

#[test]
fn properties_without_an_index_come_in_the_order_of_a_hash_table() {
    let schema = schema(
        r#"{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},
            "email":{"type":"string"}}}"#,
    );
    let names: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["name", "id", "email"]);
}

#[test]
fn all_of_is_an_object_of_all_properties() {
    let schema = schema(
        r##"{"allOf":[{"$ref":"#/definitions/base"},
            {"type":"object","properties":{"b":{"type":"integer"}}}],
            "definitions":{"base":{"type":"object","properties":{"a":{"type":"string"}}}}}"##,
    );
    let names: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn optional_fields_are_null_and_required_ones_are_left_out() {
    let schema = Arc::new(customer());
    let missing = Struct::new(Arc::clone(&schema), Vec::new());
    assert_eq!(json(&schema, &Value::Struct(missing)), r#"{"email":null,"vip":true}"#);
    let read = DEFAULTS.read(&schema, &r#"{"id":5,"more":1}"#.into()).unwrap();
    let expected = vec![Value::Int32(5), Value::Null, Value::Boolean(true)];
    assert_eq!(read, Value::Struct(Struct::new(schema, expected)));
}

#[test]
fn decimals_are_base64_or_numbers() {
    let schema = Arc::new(
        Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1).parameter("scale", "2"),
    );
    let value = Value::Decimal(Decimal { unscaled: vec![0x04, 0xd2].into(), scale: 2 });
    assert_eq!(json(&schema, &value), "\"BNI=\"");
    let numeric = JsonSchemaOptions { is_decimal_numeric: true, ..DEFAULTS };
    let mut out = Vec::new();
    numeric.write(&mut out, &schema, &value).unwrap();
    assert_eq!(out, b"12.34");
    assert_eq!(DEFAULTS.read(&schema, &"12.34".into()).unwrap(), value);
    assert_eq!(DEFAULTS.read(&schema, &"\"BNI=\"".into()).unwrap(), value);
}

#[test]
fn wrong_values_are_refused_by_name() {
    let schema = Arc::new(Schema::new(Type::Int32));
    let mut out = Vec::new();
    let error = DEFAULTS.write(&mut out, &schema, &Value::from("x")).unwrap_err();
    assert_eq!(error.to_string(), "Invalid type for INT32: class java.lang.String");
}

#[test]
fn shapes_without_a_connect_type_are_refused() {
    assert!(refusal("{}").starts_with("Unsupported schema type"));
    assert!(refusal("false").starts_with("Unsupported schema type"));
    assert!(refusal(r#"{"type":"null"}"#).starts_with("Unsupported schema type"));
    assert!(refusal(r#"{"not":{}}"#).starts_with("Unsupported schema type"));
    assert_eq!(refusal(r#"{"type":"money"}"#), "unknown type: [money]");
    assert_eq!(refusal("7"), "Expected a schema but found NUMBER");
    let deep = format!(
        "{}{{\"type\":\"string\"}}{}",
        "{\"type\":\"array\",\"items\":".repeat(300),
        "}".repeat(300)
    );
    assert_eq!(refusal(&deep), "The JSON Schema is nested too deeply");
}

#[test]
fn schemas_and_payloads_are_as_deep_as_they_may_be() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"type":"array","items":"#.repeat(depth), "}".repeat(depth));
        format!(r#"{open}{{"type":"integer"}}{close}"#)
    };
    let list = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let deepest = schema(&nested(199));
    let value = DEFAULTS.read(&deepest, &list(199).into()).unwrap();
    assert_eq!(json(&deepest, &value), list(199));
    assert_eq!(refusal(&nested(200)), "The JSON Schema is nested too deeply");
    assert_eq!(refusal(&nested(100_000)), "The JSON Schema is no JSON");
    assert!(DEFAULTS.read(&deepest, &list(100_000).into()).is_err());
    let choices = format!("{}{}", r#"{"oneOf":["#.repeat(400), "]}".repeat(400));
    assert!(DEFAULTS.connect_schema(&choices, &[], None).is_err());
}

#[test]
fn large_payloads_are_slices_and_numbers_without_a_value_are_texts() {
    let text = schema(r#"{"type":"string"}"#);
    let payload = ByteString::from(format!("\"{}\"", "x".repeat(100 << 20)));
    let value = DEFAULTS.read(&text, &payload).unwrap();
    let range = payload.as_bytes().as_ptr_range();
    assert!(range.contains(&value.as_str().unwrap().as_ptr()));
    let number = schema(r#"{"type":"number"}"#);
    assert_eq!(json(&number, &Value::Float64(f64::NAN)), "\"NaN\"");
    let infinite = DEFAULTS.read(&number, &"1e999".into()).unwrap();
    assert_eq!(infinite, Value::Float64(f64::INFINITY));
}

#[test]
fn decimals_of_any_length_are_read_or_refused_in_time() {
    let decimal = Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1);
    let decimal = Arc::new(decimal.parameter("scale", "0"));
    let read = |text: String| DEFAULTS.read(&decimal, &text.into());
    let long = read(format!("\"{}\"", "AAAA".repeat(1 << 18))).unwrap_err().to_string();
    assert!(long.starts_with("A decimal takes 786432 bytes"), "{long}");
    assert!(read("9".repeat(1 << 20)).is_err());
    let numeric = JsonSchemaOptions { is_decimal_numeric: true, ..DEFAULTS };
    let mut out = Vec::new();
    let value = read("1E+999999999".to_owned()).unwrap();
    numeric.write(&mut out, &decimal, &value).unwrap();
    assert_eq!(out, b"1E+999999999");
}

#[test]
fn any_schema_and_any_payload_are_borne() {
    let others = JsonSchemaOptions {
        is_sum_type_general: true,
        is_default_ignored: true,
        is_optional_unless_required: true,
        is_decimal_numeric: true,
        is_singleton_flattened: false,
        ..DEFAULTS
    };
    let options = [DEFAULTS, others];
    fuzz("json-schema", |input| {
        let mut choices = Choices::of(input);
        let options = &options[choices.below(options.len())];
        let (text, payload) = choices.parts();
        validation::Validation::new(&text, &[]).ok();
        let schema = match options.connect_schema(&text, &[], None) {
            Ok(schema) => schema,
            Err(error) => return few_words(&error),
        };
        let payload = String::from_utf8_lossy(payload).into_owned();
        let value = match options.read(&schema, &payload.into()) {
            Ok(value) => value,
            Err(error) => return few_words(&error),
        };
        let data = SchemaAndValue::new(schema, value);
        assert!(proper(&data), "{data:?}");
        let (mut out, schema) = (Vec::new(), data.schema.as_ref().unwrap());
        if options.write(&mut out, schema, &data.value).unwrap_or(false)
            && let Ok(own) = options.schema_text(schema)
            && let Ok(own) = options.connect_schema(&own, &[], None)
        {
            let written = String::from_utf8(out).unwrap();
            let again = options.read(&own, &written.clone().into());
            assert!(again.is_ok(), "{text} was written as {written}: {again:?}");
        }
        kind_of(&data)
    });
}

fn primitive() -> impl Strategy<Value = (Schema, Value)> {
    prop_oneof![
        any::<i8>().prop_map(|n| (Schema::new(Type::Int8), Value::Int8(n))),
        any::<i32>().prop_map(|n| (Schema::new(Type::Int32), Value::Int32(n))),
        any::<i64>().prop_map(|n| (Schema::new(Type::Int64), Value::Int64(n))),
        any::<i32>()
            .prop_map(|n| { (Schema::new(Type::Float64), Value::Float64(f64::from(n) / 8.0)) }),
        any::<bool>().prop_map(|flag| (Schema::new(Type::Boolean), Value::Boolean(flag))),
        ".*".prop_map(|text: String| (Schema::new(Type::String), Value::string(text))),
        proptest::collection::vec(any::<u8>(), 0..9)
            .prop_map(|bytes| (Schema::new(Type::Bytes), Value::Bytes(bytes.into()))),
        any::<i32>().prop_map(|n| {
            (Schema::new(Type::Int32).named(logical::DATE).versioned(1), Value::Date(n))
        }),
    ]
}

fn record() -> impl Strategy<Value = (Schema, Value)> {
    primitive().prop_recursive(4, 40, 6, |inner| {
        let field = (inner, any::<bool>(), any::<bool>());
        proptest::collection::vec(field, 1..6).prop_map(|fields| {
            let mut schema = Schema::new(Type::Struct).named("R");
            let mut values = Vec::new();
            for (place, ((field, value), is_optional, is_null)) in fields.into_iter().enumerate() {
                let field = if is_optional { field.optional() } else { field };
                let field = Arc::new(field);
                let value = match value {
                    _ if is_optional && is_null => Value::Null,
                    Value::Struct(record) => {
                        Value::Struct(Struct::new(Arc::clone(&field), record.into_parts().1))
                    }
                    other => other,
                };
                schema = schema.field(format!("f{place}"), field);
                values.push(value);
            }
            (schema.clone(), Value::Struct(Struct::new(Arc::new(schema), values)))
        })
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back((written, value) in record()) {
        let text = text(&written);
        let read = schema(&text);
        prop_assert_eq!(&*read, &written);
        let payload = json(&Arc::new(written), &value);
        prop_assert_eq!(DEFAULTS.read(&read, &payload.into()).unwrap(), value);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", payload in ".*") {
        if let Ok(schema) = DEFAULTS.connect_schema(&text, &[], None) {
            DEFAULTS.read(&schema, &payload.into()).ok();
        }
    }

    #[test]
    fn no_keywords_make_it_panic(text in json_schema(), payload in json_schema()) {
        if let Ok(schema) = DEFAULTS.connect_schema(&text, &[], None) {
            DEFAULTS.read(&schema, &payload.into()).ok();
            DEFAULTS.schema_text(&schema).unwrap();
        }
    }
}

/// Objects of keywords with values that are now and then the right ones.
fn json_schema() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("type"),
        Just("properties"),
        Just("items"),
        Just("oneOf"),
        Just("allOf"),
        Just("$ref"),
        Just("enum"),
        Just("const"),
        Just("default"),
        Just("connect.type"),
        Just("connect.index"),
        Just("additionalProperties"),
        Just("required"),
        Just("a"),
    ];
    let leaf = prop_oneof![
        Just("\"object\"".to_owned()),
        Just("\"array\"".to_owned()),
        Just("\"string\"".to_owned()),
        Just("\"map\"".to_owned()),
        Just("\"#\"".to_owned()),
        Just("\"#/items\"".to_owned()),
        Just("\"number\"".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1".to_owned()),
        Just("{\"type\":\"integer\"}".to_owned()),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        let member = (word.clone(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            3 => proptest::collection::vec(member, 0..5)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}
