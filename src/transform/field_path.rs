//! The way to a field: a name at the top, or steps through nested structs and maps.
//!
//! Source: apache/kafka `SingleFieldPath.java`, `FieldSyntaxVersion.java`.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Schema, Type},
    value::{Map, Struct, Value},
};

use super::{
    fields::Nulls,
    side::{not_a_map, not_a_struct},
};

const PURPOSE: &str = "nested field access";

/// How a path is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// The whole text is one name.
    V1,
    /// Dots separate steps; a step in backquotes may contain dots.
    V2,
}

/// Steps to a field; none lead nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FieldPath {
    parents: Vec<String>,
    last: Option<String>,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// `Invalid` when a backquote is not closed.
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self> {
        let mut parents = match syntax {
            Syntax::V1 => vec![text.to_owned()],
            Syntax::V2 => steps(text)?,
        };
        let last = parents.pop();
        Ok(Self { parents, last })
    }

    /// The schema of the field in a struct of this schema; none when there is no such field.
    ///
    /// # Errors
    /// `Record` when something on the way is not a struct.
    pub(super) fn schema_in<'a>(&self, schema: &'a Arc<Schema>) -> Result<Option<&'a Arc<Schema>>> {
        let mut current = schema;
        for step in self.parents.iter().chain([self.last()?]) {
            if current.kind() != Type::Struct {
                let reason = "Cannot look up fields on non-struct type";
                return Err(ConnectorError::record(reason));
            }
            let field = current.field_index(step).and_then(|at| current.fields().get(at));
            let Some(field) = field else { return Ok(None) };
            current = &field.schema;
        }
        Ok(Some(current))
    }

    /// Takes the field's value out of a struct; null where the way ends.
    ///
    /// # Errors
    /// `Record` when something on the way is not a struct.
    pub(super) fn take_from_struct(&self, record: Struct, nulls: Nulls) -> Result<Value> {
        let mut current = record;
        for step in &self.parents {
            current = match taken(current, step, Nulls::Replaced) {
                Value::Struct(inner) => inner,
                Value::Null => return Ok(Value::Null),
                other => return Err(not_a_struct(&other, PURPOSE)),
            };
        }
        Ok(taken(current, self.last()?, nulls))
    }

    /// Takes the field's value out of a map; null where the way ends.
    ///
    /// # Errors
    /// `Record` when something on the way is not a map.
    pub(super) fn take_from_map(&self, map: Map) -> Result<Value> {
        let mut current = map;
        for step in &self.parents {
            current = match entry(current, step) {
                Value::Map(inner) => inner,
                Value::Null => return Ok(Value::Null),
                other => return Err(not_a_map(&other, PURPOSE)),
            };
        }
        Ok(entry(current, self.last()?))
    }

    fn last(&self) -> Result<&String> {
        self.last.as_ref().ok_or_else(|| ConnectorError::record("fromIndex(0) > toIndex(-1)"))
    }
}

fn taken(record: Struct, name: &str, nulls: Nulls) -> Value {
    let schema = Arc::clone(record.schema());
    let mut found = schema.fields().iter().zip(record.into_parts().1);
    let found = found.find(|(field, _)| &*field.name == name);
    found.map_or(Value::Null, |(field, value)| nulls.resolve(&field.schema, value))
}

fn entry(map: Map, name: &str) -> Value {
    let found = map.into_entries().into_iter().find(|(key, _)| key.as_str() == Some(name));
    found.map_or(Value::Null, |(_, value)| value)
}

fn steps(path: &str) -> Result<Vec<String>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('`') {
            Some(quoted) => {
                quoted_step(quoted).ok_or_else(|| unclosed(path, path.len() - rest.len()))?
            }
            None => {
                let (step, after) = rest.split_once('.').unwrap_or((rest, ""));
                (step.to_owned(), after)
            }
        };
        steps.push(step);
        rest = after;
    }
    if path.ends_with('.') {
        steps.push(String::new());
    }
    Ok(steps)
}

/// A step after its backquote, up to a backquote before a dot or the end, and what follows the dot.
fn quoted_step(quoted: &str) -> Option<(String, &str)> {
    let mut step = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('`')?;
        step.push_str(before);
        if after.is_empty() {
            return (!step.ends_with('\\')).then_some((step, ""));
        }
        match after.strip_prefix('.') {
            Some(_) if step.ends_with('\\') => {
                step.pop();
                step.push('`');
            }
            Some(after) => return Some((step, after)),
            None => step.push('`'),
        }
        rest = after;
    }
}

fn unclosed(path: &str, at: usize) -> ConnectorError {
    ConnectorError::invalid(format!(
        "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick \
         at position {at} to escape it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_separate_steps_and_backquotes_hold_them_together() {
        for (path, expected) in [
            ("foo", &["foo"] as &[&str]),
            ("foo.bar.baz", &["foo", "bar", "baz"]),
            ("foo.bar.", &["foo", "bar", ""]),
            (".", &["", ""]),
            ("foo..bar", &["foo", "", "bar"]),
            ("`foo.bar.baz`", &["foo.bar.baz"]),
            ("foo.`bar.baz`", &["foo", "bar.baz"]),
            ("`foo.bar`.baz", &["foo.bar", "baz"]),
            ("foo.``bar.baz``", &["foo", "`bar.baz`"]),
            ("`foo.bar\\`.baz`", &["foo.bar`.baz"]),
            ("`foo\\`.bar`.`baz`", &["foo`.bar", "baz"]),
            ("`foo`bar.baz`", &["foo`bar.baz"]),
            ("fo`o.b`ar", &["fo`o", "b`ar"]),
            ("``", &[""]),
            ("", &[]),
        ] {
            assert_eq!(steps(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn a_backquote_that_is_not_closed_is_named_by_its_place() {
        for (path, at) in [("`foo.bar", 0), ("foo.`bar\\`", 4), ("a.b.`", 4), ("`a`b", 0)] {
            assert_eq!(
                steps(path).unwrap_err().to_string(),
                format!(
                    "Incomplete backtick pair in path: [{path}], consider adding a backslash \
                     before backtick at position {at} to escape it"
                )
            );
        }
    }
}
