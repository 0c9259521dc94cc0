//! What a server of this machine shows to clients that speak TLS.

use std::{
    fs,
    path::{Path, PathBuf},
};

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

    /// The file with the certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// The file with the key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("server.key")
    }
}
