//! Certificates and private keys out of texts and files.

use std::fs;

use connect_api::{
    config::Secret,
    error::{ConnectorError, Result},
};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::config::{Keystore, Truststore};

/// First bytes of Java's older format.
const JKS: &[u8] = &[0xfe, 0xed, 0xfe, 0xed];

/// First byte of PKCS12: a sequence in DER.
const SEQUENCE: u8 = 0x30;

/// Certificates, one's own first, and the private key of that one.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Truststore {
    /// The certificates that are trusted; none when nothing is said of them. `prefix` is what stands before
    /// the keys in the user's configuration.
    ///
    /// # Errors
    /// The store cannot be read, or has none; the error names its key.
    pub fn certificates(&self, prefix: &str) -> Result<Option<Vec<CertificateDer<'static>>>> {
        let store = match (&self.certificates, &self.file) {
            (Some(text), _) => Store::of_text(format!("{prefix}ssl.truststore.certificates"), text),
            (None, Some(file)) => Store::of_file(truststore(prefix), file, self.password.as_ref())?,
            (None, None) => return Ok(None),
        };
        store.trusted().map(Some)
    }
}

impl Keystore {
    /// Who we are; none when nothing is said of it. `prefix` is as above.
    ///
    /// # Errors
    /// The store cannot be read, or lacks a part; the error names its key.
    pub fn identity(&self, prefix: &str) -> Result<Option<Identity>> {
        let key_password = self.key_password.as_ref();
        if let (Some(key), Some(chain)) = (&self.key, &self.chain) {
            let key = Store::of_text(format!("{prefix}ssl.keystore.key"), key);
            let chain = Store::of_text(format!("{prefix}ssl.keystore.certificate.chain"), chain);
            return Ok(Some((chain.trusted()?, key.key(key_password)?)));
        }
        let Some(file) = &self.file else { return Ok(None) };
        let store = Store::of_file(keystore(prefix), file, self.password.as_ref())?;
        store.identity(key_password).map(Some)
    }
}

pub(crate) fn truststore(prefix: &str) -> String {
    format!("{prefix}ssl.truststore.location")
}

pub(crate) fn keystore(prefix: &str) -> String {
    format!("{prefix}ssl.keystore.location")
}

/// Where certificates or a key come from, with the key of the configuration that says so.
pub(crate) struct Store<'a> {
    pub(crate) key: String,
    pub(crate) content: Content,
    pub(crate) password: Option<&'a Secret<String>>,
}

pub(crate) enum Content {
    Pem(Secret<Vec<u8>>),
    Pkcs12(Secret<Vec<u8>>),
}

impl<'a> Store<'a> {
    /// A text in PEM; line ends may be written `\n`, as in one line of a properties file.
    pub(crate) fn of_text(key: String, text: &Secret<String>) -> Self {
        let text = text.expose().replace("\\n", "\n").into_bytes();
        Self { key, content: Content::Pem(Secret::new(text)), password: None }
    }

    /// A file.
    ///
    /// # Errors
    /// It cannot be read, or is in none of the known formats.
    pub(crate) fn of_file(
        key: String,
        path: &str,
        password: Option<&'a Secret<String>>,
    ) -> Result<Self> {
        let bytes = fs::read(path)
            .map_err(|error| refused(&key, format_args!("\"{path}\" cannot be read: {error}")))?;
        let content = match bytes.first() {
            Some(&SEQUENCE) => Content::Pkcs12(Secret::new(bytes)),
            _ if bytes.starts_with(JKS) => {
                return Err(refused(
                    &key,
                    format_args!(
                        "\"{path}\" is in Java's older JKS format, and PEM or PKCS12 can be read \
                         here: keytool -importkeystore -srckeystore {path} -destkeystore \
                         store.p12 -deststoretype PKCS12 makes the latter of it"
                    ),
                ));
            }
            _ => Content::Pem(Secret::new(bytes)),
        };
        Ok(Self { key, content, password })
    }

