//! The time a record is filed under.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
    value::Value,
};

use crate::words::ExtractorClass;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Digits of the longest number of 64 bits.
const LONGEST_NUMBER: usize = 19;

/// Takes the time from a record.
#[derive(Debug)]
pub(super) enum Extractor {
    /// The time it is processed at.
    Wallclock,
    /// Its own timestamp.
    Record,
    /// A field of its value.
    Field(String),
}

impl Extractor {
    pub(super) fn new(class: ExtractorClass, field: &str) -> Self {
        match class {
            ExtractorClass::Wallclock => Self::Wallclock,
            ExtractorClass::Record => Self::Record,
            ExtractorClass::RecordField => Self::Field(field.to_owned()),
        }
    }

    /// # Errors
    /// `Record` when it has none.
    pub(super) fn time_ms(&self, record: &SinkRecord, now_ms: i64) -> Result<i64> {
        match self {
            Self::Wallclock => Ok(now_ms),
            Self::Record => record
                .timestamp_ms
                .ok_or_else(|| ConnectorError::record("The record has no timestamp to file it by")),
            Self::Field(name) => {
                let value = super::field(&record.value.value, name);
                value.and_then(field_time_ms).ok_or_else(|| {
                    ConnectorError::record(format!(
                        "Field \"{name}\" of the value is no time to file the record by"
                    ))
                    .hint(
                        "It must be epoch milliseconds, an ISO-8601 text or a Connect Timestamp; \
                         timestamp.field names the field",
                    )
                })
            }
        }
    }
}

fn field_time_ms(value: &Value) -> Option<i64> {
    match value {
        Value::Int32(number) => Some((*number).into()),
        Value::Int64(number) | Value::Timestamp(number) => Some(*number),
        Value::Date(days) => Some(i64::from(*days) * DAY_MS),
        Value::String(text) => text_time_ms(text),
        _ => None,
    }
}

/// Digits are epoch milliseconds, anything else is ISO-8601; without a zone it is universal time.
pub(super) fn text_time_ms(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty()
        && digits.len() <= LONGEST_NUMBER
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return text.parse().ok();
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let zoned = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"];
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    if let Some(time) = zoned.iter().find_map(|form| DateTime::parse_from_str(text, form).ok()) {
        return Some(time.timestamp_millis());
    }
    if let Some(time) = local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    {
        return Some(time.and_utc().timestamp_millis());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}
