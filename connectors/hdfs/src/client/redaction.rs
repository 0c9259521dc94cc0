//! What servers say of a request without the token that it had in its address.

use std::fmt;

use bytes::Bytes;
use connect_api::error::{ConnectorError, Result};
use regex::Regex;

use super::path;

/// What stands in place of a token.
const HIDDEN: &str = "[hidden]";

/// Takes tokens out of refusals, which may repeat the address they are for.
pub(super) struct Redaction {
    /// Our token, as it is and as it stands in an address.
    own: Vec<String>,
    /// That of anybody, in an address: name nodes give data nodes others.
    any: Regex,
}

impl Redaction {
    /// # Errors
    /// `Internal` when the expression is none.
    pub(super) fn new(token: Option<&str>) -> Result<Self> {
        let any = Regex::new("(?i)(delegation(?:=|%3D))[^&\\s\"<]*");
        let any = any.map_err(|error| {
            ConnectorError::internal("The pattern of tokens is none").caused_by(error)
        })?;
        let own = token.into_iter().flat_map(|token| [token.to_owned(), path::value(token)]);
        Ok(Self { own: own.collect(), any })
    }

    /// A text without tokens.
    pub(super) fn of(&self, body: Bytes) -> Bytes {
        let text = String::from_utf8_lossy(&body);
        let is_hot = self.own.iter().any(|own| text.contains(own)) || self.any.is_match(&text);
        if !is_hot {
            return body;
        }
        let text = self.any.replace_all(&text, format!("${{1}}{HIDDEN}"));
        let hide = |text: String, own: &String| text.replace(own, HIDDEN);
        self.own.iter().fold(text.into_owned(), hide).into()
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_hidden_however_they_are_written() {
        let redaction = Redaction::new(Some("s3=cr/et")).unwrap();
        for (text, expected) in [
            ("nothing", "nothing"),
            ("s3=cr/et", "[hidden]"),
            (
                "<a href=\"/x?delegation=s3%3Dcr%2Fet&op=OPEN\">",
                "<a href=\"/x?delegation=[hidden]&op=OPEN\">",
            ),
            ("delegation=another of ours", "delegation=[hidden] of ours"),
            ("?Delegation%3Dabc%26op", "?Delegation%3D[hidden]"),
            ("s3%3Dcr%2Fet is bad", "[hidden] is bad"),
        ] {
            assert_eq!(redaction.of(text.as_bytes().to_vec().into()), expected, "{text}");
        }
    }
}
