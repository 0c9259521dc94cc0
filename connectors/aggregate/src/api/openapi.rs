//! The description of these paths for programs.

use serde_json::{Value, json};

/// An OpenAPI 3.1 fragment: `paths` and `components.schemas` of the aggregates API.
#[must_use]
pub fn openapi() -> Value {
    json!({
        "paths": {
            "/aggregates": {"get": {
                "operationId": "listAggregates",
                "summary": "Lists the aggregates of the cluster",
                "tags": ["aggregates"],
                "responses": {"200": json_reply("The aggregates", &json!({
                    "type": "array", "items": reference("AggregateSummary"),
                }))},
            }},
            "/aggregates/{name}": {"get": {
                "operationId": "describeAggregate",
                "summary": "Shows what an aggregate computes, its totals and its offsets",
                "tags": ["aggregates"],
                "parameters": [name_parameter()],
                "responses": replies("The aggregate", &reference("Aggregate")),
            }},
            "/aggregates/{name}/windows": {"get": {
                "operationId": "readWindows",
                "summary": "Reads rows by window and group, held ones included",
                "description": "A group field, or filter.FIELD, is a parameter too: its value, or \
                    one of them when it is repeated; an empty one stands for null.",
                "tags": ["aggregates"],
                "parameters": window_parameters(),
                "responses": windows_replies(),
            }},
            "/aggregates/{name}/stream": {"get": {
                "operationId": "streamWindows",
                "summary": "Sends the rows that change, as server-sent events named rows",
                "tags": ["aggregates"],
                "parameters": window_parameters(),
                "responses": {
                    "200": {"description": "Events whose data is a Windows object",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}}},
                    "400": error_reply(), "404": error_reply(),
                },
            }},
            "/aggregates/{name}/page": {"get": {
                "operationId": "aggregatePage",
                "summary": "A page that draws an aggregate as it grows",
                "tags": ["aggregates"],
                "parameters": [name_parameter()],
                "responses": {"200": {"description": "The page",
                    "content": {"text/html": {"schema": {"type": "string"}}}}},
            }},
        },
        "components": {"schemas": schemas()},
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn json_reply(description: &str, schema: &Value) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn error_reply() -> Value {
    json_reply("What is wrong and what is allowed", &reference("AggregateError"))
}

fn replies(description: &str, schema: &Value) -> Value {
    json!({"200": json_reply(description, schema), "400": error_reply(), "404": error_reply()})
}

fn windows_replies() -> Value {
    let mut replies = replies("Rows", &reference("Windows"));
    if let Some(content) = replies.pointer_mut("/200/content").and_then(Value::as_object_mut) {
        content.insert("text/csv".to_owned(), json!({"schema": {"type": "string"}}));
    }
    replies
}

fn name_parameter() -> Value {
    json!({"name": "name", "in": "path", "required": true, "schema": {"type": "string"},
        "description": "Name of the aggregate"})
}

fn window_parameters() -> Value {
    let text = json!({"type": "string"});
    let parameter = |name: &str, description: &str, schema: &Value| json!({"name": name, "in": "query", "description": description, "schema": schema});
    let time = "ISO-8601, milliseconds since the epoch, or a distance from now such as -15m";
    json!([
        name_parameter(),
        parameter("from", &format!("First start of a window: {time}"), &text),
        parameter("to", &format!("Windows start before it: {time}"), &text),
        parameter("group_by", "Group fields of the answer; empty adds everything up", &text),
        parameter(
            "step_ms",
            "Length of the answer's windows, a multiple of window_ms",
            &json!({"type": "integer", "minimum": 1})
        ),
        parameter(
            "order",
            "Order of the windows",
            &json!({"type": "string", "enum": ["asc", "desc"], "default": "asc"})
        ),
        parameter(
            "limit",
            "Most rows",
            &json!({"type": "integer", "minimum": 1, "maximum": 100_000, "default": 10_000})
        ),
        parameter("cursor", "The value of next in the answer before", &text),
        parameter(
            "format",
            "Form of the answer; a table has its cursor in x-next-cursor",
            &json!({"type": "string", "enum": ["json", "csv"], "default": "json"})
        ),
    ])
}

fn schemas() -> Value {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer", "format": "int64"});
    let state = json!({"type": ["string", "null"]});
    let names = json!({"type": "array", "items": text});
    let offsets = json!({"type": "object", "description": "Offsets by topic and partition",
        "additionalProperties": {"type": "object", "additionalProperties": number}});
    let summary = json!({
        "name": text, "connector": text, "state": state, "window_ms": number,
        "group_by": names, "measures": names,
    });
    let mut aggregate = summary.clone();
    if let Some(aggregate) = aggregate.as_object_mut() {
        let more = json!({
            "definition": {"type": "object"},
            "totals": {"type": "object", "properties": {"records": number,
                "first_window": state, "last_window": state}},
            "as_of": offsets, "committed": offsets, "live": {"type": "boolean"}, "tasks": names,
        });
        aggregate.extend(more.as_object().cloned().unwrap_or_default());
    }
    json!({
        "AggregateSummary": {"type": "object", "properties": summary},
        "Aggregate": {"type": "object", "properties": aggregate},
        "Windows": {
            "type": "object",
            "required": ["name", "window_ms", "rows", "as_of", "committed", "next"],
            "properties": {
                "name": text, "window_ms": number,
                "rows": {"type": "array", "items": reference("WindowRow")},
                "as_of": offsets, "committed": offsets, "next": state,
                "step_ms": number, "live": {"type": "boolean"}, "state": state,
            },
        },
        "WindowRow": {
            "type": "object",
            "description": "Group fields and measures stand under their own names",
            "required": ["window_start", "window_end", "count"],
            "properties": {"window_start": text, "window_end": text, "count": number},
        },
        "AggregateError": {
            "type": "object",
            "properties": {"error_code": {"type": "integer"}, "message": text},
        },
    })
}
