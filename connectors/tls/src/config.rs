//! The keys.

use connect_api::config::{Config, Problems, Secret};

/// Whom we trust and who we are, as somebody who calls another system.
#[derive(Clone, Config, Debug)]
pub struct SslConfig {
    /// Whom we trust.
    #[config(flatten)]
    pub truststore: Truststore,
    /// Who we are.
    #[config(flatten)]
    pub keystore: Keystore,
    /// `https` for servers whose certificates must name the host; empty for any host.
    #[config(key = "ssl.endpoint.identification.algorithm", default = "https", importance = Low, check = identification)]
    pub identification: String,
}

/// Whom we trust.
#[derive(Clone, Config, Debug, Default)]
#[config(check)]
pub struct Truststore {
    /// File of the certificates that are trusted, PEM or PKCS12; those of the system when nothing is
    /// given.
    #[config(key = "ssl.truststore.location", importance = High)]
    pub file: Option<String>,
    /// Password of that file, where it is PKCS12.
    #[config(key = "ssl.truststore.password", importance = High)]
    pub password: Option<Secret<String>>,
    /// Format of that file. It is seen from the file itself, whatever is said here.
    #[config(key = "ssl.truststore.type", default = "JKS")]
    pub kind: String,
    /// Certificates that are trusted, in PEM, in place of a file.
    #[config(key = "ssl.truststore.certificates", importance = High)]
    pub certificates: Option<Secret<String>>,
}

impl Truststore {
    fn check(&self, problems: &mut Problems) {
        if self.file.is_some() && self.certificates.is_some() {
            refuse_both(problems, "ssl.truststore.location", "ssl.truststore.certificates");
        }
    }
}

/// Who we are.
#[derive(Clone, Config, Debug, Default)]
#[config(check)]
pub struct Keystore {
    /// File with the private key and its certificates, PEM or PKCS12.
    #[config(key = "ssl.keystore.location", importance = High)]
    pub file: Option<String>,
    /// Password of that file, where it is PKCS12.
    #[config(key = "ssl.keystore.password", importance = High)]
    pub password: Option<Secret<String>>,
    /// Format of that file. It is seen from the file itself, whatever is said here.
    #[config(key = "ssl.keystore.type", default = "JKS")]
    pub kind: String,
    /// Private key in PEM, in place of a file.
    #[config(key = "ssl.keystore.key", importance = High)]
    pub key: Option<Secret<String>>,
    /// Certificates of the private key in PEM, in place of a file.
    #[config(key = "ssl.keystore.certificate.chain", importance = High)]
    pub chain: Option<Secret<String>>,
    /// Password of the private key, where it is encrypted PEM.
    #[config(key = "ssl.key.password", importance = High)]
    pub key_password: Option<Secret<String>>,
}

impl Keystore {
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
        if self.file.is_some() && self.key.is_some() {
            refuse_both(problems, "ssl.keystore.location", "ssl.keystore.key");
        }
    }
}

/// A file and a text say the same thing, and one of them would be passed over.
fn refuse_both(problems: &mut Problems, file: &str, text: &str) {
    let both = [file, text].map(|key| problems.full_name(key));
    problems.add_text(file, format!("Give either {} or {}, not both", both[0], both[1]));
}

fn identification(text: &str) -> Result<(), String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "https" => Ok(()),
        _ => Err("Only https and the empty text are known".to_owned()),
    }
}
