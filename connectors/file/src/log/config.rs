//! The options of the log file source, and what they mean.

use std::time::Duration;

use chrono_tz::Tz;
use connect_api::{
    config::{Config, ConfigKind, ConfigType, Problems, Props, choice},
    error::{ConnectorError, Result},
};
use regex::bytes::Regex;

use super::{fields::FieldPattern, path_pattern::PathPattern, timestamp::TimestampFormat};

choice! {
    /// What to do with the files that are there at the very first start.
    pub(super) enum StartFrom {
        /// Read them from their first line.
        Beginning = "beginning",
        /// Read only what is written from now on.
        End = "end",
    }
}

choice! {
    /// How a line becomes a value.
    pub(super) enum Parse {
        /// It is the value.
        None = "none",
        /// It is a JSON document.
        Json = "json",
        /// A regular expression takes fields out of it.
        Pattern = "pattern",
    }
}

choice! {
    /// How a file's bytes become text.
    pub(super) enum Encoding {
        /// UTF-8.
        Utf8 = "utf-8",
        /// ISO 8859-1: every byte is one character.
        Latin1 = "latin1",
    }
}

/// A zone of the IANA data base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zone(pub(super) Tz);

impl ConfigType for Zone {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> std::result::Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "Must be the name of a time zone, such as Europe/Berlin or UTC".to_owned())
    }
}

/// A regular expression that is looked for in a line.
#[derive(Clone, Debug)]
pub(super) struct LinePattern(pub(super) Regex);

impl ConfigType for LinePattern {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> std::result::Result<Self, String> {
        compile(text).map(Self)
    }
}

/// Compiles a regular expression over bytes, or says in the engine's words what is wrong.
pub(super) fn compile(text: &str) -> std::result::Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("Invalid regex: {cause}")
    })
}

/// Options of the log file source.
#[derive(Config, Debug)]
#[config(group = "Log files", check)]
pub(super) struct LogFileConfig {
    /// Files to read, as paths separated by commas. `*`, `?`, `[…]` stand for parts of a name, `**`
    /// for any number of directories, and `%Y`, `%y`, `%m`, `%d`, `%j`, `%H`, `%M`, `%S`, `%F` for
    /// parts of a date: `logs/%Y%m%d.log`, `/var/log/*/app-%Y-%m-%d*.log*`. Files whose names end
    /// in `.gz` or `.zst` are read through their decompression.
    #[config(importance = High, check = NOT_EMPTY, width = Long)]
    pub(super) path: Vec<PathPattern>,
    /// Topic the lines go to.
    #[config(importance = High, check = NOT_EMPTY)]
    pub(super) topic: String,
    /// Time zone of the dates in names and of times without an offset.
    #[config(default = "UTC", importance = High)]
    pub(super) timezone: Zone,
    /// Where to start in the files that are there when the connector starts for the first time:
    /// `beginning` or `end`. Files that appear later are read from their beginning.
    #[config(default = StartFrom::Beginning)]
    pub(super) start_from: StartFrom,
    /// How a line becomes a value: `none` leaves it as it is, `json` reads it as a JSON document,
    /// `pattern` takes fields out of it.
    #[config(default = Parse::None, importance = High)]
    pub(super) parse: Parse,
    /// Regular expression of a line, for `parse=pattern`: its named groups become the fields of the
    /// value. A line that does not match follows `errors.tolerance`.
    #[config(importance = High, width = Long)]
    pub(super) pattern: Option<FieldPattern>,
    /// Field that holds the time of the record; with `parse=json` a dotted path. A line without it
    /// follows `errors.tolerance`. The time of sending when not set.
    pub(super) timestamp_field: Option<String>,
    /// How the time is written: `iso8601`, `epoch_ms`, `epoch_s` or a pattern such as
    /// `%d/%b/%Y:%H:%M:%S %z`. ISO 8601 may have a blank for the `T` and lack its fraction and
    /// offset; a time without an offset is in `timezone`.
    #[config(default = "iso8601")]
    pub(super) timestamp_format: TimestampFormat,
    /// Field that becomes the key of the record; with `parse=json` a dotted path.
    pub(super) key_field: Option<String>,
    /// How long after its date, and after its last growth, a dated file is still watched. What is
    /// written to it later is not read, and a warning says so.
    #[config(key = "late.write.grace.ms", default = 21_600_000)]
    pub(super) late_write_grace: Duration,
    /// Longest line in bytes. A longer one is cut there and has the header
    /// `millrace.line.truncated`; what follows up to its end is skipped.
    #[config(key = "max.line.bytes", default = 1_048_576, check = between(1, 67_108_864))]
    pub(super) max_line_bytes: usize,
    /// Regular expression of the first line of a record that may have several: lines that do not
    /// match belong to the record before them.
    #[config(width = Long)]
    pub(super) multiline_start_pattern: Option<LinePattern>,
    /// How long a record of several lines waits for the next one to begin.
    #[config(key = "multiline.timeout.ms", default = 5000, importance = Low)]
    pub(super) multiline_timeout: Duration,
    /// Encoding of the files: `utf-8` or `latin1`.
    #[config(default = Encoding::Utf8, importance = Low)]
    pub(super) encoding: Encoding,
    /// Most records of one batch.
    #[config(key = "batch.max.records", default = 10_000, importance = Low, check = at_least(1))]
    pub(super) batch_max_records: usize,
    /// Bytes of lines after which a batch is full.
    #[config(key = "batch.max.bytes", default = 4_194_304, importance = Low, check = at_least(1))]
    pub(super) batch_max_bytes: usize,
    /// How often the directories are looked through when the file system sends no events.
    #[config(key = "poll.interval.ms", default = 1000, importance = Low, check = at_least(1))]
    pub(super) poll_interval: Duration,
    /// Files that were last written longer ago than this, and never seen before, are not read.
    #[config(key = "ignore.older.ms", importance = Low)]
    pub(super) ignore_older: Option<Duration>,
    /// How long a file that was removed or moved out of sight is still read after its last growth.
    #[config(key = "close.removed.ms", default = 60_000, importance = Low)]
    pub(super) close_removed: Duration,
    /// How long the offset of a file that is gone is remembered.
    #[config(key = "forget.removed.ms", default = 604_800_000, importance = Low)]
    pub(super) forget_removed: Duration,
    /// Most files kept open while nothing is written to them.
    #[config(key = "max.open.files", default = 512, importance = Low, check = at_least(1))]
    pub(super) max_open_files: usize,
    /// Whether records have the headers `millrace.file`, `millrace.offset` and `millrace.offset.next`,
    /// which say where their line begins and where the next one does.
    #[config(key = "headers.provenance", default = false, importance = Low)]
    pub(super) has_provenance: bool,
}

