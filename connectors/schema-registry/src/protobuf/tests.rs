use std::sync::LazyLock;

use bytes::BufMut as _;
use connect_api::{
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

fn reader_of(options: &ProtobufOptions, text: &str) -> MessageReader {
    ProtobufFile::parse(text, &[]).unwrap().reader(options, &[0], None).unwrap()
}

fn writer_of(options: &ProtobufOptions, schema: &Schema) -> MessageWriter {
    MessageWriter::new(options, schema).unwrap()
}

fn refusal(schema: &Schema) -> String {
    MessageWriter::new(&ProtobufOptions::default(), schema).unwrap_err().to_string()
}

fn written(writer: &MessageWriter, value: &Value, schema: &Schema) -> Bytes {
    let mut out = BytesMut::new();
    writer.write(&mut out, schema, value).unwrap();
    out.freeze()
}

fn customer() -> Schema {
    let address =
        Schema::new(Type::Struct).named("com.acme.Address").field("street", Schema::string());
    Schema::new(Type::Struct)
        .named("com.acme.Customer")
        .field("id", Schema::new(Type::Int64))
        .field("age", Schema::new(Type::Int8))
        .field("names", Schema::array(Schema::new(Type::String)))
        .field("address", Arc::new(address))
        .field("tags", Schema::map(Schema::string(), Schema::new(Type::Int32)).named("tags"))
        .field(
            "price",
            Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1).parameter("scale", "2"),
        )
        .field("at", Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1))
}

#[test]
fn a_record_is_printed_as_the_original_prints_it() {
    assert_eq!(
        writer_of(&ProtobufOptions::default(), &customer()).text(),
        r#"syntax = "proto3";
package com.acme;

import "confluent/type/decimal.proto";
import "google/protobuf/timestamp.proto";

message Customer {
  int64 id = 1;
  int32 age = 2 [(confluent.field_meta) = {
    params: [
      {
        key: "connect.type",
        value: "int8"
      }
    ]
  }];
  repeated string names = 3;
  Address address = 4;
  repeated tagsEntry tags = 5;
  confluent.type.Decimal price = 6 [(confluent.field_meta) = {
    params: [
      {
        value: "2",
        key: "scale"
      }
    ]
  }];
  google.protobuf.Timestamp at = 7;

  message Address {
    string street = 1;
  }
  message tagsEntry {
    string key = 1;
    int32 value = 2;
  }
}
"#
    );
}

fn address_of(schema: &Schema) -> Value {
    let place = schema.field_index("address").unwrap();
    let address = Arc::clone(&schema.fields()[place].schema);
    Value::Struct(Struct::new(address, vec!["Main St".into()]))
}

#[test]
fn a_record_is_read_back_with_everything_but_requiredness() {
    let schema = Arc::new(customer());
    let values = vec![
        Value::Int64(7),
        Value::Int8(-3),
        Value::Array(vec!["a".into(), "b".into()]),
        address_of(&schema),
        Value::Map(Map::new(vec![("x".into(), Value::Int32(1)), ("y".into(), Value::Int32(0))])),
        Value::Decimal(Decimal { unscaled: vec![0x04, 0xd2].into(), scale: 2 }),
        Value::Timestamp(-1),
    ];
    let value = Value::Struct(Struct::new(Arc::clone(&schema), values.clone()));
    let writer = writer_of(&ProtobufOptions::default(), &schema);
    let bytes = written(&writer, &value, &schema);
    let reader = reader_of(&ProtobufOptions::default(), writer.text());
    let Value::Struct(read) = reader.read(bytes).unwrap() else { panic!("no struct") };
    assert_eq!(read.schema().name(), Some("Customer"));
    for (place, expected) in values.iter().enumerate() {
        match (expected, &read.values()[place]) {
            (Value::Struct(left), Value::Struct(right)) => {
                assert_eq!(left.values(), right.values());
            }
            (left, right) => assert_eq!(left, right),
        }
    }
    let price = &reader.schema().fields()[5].schema;
    assert_eq!(price.parameters().get("scale"), Some("2"));
    assert_eq!(reader.schema().fields()[0].schema.parameters().get(names::TAG), Some("1"));
}

