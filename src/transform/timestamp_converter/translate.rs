//! The forms of a point in time.

use connect_api::{
    date_format::DateFormat,
    error::{ConnectorError, Result},
    schema::{Schema, Type, logical},
    value::Value,
    value_text::{MS_PER_DAY, java_class},
};

use super::super::fields::shown_schema;

/// How a point in time is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Unix,
    Date,
    Time,
    Timestamp,
}

/// The unit of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
}

impl Precision {
    /// Of its word, which was checked.
    pub(super) fn named(word: &str) -> Self {
        match word {
            "nanoseconds" => Self::Nanoseconds,
            "microseconds" => Self::Microseconds,
            "seconds" => Self::Seconds,
            _ => Self::Milliseconds,
        }
    }

    /// What is smaller than a millisecond is cut off, what is too large ends at the bounds.
    const fn to_ms(self, time: i64) -> i64 {
        match self {
            Self::Nanoseconds => time / 1_000_000,
            Self::Microseconds => time / 1000,
            Self::Milliseconds => time,
            Self::Seconds => time.saturating_mul(1000),
        }
    }

    const fn of_ms(self, ms: i64) -> i64 {
        match self {
            Self::Nanoseconds => ms.saturating_mul(1_000_000),
            Self::Microseconds => ms.saturating_mul(1000),
            Self::Milliseconds => ms,
            Self::Seconds => ms / 1000,
        }
    }
}

impl Form {
    /// Of its word, which was checked.
    pub(super) fn named(word: &str) -> Self {
        match word {
            "string" => Self::Text,
            "unix" => Self::Unix,
            "Date" => Self::Date,
            "Time" => Self::Time,
            _ => Self::Timestamp,
        }
    }

    /// The schema of required values in this form.
    pub(super) fn schema(self) -> Schema {
        match self {
            Self::Text => Schema::new(Type::String),
            Self::Unix => Schema::new(Type::Int64),
            Self::Date => Schema::new(Type::Int32).named(logical::DATE).versioned(1),
            Self::Time => Schema::new(Type::Int32).named(logical::TIME).versioned(1),
            Self::Timestamp => Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1),
        }
    }

    /// The form of values of a schema.
    ///
    /// # Errors
    /// `Record` when they are no points in time.
    pub(super) fn of_schema(schema: &Schema) -> Result<Self> {
        Ok(match (schema.name(), schema.kind()) {
            (Some(logical::TIMESTAMP), _) => Self::Timestamp,
            (Some(logical::DATE), _) => Self::Date,
            (Some(logical::TIME), _) => Self::Time,
            (_, Type::String) => Self::Text,
            (_, Type::Int64) => Self::Unix,
            _ => {
                return Err(ConnectorError::record(format!(
                    "Schema {} does not correspond to a known timestamp type format",
                    shown_schema(schema)
                )));
            }
        })
    }

    /// The form of a value without a schema.
    fn of_value(value: &Value) -> Result<Self> {
        Ok(match value {
            Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => Self::Timestamp,
            Value::Int64(_) => Self::Unix,
            Value::String(_) => Self::Text,
            _ => {
                return Err(ConnectorError::record(format!(
                    "TimestampConverter does not support class {} objects as timestamps",
                    java_class(value)
                )));
            }
        })
    }

    /// What is wrong with a value that is not in this form.
    fn mismatch(self, value: &Value) -> ConnectorError {
        let (what, expected) = match self {
            Self::Text => ("string timestamp", "String"),
            Self::Unix => ("Unix timestamp", "Long"),
            Self::Date => ("Date", "java.util.Date"),
            Self::Time => ("Time", "java.util.Date"),
            Self::Timestamp => ("Timestamp", "java.util.Date"),
        };
        ConnectorError::record(format!(
            "Expected {what} to be a {expected}, but found class {}",
            java_class(value)
        ))
    }
}

/// Turns any form into one.
#[derive(Debug)]
pub(super) struct Translator {
    pub(super) target: Form,
    /// Of texts; there must be one where the target is text.
    pub(super) format: Option<DateFormat>,
    pub(super) precision: Precision,
}

impl Translator {
    /// A point in time in the target's form; null stays null.
    ///
    /// # Errors
    /// `Record` when the value is not in the form, or of a form that is not known.
    pub(super) fn translate(&self, value: Value, form: Option<Form>) -> Result<Value> {
        if value.is_null() {
            return Ok(value);
        }
        let form = form.map_or_else(|| Form::of_value(&value), Ok)?;
        self.written(self.ms(&value, form)?)
    }

    fn ms(&self, value: &Value, form: Form) -> Result<i64> {
        match (form, value) {
            (Form::Text, Value::String(text)) => self.parsed(text),
            (Form::Unix, Value::Int64(time)) => Ok(self.precision.to_ms(*time)),
            (Form::Date | Form::Time | Form::Timestamp, value) => match value {
                Value::Date(days) => Ok(i64::from(*days) * MS_PER_DAY),
                Value::Time(ms) => Ok(i64::from(*ms)),
                Value::Timestamp(ms) => Ok(*ms),
                _ => Err(form.mismatch(value)),
            },
            _ => Err(form.mismatch(value)),
        }
    }

    fn parsed(&self, text: &str) -> Result<i64> {
        let Some(format) = &self.format else {
            // What the original runs into when no format is configured.
            return Err(ConnectorError::record(
                "Cannot invoke \"java.text.SimpleDateFormat.parse(String)\" because \
                 \"config.format\" is null",
            ));
        };
        format.parse(text).ok_or_else(|| {
            ConnectorError::record(format!(
                "Could not parse timestamp: value ({text}) does not match pattern ({})",
                format.pattern()
            ))
        })
    }

    fn written(&self, ms: i64) -> Result<Value> {
        Ok(match self.target {
            Form::Text => {
                Value::string(self.format.as_ref().map_or_else(String::new, |f| f.format(ms)))
            }
            Form::Unix => Value::Int64(self.precision.of_ms(ms)),
            Form::Timestamp => Value::Timestamp(ms),
            Form::Time => Value::Time(i32::try_from(ms.rem_euclid(MS_PER_DAY)).unwrap_or_default()),
            Form::Date => {
                let days = i32::try_from(ms.div_euclid(MS_PER_DAY));
                Value::Date(days.map_err(|_| {
                    ConnectorError::record(format!("{ms} ms are beyond the days of a Date"))
                })?)
            }
        })
    }
}
