//! The worker's own converters.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::Converter,
    record::{RawHeader, SchemaAndValue},
};
use connect_testkit::{
    fuzz::{Choices, few_words, fuzz},
    shape::{kind_of, proper},
};
use millrace::convert::ConverterRegistry;

fn converter(class: &str, props: &[(&str, &str)]) -> Arc<dyn Converter> {
    let props: Props = props.iter().copied().collect();
    ConverterRegistry::own().converter(class, &props, false).unwrap()
}

/// Reads, writes what was read, and reads that again: what was written can be read.
fn there_and_back(converter: &dyn Converter, bytes: Bytes) -> String {
    let headers: [RawHeader; 1] = [("h".into(), Some(bytes.clone()))];
    let read = match converter.to_connect("topic", &headers, Some(&bytes)) {
        Ok(read) => read,
        Err(error) => return few_words(&error),
    };
    let told = kind_of(&read);
    assert!(proper(&read), "{read:?}");
    let mut buffer = BytesMut::new();
    match converter.from_connect("topic", &read, &mut buffer) {
        Ok(None) => told,
        Ok(Some(written)) => {
            let again = converter.to_connect("topic", &[], Some(&written));
            assert!(again.is_ok(), "{read:?} was written as {written:?}: {again:?}");
            told
        }
        Err(error) => format!("{told} {}", few_words(&error)),
    }
}

#[test]
fn json_bears_any_bytes() {
    let variants = [
        &[("schemas.enable", "false")][..],
        &[("schemas.enable", "true")],
        &[("schemas.enable", "true"), ("replace.null.with.default", "false")],
        &[("schemas.enable", "true"), ("decimal.format", "NUMERIC")],
    ];
    let converters = variants.map(|props| converter("JsonConverter", props));
    fuzz("json", |input| {
        let mut choices = Choices::of(input);
        let converter = &converters[choices.below(converters.len())];
        there_and_back(&**converter, Bytes::copy_from_slice(choices.rest()))
    });
}

#[test]
fn a_schema_for_every_message_may_be_any_text() {
    fuzz("json-schema-content", |input| {
        let content = String::from_utf8_lossy(input);
        let props = [("schemas.enable", "true"), ("schema.content", &*content)].into();
        match ConverterRegistry::own().converter("JsonConverter", &props, false) {
            // What is written has its schema beside it, and only sources write.
            Ok(converter) => {
                let payload = Bytes::from_static(br#"{"a":[1,null]}"#);
                match converter.to_connect("topic", &[], Some(&payload)) {
                    Ok(read) => kind_of(&read),
                    Err(error) => few_words(&error),
                }
            }
            Err(error) => few_words(&error),
        }
    });
}

#[test]
fn plain_converters_bear_any_bytes() {
    let converters = [
        converter("StringConverter", &[]),
        converter("StringConverter", &[("converter.encoding", "US-ASCII")]),
        converter("StringConverter", &[("converter.encoding", "ISO-8859-1")]),
        converter("ByteArrayConverter", &[]),
        converter("BooleanConverter", &[]),
        converter("ShortConverter", &[]),
        converter("IntegerConverter", &[]),
        converter("LongConverter", &[]),
        converter("FloatConverter", &[]),
        converter("DoubleConverter", &[]),
    ];
    fuzz("plain", |input| {
        let mut choices = Choices::of(input);
        let converter = &converters[choices.below(converters.len())];
        there_and_back(&**converter, Bytes::copy_from_slice(choices.rest()))
    });
}

#[test]
fn headers_may_be_any_text() {
    let converter = ConverterRegistry::own().header_converter("Simple", &Props::new()).unwrap();
    fuzz("simple-header", |input| {
        let bytes = Bytes::copy_from_slice(input);
        let read = converter.to_connect_header("topic", "h", Some(&bytes)).unwrap();
        let mut buffer = BytesMut::new();
        let written = converter.from_connect_header("topic", "h", &read, &mut buffer).unwrap();
        if read != SchemaAndValue::NULL {
            converter.to_connect_header("topic", "h", written.as_ref()).unwrap();
        }
        kind_of(&read)
    });
}