/// By hand: `08 07`, zigzag and so on, as `protoc` would write them.
#[test]
fn bytes_are_those_of_protobuf() {
    let text = r#"syntax = "proto3";
        message M { int32 a = 1; sint32 b = 2; uint32 c = 3; fixed32 d = 4; repeated int32 e = 5;
                    string f = 6; uint64 g = 7; }"#;
    let reader = reader_of(&ProtobufOptions::default(), text);
    let bytes = [
        0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, // a = -1
        0x10, 0x03, // b = -2
        0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, // c = 4294967295
        0x25, 0x01, 0x00, 0x00, 0x80, // d = 2147483649
        0x2a, 0x02, 0x01, 0x02, 0x28, 0x03, // e = [1, 2] packed, then 3
        0x32, 0x02, 0x68, 0x69, // f = "hi"
        0x38, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, // g = 2^64 - 1
    ];
    let Value::Struct(read) = reader.read(Bytes::copy_from_slice(&bytes)).unwrap() else {
        panic!("no struct")
    };
    let expected = [
        Value::Int32(-1),
        Value::Int32(-2),
        Value::Int64(4_294_967_295),
        Value::Int64(2_147_483_649),
        Value::Array(vec![Value::Int32(1), Value::Int32(2), Value::Int32(3)]),
        "hi".into(),
        Value::Int64(-1),
    ];
    assert_eq!(read.values(), expected);
    let schema = Arc::clone(reader.schema());
    let writer = writer_of(&ProtobufOptions::default(), &schema);
    let again = written(&writer, &Value::Struct(read), &schema);
    // The list comes in one piece.
    assert_eq!(again[..24], bytes[..24]);
    assert_eq!(again[24..29], [0x2a, 0x03, 0x01, 0x02, 0x03]);
    assert_eq!(again[29..], bytes[30..]);
}

const CHOICE: &str = r#"syntax = "proto3";
    package p;
    message Event {
      oneof payload { string text = 3; Inner inner = 4; }
      Colour colour = 1;
      optional int32 count = 2;
      message Inner { int32 x = 1; }
      enum Colour { RED = 0; GREEN = 5; }
    }
    message Second { map<string, Event> events = 1; message Third { bool b = 1; } }"#;

#[test]
fn oneofs_are_structs_of_which_the_last_member_counts() {
    let reader = reader_of(&ProtobufOptions::default(), CHOICE);
    let names: Vec<_> = reader.schema().fields().iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["payload_0", "colour", "count"]);
    let read = |bytes: &'static [u8]| reader.read(Bytes::from_static(bytes)).unwrap();
    let value = read(&[0x1a, 0x01, b'a', 0x22, 0x02, 0x08, 0x07, 0x08, 0x05]);
    assert_eq!(value.path("payload_0.text"), Some(&Value::Null));
    assert_eq!(value.path("payload_0.inner.x"), Some(&Value::Int32(7)));
    assert_eq!(value.path("colour"), Some(&"GREEN".into()));
    assert_eq!(value.path("count"), Some(&Value::Null));
    assert_eq!(read(&[]).path("payload_0"), Some(&Value::Null));
    assert_eq!(read(&[]).path("colour"), Some(&"RED".into()));
    let unknown = read(&[0x08, 0x09]);
    assert_eq!(unknown.path("colour"), Some(&"UNKNOWN_ENUM_VALUE_Colour_9".into()));
    // A message in two parts has the fields of both.
    let parts = read(&[0x22, 0x02, 0x08, 0x07, 0x22, 0x00]);
    assert_eq!(parts.path("payload_0.inner.x"), Some(&Value::Int32(7)));
}

