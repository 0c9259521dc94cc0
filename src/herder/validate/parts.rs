//! Options of transformations, predicates and converters inside a connector's configuration.
//!
//! Source: apache/kafka `ConnectorConfig.EnrichablePlugin`, `AbstractHerder.java`.

use connect_api::config::{
    ConfigDef, ConfigKey, ConfigKind, ConfigValue, Importance, Props, Width,
};

use super::in_plain_form;
use crate::herder::{
    absent::hint,
    plugins::{Plugin, Plugins},
    replies::ConfigInfo,
};

/// A role whose plug-ins are named by aliases.
pub(super) struct Role {
    /// Key that lists the aliases, and prefix of their options.
    pub(super) key: &'static str,
    heading: &'static str,
    interface: &'static str,
}

pub(super) const TRANSFORMS: Role =
    Role { key: "transforms", heading: "Transforms", interface: "Transformation" };
pub(super) const PREDICATES: Role =
    Role { key: "predicates", heading: "Predicates", interface: "Predicate" };

impl Role {
    fn find<'a>(&self, plugins: &'a Plugins, class: &str) -> Option<&'a Plugin> {
        if self.key == TRANSFORMS.key { plugins.transform(class) } else { plugins.predicate(class) }
    }

    fn known<'a>(&self, plugins: &'a Plugins) -> &'a [Plugin] {
        if self.key == TRANSFORMS.key { &plugins.transforms } else { &plugins.predicates }
    }

    /// Options of every alias, and what is wrong with their classes.
    pub(super) fn enrich(
        &self,
        plugins: &Plugins,
        props: &Props,
    ) -> (ConfigDef, Vec<(String, String)>) {
        let (mut def, mut problems) = (ConfigDef::new(), Vec::new());
        for alias in aliases(props.get(self.key).unwrap_or_default()) {
            let prefix = format!("{}.{alias}.", self.key);
            let mut own = ConfigDef::new().with(self.class_key(plugins, &alias));
            let type_key = format!("{prefix}type");
            let class = props.get(&type_key).map(str::trim);
            let found = class.and_then(|class| self.find(plugins, class));
            own.add(self.version_key(&alias, found));
            if let Some(found) = found {
                own.extend(embedded(self.framework_keys().merge((found.def)())));
            }
            if let Some(problem) = self.problem(plugins, props, (&alias, class, found.is_some())) {
                problems.push((type_key, problem));
            }
            def.extend(own.with_prefix(&prefix, &format!("{}: {alias}", self.heading)));
        }
        (def, problems)
    }

    fn one(&self) -> &'static str {
        if self.key == TRANSFORMS.key { "transformation" } else { "predicate" }
    }

    fn version_key(&self, alias: &str, found: Option<&Plugin>) -> ConfigKey {
        let documentation = format!("Version of the '{alias}' {}; there is one.", self.one());
        let key = ConfigKey::new(ConfigKind::String, "plugin.version", documentation)
            .importance(Importance::High)
            .width(Width::Long)
            .display_name(format!("{} version for {alias}", self.interface))
            .recommended(found.map(|found| found.version.clone()));
        match found {
            Some(found) => key.default(&found.version),
            None => key.optional(),
        }
    }

    fn class_key(&self, plugins: &Plugins, alias: &str) -> ConfigKey {
        let known = self.known(plugins);
        let one = self.one();
        ConfigKey::new(ConfigKind::Class, "type", format!("Class for the '{alias}' {one}."))
            .importance(Importance::High)
            .width(Width::Long)
            .display_name(format!("{} type for {alias}", self.interface))
            .recommended(known.iter().map(|plugin| plugin.class.clone()))
    }

    fn framework_keys(&self) -> ConfigDef {
        if self.key != TRANSFORMS.key {
            return ConfigDef::new();
        }
        ConfigDef::new()
            .with(
                ConfigKey::new(
                    ConfigKind::String,
                    "predicate",
                    "The alias of a predicate used to determine whether to apply this \
                     transformation.",
                )
                .optional(),
            )
            .with(
                ConfigKey::new(
                    ConfigKind::Boolean,
                    "negate",
                    "Whether the configured predicate should be negated.",
                )
                .default(false),
            )
    }

    fn problem(
        &self,
        plugins: &Plugins,
        props: &Props,
        (alias, class, is_found): (&str, Option<&str>, bool),
    ) -> Option<String> {
        let key = format!("{}.{alias}.type", self.key);
        let class = class?;
        if !is_found && plugins.contains(class) {
            let interface = self.interface;
            return Some(format!(
                "Invalid value class {class} for configuration {key}: Not a {interface}"
            ));
        }
        if !is_found {
            return Some(not_found(&key, class, self.known(plugins)));
        }
        let negate = format!("{}.{alias}.negate", self.key);
        let predicate = format!("{}.{alias}.predicate", self.key);
        let is_dangling = self.key == TRANSFORMS.key
            && props.contains_key(&negate)
            && !props.contains_key(&predicate);
        is_dangling.then(|| {
            format!(
                "Config '{negate}' was provided but there is no config '{predicate}' defining a \
                 predicate to be negated."
            )
        })
    }
}

