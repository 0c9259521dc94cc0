//! Addresses the REST server listens on.

use std::fmt;

use super::{ConfigError, Result};

/// How a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// One entry of `listeners`: `http://host:port`, the host empty for all interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// How it speaks.
    pub scheme: Scheme,
    /// Host name or address; empty for all interfaces.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
}

impl Listener {
    /// Understands one entry.
    ///
    /// # Errors
    /// When it is not of the form `protocol://hostname:port`.
    pub fn parse(text: &str) -> Result<Self> {
        let malformed = || {
            ConfigError::Listener(
                "Listener doesn't have the right format (protocol://hostname:port).".to_owned(),
            )
        };
        let (scheme, address) = text.trim().split_once("://").ok_or_else(malformed)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => {
                return Err(ConfigError::Listener(
                    "Listener protocol must be either \"http\" or \"https\".".to_owned(),
                ));
            }
        };
        let (host, port) = address.trim_end_matches('/').rsplit_once(':').ok_or_else(malformed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { scheme, host, port: port.parse().map_err(|_bad| malformed())? })
    }

    /// Host to bind: all interfaces when none was named.
    #[must_use]
    pub fn bind_host(&self) -> &str {
        if self.host.is_empty() { "::" } else { &self.host }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_without_host_listens_everywhere() {
        let listener = Listener::parse("http://:8083").unwrap();
        assert_eq!((listener.bind_host(), listener.port), ("::", 8083));
        let listener = Listener::parse("HTTP://[::1]:0/").unwrap();
        assert_eq!((listener.bind_host(), listener.port), ("::1", 0));
    }

    #[test]
    fn what_is_not_a_listener_is_refused_in_the_words_of_kafka_connect() {
        for (text, message) in [
            (
                "localhost:8083",
                "Listener doesn't have the right format (protocol://hostname:port).",
            ),
            ("http://h:many", "Listener doesn't have the right format (protocol://hostname:port)."),
            ("ftp://h:1", "Listener protocol must be either \"http\" or \"https\"."),
        ] {
            assert_eq!(Listener::parse(text).unwrap_err().to_string(), message);
        }
    }
}