#[test]
fn what_protobuf_said_is_printed_again() {
    let options =
        ProtobufOptions { has_optional_for_nullables: true, ..ProtobufOptions::default() };
    let reader = reader_of(&options, CHOICE);
    let writer = writer_of(&options, reader.schema());
    assert_eq!(
        writer.text(),
        concat!(
            "syntax = \"proto3\";\n\nmessage Event {\n  optional Colour colour = 1;\n",
            "  optional int32 count = 2;\n\n  oneof payload {\n    string text = 3;\n",
            "    Inner inner = 4;\n  }\n\n  message Inner {\n    int32 x = 1;\n  }\n",
            "  enum Colour {\n    RED = 0;\n    GREEN = 5;\n  }\n}\n"
        )
    );
    let bytes = Bytes::from_static(&[0x08, 0x05, 0x10, 0x00, 0x22, 0x02, 0x08, 0x07]);
    let value = reader.read(bytes.clone()).unwrap();
    assert_eq!(written(&writer, &value, reader.schema()), bytes);
}

#[test]
fn messages_are_found_by_their_path() {
    let file = ProtobufFile::parse(CHOICE, &[]).unwrap();
    for (path, name) in [
        (vec![0], "p.Event"),
        (vec![0, 0], "p.Event.Inner"),
        (vec![1], "p.Second"),
        // The entries of a map<…> have no place.
        (vec![1, 0], "p.Second.Third"),
    ] {
        assert_eq!(file.message_name(&path).unwrap(), name);
        assert_eq!(file.indexes(name), path);
    }
    assert!(file.message_name(&[2]).is_err());
    assert!(file.message_name(&[1, 1]).is_err());
    assert_eq!(file.indexes("p.Gone"), [0]);
}

#[test]
fn maps_are_maps_however_they_are_written() {
    let written = r#"syntax = "proto3";
        message M { map<string, int32> tags = 1; }"#;
    let spelled = r#"syntax = "proto3";
        message M { repeated TagsEntry tags = 1;
                    message TagsEntry { string key = 1; int32 value = 2; } }"#;
    let marked = r#"syntax = "proto3";
        message M { repeated .M.TagsEntry tags = 1;
                    message TagsEntry { option map_entry = true; string key = 1; int32 value = 2; } }"#;
    let options = ProtobufOptions::default();
    let expected = reader_of(&options, written);
    for text in [spelled, marked] {
        assert_eq!(reader_of(&options, text).schema(), expected.schema());
    }
    assert_eq!(expected.schema().fields()[0].schema.name(), Some("tags"));
    // The last of two entries with one key counts, and what is left out is 0.
    let bytes = Bytes::from_static(&[
        0x0a, 0x05, 0x0a, 0x01, b'a', 0x10, 0x01, 0x0a, 0x03, 0x0a, 0x01, b'a',
    ]);
    let value = expected.read(bytes).unwrap();
    assert_eq!(value.path("tags.a"), Some(&Value::Int32(0)));
    // A marked entry has a place among the messages, an unwritten one has none.
    let place = |text| ProtobufFile::parse(text, &[]).unwrap().message_name(&[0, 0]).is_ok();
    assert_eq!([place(written), place(spelled), place(marked)], [false, true, true]);
}

#[test]
fn values_that_are_no_structs_are_wrappers() {
    let options = ProtobufOptions::default();
    let schema = Schema::new(Type::String);
    let writer = writer_of(&options, &schema);
    assert_eq!((writer.name(), writer.indexes()), ("google.protobuf.StringValue", &[7][..]));
    let bytes = written(&writer, &"hi".into(), &schema);
    assert_eq!(&*bytes, [0x0a, 0x02, b'h', b'i']);
    let file = ProtobufFile::parse(writer.text(), &[]).unwrap();
    let reader = file.reader(&options, &[7], None).unwrap();
    assert_eq!(reader.schema().kind(), Type::String);
    assert_eq!(reader.read(bytes).unwrap(), "hi".into());
    assert_eq!(reader.read(Bytes::new()).unwrap(), "".into());
}

