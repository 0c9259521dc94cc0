//! What is wrong with a connector's configuration: every problem at once.
//!
//! Source: apache/kafka `AbstractHerder.validateConnectorConfig`.

mod checks;
mod framework;
mod parts;

use std::collections::BTreeMap;

use connect_api::config::{ConfigDef, ConfigKey, ConfigValue, Props};

pub(super) use self::framework::framework_def;
use super::{
    error::{HerderError, Result},
    plugins::Plugins,
    replies::{ConfigInfo, ConfigInfos, ConnectorType},
    settings::{HerderSettings, Resolve},
    starter::ConnectorPlugin,
};
use crate::config::{ExactlyOnceSource, Mode};

/// A configuration as a request holds it: a key may have no value.
pub type RawConfig = BTreeMap<String, Option<String>>;

/// What stands for a secret.
const HIDDEN: &str = "[hidden]";
const NULL_VALUE: &str = "Null value can not be supplied as the configuration value.";

/// What a validation needs.
pub(super) struct Validator<'a> {
    pub(super) settings: &'a HerderSettings,
    pub(super) plugins: &'a Plugins,
    pub(super) resolve: &'a Resolve,
}

/// Keys that have a value.
pub(super) fn props_of(raw: &RawConfig) -> Props {
    raw.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?))).collect()
}

impl Validator<'_> {
    /// Looks at a configuration with the eyes of its class.
    pub(super) fn validate(&self, raw: &RawConfig) -> Result<ConfigInfos> {
        let written = props_of(raw);
        let props = (self.resolve)(&written).map_err(HerderError::Unresolved)?;
        let class = props.get("connector.class").unwrap_or_default().to_owned();
        let plugin = self.plugins.connector_of(&props)?;
        let mut own = self.own_part(&plugin, &props);
        note_nulls(&mut own.values, raw);
        let mut infos = own.finish(class);
        for section in self.override_sections(&plugin, &props) {
            infos.add_section(section);
        }
        for section in parts::converter_sections(self.plugins, &props) {
            infos.add_section(section);
        }
        infos.put_references_back(&written, &props);
        Ok(infos)
    }

    /// The framework's options and the connector's own.
    fn own_part(&self, plugin: &ConnectorPlugin, props: &Props) -> OwnPart {
        let mut def = framework_def(plugin.kind(), self.plugins);
        let mut problems = Vec::new();
        for role in [parts::TRANSFORMS, parts::PREDICATES] {
            let (keys, found) = role.enrich(self.plugins, props);
            def.extend(keys);
            problems.extend(found);
        }
        problems.extend(parts::converter_problems(self.plugins, props));
        let mut part = OwnPart { keys: def.keys().to_vec(), values: def.validate(props) };
        let validated = match plugin {
            ConnectorPlugin::Source(source) => {
                problems.extend(checks::source(self.settings, props, source.as_ref()));
                source.validate(props)
            }
            ConnectorPlugin::Sink(sink) => {
                problems.extend(checks::sink(self.settings, props));
                sink.validate(props)
            }
        };
        part.add_problems(problems);
        part.add_own(plugin.config_def(), validated);
        part
    }

    /// Client settings that the connector overrides, for the clients it has.
    fn override_sections(&self, plugin: &ConnectorPlugin, props: &Props) -> Vec<Vec<ConfigInfo>> {
        let prefixes = self.override_prefixes(plugin.kind(), props);
        let section = |prefix: &str| {
            let overrides = props.with_prefix(prefix);
            let infos = overrides.iter().map(|(key, value)| self.override_info(prefix, key, value));
            infos.collect()
        };
        prefixes.into_iter().map(section).collect()
    }

    fn override_prefixes(&self, kind: ConnectorType, props: &Props) -> Vec<&'static str> {
        let has = |key: &str| props.get(key).is_some_and(|value| !value.trim().is_empty());
        let (producer, consumer, admin) =
            ("producer.override.", "consumer.override.", "admin.override.");
        if kind == ConnectorType::Sink {
            let has_queue = has("errors.deadletterqueue.topic.name");
            return if has_queue { vec![producer, consumer, admin] } else { vec![consumer] };
        }
        let is_exactly_once = self.settings.mode == Mode::Distributed
            && self.settings.exactly_once_sources == ExactlyOnceSource::Enabled;
        if is_exactly_once || has("offsets.storage.topic") {
            return vec![producer, consumer, admin];
        }
        let creates_topics = props.keys().any(|key| key.starts_with("topic.creation."));
        if creates_topics { vec![producer, admin] } else { vec![producer] }
    }

    fn override_info(&self, prefix: &str, key: &str, value: &str) -> ConfigInfo {
        let is_secret = ["password", "secret", "jaas"].iter().any(|word| key.contains(word));
        let shown = if is_secret { HIDDEN } else { value };
        let problem = checks::override_problem(self.settings.override_policy, key);
        ConfigInfo {
            definition: None,
            value: Some(ConfigValue {
                name: format!("{prefix}{key}"),
                value: Some(shown.to_owned()),
                recommended_values: Vec::new(),
                errors: problem.into_iter().collect(),
                visible: true,
            }),
        }
    }
}