impl LogFileConfig {
    fn check(&self, problems: &mut Problems) {
        match (self.parse, &self.pattern) {
            (Parse::Pattern, None) => {
                problems.add_text("pattern", "parse=pattern needs a pattern");
            }
            (Parse::Pattern, Some(_)) | (_, None) => {}
            (_, Some(_)) => problems.add_text("pattern", "A pattern needs parse=pattern"),
        }
        for (key, field) in
            [("timestamp.field", &self.timestamp_field), ("key.field", &self.key_field)]
        {
            let Some(field) = field else { continue };
            match (self.parse, &self.pattern) {
                (Parse::None, _) => {
                    let text = format!("{key} needs parse=json or parse=pattern");
                    problems.add_text(key, &text);
                }
                (Parse::Pattern, Some(pattern))
                    if pattern.schema().field_index(field).is_none() =>
                {
                    let text = format!("The pattern has no group named {field}");
                    problems.add_text(key, &text);
                }
                _ => {}
            }
        }
    }
}

/// What a line that cannot be read as configured does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tolerance {
    /// It fails the task.
    None,
    /// It is skipped and counted.
    All {
        /// Whether each has a line in the log, and not only the first of many.
        is_each_logged: bool,
    },
}

impl Tolerance {
    /// What the keys that belong to every connector say.
    ///
    /// # Errors
    /// `Invalid` for a word that is none of theirs.
    pub(super) fn of(props: &Props) -> Result<Self> {
        let invalid = |key: &str, word: &str, known: &str| {
            ConnectorError::invalid(format!(
                "Invalid value {word} for configuration {key}: String must be one of: {known}"
            ))
        };
        let is_each_logged = match props.get("errors.log.enable").map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("true") => true,
            Some(word) if !word.eq_ignore_ascii_case("false") => {
                return Err(invalid("errors.log.enable", word, "true, false"));
            }
            _ => false,
        };
        match props.get("errors.tolerance").map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("all") => Ok(Self::All { is_each_logged }),
            Some(word) if !word.eq_ignore_ascii_case("none") => {
                Err(invalid("errors.tolerance", word, "none, all"))
            }
            _ => Ok(Self::None),
        }
    }
}

/// A duration as milliseconds, as clocks count them.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
