//! Which folder a record goes to: partitioners, and the time they follow.
//!
//! A [`Router`] belongs to one Kafka partition. It writes the folder's text only when it changes:
//! within one quarter of an hour that lies in one time bucket, the folder is a pointer.

mod moment;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    record::SinkRecord,
    schema::Schema,
    value::Value,
};
use connect_joda::{Pattern, Zone};

use self::moment::Extractor;
use crate::{
    keys::StorageKeys,
    words::{Affix, PartitionerClass},
};

/// Folders that are kept as shared text at most: beyond, they are forgotten and made anew.
const INTERNED_FOLDERS: usize = 16_384;
/// Offsets of time zones change at whole quarters of an hour of universal time.
const SLOT_MS: i64 = 900_000;

/// Finds the folders of the records of one Kafka partition.
#[derive(Debug)]
pub struct Router {
    /// Top folder with its delimiter, or nothing.
    root: String,
    delimiter: String,
    affix: Affix,
    kind: Kind,
    known: HashSet<Arc<str>>,
    /// Folder of the record before, and what it holds for.
    recent: Option<Recent>,
    scratch: String,
}

#[derive(Debug)]
struct Recent {
    topic: Arc<str>,
    /// The first and the last instant it holds for.
    times_ms: (i64, i64),
    folder: Arc<str>,
}

#[derive(Debug)]
enum Kind {
    Default,
    Field(Fields),
    Time(TimeBased),
    /// Folders of fields, and in them those of times.
    FieldAndTime(Fields, TimeBased),
}

/// Fields of the value that name folders.
#[derive(Debug)]
struct Fields {
    names: Vec<String>,
    /// What stands between their folders.
    delimiter: String,
    /// Whether a folder says which field it is of.
    has_labels: bool,
}

/// A partitioner by time.
#[derive(Debug)]
struct TimeBased {
    pattern: Pattern,
    duration_ms: i64,
    zone: Zone,
    extractor: Extractor,
}

impl Router {
    /// Builds the router that keys describe.
    ///
    /// # Errors
    /// `Invalid` for a pattern or time zone that validation would have refused.
    pub fn new(storage: &StorageKeys) -> Result<Self> {
        let delimiter = storage.directory_delim.clone();
        let root = match storage.topics_dir.as_str() {
            "" => String::new(),
            dir => format!("{dir}{delimiter}"),
        };
        let kind = match storage.partitioner_class {
            PartitionerClass::Default => Kind::Default,
            PartitionerClass::Field => Kind::Field(Fields::new(storage)),
            class => {
                let time = TimeBased::new(storage).map_err(ConnectorError::invalid)?;
                match class {
                    PartitionerClass::FieldAndTime => {
                        Kind::FieldAndTime(Fields::new(storage), time)
                    }
                    _ => Kind::Time(time),
                }
            }
        };
        Ok(Self {
            root,
            delimiter,
            affix: Affix::None,
            kind,
            known: HashSet::new(),
            recent: None,
            scratch: String::new(),
        })
    }

    /// Names the value's schema beside the folder of the partitioner.
    #[must_use]
    pub fn with_schema_names(mut self, affix: Affix) -> Self {
        self.affix = affix;
        self
    }

    /// The time a record is filed under; none unless the partitioner is by time.
    ///
    /// # Errors
    /// `Record` when it has none.
    pub fn time_ms(&self, record: &SinkRecord, now_ms: i64) -> Result<Option<i64>> {
        match self.kind.time() {
            Some(time) => time.extractor.time_ms(record, now_ms).map(Some),
            None => Ok(None),
        }
    }

