//! How a position in a file is stored.
//!
//! The partition names a file for ever, by an id made when it was first seen; the offset says how
//! far it was read and how to find it again. Everything else than the position helps the search.

use std::path::PathBuf;

use connect_api::{
    error::{ConnectorError, Result},
    record::{SourceOffset, SourcePartition},
};
use serde_json::{Map, Value as Json};

use super::identity::{Fingerprint, Node};

const FILE: &str = "file";
const POSITION: &str = "position";

/// A stored position and what identifies its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Position after the last whole line that was read.
    pub(super) position: u64,
    /// Path it was last seen at.
    pub(super) path: PathBuf,
    /// Place on the disk it was last seen at; none in an offset that a user wrote.
    pub(super) node: Option<Node>,
    /// When the file came into being.
    pub(super) created_ns: Option<i64>,
    /// Its first bytes.
    pub(super) head: Fingerprint,
    /// The bytes before the position.
    pub(super) tail: Fingerprint,
    /// Whether it is a dated file whose time is over.
    pub(super) is_finished: bool,
    /// When it was last read, in milliseconds since the epoch.
    pub(super) read_ms: i64,
}

/// The partition of the file with this id.
pub(super) fn partition(id: &str) -> SourcePartition {
    SourcePartition(Map::from_iter([(FILE.to_owned(), id.into())]))
}

/// The id in a partition.
///
/// # Errors
/// `Invalid` when it has none.
pub(super) fn id_of(partition: &SourcePartition) -> Result<&str> {
    partition.0.get(FILE).and_then(Json::as_str).ok_or_else(|| {
        ConnectorError::invalid("Partition objects should contain the key 'file' with a string")
    })
}

impl Stored {
    /// As the worker stores it: numbers beyond 63 bits wrap, as they do in its own format.
    pub(super) fn to_offset(&self) -> SourceOffset {
        let mut fields = Map::new();
        let mut set = |key: &str, value: Json| {
            fields.insert(key.to_owned(), value);
        };
        set(POSITION, self.position.cast_signed().into());
        set("path", self.path.to_string_lossy().into());
        if let Some(node) = self.node {
            set("device", node.device.cast_signed().into());
            set("inode", node.inode.cast_signed().into());
        }
        if let Some(created) = self.created_ns {
            set("created_ns", created.into());
        }
        set("fingerprint", format!("{:032x}", self.head.hash).into());
        set("fingerprint_bytes", self.head.bytes.into());
        set("tail_fingerprint", format!("{:032x}", self.tail.hash).into());
        set("tail_fingerprint_bytes", self.tail.bytes.into());
        set("finished", self.is_finished.into());
        set("read_ms", self.read_ms.into());
        SourceOffset(fields)
    }

    /// Reads what [`Stored::to_offset`] wrote; only the position and the path must be there.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    pub(super) fn parse(offset: &SourceOffset) -> Result<Self> {
        let fields = &offset.0;
        let number = |key: &str| fields.get(key).and_then(Json::as_i64);
        let position = number(POSITION)
            .and_then(|position| u64::try_from(position).ok())
            .ok_or_else(|| {
                ConnectorError::invalid(
                    "Offset objects should contain the key 'position' with a non-negative number",
                )
            })?;
        let path = fields.get("path").and_then(Json::as_str).ok_or_else(|| {
            ConnectorError::invalid("Offset objects should contain the key 'path' with a string")
        })?;
        let node = number("device").zip(number("inode")).map(|(device, inode)| Node {
            device: device.cast_unsigned(),
            inode: inode.cast_unsigned(),
        });
        let print = |hash: &str, bytes: &str| {
            let hash = fields.get(hash).and_then(Json::as_str)?;
            let hash = u128::from_str_radix(hash, 16).ok()?;
            let bytes = usize::try_from(number(bytes)?).ok()?;
            Some(Fingerprint { hash, bytes })
        };
        let nothing = Fingerprint::of(b"");
        Ok(Self {
            position,
            path: path.into(),
            node,
            created_ns: number("created_ns"),
            head: print("fingerprint", "fingerprint_bytes").unwrap_or(nothing),
            tail: print("tail_fingerprint", "tail_fingerprint_bytes").unwrap_or(nothing),
            is_finished: fields.get("finished").and_then(Json::as_bool).unwrap_or(false),
            read_ms: number("read_ms").unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        let stored = Stored {
            position: 7,
            path: "logs/a.log".into(),
            node: Some(Node { device: u64::MAX, inode: 5 }),
            created_ns: Some(9),
            head: Fingerprint::of(b"head"),
            tail: Fingerprint::of(b"tail"),
            is_finished: true,
            read_ms: 11,
        };
        assert_eq!(Stored::parse(&stored.to_offset()).unwrap(), stored);
    }

    #[test]
    fn a_user_may_write_position_and_path_alone() {
        let offset = |json: &str| SourceOffset(serde_json::from_str(json).unwrap());
        let stored = Stored::parse(&offset(r#"{"position":7,"path":"a.log"}"#)).unwrap();
        assert_eq!((stored.position, stored.node), (7, None));
        assert!(Stored::parse(&offset(r#"{"position":-1,"path":"a.log"}"#)).is_err());
        assert!(Stored::parse(&offset(r#"{"position":"1","path":"a.log"}"#)).is_err());
        assert!(Stored::parse(&offset(r#"{"position":1}"#)).is_err());
    }
}
