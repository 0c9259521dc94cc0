//! Keys and certificates of the REST server. Source: apache/kafka `SSLUtils.java`, KIP-651.
//!
//! Java's stores (JKS, PKCS12) are refused with the command that makes a PEM file of them: a
//! reader of our own for formats full of history would be the weakest part of the worker.

use std::{fs, path::Path};

use connect_api::config::{Props, Secret};

use super::{ConfigError, Result};

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked, and may come without one.
    Requested,
    /// They are turned away without one.
    Required,
}

/// Keys and certificates, in PEM.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Private key of the worker.
    pub key: Secret<String>,
    /// Certificates of the worker, its own first; the file that holds them may hold the key too.
    pub chain: Secret<String>,
    /// Certificates of those who sign the clients'.
    pub trusted: Option<String>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Whether TLS 1.2 is spoken.
    pub with_tls_1_2: bool,
    /// Whether TLS 1.3 is spoken.
    pub with_tls_1_3: bool,
    /// Names of the only cipher suites that are spoken; none for all that are safe.
    pub cipher_suites: Option<Vec<String>>,
}

impl TlsSettings {
    /// The settings of the ordinary listeners: `listeners.https.ssl.*` if there is any such key,
    /// else `ssl.*`.
    ///
    /// # Errors
    /// What is missing or cannot be used, by its key.
    pub fn of_listeners(props: &Props) -> Result<Self> {
        let own = "listeners.https.";
        Self::read(props, if has_any(props, own) { own } else { "" })
    }

    /// The settings of the admin listeners: `admin.listeners.https.ssl.*` if there is any such
    /// key, else those of the ordinary ones.
    ///
    /// # Errors
    /// What is missing or cannot be used, by its key.
    pub fn of_admin_listeners(props: &Props) -> Result<Self> {
        let own = "admin.listeners.https.";
        if has_any(props, own) { Self::read(props, own) } else { Self::of_listeners(props) }
    }

    fn read(props: &Props, prefix: &str) -> Result<Self> {
        let store = Store { props, prefix };
        store.refuse("ssl.engine.factory.class", "it names a Java class, which cannot run here")?;
        store.refuse("ssl.key.password", "a key without a password is needed here")?;
        let (key, chain) = store.identity()?;
        let protocols = store.protocols()?;
        Ok(Self {
            key: Secret::new(key),
            chain: Secret::new(chain),
            trusted: store.trusted()?,
            client_auth: store.client_auth()?,
            with_tls_1_2: protocols.iter().any(|name| name == "TLSv1.2"),
            with_tls_1_3: protocols.iter().any(|name| name == "TLSv1.3"),
            cipher_suites: store.list("ssl.cipher.suites"),
        })
    }
}

fn has_any(props: &Props, prefix: &str) -> bool {
    props.keys().any(|key| key.starts_with(prefix))
}

/// The keys under one prefix.
struct Store<'a> {
    props: &'a Props,
    prefix: &'a str,
}

