//! Lists of names in the options of transforms.
//!
//! Source: apache/kafka `ConfigDef.ValidList`, `NonEmptyListValidator.java`.

use connect_api::config::{Check, ConfigType as _, sentence};

/// Demands a list with an item, none of them empty.
pub(super) fn names(key: &'static str) -> Check {
    sentence(move |text| {
        let items = items(text)
            .ok_or_else(|| format!("Configuration '{key}' values must not be null."))??;
        if items.is_empty() {
            return Err(format!(
                "Configuration '{key}' must not be empty. Valid values include: any non-empty value"
            ));
        }
        none_is_empty(key, &items)
    })
}

/// Demands a list, none of its items empty.
pub(super) fn names_or_none(key: &'static str) -> Check {
    sentence(move |text| match items(text) {
        Some(items) => none_is_empty(key, &items?),
        None => Ok(()),
    })
}

/// Demands a list with an item, which may be empty.
pub(super) fn items_of(key: &'static str) -> Check {
    sentence(move |text| {
        let shown = match items(text).transpose()? {
            None => "null",
            Some(items) if items.is_empty() => "[]",
            Some(_) => return Ok(()),
        };
        Err(format!("Invalid value {shown} for configuration {key}: Empty list"))
    })
}

/// The list without its repetitions.
pub(super) fn distinct(names: Vec<String>) -> Vec<String> {
    let mut distinct = Vec::with_capacity(names.len());
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

fn items(text: Option<&str>) -> Option<Result<Vec<String>, String>> {
    text.map(Vec::<String>::parse)
}

fn none_is_empty(key: &str, items: &[String]) -> Result<(), String> {
    if items.iter().any(String::is_empty) {
        return Err(format!("Configuration '{key}' values must not be empty."));
    }
    Ok(())
}
