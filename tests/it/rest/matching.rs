//! Whether an answer is what is on record.
//!
//! Objects fit as subsets, lists item by item, the rest exactly; keys with `$` are matchers.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::wire::Reply;

type Fit = Result<(), String>;

/// Compares an answer with what is expected of it.
pub(super) fn check(expect: &Value, reply: &Reply) -> Fit {
    let statuses = match &expect["status"] {
        Value::Array(statuses) => statuses.clone(),
        Value::Null => vec![json!(reply.status)],
        status => vec![status.clone()],
    };
    if !statuses.contains(&json!(reply.status)) {
        return Err(format!("status {} instead of {statuses:?}", reply.status));
    }
    for (key, wanted) in expect["headers"].as_object().into_iter().flatten() {
        fits(wanted, reply.header(key).map(Value::from).as_ref(), key)?;
    }
    if expect["empty"] == true && !reply.text.is_empty() {
        return Err("the body is not empty".to_owned());
    }
    if let Some(wanted) = expect.get("text") {
        fits(wanted, Some(&json!(reply.text)), "text")?;
    }
    expect.get("json").map_or(Ok(()), |wanted| fits(wanted, reply.json.as_ref(), "$"))
}

fn fits(wanted: &Value, found: Option<&Value>, at: &str) -> Fit {
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

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn matcher(key: &str, wanted: &Value, found: Option<&Value>) -> bool {
    if key == "$absent" {
        return found.is_none() == (wanted == true);
    }
    if key == "$oneOf" {
        return list(wanted).iter().any(|wanted| fits(wanted, found, "").is_ok());
    }
    let Some(found) = found else { return false };
    let is_in =
        |wanted: &Value| list(found).iter().any(|item| fits(wanted, Some(item), "").is_ok());
    match key {
        "$any" => true,
        "$exact" => wanted == found,
        "$re" => matches_text(wanted.as_str().unwrap(), found.as_str()),
        "$type" => wanted.as_str().unwrap().split('|').any(|kind| is_of(kind, found)),
        "$contains" => list(wanted).iter().all(is_in),
        "$excludes" => !list(wanted).iter().any(is_in),
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