impl Store<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.props.get(&format!("{}{key}", self.prefix)).map(str::trim);
        value.filter(|value| !value.is_empty())
    }

    fn problem(&self, key: &str, reason: &str) -> ConfigError {
        ConfigError::Tls { key: format!("{}{key}", self.prefix), reason: reason.to_owned() }
    }

    fn refuse(&self, key: &str, reason: &str) -> Result<()> {
        self.get(key).map_or(Ok(()), |_| Err(self.problem(key, reason)))
    }

    /// Private key and certificates: in the properties themselves, or both in one file.
    fn identity(&self) -> Result<(String, String)> {
        let inline = (self.get("ssl.keystore.key"), self.get("ssl.keystore.certificate.chain"));
        match inline {
            (Some(key), Some(chain)) => return Ok((unescaped(key), unescaped(chain))),
            (Some(_), None) => {
                let reason = "it is missing beside ssl.keystore.key";
                return Err(self.problem("ssl.keystore.certificate.chain", reason));
            }
            (None, _) => {}
        }
        let file = self.get("ssl.keystore.location").ok_or_else(|| {
            let reason = "an https listener needs it: a PEM file with the private key and the \
                          certificates";
            self.problem("ssl.keystore.location", reason)
        })?;
        self.demand_pem("ssl.keystore.type", file)?;
        let text = self.text("ssl.keystore.location", file)?;
        Ok((text.clone(), text))
    }

    fn trusted(&self) -> Result<Option<String>> {
        if let Some(certificates) = self.get("ssl.truststore.certificates") {
            return Ok(Some(unescaped(certificates)));
        }
        let Some(file) = self.get("ssl.truststore.location") else { return Ok(None) };
        // Without a look at clients, whom we would trust does not matter.
        if self.client_auth()? == ClientAuth::None {
            return Ok(None);
        }
        self.demand_pem("ssl.truststore.type", file)?;
        self.text("ssl.truststore.location", file).map(Some)
    }

    fn demand_pem(&self, key: &str, file: &str) -> Result<()> {
        let kind = self.get(key).unwrap_or("JKS");
        if kind.eq_ignore_ascii_case("PEM") {
            return Ok(());
        }
        let reason = format!(
            "it is {kind}, and only PEM can be read here: \
             keytool -importkeystore -srckeystore {file} -destkeystore store.p12 -deststoretype \
             PKCS12 && openssl pkcs12 -in store.p12 -nodes -out store.pem"
        );
        Err(self.problem(key, &reason))
    }

    fn text(&self, key: &str, file: &str) -> Result<String> {
        fs::read_to_string(Path::new(file))
            .map_err(|error| self.problem(key, &format!("\"{file}\" cannot be read: {error}")))
    }

    fn client_auth(&self) -> Result<ClientAuth> {
        match self.get("ssl.client.auth").unwrap_or("none").to_ascii_lowercase().as_str() {
            "none" => Ok(ClientAuth::None),
            "requested" => Ok(ClientAuth::Requested),
            "required" => Ok(ClientAuth::Required),
            _ => {
                let reason = "String must be one of: required, requested, none";
                Err(self.problem("ssl.client.auth", reason))
            }
        }
    }

    fn list(&self, key: &str) -> Option<Vec<String>> {
        let names = self.get(key)?.split(',');
        Some(names.map(|name| name.trim().to_owned()).collect())
    }

    fn protocols(&self) -> Result<Vec<String>> {
        let default = || ["TLSv1.2", "TLSv1.3"].map(str::to_owned).to_vec();
        let names = self.list("ssl.enabled.protocols").unwrap_or_else(default);
        let is_known = |name: &String| name == "TLSv1.2" || name == "TLSv1.3";
        if names.iter().any(is_known) {
            return Ok(names);
        }
        Err(self.problem("ssl.enabled.protocols", "TLSv1.2 and TLSv1.3 are what is spoken here"))
    }
}

/// A PEM text in one line has its line ends written as `\n`.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pairs: &[(&str, &str)]) -> String {
        TlsSettings::of_listeners(&pairs.iter().copied().collect()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_missing_or_not_pem_is_named_with_the_way_out() {
        assert!(refused(&[]).contains("ssl.keystore.location"));
        let jks = refused(&[("ssl.keystore.location", "/k.jks")]);
        assert!(jks.contains("ssl.keystore.type") && jks.contains("openssl pkcs12"), "{jks}");
        let gone = [("ssl.keystore.location", "/no/such.pem"), ("ssl.keystore.type", "PEM")];
        assert!(refused(&gone).contains("/no/such.pem"));
        assert!(refused(&[("ssl.keystore.key", "k")]).contains("certificate.chain"));
        let locked = [("ssl.keystore.key", "k"), ("ssl.key.password", "s3cret")];
        assert!(refused(&locked).contains("ssl.key.password"));
        assert!(!refused(&locked).contains("s3cret"));
    }

    #[test]
    fn keys_of_the_listeners_hide_the_plain_ones() {
        let pairs = [
            ("ssl.keystore.key", "plain"),
            ("ssl.keystore.certificate.chain", "plain"),
            ("listeners.https.ssl.keystore.key", "a\\nb"),
            ("listeners.https.ssl.keystore.certificate.chain", "own"),
        ];
        let props: Props = pairs.into_iter().collect();
        let settings = TlsSettings::of_listeners(&props).unwrap();
        assert_eq!(
            (settings.key.expose().as_str(), settings.chain.expose().as_str()),
            ("a\nb", "own")
        );
        assert_eq!(TlsSettings::of_admin_listeners(&props).unwrap().chain.expose(), "own");
        assert!(settings.with_tls_1_2 && settings.with_tls_1_3);
    }
}
