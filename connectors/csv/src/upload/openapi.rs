//! The description of these paths for programs.

use serde_json::{Value, json};

/// An OpenAPI 3.1 fragment: `paths` and `components.schemas` of uploads.
#[must_use]
pub fn openapi() -> Value {
    json!({
        "paths": {
            "/uploads/{connector}": {
                "parameters": [path_parameter("connector", "Name of a connector that reads CSV")],
                "get": operation("listUploads", "Lists the files of a connector and their progress",
                    "200", "The files", "UploadList"),
                "post": upload(),
            },
            "/uploads/{connector}/page": {
                "parameters": [path_parameter("connector", "Name of a connector that reads CSV")],
                "get": {
                    "operationId": "uploadPage",
                    "summary": "A page to drop files on",
                    "tags": ["uploads"],
                    "responses": {"200": {"description": "The page", "content": {"text/html": {
                        "schema": {"type": "string"}}}}},
                },
            },
            "/uploads/{connector}/{file}": {
                "parameters": [
                    path_parameter("connector", "Name of a connector that reads CSV"),
                    path_parameter("file", "Name of a file"),
                ],
                "get": operation("describeUpload", "Tells how far the rows of a file have come",
                    "200", "The file", "UploadProgress"),
            },
        },
        "components": {"schemas": {
            "UploadProgress": progress(),
            "UploadList": {"type": "object", "properties": {
                "connector": {"type": "string"},
                "files": {"type": "array", "items": reference("UploadProgress")},
            }},
            "Uploaded": {"type": "object", "properties": {
                "connector": {"type": "string"},
                "files": {"type": "array", "items": {"type": "object", "properties": {
                    "file": {"type": "string"}, "sent_as": {"type": "string"},
                    "bytes": {"type": "integer"}, "progress": {"type": "string"},
                }}},
            }},
        }},
    })
}

fn upload() -> Value {
    let mut operation = operation(
        "upload",
        "Stores files and hands them over",
        "201",
        "They are stored",
        "Uploaded",
    );
    let query = json!([{"name": "name", "in": "query", "required": false,
        "description": "Name of a file that is the body itself", "schema": {"type": "string"}}]);
    let body = json!({"required": true, "content": {
        "multipart/form-data": {"schema": {"type": "object"}},
        "text/csv": {"schema": {"type": "string", "format": "binary"}},
    }});
    if let Some(operation) = operation.as_object_mut() {
        operation.insert("parameters".to_owned(), query);
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

fn progress() -> Value {
    json!({"type": "object", "properties": {
        "connector": {"type": "string"},
        "file": {"type": "string"},
        "state": {"enum": ["waiting", "reading", "delivering", "finished", "failed"]},
        "rows": {"type": "object", "properties": {
            "read": {"type": "integer"}, "converted": {"type": "integer"},
            "failed": {"type": "integer"}, "delivered": {"type": "integer"},
            "left": {"type": ["integer", "null"]}, "left_is_estimate": {"type": "boolean"},
        }},
        "bytes": {"type": "object", "properties": {
            "total": {"type": "integer"}, "read": {"type": "integer"},
        }},
        "eta_ms": {"type": ["integer", "null"]},
        "eta": {"type": ["string", "null"]},
        "as_of": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"type": "string"}},
    }})
}

fn operation(id: &str, summary: &str, status: &str, description: &str, schema: &str) -> Value {
    json!({
        "operationId": id,
        "summary": summary,
        "tags": ["uploads"],
        "responses": {status: {"description": description, "content": {
            "application/json": {"schema": reference(schema)}}}},
    })
}

fn path_parameter(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description,
        "schema": {"type": "string"}})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
