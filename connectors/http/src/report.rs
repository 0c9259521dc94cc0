//! The records that answers and errors become.

use std::sync::Arc;

use bytes::Bytes;
use connect_api::{
    error::chain,
    json::{DecimalFormat, write_value},
    record::TopicPartition,
    topics::{TopicRecord, TopicSpec},
    value::Value,
};

use crate::{
    client::{Answer, Failure},
    request::Item,
    settings::{ErrorForm, ErrorFormat, ReportRules},
};

/// The header of what went wrong.
const ERROR_MESSAGE: &str = "error_message";
/// The header of a record that has the beginning of an answer only.
const TRUNCATED: &str = "response_truncated";
/// Most bytes of the former.
const MOST_OF_MESSAGE: usize = 8192;
/// Fewer bytes of a record are no help with a broker that takes no more.
const LEAST: usize = 512;
/// Most bytes that a byte becomes in a JSON string.
const LONGEST_ESCAPE: usize = 6;

/// Writes records of the topics of answers and of errors.
#[derive(Debug)]
pub(crate) struct Report {
    connector: String,
    results: Arc<str>,
    errors: Arc<str>,
    rules: ReportRules,
    /// The log says that answers are cut.
    is_told: bool,
}

impl Report {
    pub(crate) fn new(rules: &ReportRules, connector: &str) -> Self {
        let name = |template: &str| template.replace("${connector}", connector).into();
        Self {
            results: name(&rules.results),
            errors: name(&rules.errors),
            connector: connector.to_owned(),
            rules: rules.clone(),
            is_told: false,
        }
    }

    /// The topics to make.
    pub(crate) fn topics(&self) -> Vec<TopicSpec> {
        let topic = |name: &Arc<str>, (partitions, replication_factor)| TopicSpec {
            name: name.as_ref().to_owned(),
            partitions: Some(partitions),
            replication_factor,
        };
        let mut topics = vec![topic(&self.results, self.rules.results_made)];
        if self.errors != self.results {
            topics.push(topic(&self.errors, self.rules.errors_made));
        }
        topics
    }

    /// The record of an answer: the key of the request, what it was read from, what was answered.
    pub(crate) fn result(
        &self,
        origin: &TopicPartition,
        item: &Item,
        answer: &Answer,
    ) -> TopicRecord {
        let mut headers = coordinates(origin, item);
        headers.push(header("response_status", answer.status.to_string()));
        let (key, value) = (item.key.clone(), Some(answer.body.clone()));
        TopicRecord { topic: Arc::clone(&self.results), key, value, headers }
    }

    /// The record of an error, with the answer where there was one.
    pub(crate) fn error(
        &self,
        origin: &TopicPartition,
        item: &Item,
        (failure, answer): (&Failure, Option<&Answer>),
    ) -> TopicRecord {
        let text = chain(&failure.error());
        let mut headers = coordinates(origin, item);
        headers.extend(answer.map(|answer| header("response_status", answer.status.to_string())));
        headers.push(header(ERROR_MESSAGE, beginning(&text, MOST_OF_MESSAGE).to_owned()));
        let value = match (self.rules.form, answer) {
            (ErrorForm::HttpResponse, Some(answer)) => answer.body.clone(),
            _ => text.into(),
        };
        let value = match self.rules.format {
            ErrorFormat::String => value,
            ErrorFormat::Json => json_string(&String::from_utf8_lossy(&value)),
        };
        let (key, value) = (item.key.clone(), Some(value));
        TopicRecord { topic: Arc::clone(&self.errors), key, value, headers }
    }

    /// Cuts what is too long for a record, and says how long the longest one is then.
    pub(crate) fn fit(&mut self, records: &mut [TopicRecord]) -> usize {
        for record in records.iter_mut() {
            let room = self.rules.most_bytes.saturating_sub(frame_bytes(record));
            if record.value.as_ref().is_some_and(|value| value.len() > room) {
                self.cut(record, room.saturating_sub(TRUNCATED.len() + "true".len()));
            }
        }
        records.iter().map(bytes_of).max().unwrap_or(0)
    }

