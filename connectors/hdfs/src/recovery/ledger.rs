//! How long growing files are, as far as their records are committed.
//!
//! An owner in append mode adds to its files first, and then writes into its session how long each of
//! them is now and which offset comes next. That appears by a rename inside the session, so that it is
//! whole or not there, and is refused to an owner whose session was taken away. **It is the commit**: bytes
//! beyond what the newest ledger says were never committed, whoever wrote them and whenever they arrive.
//! So nothing has to be promised before it is appended, and whoever takes the session over has nothing to
//! decide: it shortens files to what they are by the ledger.
//!
//! A promise before the appends, kept where all lengths are those that were promised, was rejected: the
//! owner whose last append is on its way and the one who reads lengths could disagree about whether it
//! was kept.

use bytes::Bytes;
use connect_api::error::{ConnectorError, Result};
use serde::{Deserialize, Serialize};

/// What its name begins with; the next offset follows, so that the newest has the highest.
const PREFIX: &str = "ledger+";

/// All growing files of an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Offset after the last record that is committed.
    pub(crate) next: i64,
    pub(crate) files: Vec<Grown>,
}

/// A growing file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grown {
    /// Its name in the session, when it begins with this ledger and appears after it.
    pub(crate) temporary: Option<String>,
    /// Path while it grows.
    pub(crate) open: String,
    /// Path from when it grows no more.
    pub(crate) closed: String,
    /// Committed bytes.
    pub(crate) length: u64,
}

impl Ledger {
    /// The name of the ledger with this next offset.
    pub(super) fn name(next: i64) -> String {
        format!("{PREFIX}{next}")
    }

    /// The next offset of the ledger with this name; nothing when it is not that of one.
    pub(super) fn next_of(name: &str) -> Option<i64> {
        name.strip_prefix(PREFIX)?.parse().ok()
    }

    pub(super) fn to_bytes(&self) -> Result<Bytes> {
        let text = serde_json::to_vec(self);
        let text = text.map_err(|error| {
            ConnectorError::internal("A ledger cannot be written").caused_by(error)
        })?;
        Ok(text.into())
    }

    /// # Errors
    /// `Invalid` when it is none: it appears as a whole, so that somebody has changed it.
    pub(super) fn parse(place: &str, bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            ConnectorError::invalid(format!("\"{place}\" is no ledger of this sink"))
                .caused_by(error)
                .hint(
                    "Look for files with +open. or +shut. in their names, whose last records may come \
                     again, give them names without, and delete the folder it is in",
                )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_reads_back_and_garbage_is_told() {
        let file = Grown {
            temporary: Some("a_tmp".to_owned()),
            open: "/t/a+open.b".to_owned(),
            closed: "/t/a+1+2".to_owned(),
            length: 5,
        };
        let ledger = Ledger { next: 7, files: vec![file] };
        let bytes = ledger.to_bytes().unwrap();
        assert_eq!(Ledger::parse("/l", &bytes).unwrap(), ledger);
        assert_eq!(Ledger::next_of(&Ledger::name(7)), Some(7));
        assert_eq!(Ledger::next_of("ledger+x"), None);
        let error = Ledger::parse("/l", b"{").unwrap_err().to_string();
        assert!(error.contains("\"/l\""), "{error}");
    }
}
