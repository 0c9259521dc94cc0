//! Connect data as the pages show them: plain JSON, or `{"schema", "payload"}` where there is a
//! schema, in the form of the JSON converter.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::Converter,
    record::{Header, SchemaAndValue, SinkRecord, TopicPartition},
};
use millrace::convert::ConverterRegistry;
use serde_json::{Map, Value as Json, json};

/// Widest line that JSON is put on.
const WIDTH: usize = 96;

fn converter(has_schema: bool) -> Arc<dyn Converter> {
    let flag = if has_schema { "true" } else { "false" };
    let props = [("schemas.enable", flag), ("decimal.format", "NUMERIC")].into();
    ConverterRegistry::own().converter("JsonConverter", &props, false).unwrap()
}

/// The documents of a block.
pub(super) fn documents(block: &str) -> Vec<Json> {
    serde_json::Deserializer::from_str(block).into_iter().collect::<Result<_, _>>().unwrap()
}

/// Data of their form in a page.
pub(super) fn data(json: &Json) -> SchemaAndValue {
    let has_schema = json.get("schema").is_some() && json.get("payload").is_some();
    let text = Bytes::from(json.to_string());
    converter(has_schema).to_connect("", &[], Some(&text)).unwrap()
}

/// Data in their form in a page.
pub(super) fn json_of(data: &SchemaAndValue) -> Json {
    let mut buffer = BytesMut::new();
    let converter = converter(data.schema.is_some());
    match converter.from_connect("", data, &mut buffer).unwrap() {
        Some(text) => serde_json::from_slice(&text).unwrap(),
        None => Json::Null,
    }
}

/// A record of its form in a page; what is missing is usual.
pub(super) fn record(json: &Json) -> SinkRecord {
    let topic = json["topic"].as_str().unwrap_or("orders");
    let partition = json["partition"].as_i64().unwrap_or(0).try_into().unwrap();
    let member = |name: &str| json.get(name).map_or(SchemaAndValue::NULL, data);
    let none = Map::new();
    let headers = json["headers"].as_object().unwrap_or(&none).iter();
    SinkRecord {
        topic: topic.into(),
        origin: TopicPartition::new(topic, partition),
        offset: json["offset"].as_i64().unwrap_or(0),
        timestamp_ms: json["timestamp"].as_i64(),
        timestamp_type: connect_api::record::TimestampType::CreateTime,
        key: member("key"),
        value: member("value"),
        headers: headers.map(|(key, json)| header(key, json)).collect(),
    }
}

fn header(key: &str, json: &Json) -> Header {
    Header { key: key.into(), data: data(json) }
}

/// A record in its form in a page: what was told of it before, and what it has now.
pub(super) fn record_json(before: &Json, record: &SinkRecord) -> Json {
    let headers: Map<_, _> = record
        .headers
        .iter()
        .map(|header| (header.key.as_ref().to_owned(), json_of(&header.data)))
        .collect();
    let headers = if headers.is_empty() { Json::Null } else { headers.into() };
    let members = [
        ("topic", json!(&*record.topic)),
        ("partition", json!(record.origin.partition)),
        ("offset", json!(record.offset)),
        ("timestamp", json!(record.timestamp_ms)),
        ("key", json_of(&record.key)),
        ("value", json_of(&record.value)),
        ("headers", headers),
    ];
    let was = self::record(before);
    let is_told = |name: &str, json: &Json| {
        let is_new = match name {
            "topic" => was.topic != record.topic,
            "partition" | "offset" | "timestamp" => false,
            _ => !json.is_null(),
        };
        is_new || before.get(name).is_some()
    };
    let told = members.into_iter().filter(|(name, json)| is_told(name, json));
    Json::Object(told.map(|(name, json)| (name.to_owned(), json)).collect())
}

/// JSON, as much on a line as is easy to read.
pub(super) fn laid_out(json: &Json) -> String {
    let mut out = String::new();
    lay_out(&mut out, json, 0, 0);
    out
}

fn lay_out(out: &mut String, json: &Json, indent: usize, taken: usize) {
    let line = on_one_line(json);
    if indent + taken + line.len() <= WIDTH && (indent > 0 || !json.is_object()) {
        return out.push_str(&line);
    }
    let (brackets, items): (_, Vec<(String, &Json)>) = match json {
        Json::Object(members) => {
            let named = members.iter().map(|(name, json)| (format!("{}: ", json!(name)), json));
            (["{", "}"], named.collect())
        }
        Json::Array(items) => {
            (["[", "]"], items.iter().map(|json| (String::new(), json)).collect())
        }
        _ => return out.push_str(&line),
    };
    out.push_str(brackets[0]);
    for (place, (name, json)) in items.iter().enumerate() {
        out.push_str(if place == 0 { "\n" } else { ",\n" });
        out.push_str(&" ".repeat(indent + 2));
        out.push_str(name);
        lay_out(out, json, indent + 2, name.len() + 1);
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push_str(brackets[1]);
}

fn on_one_line(json: &Json) -> String {
    match json {
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(name, json)| format!("{}: {}", json!(name), on_one_line(json)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => {
            format!("[{}]", items.iter().map(on_one_line).collect::<Vec<_>>().join(", "))
        }
        json => json.to_string(),
    }
}

/// The properties of a block.
pub(super) fn properties(block: &str) -> Props {
    block.lines().filter_map(|line| line.split_once('=')).collect()
}

/// The last block of a language.
pub(super) fn last<'a>(blocks: &'a super::Blocks, language: &str) -> &'a str {
    let found = blocks.iter().rev().find(|(known, _)| known == language);
    &found.unwrap_or_else(|| panic!("an example has no block of {language}")).1
}
