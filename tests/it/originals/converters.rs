//! Converters of values and of headers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    value::Value,
};
use millrace::convert::ConverterRegistry;
use serde_json::{Value as Json, json};

use super::{
    compare, documents,
    records::{self, Random, WORDS},
    typed_json::{data_json, shorten_floats},
};
use crate::services;

const SEED: u64 = 20_260_402;
const CASES: usize = 10_000;

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const SIMPLE: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
const OTHERS: [&str; 8] = [
    TEXT,
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    "org.apache.kafka.connect.converters.BooleanConverter",
    "org.apache.kafka.connect.converters.ShortConverter",
    "org.apache.kafka.connect.converters.IntegerConverter",
    "org.apache.kafka.connect.converters.LongConverter",
    "org.apache.kafka.connect.converters.FloatConverter",
    "org.apache.kafka.connect.converters.DoubleConverter",
];

const HEADERS: [&str; 30] = [
    "[1,2]",
    "[1,2.5]",
    "[]",
    "[,]",
    "[1,]",
    "[1,,2]",
    "[1 2]",
    "{}",
    "{\"k\":1}",
    "{a:1}",
    "{\"k\":[1,null]}",
    "{\"k\":1 \"l\":2}",
    "1970-01-02",
    "\"1970-01-02\"",
    "10:11:12.123Z",
    "2020-01-02T10:11:12.123Z",
    "12:30",
    "1,2",
    "3.14159265358979",
    "1e400",
    "123456789012345678901",
    "5 apples",
    "0x10",
    "True",
    "null",
    " true ",
    "\"hi\"",
    "[\"a\",\"b\\\"c\"]",
    "[true,1]",
    "[[1],[2]]",
];

/// A converter, its configuration, and what it is to convert.
#[derive(Debug)]
struct Case {
    class: &'static str,
    config: Vec<(&'static str, &'static str)>,
    is_header: bool,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Read(Option<Bytes>),
    Write(SchemaAndValue),
}

impl Case {
    fn random(random: &mut Random) -> Self {
        let class = match random.below(10) {
            0..6 => JSON,
            6 | 7 => SIMPLE,
            _ => random.of(&OTHERS),
        };
        let mut config = Vec::new();
        if class == JSON {
            if random.once_in(3) {
                config.push(("schemas.enable", "false"));
            }
            if random.once_in(3) {
                config.push(("decimal.format", random.of(&["numeric", "BASE64", "text"])));
            }
            if random.once_in(4) {
                config.push(("replace.null.with.default", "false"));
            }
        }
        let is_header = class == SIMPLE || random.once_in(8);
        let work = if random.once_in(2) {
            let mut data = records::data(random);
            // The JVM's text of bytes is their address.
            if class == TEXT && has_bytes(&data.value) {
                data = SchemaAndValue::NULL;
            }
            Work::Write(data)
        } else {
            Work::Read((!random.once_in(20)).then(|| bytes(class, random)))
        };
        Self { class, config, is_header, work }
    }

    fn question(&self) -> Json {
        let config: serde_json::Map<_, _> =
            self.config.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let mut question = json!({ "class": self.class, "config": config });
        match &self.work {
            Work::Read(bytes) => question["bytes"] = json!(bytes.as_ref().map(encoded)),
            Work::Write(data) => question["data"] = data_json(data),
        }
        if self.is_header {
            question["header"] = json!(true);
        }
        question
    }

    /// What ours makes of it, in the form of the oracle's answers.
    fn outcome(&self) -> Json {
        let props: Props = self.config.iter().copied().collect();
        let done = if self.is_header { self.header(&props) } else { self.value(&props) };
        match done {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                json!({ "error": error.to_string(), "class": error.class().java_class() })
            }
            Err(error) => json!({ "config": error.to_string() }),
        }
    }

    fn value(&self, props: &Props) -> Result<Result<Json>> {
        let converter = ConverterRegistry::own().converter(self.class, props, false)?;
        Ok(match &self.work {
            Work::Read(bytes) => converter.to_connect("topic", &[], bytes.as_ref()).map(read),
            Work::Write(data) => {
                converter.from_connect("topic", data, &mut BytesMut::new()).map(written)
            }
        })
    }

    fn header(&self, props: &Props) -> Result<Result<Json>> {
        let converter = ConverterRegistry::own().header_converter(self.class, props)?;
        Ok(match &self.work {
            Work::Read(bytes) => {
                converter.to_connect_header("topic", "header", bytes.as_ref()).map(read)
            }
            Work::Write(data) => converter
                .from_connect_header("topic", "header", data, &mut BytesMut::new())
                .map(written),
        })
    }
}

fn read(data: SchemaAndValue) -> Json {
    json!({ "data": data_json(&data) })
}

fn written(bytes: Option<Bytes>) -> Json {
    json!({ "bytes": bytes.as_ref().map(encoded) })
}

fn encoded(bytes: &Bytes) -> String {
    STANDARD.encode(bytes)
}

fn bytes(class: &str, random: &mut Random) -> Bytes {
    if class == JSON {
        return documents::document(random).into();
    }
    match random.below(4) {
        0 if class != SIMPLE => {
            let length = random.of(&[0, 1, 2, 4, 8, 9]);
            (0..length).map(|_| random.of(&[0, 1, 127, 128, 255])).collect()
        }
        1 => documents::anything(random, 2).into(),
        2 => random.of(&WORDS).into(),
        _ => random.of(&HEADERS).into(),
    }
}

fn has_bytes(value: &Value) -> bool {
    match value {
        Value::Bytes(_) => true,
        Value::Array(items) => items.iter().any(has_bytes),
        Value::Map(map) => map.entries().iter().any(|(_, value)| has_bytes(value)),
        Value::Struct(record) => record.values().iter().any(has_bytes),
        _ => false,
    }
}

/// Whether both say the same, but for what is an accident of Java: a null pointer where a text is
/// `null`, the class of a map.
fn is_same(ours: &Json, theirs: &mut Json) -> bool {
    let error = theirs.get("error").and_then(Json::as_str).unwrap_or_default();
    if error.contains("because \"<local5>\" is null") {
        *theirs = read(SchemaAndValue::NULL);
    } else if !error.is_empty() {
        theirs["error"] = error.replace("java.util.LinkedHashMap", "java.util.HashMap").into();
    }
    // It is a DataException too.
    if theirs.get("class").and_then(Json::as_str) == Some(INVALID_SCHEMA) {
        theirs["class"] = ConnectorError::record("").class().java_class().into();
    }
    shorten_floats(theirs);
    *ours == *theirs
}

const INVALID_SCHEMA: &str = "org.apache.kafka.connect.errors.SchemaBuilderException";

#[test]
fn generated_values_are_read_and_written_as_the_jvm_does() {
    let oracle = services::require!(oracle);
    let mut random = Random::new(SEED);
    let cases: Vec<Case> = (0..CASES).map(|_| Case::random(&mut random)).collect();
    compare(&oracle, &cases, Case::question, Case::outcome, is_same);
}
