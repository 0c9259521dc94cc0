//! Handshakes in memory between a client of a configuration and a server of made-up certificates.

use std::{fs, io, sync::Arc};

use connect_api::config::{Config as _, Props};
use p12_keystore::{KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;

use crate::{SslConfig, Trust};

const PREFIX: &str = "https.";

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Somebody that a configuration can be written for: an authority, a server and a client.
struct Lab {
    authority: Issuer,
    directory: TempDir,
}

/// A certificate with its key, in PEM.
struct Party {
    chain: String,
    key: String,
}

fn authority() -> Issuer {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Lab {
    fn new() -> Self {
        Self { authority: authority(), directory: tempfile::tempdir().unwrap() }
    }

    fn party(&self, name: &str) -> Party {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        Party { chain: certificate.pem(), key: key.serialize_pem() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Greets a server of this name that asks for a certificate of the client when told so.
    fn greet(
        &self,
        props: &[(&str, &str)],
        trust: Trust,
        server_name: &str,
        asks: bool,
    ) -> Result<(), String> {
        let config = config(props).client_config(PREFIX, trust).map_err(|e| e.to_string())?;
        let party = self.party(server_name);
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = rustls::pki_types::CertificateDer::pem_slice_iter(party.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(party.key.as_bytes()).unwrap();
        let server = builder.with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap();
        let client = ClientConnection::new(Arc::new(config), "here".try_into().unwrap()).unwrap();
        let server = ServerConnection::new(Arc::new(server)).unwrap();
        shake(client.into(), server.into()).map_err(|error| error.to_string())
    }
}

fn shake(mut client: Connection, mut server: Connection) -> io::Result<()> {
    while client.is_handshaking() || server.is_handshaking() {
        carry(&mut client, &mut server)?;
        carry(&mut server, &mut client)?;
    }
    Ok(())
}

fn carry(from: &mut Connection, to: &mut Connection) -> io::Result<()> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes)?;
    }
    let mut bytes = bytes.as_slice();
    while !bytes.is_empty() {
        to.read_tls(&mut bytes)?;
        to.process_new_packets().map_err(io::Error::other)?;
    }
    Ok(())
}

fn config(props: &[(&str, &str)]) -> SslConfig {
    SslConfig::parse(&props.iter().copied().collect()).unwrap()
}

/// The authority as a PKCS12 truststore, and a client as a PKCS12 keystore.
fn pkcs12(lab: &Lab, client: &Party) -> (Vec<u8>, Vec<u8>) {
    let certificate = |pem: &str| {
        let der = rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        p12_keystore::Certificate::from_der(&der).unwrap()
    };
    let mut trusted = KeyStore::new();
    trusted.add_entry("ca", KeyStoreEntry::Certificate(certificate(&lab.authority.pem())));
    let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).unwrap();
    let key = PrivateKey::from_der(key.secret_der()).unwrap();
    let chain = PrivateKeyChain::new(b"1".to_vec(), key, [certificate(&client.chain)]);
    let mut own = KeyStore::new();
    own.add_entry("client", KeyStoreEntry::PrivateKeyChain(chain));
    (trusted.writer("changeit").write().unwrap(), own.writer("changeit").write().unwrap())
}

#[test]
fn a_server_is_trusted_by_a_text_a_pem_file_or_pkcs12() {
    let lab = Lab::new();
    let pem = lab.authority.pem();
    let (trusted, _own) = pkcs12(&lab, &lab.party("client"));
    let files = [lab.file("ca.pem", &pem), lab.file("ca.jks", trusted)];
    let escaped = pem.replace('\n', "\\n");
    for props in [
        vec![("ssl.truststore.certificates", pem.as_str())],
        vec![("ssl.truststore.certificates", escaped.as_str())],
        vec![("ssl.truststore.location", files[0].as_str())],
        vec![
            ("ssl.truststore.location", files[1].as_str()),
            ("ssl.truststore.password", "changeit"),
        ],
    ] {
        assert_eq!(lab.greet(&props, Trust::Certificates, "here", false), Ok(()), "{props:?}");
        let elsewhere = lab.greet(&props, Trust::Certificates, "elsewhere", false).unwrap_err();
        assert!(elsewhere.contains("not valid for name"), "{elsewhere}");
    }
}

#[test]
fn another_name_and_another_authority_are_trusted_only_where_it_is_said() {
    let (lab, other) = (Lab::new(), Lab::new());
    let trusted = lab.file("ca.pem", lab.authority.pem());
    let strict = [("ssl.truststore.location", trusted.as_str())];
    let lenient = [strict[0], ("ssl.endpoint.identification.algorithm", "")];
    assert_eq!(lab.greet(&lenient, Trust::Certificates, "elsewhere", false), Ok(()));
    let error = other.greet(&lenient, Trust::Certificates, "here", false).unwrap_err();
    assert!(error.contains("invalid peer certificate"), "{error}");
    assert_eq!(other.greet(&strict, Trust::Anything, "elsewhere", false), Ok(()));
}

#[test]
fn a_client_shows_the_certificate_of_its_keystore() {
    let lab = Lab::new();
    let trusted = lab.file("ca.pem", lab.authority.pem());
    let trusts = ("ssl.truststore.location", trusted.as_str());
    let client = lab.party("client");
    let (_trusted, own) = pkcs12(&lab, &client);
    let files =
        [lab.file("client.pem", client.key.clone() + &client.chain), lab.file("client.p12", own)];
    for props in [
        vec![trusts, ("ssl.keystore.location", files[0].as_str())],
        vec![
            trusts,
            ("ssl.keystore.location", files[1].as_str()),
            ("ssl.keystore.password", "changeit"),
        ],
        vec![
            trusts,
            ("ssl.keystore.key", client.key.as_str()),
            ("ssl.keystore.certificate.chain", client.chain.as_str()),
        ],
    ] {
        assert_eq!(lab.greet(&props, Trust::Certificates, "here", true), Ok(()));
    }
    let nameless = lab.greet(&[trusts], Trust::Certificates, "here", true).unwrap_err();
    assert!(nameless.contains("peer sent no certificates"), "{nameless}");
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let lab = Lab::new();
    let trusted = lab.file("ca.pem", lab.authority.pem());
    let client = lab.party("client");
    let der = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).unwrap();
    let info = pkcs8::PrivateKeyInfoRef::try_from(der.secret_der()).unwrap();
    let encrypted = info.encrypt("s3cret").unwrap();
    let encrypted = encrypted.to_pem("ENCRYPTED PRIVATE KEY", Default::default()).unwrap();
    let store = lab.file("client.pem", client.chain + &encrypted);
    let props = |password| {
        let mut props = vec![
            ("ssl.truststore.location", trusted.as_str()),
            ("ssl.keystore.location", store.as_str()),
        ];
        props.extend(Option::map(password, |password| ("ssl.key.password", password)));
        props
    };
    assert_eq!(lab.greet(&props(Some("s3cret")), Trust::Certificates, "here", true), Ok(()));
    for (password, reason) in [
        (None, "its private key is encrypted, and no password is given"),
        (Some("wr0ng"), "the password is wrong"),
    ] {
        let error = lab.greet(&props(password), Trust::Certificates, "here", true).unwrap_err();
        assert!(error.starts_with("https.ssl.keystore.location cannot be used"), "{error}");
        assert!(error.contains(reason) && !error.contains("wr0ng"), "{error}");
    }
}

