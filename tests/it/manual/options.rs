//! Tables of options.

use std::fmt::Write as _;

use connect_api::config::{Check, Config as _, ConfigDef, ConfigKey, ConfigKind};
use connect_schema_registry::config::SerdeConfig;

/// The options that every converter of the registry has.
pub(super) fn of_registry() -> ConfigDef {
    SerdeConfig::def()
}

/// A table of options, in the order that users are shown.
pub(super) fn table(def: &ConfigDef) -> String {
    let mut out = "| key | type | default | valid values | importance | meaning |\n\
                   | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for key in def.keys() {
        let default = match key.default_value() {
            Some(text) if text.is_empty() => "empty".to_owned(),
            Some(text) => format!("`{text}`"),
            None if key.required => "required".to_owned(),
            None => String::new(),
        };
        let cells = [
            format!("`{}`", key.name),
            key.kind.to_string(),
            default,
            valid(key),
            format!("{:?}", key.importance).to_uppercase(),
            meaning(key),
        ];
        // Writing to a string cannot fail.
        let _written =
            writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    out
}

/// What its documentation says, in Markdown.
fn meaning(key: &ConfigKey) -> String {
    let words = key.documentation.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words.replace("<br/>", " ").replace("Long.Note:", "Long. Note:");
    words.replace("<code>", "`").replace("</code>", "`")
}

fn valid(key: &ConfigKey) -> String {
    if key.kind == ConfigKind::Boolean {
        return "`true`, `false`".to_owned();
    }
    let mut rules: Vec<_> = key.checks.iter().filter_map(rule).collect();
    if rules.is_empty() && !key.recommended.is_empty() {
        rules.push(words(&key.recommended) + ", in any case");
    }
    rules.join(", ")
}

fn rule(check: &Check) -> Option<String> {
    Some(match check {
        Check::NotEmpty => "not empty".to_owned(),
        Check::Printable => "printable text".to_owned(),
        Check::Regex => "a regular expression".to_owned(),
        Check::Unique => "each once".to_owned(),
        Check::Range(Some(least), Some(most)) => format!("{least} to {most}"),
        Check::Range(Some(least), None) => format!("at least {least}"),
        Check::Range(None, Some(most)) => format!("at most {most}"),
        Check::OneOf(texts) => words(texts),
        Check::OneOfAnyCase(texts) => words(texts) + ", in any case",
        // What they demand is in the documentation.
        Check::NotNull | Check::Range(None, None) | Check::Custom(_) | Check::Sentence(_) => {
            return None;
        }
    })
}

fn words(texts: &[String]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}
