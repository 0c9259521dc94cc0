//! What PostgreSQL's driver is told, by the names of its properties.
//!
//! Source: pgjdbc `PGProperty.java`; what libpq says of `sslmode`.

use std::time::Duration;

use connect_api::error::{ConnectorError, Result};
use connect_postgres::tls;
use tokio_postgres::config::{Config, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::TERMS;
use crate::config::{Access, DriverProperties, JdbcUrl};

/// Longest wait for a connection where nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for an answer where nothing is said: a batch may wait for a lock that a backup holds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// Properties that are obeyed here.
const KNOWN: [&str; 14] = [
    "ssl",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslfactory",
    "currentSchema",
    "options",
    "ApplicationName",
    "connectTimeout",
    "loginTimeout",
    "socketTimeout",
    "targetServerType",
];

/// Properties that change nothing: texts are read by the type of the column always, and statements
/// are always batched and prepared.
const NEEDLESS: [&str; 5] =
    ["stringtype", "reWriteBatchedInserts", "prepareThreshold", "tcpKeepAlive", "binaryTransfer"];

/// All that a connection needs.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) timeout: Duration,
}

/// Reads addresses and properties.
///
/// # Errors
/// `Invalid` for a property that cannot be, named by its key.
pub(super) fn prepare(access: &Access) -> Result<Prepared> {
    let JdbcUrl::Postgres { hosts, database, .. } = &access.url else {
        return Err(ConnectorError::internal("The address is not PostgreSQL's"));
    };
    let properties = &access.properties;
    name_unknown(properties);
    let mut config = Config::new();
    for (host, port) in hosts {
        config.host(host).port(*port);
    }
    let user = access.user.as_deref();
    let database = Some(database.as_str()).filter(|name| !name.is_empty()).or(user);
    database.map(|name| config.dbname(name));
    user.map(|name| config.user(name));
    access.password.as_ref().map(|secret| config.password(secret.expose()));
    let application = properties.get("ApplicationName").map_or("millrace-jdbc", String::as_str);
    config.application_name(application);
    let options = session_options(properties);
    if !options.is_empty() {
        config.options(options);
    }
    if matches!(properties.get("targetServerType").map(String::as_str), Some("primary" | "master"))
    {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let connect = seconds(properties, "connectTimeout")?.or(seconds(properties, "loginTimeout")?);
    config.connect_timeout(connect.unwrap_or(CONNECT_TIMEOUT));
    let timeout = seconds(properties, "socketTimeout")?.unwrap_or(ANSWER_TIMEOUT);
    let (mode, tls) = tls(properties, &TERMS)?;
    config.ssl_mode(mode);
    Ok(Prepared { config, tls, timeout })
}

fn name_unknown(properties: &DriverProperties) {
    let unknown = properties.keys().map(String::as_str);
    let unknown: Vec<_> =
        unknown.filter(|name| !KNOWN.contains(name) && !NEEDLESS.contains(name)).collect();
    if !unknown.is_empty() {
        tracing::warn!(
            "Properties of the driver that mean nothing here are passed over: {}",
            unknown.join(", ")
        );
    }
}

fn session_options(properties: &DriverProperties) -> String {
    let mut options = properties.get("options").cloned().unwrap_or_default();
    if let Some(schema) = properties.get("currentSchema") {
        // A blank would end the option.
        let schema = schema.replace('\\', "\\\\").replace(' ', "\\ ");
        options.push_str(" -c search_path=");
        options.push_str(&schema);
    }
    options.trim().to_owned()
}

/// A number of seconds; none when it is 0 or absent.
fn seconds(properties: &DriverProperties, name: &str) -> Result<Option<Duration>> {
    let Some(text) = properties.get(name) else { return Ok(None) };
    let seconds: u64 =
        text.parse().map_err(|_number| refused(name, text, "it is not a number of seconds"))?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

fn refused(name: &str, text: &str, reason: &str) -> ConnectorError {
    ConnectorError::invalid(format!(
        "Property \"{name}\" of the driver cannot be \"{text}\": {reason}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties<const N: usize>(pairs: [(&str, &str); N]) -> DriverProperties {
        pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn a_schema_becomes_an_option_of_the_session() {
        let pairs = properties([("currentSchema", "a,b c"), ("options", "-c x=1")]);
        assert_eq!(session_options(&pairs), "-c x=1 -c search_path=a,b\\ c");
        assert_eq!(seconds(&properties([("socketTimeout", "0")]), "socketTimeout").unwrap(), None);
        assert!(seconds(&properties([("socketTimeout", "x")]), "socketTimeout").is_err());
    }
}
