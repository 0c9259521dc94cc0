//! Bounds, keys and other origins.

use connect_api::config::Config as _;

use super::harness::{Web, answer};
use crate::config::WebConfig;

const HOOK: (&str, &str) = ("routes", r#"[{"path": "/hook"}]"#);

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let web = Web::start(&[HOOK, ("acks", "0"), ("body.max.bytes", "20")]).await;
    assert_eq!(answer(web.post("/hook", "\"123456789012345678\"")).await.0, 200);
    let (status, body) = answer(web.post("/hook", "\"1234567890123456789\"")).await;
    assert_eq!((status, body.contains("larger than 20 bytes")), (413, true), "{body}");
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_again() {
    let entries = [
        HOOK,
        ("acks", "0"),
        ("rate.limit.per.second", "1"),
        ("rate.limit.burst", "2"),
        ("client.address.header", "X-Forwarded-For"),
    ];
    let web = Web::start(&entries).await;
    for expected in [200, 200, 429] {
        assert_eq!(answer(web.post("/hook", "1")).await.0, expected);
    }
    let response = web.post("/hook", "1").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    let other = web.post("/hook", "1").header("X-Forwarded-For", "127.0.0.1, 10.0.0.9");
    assert_eq!(answer(other).await.0, 200, "the last address is that which the proxy saw");
    web.clock.advance_ms(1000);
    assert_eq!(answer(web.post("/hook", "1")).await.0, 200);
}

#[tokio::test]
async fn without_the_key_nothing_is_taken() {
    let web = Web::start(&[HOOK, ("acks", "0"), ("api.key", "s3cret")]).await;
    let hook = || web.post("/hook", "1");
    for (request, expected) in [
        (hook(), 401),
        (hook().header("X-API-Key", "other"), 401),
        (hook().header("X-API-Key", "s3cret"), 200),
        (hook().header("Authorization", "Bearer s3cret"), 200),
        (hook().header("Authorization", "bearer s3cret"), 200),
        (hook().header("Authorization", "BEARER  s3cret"), 200),
        (hook().header("Authorization", "Bearers3cret"), 401),
        (hook().header("Authorization", "Basic s3cret"), 401),
    ] {
        let (status, body) = answer(request).await;
        assert_eq!((status, body.contains("s3cret")), (expected, false), "{body}");
    }
    let config = WebConfig::parse(&web.props).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[tokio::test]
async fn with_a_secret_nothing_unsigned_is_taken() {
    let routes = r#"[{"path": "/hook"}, {"path": "/pick", "fields": {"a": "query:a"}}]"#;
    let web = Web::start(&[("routes", routes), ("acks", "0"), ("hmac.secret", "s")]).await;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"s");
    let signed = |request: reqwest::RequestBuilder, body: &[u8]| {
        let tag = ring::hmac::sign(&key, body);
        let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        request.header("X-Hub-Signature-256", format!("sha256={digits}"))
    };
    for (request, expected) in [
        (web.post("/hook", "1"), 401),
        (signed(web.post("/hook", "1"), b"2"), 401),
        (signed(web.post("/hook", "1"), b"1"), 200),
        (web.get("/pick?a=1"), 401),
        (signed(web.get("/pick?a=1"), b"1"), 401),
        (signed(web.get("/pick?a=1"), b""), 200),
    ] {
        let (status, body) = answer(request).await;
        assert_eq!(status, expected, "{body}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_call_when_they_are_named() {
    let origin = ("access.control.allow.origin", "https://a.example,https://b.example");
    let web = Web::start(&[HOOK, ("acks", "0"), origin, ("api.key", "k")]).await;
    let preflight = |origin: &str| {
        web.client
            .request(reqwest::Method::OPTIONS, web.url("/hook"))
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "x-api-key")
    };
    let allowed = preflight("https://b.example").send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://b.example");
    assert_eq!(allowed.headers()["access-control-allow-methods"], "POST");
    let named = allowed.headers()["access-control-allow-headers"].to_str().unwrap().to_lowercase();
    for header in ["x-api-key", "authorization", "content-type"] {
        assert!(named.contains(header), "{header}: {named}");
    }
    let other = preflight("https://evil.example").send().await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_full_memory_turns_clients_away() {
    let mut web = Web::new(&[HOOK, ("acks", "0")]);
    web.start_with(1000).await.unwrap();
    let mut taken = 0;
    let full = loop {
        let response = web.post("/hook", "\"some event\"").send().await.unwrap();
        match response.status().as_u16() {
            200 => taken += 1,
            _ => break response,
        }
        assert!(taken < 10, "more than fits");
    };
    assert_eq!(
        (full.status().as_u16(), &full.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(web.records(taken).await.len(), taken);
    assert_eq!(answer(web.post("/hook", "1")).await.0, 200, "there is room again");
}

#[tokio::test]
async fn a_full_buffer_turns_clients_away_and_keeps_what_it_has() {
    let entries = [
        HOOK,
        ("acks", "1"),
        ("buffer.path", "BUFFER"),
        ("buffer.bytes", "8192"),
        ("body.max.bytes", "1000"),
    ];
    let mut web = Web::start(&entries).await;
    let event = format!("\"{}\"", "x".repeat(400));
    let mut taken = 0;
    while answer(web.post("/hook", event.clone())).await.0 == 200 {
        taken += 1;
        assert!(taken < 20, "more than fits");
    }
    assert!(taken > 12, "{taken} of 8192 bytes");
    assert_eq!(web.records(taken).await.len(), taken);
    for _again in 0..taken {
        assert_eq!(answer(web.post("/hook", event.clone())).await.0, 200, "there is room again");
        web.records(1).await;
    }
    let files = std::fs::read_dir(web.directory.path().join("buffer")).unwrap().count();
    assert!(files <= 6, "what the broker has is removed, but {files} files are left");
}
