//! Options of the mapping.
//!
//! Source: confluentinc/schema-registry `ProtobufDataConfig.java`, `AbstractDataConfig.java`.

use connect_api::config::Config;

/// How messages and Connect's schemas become each other.
#[derive(Clone, Config, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct ProtobufOptions {
    /// Whether enumerations and unions are also written as those of other formats are.
    #[config(key = "generalized.sum.type.support", default = false)]
    pub is_sum_type_general: bool,
    /// Whether a null stays null where the schema has a default.
    #[config(key = "ignore.default.for.nullables", default = false)]
    pub is_default_ignored: bool,
    /// Most translated schemas that are remembered.
    #[config(key = "schemas.cache.config", alias = "schemas.cache.size", default = 1000, importance = Low)]
    pub cache_size: i32,
    /// Whether names keep their package.
    #[config(key = "enhanced.protobuf.schema.support", default = false)]
    pub has_full_names: bool,
    /// Whether to scrub invalid names by replacing invalid characters with valid ones.
    #[config(key = "scrub.invalid.names", default = false)]
    pub is_name_scrubbed: bool,
    /// Whether to represent enums as integers.
    #[config(key = "int.for.enums", default = false)]
    pub is_enum_integer: bool,
    /// Whether nullable fields should be specified with an optional label.
    #[config(key = "optional.for.nullables", default = false)]
    pub has_optional_for_nullables: bool,
    /// Whether proto2 optionals are supported.
    #[config(key = "optional.for.proto2", default = true)]
    pub has_optional_for_proto2: bool,
    /// Whether nullable fields should use primitive wrapper messages.
    #[config(key = "wrapper.for.nullables", default = false)]
    pub has_wrapper_for_nullables: bool,
    /// Whether a wrapper message should be interpreted as a raw primitive at the root level.
    #[config(key = "wrapper.for.raw.primitives", default = true)]
    pub has_wrapper_for_raw_primitives: bool,
    /// Whether to generate a default struct for null messages.
    #[config(key = "generate.struct.for.nulls", default = false)]
    pub is_struct_made_for_nulls: bool,
    /// Whether to suffix union names with an underscore followed by an index.
    #[config(key = "generate.index.for.unions", default = true, importance = Low)]
    pub has_index_for_unions: bool,
    /// Whether to flatten unions (oneofs).
    #[config(key = "flatten.unions", default = false, importance = Low)]
    pub is_union_flattened: bool,
}

#[cfg(test)]
impl Default for ProtobufOptions {
    fn default() -> Self {
        Self::parse(&connect_api::config::Props::new()).unwrap()
    }
}
