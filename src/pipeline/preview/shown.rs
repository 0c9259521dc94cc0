//! Records as an answer shows them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::Converter,
    error::{Result, chain},
    record::{Header, RawHeader, SchemaAndValue, SinkRecord, SourceRecord},
    sink::Preview,
    value_text::write_java_text,
};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::super::stage::{Failure, Stage};
use crate::{
    broker::{ConsumerRecord, ProducerRecord},
    convert::ConverterRegistry,
    transform::Link,
};

/// Bytes that are shown of a key, a value or a header.
const SHOWN_BYTES: usize = 16 << 10;
/// Headers that are shown of a record.
const SHOWN_HEADERS: usize = 100;

/// One record and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub struct PreviewedRecord {
    /// Stages it comes through, in their order.
    pub stages: Vec<PreviewStage>,
    /// Why it goes no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<PreviewError>,
    /// What a sink gets; none of a record that does not come so far.
    #[serde(skip)]
    pub outcome: Option<SinkRecord>,
}

/// A record as it is after a stage.
#[derive(Clone, Debug, Serialize)]
pub struct PreviewStage {
    /// `raw`, `converted`, `transformed`, `copied`, `dropped`, `written` or `skipped`.
    pub stage: &'static str,
    /// Name of the transform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// Class that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
    /// Whether the transform's condition held; none where there is no transform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<bool>,
    /// The record, or what is written for it; none where a transform left it or dropped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Json>,
}

/// Why a record goes no further.
#[derive(Clone, Debug, Serialize)]
pub struct PreviewError {
    /// Stage, in the words of dead letters.
    pub stage: String,
    /// Class that failed.
    pub class: &'static str,
    /// Class of the exception in Kafka Connect.
    pub exception: &'static str,
    /// The failure and its causes.
    pub message: String,
}

impl PreviewedRecord {
    /// A record of which nothing is known yet.
    pub(super) const fn new() -> Self {
        Self { stages: Vec::new(), error: None, outcome: None }
    }

    pub(super) fn add(&mut self, stage: &'static str, record: Json) {
        let record = Some(record);
        let stage = PreviewStage { stage, transform: None, class: None, applied: None, record };
        self.stages.push(stage);
    }

    /// Adds what a transform did; of one whose condition did not hold, or that dropped the record,
    /// there is nothing to show.
    pub(super) fn follow(&mut self, stage: &'static str, link: &Link, record: Option<Json>) {
        self.stages.push(PreviewStage {
            stage,
            transform: Some(link.alias().to_owned()),
            class: Some(link.class()),
            applied: Some(stage == "dropped" || record.is_some()),
            record,
        });
    }

    pub(super) fn fail(&mut self, failure: &Failure) {
        self.error = Some(PreviewError {
            stage: failure.stage.to_string(),
            class: failure.class,
            exception: failure.error.class().java_class(),
            message: chain(&failure.error),
        });
    }

    /// Adds what the sink of a class would write.
    pub fn add_write(&mut self, class: &'static str, written: Result<Option<Preview>>) {
        let (stage, record) = match written {
            Ok(Some(Preview { place, content })) => {
                ("written", Some(json!({ "place": place, "content": bytes(Some(&content)) })))
            }
            Ok(None) => ("skipped", None),
            Err(error) => return self.fail(&Failure { stage: Stage::TaskPut, class, error }),
        };
        let stage =
            PreviewStage { stage, transform: None, class: Some(class), applied: None, record };
        self.stages.push(stage);
    }
}

/// Shows data with their schemas.
#[derive(Debug)]
pub(super) struct Show {
    json: Arc<dyn Converter>,
}

impl Show {
    /// # Errors
    /// None but of a converter that is not there.
    pub(super) fn new() -> Result<Self> {
        let props = Props::from([("decimal.format", "NUMERIC")]);
        Ok(Self { json: ConverterRegistry::own().converter("JsonConverter", &props, false)? })
    }

