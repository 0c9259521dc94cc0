mod roads;

use std::{io, sync::Mutex};

use connect_api::{
    convert::Converter as _,
    error::{ErrorClass, chain},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::Value,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::avro::AvroConverter;

/// A registry that answers as a test says: method, path and body to status and body.
struct Fake {
    listener: TcpListener,
    /// Whether it speaks TLS.
    acceptor: Option<TlsAcceptor>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: None, asked: Mutex::default() }
    }

    async fn behind(acceptor: TlsAcceptor) -> Self {
        Self { acceptor: Some(acceptor), ..Self::new().await }
    }

    fn url(&self) -> String {
        let scheme = if self.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.listener.local_addr().unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Answers while something is done.
    async fn during<T>(
        &self,
        answer: impl Fn(&str) -> (u16, &'static str),
        work: impl Future<Output = T>,
    ) -> T {
        let serve = async {
            loop {
                let (mut stream, _) = self.listener.accept().await.unwrap();
                let Some(acceptor) = &self.acceptor else {
                    self.answer(&mut stream, &answer).await.unwrap();
                    continue;
                };
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    // A client may find only now that it was not let in, or does not let us.
                    let _answered = self.answer(&mut stream, &answer).await;
                }
            }
        };
        tokio::select! {
            outcome = work => outcome,
            () = serve => unreachable!(),
        }
    }

    async fn answer(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        answer: impl Fn(&str) -> (u16, &'static str),
    ) -> io::Result<()> {
        let mut request = vec![0; 8192];
        let length = stream.read(&mut request).await?;
        let text = String::from_utf8_lossy(&request[..length]).into_owned();
        let line = text.lines().next().unwrap_or_default().replace(" HTTP/1.1", "");
        self.asked.lock().unwrap().push(text);
        let (status, body) = answer(&line);
        let head = format!(
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.shutdown().await
    }
}

fn registry(urls: &str, more: &[(&str, &str)]) -> Registry {
    let mut props: Props = [("schema.registry.url", urls), ("retries.wait.ms", "1")].into();
    for (key, value) in more {
        props.insert(*key, *value);
    }
    let config = <SerdeConfig as connect_api::config::Config>::parse(&props).unwrap();
    Registry::new(&config, &props, SchemaType::Avro, false).unwrap()
}

/// What a look-up ends in once the registry was asked.
async fn settled<T>(registry: &Registry, look: impl Fn() -> Found<T>) -> Found<T> {
    match look() {
        Err(failure) if failure.kind() == FailureKind::NotAsked => {}
        other => return other,
    }
    registry.pending().expect("something is to be asked").await;
    look()
}

#[tokio::test]
async fn a_schema_is_asked_for_once_with_all_that_it_names() {
    let fake = Fake::new().await;
    let registry = registry(&fake.url(), &[]);
    let answer = |line: &str| match line {
        "GET /schemas/ids/7" => {
            (200, r#"{"schema":"\"c.C\"","references":[{"name":"c.C","subject":"c","version":2}]}"#)
        }
        "GET /subjects/c/versions/2" => {
            (200, r#"{"schema":"\"b\"","references":[{"name":"b.B","subject":"b/x","version":1}]}"#)
        }
        "GET /subjects/b%2Fx/versions/1" => (200, r#"{"schema":"\"int\""}"#),
        _ => (404, "{}"),
    };
    let found = fake.during(answer, settled(&registry, || registry.by_id(7))).await.unwrap();
    let named: Vec<_> = found.named.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, ["b.B", "c.C"]);
    assert!(registry.by_id(7).is_ok() && registry.pending().is_none());
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn references_that_lead_back_are_told() {
    let fake = Fake::new().await;
    let registry = registry(&fake.url(), &[]);
    let answer =
        |_: &str| (200, r#"{"schema":"1","references":[{"name":"a","subject":"a","version":1}]}"#);
    let error = fake.during(answer, settled(&registry, || registry.by_id(1))).await.unwrap_err();
    assert!(error.to_string().contains("lead back"), "{error}");
}

#[tokio::test]
async fn a_failure_counts_for_one_look_up() {
    let fake = Fake::new().await;
    let registry = registry(&fake.url(), &[]);
    let missing = |_: &str| (404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#);
    let error = fake.during(missing, settled(&registry, || registry.by_id(7))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Error retrieving Avro value schema for id 7: Schema 7 not found; error code: 40403"
    );
    let there = |_: &str| (200, r#"{"schema":"\"int\""}"#);
    assert!(fake.during(there, settled(&registry, || registry.by_id(7))).await.is_ok());
}

#[tokio::test]
async fn an_address_that_fails_is_tried_again_and_then_the_next() {
    let (ill, well) = (Fake::new().await, Fake::new().await);
    let registry = registry(&format!("{},{}", ill.url(), well.url()), &[("max.retries", "2")]);
    let fine =
        well.during(|_| (200, r#"{"schema":"\"int\""}"#), settled(&registry, || registry.by_id(1)));
    assert!(ill.during(|_| (503, "busy"), fine).await.is_ok());
    assert_eq!((ill.asked().len(), well.asked().len()), (3, 1));
    // The one that answered comes first from now on.
    let fine =
        well.during(|_| (200, r#"{"schema":"\"int\""}"#), settled(&registry, || registry.by_id(2)));
    assert!(ill.during(|_| (503, "busy"), fine).await.is_ok());
    assert_eq!((ill.asked().len(), well.asked().len()), (3, 2));
}

#[tokio::test]
async fn credentials_are_sent_and_never_told() {
    for (url, more) in [
        ("user:pa%73s@", &[][..]),
        (
            "",
            &[
                ("basic.auth.credentials.source", "USER_INFO"),
                ("basic.auth.user.info", "user:pass"),
            ],
        ),
        ("", &[("bearer.auth.token", "dXNlcjpwYXNz")]),
    ] {
        let fake = Fake::new().await;
        let registry = registry(&fake.url().replace("//", &format!("//{url}")), more);
        let work = settled(&registry, || registry.by_id(1));
        let error = fake.during(|_| (401, "{}"), work).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Forbidden);
        assert!(fake.asked()[0].contains("dXNlcjpwYXNz"), "{:?}", fake.asked());
        let told = format!("{error} {registry:?}");
        assert!(!told.contains("pass") && !told.contains("dXNlcjpwYXNz"), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_sentence() {
    for (key, value, part) in [
        ("schema.registry.url", "mock://a", "mock://"),
        ("schema.registry.url", "registry:8081", "http://"),
        ("basic.auth.credentials.source", "SASL_INHERIT", "USER_INFO"),
        ("basic.auth.credentials.source", "USER_INFO", "basic.auth.user.info"),
        ("schema.registry.ssl.keystore.key", "s3cret", "registry.ssl.keystore.certificate.chain"),
        ("value.subject.name.strategy", "com.acme.Own", "TopicNameStrategy"),
    ] {
        let mut props: Props = [("schema.registry.url", "http://r")].into();
        props.insert(key, value);
        let error = <SerdeConfig as connect_api::config::Config>::parse(&props).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part) && !text.contains("s3cret"), "{text}");
    }
}

fn converter(urls: &str, more: &[(&str, &str)]) -> AvroConverter {
    let mut props: Props = [("schema.registry.url", urls), ("max.retries", "0")].into();
    for (key, value) in more {
        props.insert(*key, *value);
    }
    AvroConverter::configured(&props, false).unwrap()
}

fn row() -> SchemaAndValue {
    let schema = Schema::new(Type::Struct).named("R").field("a", Schema::string());
    let schema = Arc::new(schema);
    let value = connect_api::value::Struct::new(Arc::clone(&schema), vec!["x".into()]);
    SchemaAndValue::new(schema, Value::Struct(value))
}

#[tokio::test]
async fn a_record_is_written_and_read_with_the_version_of_its_subject() {
    let fake = Fake::new().await;
    let converter = converter(&fake.url(), &[]);
    let answer = |line: &str| match line {
        "POST /subjects/t-value/versions" => (200, r#"{"id":258}"#),
        "GET /schemas/ids/258" => (
            200,
            r#"{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"}]}"}"#,
        ),
        "POST /subjects/t-value" => (200, r#"{"id":258,"version":4}"#),
        _ => (500, "{}"),
    };
    let mut buffer = bytes::BytesMut::new();
    let work = async {
        let mut written = converter.from_connect("t", &row(), &mut buffer);
        while written.is_err() {
            converter.pending().expect("something to ask").await;
            written = converter.from_connect("t", &row(), &mut buffer);
        }
        let bytes = written.unwrap().unwrap();
        assert_eq!(&*bytes, [0, 0, 0, 1, 2, 2, b'x']);
        let mut read = converter.to_connect("t", &[], Some(&bytes));
        while read.is_err() {
            converter.pending().expect("something to ask").await;
            read = converter.to_connect("t", &[], Some(&bytes));
        }
        read.unwrap()
    };
    let read = fake.during(answer, work).await;
    assert_eq!(read.schema.unwrap().version(), Some(4));
    assert_eq!(read.value.member("a"), Some(&"x".into()));
}

#[tokio::test]
async fn failures_have_the_originals_words_and_the_class_that_follows() {
    let bytes = bytes::Bytes::from_static(&[0, 0, 0, 0, 7, 2]);
    let told = async |fake: &Fake, status| {
        let converter = converter(&fake.url(), &[]);
        let work = async {
            assert!(converter.to_connect("t", &[], Some(&bytes)).is_err());
            converter.pending().unwrap().await;
            converter.to_connect("t", &[], Some(&bytes)).unwrap_err()
        };
        fake.during(move |_| (status, r#"{"message":"no"}"#), work).await
    };
    let fake = Fake::new().await;
    let missing = told(&fake, 404).await;
    assert_eq!(
        (missing.class(), chain(&missing)),
        (
            ErrorClass::Record,
            "Failed to deserialize data for topic t to Avro:: Error retrieving Avro value schema \
             for id 7: no; error code: 404"
                .to_owned()
        )
    );
    assert_eq!(told(&fake, 503).await.class(), ErrorClass::Retriable);
    drop(fake);
    let away = converter("http://127.0.0.1:1", &[]);
    assert!(away.to_connect("t", &[], Some(&bytes)).is_err());
    away.pending().unwrap().await;
    let away = away.to_connect("t", &[], Some(&bytes)).unwrap_err();
    assert_eq!(away.class(), ErrorClass::Retriable);
    let text = away.to_string();
    assert!(text.starts_with("Network connection error while deserializing data for topic t: "));
}

#[tokio::test]
async fn a_look_is_made_once_and_says_what_may_help() {
    let fake = Fake::new().await;
    let url = fake.url();
    let look = async |url: &str, types, subjects| {
        let registry = registry(url, &[]);
        let answer = move |line: &str| {
            (if line == "GET /schemas/types" { types } else { subjects }, r#"{"message":"no"}"#)
        };
        fake.during(answer, registry.system().look).await
    };
    assert!(look(&url, 200, 500).await.is_ok());
    assert!(look(&url, 404, 200).await.is_ok(), "it is an old one");
    let encrypted = url.replace("http:", "https:");
    for (url, status, class, hint) in [
        (&*url, 404, ErrorClass::Record, "Check the path in schema.registry.url"),
        (&url, 401, ErrorClass::Forbidden, "Check basic.auth.user.info"),
        ("http://127.0.0.1:1", 200, ErrorClass::Retriable, "Check schema.registry.url, and"),
        (&encrypted, 200, ErrorClass::Retriable, "write http:// in schema.registry.url"),
    ] {
        let error = look(url, status, status).await.unwrap_err();
        let told = chain(&error);
        assert_eq!(error.class(), class, "{told}");
        assert!(told.starts_with("The schema registry cannot be used: "), "{told}");
        assert!(told.contains(hint), "{told}");
    }
    let before = fake.asked().len();
    assert!(look(&url, 503, 200).await.is_err());
    assert_eq!(fake.asked().len(), before + 1, "somebody waits for the answer");
}

/// A schema with one field as the answer to a question for the latest.
macro_rules! latest {
    ($field:literal) => {
        concat!(
            r#"{"id":3,"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{"#,
            $field,
            r#"}]}"}"#
        )
    };
}

#[tokio::test]
async fn the_latest_schema_has_to_fit_and_is_asked_for_again_once_it_is_old() {
    let fake = Fake::new().await;
    let options = [
        ("auto.register.schemas", "false"),
        ("use.latest.version", "true"),
        ("latest.cache.ttl.sec", "0"),
    ];
    let converter = converter(&fake.url(), &options);
    let attempt = async |answer: &'static str| {
        let mut buffer = bytes::BytesMut::new();
        let work = async {
            assert!(converter.from_connect("t", &row(), &mut buffer).is_err());
            converter.pending().unwrap().await;
            converter.from_connect("t", &row(), &mut buffer)
        };
        fake.during(move |_| (200, answer), work).await
    };
    let fits = latest!(r#"\"name\":\"a\",\"type\":[\"null\",\"string\"]"#);
    for _ in 0..2 {
        assert_eq!(&*attempt(fits).await.unwrap().unwrap(), [0, 0, 0, 0, 3, 2, 2, b'x']);
    }
    assert_eq!(fake.asked().len(), 2);
    let refused = attempt(latest!(r#"\"name\":\"b\",\"type\":\"int\""#)).await.unwrap_err();
    let text = chain(&refused);
    assert!(text.contains("latest.compatibility.strict=false"), "{text}");
}
