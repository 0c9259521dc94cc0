//! What a row that cannot be converted does.

use connect_api::{
    config::Props,
    error::{ConnectorError, Result},
};

/// What a row that cannot be converted does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// Its file goes to `error.path`.
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
    pub(crate) fn of(props: &Props) -> Result<Self> {
        let is_each_logged = props
            .get("errors.log.enable")
            .is_some_and(|word| word.trim().eq_ignore_ascii_case("true"));
        match props.get("errors.tolerance").map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("all") => Ok(Self::All { is_each_logged }),
            Some(word) if !word.eq_ignore_ascii_case("none") => {
                Err(ConnectorError::invalid(format!(
                    "Invalid value {word} for configuration errors.tolerance: String must be one \
                     of: none, all"
                )))
            }
            _ => Ok(Self::None),
        }
    }
}
