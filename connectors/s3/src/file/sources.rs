//! Which bytes of which files the records of an object were read from.
//!
//! The log file source says it in headers of each record, where it is asked to. What they say is folded
//! into a few lines of the object's metadata: a range of bytes per file, the first and the last position
//! that came. Records in between may be in other objects, so that each line counts its own.

use connect_api::{
    insight::StoredSource,
    record::{Header, SinkRecord},
    value::Value,
};

use crate::store::Metadata;

const FILE: &str = "millrace.file";
const OFFSET: &str = "millrace.offset";
const NEXT: &str = "millrace.offset.next";

/// Name of the line of a file, without its number.
const LINE: &str = "source-";
/// Name of the line that stands for files beyond those.
const OTHERS: &str = "source-other-records";
/// Name of the line that an upload in parts begins with.
const BEGINNING: &str = "source-first";

/// Most files that an object tells of.
const MOST_FILES: usize = 4;
/// Longest path of such a file, as it is written. S3 takes 2 KB of metadata, and the records need up
/// to half a KB of it.
const MOST_PATH_BYTES: usize = 256;

/// Parts of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<Part>);

/// Part of a file.
#[derive(Clone, Debug)]
struct Part {
    /// Its path as metadata have it.
    path: String,
    /// Its path as headers have it.
    file: String,
    start: i64,
    next: i64,
    records: u64,
}

impl Sources {
    /// Takes what the headers of a record say; most have none.
    pub(super) fn note(&mut self, record: &SinkRecord) {
        if record.headers.is_empty() {
            return;
        }
        let Some((file, start, next)) = place(&record.headers) else { return };
        // A position before those that came belongs to a new file under an old name.
        let goes_on = |part: &&mut Part| part.file == file && start >= part.next;
        if let Some(part) = self.0.iter_mut().rev().find(goes_on) {
            part.next = next;
            part.records += 1;
            return;
        }
        let path = encode(file);
        if self.0.len() < MOST_FILES && path.len() <= MOST_PATH_BYTES {
            self.0.push(Part { path, file: file.to_owned(), start, next, records: 1 });
        }
    }

    /// Adds what an object with so many records says of them.
    pub(super) fn tell(&self, metadata: &mut Metadata, records: u64) {
        for (number, part) in (1..).zip(&self.0) {
            let Part { path, start, next, records, .. } = part;
            metadata.insert(format!("{LINE}{number}"), format!("{start} {next} {records} {path}"));
        }
        let told: u64 = self.0.iter().map(|part| part.records).sum();
        if told > 0 && told < records {
            metadata.insert(OTHERS.to_owned(), (records - told).to_string());
        }
    }

    /// Adds what is known of an object whose last record is to come.
    pub(super) fn tell_beginning(&self, metadata: &mut Metadata) {
        if let Some(Part { path, start, .. }) = self.0.first() {
            metadata.insert(BEGINNING.to_owned(), format!("{start} {path}"));
        }
    }
}

/// What an object says of the files its records came from, and how many records came from others.
pub(crate) fn told(metadata: &Metadata) -> (Vec<StoredSource>, u64) {
    let lines = (1..=MOST_FILES).map_while(|number| metadata.get(&format!("{LINE}{number}")));
    let mut sources: Vec<_> = lines.filter_map(|line| read(line)).collect();
    if let Some((start, path)) = metadata.get(BEGINNING).and_then(|line| line.split_once(' '))
        && let Ok(start) = start.parse()
    {
        sources.push(StoredSource { file: decode(path), start, next: None, records: None });
    }
    let others = metadata.get(OTHERS).and_then(|count| count.parse().ok());
    (sources, others.unwrap_or_default())
}

fn read(line: &str) -> Option<StoredSource> {
    let mut words = line.splitn(4, ' ');
    let start = words.next()?.parse().ok()?;
    let next = Some(words.next()?.parse().ok()?);
    let records = Some(words.next()?.parse().ok()?);
    Some(StoredSource { file: decode(words.next()?), start, next, records })
}