#[test]
fn a_store_that_cannot_be_read_is_named_with_the_remedy() {
    let lab = Lab::new();
    let (trusted, _own) = pkcs12(&lab, &lab.party("client"));
    let files = [
        lab.file("old.jks", b"\xfe\xed\xfe\xed\0\0\0\x02"),
        lab.file("empty.pem", ""),
        lab.file("text.pem", "-----BEGIN CERTIFICATE-----\n??\n-----END CERTIFICATE-----\n"),
        lab.file("ca.p12", &trusted),
        lab.file("broken.p12", &trusted[..40]),
        lab.directory.path().join("none").to_str().unwrap().to_owned(),
    ];
    let reasons = [
        "deststoretype PKCS12",
        "holds no certificate",
        "it is no PEM",
        "it is no PKCS12 that the password given for it opens",
        "it is no PKCS12 that the password given for it opens",
        "cannot be read: No such file",
    ];
    for (file, reason) in files.iter().zip(reasons) {
        let config =
            config(&[("ssl.truststore.location", file), ("ssl.truststore.password", "wr0ng")]);
        let error = config.client_config(PREFIX, Trust::Certificates).unwrap_err().to_string();
        assert!(error.starts_with("https.ssl.truststore.location cannot be used: "), "{error}");
        assert!(error.contains(reason) && !error.contains("wr0ng"), "{reason}: {error}");
    }
}

#[test]
fn a_key_and_its_certificates_go_together() {
    let props =
        Props::from([("ssl.keystore.key", "x"), ("ssl.endpoint.identification.algorithm", "x")]);
    let errors = SslConfig::parse(&props).unwrap_err().to_string();
    assert!(errors.contains("Only https and the empty text are known"), "{errors}");
    let errors = SslConfig::parse(&Props::from([("ssl.keystore.key", "x")])).unwrap_err();
    assert!(errors.to_string().contains("ssl.keystore.certificate.chain has to be given"));
}

#[test]
fn a_file_and_a_text_are_not_both_given() {
    let props = Props::from([
        ("ssl.truststore.location", "f"),
        ("ssl.truststore.certificates", "c"),
        ("ssl.keystore.location", "f"),
        ("ssl.keystore.key", "k"),
        ("ssl.keystore.certificate.chain", "c"),
    ]);
    let errors = SslConfig::parse(&props).unwrap_err().to_string();
    for (file, text) in [
        ("ssl.truststore.location", "ssl.truststore.certificates"),
        ("ssl.keystore.location", "ssl.keystore.key"),
    ] {
        assert!(errors.contains(&format!("Give either {file} or {text}, not both")), "{errors}");
    }
}
