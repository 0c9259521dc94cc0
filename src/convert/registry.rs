//! The converters by name.

use std::sync::Arc;

use connect_api::{
    config::{ConfigDef, ConfigKey, ConfigKind, Importance, Props, one_of},
    error::{ConnectorError, Result},
};

use super::{
    Converter, HeaderConverter,
    byte_array::ByteArrayConverter,
    json::{JsonConverter, JsonConverterConfig},
    primitive::{
        BooleanConverter, DoubleConverter, FloatConverter, IntegerConverter, LongConverter,
        ShortConverter,
    },
    simple_header::SimpleHeaderConverter,
    string::StringConverter,
};

/// A converter's class, as validation and the plug-in list see it.
#[derive(Debug)]
pub struct ConverterPlugin {
    /// Full class name.
    pub class: &'static str,
    /// Version.
    pub version: &'static str,
    /// Whether keys and values can be converted by it.
    pub is_converter: bool,
    /// Whether headers can be converted by it.
    pub is_header_converter: bool,
    /// Its options.
    pub def: fn() -> ConfigDef,
    build: Build,
}

#[derive(Debug)]
enum Build {
    Any(BuildConverter, BuildHeader),
    Header(BuildHeader),
}

type BuildConverter = fn(&Props, is_key: bool) -> Result<Arc<dyn Converter>>;

type BuildHeader = fn(&Props) -> Result<Arc<dyn HeaderConverter>>;

/// A converter without options of its own.
macro_rules! plain {
    ($class:literal, $converter:expr, $def:expr) => {
        ConverterPlugin {
            class: $class,
            version: env!("CARGO_PKG_VERSION"),
            is_converter: true,
            is_header_converter: true,
            def: $def,
            build: Build::Any(|_, _| Ok(Arc::new($converter)), |_| Ok(Arc::new($converter))),
        }
    };
}

static REGISTRY: [ConverterPlugin; 10] = [
    plain!("org.apache.kafka.connect.converters.BooleanConverter", BooleanConverter, type_def),
    plain!("org.apache.kafka.connect.converters.ByteArrayConverter", ByteArrayConverter, type_def),
    plain!("org.apache.kafka.connect.converters.DoubleConverter", DoubleConverter, type_def),
    plain!("org.apache.kafka.connect.converters.FloatConverter", FloatConverter, type_def),
    plain!("org.apache.kafka.connect.converters.IntegerConverter", IntegerConverter, type_def),
    plain!("org.apache.kafka.connect.converters.LongConverter", LongConverter, type_def),
    plain!("org.apache.kafka.connect.converters.ShortConverter", ShortConverter, type_def),
    ConverterPlugin {
        class: "org.apache.kafka.connect.json.JsonConverter",
        version: env!("CARGO_PKG_VERSION"),
        is_converter: true,
        is_header_converter: true,
        def: || type_def().merge(JsonConverterConfig::options()),
        build: Build::Any(
            |props, _| Ok(Arc::new(JsonConverter::configured(props)?)),
            |props| Ok(Arc::new(JsonConverter::configured(props)?)),
        ),
    },
    ConverterPlugin {
        class: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        version: env!("CARGO_PKG_VERSION"),
        is_converter: false,
        is_header_converter: true,
        def: ConfigDef::new,
        build: Build::Header(|_| Ok(Arc::new(SimpleHeaderConverter))),
    },
    ConverterPlugin {
        class: "org.apache.kafka.connect.storage.StringConverter",
        version: env!("CARGO_PKG_VERSION"),
        is_converter: true,
        is_header_converter: true,
        def: || type_def().merge(StringConverter::options()),
        build: Build::Any(
            |props, is_key| Ok(Arc::new(StringConverter::configured(props, Some(is_key))?)),
            |props| Ok(Arc::new(StringConverter::configured(props, None)?)),
        ),
    },
];

/// Every converter, by class name.
#[must_use]
pub fn registry() -> &'static [ConverterPlugin] {
    &REGISTRY
}

/// Builds the converter of a class, given by full name or alias, for keys or for values.
///
/// # Errors
/// `Invalid` when there is no such converter or its options are wrong.
pub fn converter(class: &str, props: &Props, is_key: bool) -> Result<Arc<dyn Converter>> {
    let key = if is_key { "key.converter" } else { "value.converter" };
    match find(class, key)?.build {
        Build::Any(build, _) => build(props, is_key),
        Build::Header(_) => Err(ConnectorError::invalid(format!(
            "Invalid value {class} for configuration {key}: Class class {class} does not \
             implement the Converter interface"
        ))),
    }
}

/// Builds the header converter of a class, given by full name or alias.
///
/// # Errors
/// As [`converter`].
pub fn header_converter(class: &str, props: &Props) -> Result<Arc<dyn HeaderConverter>> {
    match find(class, "header.converter")?.build {
        Build::Any(_, build) | Build::Header(build) => build(props),
    }
}

fn find(class: &str, key: &str) -> Result<&'static ConverterPlugin> {
    REGISTRY.iter().find(|plugin| plugin.is_named(class)).ok_or_else(|| {
        ConnectorError::invalid(format!(
            "Invalid value {class} for configuration {key}: Class {class} could not be found."
        ))
    })
}

impl ConverterPlugin {
    /// Whether a configuration may call the converter so: by its full name, its simple name, or
    /// that without `Converter` or `HeaderConverter`.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let simple = self.class.rsplit('.').next().unwrap_or(self.class);
        let role = if self.is_converter { "Converter" } else { "HeaderConverter" };
        self.class == name || simple == name || simple.strip_suffix(role) == Some(name)
    }
}

/// The key that the worker sets on every converter.
fn type_def() -> ConfigDef {
    let key =
        ConfigKey::new(ConfigKind::String, "converter.type", "How this converter will be used.");
    ConfigDef::new()
        .with(key.importance(Importance::Low).check(one_of(&["key", "value", "header"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converters_answer_to_their_aliases() {
        for name in ["Json", "JsonConverter", "org.apache.kafka.connect.json.JsonConverter"] {
            let built = converter(name, &Props::new(), true).unwrap();
            assert_eq!(built.class(), "org.apache.kafka.connect.json.JsonConverter");
        }
        assert!(header_converter("Simple", &Props::new()).is_ok());
    }

    #[test]
    fn an_unknown_class_is_refused_by_name() {
        let error = converter("a.B", &Props::new(), false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid value a.B for configuration value.converter: Class a.B could not be found."
        );
    }

    #[test]
    fn every_plugin_builds_what_it_says_it_is() {
        for plugin in registry() {
            let built = converter(plugin.class, &Props::new(), true);
            assert_eq!(built.is_ok(), plugin.is_converter, "{}", plugin.class);
            if let Ok(built) = built {
                assert_eq!(built.class(), plugin.class);
            }
            let header = header_converter(plugin.class, &Props::new()).unwrap();
            assert_eq!(header.class(), plugin.class);
        }
    }
}
