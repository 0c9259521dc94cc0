//! Exchanges recorded from Apache Kafka Connect 4.3.0, sent to a worker of ours.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::{
    matching::check,
    wire::{self, Reply},
};
use crate::harness::Worker;

const CASES: &str = include_str!("../../golden/rest/cases.json");
const SOURCE: &str = "org.apache.kafka.connect.file.FileStreamSourceConnector";
const SINK: &str = "org.apache.kafka.connect.file.FileStreamSinkConnector";
/// Pause between two looks at something that takes its time.
const PAUSE: Duration = Duration::from_millis(50);

/// Keys and values.
type Properties = &'static [(&'static str, &'static str)];

/// Properties that cases ask for by the name of a profile.
pub(super) const PROFILES: [(&str, Properties); 7] = [
    ("default", &[]),
    (
        "cors",
        &[
            ("access.control.allow.origin", "http://bar.com"),
            ("access.control.allow.methods", "GET,PUT,POST,DELETE"),
        ],
    ),
    ("cors-any", &[("access.control.allow.origin", "*")]),
    (
        "headers",
        &[(
            "response.http.headers.config",
            "add X-XSS-Protection: 1; mode=block, \"add Cache-Control: no-cache, no-store, \
             must-revalidate\"",
        )],
    ),
    ("noadmin", &[("admin.listeners", "")]),
    ("notopics", &[("topic.tracking.enable", "false")]),
    ("noreset", &[("topic.tracking.allow.reset", "false")]),
];

/// Sends every case of a profile and mode; how many there were, and those that differ.
pub(super) async fn replay(
    worker: &Worker,
    folder: &Path,
    (profile, mode): (&str, &str),
) -> (usize, Vec<String>) {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let is_due = |case: &&Value| {
        // What has an end described an earlier Kafka.
        case["until"].is_null()
            && case["profile"].as_str().unwrap_or("default") == profile
            && case["mode"].as_str().is_none_or(|wanted| wanted == mode)
    };
    let (mut count, mut failed) = (0, Vec::new());
    for case in cases.iter().filter(is_due) {
        count += 1;
        let case = Case::new(worker.port(), folder, case);
        if let Err(reason) = case.run().await {
            failed.push(format!("{}: {reason}", case.id));
        }
        case.clean_up().await;
    }
    (count, failed)
}

struct Case {
    id: String,
    name: String,
    port: u16,
    folder: PathBuf,
    case: Value,
}

impl Case {
    fn new(port: u16, folder: &Path, case: &Value) -> Self {
        let id = case["id"].as_str().unwrap().to_owned();
        let folder = folder.join(&id);
        fs::create_dir_all(&folder).unwrap();
        let name = format!("rc-{}", id.to_lowercase());
        let text = case
            .to_string()
            .replace("{{n}}", &name)
            .replace("{{topic}}", &format!("t-{}", id.to_lowercase()))
            .replace("{{tmp}}", folder.to_str().unwrap())
            .replace("{{SRC}}", SOURCE)
            .replace("{{SNK}}", SINK);
        Self { id, name, port, folder, case: fill(serde_json::from_str(&text).unwrap()) }
    }

    async fn run(&self) -> Result<(), String> {
        let given = &self.case["given"];
        for (path, text) in given["files"].as_object().into_iter().flatten() {
            fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
            fs::write(path, text.as_str().unwrap()).unwrap();
        }
        let steps = |steps: &Value| steps.as_array().cloned().unwrap_or_default();
        let all = steps(&given["steps"])
            .into_iter()
            .chain([self.case.clone()])
            .chain(steps(&self.case["steps"]));
        for step in all {
            self.step(&step).await?;
        }
        Ok(())
    }

    /// Sends a request until its answer fits, within the time it has.
    async fn step(&self, step: &Value) -> Result<(), String> {
        let expect = &step["expect"];
        let ends = Instant::now() + Duration::from_secs(expect["eventually"].as_u64().unwrap_or(0));
        loop {
            let reply = self.send(&step["request"]).await;
            match check(expect, &reply) {
                Ok(()) => return Ok(()),
                Err(reason) if Instant::now() >= ends => {
                    let request = &step["request"];
                    return Err(format!("{request}: {reason}\n{}", reply.text));
                }
                Err(_not_yet) => sleep(PAUSE).await,
            }
        }
    }

    async fn send(&self, request: &Value) -> Reply {
        let (method, path) = (request["method"].as_str().unwrap(), &request["path"]);
        let mut headers: Vec<(&str, &str)> = request["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => {
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    headers.push(("Content-Type", "application/json"));
                }
                other.to_string()
            }
        };
        let bytes = wire::request(method, path.as_str().unwrap(), &headers, &body);
        wire::exchange(self.port, &bytes, method == "HEAD").await
    }

    /// Deletes what the case created.
    async fn clean_up(&self) {
        let list = wire::request("GET", "/connectors", &[], "");
        let reply = wire::exchange(self.port, &list, false).await;
        for name in reply.json.iter().filter_map(Value::as_array).flatten() {
            let name = name.as_str().unwrap();
            if name.contains(&self.name) {
                let path = format!("/connectors/{}", encoded(name));
                let delete = wire::request("DELETE", &path, &[], "");
                wire::exchange(self.port, &delete, false).await;
            }
        }
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// A name as one segment of a path.
pub(super) fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

/// Puts long values where a case asks for them.
fn fill(value: Value) -> Value {
    let Value::Object(object) = value else {
        return match value {
            Value::Array(items) => items.into_iter().map(fill).collect(),
            other => other,
        };
    };
    let mut filled = Map::new();
    for (key, value) in object {
        if key == "$fill" {
            let bytes = usize::try_from(value["bytes"].as_u64().unwrap()).unwrap();
            filled.insert(value["key"].as_str().unwrap().to_owned(), "x".repeat(bytes).into());
        } else {
            filled.insert(key, fill(value));
        }
    }
    Value::Object(filled)
}
