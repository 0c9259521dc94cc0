//! Request bodies, with the words that Jackson has for what is wrong with them.
//!
//! Source: replies of Apache Kafka Connect 4.3.0.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::error::{RestError, Result};
use crate::herder::{ConnectorOffset, NewConnector, RawConfig, TargetState};

const NO_SOURCE: &str =
    "at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: ";
const REST_PACKAGE: &str = "org.apache.kafka.connect.runtime.rest.entities.";
const STRING_MAP: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.String>";

/// Reads a flat configuration.
pub(super) fn config(bytes: &Bytes) -> Result<RawConfig> {
    given_config(bytes)?.ok_or_else(no_body)
}

/// Reads a flat configuration, if there is one.
pub(super) fn given_config(bytes: &Bytes) -> Result<Option<RawConfig>> {
    if is_blank(bytes) {
        return Ok(None);
    }
    match json(bytes)? {
        Value::Object(object) => raw_config(object, &Numbers::of_config(bytes)).map(Some),
        Value::Null => Ok(None),
        other => Err(wrong_shape(STRING_MAP, &other)),
    }
}

/// Reads a list of flat configurations.
pub(super) fn configs(bytes: &Bytes) -> Result<Vec<RawConfig>> {
    let class = format!("java.util.ArrayList<{STRING_MAP}>");
    let Value::Array(configs) = json(bytes)? else {
        return Err(wrong_shape(&class, &json(bytes)?));
    };
    let config = |config| match config {
        Value::Object(object) => raw_config(object, &Numbers::default()),
        other => Err(wrong_shape(STRING_MAP, &other)),
    };
    configs.into_iter().map(config).collect()
}

/// Numbers of a configuration as their writer wrote them: `1e3` stays `1e3`, and no digit of a
/// long one is lost.
#[derive(Default)]
struct Numbers<'a> {
    texts: BTreeMap<String, &'a RawValue>,
}

impl<'a> Numbers<'a> {
    fn of_config(bytes: &'a [u8]) -> Self {
        Self { texts: serde_json::from_slice(bytes).unwrap_or_default() }
    }

    fn of_new_connector(bytes: &'a [u8]) -> Self {
        #[derive(Deserialize)]
        struct NewConnector<'a> {
            #[serde(borrow, default)]
            config: BTreeMap<String, &'a RawValue>,
        }
        let read: Option<NewConnector<'a>> = serde_json::from_slice(bytes).ok();
        Self { texts: read.map(|read| read.config).unwrap_or_default() }
    }

    fn written(&self, key: &str) -> Option<String> {
        self.texts.get(key).map(|text| text.get().to_owned())
    }
}

/// Reads the request that creates a connector.
pub(super) fn new_connector(bytes: &Bytes) -> Result<NewConnector> {
    let class = format!("{REST_PACKAGE}CreateConnectorRequest");
    let mut object = object(bytes, &class)?;
    let name = object.remove("name").map(string).transpose()?.flatten();
    let config = match object.remove("config") {
        Some(Value::Object(config)) => raw_config(config, &Numbers::of_new_connector(bytes))?,
        Some(Value::Null) | None => return Err(no_body()),
        Some(other) => return Err(wrong_shape(STRING_MAP, &other)),
    };
    let initial_state = object.remove("initial_state").map(string).transpose()?.flatten();
    unknown_field(&object, &class, &["name", "config", "initial_state"])?;
    // Java's trim takes control characters away as well.
    let name = name.unwrap_or_default();
    let name = name.trim_matches(|letter: char| letter <= ' ').to_owned();
    Ok(NewConnector { name, config, initial_state: initial_state.map(target).transpose()? })
}

/// Reads the request that alters offsets.
pub(super) fn offsets(bytes: &Bytes) -> Result<Vec<ConnectorOffset>> {
    let class = format!("{REST_PACKAGE}ConnectorOffsets");
    let mut object = object(bytes, &class)?;
    let offsets = match object.remove("offsets") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(offsets)) => offsets,
        Some(other) => {
            let list = format!("java.util.ArrayList<{REST_PACKAGE}ConnectorOffset>");
            return Err(wrong_shape(&list, &other));
        }
    };
    unknown_field(&object, &class, &["offsets"])?;
    offsets.into_iter().map(offset).collect()
}

fn offset(value: Value) -> Result<ConnectorOffset> {
    let class = format!("{REST_PACKAGE}ConnectorOffset");
    let mut object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err(wrong_shape(&class, &value)),
        scalar => {
            return Err(RestError::internal(format!(
                "Cannot construct instance of `{class}` (although at least one Creator exists): \
                 no creator to deserialize from {} ({scalar})",
                kind(&scalar)
            )));
        }
    };
    let partition = object.remove("partition").map(map).transpose()?.flatten();
    let offset = object.remove("offset").map(map).transpose()?.flatten();
    unknown_field(&object, &class, &["partition", "offset"])?;
    Ok(ConnectorOffset { partition, offset })
}

fn map(value: Value) -> Result<Option<Map<String, Value>>> {
    match value {
        Value::Object(object) => Ok(Some(object)),
        Value::Null => Ok(None),
        other => {
            Err(wrong_shape("java.util.LinkedHashMap<java.lang.String,java.lang.Object>", &other))
        }
    }
}

fn object(bytes: &Bytes, class: &str) -> Result<Map<String, Value>> {
    match json(bytes)? {
        Value::Object(object) => Ok(object),
        Value::Null => Err(no_body()),
        other => Err(wrong_shape(class, &other)),
    }
}

