//! Transformations and predicates.

use connect_api::{
    config::{Check, ConfigDef, ConfigKey, ConfigKind, Props},
    record::SinkRecord,
    value_text::{header_text, write_java_text},
};
use connect_testkit::{
    fuzz::{Choices, few_words, fuzz},
    shape::{kind_of, proper},
};
use millrace::transform::{
    ConnectRecord as _, Verdict, predicate, predicate_registry, transform, transform_registry,
};

use super::records::{NAMES, record, text};

/// Texts that some option or other has a meaning for.
const MEANT: [&str; 24] = [
    "a",
    "b,c",
    "a:int8",
    "a:string,b:boolean",
    "int64",
    "string",
    "a.b",
    "`a.b`.c",
    "V1",
    "v2",
    "move",
    "copy",
    "x!,y?",
    "(.*)-(\\d+)",
    "$1",
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "YYYY-ww",
    "unix",
    "Timestamp",
    "nanoseconds",
    "$[?(@.a > 1 || @.b =~ /x.*/)]",
    "$.a.b[*]",
    "a:x,b:y",
    "[1, {}]",
];

/// A configuration of a definition's own keys.
fn config(def: &ConfigDef, choices: &mut Choices<'_>) -> Props {
    let mut props = Props::new();
    for key in def.keys() {
        if key.required || choices.flag() {
            props.insert(key.name.as_str(), value(key, choices));
        }
    }
    props
}

fn value(key: &ConfigKey, choices: &mut Choices<'_>) -> String {
    if choices.below(8) == 7 {
        return text(choices);
    }
    let words = key.checks.iter().find_map(|check| match check {
        Check::OneOf(words) | Check::OneOfAnyCase(words) => Some(words),
        _ => None,
    });
    match (words, key.kind) {
        (Some(words), _) => words[choices.below(words.len())].clone(),
        (_, ConfigKind::Boolean) => choices.of_all(&["true", "false"]).to_owned(),
        (_, ConfigKind::List) if choices.flag() => {
            let count = 1 + choices.below(3);
            let names: Vec<_> = (0..count).map(|_| choices.of_all(&NAMES[..5])).collect();
            names.join(",")
        }
        _ => choices.of_all(&MEANT).to_owned(),
    }
}

/// What a record is after a transformation can be told in every form there is.
fn told(record: &SinkRecord) -> String {
    let parts = [record.key(), record.value()];
    let headers = record.headers.iter().map(|header| &header.data);
    let mut out = String::new();
    for data in parts.into_iter().chain(headers) {
        assert!(proper(data), "{data:?}");
        let mut text = String::new();
        write_java_text(&mut text, &data.value);
        assert_eq!(header_text(&data.value).is_none(), data.value.is_null());
        out.push_str(&kind_of(data));
        out.push('|');
    }
    out
}

fn transformed(choices: &mut Choices<'_>) -> String {
    let plugin = &transform_registry()[choices.below(transform_registry().len())];
    let config = config(&(plugin.def)(), choices);
    let transform = match transform(plugin.class, &config, "t") {
        Ok(transform) => transform,
        Err(error) => return format!("{} {}", plugin.class, few_words(&error)),
    };
    // Twice: the second time what was learnt of the schema is used.
    let before = record(choices);
    let mut outcome = String::new();
    for _ in 0..2 {
        let mut record = before.clone();
        outcome = match transform.apply(&mut record) {
            Ok(Verdict::Keep) => told(&record),
            Ok(Verdict::KeepAndCopy) => match transform.change_copy(&mut record) {
                Ok(()) => told(&record),
                Err(error) => few_words(&error),
            },
            Ok(Verdict::Drop) => "dropped".to_owned(),
            Err(error) => few_words(&error),
        };
    }
    format!("{} {outcome}", plugin.class)
}

fn asked(choices: &mut Choices<'_>) -> String {
    let plugin = &predicate_registry()[choices.below(predicate_registry().len())];
    let config = config(&(plugin.def)(), choices);
    match predicate(plugin.class, &config, "p") {
        Ok(predicate) => format!("{} {:?}", plugin.class, predicate.test(&record(choices))),
        Err(error) => format!("{} {}", plugin.class, few_words(&error)),
    }
}

#[test]
fn transformations_bear_any_configuration_and_any_record() {
    fuzz("transforms", |input| transformed(&mut Choices::of(input)));
}

#[test]
fn predicates_bear_any_configuration_and_any_record() {
    fuzz("predicates", |input| asked(&mut Choices::of(input)));
}
