//! The transforms and predicates by name.

use std::sync::Arc;

use connect_api::{
    config::{Config as _, ConfigDef, Props},
    error::{ConnectorError, Result},
};

use super::{
    Predicate, Transform,
    cast::{Cast, CastConfig},
    drop_headers::{DropHeaders, DropHeadersConfig},
    envelope::{Envelope, EnvelopeConfig},
    extract_field::{ExtractField, ExtractFieldConfig},
    extract_topic::{ExtractTopic, ExtractTopicConfig, Place},
    filter::{Filter, FilterConfig},
    filter_by_condition::{FilterByCondition, FilterByConditionConfig},
    flatten::{Flatten, FlattenConfig},
    has_header_key::{HasHeaderKey, HasHeaderKeyConfig},
    header_from::{HeaderFrom, HeaderFromConfig},
    hoist_field::{HoistField, HoistFieldConfig},
    insert_field::{InsertField, InsertFieldConfig},
    insert_header::{InsertHeader, InsertHeaderConfig},
    lift::{Lift, LiftConfig},
    mask_field::{MaskField, MaskFieldConfig},
    record_is_tombstone::RecordIsTombstone,
    regex_router::{RegexRouter, RegexRouterConfig},
    replace_field::{ReplaceField, ReplaceFieldConfig},
    set_schema_metadata::{SetSchemaMetadata, SetSchemaMetadataConfig},
    side::Side,
    tag::{Tag, TagConfig},
    timestamp_converter::{TimestampConverter, TimestampConverterConfig},
    timestamp_router::{TimestampRouter, TimestampRouterConfig},
    topic_name_matches::{TopicNameMatches, TopicNameMatchesConfig},
    value_to_key::{ValueToKey, ValueToKeyConfig},
};

type Build<T> = fn(&Props) -> Result<Arc<T>>;

/// A transform's class.
#[derive(Debug)]
pub struct TransformPlugin {
    /// Full class name.
    pub class: &'static str,
    /// Version.
    pub version: &'static str,
    /// Its own options.
    pub def: fn() -> ConfigDef,
    build: Build<dyn Transform>,
}

