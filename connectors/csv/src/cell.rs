//! The text of a field as a value of its schema.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use connect_api::{
    date_format::DateFormat,
    schema::{Schema, Type, logical},
    value::{Decimal, Value},
    value_text::{MS_PER_DAY, parse_decimal, write_decimal},
};

use crate::config::SchemaConfig;

/// Most zeros that a decimal is filled up with.
const MOST_ZEROS: u32 = 1000;

/// Reads fields.
#[derive(Debug)]
pub(crate) struct CellReader {
    /// Patterns of dates, and whether each says its own zone.
    formats: Vec<(Arc<DateFormat>, bool)>,
    zone: Tz,
}

impl CellReader {
    /// A reader of these options.
    pub(crate) fn new(config: &SchemaConfig) -> Self {
        let formats = config.parser_timestamp_date_formats.iter().map(|pattern| {
            let format = Arc::clone(&pattern.0);
            let has_zone = has_zone(format.pattern());
            (format, has_zone)
        });
        Self { formats: formats.collect(), zone: config.parser_timestamp_timezone.0 }
    }

    /// The value of a field.
    ///
    /// # Errors
    /// The reason, as a part of a sentence.
    pub(crate) fn read(&self, schema: &Schema, cell: Option<String>) -> Result<Value, String> {
        let Some(text) = cell else {
            return match schema.default_value() {
                Some(value) => Ok(value.clone()),
                None if schema.is_optional() => Ok(Value::Null),
                None => Err("it is null and the field is required".to_owned()),
            };
        };
        if schema.kind() == Type::String {
            return Ok(Value::String(text.into()));
        }
        self.typed(schema, text.trim())
            .ok_or_else(|| format!("could not parse '{}' to {}", shown(&text), kind_of(schema)))
    }

    /// Whether a text is written as values of this type usually are.
    pub(crate) fn is_plainly(&mut self, schema: &Schema, text: &str) -> bool {
        let text = text.trim();
        match (schema.kind(), schema.name()) {
            (Type::Boolean, _) => {
                ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))
            }
            // A sign that is no part of the number, as of a telephone number.
            (Type::Int64 | Type::Float64, None) if text.starts_with('+') => false,
            (Type::Float64, _) if !text.bytes().any(|byte| byte.is_ascii_digit()) => false,
            _ => self.typed(schema, text).is_some(),
        }
    }

    fn typed(&self, schema: &Schema, text: &str) -> Option<Value> {
        match schema.name() {
            Some(logical::TIMESTAMP) => return self.instant(text).map(Value::Timestamp),
            Some(logical::DATE) => {
                let day = self.local_ms(text)?.div_euclid(MS_PER_DAY);
                return i32::try_from(day).ok().map(Value::Date);
            }
            Some(logical::TIME) => {
                let ms = self.local_ms(text)?.rem_euclid(MS_PER_DAY);
                return i32::try_from(ms).ok().map(Value::Time);
            }
            Some(logical::DECIMAL) => {
                let scale = schema.parameters().get("scale")?.parse().ok()?;
                return decimal(text, scale).map(Value::Decimal);
            }
            _ => {}
        }
        Some(match schema.kind() {
            Type::Int8 => Value::Int8(text.parse().ok()?),
            Type::Int16 => Value::Int16(text.parse().ok()?),
            Type::Int32 => Value::Int32(text.parse().ok()?),
            Type::Int64 => Value::Int64(text.parse().ok()?),
            Type::Float32 => Value::Float32(text.parse().ok()?),
            Type::Float64 => Value::Float64(text.parse().ok()?),
            Type::Boolean => Value::Boolean(boolean(text)?),
            _ => return None,
        })
    }

    /// The instant that a text names.
    fn instant(&self, text: &str) -> Option<i64> {
        self.formats.iter().find_map(|(format, has_zone)| {
            let ms = format.parse(text)?;
            if *has_zone || self.zone == Tz::UTC { Some(ms) } else { self.of_local(ms) }
        })
    }

    /// The date and time that a text names, as if it were in UTC.
    fn local_ms(&self, text: &str) -> Option<i64> {
        self.formats.iter().find_map(|(format, _)| format.parse(text))
    }

    /// The instant of a local time; one that a clock leaves out is as late as one that was not.
    fn of_local(&self, local_ms: i64) -> Option<i64> {
        let local = DateTime::from_timestamp_millis(local_ms)?.naive_utc();
        let offset_ms = |local: &NaiveDateTime| {
            let offset = self.zone.offset_from_local_datetime(local).earliest()?;
            Some(i64::from(offset.fix().local_minus_utc()) * 1000)
        };
        let before = local - chrono::TimeDelta::hours(1);
        let offset_ms = offset_ms(&local).or_else(|| offset_ms(&before)).unwrap_or(0);
        local_ms.checked_sub(offset_ms)
    }
}

/// Whether dates of a pattern say their zone.
fn has_zone(pattern: &str) -> bool {
    let parts = pattern.split('\'').step_by(2);
    parts.into_iter().any(|part| part.contains(['z', 'Z', 'X']))
}

fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "t", "yes", "1"]) {
        return Some(true);
    }
    is(["false", "f", "no", "0"]).then_some(false)
}

