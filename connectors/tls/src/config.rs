//! The keys.

use connect_api::config::{Config, Problems, Secret};

/// Whom we trust and who we are.
#[derive(Clone, Config, Debug)]
#[config(check)]
pub struct SslConfig {
    /// File of the certificates that are trusted, PEM or PKCS12; those of the system when nothing is
    /// given.
    #[config(key = "ssl.truststore.location", importance = High)]
    pub truststore: Option<String>,
    /// Password of that file, where it is PKCS12.
    #[config(key = "ssl.truststore.password", importance = High)]
    pub truststore_password: Option<Secret<String>>,
    /// Format of that file. It is seen from the file itself, whatever is said here.
    #[config(key = "ssl.truststore.type", default = "JKS")]
    pub truststore_type: String,
    /// Certificates that are trusted, in PEM, in place of a file.
    #[config(key = "ssl.truststore.certificates", importance = High)]
    pub trusted: Option<Secret<String>>,
    /// File with the private key and the certificates of the client, PEM or PKCS12.
    #[config(key = "ssl.keystore.location", importance = High)]
    pub keystore: Option<String>,
    /// Password of that file, where it is PKCS12.
    #[config(key = "ssl.keystore.password", importance = High)]
    pub keystore_password: Option<Secret<String>>,
    /// Format of that file. It is seen from the file itself, whatever is said here.
    #[config(key = "ssl.keystore.type", default = "JKS")]
    pub keystore_type: String,
    /// Private key of the client, in PEM, in place of a file.
    #[config(key = "ssl.keystore.key", importance = High)]
    pub key: Option<Secret<String>>,
    /// Certificates of the client, in PEM, in place of a file.
    #[config(key = "ssl.keystore.certificate.chain", importance = High)]
    pub chain: Option<Secret<String>>,
    /// Password of the private key, where it is encrypted PEM.
    #[config(key = "ssl.key.password", importance = High)]
    pub key_password: Option<Secret<String>>,
    /// `https` for servers whose certificates must name the host; empty for any host.
    #[config(key = "ssl.endpoint.identification.algorithm", default = "https", importance = Low, check = identification)]
    pub identification: String,
}

impl SslConfig {
    fn check(&self, problems: &mut Problems) {
        for (given, key, other, missing) in [
            (&self.key, "ssl.keystore.key", &self.chain, "ssl.keystore.certificate.chain"),
            (&self.chain, "ssl.keystore.certificate.chain", &self.key, "ssl.keystore.key"),
        ] {
            if given.is_some() && other.is_none() {
                let (key, missing) = (problems.full_name(key), problems.full_name(missing));
                let text = format!("{key} is given, so that {missing} has to be given as well");
                problems.add_text("ssl.keystore.key", text);
            }
        }
    }
}

fn identification(text: &str) -> Result<(), String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "https" => Ok(()),
        _ => Err("Only https and the empty text are known".to_owned()),
    }
}