/// Options and values of the framework and the connector, by the order of their definition.
struct OwnPart {
    keys: Vec<ConfigKey>,
    values: Vec<ConfigValue>,
}

impl OwnPart {
    fn add_problems(&mut self, problems: Vec<(String, String)>) {
        for (key, problem) in problems {
            note(&mut self.values, &key, problem);
        }
    }

    /// A connector's own definition of a key takes the place of the framework's; values of both
    /// are kept, the last one shown.
    fn add_own(&mut self, def: ConfigDef, values: Vec<ConfigValue>) {
        for key in def.keys() {
            match self.keys.iter_mut().find(|known| known.name == key.name) {
                Some(known) => *known = key.clone(),
                None => self.keys.push(key.clone()),
            }
        }
        for value in values {
            match self.values.iter_mut().find(|known| known.name == value.name) {
                Some(known) => {
                    let errors = std::mem::take(&mut known.errors);
                    *known = value;
                    let news = errors.into_iter().filter(|error| !known.errors.contains(error));
                    let news: Vec<_> = news.collect();
                    known.errors.splice(0..0, news);
                }
                None => self.values.push(value),
            }
        }
    }

    fn finish(self, class: String) -> ConfigInfos {
        let def: ConfigDef = self.keys.iter().cloned().collect();
        let groups = def.groups().into_iter().map(str::to_owned).collect();
        let error_count = self.values.iter().map(|value| value.errors.len()).sum();
        let (defined, undefined): (Vec<_>, Vec<_>) =
            self.values.into_iter().partition(|value| def.get(&value.name).is_some());
        let mut configs: Vec<_> = undefined
            .into_iter()
            .map(|value| ConfigInfo { definition: None, value: Some(value) })
            .collect();
        for key in self.keys {
            let value = defined.iter().find(|value| value.name == key.name).cloned();
            configs.push(ConfigInfo { definition: Some(key), value });
        }
        ConfigInfos { name: class, error_count, groups, configs }
    }
}

impl ConfigInfos {
    fn add_section(&mut self, section: Vec<ConfigInfo>) {
        for info in section {
            let group = info.definition.as_ref().and_then(|key| key.group.clone());
            if let Some(group) = group.filter(|group| !self.groups.contains(group)) {
                self.groups.push(group);
            }
            let has_errors = info.value.as_ref().is_some_and(|value| !value.errors.is_empty());
            self.error_count += usize::from(has_errors);
            self.configs.push(info);
        }
    }

    /// Shows references as they were written: what they hide is not for the eyes of a client.
    fn put_references_back(&mut self, written: &Props, resolved: &Props) {
        for value in self.configs.iter_mut().filter_map(|info| info.value.as_mut()) {
            let name = value.name.as_str();
            let (Some(written), Some(resolved)) = (written.get(name), resolved.get(name)) else {
                continue;
            };
            if written == resolved {
                continue;
            }
            if let Some(shown) = value.value.as_mut().filter(|shown| *shown != HIDDEN) {
                written.clone_into(shown);
            }
            for error in value.errors.iter_mut().filter(|_| !resolved.trim().is_empty()) {
                *error = error.replace(resolved.trim(), written);
            }
        }
    }

    /// The error of a request whose configuration has problems.
    pub(super) fn into_result(self) -> Result<()> {
        if self.error_count == 0 {
            return Ok(());
        }
        let values = self.configs.iter().filter_map(|info| info.value.as_ref());
        let messages: Vec<_> = values.flat_map(|value| value.errors.iter().cloned()).collect();
        Err(HerderError::InvalidConfig { count: self.error_count, messages: messages.join("\n") })
    }
}

fn note(values: &mut Vec<ConfigValue>, key: &str, problem: String) {
    match values.iter_mut().find(|value| value.name == key) {
        Some(value) => value.errors.push(problem),
        None => values.push(ConfigValue::of_problem(key, problem)),
    }
}

fn note_nulls(values: &mut Vec<ConfigValue>, raw: &RawConfig) {
    for (key, _) in raw.iter().filter(|(_, value)| value.is_none()) {
        note(values, key, NULL_VALUE.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reference_hides_is_not_shown() {
        let key = |name: &str, value: &str, error: &str| ConfigInfo {
            definition: None,
            value: Some(ConfigValue {
                value: Some(value.to_owned()),
                ..ConfigValue::of_problem(name, error)
            }),
        };
        let mut infos = ConfigInfos {
            name: "c".to_owned(),
            error_count: 3,
            groups: Vec::new(),
            configs: vec![key("url", "pw", "pw is bad"), key("plain", "pw", "pw is bad")],
        };
        let written = Props::from([("url", "${env:PW}"), ("plain", "pw")]);
        infos.put_references_back(&written, &Props::from([("url", "pw"), ("plain", "pw")]));
        let shown = |at: usize| infos.configs[at].value.clone().unwrap();
        assert_eq!(shown(0).value.as_deref(), Some("${env:PW}"));
        assert_eq!(shown(0).errors, ["${env:PW} is bad"]);
        assert_eq!(shown(1).value.as_deref(), Some("pw"));
    }
}
