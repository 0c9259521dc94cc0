//! Options of the translation.
//!
//! Source: confluentinc/schema-registry `AvroDataConfig.java`.

use connect_api::config::Config;

/// How Avro's schemas and Connect's become each other.
#[derive(Clone, Config, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct AvroDataConfig {
    /// Whether enumerations and unions are also written as those of other formats are.
    #[config(key = "generalized.sum.type.support", default = false)]
    pub is_generalized: bool,
    /// Whether a null stays null where the schema has a default.
    #[config(key = "ignore.default.for.nullables", default = false)]
    pub ignores_default: bool,
    /// Most translated schemas that are remembered.
    #[config(key = "schemas.cache.config", alias = "schemas.cache.size", default = 1000, importance = Low)]
    pub cache_size: i32,
    /// Whether enumerations stay such, and types in unions are called by their full names.
    #[config(key = "enhanced.avro.schema.support", default = false)]
    pub is_enhanced: bool,
    /// Whether characters that Avro does not allow in names are replaced.
    #[config(key = "scrub.invalid.names", default = false)]
    pub scrubs: bool,
    /// Whether Avro schemas note what they cannot say of Connect's schemas.
    #[config(key = "connect.meta.data", default = true, importance = Low)]
    pub has_meta: bool,
    /// Whether only documentation and defaults of fields are kept.
    #[config(key = "discard.type.doc.default", default = false, importance = Low)]
    pub discards: bool,
    /// Whether maps whose keys are optional strings become Avro maps.
    #[config(key = "allow.optional.map.keys", default = false, importance = Low)]
    pub allows_optional_keys: bool,
    /// Whether a union of one type is that type.
    #[config(key = "flatten.singleton.unions", default = true, importance = Low)]
    pub flattens: bool,
}
