//! The text of values.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    schema::{Schema, Type, logical},
    value::{Decimal, Map, Struct},
};

use super::*;

fn json(value: Value, decimals: DecimalFormat) -> String {
    let mut out = Vec::new();
    Format::Json(decimals).write(&mut out, &value, None).unwrap();
    String::from_utf8(out).unwrap()
}

fn decimal(unscaled: &[u8], scale: i32) -> Value {
    Value::Decimal(Decimal { unscaled: Bytes::copy_from_slice(unscaled), scale })
}

fn order() -> Value {
    let schema = Schema::new(Type::Struct)
        .field("id", Schema::new(Type::Int32))
        .field("name", Schema::optional_string())
        .field("amt", Schema::new(Type::Bytes).named(logical::DECIMAL).parameter("scale", "2"));
    let values = vec![Value::Int32(1), Value::Null, decimal(&[0x04, 0xe2], 2)];
    Value::Struct(Struct::new(Arc::new(schema), values))
}

#[test]
fn structs_are_objects_in_the_order_of_their_schema() {
    assert_eq!(json(order(), DecimalFormat::Base64), "{\"id\":1,\"name\":null,\"amt\":\"BOI=\"}\n");
    assert_eq!(json(order(), DecimalFormat::Numeric), "{\"id\":1,\"name\":null,\"amt\":12.50}\n");
}

#[test]
fn every_kind_of_value_has_its_text() {
    let keys_are_numbers = Map::new(vec![(Value::Int32(1), Value::Boolean(true))]);
    let object = Map::new(vec![("b".into(), Value::Int64(-5)), ("a".into(), Value::Null)]);
    for (value, text) in [
        (Value::string("line"), "\"line\""),
        (
            Value::string("a\"b\\c\n\r\t\u{8}\u{c}\u{1}/é\u{7f}"),
            "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001/é\u{7f}\"",
        ),
        (Value::Int8(-1), "-1"),
        (Value::Int64(i64::MIN), "-9223372036854775808"),
        (Value::Int64(1_234_567), "1234567"),
        (Value::Int32(0), "0"),
        (Value::Int32(100), "100"),
        (Value::Float64(1.0), "1.0"),
        (Value::Float64(1e7), "1.0E7"),
        (Value::Float64(0.0001), "1.0E-4"),
        (Value::Float32(0.1), "0.1"),
        (Value::Float64(f64::NAN), "\"NaN\""),
        (Value::Float64(f64::NEG_INFINITY), "\"-Infinity\""),
        (Value::Boolean(false), "false"),
        (Value::Bytes(Bytes::from_static(&[0xfb, 0xff])), "\"+/8=\""),
        (Value::Date(19_000), "19000"),
        (Value::Time(5), "5"),
        (Value::Timestamp(1_700_000_000_000), "1700000000000"),
        (Value::Array(vec![Value::Int8(1), Value::Null]), "[1,null]"),
        (Value::Map(object), "{\"b\":-5,\"a\":null}"),
        (Value::Map(keys_are_numbers), "[[1,true]]"),
        (Value::Map(Map::default()), "{}"),
    ] {
        assert_eq!(json(value, DecimalFormat::Base64), format!("{text}\n"));
    }
}

#[test]
fn decimals_print_as_java_prints_them() {
    for (unscaled, scale, text) in [
        (&[0x00][..], 0, "0"),
        (&[0x00], 2, "0.00"),
        (&[0x00], 9, "0E-9"),
        (&[0x04, 0xe2], 0, "1250"),
        (&[0x04, 0xe2], 6, "0.001250"),
        (&[0x01], 7, "1E-7"),
        (&[0x7b], -3, "1.23E+5"),
        (&[0xff], 0, "-1"),
        (&[0x80], 1, "-12.8"),
        (&[0x80, 0, 0, 0, 0, 0, 0, 0, 0], 0, "-2361183241434822606848"),
        (&[0x01, 0, 0, 0, 0, 0, 0, 0, 0], 0, "18446744073709551616"),
    ] {
        assert_eq!(json(decimal(unscaled, scale), DecimalFormat::Numeric), format!("{text}\n"));
    }
}

#[test]
fn a_missing_field_takes_its_default() {
    let field = Schema::new(Type::Int32).optional().with_default(Value::Int32(7));
    let schema = Arc::new(Schema::new(Type::Struct).field("n", field));
    let value = Value::Struct(Struct::new(schema, vec![]));
    assert_eq!(json(value, DecimalFormat::Base64), "{\"n\":7}\n");
}

#[test]
fn bytes_are_followed_by_the_separator_and_nothing_else_is_bytes() {
    let format = Format::Bytes(b"\\n".to_vec());
    let mut out = Vec::new();
    for text in ["a", "", "b"] {
        let value = Value::Bytes(Bytes::from(text));
        format.write(&mut out, &value, None).unwrap();
    }
    assert_eq!(out, b"a\\n\\nb\\n");
    let error = format.write(&mut out, &"x".into(), None).unwrap_err();
    assert!(error.to_string().contains("ByteArrayConverter"), "{error}");
}

proptest::proptest! {
    #[test]
    fn integers_print_as_they_are(number in proptest::prelude::any::<i64>()) {
        proptest::prop_assert_eq!(
            json(Value::Int64(number), DecimalFormat::Base64),
            format!("{number}\n")
        );
    }

    #[test]
    fn any_text_reads_back_as_itself(text in ".*") {
        let read: String =
            serde_json::from_str(&json(Value::string(text.clone()), DecimalFormat::Base64)).unwrap();
        proptest::prop_assert_eq!(read, text);
    }

    #[test]
    fn decimals_have_the_digits_of_their_number(number in proptest::prelude::any::<i128>()) {
        proptest::prop_assert_eq!(
            json(decimal(&number.to_be_bytes(), 0), DecimalFormat::Numeric),
            format!("{number}\n")
        );
    }
}

#[test]
fn text_is_a_line_per_value_that_has_one() {
    let text = |value: Value| {
        let mut out = Vec::new();
        let written = Format::Text.write(&mut out, &value, None);
        written.map(|()| String::from_utf8(out).unwrap())
    };
    for (value, line) in [
        (Value::string("a \"b\" \u{e9}"), "a \"b\" \u{e9}\n"),
        (Value::Int32(-5), "-5\n"),
        (Value::Float64(1e7), "1.0E7\n"),
        (Value::Boolean(true), "true\n"),
    ] {
        assert_eq!(text(value).unwrap(), line);
    }
    for (value, kind) in [(order(), "STRUCT"), (Value::Bytes(Bytes::new()), "BYTES")] {
        let refused = text(value).unwrap_err().to_string();
        assert!(refused.contains(kind) && refused.contains("StringConverter"), "{refused}");
    }
}
