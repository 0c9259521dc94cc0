//! The cases of `CastTest.java`, and the laws behind them.

use connect_api::{
    schema::logical,
    value::Map,
    value_text::{MS_PER_DAY, parse_decimal},
};
use proptest::prelude::*;

use super::*;

fn transform(spec: &str) -> Result<Cast> {
    Cast::configured(&Props::from([("spec", spec)]), Side::Value)
}

fn whole(spec: &str, value: Value) -> Result<Value> {
    transform(spec)?.changed(SchemaAndValue::schemaless(value)).map(|data| data.value)
}

fn decimal(text: &str) -> Value {
    Value::Decimal(parse_decimal(text).unwrap())
}

#[test]
fn a_spec_that_cannot_be_read_is_refused_in_the_original_words() {
    let only_one = "Cast transformations that specify a type to cast the entire value to may only \
                    specify a single cast in their spec";
    for (spec, expected) in [
        ("", "Must specify at least one field to cast."),
        ("foo:faketype", "Invalid type found in casting spec: faketype"),
        ("faketype", "Invalid type found in casting spec: faketype"),
        ("foo:", "Invalid type found in casting spec: foo"),
        ("int8,int32", only_one),
        ("foo:int8,int32", only_one),
        (
            "foo:int8:x",
            "Invalid value [foo:int8:x] for configuration renames: Invalid rename mapping: \
             foo:int8:x",
        ),
        (
            "foo:array",
            "Cast transformation does not support casting to ARRAY; supported types are [INT8, \
             INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]",
        ),
    ] {
        assert_eq!(transform(spec).unwrap_err().to_string(), expected, "{spec}");
    }
    let fields = vec![("b".to_owned(), Type::Int16), ("a".to_owned(), Type::String)];
    assert_eq!(transform("a:int8,b: INT16 ,a:string").unwrap().spec, Spec::Fields(fields));
}

#[test]
fn numbers_booleans_and_texts_become_one_another() {
    for (value, spec, expected) in [
        (Value::Int32(300), "int8", Value::Int8(44)),
        (Value::Float64(1e10), "int16", Value::Int16(-1)),
        (Value::Float64(-1.9), "int32", Value::Int32(-1)),
        (Value::Float32(f32::NAN), "int64", Value::Int64(0)),
        (Value::Int64(42), "float32", Value::Float32(42.0)),
        (Value::Float64(0.9), "boolean", Value::Boolean(false)),
        (Value::Int8(-1), "boolean", Value::Boolean(true)),
        (Value::Boolean(true), "float64", Value::Float64(1.0)),
        (Value::Boolean(true), "boolean", Value::Boolean(true)),
        (Value::Boolean(false), "string", "false".into()),
        (Value::Float64(42.0), "string", "42.0".into()),
        ("+42".into(), "int8", Value::Int8(42)),
        ("42.5f".into(), "float64", Value::Float64(42.5)),
        ("TRUE".into(), "boolean", Value::Boolean(true)),
        ("42".into(), "boolean", Value::Boolean(false)),
        (Value::Bytes("\u{1}x".into()), "string", "AXg=".into()),
        (Value::Null, "int8", Value::Null),
    ] {
        assert_eq!(whole(spec, value.clone()).unwrap(), expected, "{value:?} to {spec}");
    }
}

#[test]
fn what_has_no_such_form_is_refused_in_the_original_words() {
    let unsupported = "supported types are [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, \
                       STRING, BYTES]";
    for (value, spec, expected) in [
        ("300".into(), "int8", "Value (300) was out of range for requested data type".to_owned()),
        ("1.5".into(), "int32", "Value (1.5) was out of range for requested data type".to_owned()),
        (
            Value::Bytes("x".into()),
            "int8",
            "Unexpected type in Cast transformation: class [B".to_owned(),
        ),
        (
            Value::Array(Vec::new()),
            "string",
            format!("Cast transformation does not support casting from ARRAY; {unsupported}"),
        ),
        (
            Value::Date(1),
            "int32",
            "Cast transformation was passed a value of type class java.util.Date which is not \
             supported by Connect's data API"
                .to_owned(),
        ),
        (
            "x".into(),
            "a:int8",
            "Only Map objects supported in absence of schema for [cast types], found: \
             java.lang.String"
                .to_owned(),
        ),
    ] {
        assert_eq!(whole(spec, value).unwrap_err().to_string(), expected);
    }
}

