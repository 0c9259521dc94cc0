//! From records to requests.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use connect_api::{
    budget::Reservation,
    error::{ConnectorError, Result},
    json::{DecimalFormat, write_value},
    record::{SinkRecord, TopicPartition},
    value::Value,
};
use reqwest::{Method, header::HeaderMap};

use crate::{
    json::write_plain,
    settings::{BodyFormat, NullBehavior, Settings},
    template::{encoded, verbatim},
};

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) body: Option<Bytes>,
}

/// A record on its way.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) offset: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) timestamp_ms: Option<i64>,
    /// The record itself, where somebody may want it reported.
    pub(crate) record: Option<SinkRecord>,
}

/// A request with the records it is for, which are of one partition.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) request: Request,
    pub(crate) origin: TopicPartition,
    pub(crate) items: Vec<Item>,
    /// Which time its partition was with the task when it was made.
    pub(crate) epoch: Option<u64>,
    /// Times that it was sent and failed.
    pub(crate) failures: u32,
    /// How long it has waited because the service takes only so many requests.
    pub(crate) put_off: Duration,
    /// It was to be tried again before.
    pub(crate) is_again: bool,
    pub(crate) reservation: Option<Reservation>,
}

impl Draft {
    /// Keys of its records: what has one of them waits.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (TopicPartition, Bytes)> {
        let keys = self.items.iter().filter_map(|item| item.key.clone());
        keys.map(|key| (self.origin.clone(), key))
    }

    /// How it is named in errors.
    pub(crate) fn name(&self) -> String {
        let (first, last) = (self.items.first(), self.items.last());
        let offset = |item: Option<&Item>| item.map_or(0, |item| item.offset);
        match (offset(first), offset(last)) {
            (first, last) if first == last => format!("offset {first} of {}", self.origin),
            (first, last) => format!("offsets {first} to {last} of {}", self.origin),
        }
    }
}

/// What a record asks for, before it shares a request with others.
pub(crate) struct Wanted {
    method: Method,
    url: String,
    /// None where the request has no body.
    text: Option<Vec<u8>>,
    group: String,
}

/// Makes requests.
#[derive(Debug)]
pub(crate) struct Renderer {
    settings: Arc<Settings>,
    headers: Arc<HeaderMap>,
}

/// A request that may take more records.
pub(crate) struct Open {
    draft: Draft,
    group: String,
    body: Option<Vec<u8>>,
}

impl Renderer {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let headers = Arc::new(settings.headers.clone());
        Self { settings, headers }
    }

    /// What a record asks for; none for one that is skipped.
    ///
    /// # Errors
    /// `Record` for one that no request can be made from.
    pub(crate) fn wanted(&self, record: &SinkRecord) -> Result<Option<Wanted>> {
        let settings = &self.settings;
        if record.value.value.is_null() {
            return match settings.nulls {
                NullBehavior::Ignore => Ok(None),
                NullBehavior::Log => {
                    tracing::warn!(offset = record.offset, partition = %record.origin,
                        "Skipped a record without a value");
                    Ok(None)
                }
                NullBehavior::Delete => self.deletion(record).map(Some),
                NullBehavior::Fail => Err(ConnectorError::record(format!(
                    "Record at offset {} of {} has no value, and nothing can be sent for it",
                    record.offset, record.origin
                ))
                .hint("behavior.on.null.values says what becomes of such records")),
            };
        }
        let group = settings.batch.key.as_ref().map(|key| key.render(record, verbatim));
        Ok(Some(Wanted {
            method: settings.method.clone(),
            url: settings.url.render(record, encoded)?,
            text: (settings.method != Method::GET).then(|| self.text(&record.value.value)),
            group: group.transpose()?.unwrap_or_default(),
        }))
    }

    fn deletion(&self, record: &SinkRecord) -> Result<Wanted> {
        let Some(key) = key_bytes(&record.key.value) else {
            return Err(ConnectorError::record(format!(
                "Record at offset {} of {} has neither key nor value: there is nothing to delete",
                record.offset, record.origin
            )));
        };
        let mut url = self.settings.url.render(record, encoded)?;
        if !self.settings.url.has_key() {
            if !url.ends_with('/') {
                url.push('/');
            }
            encoded(&mut url, &key);
        }
        Ok(Wanted { method: Method::DELETE, url, text: None, group: String::new() })
    }

    fn text(&self, value: &Value) -> Vec<u8> {
        let rules = &self.settings.body;
        let mut out = Vec::new();
        match rules.format {
            BodyFormat::Json => write_value(&mut out, value, rules.decimals),
            BodyFormat::String => write_plain(&mut out, value, rules.decimals),
        }
        if rules.replacements.is_empty() {
            return out;
        }
        let text = String::from_utf8_lossy(&out).into_owned();
        let replace = |text: String, (regex, with): &(regex::Regex, String)| {
            regex.replace_all(&text, with.as_str()).into_owned()
        };
        rules.replacements.iter().fold(text, replace).into_bytes()
    }

    /// A request for a record.
    pub(crate) fn open(&self, wanted: Wanted, record: &SinkRecord, is_kept: bool) -> Open {
        let Wanted { method, url, text, group } = wanted;
        let prefix = self.settings.batch.prefix.as_bytes();
        let body = text.map(|text| [prefix, &text].concat());
        let headers = Arc::clone(&self.headers);
        let draft = Draft {
            request: Request { method, url, headers, body: None },
            origin: record.origin.clone(),
            items: vec![item(record, is_kept)],
            epoch: None,
            failures: 0,
            put_off: Duration::ZERO,
            is_again: false,
            reservation: None,
        };
        Open { draft, group, body }
    }

    /// Adds a record to a request; gives it back where it needs one of its own.
    pub(crate) fn add(
        &self,
        open: &mut Open,
        wanted: Wanted,
        record: &SinkRecord,
    ) -> std::result::Result<(), Wanted> {
        let fits = open.draft.items.len() < self.settings.batch.most
            && open.draft.origin == record.origin
            && open.draft.request.method == wanted.method
            && open.draft.request.url == wanted.url
            && open.group == wanted.group;
        match (&mut open.body, wanted.text) {
            (Some(body), Some(text)) if fits => {
                body.extend_from_slice(self.settings.batch.separator.as_bytes());
                body.extend_from_slice(&text);
                let is_kept = open.draft.items.iter().any(|item| item.record.is_some());
                open.draft.items.push(item(record, is_kept));
                Ok(())
            }
            (_, text) => Err(Wanted { text, ..wanted }),
        }
    }

    /// The request, which takes no more.
    pub(crate) fn close(&self, open: Open) -> Draft {
        let Open { mut draft, body, .. } = open;
        draft.request.body = body.map(|mut body| {
            body.extend_from_slice(self.settings.batch.suffix.as_bytes());
            body.into()
        });
        draft
    }
}

fn item(record: &SinkRecord, is_kept: bool) -> Item {
    Item {
        offset: record.offset,
        key: key_bytes(&record.key.value),
        timestamp_ms: record.timestamp_ms,
        record: is_kept.then(|| record.clone()),
    }
}

/// A key as the records of other topics have it: text and bytes as they are, anything else as JSON.
fn key_bytes(key: &Value) -> Option<Bytes> {
    match key {
        Value::Null => None,
        Value::String(text) => Some(text.as_bytes().clone()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        other => {
            let mut out = Vec::new();
            write_plain(&mut out, other, DecimalFormat::Numeric);
            Some(out.into())
        }
    }
}
