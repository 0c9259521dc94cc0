//! JSON documents as values without a schema.

use connect_api::value::{Map, Value};
use serde_json::Value as Json;

/// Reads a document: integers become 64 bits wide, other numbers 64-bit floating point.
///
/// # Errors
/// The text is not one JSON document.
pub(super) fn parse(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(text).map(value)
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Boolean(flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int64(number),
            (None, number) => Value::Float64(number.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.into()),
        Json::Array(items) => Value::Array(items.into_iter().map(value).collect()),
        Json::Object(members) => {
            let entry =
                |(name, member): (String, Json)| (Value::String(name.into()), value(member));
            Value::Map(Map::new(members.into_iter().map(entry).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_json_has_its_value() {
        let read = parse(br#"{"b":[1,2.5,null,true],"a":{"s":"x"},"big":18446744073709551615}"#);
        let expected = Value::Map(Map::new(vec![
            (
                "b".into(),
                Value::Array(vec![
                    Value::Int64(1),
                    Value::Float64(2.5),
                    Value::Null,
                    Value::Boolean(true),
                ]),
            ),
            ("a".into(), Value::Map(Map::new(vec![("s".into(), "x".into())]))),
            ("big".into(), Value::Float64(18_446_744_073_709_551_615.0)),
        ]));
        assert_eq!(read.unwrap(), expected);
        assert!(parse(b"{} {}").is_err());
    }
}