/// File, position and position after the line; nothing when the headers do not say it.
fn place(headers: &[Header]) -> Option<(&str, i64, i64)> {
    let (mut file, mut start, mut next) = (None, None, None);
    for Header { key, data } in headers {
        match &**key {
            FILE => file = data.value.as_str(),
            OFFSET => start = number(&data.value),
            NEXT => next = number(&data.value),
            _ => {}
        }
    }
    let (file, start) = (file?, start?);
    Some((file, start, next.unwrap_or(start)))
}

/// A number however the header converter has brought it.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Metadata are printable ASCII: anything else, and what marks it, is `%` with two digits.
fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        let code = digit(0).zip(digit(1)).filter(|_| *first == b'%');
        let code = code.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use connect_api::record::SchemaAndValue;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::task::tests::record;

    fn line(file: &str, start: i64, next: i64) -> SinkRecord {
        let header = |key: &str, value: Value| Header {
            key: key.into(),
            data: SchemaAndValue::schemaless(value),
        };
        let headers = vec![
            header(FILE, Value::string(file.to_owned())),
            header(OFFSET, Value::Int64(start)),
            // As the string converter brings it.
            header(NEXT, Value::string(next.to_string())),
        ];
        SinkRecord { headers, ..record(0, 0, Value::Null) }
    }

    fn source(file: &str, range: (i64, i64), records: u64) -> StoredSource {
        let (start, next) = range;
        StoredSource { file: file.to_owned(), start, next: Some(next), records: Some(records) }
    }

    fn told_of(sources: &Sources, records: u64) -> (Vec<StoredSource>, u64) {
        let mut metadata = Metadata::new();
        sources.tell(&mut metadata, records);
        told(&metadata)
    }

    #[test]
    fn lines_of_a_file_are_one_range() {
        let mut sources = Sources::default();
        for (file, start, next) in [("a b.log", 10, 20), ("é", 0, 7), ("a b.log", 30, 41)] {
            sources.note(&line(file, start, next));
        }
        sources.note(&record(0, 0, Value::Null));
        let expected = vec![source("a b.log", (10, 41), 2), source("é", (0, 7), 1)];
        assert_eq!(told_of(&sources, 4), (expected, 1));
    }

    #[test]
    fn a_file_that_begins_anew_under_its_name_is_another() {
        let mut sources = Sources::default();
        sources.note(&line("a", 10, 20));
        sources.note(&line("a", 0, 5));
        sources.note(&line("a", 5, 9));
        let expected = vec![source("a", (10, 20), 1), source("a", (0, 9), 2)];
        assert_eq!(told_of(&sources, 3), (expected, 0));
    }

    #[test]
    fn records_of_anything_else_say_nothing() {
        let mut sources = Sources::default();
        sources.note(&record(0, 0, Value::Null));
        assert_eq!(told_of(&sources, 1), (Vec::new(), 0));
    }

    proptest! {
        #[test]
        fn metadata_stay_small_and_every_record_is_counted(
            lines in proptest::collection::vec((".{0,400}", 0..100_i64), 0..20),
        ) {
            let mut sources = Sources::default();
            for (file, start) in &lines {
                sources.note(&line(file, *start, start + 1));
            }
            let mut metadata = Metadata::new();
            let count = u64::try_from(lines.len()).unwrap();
            sources.tell(&mut metadata, count);
            let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(bytes < 1300, "{bytes}");
            prop_assert!(metadata.values().all(|value| value.is_ascii()));
            let (told, others) = told(&metadata);
            let counted: u64 = told.iter().filter_map(|source| source.records).sum();
            prop_assert!(counted == 0 || counted + others == count);
            for source in told {
                prop_assert!(lines.iter().any(|(file, _)| *file == source.file));
            }
        }

        #[test]
        fn paths_come_back_as_they_were(path in any::<String>()) {
            prop_assert_eq!(decode(&encode(&path)), path);
        }
    }
}
