//! What requests become, and when they are answered.

use std::{pin::pin, time::Duration};

use connect_api::{
    json::{DecimalFormat, write_value},
    value::Value,
};
use tokio::time::timeout;

use super::harness::{Web, answer, json};

#[tokio::test]
async fn the_colour_page_and_its_record() {
    let mut web = Web::start(&[("acks", "0"), ("page", "colors")]).await;
    let (status, page) = answer(web.get("/")).await;
    assert_eq!(status, 200);
    assert!(page.contains("Pick a colour") && page.contains("api/select?"), "{page}");
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        assert!(!page.contains(outside), "the page loads {outside}");
    }
    let taken = answer(web.get("/api/select?color=d%C3%A9j%C3%A0&user=Ada+L%22")).await;
    assert_eq!(taken, (200, "{\"accepted\":1}".to_owned()));
    let records = web.records(1).await;
    assert_eq!(
        json(&records[0]),
        r#"{"timestamp":"2026-11-21T10:00:00.000+00:00","userAgent":"Test/1","colorName":"déjà","userName":"Ada L\""}"#
    );
    assert_eq!((&*records[0].topic, records[0].timestamp_ms), ("events", Some(1_795_255_200_000)));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let web = Web::start(&[("acks", "0")]).await;
    for (path, expected) in [
        ("/api/select?color=red", (400, "Query parameter \\\"user\\\" is missing")),
        ("/api/select", (400, "Query parameter \\\"color\\\" is missing")),
        ("/api/nothing", (404, "There is nothing under this path")),
        ("/", (404, "There is nothing under this path")),
    ] {
        let (status, body) = answer(web.get(path)).await;
        assert_eq!((status, body.contains(expected.1)), (expected.0, true), "{path}: {body}");
    }
    let response = web.post("/api/select?color=red&user=a", "").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (405, &"GET".parse().unwrap())
    );
    let head = web.client.head(web.url("/api/select?color=red&user=a")).send().await.unwrap();
    assert_eq!(head.status(), 405, "a HEAD is no event");
    let anonymous = answer(web.client.get(web.url("/api/select?color=a&user=b"))).await;
    assert_eq!(anonymous.0, 400, "reqwest sends no user agent of its own: {}", anonymous.1);
}

#[tokio::test]
async fn with_acks_all_the_answer_waits_for_the_broker() {
    let mut web = Web::start(&[]).await;
    let mut asked = pin!(answer(web.get("/api/select?color=red&user=a")));
    let client = web.client.clone();
    let batch = tokio::select! {
        biased;
        early = &mut asked => panic!("answered before the broker had it: {early:?}"),
        batch = async { web.task.as_mut().unwrap().poll().await } => batch.unwrap(),
    };
    assert_eq!((batch.records.len(), batch.offsets.len()), (1, 0));
    assert!(timeout(Duration::from_millis(50), &mut asked).await.is_err(), "only polled");
    web.task().acknowledged(0);
    assert_eq!(asked.await.0, 200);
    drop(client);
}

#[tokio::test]
async fn what_the_broker_refused_is_not_confirmed() {
    let mut web = Web::start(&[]).await;
    let request = answer(web.get("/api/select?color=red&user=a"));
    let task = web.task.as_mut().unwrap();
    let (refused, ()) = tokio::join!(request, async {
        drop(task.poll().await.unwrap());
        task.acknowledged(1);
    });
    assert_eq!(refused.0, 500, "{}", refused.1);
}

#[tokio::test]
async fn a_broker_that_is_away_is_a_late_answer() {
    let web = Web::start(&[("acks.timeout.ms", "30")]).await;
    let response = web.get("/api/select?color=red&user=a").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(response.text().await.unwrap().contains("not confirmed in time"));
}

#[tokio::test]
async fn stopping_answers_everybody() {
    let mut web = Web::start(&[]).await;
    let request = answer(web.get("/api/select?color=red&user=a"));
    let mut task = web.task.take().unwrap();
    let (answered, ()) = tokio::join!(request, async {
        drop(task.poll().await.unwrap());
        task.stop().await.unwrap();
    });
    assert_eq!(answered.0, 503);
    assert!(web.get("/").send().await.is_err(), "the port is free");
}

