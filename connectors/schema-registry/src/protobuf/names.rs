//! Names that the converter writes, and how it makes names that Protobuf takes.
//!
//! Source: confluentinc/schema-registry `ProtobufData.java`, `ProtobufSchema.java`, Guava
//! `CaseFormat`.

use connect_api::schema::Schema;

pub(super) const ENUM: &str = "io.confluent.connect.protobuf.Enum";
pub(super) const UNION: &str = "io.confluent.connect.protobuf.Union";
pub(super) const UNION_PREFIX: &str = "io.confluent.connect.protobuf.Union.";
pub(super) const TAG: &str = "io.confluent.connect.protobuf.Tag";
pub(super) const TYPE: &str = "io.confluent.connect.protobuf.Type";
/// Marks an optional scalar of a oneof that was a wrapper message.
pub(super) const WRAPPER: &str = "io.confluent.connect.protobuf.Wrapper";

pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const VARIANT: &str = "org.apache.kafka.connect.data.Variant";

pub(super) const CONNECT_TYPE: &str = "connect.type";
pub(super) const CONNECT_PRECISION: &str = "connect.decimal.precision";
pub(super) const PRECISION: &str = "precision";
pub(super) const SCALE: &str = "scale";

pub(super) const DEFAULT_NAME: &str = "ConnectDefault";
pub(super) const MAP_ENTRY: &str = "Entry";

pub(super) const DECIMAL_MESSAGE: &str = "confluent.type.Decimal";
pub(super) const VARIANT_MESSAGE: &str = "confluent.type.Variant";
pub(super) const DATE_MESSAGE: &str = "google.type.Date";
pub(super) const TIME_MESSAGE: &str = "google.type.TimeOfDay";
pub(super) const TIMESTAMP_MESSAGE: &str = "google.protobuf.Timestamp";

/// Whether a struct holds one value of several types.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.name().is_some_and(|name| name.starts_with(UNION))
        || schema.parameters().contains(GENERALIZED_UNION)
}

/// Name of the message of a map's entries.
pub(super) fn map_entry(name: &str) -> String {
    if !name.contains('_') {
        return format!("{name}{MAP_ENTRY}");
    }
    let mut entry = String::with_capacity(name.len() + MAP_ENTRY.len());
    for word in name.split('_') {
        let mut letters = word.chars();
        entry.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        entry.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    entry.push_str(MAP_ENTRY);
    entry
}

/// Name of a map, out of that of the message of its entries.
pub(super) fn map_field(name: &str) -> String {
    let (scope, last) = name
        .rsplit_once('.')
        .map_or(("", name), |(_, last)| (name.strip_suffix(last).unwrap_or_default(), last));
    let Some(last) = last.strip_suffix(MAP_ENTRY) else { return name.to_owned() };
    let mut field = scope.to_owned();
    for (place, letter) in last.chars().enumerate() {
        if place > 0 && letter.is_ascii_uppercase() {
            field.push('_');
        }
        field.push(letter.to_ascii_lowercase());
    }
    field
}

/// Replaces what a name of Protobuf must not have.
pub(super) fn scrubbed(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let starts_badly =
        |name: &str| name.starts_with(|first: char| first.is_ascii_digit() || first == '_');
    if name.chars().all(is_plain) && !starts_badly(name) {
        return name.to_owned();
    }
    let mut encoded = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            _ if is_plain(letter) => encoded.push(letter),
            '.' | '-' | '*' | ' ' => encoded.push('_'),
            // The URL form of each byte, with its percent sign replaced.
            _ => {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    encoded.push_str(&format!("_{byte:02X}"));
                }
            }
        }
    }
    // What begins with another letter than these began with a percent sign before.
    let first_encoded = name.chars().next();
    let is_prefixed = first_encoded.is_some_and(|first| first.is_ascii_digit() || first == '_');
    if is_prefixed { format!("x{encoded}") } else { encoded }
}

/// A dotted name in two: what comes before the last dot, and what comes after it.
pub(super) fn split_name(name: &str) -> (Option<&str>, &str) {
    name.rsplit_once('.').map_or((None, name), |(namespace, last)| (Some(namespace), last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_entries_are_named_as_guava_names_them() {
        assert_eq!(map_entry("tags"), "tagsEntry");
        assert_eq!(map_entry("my_TAGS"), "MyTagsEntry");
        assert_eq!(map_field("TagsEntry"), "tags");
        assert_eq!(map_field("Customer.MyTagsEntry"), "Customer.my_tags");
        assert_eq!(map_field("other"), "other");
    }

    #[test]
    fn bad_names_are_scrubbed() {
        assert_eq!(scrubbed("good_name1"), "good_name1");
        assert_eq!(scrubbed("a-b.c d"), "a_b_c_d");
        assert_eq!(scrubbed("1st"), "x1st");
        assert_eq!(scrubbed("_id"), "x_id");
        assert_eq!(scrubbed("a$b"), "a_24b");
        assert_eq!(scrubbed("$a"), "_24a");
        assert_eq!(scrubbed("ü"), "_C3_BC");
        assert_eq!(scrubbed(""), "");
    }
}
