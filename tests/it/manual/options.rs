//! Tables of options.

use std::fmt::Write as _;

use connect_api::config::{Check, Config as _, ConfigDef, ConfigKey, ConfigKind};
use connect_schema_registry::config::SerdeConfig;
use millrace::{herder::ConnectorType, plugins};

/// The options that every converter of the registry has.
pub(super) fn of_registry() -> ConfigDef {
    SerdeConfig::def()
}

/// What the worker does for every connector of a kind, or for `source`s only, or for `sink`s only.
pub(super) fn of_framework(which: &str) -> ConfigDef {
    let plugins = plugins::classes();
    let [sources, sinks] =
        [ConnectorType::Source, ConnectorType::Sink].map(|kind| plugins.framework_options(kind));
    let (of, others, is_shared) = match which {
        "connector" => (sources, sinks, true),
        "source" => (sources, sinks, false),
        "sink" => (sinks, sources, false),
        _ => panic!("there are no options of every {which}"),
    };
    let keys = of.keys().iter().filter(|key| others.get(&key.name).is_some() == is_shared);
    keys.cloned().collect()
}

/// A table for each heading, those of none first.
pub(super) fn tables(def: &ConfigDef) -> String {
    let under = |group: Option<&str>| -> ConfigDef {
        let keys = def.keys().iter().filter(|key| key.group.as_deref() == group);
        keys.cloned().collect()
    };
    let groups = std::iter::once(None).chain(def.groups().into_iter().map(Some));
    let tables = groups.filter_map(|group| {
        let keys = under(group);
        let heading = group.map(|group| format!("### {group}\n\n")).unwrap_or_default();
        (!keys.keys().is_empty()).then(|| heading + &table(&keys))
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// A table of options, in the order that users are shown.
pub(super) fn table(def: &ConfigDef) -> String {
    let mut out = "| key | type | default | valid values | importance | meaning |\n\
                   | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for key in def.keys() {
        let default = match key.default_value() {
            Some(text) => word(&text),
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
    let mut said = key.documentation.split_whitespace().collect::<Vec<_>>().join(" ");
    if !key.aliases.is_empty() {
        said = format!("{said} Also {}.", words(&key.aliases));
    }
    let said = said.replace("<br/>", " ").replace("Long.Note:", "Long. Note:");
    said.replace("<code>", "`").replace("</code>", "`")
}

fn valid(key: &ConfigKey) -> String {
    if key.kind == ConfigKind::Boolean {
        return "`true`, `false`".to_owned();
    }
    let mut rules: Vec<_> = key.checks.iter().filter_map(rule).collect();
    // Any class that is linked in, each with a page of its own.
    let is_class = key.kind == ConfigKind::Class;
    if rules.is_empty() && !key.recommended.is_empty() && !is_class {
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
    texts.iter().map(|text| word(text)).collect::<Vec<_>>().join(", ")
}

fn word(text: &str) -> String {
    if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") }
}
