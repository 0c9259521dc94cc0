//! Replies recorded from Apache Kafka Connect 4.3.0, in `tests/golden/rest/cases.json`.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, Request},
};
use regex::Regex;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;

use super::{Extensions, Router, router};
use crate::{
    config::Mode,
    herder::double::{Double, SINK, SOURCE},
};

const CASES: &str = include_str!("../../tests/golden/rest/cases.json");

/// A worker, and how its replies are compared with those on record.
struct Replay {
    double: Double,
    router: Router,
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    text: String,
    json: Option<Value>,
}

impl Replay {
    async fn start(mode: Mode) -> Self {
        let double = Double::start(mode).await;
        let router = router(double.handle.clone(), Extensions::default());
        Self { double, router }
    }

    async fn send(&self, request: &Value) -> Reply {
        let path: String = request["path"]
            .as_str()
            .unwrap()
            .bytes()
            .map(|byte| match byte {
                b'"' | b'{' | b'}' | b' ' => format!("%{byte:02X}"),
                byte => char::from(byte).to_string(),
            })
            .collect();
        let mut built = Request::builder().method(request["method"].as_str().unwrap()).uri(path);
        built = built.header("Host", "worker:8083");
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => {
                if request["headers"].get("Content-Type").is_none() {
                    built = built.header("Content-Type", "application/json");
                }
                other.to_string()
            }
        };
        for (key, value) in request["headers"].as_object().into_iter().flatten() {
            built = built.header(key, value.as_str().unwrap());
        }
        built = built.header("Content-Length", body.len().to_string());
        let request = built.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let json = serde_json::from_str(&text).ok();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    /// Sends a request until its reply fits, within the time it has.
    async fn step(&self, step: &Value) -> Result<(), String> {
        let expect = &step["expect"];
        let ends = Instant::now()
            + Duration::from_secs(expect["eventually"].as_u64().unwrap_or(0).min(10));
        loop {
            let reply = self.send(&step["request"]).await;
            let found = check(expect, &reply);
            if found.is_ok() || Instant::now() >= ends {
                return found
                    .map_err(|reason| format!("{}: {reason}\n{}", step["request"], reply.text));
            }
            drop(timeout_at(ends, self.double.handle.changed()).await);
        }
    }

    async fn case(&self, case: &Value) -> Result<(), String> {
        for step in case["given"]["steps"].as_array().into_iter().flatten() {
            self.step(step).await?;
        }
        self.step(case).await?;
        for step in case["steps"].as_array().into_iter().flatten() {
            self.step(step).await?;
        }
        Ok(())
    }
}

fn check(expect: &Value, reply: &Reply) -> Result<(), String> {
    let statuses = match &expect["status"] {
        Value::Array(statuses) => statuses.clone(),
        Value::Null => vec![json!(reply.status)],
        status => vec![status.clone()],
    };
    if !statuses.contains(&json!(reply.status)) {
        return Err(format!("status {} instead of {statuses:?}", reply.status));
    }
    for (key, wanted) in expect["headers"].as_object().into_iter().flatten() {
        let found = reply.headers.get(key).map(|value| json!(value.to_str().unwrap()));
        fits(wanted, found.as_ref(), key)?;
    }
    if expect["empty"] == true && !reply.text.is_empty() {
        return Err("the body is not empty".to_owned());
    }
    if let Some(wanted) = expect.get("text") {
        fits(wanted, Some(&json!(reply.text)), "text")?;
    }
    expect.get("json").map_or(Ok(()), |wanted| fits(wanted, reply.json.as_ref(), "$"))
}

/// Objects fit as subsets, lists item by item, the rest exactly; keys with `$` are matchers.
fn fits(wanted: &Value, found: Option<&Value>, at: &str) -> Result<(), String> {
    let different = || Err(format!("{at}: {wanted} does not fit {found:?}"));
    match (wanted, found) {
        (Value::Object(wanted), found) => {
            for (key, wanted) in wanted {
                if key.starts_with('$') {
                    if !matcher(key, wanted, found) {
                        return Err(format!("{at}: {key} {wanted} does not fit {found:?}"));
                    }
                    continue;
                }
                let Some(Value::Object(found)) = found else { return different() };
                fits(wanted, found.get(key), &format!("{at}.{key}"))?;
            }
            Ok(())
        }
        (Value::Array(wanted), Some(Value::Array(found))) if wanted.len() == found.len() => wanted
            .iter()
            .zip(found)
            .try_for_each(|(wanted, found)| fits(wanted, Some(found), &format!("{at}[]"))),
        (wanted, Some(found)) if wanted == found => Ok(()),
        _ => different(),
    }
}