/// Options in the order they are embedded in: as they are placed, then those that are required, by
/// importance, by name. Source: apache/kafka `ConfigDef.sortedConfigs`.
fn embedded(def: ConfigDef) -> ConfigDef {
    let mut keys: Vec<_> = def.keys().iter().cloned().map(in_plain_form).collect();
    let rank = |importance| match importance {
        Importance::High => 0,
        Importance::Medium => 1,
        Importance::Low => 2,
    };
    let place =
        |key: &ConfigKey| (key.order, !key.required, rank(key.importance), key.name.clone());
    keys.sort_by_cached_key(place);
    keys.into_iter().collect()
}

/// Each alias once.
fn aliases(text: &str) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for alias in text.split(',').map(str::trim).filter(|alias| !alias.is_empty()) {
        if !aliases.iter().any(|known| known == alias) {
            aliases.push(alias.to_owned());
        }
    }
    aliases
}

/// Begins in Kafka Connect's words; what follows helps.
fn not_found<'a>(key: &str, class: &str, known: impl IntoIterator<Item = &'a Plugin>) -> String {
    let hint = hint(class, known.into_iter().map(|plugin| plugin.class.as_str()));
    format!(
        "Invalid value {class} for configuration {key}: Class {class} could not be found.{hint}"
    )
}

/// Converters in the order of their sections.
pub(super) const CONVERTERS: [&str; 3] = ["header.converter", "key.converter", "value.converter"];

/// What is wrong with the classes of converters.
pub(super) fn converter_problems(plugins: &Plugins, props: &Props) -> Vec<(String, String)> {
    let problem = |key: &&str| {
        let class = props.get(key)?.trim();
        if converter(plugins, key, class).is_some() {
            return None;
        }
        let problem = if plugins.contains(class) {
            let interface =
                if **key == *"header.converter" { "HeaderConverter" } else { "Converter" };
            format!("Class class {class} does not implement the {interface} interface")
        } else {
            let is_header = **key == *"header.converter";
            let known = if is_header { &plugins.header_converters } else { &plugins.converters };
            not_found(key, class, known)
        };
        Some(((*key).to_owned(), problem))
    };
    CONVERTERS.iter().filter_map(problem).collect()
}

fn converter<'a>(plugins: &'a Plugins, key: &str, class: &str) -> Option<&'a Plugin> {
    if key == "header.converter" {
        plugins.header_converter(class)
    } else {
        plugins.converter(class)
    }
}

/// What the converters that the connector itself names read, each with its prefix.
pub(super) fn converter_defs(plugins: &Plugins, props: &Props) -> Vec<(String, ConfigDef)> {
    let def = |key: &&str| {
        let found = converter(plugins, key, props.get(key)?)?;
        Some((format!("{key}."), (found.def)()))
    };
    CONVERTERS.iter().filter_map(def).collect()
}

/// Options of the converters that the connector itself names.
pub(super) fn converter_sections(plugins: &Plugins, props: &Props) -> Vec<Vec<ConfigInfo>> {
    let section = |key: &&str| {
        let found = converter(plugins, key, props.get(key)?)?;
        let prefix = format!("{key}.");
        let def = (found.def)();
        let mut own = props.with_prefix(&prefix);
        // The framework says what a converter converts, never the user.
        own.insert("converter.type", key.trim_end_matches(".converter"));
        let values = def.validate(&own);
        let keys = def.keys().iter().cloned().map(in_plain_form);
        let infos = keys.zip(values).map(|(key, value)| prefixed(&prefix, key, value));
        Some(infos.collect())
    };
    CONVERTERS.iter().filter_map(section).collect()
}

fn prefixed(prefix: &str, mut definition: ConfigKey, mut value: ConfigValue) -> ConfigInfo {
    definition.name.insert_str(0, prefix);
    value.name.insert_str(0, prefix);
    ConfigInfo { definition: Some(definition), value: Some(value) }
}