#[test]
fn nullable_fields_may_be_wrappers() {
    let options = ProtobufOptions { has_wrapper_for_nullables: true, ..ProtobufOptions::default() };
    let schema = Schema::new(Type::Struct).named("M").field("a", Schema::optional_string());
    let writer = writer_of(&options, &schema);
    assert!(writer.text().contains("import \"google/protobuf/wrappers.proto\";"));
    assert!(writer.text().contains("  google.protobuf.StringValue a = 1;\n"));
    let reader = reader_of(&options, writer.text());
    assert!(reader.schema().fields()[0].schema.is_optional());
    for (value, bytes) in [(Value::Null, &[][..]), ("".into(), &[0x0a, 0x00])] {
        let record = Value::Struct(Struct::new(Arc::new(schema.clone()), vec![value.clone()]));
        let wire = written(&writer, &record, &schema);
        assert_eq!(&*wire, bytes);
        assert_eq!(reader.read(wire).unwrap().path("a"), Some(&value));
    }
}

#[test]
fn what_protobuf_cannot_say_is_refused() {
    let field = |schema: Schema| Schema::new(Type::Struct).named("M").field("a", schema);
    let nested = Schema::array(Schema::array(Schema::new(Type::Int32)));
    assert!(refusal(&field(nested)).starts_with("Array cannot be nested"));
    assert!(refusal(&Schema::array(Schema::new(Type::Int32))).starts_with("Unsupported root"));
    let dashed = Schema::new(Type::Struct).named("M").field("a-b", Schema::string());
    let refused = refusal(&dashed);
    assert!(refused.contains("scrub.invalid.names=true"), "{refused}");
    let scrubs = ProtobufOptions { is_name_scrubbed: true, ..ProtobufOptions::default() };
    assert!(writer_of(&scrubs, &dashed).text().contains("string a_b = 1;"));
    let deep = (0..80).fold(Schema::new(Type::Int32), |inner, _| field(inner));
    assert!(refusal(&deep).starts_with("The schema is nested too deeply"));
}

#[test]
fn messages_that_hold_themselves_are_refused() {
    let text = "syntax = \"proto3\"; message Node { Node next = 1; }";
    let file = ProtobufFile::parse(text, &[]).unwrap();
    let error = file.reader(&ProtobufOptions::default(), &[0], None).unwrap_err();
    assert!(error.to_string().starts_with("The Protobuf message Node holds itself"), "{error}");
}

#[test]
fn messages_of_messages_do_not_multiply() {
    let mut text = String::from("syntax = \"proto3\";");
    for level in 0..40 {
        let next = level + 1;
        text.push_str(&format!("message M{level} {{ M{next} l = 1; M{next} r = 2; }}"));
    }
    text.push_str("message M40 { int32 x = 1; }");
    let file = ProtobufFile::parse(&text, &[]).unwrap();
    let error = file.reader(&ProtobufOptions::default(), &[0], None).unwrap_err();
    assert_eq!(error.to_string(), "The Protobuf schema has more than 50000 fields");
}

#[test]
fn imports_come_from_the_references() {
    let text = "syntax = \"proto3\"; import \"other.proto\"; message M { other.O o = 1; }";
    let other = "syntax = \"proto3\"; package other; message O { int32 x = 1; }";
    let referred = [("other.proto".to_owned(), Arc::from(other))];
    let file = ProtobufFile::parse(text, &referred).unwrap();
    assert!(file.reader(&ProtobufOptions::default(), &[0], Some(2)).is_ok());
    let missing = ProtobufFile::parse(text, &[]).unwrap_err().to_string();
    assert!(missing.starts_with("The Protobuf schema imports \"other.proto\""), "{missing}");
    let circle = "syntax = \"proto3\"; import \"other.proto\"; message O {}";
    let referred = [("other.proto".to_owned(), Arc::from(circle))];
    let error = ProtobufFile::parse(text, &referred).unwrap_err().to_string();
    assert!(error.ends_with("in a circle"), "{error}");
}

#[test]
fn descriptors_in_base64_are_schemas_too() {
    use base64::Engine as _;
    use prost::Message as _;
    let proto = protox_parse::parse("user.proto", CHOICE).unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(proto.encode_to_vec());
    let file = ProtobufFile::parse(&text, &[]).unwrap();
    // Here the entries of a map have a place, as Python counts them.
    assert_eq!(file.message_name(&[1, 0]).unwrap(), "p.Second.EventsEntry");
    assert_eq!(file.message_name(&[1, 1]).unwrap(), "p.Second.Third");
}

