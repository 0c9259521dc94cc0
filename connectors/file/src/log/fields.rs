//! Fields that a regular expression takes out of a line.

use std::sync::Arc;

use bytestring::ByteString;
use connect_api::{
    config::{ConfigKind, ConfigType},
    schema::{Schema, Type},
    value::{Struct, Value},
};
use regex::bytes::{CaptureLocations, Regex};

use super::config::compile;

/// A regular expression whose named groups are the fields of a struct.
#[derive(Clone, Debug)]
pub(super) struct FieldPattern {
    regex: Regex,
    /// Numbers of the named groups, in the order of the fields.
    groups: Vec<usize>,
    schema: Arc<Schema>,
}

impl FieldPattern {
    /// Schema of the structs: one optional string per named group.
    pub(super) const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Room for the places of one match, to be used again and again.
    pub(super) fn locations(&self) -> CaptureLocations {
        self.regex.capture_locations()
    }

    /// The fields of a line; none when it does not match. They are slices of the line.
    pub(super) fn read(&self, line: &ByteString, places: &mut CaptureLocations) -> Option<Struct> {
        self.regex.captures_read(places, line.as_bytes())?;
        let value = |&group: &usize| {
            let (start, end) = places.get(group)?;
            Some(Value::String(line.slice_ref(line.get(start..end)?)))
        };
        let values = self.groups.iter().map(|group| value(group).unwrap_or_default()).collect();
        Some(Struct::new(Arc::clone(&self.schema), values))
    }
}

impl ConfigType for FieldPattern {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        let regex = compile(text)?;
        let mut schema = Schema::new(Type::Struct);
        let mut groups = Vec::new();
        for (group, name) in regex.capture_names().enumerate() {
            if let Some(name) = name {
                schema = schema.field(name, Schema::optional_string());
                groups.push(group);
            }
        }
        if groups.is_empty() {
            return Err("Needs a named group, such as (?<level>[A-Z]+)".to_owned());
        }
        Ok(Self { regex, groups, schema: Arc::new(schema) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_groups_become_fields_in_their_order() {
        let pattern = FieldPattern::parse(
            r"^\[(?<ts>[^\]]+)\] \[(?<level>[A-Z]+)\] (?:\[user_id:(?<user_id>[^\]]*)\] )?(?<message>.*)$",
        )
        .unwrap();
        let mut places = pattern.locations();
        let mut read = |line: &str| pattern.read(&line.into(), &mut places);
        let text = |value: &Struct| {
            value.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect::<Vec<_>>()
        };
        let fields =
            read("[2026-11-21 10:00:00.123] [INFO] [user_id:user123] Ünïcode ok.").unwrap();
        assert_eq!(
            text(&fields),
            [
                ("ts".to_owned(), "2026-11-21 10:00:00.123".into()),
                ("level".to_owned(), "INFO".into()),
                ("user_id".to_owned(), "user123".into()),
                ("message".to_owned(), "Ünïcode ok.".into()),
            ]
        );
        assert_eq!(read("[t] [WARN] no user").unwrap().get("user_id"), Some(&Value::Null));
        assert!(read("no brackets").is_none());
    }

    #[test]
    fn a_pattern_without_a_named_group_is_refused() {
        assert!(FieldPattern::parse("(a)").unwrap_err().starts_with("Needs a named group"));
        assert_eq!(FieldPattern::parse("(").unwrap_err(), "Invalid regex: unclosed group");
    }
}
