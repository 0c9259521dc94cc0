//! The converters by name.

use std::sync::Arc;

use connect_api::{
    config::{ConfigDef, ConfigKey, ConfigKind, Importance, Props, one_of},
    convert::{Converter, ConverterBuild, ConverterPlugin, HeaderConverter},
    error::{ConnectorError, Result},
};

use super::{
    byte_array::ByteArrayConverter,
    json::{JsonConverter, JsonConverterConfig},
    primitive::{
        BooleanConverter, DoubleConverter, FloatConverter, IntegerConverter, LongConverter,
        ShortConverter,
    },
    simple_header::SimpleHeaderConverter,
    string::StringConverter,
};

/// A converter without options of its own.
macro_rules! plain {
    ($class:literal, $converter:expr, $def:expr) => {
        ConverterPlugin {
            class: $class,
            version: env!("CARGO_PKG_VERSION"),
            def: $def,
            build: ConverterBuild::Any(
                |_, _| Ok(Arc::new($converter)),
                |_| Ok(Arc::new($converter)),
            ),
        }
    };
}

static OWN: [ConverterPlugin; 10] = [
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
        def: || type_def().merge(JsonConverterConfig::options()),
        build: ConverterBuild::Any(
            |props, _| Ok(Arc::new(JsonConverter::configured(props)?)),
            |props| Ok(Arc::new(JsonConverter::configured(props)?)),
        ),
    },
    ConverterPlugin {
        class: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        version: env!("CARGO_PKG_VERSION"),
        def: ConfigDef::new,
        build: ConverterBuild::Header(|_| Ok(Arc::new(SimpleHeaderConverter))),
    },
    ConverterPlugin {
        class: "org.apache.kafka.connect.storage.StringConverter",
        version: env!("CARGO_PKG_VERSION"),
        def: || type_def().merge(StringConverter::options()),
        build: ConverterBuild::Any(
            |props, is_key| Ok(Arc::new(StringConverter::configured(props, Some(is_key))?)),
            |props| Ok(Arc::new(StringConverter::configured(props, None)?)),
        ),
    },
];

/// The converters that a worker has.
#[derive(Clone, Debug)]
pub struct ConverterRegistry {
    plugins: Vec<&'static ConverterPlugin>,
}

impl ConverterRegistry {
    /// Those that need nothing but the worker.
    #[must_use]
    pub fn own() -> Self {
        Self { plugins: OWN.iter().collect() }
    }

    /// Adds those of a connector crate.
    #[must_use]
    pub fn with(mut self, plugins: &'static [ConverterPlugin]) -> Self {
        self.plugins.extend(plugins);
        self
    }

    /// Every converter, those of connector crates last.
    pub fn plugins(&self) -> impl Iterator<Item = &'static ConverterPlugin> {
        self.plugins.iter().copied()
    }

    /// Builds the converter of a class, given by full name or alias, for keys or for values.
    ///
    /// # Errors
    /// `Invalid` when there is no such converter or its options are wrong.
    pub fn converter(
        &self,
        class: &str,
        props: &Props,
        is_key: bool,
    ) -> Result<Arc<dyn Converter>> {
        let key = if is_key { "key.converter" } else { "value.converter" };
        match self.find(class, key)?.build_converter() {
            Some(build) => build(props, is_key),
            None => Err(is_none(class, key, "Converter")),
        }
    }

    /// Builds the header converter of a class, given by full name or alias.
    ///
    /// # Errors
    /// As [`Self::converter`].
    pub fn header_converter(&self, class: &str, props: &Props) -> Result<Arc<dyn HeaderConverter>> {
        let key = "header.converter";
        match self.find(class, key)?.build {
            ConverterBuild::Any(_, build) | ConverterBuild::Header(build) => build(props),
            ConverterBuild::Data(_) => Err(is_none(class, key, "HeaderConverter")),
        }
    }

    fn find(&self, class: &str, key: &str) -> Result<&'static ConverterPlugin> {
        self.plugins().find(|plugin| plugin.is_named(class)).ok_or_else(|| {
            ConnectorError::invalid(format!(
                "Invalid value {class} for configuration {key}: Class {class} could not be found."
            ))
        })
    }
}

fn is_none(class: &str, key: &str, interface: &str) -> ConnectorError {
    ConnectorError::invalid(format!(
        "Invalid value {class} for configuration {key}: Class class {class} does not implement \
         the {interface} interface"
    ))
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
            let built = ConverterRegistry::own().converter(name, &Props::new(), true).unwrap();
            assert_eq!(built.class(), "org.apache.kafka.connect.json.JsonConverter");
        }
        assert!(ConverterRegistry::own().header_converter("Simple", &Props::new()).is_ok());
    }

    #[test]
    fn an_unknown_class_is_refused_by_name() {
        let error = ConverterRegistry::own().converter("a.B", &Props::new(), false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid value a.B for configuration value.converter: Class a.B could not be found."
        );
    }

    #[test]
    fn every_plugin_builds_what_it_says_it_is() {
        let registry = ConverterRegistry::own();
        for plugin in registry.plugins() {
            let built = registry.converter(plugin.class, &Props::new(), true);
            assert_eq!(built.is_ok(), plugin.is_converter(), "{}", plugin.class);
            if let Ok(built) = built {
                assert_eq!(built.class(), plugin.class);
            }
            let header = registry.header_converter(plugin.class, &Props::new()).unwrap();
            assert_eq!(header.class(), plugin.class);
        }
    }
}
