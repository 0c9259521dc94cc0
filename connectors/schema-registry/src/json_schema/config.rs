//! Options of the JSON Schema converter.
//!
//! Source: confluentinc/schema-registry `JsonSchemaDataConfig.java`, `AbstractDataConfig.java`.

use connect_api::config::{Config, choice};

use super::JsonSchemaOptions;
use crate::config::SerdeConfig;

choice! {
    /// How decimals are written.
    pub(super) enum DecimalFormat {
        /// Base64 of the unscaled number.
        Base64 = "BASE64",
        /// A JSON number.
        Numeric = "NUMERIC",
    }
}

/// Options of the JSON Schema converter.
#[derive(Clone, Config, Debug)]
pub(super) struct JsonSchemaConverterConfig {
    /// The registry.
    #[config(flatten)]
    pub(super) serde: SerdeConfig,
    /// How schemas are translated.
    #[config(flatten)]
    pub(super) data: JsonSchemaDataConfig,
}

/// How JSON Schema and Connect's schemas become each other.
#[derive(Clone, Config, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub(super) struct JsonSchemaDataConfig {
    /// Whether enumerations and unions are also written as those of other formats are.
    #[config(key = "generalized.sum.type.support", default = false)]
    is_generalized: bool,
    /// Whether a null stays null where the schema has a default.
    #[config(key = "ignore.default.for.nullables", default = false)]
    ignores_default: bool,
    /// Most translated schemas that are remembered.
    #[config(key = "schemas.cache.config", alias = "schemas.cache.size", default = 1000, importance = Low)]
    pub(super) cache_size: i32,
    /// Whether to allow additional properties for object schemas.
    #[config(key = "object.additional.properties", default = true)]
    allows_additional: bool,
    /// Whether to set non-required properties to be optional.
    #[config(key = "use.optional.for.nonrequired", default = false)]
    is_optional_unless_required: bool,
    /// Whether to ignore modern dialects of JSON Schema after draft 7, in which case draft 7 is
    /// used. Here every dialect is read as draft 7 is, whatever this says.
    #[config(key = "ignore.modern.dialects", default = false, importance = Low)]
    _ignores_modern: bool,
    /// Controls which format this converter will serialize decimals in: BASE64 or NUMERIC, in any
    /// case.
    #[config(key = "decimal.format", default = DecimalFormat::Base64, importance = Low)]
    decimal_format: DecimalFormat,
    /// Whether to flatten singleton unions.
    #[config(key = "flatten.singleton.unions", default = true, importance = Low)]
    flattens: bool,
    /// Whether properties that the schema does not list are kept; only dropping them is known here.
    #[config(key = "preserve.additional.properties", default = false, check = must_be_false)]
    _preserves_additional: bool,
    /// Whether a payload that does not fit its schema is an error, read or written.
    #[config(key = "json.fail.invalid.schema", default = false)]
    pub(super) fails_invalid: bool,
}

impl JsonSchemaDataConfig {
    /// What the mapping goes by.
    pub(super) fn options(&self) -> JsonSchemaOptions {
        JsonSchemaOptions {
            is_sum_type_general: self.is_generalized,
            is_default_ignored: self.ignores_default,
            has_additional_properties: self.allows_additional,
            is_optional_unless_required: self.is_optional_unless_required,
            is_decimal_numeric: self.decimal_format == DecimalFormat::Numeric,
            is_singleton_flattened: self.flattens,
        }
    }
}

fn must_be_false(text: &str) -> Result<(), String> {
    if text.trim().eq_ignore_ascii_case("true") {
        return Err("Properties that the schema does not list are dropped here: add them to the \
                    schema, or use org.apache.kafka.connect.json.JsonConverter"
            .to_owned());
    }
    Ok(())
}
