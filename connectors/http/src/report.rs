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

/// Writes records of the topics of answers and of errors.
#[derive(Debug)]
pub(crate) struct Report {
    results: Arc<str>,
    errors: Arc<str>,
    rules: ReportRules,
}

impl Report {
    pub(crate) fn new(rules: &ReportRules, connector: &str) -> Self {
        let name = |template: &str| template.replace("${connector}", connector).into();
        Self { results: name(&rules.results), errors: name(&rules.errors), rules: rules.clone() }
    }

    /// The topics to make.
    pub(crate) fn topics(&self) -> Vec<TopicSpec> {
        let topic = |name: &Arc<str>| TopicSpec {
            name: name.as_ref().to_owned(),
            partitions: Some(self.rules.partitions),
            replication_factor: self.rules.replication_factor,
        };
        let mut topics = vec![topic(&self.results)];
        if self.errors != self.results {
            topics.push(topic(&self.errors));
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
        headers.push(header("error_message", text.clone()));
        let value = match (self.rules.form, answer) {
            (ErrorForm::HttpResponse, Some(answer)) => answer.body.clone(),
            _ => text.into(),
        };
        let value = match self.rules.format {
            ErrorFormat::String => value,
            ErrorFormat::Json => json_string(&value),
        };
        let (key, value) = (item.key.clone(), Some(value));
        TopicRecord { topic: Arc::clone(&self.errors), key, value, headers }
    }
}

/// The text as a JSON string.
fn json_string(text: &Bytes) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 2);
    let text = Value::string(String::from_utf8_lossy(text).into_owned());
    write_value(&mut out, &text, DecimalFormat::Base64);
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