    pub(super) fn sink(&self, record: &SinkRecord) -> Json {
        json!({
            "topic": &*record.topic,
            "partition": record.origin.partition,
            "timestamp": record.timestamp_ms,
            "key": self.data(&record.key),
            "value": self.data(&record.value),
            "headers": self.headers(&record.headers),
        })
    }

    pub(super) fn source(&self, record: &SourceRecord) -> Json {
        json!({
            "topic": &*record.topic,
            "partition": record.partition,
            "timestamp": record.timestamp_ms,
            "key": self.data(&record.key),
            "value": self.data(&record.value),
            "headers": self.headers(&record.headers),
        })
    }

    fn headers(&self, headers: &[Header]) -> Vec<Json> {
        let shown = headers.iter().take(SHOWN_HEADERS);
        shown
            .map(|header| json!({ "name": &*header.key, "value": self.data(&header.data) }))
            .collect()
    }

    /// `{"schema", "payload"}` in the words of the JSON converter, or what can be said of data that
    /// have no such form or are too long.
    fn data(&self, data: &SchemaAndValue) -> Json {
        let mut buffer = BytesMut::new();
        match self.json.from_connect("", data, &mut buffer) {
            Ok(None) => Json::Null,
            Ok(Some(text)) if text.len() <= SHOWN_BYTES => {
                serde_json::from_slice(&text).unwrap_or_else(|_| bytes(Some(&text)))
            }
            Ok(Some(text)) => bytes(Some(&text)),
            Err(_) => {
                let mut text = String::new();
                write_java_text(&mut text, &data.value);
                bytes(Some(&text.into()))
            }
        }
    }
}

pub(super) fn consumed(topic: &str, partition: i32, record: &ConsumerRecord) -> Json {
    json!({
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": bytes(record.key.as_ref()),
        "value": bytes(record.value.as_ref()),
        "headers": raw_headers(&record.headers),
    })
}

pub(super) fn produced(record: &ProducerRecord) -> Json {
    json!({
        "topic": &*record.topic,
        "partition": record.partition,
        "timestamp": record.timestamp_ms,
        "key": bytes(record.key.as_ref()),
        "value": bytes(record.value.as_ref()),
        "headers": raw_headers(&record.headers),
    })
}

fn raw_headers(headers: &[RawHeader]) -> Vec<Json> {
    let shown = headers.iter().take(SHOWN_HEADERS);
    shown.map(|(name, value)| json!({ "name": &**name, "value": bytes(value.as_ref()) })).collect()
}

/// `{"text"}` where the bytes are text, else `{"hex"}`; with `size` where they are not all shown.
fn bytes(content: Option<&Bytes>) -> Json {
    let Some(content) = content else { return Json::Null };
    let shown = content.slice(..content.len().min(SHOWN_BYTES));
    let mut json = match text_of(&shown, shown.len() < content.len()) {
        Some(text) => json!({ "text": text }),
        None => json!({ "hex": hex(&shown) }),
    };
    if shown.len() < content.len()
        && let Some(json) = json.as_object_mut()
    {
        json.insert("size".to_owned(), content.len().into());
    }
    json
}

/// Text whose last letter may have been cut.
fn text_of(shown: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(shown) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(shown.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_or_hex_and_long_ones_are_cut() {
        assert_eq!(bytes(Some(&Bytes::from_static(b"ab"))), json!({ "text": "ab" }));
        assert_eq!(bytes(Some(&Bytes::from_static(b"a\xff"))), json!({ "hex": "61ff" }));
        let long: Bytes = "é".repeat(SHOWN_BYTES).into();
        let shown = bytes(Some(&long));
        assert_eq!(shown["size"], 2 * SHOWN_BYTES);
        assert_eq!(shown["text"], "é".repeat(SHOWN_BYTES / 2));
        let odd: Bytes = format!("x{}", "é".repeat(SHOWN_BYTES)).into();
        assert_eq!(bytes(Some(&odd))["text"], format!("x{}", "é".repeat(SHOWN_BYTES / 2 - 1)));
    }
}
