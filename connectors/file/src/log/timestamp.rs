//! Times as log lines write them.

use chrono::{
    DateTime, NaiveDate, NaiveDateTime, NaiveTime,
    format::{Fixed, Item, Numeric, StrftimeItems},
};
use chrono_tz::Tz;
use connect_api::{
    config::{ConfigKind, ConfigType},
    value::Value,
};

use super::period::offset_seconds;

/// A quarter of an hour: no zone has ever changed its offset at a finer grain.
const QUARTER_MS: i64 = 15 * 60 * 1000;

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TimestampFormat {
    /// ISO 8601, with `T` or a blank, with or without fraction and offset.
    Iso8601,
    /// Milliseconds since the epoch.
    EpochMs,
    /// Seconds since the epoch.
    EpochS,
    /// A strftime pattern; `true` when the text holds its own offset.
    Pattern(String, bool),
}

impl ConfigType for TimestampFormat {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "iso8601" => return Ok(Self::Iso8601),
            "epoch_ms" => return Ok(Self::EpochMs),
            "epoch_s" => return Ok(Self::EpochS),
            _ => {}
        }
        let mut has_offset = false;
        for item in StrftimeItems::new(text) {
            match item {
                Item::Error => {
                    return Err("Not a time pattern such as %Y-%m-%d %H:%M:%S".to_owned());
                }
                Item::Numeric(Numeric::Timestamp, _)
                | Item::Fixed(
                    Fixed::TimezoneOffset
                    | Fixed::TimezoneOffsetColon
                    | Fixed::TimezoneOffsetColonZ
                    | Fixed::TimezoneOffsetZ
                    | Fixed::RFC2822
                    | Fixed::RFC3339,
                ) => has_offset = true,
                _ => {}
            }
        }
        if !text.contains('%') {
            return Err(
                "Must be iso8601, epoch_ms, epoch_s or a pattern such as %Y-%m-%d %H:%M:%S"
                    .to_owned(),
            );
        }
        Ok(Self::Pattern(text.to_owned(), has_offset))
    }

    fn recommended() -> Vec<String> {
        ["iso8601", "epoch_ms", "epoch_s"].map(String::from).to_vec()
    }
}

/// Reads times, in one zone where they do not say theirs.
#[derive(Debug)]
pub(super) struct TimestampReader {
    format: TimestampFormat,
    zone: Tz,
    /// The last quarter of an hour of local time and its offset: lines come in the order of time.
    known: Option<(i64, i64)>,
}

impl TimestampReader {
    /// A reader of this format.
    pub(super) const fn new(format: TimestampFormat, zone: Tz) -> Self {
        Self { format, zone, known: None }
    }

