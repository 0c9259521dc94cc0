//! Transformations.

use connect_api::{config::Props, record::SinkRecord};
use millrace::transform::{Verdict, transform};
use serde_json::{Value as Json, json};

use super::{
    compare,
    records::{Case, Random},
    typed_json::{record_json, shorten_floats},
};
use crate::services;

const SEED: u64 = 20_260_401;
const CASES: usize = 6_000;

/// What ours makes of a case, in the form of the oracle's answers.
fn outcome(case: &Case) -> Json {
    let props: Props = case.config.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let transform = match transform(case.class, &props, "t") {
        Ok(transform) => transform,
        Err(error) => return json!({ "config": error.to_string() }),
    };
    let mut record: SinkRecord = case.record.clone();
    match transform.apply(&mut record) {
        Ok(Verdict::Keep | Verdict::KeepAndCopy) => json!({ "record": record_json(&record) }),
        Ok(Verdict::Drop) => json!({ "record": null }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Takes out of the oracle's answer what is an accident of Java: the text of a cause that got into
/// the place of the message, the record's own class in front of it, its key and value with the
/// addresses of objects, the class of the exception.
fn without_accidents(answer: &mut Json) {
    answer.as_object_mut().unwrap().remove("class");
    for field in ["config", "error"] {
        let Some(text) = answer.get(field).and_then(Json::as_str) else { continue };
        let mut text = text.replace("java.util.LinkedHashMap", "java.util.HashMap");
        if text.starts_with("Invalid value java.lang.IllegalArgumentException") {
            text = text.split_once(" for configuration ").unwrap().1.to_owned();
        }
        if text.starts_with(WITHOUT_TIMESTAMP) {
            let record = text.split_once("} ConnectRecord{").unwrap().1;
            text = format!("{WITHOUT_TIMESTAMP}ConnectRecord{{{record}");
        }
        answer[field] = text.into();
    }
}

const WITHOUT_TIMESTAMP: &str = "Timestamp missing on record: ";

fn is_same(ours: &Json, theirs: &mut Json) -> bool {
    without_accidents(theirs);
    shorten_floats(theirs);
    let text = |answer: &Json| {
        answer.get("error").and_then(Json::as_str).map(str::to_owned).unwrap_or_default()
    };
    let (mine, other) = (text(ours), text(theirs));
    if mine.starts_with(WITHOUT_TIMESTAMP) {
        let before_key = |text: &str| text.split_once(", key=").map(|(start, _)| start.to_owned());
        return before_key(&mine) == before_key(&other);
    }
    *ours == *theirs || is_of_an_entry(&mine) && is_of_an_entry(&other)
}

/// Whether a map without a schema is refused for one of its entries. Each names the first that it
/// meets, and the JVM's maps and sets of names have an order of their own.
fn is_of_an_entry(text: &str) -> bool {
    const STARTS: [&str; 6] = [
        "Cast transformation",
        "Flatten transformation",
        "Cannot mask",
        "Unable to convert",
        "Value (",
        "Unexpected type",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
}

fn question(case: &Case) -> Json {
    let config: serde_json::Map<_, _> =
        case.config.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({ "class": case.class, "config": config, "record": record_json(&case.record) })
}

#[test]
fn generated_records_come_out_as_the_jvm_makes_them() {
    let oracle = services::require!(oracle);
    let mut random = Random::new(SEED);
    let cases: Vec<Case> = (0..CASES).map(|_| Case::random(&mut random)).collect();
    compare(&oracle, &cases, question, outcome, is_same);
}
