//! Text with references to a record: `${topic}`, `${key}`, and fields of the value by name or path.

use connect_api::{
    error::{ConnectorError, Result},
    json::DecimalFormat,
    record::SinkRecord,
    value::Value,
};

use crate::json::write_plain;

/// Text with references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Key,
    Field(String),
}

impl Template {
    /// # Errors
    /// The reason, when a reference has no end or no name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| "A ${ has no } after it".to_owned())?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match name.trim() {
                "" => return Err("A reference ${} has no name".to_owned()),
                "topic" => Part::Topic,
                "key" => Part::Key,
                field => Part::Field(field.to_owned()),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Whether it refers to the key.
    pub(crate) fn has_key(&self) -> bool {
        self.parts.contains(&Part::Key)
    }

    /// The text with something in the place of each reference.
    pub(crate) fn with_all(&self, stand_in: &str) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            _ => stand_in,
        });
        parts.collect()
    }

    /// The text for a record, each reference written by `write`.
    ///
    /// # Errors
    /// `Record` where the record has nothing under a name.
    pub(crate) fn render(
        &self,
        record: &SinkRecord,
        write: fn(&mut String, &[u8]),
    ) -> Result<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Topic => write(&mut out, record.topic.as_bytes()),
                Part::Key => write_value(&mut out, &record.key.value, write)
                    .ok_or_else(|| missing(record, "key"))?,
                Part::Field(path) => record
                    .value
                    .value
                    .path(path)
                    .and_then(|value| write_value(&mut out, value, write))
                    .ok_or_else(|| missing(record, path))?,
            }
        }
        Ok(out)
    }
}

fn write_value(out: &mut String, value: &Value, write: fn(&mut String, &[u8])) -> Option<()> {
    if value.is_null() {
        return None;
    }
    let mut text = Vec::new();
    write_plain(&mut text, value, DecimalFormat::Numeric);
    write(out, &text);
    Some(())
}

fn missing(record: &SinkRecord, name: &str) -> ConnectorError {
    ConnectorError::record(format!(
        "Record at offset {} of {} has no \"{name}\", which the request is made from",
        record.offset, record.origin
    ))
}

/// Appends text as a part of an address: what has a meaning there is written as `%XX`.
pub(crate) fn encoded(out: &mut String, text: &[u8]) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            let digit =
                |nibble: u8| char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 0xf));
        }
    }
}

/// Appends text as it is.
pub(crate) fn verbatim(out: &mut String, text: &[u8]) {
    out.push_str(&String::from_utf8_lossy(text));
}
