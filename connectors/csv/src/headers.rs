//! The headers of records: where each comes from.

use std::{
    path::{Path, absolute},
    sync::Arc,
};

use connect_api::{
    record::{Header, Headers, SchemaAndValue},
    schema::{Schema, Type, logical},
    value::Value,
};

use crate::spool::Found;

/// Header whose value differs from row to row.
const FILE_OFFSET: &str = "file.offset";

/// The headers of one file's records.
#[derive(Debug)]
pub(crate) struct FileHeaders {
    headers: Headers,
    /// Place of the header with the row's own offset.
    offset_at: usize,
}

impl FileHeaders {
    /// The headers for a file below this directory.
    pub(crate) fn new(found: &Found, input: &Path) -> Self {
        let path = &found.path;
        let text = |text: Option<&std::ffi::OsStr>| {
            let text = text.unwrap_or_default().to_string_lossy();
            SchemaAndValue::new(Schema::string(), Value::string(text.as_ref()))
        };
        let whole = absolute(path).unwrap_or_else(|_| path.clone());
        let folder = whole.parent().and_then(Path::file_name);
        let long = Arc::new(Schema::new(Type::Int64));
        let number = |number| SchemaAndValue::new(Arc::clone(&long), Value::Int64(number));
        let timestamp = Arc::new(Schema::new(Type::Int64).named(logical::TIMESTAMP).versioned(1));
        let modified = Value::Timestamp(found.identity.modified_ms);
        let mut headers = vec![
            header("file.name", text(path.file_name())),
            header("file.name.without.extension", text(path.file_stem())),
            header("file.path", text(Some(whole.as_os_str()))),
            header("file.parent.dir.name", text(folder)),
            header("file.length", number(found.identity.size.cast_signed())),
            header(FILE_OFFSET, number(0)),
            header("file.last.modified", SchemaAndValue::new(timestamp, modified)),
        ];
        let below = path.parent().and_then(|parent| parent.strip_prefix(input).ok());
        if let Some(below) = below.filter(|below| !below.as_os_str().is_empty()) {
            headers.push(header("file.relative.path", text(Some(below.as_os_str()))));
        }
        let offset_at = headers.iter().position(|header| &*header.key == FILE_OFFSET);
        Self { headers, offset_at: offset_at.unwrap_or_default() }
    }

    /// The headers of a row with this offset.
    pub(crate) fn of(&self, offset: u64) -> Headers {
        let mut headers = self.headers.clone();
        if let Some(header) = headers.get_mut(self.offset_at) {
            header.data.value = Value::Int64(offset.cast_signed());
        }
        headers
    }
}

fn header(key: &str, data: SchemaAndValue) -> Header {
    Header { key: key.into(), data }
}