    fn cut(&mut self, record: &mut TopicRecord, room: usize) {
        let Some(value) = record.value.take() else { return };
        let is_error = record.headers.iter().any(|(name, _)| &**name == ERROR_MESSAGE);
        record.value = Some(if is_error && self.rules.format == ErrorFormat::Json {
            let text: String = serde_json::from_slice(&value).unwrap_or_default();
            json_string(beginning(&text, room.saturating_sub(2) / LONGEST_ESCAPE))
        } else {
            let most = text_of(&value).map_or(room, |text| beginning(text, room).len());
            value.slice(..most.min(value.len()))
        });
        record.headers.push(header(TRUNCATED, "true".to_owned()));
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(connector = %self.connector, topic = %record.topic, bytes = value.len(),
                "An answer is longer than reporter.record.max.bytes: its record has the beginning, as every \
                 such record has from now on, with the header {TRUNCATED}");
        }
    }

    /// The broker takes no record as long as this: they are cut shorter from now on. `false` where
    /// that does not help: there is nothing left to cut.
    pub(crate) fn shrink(&mut self, refused: usize) -> bool {
        let most = refused / 2;
        let is_help = most >= LEAST && refused <= self.rules.most_bytes;
        if is_help {
            self.rules.most_bytes = most;
            tracing::warn!(connector = %self.connector,
                "The broker takes no record of {refused} bytes: answers are cut to {most} bytes. Raise \
                 max.message.bytes of {} and {} and producer.override.max.request.size, or lower \
                 reporter.record.max.bytes", self.results, self.errors);
        }
        is_help
    }
}

/// Bytes of a record.
pub(crate) fn bytes_of(record: &TopicRecord) -> usize {
    frame_bytes(record) + record.value.as_ref().map_or(0, Bytes::len)
}

/// Bytes that records take in memory, those of one request one after the other: they may share a value.
pub(crate) fn held_bytes(records: &[TopicRecord]) -> usize {
    let values = records.iter().filter_map(|record| record.value.as_ref());
    let shared =
        values.clone().zip(values.skip(1)).filter(|(one, next)| one.as_ptr() == next.as_ptr());
    let counted_twice: usize = shared.map(|(one, _)| one.len()).sum();
    records.iter().map(bytes_of).sum::<usize>().saturating_sub(counted_twice)
}

/// Bytes of a record without its value.
fn frame_bytes(record: &TopicRecord) -> usize {
    let length = |data: &Option<Bytes>| data.as_ref().map_or(0, Bytes::len);
    let headers = record.headers.iter().map(|(name, value)| name.len() + length(value));
    length(&record.key) + headers.sum::<usize>()
}

/// An answer as text, without a character at its end that was cut off with the rest; none where it is
/// no text.
fn text_of(answer: &[u8]) -> Option<&str> {
    match std::str::from_utf8(answer) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_some() => None,
        Err(error) => std::str::from_utf8(answer.get(..error.valid_up_to())?).ok(),
    }
}

/// So many bytes of a text at most, in whole characters.
fn beginning(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// The text as a JSON string.
fn json_string(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_value(&mut out, &Value::string(text.to_owned()), DecimalFormat::Base64);
    out.into()
}

type Header = (Arc<str>, Option<Bytes>);

fn header(name: &str, value: String) -> Header {
    (name.into(), Some(value.into()))
}

fn coordinates(origin: &TopicPartition, item: &Item) -> Vec<Header> {
    let mut headers = vec![
        header("input_record_topic", origin.topic.as_ref().to_owned()),
        header("input_record_partition", origin.partition.to_string()),
        header("input_record_offset", item.offset.to_string()),
    ];
    headers.extend(item.timestamp_ms.map(|ms| header("input_record_timestamp", ms.to_string())));
    headers
}
