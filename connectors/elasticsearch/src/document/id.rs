//! What names a document: its id, its version, its shard.

use connect_api::{
    record::{SchemaAndValue, SinkRecord},
    value::Value,
    value_text::header_text,
};

use crate::settings::Routing;

type Named<T> = Result<T, String>;

/// Most bytes of an id that the servers take.
const LONGEST_ID: usize = 512;

/// The key of a record as an id.
///
/// # Errors
/// The reason, when the key is none.
pub(super) fn key_text(key: &SchemaAndValue) -> Named<String> {
    let text = match &key.value {
        Value::Null => return Err("its key is the id of the document, and it has none".to_owned()),
        Value::String(text) => text.to_string(),
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => {
            key.value.as_i64().map(|number| number.to_string()).unwrap_or_default()
        }
        other => {
            let kind = other.kind().map_or("null", connect_api::schema::Type::name);
            return Err(format!("a key of type {kind} cannot be the id of a document"));
        }
    };
    if text.is_empty() {
        return Err("its key is the id of the document, and it is empty".to_owned());
    }
    if text.len() > LONGEST_ID {
        return Err(format!(
            "its key is the id of the document, which takes {LONGEST_ID} bytes at most, and it has {}",
            text.len()
        ));
    }
    Ok(text)
}

/// The version that a header says.
///
/// # Errors
/// The reason, when it says none.
pub(super) fn version_of(record: &SinkRecord, name: &str) -> Named<i64> {
    let header = record.headers.iter().rev().find(|header| &*header.key == name);
    let Some(header) = header else {
        return Err(format!("it has no header \"{name}\" with the version of its document"));
    };
    header_text(&header.data.value)
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| format!("its header \"{name}\" is no whole number"))
}

/// What decides on the shard of a record's document; none for its id.
///
/// # Errors
/// The reason, when there is nothing of the kind.
pub(super) fn routing_of(record: &SinkRecord, routing: &Routing) -> Named<Option<String>> {
    match routing {
        Routing::Id => Ok(None),
        Routing::Key => key_text(&record.key).map(Some),
        Routing::Value(steps) => {
            let found = steps.iter().try_fold(&record.value.value, |value, step| match value {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                value => value.member(step),
            });
            let path = || format!("/{}", steps.join("/"));
            let text = match found {
                Some(Value::String(text)) => text.to_string(),
                Some(Value::Float32(number)) => number.to_string(),
                Some(Value::Float64(number)) => number.to_string(),
                Some(value) => value
                    .as_i64()
                    .map(|number| number.to_string())
                    .ok_or_else(|| format!("{} of its value is neither text nor number", path()))?,
                None => return Err(format!("its value has nothing at {}", path())),
            };
            if text.is_empty() {
                return Err(format!("{} of its value is empty", path()));
            }
            Ok(Some(text))
        }
    }
}
