//! The worker's own converters.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::{Converter, HeaderConverter},
    error::ErrorClass,
    record::SchemaAndValue,
    schema::{Schema, Type, logical},
    value::{Decimal, Value},
};
use millrace::convert::ConverterRegistry;

use super::soon;

/// Bytes of a large value.
const LARGE: usize = 100 << 20;
/// Members of a wide object.
const WIDE: usize = 100_000;
/// Deepest nesting that is read.
const DEEP: usize = 1000;

fn converter(class: &str, props: &[(&str, &str)]) -> Arc<dyn Converter> {
    let props: Props = props.iter().copied().collect();
    ConverterRegistry::own().converter(class, &props, false).unwrap()
}

fn plain_json() -> Arc<dyn Converter> {
    converter("JsonConverter", &[("schemas.enable", "false")])
}

fn typed_json() -> Arc<dyn Converter> {
    converter("JsonConverter", &[("decimal.format", "NUMERIC")])
}

fn simple_header() -> Arc<dyn HeaderConverter> {
    ConverterRegistry::own().header_converter("SimpleHeaderConverter", &Props::new()).unwrap()
}

fn read(converter: &dyn Converter, bytes: impl Into<Bytes>) -> SchemaAndValue {
    converter.to_connect("topic", &[], Some(&bytes.into())).unwrap()
}

/// The error about a record, in words.
fn refusal(converter: &dyn Converter, bytes: impl Into<Bytes>) -> String {
    let error = converter.to_connect("topic", &[], Some(&bytes.into())).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Record);
    connect_api::error::chain(&error)
}

fn written(converter: &dyn Converter, data: &SchemaAndValue) -> Bytes {
    converter.from_connect("topic", data, &mut BytesMut::new()).unwrap().unwrap()
}

fn header(text: impl Into<Bytes>) -> SchemaAndValue {
    simple_header().to_connect_header("topic", "name", Some(&text.into())).unwrap()
}