/// A predicate's class.
#[derive(Debug)]
pub struct PredicatePlugin {
    /// Full class name.
    pub class: &'static str,
    /// Version.
    pub version: &'static str,
    /// Its own options.
    pub def: fn() -> ConfigDef,
    build: Build<dyn Predicate>,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A transform by its class name, its type, its options, and the part of a record it is for.
macro_rules! plugin {
    ($class:literal, $transform:ty, $config:ty $(, $side:expr)?) => {
        TransformPlugin {
            class: $class,
            version: VERSION,
            def: <$config>::def,
            build: |props| Ok(Arc::new(<$transform>::configured(props $(, $side)?)?)),
        }
    };
}

static TRANSFORMS: &[TransformPlugin] = &[
    plugin!("millrace.transforms.Envelope", Envelope, EnvelopeConfig),
    plugin!(
        "millrace.transforms.ExtractTopic$Header",
        ExtractTopic,
        ExtractTopicConfig,
        Place::Header
    ),
    plugin!(
        "millrace.transforms.ExtractTopic$Key",
        ExtractTopic,
        ExtractTopicConfig,
        Place::Part(Side::Key)
    ),
    plugin!(
        "millrace.transforms.ExtractTopic$Value",
        ExtractTopic,
        ExtractTopicConfig,
        Place::Part(Side::Value)
    ),
    plugin!(
        "millrace.transforms.FilterByCondition$Key",
        FilterByCondition,
        FilterByConditionConfig,
        Side::Key
    ),
    plugin!(
        "millrace.transforms.FilterByCondition$Value",
        FilterByCondition,
        FilterByConditionConfig,
        Side::Value
    ),
    plugin!("millrace.transforms.Lift$Value", Lift, LiftConfig, Side::Value),
    plugin!("millrace.transforms.Tag", Tag, TagConfig),
    plugin!("org.apache.kafka.connect.transforms.Cast$Key", Cast, CastConfig, Side::Key),
    plugin!("org.apache.kafka.connect.transforms.Cast$Value", Cast, CastConfig, Side::Value),
    plugin!("org.apache.kafka.connect.transforms.DropHeaders", DropHeaders, DropHeadersConfig),
    plugin!(
        "org.apache.kafka.connect.transforms.ExtractField$Key",
        ExtractField,
        ExtractFieldConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.ExtractField$Value",
        ExtractField,
        ExtractFieldConfig,
        Side::Value
    ),
    plugin!("org.apache.kafka.connect.transforms.Filter", Filter, FilterConfig),
    plugin!("org.apache.kafka.connect.transforms.Flatten$Key", Flatten, FlattenConfig, Side::Key),
    plugin!(
        "org.apache.kafka.connect.transforms.Flatten$Value",
        Flatten,
        FlattenConfig,
        Side::Value
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.HeaderFrom$Key",
        HeaderFrom,
        HeaderFromConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.HeaderFrom$Value",
        HeaderFrom,
        HeaderFromConfig,
        Side::Value
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.HoistField$Key",
        HoistField,
        HoistFieldConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.HoistField$Value",
        HoistField,
        HoistFieldConfig,
        Side::Value
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.InsertField$Key",
        InsertField,
        InsertFieldConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.InsertField$Value",
        InsertField,
        InsertFieldConfig,
        Side::Value
    ),
    plugin!("org.apache.kafka.connect.transforms.InsertHeader", InsertHeader, InsertHeaderConfig),
    plugin!(
        "org.apache.kafka.connect.transforms.MaskField$Key",
        MaskField,
        MaskFieldConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.MaskField$Value",
        MaskField,
        MaskFieldConfig,
        Side::Value
    ),
    plugin!("org.apache.kafka.connect.transforms.RegexRouter", RegexRouter, RegexRouterConfig),
    plugin!(
        "org.apache.kafka.connect.transforms.ReplaceField$Key",
        ReplaceField,
        ReplaceFieldConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.ReplaceField$Value",
        ReplaceField,
        ReplaceFieldConfig,
        Side::Value
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key",
        SetSchemaMetadata,
        SetSchemaMetadataConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        SetSchemaMetadata,
        SetSchemaMetadataConfig,
        Side::Value
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.TimestampConverter$Key",
        TimestampConverter,
        TimestampConverterConfig,
        Side::Key
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        TimestampConverter,
        TimestampConverterConfig,
        Side::Value
    ),
    plugin!(
        "org.apache.kafka.connect.transforms.TimestampRouter",
        TimestampRouter,
        TimestampRouterConfig
    ),
    plugin!("org.apache.kafka.connect.transforms.ValueToKey", ValueToKey, ValueToKeyConfig),
];

static PREDICATES: [PredicatePlugin; 3] = [
    PredicatePlugin {
        class: "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
        version: VERSION,
        def: HasHeaderKeyConfig::def,
        build: |props| Ok(Arc::new(HasHeaderKey::configured(props)?)),
    },
    PredicatePlugin {
        class: "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        version: VERSION,
        def: ConfigDef::new,
        build: |_| Ok(Arc::new(RecordIsTombstone)),
    },
    PredicatePlugin {
        class: "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        version: VERSION,
        def: TopicNameMatchesConfig::def,
        build: |props| Ok(Arc::new(TopicNameMatches::configured(props)?)),
    },
];

/// Every transform, by class name.
#[must_use]
pub fn transform_registry() -> &'static [TransformPlugin] {
    TRANSFORMS
}

/// Every predicate, by class name.
#[must_use]
pub fn predicate_registry() -> &'static [PredicatePlugin] {
    &PREDICATES
}

/// Builds the transform of a class, given by full name or alias, for the alias of a configuration.
///
/// # Errors
/// `Invalid` when there is no such class or its options are wrong.
pub fn transform(class: &str, props: &Props, alias: &str) -> Result<Arc<dyn Transform>> {
    let plugin = TRANSFORMS.iter().find(|plugin| is_named(plugin.class, class));
    let plugin = plugin.ok_or_else(|| unknown(class, "transforms", alias))?;
    (plugin.build)(props)
}

/// Builds the predicate of a class, as [`transform`] does.
///
/// # Errors
/// As [`transform`].
pub fn predicate(class: &str, props: &Props, alias: &str) -> Result<Arc<dyn Predicate>> {
    let plugin = PREDICATES.iter().find(|plugin| is_named(plugin.class, class));
    let plugin = plugin.ok_or_else(|| unknown(class, "predicates", alias))?;
    (plugin.build)(props)
}

fn unknown(class: &str, kind: &str, alias: &str) -> ConnectorError {
    ConnectorError::invalid(format!(
        "Invalid value {class} for configuration {kind}.{alias}.type: Class {class} could not be \
         found."
    ))
}

/// By the full name or the simple name, such as `RegexRouter` or `InsertField$Value`.
fn is_named(class: &str, name: &str) -> bool {
    class == name || class.rsplit('.').next() == Some(name)
}
