//! The words that options of the CSV source understand.

use std::sync::Arc;

use chrono_tz::Tz;
use connect_api::{
    config::{ConfigKind, ConfigType, choice},
    date_format::DateFormat,
    schema::Schema,
};
use encoding_rs::Encoding;
use regex::Regex;

use crate::schema::parse_schema;

choice! {
    /// What becomes of a file that was read to its end.
    pub(crate) enum CleanupPolicy {
        /// It is moved to `finished.path`.
        Move = "MOVE",
        /// It is deleted.
        Delete = "DELETE",
        /// It stays.
        None = "NONE",
        /// It is moved to a folder of `finished.path` that is named for its last change.
        MoveByDate = "MOVEBYDATE",
    }
}

choice! {
    /// Where the time of a record comes from.
    pub(crate) enum TimestampMode {
        /// From a field of its row.
        Field = "FIELD",
        /// From the last change of its file.
        FileTime = "FILE_TIME",
        /// From whoever sends it.
        ProcessTime = "PROCESS_TIME",
    }
}

choice! {
    /// Which empty fields are null.
    #[derive(Default)]
    pub(crate) enum NullIndicator {
        /// None of them.
        #[default]
        Neither = "NEITHER",
        /// Those between two separators.
        EmptySeparators = "EMPTY_SEPARATORS",
        /// Those in quotes.
        EmptyQuotes = "EMPTY_QUOTES",
        /// All of them.
        Both = "BOTH",
    }
}

choice! {
    /// What files are sorted by.
    pub(crate) enum SortBy {
        /// Name.
        NameAsc = "NameAsc",
        /// Name, backwards.
        NameDesc = "NameDesc",
        /// Size, the smallest first.
        LengthAsc = "LengthAsc",
        /// Size, the largest first.
        LengthDesc = "LengthDesc",
        /// Time of the last change, the oldest first.
        LastModifiedAsc = "LastModifiedAsc",
        /// Time of the last change, the newest first.
        LastModifiedDesc = "LastModifiedDesc",
    }
}

choice! {
    /// How files are shared out among tasks.
    pub(crate) enum TaskPartitioner {
        /// By a checksum of their names.
        ByName = "ByName",
    }
}

choice! {
    /// Which types generated schemas have.
    pub(crate) enum GeneratedTypes {
        /// Every field is a string.
        String = "string",
        /// Numbers, booleans and times are what they look like.
        Inferred = "inferred",
    }
}

/// A character by its code; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CharCode(pub(crate) char);

impl ConfigType for CharCode {
    const KIND: ConfigKind = ConfigKind::Int;

    fn parse(text: &str) -> Result<Self, String> {
        let code = u16::parse(text)?;
        char::from_u32(code.into())
            .map(Self)
            .ok_or_else(|| "Must be the code of a character, such as 44 for a comma".to_owned())
    }
}

/// A zone of the IANA data base.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zone(pub(crate) Tz);

impl ConfigType for Zone {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "Must be the name of a time zone, such as Europe/Berlin or UTC".to_owned())
    }
}

/// A pattern of dates.
#[derive(Clone, Debug)]
pub(crate) struct DatePattern(pub(crate) Arc<DateFormat>);

impl ConfigType for DatePattern {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        DateFormat::new(text).map(|format| Self(Arc::new(format)))
    }
}

/// A regular expression that a whole file name must match.
#[derive(Clone, Debug)]
pub(crate) struct FilePattern {
    regex: Regex,
    text: String,
}

impl FilePattern {
    /// Whether the whole name matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl ConfigType for FilePattern {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("String must be non-empty".to_owned());
        }
        let whole = format!("^(?:{text})$");
        let regex = Regex::new(&whole).map_err(|error| {
            let error = error.to_string();
            let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("Invalid regex: {cause}")
        })?;
        Ok(Self { regex, text: text.to_owned() })
    }
}

/// How the bytes of files become text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Charset(pub(crate) &'static Encoding);

impl ConfigType for Charset {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        // Java's names where the web's are others.
        let label = match lower.as_str() {
            "utf-16" | "utf16" => "utf-16be".to_owned(),
            "ms932" => "shift_jis".to_owned(),
            "ms949" => "euc-kr".to_owned(),
            _ => match (lower.strip_prefix("iso8859_"), lower.strip_prefix("cp")) {
                (Some(part), _) => format!("iso-8859-{part}"),
                (_, Some(page)) if page.starts_with("125") => format!("windows-{page}"),
                _ => lower,
            },
        };
        Encoding::for_label(label.as_bytes())
            .map(Self)
            .ok_or_else(|| format!("Charset '{text}' is not known; UTF-8 and ISO-8859-1 are"))
    }
}

/// The text of a schema; nothing when it is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct SchemaText(pub(crate) Option<Arc<Schema>>);

impl ConfigType for SchemaText {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        parse_schema(text).map(|schema| Self(Some(Arc::new(schema))))
    }
}