#[test]
fn logical_values_become_numbers_and_texts() {
    let named = |kind, name: &str| Arc::new(Schema::new(kind).named(name).versioned(1));
    for (kind, name, value, spec, expected) in [
        (Type::Int32, logical::DATE, Value::Date(3), "int64", Value::Int64(3)),
        (Type::Int32, logical::TIME, Value::Time(5), "int8", Value::Int8(5)),
        (
            Type::Int64,
            logical::TIMESTAMP,
            Value::Timestamp(MS_PER_DAY),
            "string",
            "1970-01-02".into(),
        ),
        (Type::Int64, logical::TIMESTAMP, Value::Timestamp(1), "float64", Value::Float64(1.0)),
        (Type::Bytes, logical::DECIMAL, decimal("-1.50"), "string", "-1.50".into()),
        (Type::Bytes, logical::DECIMAL, decimal("-1.50"), "int32", Value::Int32(-1)),
        (Type::Bytes, logical::DECIMAL, decimal("-1.50"), "float32", Value::Float32(-1.5)),
        (Type::Bytes, logical::DECIMAL, decimal("-1.50"), "boolean", Value::Boolean(true)),
    ] {
        let data = SchemaAndValue::new(named(kind, name), value);
        let outcome = transform(spec).unwrap().changed(data).unwrap();
        assert_eq!(outcome.value, expected);
        assert_eq!(outcome.schema.unwrap().name(), Some(name), "a whole value keeps it");
    }
}

#[test]
fn fields_change_their_schema_and_default_and_the_others_stay() {
    let number = Schema::new(Type::Int64).optional().with_default(Value::Int64(300));
    let date = Schema::new(Type::Int32).named(logical::DATE);
    let schema = Schema::new(Type::Struct)
        .named("S")
        .optional()
        .field("n", number)
        .field("d", date)
        .field("s", Schema::string());
    let schema = Arc::new(schema);
    let values = vec![Value::Null, Value::Date(7), "x".into()];
    let record = Struct::new(Arc::clone(&schema), values);
    let data = SchemaAndValue::new(schema, Value::Struct(record));
    let outcome = transform("n:int8,d:string").unwrap().changed(data).unwrap();
    let schema = outcome.schema.unwrap();
    assert_eq!((schema.name(), schema.is_optional()), (Some("S"), true));
    let [n, d, s] = schema.fields() else { panic!("three fields are expected") };
    assert_eq!(*n.schema, Schema::new(Type::Int8).optional().with_default(Value::Int8(44)));
    assert_eq!((&*d.schema, &*s.schema), (&*Schema::string(), &*Schema::string()));
    let Value::Struct(record) = outcome.value else { panic!("a struct is expected") };
    assert_eq!(record.values(), [Value::Int8(44), "1970-01-08".into(), "x".into()]);
}

#[test]
fn a_struct_with_a_default_of_its_own_cannot_be_cast() {
    let inner = Arc::new(Schema::new(Type::Struct).field("a", Schema::new(Type::Int8)));
    let default = Value::Struct(Struct::new(Arc::clone(&inner), vec![Value::Int8(1)]));
    let data =
        SchemaAndValue::new(Arc::new(Schema::clone(&inner).with_default(default.clone())), default);
    let error = transform("a:string").unwrap().changed(data).unwrap_err();
    assert!(error.to_string().contains("does not support casting from STRUCT"), "{error}");
}

#[test]
fn listed_entries_of_a_map_are_cast_and_missing_ones_become_null() {
    let map = Map::new(vec![("a".into(), "1".into()), ("b".into(), "2".into())]);
    let outcome = whole("a:int8,c:int8", Value::Map(map)).unwrap();
    let expected = Map::new(vec![
        ("a".into(), Value::Int8(1)),
        ("b".into(), "2".into()),
        ("c".into(), Value::Null),
    ]);
    assert_eq!(outcome, Value::Map(expected));
}

fn number() -> impl Strategy<Value = (Value, &'static str)> {
    prop_oneof![
        any::<i8>().prop_map(|number| (Value::Int8(number), "int8")),
        any::<i16>().prop_map(|number| (Value::Int16(number), "int16")),
        any::<i32>().prop_map(|number| (Value::Int32(number), "int32")),
        any::<i64>().prop_map(|number| (Value::Int64(number), "int64")),
        prop::num::f32::NORMAL.prop_map(|number| (Value::Float32(number), "float32")),
        prop::num::f64::NORMAL.prop_map(|number| (Value::Float64(number), "float64")),
        any::<bool>().prop_map(|flag| (Value::Boolean(flag), "boolean")),
    ]
}

proptest! {
    #[test]
    fn what_was_cast_to_text_is_cast_back_as_it_was((value, kind) in number()) {
        let text = whole("string", value.clone()).unwrap();
        prop_assert_eq!(whole(kind, text).unwrap(), value);
    }

    #[test]
    fn the_outcome_has_the_type_that_was_asked_for(
        (value, _) in number(),
        target in prop::sample::select(&["int8", "int16", "int32", "int64", "float32", "float64",
                                         "boolean", "string"]),
    ) {
        let schema = Arc::new(Schema::new(value.kind().unwrap()));
        let outcome = transform(target).unwrap().changed(SchemaAndValue::new(schema, value)).unwrap();
        let kind = outcome.schema.unwrap().kind();
        prop_assert_eq!(outcome.value.kind(), Some(kind));
        prop_assert!(kind.name().eq_ignore_ascii_case(target));
    }
}