#[test]
fn broken_schemas_are_refused() {
    let refused = |text: &str| ProtobufFile::parse(text, &[]).unwrap_err().to_string();
    assert_eq!(refused("message {"), "Could not parse the Protobuf schema");
    assert_eq!(
        refused("syntax = \"proto3\"; message M { Gone g = 1; }"),
        "The Protobuf schema is not valid"
    );
    assert_eq!(refused(&"message M {".repeat(10_000)), "The Protobuf schema is nested too deeply");
}

const EVERYTHING: &str = r#"syntax = "proto3";
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    import "google/type/date.proto";
    import "google/type/timeofday.proto";
    import "confluent/type/decimal.proto";
    message All {
      int32 a = 1; sint64 b = 2; fixed64 c = 3; float d = 4; double e = 5; bool f = 6;
      string g = 7; bytes h = 8; repeated uint32 i = 9; repeated string j = 10;
      map<int32, Inner> k = 11; Inner l = 12; google.protobuf.Timestamp m = 13;
      google.type.Date n = 14; google.type.TimeOfDay o = 15; confluent.type.Decimal p = 16;
      google.protobuf.Int64Value q = 17; E r = 18;
      oneof s { int32 t = 19; Inner u = 20; }
      message Inner { int32 x = 1; repeated Leaf y = 2; }
      message Leaf { string z = 1; }
      enum E { ZERO = 0; ONE = 1; }
    }"#;

/// Readers of everything, with options that read most differently.
static EVERY_WAY: LazyLock<[MessageReader; 2]> = LazyLock::new(|| {
    let other = ProtobufOptions {
        has_wrapper_for_nullables: true,
        is_struct_made_for_nulls: true,
        is_union_flattened: true,
        ..ProtobufOptions::default()
    };
    [ProtobufOptions::default(), other].map(|options| reader_of(&options, EVERYTHING))
});

#[test]
fn deep_groups_and_huge_lengths_are_refused() {
    let reader = reader_of(&ProtobufOptions::default(), EVERYTHING);
    for bytes in [&[0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0xf3; 300], &[0x3a, 0x01, 0xff]] {
        assert!(reader.read(Bytes::copy_from_slice(bytes)).is_err());
    }
}

