//! Which database, as users write it.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use connect_api::{
    config::{ConfigKind, ConfigType},
    error::chain,
};
use percent_encoding::percent_decode_str;
use tokio_postgres::config::Host;

use super::{
    Store,
    postgres::{PostgresStore, Server, TERMS},
    sqlite::SqliteStore,
};

/// What is said of an address that is none.
const FORM: &str = "use postgres://USER:PASSWORD@HOST:PORT/DATABASE";

/// Parameters of an address that are about TLS.
const TLS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"];

/// What an operation on a store is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// A task: tables are made when they are missing.
    Write,
    /// A query: nothing is changed, and nothing waits for a writer.
    Read,
}

/// Address of a database. Shown without its user and password.
#[derive(Clone)]
pub(crate) struct StoreUrl(Target);

#[derive(Clone)]
enum Target {
    Sqlite(PathBuf),
    Postgres(Box<Server>),
}

impl StoreUrl {
    /// The file, of a store that is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.0 {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) => None,
        }
    }

    /// A store that connects when first asked.
    pub(crate) fn open(&self, access: Access, timeout: Duration) -> Box<dyn Store> {
        match &self.0 {
            Target::Sqlite(path) => Box::new(SqliteStore::new(path.clone(), access, timeout)),
            Target::Postgres(server) => {
                Box::new(PostgresStore::new(Server::clone(server), access, timeout))
            }
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Target::Postgres(server) => f.write_str(&server.shown),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// Announced as a password because it may hold one.
impl ConfigType for StoreUrl {
    const KIND: ConfigKind = ConfigKind::Password;

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self(Target::Sqlite(PathBuf::from(path))));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("Use sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned());
        }
        let (address, tls) = take_tls(text)?;
        let mut config: tokio_postgres::Config =
            address.parse().map_err(|_secret: tokio_postgres::Error| {
                format!("It is not a PostgreSQL address: {FORM}")
            })?;
        if config.get_hosts().is_empty() {
            return Err(format!("It names no host: {FORM}"));
        }
        config.application_name("millrace-aggregate");
        connect_postgres::tls(&tls, &TERMS).map_err(|error| chain(&error))?;
        let shown = shown(&config);
        Ok(Self(Target::Postgres(Box::new(Server { config, tls, shown }))))
    }
}

/// The address without its parameters of TLS, and these.
fn take_tls(text: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let mut tls = BTreeMap::new();
    let mut others = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) if TLS.contains(&name) => {
                let value = percent_decode_str(value).decode_utf8();
                let value = value.map_err(|_bytes| format!("Its \"{name}\" is not text"))?;
                tls.insert(name.to_owned(), value.into_owned());
            }
            _ => others.push(pair),
        }
    }
    let mark = if others.is_empty() { "" } else { "?" };
    Ok((format!("{address}{mark}{}", others.join("&")), tls))
}

fn shown(config: &tokio_postgres::Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    format!("postgres://{hosts}/{}", config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_shown_without_its_secrets() {
        for (text, shown) in [
            ("sqlite:/var/lib/rows.db", "sqlite:/var/lib/rows.db"),
            ("postgres://ann:s3cret@db:5433/geo?sslmode=disable", "postgres://db:5433/geo"),
            ("postgresql://ann:s3cret@a,b/geo", "postgres://a:5432,b:5432/geo"),
            (
                "postgres://ann@db/geo?sslpassword=s3cret&connect_timeout=3",
                "postgres://db:5432/geo",
            ),
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in [
            "",
            "sqlite:",
            "mysql://s3cret@h/d",
            "postgres://u:s3cret@h:port/d",
            "postgres://u:s3cret@h/d?unknown=1&sslmode=require",
        ] {
            let reason = StoreUrl::parse(text).unwrap_err();
            assert!(reason.contains("postgres://USER") && !reason.contains("s3cret"), "{reason}");
        }
    }

    #[test]
    fn how_tls_is_asked_for_is_known_before_it_is_needed() {
        for query in
            ["sslmode=require", "connect_timeout=3&sslmode=verify%2Dfull", "sslmode=disable"]
        {
            assert!(StoreUrl::parse(&format!("postgres://h/d?{query}")).is_ok(), "{query}");
        }
        for (query, part) in [
            ("sslmode=always", "\"sslmode\" in \"store.url\" cannot be \"always\""),
            ("sslmode=verify-full&sslrootcert=/no/such", "/no/such"),
        ] {
            let reason = StoreUrl::parse(&format!("postgres://h/d?{query}")).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }
}