/// A message with a schema beside its payload.
fn message(schema: &str, payload: &str) -> String {
    format!(r#"{{"schema":{schema},"payload":{payload}}}"#)
}

fn nested(depth: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn a_hundred_megabytes_are_not_copied() {
    let mut text = vec![b'x'; LARGE];
    (text[0], text[LARGE - 1]) = (b'"', b'"');
    let text = Bytes::from(text);
    let range = text.as_ptr_range();
    let is_within = |part: &[u8]| range.contains(&part.as_ptr());
    for class in ["StringConverter", "ByteArrayConverter"] {
        let converter = converter(class, &[]);
        let data = read(&*converter, text.clone());
        assert!(is_within(&written(&*converter, &data)), "{class} copies");
    }
    let json = plain_json();
    let data = read(&*json, text.clone());
    assert!(is_within(data.value.as_str().unwrap().as_bytes()), "the JSON converter copies");
    assert_eq!(written(&*json, &data).len(), LARGE);
    let number = refusal(&*converter("LongConverter", &[]), text);
    assert!(number.contains(&LARGE.to_string()), "{number}");
}

#[test]
fn json_is_read_written_cloned_and_dropped_as_deep_as_it_may_be() {
    let json = plain_json();
    for text in [nested(DEEP, "[", "1", "]"), nested(DEEP, r#"{"a":"#, "1", "}")] {
        let data = read(&*json, text.clone());
        assert_eq!(written(&*json, &data), text);
        assert_eq!(data.clone(), data);
        let mut java = String::new();
        connect_api::value_text::write_java_text(&mut java, &data.value);
        assert!(java.len() >= 2 * DEEP);
    }
    // The schema's text is one step deep in the message.
    let depth = DEEP - 2;
    let schema = nested(depth, r#"{"type":"array","items":"#, r#"{"type":"int32"}"#, "}");
    let data = read(&*typed_json(), message(&schema, &nested(depth, "[", "1", "]")));
    assert_eq!(data.clone(), data);
    let again = read(&*typed_json(), written(&*typed_json(), &data));
    assert_eq!(again, data);
}

#[test]
fn what_is_deeper_is_refused() {
    for depth in [DEEP + 1, 1_000_000] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let text = nested(depth, open, "1", close);
            let typed = message(r#"{"type":"string"}"#, &text);
            for (json, text) in [(plain_json(), &text), (typed_json(), &typed)] {
                let refused = soon(|| refusal(&*json, text.clone()));
                assert!(refused.contains("Too deeply nested"), "{refused}");
            }
            assert_eq!(soon(|| header(text.clone())).value, text.as_str().into());
        }
    }
}

#[test]
fn wide_objects_take_no_more_than_their_share() {
    let members = |name: &dyn Fn(usize) -> String| {
        let members: Vec<_> = (0..WIDE).map(|n| format!("\"{}\":{n}", name(n))).collect();
        format!("{{{}}}", members.join(","))
    };
    let json = plain_json();
    for (text, count) in [
        (members(&|n| n.to_string()), WIDE),
        (members(&|_| "same".to_owned()), 1),
        (members(&|n| (n % 50).to_string()), 50),
    ] {
        let Value::Map(map) = soon(|| read(&*json, text.clone())).value else { panic!("no map") };
        assert_eq!(map.entries().len(), count);
        let Value::Map(map) = soon(|| header(text)).value else { panic!("no map") };
        assert_eq!(map.entries().len(), count);
    }
    let schema = r#"{"type":"map","keys":{"type":"int32"},"values":{"type":"int32"}}"#;
    let entries: Vec<_> = (0..WIDE).map(|n| format!("[{},{n}]", n / 2)).collect();
    let text = message(schema, &format!("[{}]", entries.join(",")));
    let Value::Map(map) = soon(|| read(&*typed_json(), text)).value else { panic!("no map") };
    assert_eq!(map.entries().len(), WIDE / 2);
}

#[test]
fn what_is_no_text_is_told_or_replaced() {
    let bytes = Bytes::from_static(b"\"a\xff\xc3\"");
    for json in [plain_json(), typed_json()] {
        let refused = refusal(&*json, bytes.clone());
        assert!(refused.to_lowercase().contains("utf-8"), "{refused}");
    }
    let text = read(&*converter("StringConverter", &[]), bytes.clone());
    assert_eq!(text.value, "\"a\u{fffd}\u{fffd}\"".into());
    assert_eq!(header(bytes.clone()).value, "\"a\u{fffd}\u{fffd}\"".into());
    let raw = read(&*converter("ByteArrayConverter", &[]), bytes.clone());
    assert_eq!(raw.value, Value::Bytes(bytes));
    // Half of a pair, and a zero in a name.
    let odd = read(&*plain_json(), r#"{"\u0000":"\ud800"}"#);
    assert_eq!(odd.value.member("\0"), Some(&"\u{fffd}".into()));
}

#[test]
fn numbers_without_a_value_are_texts_in_json_and_stay_in_bytes() {
    let json = plain_json();
    for (number, text) in
        [(f64::NAN, "\"NaN\""), (f64::INFINITY, "\"Infinity\""), (-f64::INFINITY, "\"-Infinity\"")]
    {
        let data = SchemaAndValue::schemaless(Value::Float64(number));
        assert_eq!(written(&*json, &data), text);
        let double = converter("DoubleConverter", &[]);
        let Value::Float64(back) = read(&*double, written(&*double, &data)).value else {
            panic!("no number")
        };
        assert_eq!(back.to_bits(), number.to_bits());
    }
    assert!(refusal(&*json, "NaN").contains("Unexpected character"));
    assert_eq!(read(&*json, "1e999").value, Value::Float64(f64::INFINITY));
    assert_eq!(read(&*json, "-1e-999").value, Value::Float64(-0.0));
}

#[test]
fn decimals_are_never_spelt_out() {
    let name = logical::DECIMAL;
    let schema =
        format!(r#"{{"type":"bytes","name":"{name}","version":1,"parameters":{{"scale":"0"}}}}"#);
    let json = typed_json();
    for number in ["1E+999999999", "-1.5E-999999999"] {
        let data = read(&*json, message(&schema, number));
        let text = written(&*json, &data);
        assert!(text.ends_with(format!("\"payload\":{number}}}").as_bytes()), "{text:?}");
    }
    let digits = "9".repeat(1 << 20);
    assert!(soon(|| refusal(&*json, message(&schema, &digits))).contains("too many digits"));
    let base64 = format!("\"{}\"", "AAAA".repeat(1 << 18));
    let refused = soon(|| refusal(&*json, message(&schema, &base64)));
    assert!(refused.contains("A decimal takes 786432 bytes"), "{refused}");
    // A header of so many digits is text.
    assert_eq!(soon(|| header(digits.clone())).value, digits.as_str().into());
    assert!(matches!(header("1e-999999999").value, Value::Float32(0.0)));
    let huge = header("1e999999999");
    assert!(matches!(&huge.value, Value::Decimal(decimal) if decimal.scale == -999_999_999));
    let mut buffer = BytesMut::new();
    let text = simple_header().from_connect_header("topic", "name", &huge, &mut buffer).unwrap();
    assert_eq!(text.unwrap(), "1E+999999999");
}

#[test]
fn a_decimal_that_a_connector_makes_may_be_of_any_size() {
    let unscaled = Bytes::from(vec![1; 4096]);
    let value = Value::Decimal(Decimal { unscaled, scale: i32::MAX });
    let schema = Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1);
    let schema = Arc::new(schema.parameter("scale", i32::MAX.to_string()));
    let data = SchemaAndValue::new(schema, value);
    for converter in [typed_json(), converter("StringConverter", &[])] {
        assert!(soon(|| written(&*converter, &data)).len() < 12_000);
    }
}
