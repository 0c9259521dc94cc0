//! HTTPS listeners.

use std::{fs, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{start_embedded, wire};
use crate::{
    harness::{Mode, free_port},
    services::identity::Identity,
};

/// Connects as a client that trusts the worker, with a certificate of its own or without.
async fn connect(
    port: u16,
    worker: &Identity,
    own: Option<&Identity>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(worker.certificate()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_file(own.certificate()).unwrap()];
            let key = PrivateKeyDer::from_pem_file(own.key()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_https_listener_speaks_tls_and_says_so_in_locations() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::create(folder.path());
    let store = identity.keystore("changeit");
    let secure = free_port();
    let listeners = format!("http://127.0.0.1:{{port}},https://127.0.0.1:{secure}");
    let more = [
        ("listeners", &*listeners),
        ("ssl.keystore.location", store.to_str().unwrap()),
        ("ssl.keystore.password", "changeit"),
        ("ssl.key.password", "changeit"),
        ("rest.advertised.listener", "https"),
    ];
    let worker = start_embedded(folder.path(), Mode::Standalone, &more).await;
    let mut stream = connect(secure, &identity, None).await.unwrap();
    let source = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    let config = json!({"connector.class": source, "topic": "t", "file": "/no/such/file"});
    let body = json!({"name": "c", "config": config}).to_string();
    let headers = [("Content-Type", "application/json")];
    let create = wire::request("POST", "/connectors", &headers, &body);
    let reply = wire::converse(&mut stream, &create, false).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("location").as_deref(), Some("https://worker:8083/connectors/c"));
    // The connection lives on, and the advertised listener is the secure one.
    let status = wire::request("GET", "/connectors/c/status", &[], "");
    let reply = wire::converse(&mut stream, &status, false).await.json.unwrap();
    assert_eq!(reply["connector"]["worker_id"], format!("127.0.0.1:{secure}"));
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_a_certificate_where_it_is_required() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (identity, client) = (Identity::create(ours.path()), Identity::create(theirs.path()));
    let in_one_line = |pem: PathBuf| fs::read_to_string(pem).unwrap().replace('\n', "\\\\n");
    let secure = free_port();
    let listener = format!("https://127.0.0.1:{secure}");
    let (key, chain) = (in_one_line(identity.key()), in_one_line(identity.certificate()));
    let trusted = in_one_line(client.certificate());
    let prefix = "admin.listeners.https.ssl.";
    let keys = ["keystore.key", "keystore.certificate.chain", "truststore.certificates"];
    let [key_name, chain_name, trusted_name] = keys.map(|key| format!("{prefix}{key}"));
    let more = [
        ("admin.listeners", &*listener),
        (&*key_name, &*key),
        (&*chain_name, &*chain),
        (&*trusted_name, &*trusted),
        ("admin.listeners.https.ssl.client.auth", "required"),
    ];
    let worker = start_embedded(folder.path(), Mode::Standalone, &more).await;
    let list = wire::request("GET", "/admin/loggers", &[], "");
    let mut known = connect(secure, &identity, Some(&client)).await.unwrap();
    assert_eq!(wire::converse(&mut known, &list, false).await.status, 200);
    // In TLS 1.3 a client learns that it was turned away when it reads.
    let stranger = async {
        let mut stream = connect(secure, &identity, None).await?;
        tokio::io::AsyncWriteExt::write_all(&mut stream, &list).await?;
        tokio::io::AsyncReadExt::read_u8(&mut stream).await
    };
    assert!(stranger.await.is_err());
    drop(worker);
}