/// A decimal of this scale; none when it has digits beyond.
fn decimal(text: &str, scale: i32) -> Option<Decimal> {
    let number = parse_decimal(text)?;
    let mut digits = String::new();
    write_decimal(&mut digits, &Decimal { unscaled: number.unscaled.clone(), scale: 0 });
    let missing = scale.checked_sub(number.scale)?;
    let count = missing.unsigned_abs();
    if count > MOST_ZEROS {
        return None;
    }
    if missing >= 0 {
        digits.extend((0..count).map(|_| '0'));
    } else {
        for _ in 0..count {
            if digits.trim_start_matches('-') == "0" {
                break;
            }
            digits.strip_suffix('0')?;
            digits.pop();
        }
    }
    Some(Decimal { scale, ..parse_decimal(&digits)? })
}

fn kind_of(schema: &Schema) -> &str {
    match schema.name() {
        Some(logical::TIMESTAMP) => "a Timestamp by parser.timestamp.date.formats",
        Some(logical::DATE) => "a Date by parser.timestamp.date.formats",
        Some(logical::TIME) => "a Time by parser.timestamp.date.formats",
        Some(logical::DECIMAL) => "a Decimal of the scale of the field",
        _ => schema.kind().name(),
    }
}

/// The beginning of a text, for a sentence.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use connect_api::config::{Config as _, Props};

    use super::*;
    use crate::config::SchemaConfig;

    fn reader(zone: &str, formats: &str) -> CellReader {
        let props = Props::from([
            ("schema.generation.enabled", "true"),
            ("parser.timestamp.timezone", zone),
            ("parser.timestamp.date.formats", formats),
        ]);
        CellReader::new(&SchemaConfig::parse(&props).unwrap())
    }

    fn read(schema: &Schema, text: &str) -> Result<Value, String> {
        let reader = reader("UTC", "yyyy-MM-dd'T'HH:mm:ss,yyyy-MM-dd' 'HH:mm:ss,yyyy-MM-dd");
        reader.read(schema, Some(text.to_owned()))
    }

    #[test]
    fn every_type_reads_its_text() {
        let decimal = Schema::new(Type::Bytes).named(logical::DECIMAL).parameter("scale", "2");
        let timestamp = Schema::new(Type::Int64).named(logical::TIMESTAMP);
        let date = Schema::new(Type::Int32).named(logical::DATE);
        let number = |unscaled: &'static [u8]| {
            Value::Decimal(Decimal { unscaled: unscaled.into(), scale: 2 })
        };
        for (schema, text, value) in [
            (Schema::new(Type::Int8), "-128", Some(Value::Int8(-128))),
            (Schema::new(Type::Int8), "128", None),
            (Schema::new(Type::Int32), " 7 ", Some(Value::Int32(7))),
            (Schema::new(Type::Int32), "", None),
            (Schema::new(Type::Int64), "1.5", None),
            (Schema::new(Type::Float64), "1.5", Some(Value::Float64(1.5))),
            (Schema::new(Type::Boolean), "TRUE", Some(Value::Boolean(true))),
            (Schema::new(Type::Boolean), "maybe", None),
            (Schema::new(Type::String), "", Some("".into())),
            (decimal.clone(), "1.5", Some(number(&[0, 150]))),
            (decimal.clone(), "-1", Some(number(&[0x9c]))),
            (decimal.clone(), "1.500", Some(number(&[0, 150]))),
            (decimal.clone(), "0", Some(number(&[0]))),
            (decimal.clone(), "1.505", None),
            (decimal, "1E3", Some(number(&[1, 0x86, 0xa0]))),
            (timestamp.clone(), "1970-01-02T00:00:01", Some(Value::Timestamp(86_401_000))),
            (timestamp.clone(), "1970-01-02 00:00:01", Some(Value::Timestamp(86_401_000))),
            (timestamp, "tomorrow", None),
            (date, "1970-01-03", Some(Value::Date(2))),
        ] {
            assert_eq!(read(&schema, text).ok(), value, "{text:?} as {}", kind_of(&schema));
        }
    }

    #[test]
    fn a_null_needs_an_optional_field() {
        let reader = reader("UTC", "yyyy");
        let schema = Schema::new(Type::Int32);
        assert!(reader.read(&schema, None).is_err());
        assert_eq!(reader.read(&schema.optional(), None), Ok(Value::Null));
    }

    #[test]
    fn local_times_are_those_of_the_zone() {
        let timestamp = Schema::new(Type::Int64).named(logical::TIMESTAMP);
        let at = |zone: &str, format: &str, text: &str| {
            reader(zone, format).read(&timestamp, Some(text.to_owned()))
        };
        let utc = at("UTC", "yyyy-MM-dd HH:mm", "2026-07-01 10:00").unwrap().as_i64().unwrap();
        let berlin = at("Europe/Berlin", "yyyy-MM-dd HH:mm", "2026-07-01 12:00").unwrap();
        assert_eq!(berlin, Value::Timestamp(utc));
        // The clock goes from two to three: half past two is half past three.
        let gap = at("Europe/Berlin", "yyyy-MM-dd HH:mm", "2026-03-29 02:30").unwrap();
        assert_eq!(gap, at("UTC", "yyyy-MM-dd HH:mm", "2026-03-29 01:30").unwrap());
        let own = at("Europe/Berlin", "yyyy-MM-dd HH:mm Z", "2026-07-01 10:00 +0000").unwrap();
        assert_eq!(own, Value::Timestamp(utc));
    }
}
