//! Which database, as users write it.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use connect_api::config::{ConfigKind, ConfigType};
use tokio_postgres::config::Host;

use super::{Store, postgres::PostgresStore, sqlite::SqliteStore};

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
pub(crate) struct StoreUrl {
    target: Target,
    shown: String,
}

#[derive(Clone)]
enum Target {
    Sqlite(PathBuf),
    Postgres(Box<tokio_postgres::Config>),
}

impl StoreUrl {
    /// The file, of a store that is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.target {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) => None,
        }
    }

    /// A store that connects when first asked.
    pub(crate) fn open(&self, access: Access, timeout: Duration) -> Box<dyn Store> {
        match &self.target {
            Target::Sqlite(path) => Box::new(SqliteStore::new(path.clone(), access, timeout)),
            Target::Postgres(config) => {
                let mut config = config.clone();
                config.connect_timeout(timeout).application_name("millrace-aggregate");
                Box::new(PostgresStore::new(*config, self.shown.clone(), access, timeout))
            }
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
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
            let target = Target::Sqlite(PathBuf::from(path));
            return Ok(Self { target, shown: format!("sqlite:{path}") });
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("Use sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned());
        }
        let config: tokio_postgres::Config =
            text.parse().map_err(|_secret: tokio_postgres::Error| {
                "It is not a PostgreSQL address: use postgres://USER:PASSWORD@HOST:PORT/DATABASE"
                    .to_owned()
            })?;
        if config.get_hosts().is_empty() {
            return Err(
                "It names no host: use postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned()
            );
        }
        let shown = shown(&config);
        Ok(Self { target: Target::Postgres(Box::new(config)), shown })
    }
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
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in ["", "sqlite:", "mysql://s3cret@h/d", "postgres://u:s3cret@h:port/d"] {
            let reason = StoreUrl::parse(text).unwrap_err();
            assert!(reason.contains("postgres://USER") && !reason.contains("s3cret"), "{reason}");
        }
    }
}