fn matcher(key: &str, wanted: &Value, found: Option<&Value>) -> bool {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let any = |wanted: &Value, found: &Value| {
        list(found).iter().any(|item| fits(wanted, Some(item), "").is_ok())
    };
    if key == "$absent" {
        return found.is_none() == (wanted == true);
    }
    if key == "$oneOf" {
        return list(wanted).iter().any(|wanted| fits(wanted, found, "").is_ok());
    }
    let Some(found) = found else { return false };
    match key {
        "$any" => true,
        "$exact" => wanted == found,
        "$re" => matches_text(wanted.as_str().unwrap(), found.as_str()),
        "$type" => wanted.as_str().unwrap().split('|').any(|kind| is_of(kind, found)),
        "$contains" => list(wanted).iter().all(|wanted| any(wanted, found)),
        "$excludes" => !list(wanted).iter().any(|wanted| any(wanted, found)),
        "$keys" => {
            let mut names: Vec<_> =
                found.as_object().map(Map::keys).into_iter().flatten().collect();
            let wanted = list(wanted);
            let mut wanted: Vec<_> = wanted.iter().filter_map(Value::as_str).collect();
            names.sort();
            wanted.sort_unstable();
            names == wanted
        }
        "$len" => found.as_array().map(|list| json!(list.len())) == Some(wanted.clone()),
        other => panic!("unknown matcher {other}"),
    }
}

/// The engine has no look-ahead, which the record uses to ask for several words at once.
fn matches_text(pattern: &str, text: Option<&str>) -> bool {
    let Some(text) = text else { return false };
    if pattern.contains("(?=") {
        let words = pattern.split("(?=.*").filter_map(|part| part.strip_suffix(')'));
        return words.into_iter().all(|word| Regex::new(word).unwrap().is_match(text));
    }
    Regex::new(&format!("(?s){pattern}")).unwrap().is_match(text)
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

/// Fills in the words that differ from case to case.
fn filled(case: &Value) -> Value {
    let id = case["id"].as_str().unwrap().to_lowercase();
    let text = case
        .to_string()
        .replace("{{n}}", &format!("rc-{id}"))
        .replace("{{topic}}", &format!("t-{id}"))
        .replace("{{tmp}}", &format!("/tmp/{id}"))
        .replace("{{SRC}}", SOURCE)
        .replace("{{SNK}}", SINK);
    serde_json::from_str(&text).unwrap()
}

async fn replay(mode: Mode, name: &str) {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let replay = Replay::start(mode).await;
    let mut failed = Vec::new();
    for case in cases.iter().filter(|case| case["mode"].as_str().is_none_or(|mode| mode == name)) {
        if let Err(reason) = replay.case(&filled(case)).await {
            failed.push(format!("{}: {reason}", case["id"]));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} differ:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
    replay.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distributed_worker_replies_as_kafka_connect_does() {
    replay(Mode::Distributed, "distributed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_worker_replies_as_kafka_connect_does() {
    replay(Mode::Standalone, "standalone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_in_kafka_connects_order() {
    let replay = Replay::start(Mode::Standalone).await;
    let config = json!({"connector.class": SOURCE, "topic": "t"});
    let create =
        json!({"method": "POST", "path": "/connectors", "body": {"name": "c", "config": config}});
    let reply = replay.send(&create).await;
    let stored = format!(r#"{{"connector.class":"{SOURCE}","name":"c","topic":"t"}}"#);
    let tasks = r#"[{"connector":"c","task":0}]"#;
    assert_eq!(
        reply.text,
        format!(r#"{{"name":"c","config":{stored},"tasks":{tasks},"type":"source"}}"#)
    );
    assert_eq!(reply.headers["location"], "http://worker:8083/connectors/c");
    let missing = replay.send(&json!({"method": "GET", "path": "/connectors/x/status"})).await;
    assert_eq!(missing.text, r#"{"error_code":404,"message":"No status found for connector x"}"#);
    replay.double.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_has_stopped_says_so() {
    let replay = Replay::start(Mode::Standalone).await;
    let Replay { double, router } = replay;
    let handle = double.handle.clone();
    double.stop().await;
    let request = Request::put("/connectors/c/pause").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    assert!(handle.delete("c").await.unwrap_err().to_string() == "Worker is shutting down");
}
