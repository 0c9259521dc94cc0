//! Who we are, whom we trust, and what is said when it goes wrong.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use connect_api::{
    config::Props,
    error::{ErrorClass, Result, chain},
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::{SinkConnector, SinkOffsets},
};
use connect_testkit::{
    ManualClock,
    geocoder::{Geocoder, GeocoderServer, Mischief},
    sink_context,
};

use super::server::{Seen, Server};
use crate::HttpSink;

pub(super) fn record(text: &str) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset: 0,
        timestamp_ms: None,
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::schemaless("k".into()),
        value: SchemaAndValue::schemaless(text.into()),
        headers: Vec::new(),
    }
}

/// Sends one record, as the worker would have it done.
async fn send(connector: &dyn SinkConnector, props: &Props) -> Result<()> {
    let mut task = connector.start_task(props, sink_context(&ManualClock::at(0))).await?;
    let partition = TopicPartition::new("t", 0);
    task.open(std::slice::from_ref(&partition)).await?;
    task.put(&[record("hello")]).await?;
    let consumed = SinkOffsets::from([(partition.clone(), 1)]);
    for _ in 0..50 {
        if task.pre_commit(&consumed).await?.get(&partition) == Some(&1) {
            return Ok(());
        }
        task.put(&[]).await?;
    }
    Err(connect_api::error::ConnectorError::internal("The record was not sent in time"))
}

pub(super) fn props(url: &str, more: &[(&str, &str)]) -> Props {
    let mut props = Props::from_iter([
        ("http.api.url", url),
        ("retry.backoff.ms", "1"),
        ("max.retries", "1"),
        ("http.request.timeout.ms", "3000"),
    ]);
    for (key, value) in more {
        props.insert(*key, *value);
    }
    props
}

pub(super) fn fine(_request: &Seen) -> (u16, String) {
    (200, "fine".to_owned())
}

/// Answers 401 unless the request has this header.
fn wants(header: &'static str) -> impl Fn(&Seen) -> (u16, String) {
    move |request| {
        let has_it = request.headers.lines().any(|line| line == header);
        if has_it { fine(request) } else { (401, "who are you?".to_owned()) }
    }
}

#[tokio::test]
async fn a_request_has_method_headers_and_body() {
    let server = Server::plain(fine).await;
    let url = format!("http://{}/in/${{topic}}/${{key}}", server.address);
    let more = [
        ("request.method", "PUT"),
        ("headers", "X-A: 1|X-B:2"),
        ("batch.prefix", "<"),
        ("batch.suffix", ">"),
    ];
    send(&HttpSink::CONFLUENT, &props(&url, &more)).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "PUT /in/t/k HTTP/1.1");
    assert!(seen.headers.contains("x-a: 1\r\nx-b: 2"), "{}", seen.headers);
    assert_eq!(seen.body, "<hello>");
}

#[tokio::test]
async fn each_way_to_say_who_we_are() {
    for (header, keys) in [
        (
            "authorization: basic dtpw",
            &[("auth.type", "BASIC"), ("connection.user", "u"), ("connection.password", "p")][..],
        ),
        ("authorization: bearer abc", &[("auth.type", "BEARER"), ("bearer.token", "abc")]),
        (
            "x-key: abc",
            &[("auth.type", "API_KEY"), ("api.key.name", "X-Key"), ("api.key.value", "abc")],
        ),
    ] {
        let server = Server::plain(wants(header)).await;
        let url = format!("http://{}/", server.address);
        send(&HttpSink::CONFLUENT, &props(&url, keys)).await.unwrap();
        assert_eq!(server.seen().len(), 1, "{header}");
    }
    let server = Server::plain(fine).await;
    let keys = [
        ("auth.type", "API_KEY"),
        ("api.key.name", "key"),
        ("api.key.value", "a b"),
        ("api.key.location", "QUERY"),
    ];
    send(&HttpSink::CONFLUENT, &props(&format!("http://{}/?a=1", server.address), &keys))
        .await
        .unwrap();
    assert_eq!(server.seen()[0].line, "POST /?a=1&key=a+b HTTP/1.1");
    let server = Server::plain(wants("authorization: token 1")).await;
    let url = format!("http://{}/", server.address);
    let aiven = Props::from_iter([
        ("http.url", url.as_str()),
        ("http.authorization.type", "static"),
        ("http.headers.authorization", "Token 1"),
        ("http.headers.additional", "a:b,c:d"),
    ]);
    send(&HttpSink::AIVEN, &aiven).await.unwrap();
    let seen = &server.seen()[0];
    assert!(seen.headers.contains("a: b") && seen.headers.contains("c: d"), "{}", seen.headers);
    assert_eq!(seen.body, "hello");
}

