//! How a position in a file is stored.
//!
//! The partition is the original's, a file name. The offset has the original's count of lines and
//! more: the position in bytes, what identifies the file, and what became of its rows.

use std::{fs::Metadata, os::unix::fs::MetadataExt as _, time::UNIX_EPOCH};

use connect_api::{
    error::{ConnectorError, Result},
    record::{SourceOffset, SourcePartition},
};
use serde_json::{Map, Value as Json};

const FILE_NAME: &str = "fileName";
const OFFSET: &str = "offset";

/// What tells a file from another one that later has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Size in bytes.
    pub(crate) size: u64,
    /// Time of the last change, in milliseconds since the epoch.
    pub(crate) modified_ms: i64,
}

impl Identity {
    /// What the file system says now.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.size(), modified_ms: modified_ms(metadata) }
    }
}

fn modified_ms(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// How far the reading of a file has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There are more rows.
    #[default]
    Reading,
    /// It was read to its end.
    Finished,
    /// A row of it could not be read.
    Failed,
}

impl Stage {
    /// As users read it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }
}

/// Where a file was left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Lines after the header that were read: the original's offset.
    pub(crate) lines: u64,
    /// Position of the next row in the text; none in an offset of the original or of a user.
    pub(crate) position: Option<u64>,
    /// Bytes of the file that were read, compressed as it is.
    pub(crate) bytes_read: u64,
    /// Rows that were read.
    pub(crate) rows: u64,
    /// Rows of them that could not be converted.
    pub(crate) failed: u64,
    /// Which file it was; none in an offset of the original or of a user.
    pub(crate) identity: Option<Identity>,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// When that was, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
}

/// The partition of the file of this name.
pub(crate) fn partition(name: &str) -> SourcePartition {
    SourcePartition(Map::from_iter([(FILE_NAME.to_owned(), name.into())]))
}

/// The name in a partition.
///
/// # Errors
/// `Invalid` when it has none.
pub(crate) fn name_of(partition: &SourcePartition) -> Result<&str> {
    partition.0.get(FILE_NAME).and_then(Json::as_str).ok_or_else(|| {
        ConnectorError::invalid("Partition objects should contain the key 'fileName' with a string")
    })
}

impl Stored {
    /// Whether this is where that file was left, and not another one of its name.
    pub(crate) fn is_of(&self, identity: Identity) -> bool {
        self.identity.is_none_or(|known| known == identity)
    }

    /// As the worker stores it.
    pub(crate) fn to_offset(self) -> SourceOffset {
        let mut fields = Map::new();
        let mut set = |key: &str, value: Json| {
            fields.insert(key.to_owned(), value);
        };
        set(OFFSET, self.lines.cast_signed().into());
        if let Some(position) = self.position {
            set("position", position.cast_signed().into());
        }
        set("bytes_read", self.bytes_read.cast_signed().into());
        set("rows", self.rows.cast_signed().into());
        set("failed", self.failed.cast_signed().into());
        if let Some(identity) = self.identity {
            set("size", identity.size.cast_signed().into());
            set("modified_ms", identity.modified_ms.into());
        }
        set("stage", self.stage.word().into());
        set("at_ms", self.at_ms.into());
        SourceOffset(fields)
    }

    /// Reads what [`Stored::to_offset`] wrote, or an offset of the original.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub(crate) fn parse(offset: &SourceOffset) -> Result<Self> {
        let number = |key: &str| {
            let number = offset.0.get(key).and_then(Json::as_i64);
            number.and_then(|number| u64::try_from(number).ok())
        };
        let lines = number(OFFSET).ok_or_else(|| {
            ConnectorError::invalid(
                "Offset objects should contain the key 'offset' with a non-negative number",
            )
        })?;
        let modified_ms = offset.0.get("modified_ms").and_then(Json::as_i64);
        let identity = number("size").zip(modified_ms);
        let stage = match offset.0.get("stage").and_then(Json::as_str) {
            Some("finished") => Stage::Finished,
            Some("failed") => Stage::Failed,
            _ => Stage::Reading,
        };
        Ok(Self {
            lines,
            position: number("position"),
            bytes_read: number("bytes_read").unwrap_or(0),
            rows: number("rows").unwrap_or(lines),
            failed: number("failed").unwrap_or(0),
            identity: identity.map(|(size, modified_ms)| Identity { size, modified_ms }),
            stage,
            at_ms: offset.0.get("at_ms").and_then(Json::as_i64).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        for stage in [Stage::Reading, Stage::Finished, Stage::Failed] {
            let stored = Stored {
                lines: 3,
                position: Some(40),
                bytes_read: 8,
                rows: 2,
                failed: 1,
                identity: Some(Identity { size: 9, modified_ms: -1 }),
                stage,
                at_ms: 7,
            };
            assert_eq!(Stored::parse(&stored.to_offset()).unwrap(), stored);
        }
    }

    #[test]
    fn offsets_of_the_original_are_understood() {
        let offset = |json: &str| SourceOffset(serde_json::from_str(json).unwrap());
        let stored = Stored::parse(&offset(r#"{"offset":7}"#)).unwrap();
        assert_eq!((stored.lines, stored.position, stored.identity), (7, None, None));
        assert!(stored.is_of(Identity { size: 1, modified_ms: 2 }));
        assert!(Stored::parse(&offset(r#"{"offset":-1}"#)).is_err());
        assert!(Stored::parse(&offset(r#"{"position":1}"#)).is_err());
    }
}
