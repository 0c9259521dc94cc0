//! What is told where no token can be had.

use std::time::Duration;

use connect_api::error::ErrorClass;
use connect_testkit::geocoder::{Geocoder, GeocoderServer, Mischief};

use super::{
    network::{assert_told, complaint, props},
    server::Server,
};

/// What is told where tokens are at this address.
async fn told(token_url: &str) -> (ErrorClass, String) {
    let keys = [
        ("auth.type", "OAUTH2"),
        ("oauth2.token.url", token_url),
        ("oauth2.client.id", "me"),
        ("oauth2.client.secret", "s3 cret"),
        ("http.request.timeout.ms", "300"),
        ("max.retries", "0"),
    ];
    let told = complaint(&props("http://127.0.0.1:1/", &keys)).await;
    for secret in ["s3 cret", "s3%20cret", "bWU6czMgY3JldA=="] {
        assert!(!told.1.contains(secret), "{}", told.1);
    }
    told
}

/// What is told where this is the answer instead of a token.
async fn answered(status: u16, body: &'static str) -> (ErrorClass, String) {
    let server = Server::plain(move |_| (status, body.to_owned())).await;
    let told = told(&format!("http://{}/token?k=s3cret", server.address)).await;
    assert_eq!(server.seen().len(), 1, "{}", told.1);
    assert!(!told.1.contains("k=s3cret"), "{}", told.1);
    told
}

#[tokio::test]
async fn what_the_service_of_tokens_says_is_told_without_the_secret() {
    let body = r#"{"error":"invalid_client","error_description":"s3 cret (s3%20cret, bWU6czMgY3JldA==) is wrong"}"#;
    let parts = [
        "Could not fetch a token",
        "401 Unauthorized",
        "invalid_client: [hidden] ([hidden], [hidden]) is wrong",
    ];
    assert_told(&answered(401, body).await, ErrorClass::Forbidden, &parts);
    let parts =
        ["client \"me\"", "400 Bad Request", "It said: no such scope", "oauth2.client.secret"];
    assert_told(&answered(400, "no such scope").await, ErrorClass::Forbidden, &parts);
    assert_told(&answered(404, "").await, ErrorClass::NotFound, &["path in oauth2.token.url"]);
    assert_told(&answered(500, "").await, ErrorClass::Retriable, &["500 Internal Server Error"]);
    let parts = ["302 Found", "oauth2.token.url"];
    assert_told(&answered(302, "").await, ErrorClass::Invalid, &parts);
}

#[tokio::test]
async fn an_answer_without_a_token_names_the_key_of_its_place() {
    let told = answered(200, r#"{"token":"t0ken"}"#).await;
    assert_told(&told, ErrorClass::Invalid, &["\"access_token\"", "oauth2.token.property"]);
    assert!(!told.1.contains("t0ken"), "{}", told.1);
    let told = answered(200, r#"{"error":"bad_verification_code"}"#).await;
    assert_told(&told, ErrorClass::Invalid, &["It said: bad_verification_code"]);
}

#[tokio::test]
async fn a_service_of_tokens_that_is_not_there_is_named_with_the_reason() {
    let parts = [
        "Could not fetch a token",
        "Could not reach http://127.0.0.1:1",
        "oauth2.token.url",
        "refused",
    ];
    assert_told(&told("http://127.0.0.1:1/token").await, ErrorClass::Retriable, &parts);
    let plain = GeocoderServer::start(Geocoder::new(1, Mischief::default())).await.unwrap();
    let parts = ["Could not agree on TLS", "is it http:// in oauth2.token.url?"];
    let told_of_tls = told(&plain.url().replace("http:", "https:")).await;
    assert_told(&told_of_tls, ErrorClass::Invalid, &parts);
    let (server, _certificate) = Server::tls(|_| (200, String::new())).await;
    let parts = ["Could not agree on TLS", "https.ssl.truststore.location", "UnknownIssuer"];
    assert_told(&told(&format!("https://{}/", server.address)).await, ErrorClass::Invalid, &parts);
    let slow = Server::plain(|_| {
        std::thread::sleep(Duration::from_millis(900));
        (200, String::new())
    })
    .await;
    let parts = ["Could not fetch a token", "did not answer within 300 ms", "oauth2.token.url"];
    assert_told(&told(&format!("http://{}/", slow.address)).await, ErrorClass::Retriable, &parts);
}