#[tokio::test]
async fn a_token_is_renewed_when_it_is_refused() {
    let tokens = AtomicUsize::new(0);
    let server = Server::plain(move |request| {
        if request.line.starts_with("POST /token") {
            let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
            return (200, format!("{{\"access_token\":\"t{number}\"}}"));
        }
        wants("authorization: bearer t2")(request)
    })
    .await;
    let token_url = format!("http://{}/token", server.address);
    let keys = [
        ("auth.type", "OAUTH2"),
        ("oauth2.token.url", token_url.as_str()),
        ("oauth2.client.id", "me"),
        ("oauth2.client.secret", "s3cret"),
        ("oauth2.client.auth.mode", "url"),
        ("oauth2.client.scope", "a b"),
        ("max.retries", "0"),
    ];
    send(&HttpSink::CONFLUENT, &props(&format!("http://{}/", server.address), &keys))
        .await
        .unwrap();
    let lines: Vec<_> = server.seen().iter().map(|seen| seen.line.clone()).collect();
    assert_eq!(
        lines,
        ["POST /token HTTP/1.1", "POST / HTTP/1.1", "POST /token HTTP/1.1", "POST / HTTP/1.1"]
    );
    let form = "grant_type=client_credentials&scope=a%20b&client_id=me&client_secret=s3cret";
    assert_eq!(server.seen()[0].body, form);
}

