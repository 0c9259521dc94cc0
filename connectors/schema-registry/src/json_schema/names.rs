//! Names that the converter writes into schemas.
//!
//! Source: confluentinc/schema-registry `JsonSchemaData.java`, `ConnectUnion.java`.

use connect_api::schema::Schema;

pub(super) const NAMESPACE: &str = "io.confluent.connect.json";

pub(super) const CONNECT_TYPE: &str = "connect.type";
pub(super) const CONNECT_VERSION: &str = "connect.version";
pub(super) const CONNECT_PARAMETERS: &str = "connect.parameters";
pub(super) const CONNECT_INDEX: &str = "connect.index";

pub(super) const JSON_ID: &str = "io.confluent.connect.json.Id";
pub(super) const ENUM: &str = "io.confluent.connect.json.Enum";
pub(super) const ONE_OF: &str = "io.confluent.connect.json.OneOf";

pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const GENERALIZED_UNION_PREFIX: &str = "connect_union_";

/// Stands for null among the symbols of an enum.
pub(super) const NULL_MARKER: &str = "<NULL>";

/// Whether a struct holds one value of several types.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.name() == Some(ONE_OF) || schema.parameters().contains(GENERALIZED_UNION)
}

/// Name of the field of a union's type.
pub(super) fn union_field(is_general: bool, index: usize) -> String {
    if is_general {
        format!("{GENERALIZED_UNION_PREFIX}field_{index}")
    } else {
        format!("{ONE_OF}.field.{index}")
    }
}
