//! `/openapi.json`: the paths of this worker, those of its extensions included.

use serde_json::{Map, Value, json};

/// Path, methods, and what it is for.
const PATHS: [(&str, &[&str], &str); 33] = [
    ("/", &["get"], "Version and cluster of the worker"),
    ("/health", &["get"], "Whether the worker is ready"),
    ("/connectors", &["get", "post"], "Lists or creates connectors"),
    ("/connectors/{connector}", &["get", "delete"], "Reads or deletes a connector"),
    ("/connectors/{connector}/config", &["get", "put", "patch"], "Configuration of a connector"),
    ("/connectors/{connector}/status", &["get"], "State of a connector and its tasks"),
    ("/connectors/{connector}/tasks", &["get"], "Tasks of a connector"),
    ("/connectors/{connector}/tasks/{task}/status", &["get"], "State of a task"),
    ("/connectors/{connector}/tasks/{task}/restart", &["post"], "Restarts a task"),
    ("/connectors/{connector}/restart", &["post"], "Restarts a connector"),
    ("/connectors/{connector}/flush", &["post"], "Ends the open files of a sink"),
    ("/connectors/{connector}/pause", &["put"], "Pauses a connector"),
    ("/connectors/{connector}/resume", &["put"], "Resumes a connector"),
    ("/connectors/{connector}/stop", &["put"], "Stops a connector"),
    ("/connectors/{connector}/offsets", &["get", "patch", "delete"], "Offsets of a connector"),
    ("/connectors/{connector}/topics", &["get"], "Topics a connector used"),
    ("/connectors/{connector}/topics/reset", &["put"], "Forgets the topics a connector used"),
    ("/connectors/{connector}/lag", &["get"], "How far a sink is behind its topics"),
    ("/connectors/{connector}/history", &["get"], "What happened to a connector"),
    ("/connectors/{connector}/explain", &["get"], "What a configuration means and costs"),
    ("/connectors/{connector}/objects", &["get"], "Objects that a sink has written"),
    ("/connectors/{connector}/dead-letters", &["get"], "What lies in a sink's dead letter queue"),
    ("/connectors/{connector}/dead-letters/redrive", &["post"], "Redrives dead letters"),
    ("/connectors/{connector}/dead-letters/redrives", &["get"], "Redrives of a connector"),
    (
        "/connectors/{connector}/dead-letters/redrives/{redrive}",
        &["get", "delete"],
        "How far a redrive is, or its end",
    ),
    ("/metrics", &["get"], "Figures for Prometheus, as text"),
    ("/connector-plugins", &["get"], "Classes that are linked in"),
    ("/connector-plugins/{plugin}/config", &["get"], "Options of a class"),
    ("/connector-plugins/{plugin}/config/validate", &["put"], "Checks a configuration"),
    ("/connector-plugins/{plugin}/config/preview", &["put"], "Shows what a configuration would do"),
    ("/admin/loggers", &["get"], "Levels of what is logged"),
    ("/admin/loggers/{logger}", &["get", "put"], "Level of a logger"),
    ("/openapi.json", &["get"], "This description"),
];

/// Merges the paths of extensions into our own description.
pub(super) fn describe(extensions: &Value) -> Value {
    let mut paths: Map<String, Value> = PATHS.iter().map(describe_path).collect();
    if let Some(Value::Object(more)) = extensions.get("paths") {
        paths.extend(more.clone());
    }
    let mut description = json!({
        "openapi": "3.0.3",
        "info": {"title": "Millrace", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
    });
    if let (Some(components), Value::Object(whole)) =
        (extensions.get("components"), &mut description)
    {
        whole.insert("components".to_owned(), components.clone());
    }
    description
}

fn describe_path((path, methods, summary): &(&str, &[&str], &str)) -> (String, Value) {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<_> = names
        .map(|name| {
            let kind = if name == "task" { "integer" } else { "string" };
            json!({"name": name, "in": "path", "required": true, "schema": {"type": kind}})
        })
        .collect();
    let operation = json!({
        "summary": summary,
        "parameters": parameters,
        "responses": {"default": {"description": "JSON; errors have error_code and message"}},
    });
    let operations: Map<_, _> =
        methods.iter().map(|method| ((*method).to_owned(), operation.clone())).collect();
    ((*path).to_owned(), Value::Object(operations))
}
