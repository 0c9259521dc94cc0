//! The roads to a registry: TLS, and a proxy.

use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::io::copy_bidirectional;
use tokio_rustls::TlsAcceptor;

use super::*;

const TEXT: &str = r#"{"schema":"\"int\""}"#;

/// Certificates of an authority, of the registry and of a client.
struct Papers {
    authority: CertifiedIssuer<'static, KeyPair>,
    client: (String, String),
    acceptor: TlsAcceptor,
}

impl Papers {
    fn new() -> Self {
        let key = || KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).unwrap();
        let (own, theirs) = (key(), key());
        let signed = |name: &str, key: &KeyPair| {
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            params.signed_by(key, &authority).unwrap()
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap());
        let own_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let chain = vec![signed("127.0.0.1", &own).der().clone()];
        let client = (signed("client", &theirs).pem(), theirs.serialize_pem());
        let config = config.with_single_cert(chain, own_key).unwrap();
        Self { authority, client, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

#[tokio::test]
async fn over_tls_each_side_shows_its_certificate() {
    let papers = Papers::new();
    let fake = Fake::behind(papers.acceptor.clone()).await;
    let trusted = papers.authority.pem();
    let trusts = ("schema.registry.ssl.truststore.certificates", trusted.as_str());
    let shows = [
        ("schema.registry.ssl.keystore.certificate.chain", papers.client.0.as_str()),
        ("schema.registry.ssl.keystore.key", papers.client.1.as_str()),
    ];
    let stranger = ("max.retries", "0");
    for (more, is_let_in) in [
        (vec![trusts, shows[0], shows[1]], true),
        (vec![shows[0], shows[1], stranger], false),
        (vec![trusts, stranger], false),
    ] {
        let registry = registry(&fake.url(), &more);
        let work = settled(&registry, || registry.by_id(1));
        let found = fake.during(|_| (200, TEXT), work).await;
        assert_eq!(found.is_ok(), is_let_in, "{found:?}");
        if let Err(failure) = found {
            assert_eq!(failure.kind(), FailureKind::Away);
            assert!(failure.to_string().contains("ertificate"), "{failure}");
        }
    }
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_proxy_is_asked_to_connect() {
    let fake = Fake::new().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = proxy.local_addr().unwrap().port().to_string();
    let registry = registry(
        // Only the proxy knows where this is.
        "http://registry.invalid:8081",
        &[("proxy.host", "127.0.0.1"), ("proxy.port", &port)],
    );
    let target = fake.listener.local_addr().unwrap();
    let carry = async {
        let (mut client, _) = proxy.accept().await.unwrap();
        let mut request = vec![0; 1024];
        let length = client.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        assert!(request.starts_with("CONNECT registry.invalid:8081 "), "{request}");
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
        // Whoever ends first ends it.
        let _ended = copy_bidirectional(&mut client, &mut server).await;
        std::future::pending::<()>().await;
    };
    let work = fake.during(|_| (200, TEXT), settled(&registry, || registry.by_id(1)));
    let found = tokio::select! {
        found = work => found,
        () = carry => unreachable!(),
    };
    assert!(found.is_ok(), "{found:?}");
    assert!(fake.asked()[0].starts_with("GET /schemas/ids/1"), "{:?}", fake.asked());
}