    /// The part of a folder that a record keeps however often it is read, where folders follow the
    /// clock: records of one such part are in files that follow one another.
    ///
    /// # Errors
    /// As [`Router::folder`].
    pub fn clock_lane(&mut self, record: &SinkRecord) -> Result<Arc<str>> {
        if self.affix == Affix::None && !matches!(self.kind, Kind::FieldAndTime(..)) {
            return Ok(Arc::clone(&record.topic));
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let written = self.write(&mut text, record, None);
        // No folder ends with it, so that none is a lane.
        text.push_str(&self.delimiter);
        let lane = written.map(|()| self.intern(&text));
        self.scratch = text;
        lane
    }

    /// The folder of a record: everything before the object's name, without the last delimiter.
    ///
    /// # Errors
    /// `Record` when the value does not have the fields.
    pub fn folder(&mut self, record: &SinkRecord, time_ms: Option<i64>) -> Result<Arc<str>> {
        let time_ms = time_ms.unwrap_or(0);
        if let Some(recent) = &self.recent
            && (recent.times_ms.0..=recent.times_ms.1).contains(&time_ms)
            && (Arc::ptr_eq(&recent.topic, &record.topic) || recent.topic == record.topic)
        {
            return Ok(Arc::clone(&recent.folder));
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let written = self.write(&mut text, record, Some(time_ms));
        let folder = written.map(|()| self.intern(&text));
        self.scratch = text;
        let folder = folder?;
        self.recent = self.span(time_ms).map(|times_ms| Recent {
            topic: Arc::clone(&record.topic),
            times_ms,
            folder: Arc::clone(&folder),
        });
        Ok(folder)
    }

    /// The folder of this name among those of a record's topic, whatever the record holds.
    pub fn named_folder(&mut self, record: &SinkRecord, name: &str) -> Arc<str> {
        let Self { root, delimiter, .. } = self;
        let text = format!("{root}{}{delimiter}{name}", record.topic);
        self.intern(&text)
    }

    /// Folders of a record in this time bucket and those before it, newest first, each once.
    pub fn folders_back(
        &mut self,
        record: &SinkRecord,
        now_ms: i64,
        limit: usize,
    ) -> Vec<Arc<str>> {
        let Some(time) = self.kind.time() else { return Vec::new() };
        let duration_ms = time.duration_ms;
        let mut folders: Vec<Arc<str>> = Vec::new();
        for back in (0..=i64::try_from(limit).unwrap_or(i64::MAX)).take(limit) {
            let at = now_ms.saturating_sub(duration_ms.saturating_mul(back));
            let mut text = String::new();
            if self.write(&mut text, record, Some(at)).is_ok()
                && !folders.iter().any(|f| **f == *text)
            {
                folders.push(text.into());
            }
        }
        folders
    }

    fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(folder) = self.known.get(text) {
            return Arc::clone(folder);
        }
        if self.known.len() >= INTERNED_FOLDERS {
            self.known.clear();
        }
        let folder: Arc<str> = text.into();
        self.known.insert(Arc::clone(&folder));
        folder
    }

    /// The times around one that give the same folder whatever the record holds.
    fn span(&self, time_ms: i64) -> Option<(i64, i64)> {
        if self.affix != Affix::None {
            return None;
        }
        match &self.kind {
            Kind::Default => Some((i64::MIN, i64::MAX)),
            Kind::Field(_) | Kind::FieldAndTime(..) => None,
            Kind::Time(time) => {
                let first = time_ms.div_euclid(SLOT_MS).checked_mul(SLOT_MS)?;
                let last = first.checked_add(SLOT_MS - 1)?;
                let bucket = |at| time.zone.bucket_ms(at, time.duration_ms);
                (bucket(first) == bucket(last) && bucket(first) == bucket(time_ms))
                    .then_some((first, last))
            }
        }
    }

    /// Writes a folder, or all of it but the time.
    fn write(&self, out: &mut String, record: &SinkRecord, time_ms: Option<i64>) -> Result<()> {
        out.push_str(&self.root);
        out.push_str(&record.topic);
        out.push_str(&self.delimiter);
        if self.affix == Affix::Prefix {
            write_schema_name(out, record.value.schema.as_deref());
            out.push_str(&self.delimiter);
        }
        match (&self.kind, time_ms) {
            (Kind::Default, _) => {
                // Writing to a string cannot fail.
                let _written = write!(out, "partition={}", record.origin.partition);
            }
            (Kind::Field(fields), _) | (Kind::FieldAndTime(fields, _), None) => {
                fields.write(out, record)?;
            }
            (Kind::Time(_), None) => {}
            (Kind::Time(time), Some(time_ms)) => time.write(out, time_ms),
            (Kind::FieldAndTime(fields, time), Some(time_ms)) => {
                fields.write(out, record)?;
                out.push_str(&self.delimiter);
                time.write(out, time_ms);
            }
        }
        if self.affix == Affix::Suffix {
            out.push_str(&self.delimiter);
            write_schema_name(out, record.value.schema.as_deref());
        }
        Ok(())
    }
}

impl Kind {
    const fn time(&self) -> Option<&TimeBased> {
        match self {
            Self::Time(time) | Self::FieldAndTime(_, time) => Some(time),
            Self::Default | Self::Field(_) => None,
        }
    }
}

impl Fields {
    /// Those that keys name. Between the folders of fields that times follow there is
    /// always a slash, as in the original.
    fn new(storage: &StorageKeys) -> Self {
        let is_alone = storage.partitioner_class == PartitionerClass::Field;
        Self {
            names: storage.partition_field_name.clone(),
            delimiter: if is_alone { storage.directory_delim.clone() } else { "/".to_owned() },
            has_labels: is_alone || storage.partition_field_format_path,
        }
    }

