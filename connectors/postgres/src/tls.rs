//! What is asked of TLS, by the names of libpq's and pgjdbc's properties.

use std::collections::BTreeMap;

use connect_api::{
    config::{Config as _, Props, Secret},
    error::{ConnectorError, Result},
};
use connect_tls::{SslConfig, Trust};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Terms;

/// How a connection is secured, by those of the properties that are about it.
///
/// # Errors
/// `Invalid` for a property that cannot be, named as users do.
pub fn tls(
    properties: &BTreeMap<String, String>,
    terms: &Terms,
) -> Result<(SslMode, MakeRustlsConnect)> {
    let has_roots = properties.contains_key("sslrootcert");
    let is_lenient =
        properties.get("sslfactory").is_some_and(|name| name.ends_with("NonValidatingFactory"));
    let wants_tls = properties.get("ssl").is_some_and(|text| text.is_empty() || text == "true");
    let mode = match properties.get("sslmode").map(String::as_str) {
        Some(mode) => mode,
        None if wants_tls && is_lenient => "require",
        None if wants_tls => "verify-full",
        None => "prefer",
    };
    let (sent, trust, identification) = match mode {
        "disable" => (SslMode::Disable, Trust::Anything, ""),
        "allow" | "prefer" => (SslMode::Prefer, Trust::Anything, ""),
        "require" if is_lenient || !has_roots => (SslMode::Require, Trust::Anything, ""),
        "require" | "verify-ca" => (SslMode::Require, Trust::Certificates, ""),
        "verify-full" => (SslMode::Require, Trust::Certificates, "https"),
        other => {
            let modes = "the modes are disable, allow, prefer, require, verify-ca and verify-full";
            return Err(refused(terms, ("sslmode", other), modes));
        }
    };
    let mut ssl = SslConfig::parse(&Props::new())?;
    identification.clone_into(&mut ssl.identification);
    ssl.truststore.file = properties.get("sslrootcert").cloned();
    ssl.keystore.key_password = properties.get("sslpassword").cloned().map(Secret::new);
    if let (Some(chain), Some(key)) = (properties.get("sslcert"), properties.get("sslkey")) {
        ssl.keystore.chain = Some(file(terms, ("sslcert", chain))?);
        ssl.keystore.key = Some(file(terms, ("sslkey", key))?);
    }
    let client = ssl.client_config("", trust).map_err(|error| {
        let [roots, chain, key] = ["sslrootcert", "sslcert", "sslkey"].map(terms.property);
        let message = format!("Could not prepare TLS by {roots}, {chain} and {key}");
        ConnectorError::new(error.class(), message).caused_by(error)
    })?;
    Ok((sent, MakeRustlsConnect::new(client)))
}

fn refused(terms: &Terms, (name, text): (&str, &str), reason: &str) -> ConnectorError {
    let property = (terms.property)(name);
    ConnectorError::invalid(format!("{property} cannot be \"{text}\": {reason}"))
}

fn file(terms: &Terms, (name, path): (&str, &str)) -> Result<Secret<String>> {
    let text = std::fs::read_to_string(path);
    text.map(Secret::new)
        .map_err(|error| refused(terms, (name, path), "it is no file with PEM").caused_by(error))
}

#[cfg(test)]
mod tests {
    use connect_api::error::{ErrorClass, chain};

    use super::*;

    const TERMS: Terms = Terms {
        address: "\"url\"",
        credentials: "\"user\"",
        user: "the user",
        patience: "Wait longer",
        property: |name| format!("\"connection.{name}\""),
        meaning: |_state| (ErrorClass::Invalid, None),
    };

    fn properties<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn ways_to_ask_for_tls_are_those_of_the_driver() {
        for (pairs, mode) in [
            (properties([]), SslMode::Prefer),
            (properties([("ssl", "true")]), SslMode::Require),
            (properties([("ssl", "false")]), SslMode::Prefer),
            (properties([("sslmode", "disable"), ("ssl", "true")]), SslMode::Disable),
            (properties([("sslmode", "require")]), SslMode::Require),
        ] {
            assert_eq!(tls(&pairs, &TERMS).map(|(mode, _)| mode).unwrap(), mode, "{pairs:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_named_as_users_do() {
        for (pairs, parts) in [
            (properties([("sslmode", "always")]), ["\"connection.sslmode\"", "verify-full"]),
            (
                properties([("sslmode", "verify-ca"), ("sslrootcert", "/no/such")]),
                ["\"connection.sslrootcert\"", "/no/such"],
            ),
            (
                properties([("sslcert", "/no/such"), ("sslkey", "/no/key")]),
                ["\"connection.sslcert\"", "/no/such"],
            ),
        ] {
            let told = chain(&tls(&pairs, &TERMS).err().unwrap());
            assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        }
    }
}