    /// Milliseconds since the epoch; none when the value is no time of this format.
    pub(super) fn read(&mut self, value: &Value) -> Option<i64> {
        match value {
            Value::String(text) => self.read_text(text),
            Value::Timestamp(ms) => Some(*ms),
            Value::Float64(number) => self.read_number(*number),
            other => {
                let number = other.as_i64()?;
                match self.format {
                    TimestampFormat::EpochS => number.checked_mul(1000),
                    _ => Some(number),
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn read_number(&self, number: f64) -> Option<i64> {
        let ms = match self.format {
            TimestampFormat::EpochS => number * 1000.0,
            _ => number,
        };
        (ms.abs() < 1e18).then(|| ms.round() as i64)
    }

    fn read_text(&mut self, text: &str) -> Option<i64> {
        let text = text.trim();
        match &self.format {
            TimestampFormat::Iso8601 => self.read_iso(text.as_bytes()),
            TimestampFormat::EpochMs => text.parse().ok(),
            TimestampFormat::EpochS => match text.parse::<i64>() {
                Ok(seconds) => seconds.checked_mul(1000),
                Err(_) => self.read_number(text.parse().ok()?),
            },
            TimestampFormat::Pattern(pattern, true) => DateTime::parse_from_str(text, pattern)
                .map(|time| time.timestamp_millis())
                .or_else(|_| {
                    NaiveDateTime::parse_from_str(text, pattern)
                        .map(|time| time.and_utc().timestamp_millis())
                })
                .ok(),
            TimestampFormat::Pattern(pattern, false) => {
                let local = NaiveDateTime::parse_from_str(text, pattern)
                    .or_else(|_| {
                        NaiveDate::parse_from_str(text, pattern)
                            .map(|date| date.and_time(NaiveTime::MIN))
                    })
                    .ok()?;
                Some(self.utc_ms(local))
            }
        }
    }

    /// `2026-11-21T10:00:00.123Z`, with `T` or a blank; fraction, offset and time may be missing.
    fn read_iso(&mut self, text: &[u8]) -> Option<i64> {
        let mut rest = Cursor(text);
        let date = NaiveDate::from_ymd_opt(
            i32::try_from(rest.number(4)?).ok()?,
            rest.after(b"-")?.number(2)?,
            rest.after(b"-")?.number(2)?,
        )?;
        if rest.0.is_empty() {
            return Some(self.utc_ms(date.and_time(NaiveTime::MIN)));
        }
        rest.after(b"Tt ")?;
        let (hour, minute) = (rest.number(2)?, rest.after(b":")?.number(2)?);
        let second = if rest.after(b":").is_some() { rest.number(2)? } else { 0 };
        let nanos = if rest.after(b".,").is_some() { rest.fraction()? } else { 0 };
        let local = date.and_time(NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?);
        match rest.0 {
            [] => Some(self.utc_ms(local)),
            _ => Some(local.and_utc().timestamp_millis() - rest.offset_ms()?),
        }
    }

    fn utc_ms(&mut self, local: NaiveDateTime) -> i64 {
        let local_ms = local.and_utc().timestamp_millis();
        let quarter = local_ms.div_euclid(QUARTER_MS);
        let offset_ms = match self.known {
            Some((known, offset_ms)) if known == quarter => offset_ms,
            _ => i64::from(offset_seconds(self.zone, local)) * 1000,
        };
        self.known = Some((quarter, offset_ms));
        local_ms - offset_ms
    }
}

/// What is left of a text.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (text, rest) = self.0.split_at_checked(digits)?;
        let number = text.iter().try_fold(0, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
        })?;
        self.0 = rest;
        Some(number)
    }

    /// Steps over one of these letters.
    fn after(&mut self, letters: &[u8]) -> Option<&mut Self> {
        let (first, rest) = self.0.split_first()?;
        if !letters.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(self)
    }

    /// All that is left as the offset from UTC: `Z`, `+02:00`, `-0430`, `+02`.
    fn offset_ms(&mut self) -> Option<i64> {
        if let [b'Z' | b'z'] = self.0 {
            return Some(0);
        }
        let sign = if self.after(b"+").is_some() { 1 } else { -1 };
        if sign == -1 {
            self.after(b"-")?;
        }
        let hours = i64::from(self.number(2)?);
        let _colon = self.after(b":");
        let minutes = if self.0.is_empty() { 0 } else { i64::from(self.number(2)?) };
        self.0.is_empty().then_some(sign * (hours * 60 + minutes) * 60_000)
    }

    /// Digits after the point, as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let (mut nanos, mut unit) = (0, 100_000_000);
        let mut digits = 0;
        while let Some(digit) = self.number(1) {
            nanos += digit * unit;
            unit /= 10;
            digits += 1;
        }
        (digits > 0).then_some(nanos)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn read(format: &str, zone: Tz, text: &str) -> Option<i64> {
        let format = TimestampFormat::parse(format).unwrap();
        TimestampReader::new(format, zone).read(&text.into())
    }

    #[test]
    fn iso_times_are_read_with_and_without_their_offset() {
        let berlin = chrono_tz::Europe::Berlin;
        for (text, expected) in [
            ("2026-11-21T10:00:00.123Z", Some(1_795_255_200_123)),
            ("2026-11-21 11:00:00.123", Some(1_795_255_200_123)),
            ("2026-11-21 11:00:00,123456", Some(1_795_255_200_123)),
            ("2026-11-21T12:00+02:00", Some(1_795_255_200_000)),
            ("2026-11-21T05:30:00-0430", Some(1_795_255_200_000)),
            ("2026-11-21", Some(1_795_215_600_000)),
            ("2026-11-21T10:00:00.", None),
            ("2026-13-21T10:00:00Z", None),
            ("2026-11-21T10:00:00 UTC", None),
            ("", None),
        ] {
            assert_eq!(read("iso8601", berlin, text), expected, "{text}");
        }
    }

    #[test]
    fn other_formats_are_read_as_they_say() {
        for (format, text, expected) in [
            ("epoch_ms", "1795255200123", Some(1_795_255_200_123)),
            ("epoch_s", "1795255200", Some(1_795_255_200_000)),
            ("epoch_s", "1795255200.25", Some(1_795_255_200_250)),
            ("%d/%b/%Y:%H:%M:%S %z", "21/Nov/2026:11:00:00 +0100", Some(1_795_255_200_000)),
            ("%Y/%m/%d", "2026/11/21", Some(1_795_219_200_000)),
            ("%s", "1795255200", Some(1_795_255_200_000)),
            ("epoch_ms", "yesterday", None),
        ] {
            assert_eq!(read(format, Tz::UTC, text), expected, "{format} {text}");
        }
    }

    #[test]
    fn a_pattern_that_means_no_time_is_refused() {
        assert!(TimestampFormat::parse("iso").is_err());
        assert!(TimestampFormat::parse("%Y %!").is_err());
    }

    #[test]
    fn the_remembered_offset_does_not_outlive_a_change_of_the_clocks() {
        let mut reader = TimestampReader::new(TimestampFormat::Iso8601, chrono_tz::Europe::Berlin);
        let mut read = |text: &str| reader.read(&text.into()).unwrap();
        let before = read("2026-03-29 01:59:59");
        assert_eq!(read("2026-03-29 03:00:00") - before, 1000);
    }

    proptest! {
        #[test]
        fn every_printed_time_reads_back(ms in 0_i64..4_102_444_800_000) {
            let time = DateTime::from_timestamp_millis(ms).unwrap();
            let text = time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            prop_assert_eq!(read("iso8601", Tz::UTC, &text), Some(ms));
            let text = time.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
            prop_assert_eq!(read("iso8601", Tz::UTC, &text), Some(ms));
        }
    }
}