    fn write(&self, out: &mut String, record: &SinkRecord) -> Result<()> {
        if !matches!(record.value.value, Value::Struct(_) | Value::Map(_)) {
            return Err(ConnectorError::record(
                "A partitioner by fields needs a struct or a map as the value of a record",
            ));
        }
        for (place, name) in self.names.iter().enumerate() {
            if place > 0 {
                out.push_str(&self.delimiter);
            }
            if self.has_labels {
                out.push_str(name);
                out.push('=');
            }
            let value = field(&record.value.value, name).ok_or_else(|| {
                ConnectorError::record(format!("The value has no field \"{name}\" to partition by"))
            })?;
            write_field(out, name, value)?;
        }
        Ok(())
    }
}

impl TimeBased {
    fn new(storage: &StorageKeys) -> Result<Self, String> {
        let (pattern, duration_ms) = storage.time_pattern();
        let delimiter = storage.directory_delim.as_str();
        let pattern = pattern.strip_suffix(delimiter).unwrap_or(pattern);
        Ok(Self {
            pattern: Pattern::parse(pattern)?,
            duration_ms: duration_ms.max(1),
            zone: Zone::parse(&storage.timezone)?,
            extractor: Extractor::new(storage.timestamp_extractor, &storage.timestamp_field),
        })
    }

    /// Writes the folder of the bucket that a time is in.
    fn write(&self, out: &mut String, time_ms: i64) {
        let start = self.zone.to_utc_ms(self.zone.bucket_ms(time_ms, self.duration_ms));
        self.pattern.write(out, start, self.zone);
    }
}

/// Follows a path, taking a name with dots in it as it stands first.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.member(name).or_else(|| value.path(name))
}

fn write_field(out: &mut String, name: &str, value: &Value) -> Result<()> {
    let _written = match value {
        Value::Null => write!(out, "null"),
        Value::Boolean(flag) => write!(out, "{flag}"),
        Value::Int8(number) => write!(out, "{number}"),
        Value::Int16(number) => write!(out, "{number}"),
        Value::Int32(number) => write!(out, "{number}"),
        Value::Int64(number) => write!(out, "{number}"),
        Value::String(text) => write!(out, "{text}"),
        other => {
            let kind = other.kind().map_or("NULL", connect_api::schema::Type::name);
            return Err(ConnectorError::record(format!(
                "Field \"{name}\" of type {kind} cannot be partitioned by"
            )));
        }
    };
    Ok(())
}

fn write_schema_name(out: &mut String, schema: Option<&Schema>) {
    out.push_str("schema_name=");
    out.push_str(schema.and_then(Schema::name).unwrap_or("null"));
}
