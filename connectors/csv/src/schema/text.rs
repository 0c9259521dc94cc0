//! Schemas as the original writes them in JSON.
//!
//! Source: jcustenborder/connect-utils, its Jackson module for schemas.

use connect_api::schema::{Schema, Type, logical};
use serde_json::{Map, Value as Json};

/// Reads the schema of a key or a value: a struct of fields that a column can hold.
///
/// # Errors
/// The reason, as a sentence.
pub(crate) fn parse_schema(text: &str) -> Result<Schema, String> {
    let json: Json =
        serde_json::from_str(text).map_err(|error| format!("Not the JSON of a schema: {error}"))?;
    let object = json.as_object().ok_or("Not the JSON of a schema: it must be an object")?;
    let mut schema = described(object, "The schema")?;
    if schema.kind() != Type::Struct {
        return Err("The schema must be of type STRUCT".to_owned());
    }
    let no_fields = Map::new();
    let fields = object.get("fieldSchemas").and_then(Json::as_object).unwrap_or(&no_fields);
    for (name, field) in fields {
        let field = field.as_object().ok_or_else(|| format!("Field '{name}' must be an object"))?;
        let field = described(field, &format!("Field '{name}'"))?;
        check_column(name, &field)?;
        schema = schema.field(name.as_str(), field);
    }
    Ok(schema)
}

fn described(object: &Map<String, Json>, what: &str) -> Result<Schema, String> {
    let text = |key: &str| object.get(key).and_then(Json::as_str);
    let kind = text("type").ok_or_else(|| format!("{what} has no type"))?;
    let kind = Type::ALL
        .into_iter()
        .find(|known| known.name().eq_ignore_ascii_case(kind))
        .ok_or_else(|| format!("{what} has the type {kind}, which there is not"))?;
    let mut schema = Schema::new(kind);
    if object.get("isOptional").and_then(Json::as_bool).unwrap_or(false) {
        schema = schema.optional();
    }
    if let Some(name) = text("name") {
        schema = schema.named(name);
    }
    let version = object.get("version").and_then(Json::as_i64);
    if let Some(version) = version.and_then(|version| i32::try_from(version).ok()) {
        schema = schema.versioned(version);
    }
    if let Some(doc) = text("doc") {
        schema = schema.documented(doc);
    }
    for (name, value) in object.get("parameters").and_then(Json::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        schema = schema.parameter(name, value);
    }
    Ok(schema)
}

fn check_column(name: &str, schema: &Schema) -> Result<(), String> {
    let of = |kind: Type| schema.kind() == kind;
    let is_whole = match schema.name() {
        Some(logical::DECIMAL) => {
            let scale = schema.parameters().get("scale").map(str::parse::<i32>);
            if !matches!(scale, Some(Ok(_))) {
                return Err(format!("Field '{name}' is a Decimal without the parameter scale"));
            }
            of(Type::Bytes)
        }
        Some(logical::DATE | logical::TIME) => of(Type::Int32),
        Some(logical::TIMESTAMP) => of(Type::Int64),
        _ => !matches!(schema.kind(), Type::Bytes | Type::Array | Type::Map | Type::Struct),
    };
    if is_whole {
        return Ok(());
    }
    Err(format!("Field '{name}' is of type {}, which a column cannot hold", schema.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_keeps_the_order_of_its_fields() {
        let schema = parse_schema(
            r#"{"name":"com.x.Row","type":"STRUCT","isOptional":false,"fieldSchemas":{
                "id":{"type":"INT64","isOptional":false},
                "price":{"name":"org.apache.kafka.connect.data.Decimal","type":"BYTES","version":1,
                    "parameters":{"scale":"2"},"isOptional":true},
                "ts":{"name":"org.apache.kafka.connect.data.Timestamp","type":"INT64","version":1,
                    "isOptional":true}}}"#,
        )
        .unwrap();
        assert_eq!(schema.name(), Some("com.x.Row"));
        let fields: Vec<_> = schema.fields().iter().map(|field| &*field.name).collect();
        assert_eq!(fields, ["id", "price", "ts"]);
        assert!(!schema.fields()[0].schema.is_optional());
        assert_eq!(schema.fields()[1].schema.parameters().get("scale"), Some("2"));
    }

    #[test]
    fn what_a_column_cannot_hold_is_refused() {
        for (text, reason) in [
            ("{", "Not the JSON of a schema"),
            ("[]", "must be an object"),
            (r#"{"type":"INT32"}"#, "must be of type STRUCT"),
            (r#"{"type":"STRUCT","fieldSchemas":{"a":{"type":"ARRAY"}}}"#, "cannot hold"),
            (r#"{"type":"STRUCT","fieldSchemas":{"a":{"type":"LONG"}}}"#, "there is not"),
            (r#"{"type":"STRUCT","fieldSchemas":{"a":{}}}"#, "Field 'a' has no type"),
            (
                r#"{"type":"STRUCT","fieldSchemas":{"a":{"type":"BYTES",
                    "name":"org.apache.kafka.connect.data.Decimal"}}}"#,
                "without the parameter scale",
            ),
        ] {
            let error = parse_schema(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
