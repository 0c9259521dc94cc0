//! What a server of this machine shows to clients that speak TLS.

use std::{
    fs,
    path::{Path, PathBuf},
};

use p12_keystore::{KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

/// A key with a certificate for this machine that it signed itself, in PEM, in a folder.
#[derive(Debug)]
pub(crate) struct Identity {
    folder: PathBuf,
}

impl Identity {
    /// Makes one in a folder.
    pub(crate) fn create(folder: &Path) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let identity = Self { folder: folder.to_owned() };
        fs::write(identity.certificate(), made.cert.pem()).unwrap();
        fs::write(identity.key(), made.signing_key.serialize_pem()).unwrap();
        identity
    }

    /// Both in one PKCS12 file, under the name that Java's tools give it.
    pub(crate) fn keystore(&self, password: &str) -> PathBuf {
        let certificate = CertificateDer::from_pem_file(self.certificate()).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.key()).unwrap();
        let chain = PrivateKeyChain::new(
            b"1".to_vec(),
            PrivateKey::from_der(key.secret_der()).unwrap(),
            [p12_keystore::Certificate::from_der(&certificate).unwrap()],
        );
        let mut store = KeyStore::new();
        store.add_entry("worker", KeyStoreEntry::PrivateKeyChain(chain));
        let path = self.folder.join("keystore.jks");
        fs::write(&path, store.writer(password).write().unwrap()).unwrap();
        path
    }

    /// The file with the certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// The file with the key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}