fn raw_config(object: Map<String, Value>, numbers: &Numbers<'_>) -> Result<RawConfig> {
    let entry = |(key, value): (String, Value)| {
        let written = if value.is_number() { numbers.written(&key) } else { None };
        let text = written.map_or_else(|| string(value), |text| Ok(Some(text)))?;
        Ok((key, text))
    };
    object.into_iter().map(entry).collect()
}

/// Numbers and booleans stand for their text.
fn string(value: Value) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => Err(wrong_shape("java.lang.String", &value)),
    }
}

fn target(name: String) -> Result<TargetState> {
    match name.to_ascii_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Started),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        upper => Err(RestError::internal(format!(
            "Cannot construct instance of `{REST_PACKAGE}CreateConnectorRequest$InitialState`, \
             problem: No enum constant {REST_PACKAGE}CreateConnectorRequest.InitialState.{upper}"
        ))),
    }
}

fn json(bytes: &Bytes) -> Result<Value> {
    if is_blank(bytes) {
        return Err(no_body());
    }
    serde_json::from_slice(bytes).map_err(|error| malformed(bytes, &error))
}

fn is_blank(bytes: &Bytes) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

pub(super) fn no_body() -> RestError {
    RestError::internal("The request needs a body, and it has none")
}

fn unknown_field(rest: &Map<String, Value>, class: &str, known: &[&str]) -> Result<()> {
    let Some(field) = rest.keys().next() else { return Ok(()) };
    let count = known.len();
    let known: Vec<_> = known.iter().map(|name| format!("\"{name}\"")).collect();
    let known = known.join(", ");
    Err(RestError::internal(format!(
        "Unrecognized field \"{field}\" (class {class}), not marked as ignorable ({count} known \
         properties: {known}])"
    )))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "Object value",
        Value::Array(_) => "Array value",
        Value::String(_) => "String value",
        Value::Number(_) => "Number value",
        Value::Bool(_) => "Boolean value",
        Value::Null => "Null value",
    }
}

fn wrong_shape(class: &str, value: &Value) -> RestError {
    let token = match value {
        Value::Object(_) => "Object value (token `JsonToken.START_OBJECT`)",
        Value::Array(_) => "Array value (token `JsonToken.START_ARRAY`)",
        Value::String(_) => "String value (token `JsonToken.VALUE_STRING`)",
        Value::Number(_) => "Integer value (token `JsonToken.VALUE_NUMBER_INT`)",
        Value::Bool(_) => "Boolean value (token `JsonToken.VALUE_TRUE`)",
        Value::Null => "Null value (token `JsonToken.VALUE_NULL`)",
    };
    RestError::internal(format!("Cannot deserialize value of type `{class}` from {token}"))
}

/// Says what stands where the text is no JSON, without the rest of the text.
fn malformed(bytes: &Bytes, error: &serde_json::Error) -> RestError {
    let (line, column) = (error.line(), error.column());
    let place = format!("\n {NO_SOURCE}{line}, column: {column}]");
    if error.is_eof() {
        return RestError::internal(format!(
            "Unexpected end-of-input: expected close marker for Object (start marker {place}){place}"
        ));
    }
    let text = bytes.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let before = text.get(..column.saturating_sub(1)).unwrap_or_default();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let start = before.iter().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
    let rest = text.get(start..).unwrap_or_default();
    let word: Vec<u8> = rest.iter().copied().take_while(is_word).collect();
    let word = String::from_utf8_lossy(&word);
    if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return RestError::internal(format!(
            "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or \
             token 'null', 'true' or 'false'){place}"
        ));
    }
    let found = text.get(column.saturating_sub(1)).copied().unwrap_or_default();
    RestError::internal(format!(
        "Unexpected character ('{}' (code {found})): was expecting a JSON value{place}",
        char::from(found)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_json_is_described_in_jacksons_words() {
        for (body, start) in [
            ("hello", "Unrecognized token 'hello': was expecting"),
            (r#"{"name":"a","config":{}} trailing"#, "Unrecognized token 'trailing'"),
            (r#"{"name": "a", "#, "Unexpected end-of-input"),
            ("{/*c*/}", "Unexpected character ('/' (code 47))"),
            (
                r#"{"name":"a","config":{"k":["a"]}}"#,
                "Cannot deserialize value of type `java.lang.String`",
            ),
            (r#"{"name":"a","config":{},"tasks":[]}"#, "Unrecognized field \"tasks\""),
            (
                "[]",
                "Cannot deserialize value of type `org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest` from Array value",
            ),
        ] {
            let error = new_connector(&Bytes::from(body)).unwrap_err();
            let message = error.message();
            assert!(message.starts_with(start), "{body}: {message}");
        }
    }

    #[test]
    fn numbers_keep_the_text_they_were_written_in() {
        let long = "123456789012345678901234567890";
        let text = format!(r#"{{"name":"c","config":{{"a":1e3,"b":{long},"c":1.50,"d":-0}}}}"#);
        let new = new_connector(&Bytes::from(text)).unwrap();
        let values: Vec<_> = new.config.values().map(|value| value.as_deref().unwrap()).collect();
        assert_eq!(values, ["1e3", long, "1.50", "-0"]);
        let flat = config(&Bytes::from(r#"{"a":1E+2,"b":true}"#)).unwrap();
        assert_eq!(flat["a"].as_deref(), Some("1E+2"));
    }

    #[test]
    fn names_are_trimmed_of_control_characters_too() {
        let body = Bytes::from("{\"name\":\" a\\u0007\",\"config\":{\"tasks.max\":3,\"b\":true}}");
        let new = new_connector(&body).unwrap();
        assert_eq!(new.name, "a");
        assert_eq!(new.config["tasks.max"].as_deref(), Some("3"));
        assert_eq!(new.config["b"].as_deref(), Some("true"));
    }
}
