//! Addresses of databases in JDBC's form.

use std::{collections::BTreeMap, fmt, path::PathBuf};

/// Port of a PostgreSQL server that names none.
const POSTGRES_PORT: u16 = 5432;

/// What is said of an address that is none.
const FORMS: &str = "Use jdbc:postgresql://HOST:PORT/DATABASE or jdbc:sqlite:PATH";

/// Properties of the driver, by name.
pub(crate) type DriverProperties = BTreeMap<String, String>;

/// Which database. Shown without properties, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum JdbcUrl {
    /// A server, or several to try one after the other.
    Postgres {
        /// Names or addresses with their ports.
        hosts: Vec<(String, u16)>,
        /// Name of the database; that of the user when empty.
        database: String,
        /// What follows the question mark.
        properties: DriverProperties,
    },
    /// A file.
    Sqlite(PathBuf),
}

impl JdbcUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// The reason, which does not repeat the address.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("jdbc:sqlite:") {
            let path = path.split('?').next().unwrap_or_default();
            return if path.is_empty() {
                Err("It names no file: use jdbc:sqlite:PATH".to_owned())
            } else {
                Ok(Self::Sqlite(PathBuf::from(path)))
            };
        }
        let Some(rest) = text.strip_prefix("jdbc:postgresql:") else {
            return Err(FORMS.to_owned());
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = match place.strip_prefix("//") {
            Some(place) => place.split_once('/').unwrap_or((place, "")),
            None => ("", place.trim_start_matches('/')),
        };
        let hosts = match hosts {
            "" => vec![("localhost".to_owned(), POSTGRES_PORT)],
            hosts => hosts.split(',').map(host).collect::<Result<_, _>>()?,
        };
        let database = decoded(database)?;
        Ok(Self::Postgres { hosts, database, properties: properties(query)? })
    }
}

fn host(text: &str) -> Result<(String, u16), String> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => {
            port.parse().ok().filter(|&port| port > 0).ok_or("The port is not a number")?
        }
        None => POSTGRES_PORT,
    };
    if name.is_empty() || name.contains('@') {
        // What stands before an @ may be a password.
        return Err(format!("It names no host. {FORMS}"));
    }
    Ok((name.to_owned(), port))
}

fn properties(query: &str) -> Result<DriverProperties, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// Text with `%20` and `+` read as in a query.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap_or(b'?'), rest.next().unwrap_or(b'?')];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                u8::from_str_radix(digits, 16)
                    .map_err(|_digits| "A % is not followed by two hexadecimal digits")?
            }
            plain => plain,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_text| "What is written with % is not text".to_owned())
}

impl fmt::Display for JdbcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "jdbc:sqlite:{}", path.display()),
            Self::Postgres { hosts, database, .. } => {
                f.write_str("jdbc:postgresql://")?;
                for (place, (host, port)) in hosts.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    match host.contains(':') {
                        true => write!(f, "{comma}[{host}]:{port}")?,
                        false => write!(f, "{comma}{host}:{port}")?,
                    }
                }
                write!(f, "/{database}")
            }
        }
    }
}

impl fmt::Debug for JdbcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JdbcUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_properties() {
        for (text, shown) in [
            ("jdbc:sqlite:/var/lib/rows.db", "jdbc:sqlite:/var/lib/rows.db"),
            ("jdbc:postgresql://db:5433/geo?password=s3cret", "jdbc:postgresql://db:5433/geo"),
            ("jdbc:postgresql://a,b:1/geo", "jdbc:postgresql://a:5432,b:1/geo"),
            ("jdbc:postgresql://[::1]:7/geo", "jdbc:postgresql://[::1]:7/geo"),
            ("jdbc:postgresql:geo", "jdbc:postgresql://localhost:5432/geo"),
            ("jdbc:postgresql:/", "jdbc:postgresql://localhost:5432/"),
        ] {
            let url = JdbcUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cret"));
        }
    }

    #[test]
    fn properties_are_decoded() {
        let text = "jdbc:postgresql://h/d?password=a%26b%20c&ssl=true&flag";
        let JdbcUrl::Postgres { properties, .. } = JdbcUrl::parse(text).unwrap() else { panic!() };
        assert_eq!(properties["password"], "a&b c");
        assert_eq!(properties["ssl"], "true");
        assert_eq!(properties["flag"], "");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "jdbc:sqlite:",
            "jdbc:mysql://h/d?password=s3cret",
            "postgres://u:s3cret@h/d",
            "jdbc:postgresql://u:s3cret@h/d",
            "jdbc:postgresql://h:0/d?password=s3cret",
            "jdbc:postgresql://h/d?password=s3cret%zz",
        ] {
            let reason = JdbcUrl::parse(text).unwrap_err();
            assert!(!reason.contains("s3cret"), "{reason}");
        }
    }
}