#[tokio::test]
async fn a_webhook_takes_any_body() {
    let routes = r#"[
        {"path": "/hooks/{topic}", "topic": "hook-{topic}", "headers": ["X-Kind"], "key": "body:id?"},
        {"path": "/text", "body": "text"}, {"path": "/bytes", "method": "PUT", "body": "bytes"},
        {"path": "/picked", "fields": {"who": "body:user.name", "no": "body:user.no?", "where": "path:x?", "from": "client", "how": "method", "what": "url"}}
    ]"#
    .replace(r#""where": "path:x?", "#, "");
    let mut web = Web::start(&[("acks", "0"), ("routes", &routes)]).await;
    let ndjson = "{\"id\":1}\n\n[2]\r\n\"three\"";
    let sent = [
        (web.post("/hooks/a", "{\"id\": \"k\", \"x\": 1.50}").header("X-Kind", "push"), 1),
        (web.post("/hooks/a", ndjson).header("Content-Type", "application/x-ndjson"), 3),
        (
            web.post("/hooks/b", "name=Ada+L&x=%C3%A9")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Idempotency-Key", "i-1"),
            1,
        ),
        (web.post("/text", "grüße"), 1),
        (web.client.put(web.url("/bytes")).body(vec![0xff, 0]), 1),
        (web.post("/picked?q=1", "{\"user\": {\"name\": {\"a\": [1]}}}"), 1),
    ];
    for (request, count) in sent {
        assert_eq!(answer(request).await, (200, format!("{{\"accepted\":{count}}}")));
    }
    let records = web.records(8).await;
    let shown: Vec<_> = records.iter().map(|record| (&*record.topic, json(record))).collect();
    let text = |text: &str| format!("{:?}", Value::from(text));
    assert_eq!(
        shown,
        [
            ("hook-a", r#"{"id":"k","x":1.5}"#.to_owned()),
            ("hook-a", r#"{"id":1}"#.to_owned()),
            ("hook-a", format!("{:?}", Value::Array(vec![Value::Int64(2)]))),
            ("hook-a", text("three")),
            ("hook-b", r#"{"name":"Ada L","x":"é"}"#.to_owned()),
            ("events", text("grüße")),
            ("events", format!("{:?}", Value::Bytes(vec![0xff, 0].into()))),
            (
                "events",
                r#"{"timestamp":"2026-11-21T10:00:00.000+00:00","who":{"a":[1]},"no":null,"from":"127.0.0.1","how":"POST","what":"/picked?q=1"}"#
                    .to_owned()
            ),
        ]
    );
    let key = |place: usize| records[place].key.value.as_str().map(str::to_owned);
    assert_eq!((key(0), key(1), key(2)), (Some("k".into()), Some("1".into()), None));
    let header = |place: usize| {
        let headers = records[place].headers.iter();
        headers.map(|h| format!("{}={}", h.key, h.data.value.as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(
        (header(0), header(4)),
        (vec!["X-Kind=push".into()], vec!["Idempotency-Key=i-1".into()])
    );
}

#[tokio::test]
async fn fields_of_a_body_are_what_they_were_in_it() {
    let routes = r#"[{"path": "/hook", "fields": {"a": "body:a.b"}, "key": "body:a.b"}]"#;
    let entries = [("acks", "0"), ("routes", routes), ("timestamp.field", "")];
    let mut web = Web::start(&entries).await;
    for (part, expected) in [
        ("0.48183792520110524", "0.48183792520110524"),
        (
            "[0.43295284981322557, -9223372036854775808, {\"c\\u0022\": null}]",
            r#"[0.43295284981322557,-9223372036854775808,{"c\"":null}]"#,
        ),
        ("{\"c\": [true, \"\\ud83d\\ude00\"], \"d\": {}}", r#"{"c":[true,"😀"],"d":{}}"#),
    ] {
        let body = format!("{{\"a\": {{\"b\": 1, \"b\": {part}}}}}");
        assert_eq!(answer(web.post("/hook", body)).await.0, 200);
        let records = web.records(1).await;
        let mut found = Vec::new();
        write_value(&mut found, &records[0].value.value, DecimalFormat::Numeric);
        assert_eq!(String::from_utf8(found).unwrap(), format!("{{\"a\":{expected}}}"));
        assert_eq!(records[0].key.value.as_str(), Some(expected));
    }
}

#[tokio::test]
async fn a_body_that_is_none_is_refused() {
    let routes = r#"[{"path": "/hook"}, {"path": "/to/{topic}", "topic": "{topic}"}, {"path": "/field", "fields": {"a": "body:a"}}]"#;
    let web = Web::start(&[("acks", "0"), ("routes", routes)]).await;
    let lines = "{}\n{\"a\":}\n";
    let many = || web.post("/hook", "1\n".repeat(10_001));
    for (request, status, expected) in [
        (web.post("/hook", "{\"a\""), 400, "The body is not JSON"),
        (web.post("/hook", "{} {}"), 400, "The body is not JSON"),
        (web.post("/hook", ""), 400, "The body is empty"),
        (web.post("/hook", "[".repeat(2000)), 400, "Too deeply nested"),
        (web.post("/hook", vec![0xff]), 400, "The body is not UTF-8"),
        (web.post("/hook", lines).header("Content-Type", "application/x-ndjson"), 400, "Line 2: "),
        (many().header("Content-Type", "application/jsonl"), 413, "more than 10000 lines"),
        (web.post("/hook", "{\"n\":18446744073709551615}"), 400, "no record can hold"),
        (web.post("/field", "{\"a\":9223372036854775808}"), 400, "no record can hold"),
        (web.post("/field", "{\"b\":1}"), 400, "no field \\\"a\\\""),
        (web.post("/to/a%20b", "1"), 404, "no topic"),
        (web.post("/to/..", "1"), 404, ""),
        (web.post("/to/__consumer_offsets", "1"), 404, "no topic"),
        (web.post(&format!("/to/{}", "a".repeat(250)), "1"), 404, "no topic"),
    ] {
        let (found, body) = answer(request).await;
        assert_eq!((found, body.contains(expected)), (status, true), "{body}");
    }
}