#[test]
fn words_of_any_length_are_read_or_refused() {
    let long = "x".repeat(1 << 20);
    let (blanks, digits) = (" ".repeat(1 << 20), "7".repeat(1 << 20));
    let message = "syntax = \"proto3\"; message M {}";
    for text in [
        format!("{message} // {long}"),
        format!("{message} /* {long} */"),
        format!("{message}{blanks}"),
        format!("{message} message {long} {{}}"),
        format!("{message} option java_package = \"{long}\";"),
    ] {
        let outcome = ProtobufFile::parse(&text, &[]).map(drop);
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    for number in ["09", &digits] {
        let text = format!("syntax = \"proto3\"; message M {{ int32 a = {number}; }}");
        let error = ProtobufFile::parse(&text, &[]).unwrap_err().to_string();
        assert_eq!(error, "Could not parse the Protobuf schema");
    }
}

#[test]
fn large_values_are_slices_and_decimals_of_any_length_are_told() {
    let reader = reader_of(&ProtobufOptions::default(), EVERYTHING);
    let field = |number: u8, content: &[u8]| {
        let mut bytes = BytesMut::new();
        bytes.put_slice(&[(number << 3) | 2]);
        prost::encoding::encode_varint(content.len().try_into().unwrap(), &mut bytes);
        bytes.put_slice(content);
        bytes.freeze()
    };
    let large = field(7, &vec![b'x'; 100 << 20]);
    let range = large.as_ptr_range();
    let read = reader.read(large).unwrap();
    assert!(range.contains(&read.member("g").unwrap().as_str().unwrap().as_ptr()));
    let refused = reader.read(field(7, b"\xff")).unwrap_err();
    assert!(connect_api::error::chain(&refused).contains("a text is not UTF-8"));
    // Field 16 has a number of two bytes.
    let mut decimal = BytesMut::from(&[0x82, 0x01][..]);
    decimal.put_slice(&field(0, &field(1, &vec![1; 1 << 20]))[1..]);
    let refused = connect_api::error::chain(&reader.read(decimal.freeze()).unwrap_err());
    assert!(refused.contains("A decimal takes 1048576 bytes"), "{refused}");
    let nan = [&[0x29][..], &f64::NAN.to_le_bytes()].concat();
    let read = reader.read(nan.into()).unwrap();
    assert!(matches!(read.member("e"), Some(Value::Float64(number)) if number.is_nan()));
}

#[test]
fn any_schema_and_any_bytes_are_borne() {
    let others = ProtobufOptions {
        has_full_names: true,
        is_enum_integer: true,
        has_optional_for_nullables: true,
        has_wrapper_for_raw_primitives: false,
        is_struct_made_for_nulls: true,
        is_sum_type_general: true,
        ..ProtobufOptions::default()
    };
    let options = [ProtobufOptions::default(), others];
    fuzz("protobuf", |input| {
        let mut choices = Choices::of(input);
        let options = &options[choices.below(options.len())];
        let path = [&[0][..], &[1], &[0, 0]][choices.below(3)];
        let (text, bytes) = choices.parts();
        let reader =
            ProtobufFile::parse(&text, &[]).and_then(|file| file.reader(options, path, None));
        let reader = match reader {
            Ok(reader) => reader,
            Err(error) => return few_words(&error),
        };
        let value = match reader.read(Bytes::copy_from_slice(bytes)) {
            Ok(value) => value,
            Err(error) => return few_words(&connect_api::error::chain(&error)),
        };
        let data = SchemaAndValue::new(Arc::clone(reader.schema()), value);
        assert!(proper(&data), "{data:?}");
        let mut out = BytesMut::new();
        if let Ok(writer) = MessageWriter::new(options, reader.schema())
            && writer.write(&mut out, reader.schema(), &data.value).is_ok()
        {
            let own = ProtobufFile::parse(writer.text(), &[]).unwrap();
            if let Ok(own) = own.reader(options, writer.indexes(), None) {
                let again = own.read(out.freeze());
                assert!(again.is_ok(), "{text} was written as {}: {again:?}", writer.text());
            }
        }
        kind_of(&data)
    });
}

fn field() -> impl Strategy<Value = (Schema, Value)> {
    prop_oneof![
        any::<i8>().prop_map(|n| (Schema::new(Type::Int8), Value::Int8(n))),
        any::<i16>().prop_map(|n| (Schema::new(Type::Int16), Value::Int16(n))),
        any::<i32>().prop_map(|n| (Schema::new(Type::Int32), Value::Int32(n))),
        any::<i64>().prop_map(|n| (Schema::new(Type::Int64), Value::Int64(n))),
        any::<u32>().prop_map(|n| {
            (Schema::new(Type::Int64).parameter(names::TYPE, "uint32"), Value::Int64(n.into()))
        }),
        any::<i32>().prop_map(|n| {
            (Schema::new(Type::Int32).parameter(names::TYPE, "sint32"), Value::Int32(n))
        }),
        any::<i32>().prop_map(|n| (Schema::new(Type::Float64), Value::Float64(f64::from(n)))),
        any::<bool>().prop_map(|flag| (Schema::new(Type::Boolean), Value::Boolean(flag))),
        ".*".prop_map(|text: String| (Schema::new(Type::String), Value::string(text))),
        proptest::collection::vec(any::<u8>(), 0..300)
            .prop_map(|bytes| (Schema::new(Type::Bytes), Value::Bytes(bytes.into()))),
        any::<i32>().prop_map(|n| {
            (
                Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1),
                Value::Timestamp(n.into()),
            )
        }),
        (-700_000..700_000_i32).prop_map(|n| {
            (Schema::new(Type::Int32).named(logical::DATE).versioned(1), Value::Date(n))
        }),
        (0..86_400_000_i32).prop_map(|n| {
            (Schema::new(Type::Int32).named(logical::TIME).versioned(1), Value::Time(n))
        }),
        proptest::collection::vec(any::<i32>(), 0..5).prop_map(|numbers| {
            let items = numbers.into_iter().map(Value::Int32).collect();
            (Schema::array(Schema::new(Type::Int32)), Value::Array(items))
        }),
        proptest::collection::btree_map(any::<i32>(), ".{0,3}", 0..4).prop_map(|entries| {
            let entries =
                entries.into_iter().map(|(n, text)| (Value::Int32(n), Value::string(text)));
            (
                Schema::map(Schema::new(Type::Int32), Schema::string()),
                Value::Map(Map::new(entries.collect())),
            )
        }),
    ]
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(fields in proptest::collection::vec(field(), 0..8)) {
        let mut schema = Schema::new(Type::Struct).named("R");
        let mut values = Vec::new();
        for (place, (field, value)) in fields.into_iter().enumerate() {
            schema = schema.field(format!("f{place}"), field);
            values.push(value);
        }
        let writer = writer_of(&ProtobufOptions::default(), &schema);
        let record = Value::Struct(Struct::new(Arc::new(schema.clone()), values.clone()));
        let bytes = written(&writer, &record, &schema);
        let reader = reader_of(&ProtobufOptions::default(), writer.text());
        match reader.read(bytes).unwrap() {
            Value::Struct(read) => prop_assert_eq!(read.values(), values.as_slice()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for reader in &*EVERY_WAY {
            reader.read(Bytes::from(bytes.clone())).ok();
        }
    }

    #[test]
    fn no_fields_make_it_panic(
        parts in proptest::collection::vec((1_u8..21, 0_u8..6, any::<[u8; 3]>()), 0..12)
    ) {
        let mut bytes = Vec::new();
        for (number, wire, body) in parts {
            if number < 16 { bytes.push(number << 3 | wire); } else { bytes.extend([(number << 3 | wire) | 0x80, 1]); }
            bytes.push(3);
            bytes.extend(body);
        }
        for reader in &*EVERY_WAY {
            reader.read(bytes.clone().into()).ok();
        }
    }

    #[test]
    fn no_descriptor_makes_it_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
    ) {
        use base64::Engine as _;
        use prost::Message as _;
        let mut bytes = protox_parse::parse("all.proto", EVERYTHING).unwrap().encode_to_vec();
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        for path in [&[0][..], &[0, 0], &[0, 2], &[1]] {
            if let Ok(file) = ProtobufFile::parse(&text, &[])
                && let Ok(reader) = file.reader(&ProtobufOptions::default(), path, None)
            {
                MessageWriter::new(&ProtobufOptions::default(), reader.schema()).ok();
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*", words in words()) {
        for text in [text, words] {
            if let Ok(file) = ProtobufFile::parse(&text, &[])
                && let Ok(reader) = file.reader(&ProtobufOptions::default(), &[0], None)
            {
                MessageWriter::new(&ProtobufOptions::default(), reader.schema()).ok();
            }
        }
    }
}

/// Words of a schema in any order.
fn words() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "syntax = \"proto3\";",
        "package p;",
        "message M {",
        "message N {",
        "}",
        "int32 a = 1;",
        "M m = 2;",
        "N n = 3;",
        "repeated N l = 4;",
        "map<string, N> o = 5;",
        "oneof c {",
        "enum E {",
        "ZERO = 0;",
        "E e = 6;",
        "option map_entry = true;",
        "optional",
        "import \"google/type/date.proto\";",
        "google.type.Date d = 7;",
        "reserved 9;",
        "[(confluent.field_meta) = { params: [] }]",
        "group G = 8 {",
    ]);
    proptest::collection::vec(word, 0..14).prop_map(|words| words.join(" "))
}