    /// Every certificate of a truststore.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub(crate) fn trusted(&self) -> Result<Vec<CertificateDer<'static>>> {
        let found = match &self.content {
            Content::Pem(text) => self.pem_certificates(text)?,
            Content::Pkcs12(bytes) => {
                let store = self.open(bytes)?;
                let entries = store.entries().flat_map(|(_, entry)| match entry {
                    KeyStoreEntry::Certificate(certificate) => vec![owned(certificate)],
                    KeyStoreEntry::PrivateKeyChain(chain) => {
                        chain.certs().iter().map(owned).collect()
                    }
                    _ => Vec::new(),
                });
                entries.collect()
            }
        };
        if found.is_empty() {
            return Err(self.refused("it holds no certificate"));
        }
        Ok(found)
    }

    /// The private key of a keystore, with its certificates from the client's own on.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub(crate) fn identity(&self, key_password: Option<&Secret<String>>) -> Result<Identity> {
        match &self.content {
            Content::Pem(text) => {
                Ok((self.trusted()?, self.pem_key(text, key_password.or(self.password))?))
            }
            Content::Pkcs12(bytes) => {
                let store = self.open(bytes)?;
                let (_, chain) = store
                    .private_key_chain()
                    .ok_or_else(|| self.refused("it holds no private key"))?;
                let key = PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec());
                Ok((chain.certs().iter().map(owned).collect(), key.into()))
            }
        }
    }

    /// The private key of a PEM text.
    ///
    /// # Errors
    /// There is none, or it is encrypted and the password is missing or wrong.
    pub(crate) fn key(&self, password: Option<&Secret<String>>) -> Result<PrivateKeyDer<'static>> {
        match &self.content {
            Content::Pem(text) => self.pem_key(text, password),
            Content::Pkcs12(_) => Ok(self.identity(password)?.1),
        }
    }

    fn pem_certificates(&self, text: &Secret<Vec<u8>>) -> Result<Vec<CertificateDer<'static>>> {
        let found: std::result::Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(text.expose()).collect();
        found.map_err(|error| self.refused(format_args!("it is no PEM: {error}")))
    }

    fn pem_key(
        &self,
        text: &Secret<Vec<u8>>,
        password: Option<&Secret<String>>,
    ) -> Result<PrivateKeyDer<'static>> {
        let Some(encrypted) = encrypted_section(text.expose()) else {
            return PrivateKeyDer::from_pem_slice(text.expose())
                .map_err(|_| self.refused("it holds no private key in PEM"));
        };
        let Some(password) = password else {
            return Err(self.refused("its private key is encrypted, and no password is given"));
        };
        let broken = |_| self.refused("its encrypted private key is broken");
        let (_label, der) = SecretDocument::from_pem(encrypted).map_err(broken)?;
        let info: EncryptedPrivateKeyInfoRef<'_> = der.decode_msg().map_err(broken)?;
        let key = info.decrypt(password.expose()).map_err(|_| {
            self.refused(
                "its private key cannot be decrypted: the password is wrong, or it is not \
                 encrypted by PBES2",
            )
        })?;
        Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
    }

    fn open(&self, bytes: &Secret<Vec<u8>>) -> Result<KeyStore> {
        let password = self.password.map_or("", |password| password.expose().as_str());
        KeyStore::from_pkcs12(bytes.expose(), password, Pkcs12ImportPolicy::Relaxed).map_err(
            |error| {
                self.refused(format_args!(
                    "it is no PKCS12 that the password given for it opens ({error})"
                ))
            },
        )
    }

    fn refused(&self, reason: impl std::fmt::Display) -> ConnectorError {
        refused(&self.key, reason)
    }
}

/// The encrypted private key of a PEM text.
fn encrypted_section(text: &[u8]) -> Option<&str> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let text = str::from_utf8(text).ok()?;
    let section = text.get(text.find(BEGIN)?..)?;
    section.get(..section.find(END)? + END.len())
}

fn owned(certificate: &p12_keystore::Certificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.as_der().to_vec())
}

/// Says that the value of a key cannot be used.
pub(crate) fn refused(key: &str, reason: impl std::fmt::Display) -> ConnectorError {
    ConnectorError::invalid(format!("{key} cannot be used: {reason}"))
}
