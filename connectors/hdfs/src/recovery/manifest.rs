//! Which files of a group get which names, written down before the first of them does.

use bytes::Bytes;
use connect_api::error::{ConnectorError, Result};
use serde::{Deserialize, Serialize};

/// What an owner of a partition has promised to commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Offset after the last record of the group.
    pub(crate) next: i64,
    /// Names in the owner's folder, and the paths they get.
    pub(crate) files: Vec<(String, String)>,
}

impl Manifest {
    pub(super) fn to_bytes(&self) -> Result<Bytes> {
        let text = serde_json::to_vec(self);
        let text = text.map_err(|error| {
            ConnectorError::internal("A manifest cannot be written").caused_by(error)
        })?;
        Ok(text.into())
    }

    /// # Errors
    /// `Invalid` when it is none: it appears as a whole, so that somebody has changed it.
    pub(super) fn parse(place: &str, bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            ConnectorError::invalid(format!("\"{place}\" is no manifest of this sink"))
                .caused_by(error)
                .hint("Look which files beside it were not renamed, and delete it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_garbage_is_told() {
        let manifest = Manifest { next: 7, files: vec![("a_tmp".to_owned(), "/t/a+b".to_owned())] };
        let bytes = manifest.to_bytes().unwrap();
        assert_eq!(Manifest::parse("/m", &bytes).unwrap(), manifest);
        let error = Manifest::parse("/m", b"{").unwrap_err().to_string();
        assert!(error.contains("\"/m\""), "{error}");
    }
}
