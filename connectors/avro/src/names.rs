//! The names that both sides agree on, and names that Avro allows.
//!
//! Source: confluentinc/schema-registry `AvroData.java`.

use connect_api::schema::{Schema, Type};

use super::{config::AvroDataConfig, schema::Kind};

pub(super) const NAMESPACE: &str = "io.confluent.connect.avro";
pub(super) const DEFAULT_NAME: &str = "ConnectDefault";
pub(super) const DEFAULT_FULL_NAME: &str = "io.confluent.connect.avro.ConnectDefault";
pub(super) const MAP_ENTRY: &str = "MapEntry";
pub(super) const ANYTHING: &str = "io.confluent.connect.avro.Anything";
pub(super) const UNION: &str = "io.confluent.connect.avro.Union";
pub(super) const ENUM: &str = "io.confluent.connect.avro.Enum";
pub(super) const GENERAL_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const GENERAL_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const RECORD_DOC: &str = "io.confluent.connect.avro.record.doc";
pub(super) const ENUM_DOC: &str = "io.confluent.connect.avro.enum.doc.";
pub(super) const FIELD_DOC: &str = "io.confluent.connect.avro.field.doc.";
pub(super) const FIELD_DEFAULT: &str = "io.confluent.connect.avro.field.default";
pub(super) const ENUM_DEFAULT: &str = "io.confluent.connect.avro.enum.default.";

pub(super) const PROP_NAME: &str = "connect.name";
pub(super) const PROP_DOC: &str = "connect.doc";
pub(super) const PROP_RECORD_DOC: &str = "connect.record.doc";
pub(super) const PROP_ENUM_DOC: &str = "connect.enum.doc";
pub(super) const PROP_VERSION: &str = "connect.version";
pub(super) const PROP_DEFAULT: &str = "connect.default";
pub(super) const PROP_PARAMETERS: &str = "connect.parameters";
pub(super) const PROP_INTERNAL: &str = "connect.internal.type";
pub(super) const PROP_TYPE: &str = "connect.type";
pub(super) const FIXED_SIZE: &str = "connect.fixed.size";
pub(super) const PRECISION: &str = "connect.decimal.precision";
pub(super) const DEFAULT_PRECISION: i64 = 64;

/// Parameters that begin so are properties.
pub(super) const AVRO_PROP: &str = "avro";

/// The parameter that says that a string is an enumeration.
pub(super) const fn enum_parameter(config: &AvroDataConfig) -> &'static str {
    if config.is_generalized { GENERAL_ENUM } else { ENUM }
}

/// Whether a struct stands for a union.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.kind() == Type::Struct
        && (schema.name() == Some(UNION) || schema.parameters().contains(GENERAL_UNION))
}

fn is_enum(schema: &Schema) -> bool {
    let parameters = schema.parameters();
    schema.kind() == Type::String
        && (parameters.contains(GENERAL_ENUM) || parameters.contains(ENUM))
}

/// Full name of the enumeration that a string is written as; none where it is a string.
pub(super) fn enum_name<'a>(config: &AvroDataConfig, schema: &'a Schema) -> Option<&'a str> {
    if config.is_generalized {
        schema.parameters().get(GENERAL_ENUM)
    } else if config.is_enhanced {
        schema.parameters().get(ENUM)
    } else {
        None
    }
}

/// Size of the fixed that bytes are written as; none where they are bytes.
pub(super) fn fixed_size(schema: &Schema) -> Option<usize> {
    (schema.kind() == Type::Bytes && schema.name().is_some())
        .then(|| schema.parameters().get(FIXED_SIZE)?.parse().ok())?
}

/// Whether the keys of a map are such that Avro has maps for them.
pub(super) fn has_text_keys(config: &AvroDataConfig, schema: &Schema) -> bool {
    schema.key_schema().is_some_and(|key| {
        key.kind() == Type::String && (!key.is_optional() || config.allows_optional_keys)
    })
}

/// Field that stands for a branch of a union.
pub(super) fn branch_name(config: &AvroDataConfig, kind: &Kind, index: usize) -> String {
    if config.is_generalized {
        return format!("connect_union_field_{index}");
    }
    match kind.named() {
        Some(named) if config.is_enhanced => named.full(),
        Some(named) => scrub(config, &named.name),
        None => kind.word().to_owned(),
    }
}

/// The name that a branch with this schema has; none for types that Avro has no word for.
pub(super) fn schema_branch_name(
    config: &AvroDataConfig,
    schema: &Schema,
    index: usize,
) -> Option<String> {
    if config.is_generalized {
        return Some(format!("connect_union_field_{index}"));
    }
    if schema.kind() == Type::Struct || is_enum(schema) || fixed_size(schema).is_some() {
        let full = scrub_full(config, schema.name()?);
        let simple = full.rsplit('.').next().unwrap_or(&full);
        return Some(if config.is_enhanced { full } else { simple.to_owned() });
    }
    let word = match schema.kind() {
        Type::Int8 | Type::Int16 | Type::Int32 => "int",
        Type::Int64 => "long",
        Type::Float32 => "float",
        Type::Float64 => "double",
        Type::Boolean => "boolean",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Array => "array",
        Type::Map => "map",
        Type::Struct => return None,
    };
    Some(word.to_owned())
}

/// A full name with each of its parts scrubbed.
pub(super) fn scrub_full(config: &AvroDataConfig, full: &str) -> String {
    if !config.scrubs {
        return full.to_owned();
    }
    full.split('.').map(scrubbed).collect::<Vec<_>>().join(".")
}

/// A name with what Avro does not allow replaced, if that is wanted.
pub(super) fn scrub(config: &AvroDataConfig, name: &str) -> String {
    if config.scrubs { scrubbed(name) } else { name.to_owned() }
}

/// Encoded as in a form of HTML, the percent signs replaced too.
fn scrubbed(name: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if name.bytes().all(|byte| is_plain(&byte))
        && !name.starts_with(|first: char| first.is_ascii_digit())
    {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            byte if is_plain(&byte) => out.push(char::from(byte)),
            b'-' | b'.' | b'*' | b' ' => out.push('_'),
            byte => out.push_str(&format!("_{byte:02X}")),
        }
    }
    if out.starts_with(|first: char| first.is_ascii_digit()) {
        out.insert(0, 'x');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_scrubbed_as_java_does() {
        for (name, expected) in [
            ("plain_1", "plain_1"),
            ("1st", "x1st"),
            ("a-b c", "a_b_c"),
            ("a+b", "a_2Bb"),
            ("ä", "_C3_A4"),
            ("", ""),
        ] {
            assert_eq!(scrubbed(name), expected);
        }
    }
}