fn lines_of(request: &Seen, name: &str) -> Vec<String> {
    let lines = request.headers.lines().filter(|line| line.starts_with(name));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn no_header_is_sent_twice() {
    let server = Server::plain(|_| (200, "{\"access_token\":\"t\"}".to_owned())).await;
    let url = format!("http://{}/", server.address);
    let keys = [
        ("headers", "Authorization:Bearer old|Content-Type:text/a|content-type:text/b"),
        ("auth.type", "OAUTH2"),
        ("oauth2.token.url", url.as_str()),
        ("oauth2.client.id", "me"),
        ("oauth2.client.secret", "s3cret"),
        ("oauth2.client.headers", "Content-Type:text/a|Authorization:none"),
    ];
    send(&HttpSink::CONFLUENT, &props(&url, &keys)).await.unwrap();
    let basic = ("auth.type", "BASIC");
    let keys = [keys[0], basic, ("connection.user", "u"), ("connection.password", "p")];
    send(&HttpSink::CONFLUENT, &props(&url, &keys)).await.unwrap();
    let expected = [
        ("authorization: basic bwu6cznjcmv0", "content-type: application/x-www-form-urlencoded"),
        ("authorization: bearer t", "content-type: text/b"),
        ("authorization: basic dtpw", "content-type: text/b"),
    ];
    assert_eq!(server.seen().len(), expected.len());
    for (request, (authorization, kind)) in server.seen().iter().zip(expected) {
        assert_eq!(lines_of(request, "authorization:"), [authorization], "{}", request.headers);
        assert_eq!(lines_of(request, "content-type:"), [kind], "{}", request.headers);
    }
}

/// What is told of a configuration that does not work.
pub(super) async fn complaint(props: &Props) -> (ErrorClass, String) {
    let sent =
        tokio::time::timeout(Duration::from_secs(20), send(&HttpSink::CONFLUENT, props)).await;
    let error = sent.expect("an answer in time").unwrap_err();
    (error.class(), chain(&error))
}

pub(super) fn assert_told(
    (class, text): &(ErrorClass, String),
    expected: ErrorClass,
    parts: &[&str],
) {
    assert_eq!(*class, expected, "{text}");
    for part in parts {
        assert!(text.contains(part), "\"{part}\" is not in: {text}");
    }
}

#[tokio::test]
async fn a_wrong_host_is_told_at_the_start() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let told = complaint(&props(&format!("http://{address}/x?key=s3cret"), &[])).await;
    assert_told(
        &told,
        ErrorClass::Retriable,
        &["Could not reach 127.0.0.1", "http.api.url", "refused"],
    );
    assert!(!told.1.contains("s3cret"), "{}", told.1);
    let told = complaint(&props("http://no-such-host.invalid/", &[])).await;
    assert_told(&told, ErrorClass::Retriable, &["Could not reach no-such-host.invalid:80"]);
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_path_are_told_in_one_sentence() {
    let server = Server::plain(wants("authorization: basic none")).await;
    let url = format!("http://{}/", server.address);
    let keys =
        [("auth.type", "BASIC"), ("connection.user", "u"), ("connection.password", "s3cret")];
    let told = complaint(&props(&url, &keys)).await;
    assert_told(
        &told,
        ErrorClass::Forbidden,
        &["answered 401 Unauthorized", "credentials", "who are you?"],
    );
    let server = Server::plain(|_| (404, String::new())).await;
    let told = complaint(&props(&format!("http://{}/", server.address), &[])).await;
    assert_told(&told, ErrorClass::NotFound, &["answered 404 Not Found", "path in http.api.url"]);
    let server = Server::plain(|_| (401, String::new())).await;
    let token_url = format!("http://{}/token", server.address);
    let keys = [
        ("auth.type", "OAUTH2"),
        ("oauth2.token.url", token_url.as_str()),
        ("oauth2.client.id", "me"),
        ("oauth2.client.secret", "s3cret"),
    ];
    let told = complaint(&props(&format!("http://{}/", server.address), &keys)).await;
    assert_told(
        &told,
        ErrorClass::Forbidden,
        &["gave none to client \"me\"", "oauth2.client.secret"],
    );
    assert!(!told.1.contains("s3cret"), "{}", told.1);
}

#[tokio::test]
async fn certificates_that_nobody_knows_are_told_and_known_ones_do() {
    let (server, certificate) = Server::tls(fine).await;
    let url = format!("https://{}/", server.address);
    let told = complaint(&props(&url, &[])).await;
    assert_told(
        &told,
        ErrorClass::Invalid,
        &["Could not agree on TLS with https://localhost", "https.ssl.truststore.location"],
    );
    let known = [("https.ssl.truststore.certificates", certificate.as_str())];
    send(&HttpSink::CONFLUENT, &props(&url, &known)).await.unwrap();
    let aiven = Props::from_iter([
        ("http.url", url.as_str()),
        ("http.authorization.type", "none"),
        ("http.ssl.trust.all.certs", "true"),
    ]);
    send(&HttpSink::AIVEN, &aiven).await.unwrap();
    let plain = GeocoderServer::start(Geocoder::new(1, Mischief::default())).await.unwrap();
    let told = complaint(&props(&plain.url().replace("http:", "https:"), &[])).await;
    assert_told(&told, ErrorClass::Invalid, &["TLS", "http.api.url"]);
}

#[tokio::test]
async fn a_proxy_is_asked_in_place_of_the_service() {
    let proxy = Server::plain(wants("proxy-authorization: basic dtpw")).await;
    let port = proxy.address.rsplit(':').next().unwrap();
    let keys = [
        ("http.proxy.host", "localhost"),
        ("http.proxy.port", port),
        ("http.proxy.user", "u"),
        ("http.proxy.password", "p"),
    ];
    send(&HttpSink::CONFLUENT, &props("http://service.invalid/a", &keys)).await.unwrap();
    assert_eq!(proxy.seen()[0].line, "POST http://service.invalid/a HTTP/1.1");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_told() {
    let server = Server::plain(|_| {
        std::thread::sleep(Duration::from_millis(400));
        (200, String::new())
    })
    .await;
    let keys = [("http.request.timeout.ms", "100"), ("max.retries", "0")];
    let told = complaint(&props(&format!("http://{}/", server.address), &keys)).await;
    assert_told(&told, ErrorClass::Internal, &["did not answer within 100 ms"]);
}
