//! HTTPS.

use std::{fs, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::harness::Web;

fn identity() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.signing_key.serialize_pem(), made.cert.pem())
}

/// What a client that trusts the certificate is answered.
async fn get_over_tls(web: &Web, chain: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(web.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let request = "GET /api/select?color=red&user=a HTTP/1.1\r\nHost: localhost\r\n\
                   User-Agent: Test/1\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answered = String::new();
    // The server ends the connection without a farewell.
    let _ended = stream.read_to_string(&mut answered).await;
    answered
}

#[tokio::test]
async fn events_come_over_https() {
    let (key, chain) = identity();
    let mut web = Web::new(&[("acks", "0")]);
    let file = web.directory.path().join("server.pem");
    fs::write(&file, format!("{key}{chain}")).unwrap();
    web.props.insert("ssl.keystore.location".to_owned(), file.display().to_string());
    web.start_task().await.unwrap();
    let answered = get_over_tls(&web, &chain).await;
    assert!(answered.starts_with("HTTP/1.1 200 OK"), "{answered}");
    assert_eq!(web.records(1).await.len(), 1);
    let plain = web.get("/api/select?color=red&user=a").send().await;
    assert!(plain.is_err(), "nothing is taken without TLS");
}

#[tokio::test]
async fn a_bad_certificate_is_one_sentence_without_the_key() {
    let ((key, _), (_, other)) = (identity(), identity());
    let mut web = Web::new(&[]);
    let file = web.directory.path().join("server.pem");
    let shown = file.display().to_string();
    web.props.insert("ssl.keystore.location".to_owned(), shown.clone());
    let missing = web.start_task().await.unwrap_err().to_string();
    assert_eq!(
        missing,
        format!(
            "ssl.keystore.location cannot be used: \"{shown}\" cannot be read: No such file or directory \
             (os error 2)"
        )
    );
    for (content, reason) in [
        (key.clone(), "it holds no certificate"),
        (other.clone(), "it holds no private key in PEM"),
        (format!("{key}{other}"), "keys may not be consistent: KeyMismatch"),
    ] {
        fs::write(&file, content).unwrap();
        let error = web.start_task().await.unwrap_err().to_string();
        assert_eq!(error, format!("ssl.keystore.location cannot be used: {reason}"));
    }
}
