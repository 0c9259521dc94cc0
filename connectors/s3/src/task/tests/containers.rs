//! Reads Avro and Parquet files back.

use bytes::Bytes;
use connect_api::{
    config::Config as _,
    schema::{Schema, Type},
    value::{Decimal, Struct},
};
use connect_avro::{AvroDataConfig, AvroReader, AvroSchema, connect_schema};
use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::{Field, Row},
};

use super::*;

/// Schema, codec and records of an Avro file.
pub(crate) fn avro(bytes: &[u8]) -> (String, String, Vec<Value>) {
    let mut input = bytes.strip_prefix(b"Obj\x01").unwrap();
    let mut metadata = BTreeMap::new();
    while let count @ 1.. = number(&mut input) {
        for _ in 0..count {
            let name = String::from_utf8(text(&mut input).to_vec()).unwrap();
            metadata.insert(name, String::from_utf8(text(&mut input).to_vec()).unwrap());
        }
    }
    let mark = take(&mut input, 16);
    let (schema, codec) = (metadata["avro.schema"].clone(), metadata["avro.codec"].clone());
    let mut records = Vec::new();
    while !input.is_empty() {
        let count = number(&mut input);
        let block = unpacked(&codec, text(&mut input));
        assert_eq!(take(&mut input, 16), mark);
        records.extend(items(&schema, count, &block));
    }
    (schema, codec, records)
}

/// A block has the form of a list that is not ended.
fn items(schema: &str, count: i64, block: &[u8]) -> Vec<Value> {
    let list = format!(r#"{{"type":"array","items":{schema}}}"#);
    let list = AvroSchema::parse(&list, &[]).unwrap();
    let config = AvroDataConfig::parse(&Props::default()).unwrap();
    let reader = AvroReader::new(&list, &connect_schema(&config, &list, None).unwrap()).unwrap();
    let count = (u64::try_from(count).unwrap() << 1).to_le_bytes();
    let [low, high, ..] = count;
    let front = if high > 0 || low > 0x7f {
        vec![low | 0x80, (high << 1) | (low >> 7), 0].into_iter().take(2).collect()
    } else {
        vec![low]
    };
    let data = [&front, block, &[0]].concat();
    let Value::Array(items) = reader.read(Bytes::from(data)).unwrap() else { panic!("no list") };
    items
}

fn unpacked(codec: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut out = Vec::new();
    match codec {
        "null" => out.extend_from_slice(bytes),
        "deflate" => {
            flate2::read::DeflateDecoder::new(bytes).read_to_end(&mut out).unwrap();
        }
        "bzip2" => {
            bzip2::read::BzDecoder::new(bytes).read_to_end(&mut out).unwrap();
        }
        "snappy" => {
            let (packed, sum) = bytes.split_at(bytes.len() - 4);
            out = snap::raw::Decoder::new().decompress_vec(packed).unwrap();
            let mut crc = flate2::Crc::new();
            crc.update(&out);
            assert_eq!(sum, crc.sum().to_be_bytes());
        }
        other => panic!("{other}"),
    }
    out
}

/// Records of a Parquet file.
pub(crate) fn rows(bytes: &[u8], schema: &Arc<Schema>) -> Vec<Value> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| group(row.unwrap(), schema)).collect()
}

fn group(row: Row, schema: &Arc<Schema>) -> Value {
    let columns = row.into_columns().into_iter().zip(schema.fields());
    let values = columns.map(|((name, field), own)| {
        assert_eq!(name, *own.name);
        cell(field, &own.schema)
    });
    Value::Struct(Struct::new(Arc::clone(schema), values.collect()))
}

fn cell(field: Field, schema: &Arc<Schema>) -> Value {
    match (field, schema.kind()) {
        (Field::Null, _) => Value::Null,
        (Field::Bool(flag), _) => Value::Boolean(flag),
        (Field::Int(n), Type::Int8) => Value::Int8(n.try_into().unwrap()),
        (Field::Int(n), _) => Value::Int32(n),
        (Field::Long(n), _) => Value::Int64(n),
        (Field::Float(n), _) => Value::Float32(n),
        (Field::Double(n), _) => Value::Float64(n),
        (Field::Str(text), _) => Value::string(text),
        (Field::Bytes(bytes), _) => Value::Bytes(Bytes::copy_from_slice(bytes.data())),
        (Field::Decimal(number), _) => Value::Decimal(Decimal {
            unscaled: Bytes::copy_from_slice(number.data()),
            scale: number.scale(),
        }),
        (Field::Date(n), _) => Value::Date(n),
        (Field::TimestampMillis(n), _) => Value::Timestamp(n),
        (Field::Group(row), _) => group(row, schema),
        (Field::ListInternal(list), _) => {
            let items = schema.value_schema().unwrap();
            // The library's reader puts lists of two levels of primitives into one more list.
            let flat = list.elements().iter().flat_map(|one| match one {
                Field::ListInternal(inner) if items.kind() != Type::Array => inner.elements(),
                other => std::slice::from_ref(other),
            });
            Value::Array(flat.map(|one| cell(one.clone(), items)).collect())
        }
        (Field::MapInternal(map), _) => {
            let (keys, values) = (schema.key_schema().unwrap(), schema.value_schema().unwrap());
            let entries = map.entries().iter();
            let entry = |(key, value): &(Field, Field)| {
                (cell(key.clone(), keys), cell(value.clone(), values))
            };
            Value::Map(Map::new(entries.map(entry).collect()))
        }
        (other, kind) => panic!("{other:?} for {kind}"),
    }
}

/// The schema of a Parquet file as its own text.
pub(crate) fn message(bytes: &[u8]) -> String {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
    let mut text = Vec::new();
    parquet::schema::printer::print_schema(&mut text, reader.metadata().file_metadata().schema());
    String::from_utf8(text).unwrap()
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(length);
    *input = rest;
    taken
}

fn text<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(number(input)).unwrap();
    take(input, length)
}

fn number(input: &mut &[u8]) -> i64 {
    let (mut bits, mut place) = (0_u64, 0);
    loop {
        let byte = take(input, 1)[0];
        bits |= u64::from(byte & 0x7f) << place;
        place += 7;
        if byte & 0x80 == 0 {
            return (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed();
        }
    }
}
