//! What is wrong with a connector's configuration: every problem at once.
//!
//! Source: apache/kafka `AbstractHerder.validateConnectorConfig`.

mod checks;
mod clients;
mod defaults;
mod framework;
mod likeness;
mod parts;
mod requests;
mod system;
mod unread;

use std::collections::BTreeMap;

use connect_api::config::{ConfigDef, ConfigKey, ConfigKind, ConfigValue, Props, Width};

pub(super) use self::{
    defaults::Defaults, framework::framework_def, likeness::most_like, requests::check_class,
};
use super::{
    error::{HerderError, Result},
    plugins::Plugins,
    repair,
    replies::{ConfigInfo, ConfigInfos, ConnectorType},
    settings::{HerderSettings, Resolve},
    starter::ConnectorPlugin,
};
use crate::{
    broker::ClientKind,
    config::{ExactlyOnceSource, Mode, has_reference},
};

/// A configuration as a request holds it: a key may have no value.
pub type RawConfig = BTreeMap<String, Option<String>>;

/// What is shown of a secret.
const HIDDEN: &str = "[hidden]";

/// Beginning of what is said of a key that has no value and needs one.
const MISSING: &str = "Missing required configuration ";

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
        let Some(class) = props.get("connector.class").map(str::to_owned) else {
            return Err(HerderError::NoConnectorType(printed(raw)));
        };
        let plugin = self.plugins.connector_of(&props)?;
        let mut own = self.own_part(&plugin, &props);
        note_nulls(&mut own.values, raw);
        let clients = self.clients(plugin.kind(), &props);
        let read = self.all_read(&plugin, &own.keys, &clients, &props);
        let mut infos = own.finish(class);
        for client in &clients {
            let policy = self.settings.override_policy;
            infos.add_section(clients::section(*client, policy, &props));
        }
        for section in parts::converter_sections(self.plugins, &props) {
            infos.add_section(section);
        }
        infos.name_classes(self.plugins);
        infos.note_unread(&written, &read);
        infos.note_unresolved(&props);
        infos.put_references_back(&written, &props);
        Ok(infos)
    }

    /// The framework's options and the connector's own.
    fn own_part(&self, plugin: &ConnectorPlugin, props: &Props) -> OwnPart {
        let worker = &self.settings.worker;
        let defaults = Defaults::of_config(plugin, self.plugins, (props, worker));
        let mut def = framework_def(plugin.kind(), self.plugins, &defaults);
        def.extend(repair::definition(props));
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

    /// The clients that a connector has, in the order of their sections.
    fn clients(&self, kind: ConnectorType, props: &Props) -> Vec<ClientKind> {
        use ClientKind::{Admin, Consumer, Producer};
        let has = |key: &str| props.get(key).is_some_and(|value| !value.trim().is_empty());
        if kind == ConnectorType::Sink {
            let has_queue = has("errors.deadletterqueue.topic.name");
            return if has_queue { vec![Producer, Consumer, Admin] } else { vec![Consumer] };
        }
        let is_exactly_once = self.settings.mode == Mode::Distributed
            && self.settings.exactly_once_sources == ExactlyOnceSource::Enabled;
        if is_exactly_once || has("offsets.storage.topic") {
            return vec![Producer, Consumer, Admin];
        }
        let creates_topics = props.keys().any(|key| key.starts_with("topic.creation."));
        if creates_topics { vec![Producer, Admin] } else { vec![Producer] }
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
        for key in def.keys().iter().cloned().map(in_plain_form) {
            match self.keys.iter_mut().find(|known| known.name == key.name) {
                Some(known) => *known = key,
                None => self.keys.push(key),
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
        ConfigInfos { name: class, error_count, groups, configs, warnings: Vec::new() }
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

    /// Shows classes by their full names, however they were written.
    fn name_classes(&mut self, plugins: &Plugins) {
        for info in &mut self.configs {
            let is_class =
                info.definition.as_ref().is_some_and(|key| key.kind == ConfigKind::Class);
            let Some(value) = info.value.as_mut().filter(|_| is_class) else { continue };
            let named = value.value.as_deref().and_then(|class| plugins.of_key(&value.name, class));
            if let Some(plugin) = named {
                value.value = Some(plugin.class.clone());
            }
        }
    }

    /// Says of values with a reference that no provider knows that they have one, since it is as
    /// likely the cause of what is wrong with them.
    fn note_unresolved(&mut self, resolved: &Props) {
        const REFERENCE: &str = "a reference that stands for nothing here";
        let unresolved: Vec<_> =
            resolved.iter().filter(|(_, text)| has_reference(text)).map(|(key, _)| key).collect();
        for key in unresolved {
            let values = self.configs.iter_mut().filter_map(|info| info.value.as_mut());
            let mut errors =
                values.filter(|value| value.name == key).flat_map(|value| &mut value.errors);
            match errors.next() {
                Some(first) => first.push_str(&format!(" (\"{key}\" holds {REFERENCE})")),
                None => self.warnings.push(format!("\"{key}\" holds {REFERENCE}")),
            }
        }
    }

    /// Shows references as they were written: what they stand for may be a secret.
    fn put_references_back(&mut self, written: &Props, resolved: &Props) {
        let is_replaced = |(key, text): &(&str, &str)| resolved.get(key) != Some(text);
        for (key, text) in written.iter().filter(is_replaced) {
            let secret = resolved.get(key).unwrap_or_default().trim();
            let values = self.configs.iter_mut().filter_map(|info| info.value.as_mut());
            for value in values.filter(|value| value.name == key) {
                if value.value.as_deref().is_some_and(|shown| shown != HIDDEN) {
                    value.value = Some(text.to_owned());
                }
                for error in value.errors.iter_mut().filter(|_| !secret.is_empty()) {
                    *error = error.replace(secret, text);
                }
            }
        }
    }

    fn values(&self) -> impl Iterator<Item = &ConfigValue> {
        self.configs.iter().filter_map(|info| info.value.as_ref())
    }

    /// The warnings; the error of a request whose configuration has problems.
    pub(super) fn into_result(self) -> Result<Vec<String>> {
        if self.error_count == 0 {
            return Ok(self.warnings);
        }
        let messages: Vec<_> =
            self.values().flat_map(|value| value.errors.iter().cloned()).collect();
        Err(HerderError::InvalidConfig { count: self.error_count, messages: messages.join("\n") })
    }
}

/// An option without a heading is shown by its key, as wide as a form likes.
///
/// Source: apache/kafka `ConfigDef.define(name, type, default, importance, documentation)`.
pub(super) fn in_plain_form(mut key: ConfigKey) -> ConfigKey {
    if key.group.is_none() {
        key.width = Width::None;
        key.display_name.clone_from(&key.name);
    }
    key
}

/// A configuration as the JVM prints it, without what may be secrets.
fn printed(raw: &RawConfig) -> String {
    let entry = |(key, value): (&String, &Option<String>)| match value.as_deref() {
        Some(value) if !is_telling(key) => format!("{key}={value}"),
        Some(_) => format!("{key}={HIDDEN}"),
        None => format!("{key}=null"),
    };
    raw.iter().map(entry).collect::<Vec<_>>().join(", ")
}

/// Whether the name of a key says that its value is a secret.
fn is_telling(key: &str) -> bool {
    let words = ["password", "passwd", "secret", "jaas", "token", "credential", "access.key"];
    key.ends_with(".key") || words.iter().any(|word| key.contains(word))
}

fn note(values: &mut Vec<ConfigValue>, key: &str, problem: String) {
    match values.iter_mut().find(|value| value.name == key) {
        Some(value) => value.errors.push(problem),
        None => values.push(ConfigValue::of_problem(key, problem)),
    }
}

fn note_nulls(values: &mut Vec<ConfigValue>, raw: &RawConfig) {
    for (key, _) in raw.iter().filter(|(_, value)| value.is_none()) {
        // A key that is there is not missing.
        let known = values.iter_mut().filter(|value| value.name == *key);
        known.for_each(|value| value.errors.retain(|error| !error.starts_with(MISSING)));
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
            warnings: Vec::new(),
        };
        let written = Props::from([("url", "${env:PW}"), ("plain", "pw")]);
        infos.put_references_back(&written, &Props::from([("url", "pw"), ("plain", "pw")]));
        let shown = |at: usize| infos.configs[at].value.clone().unwrap();
        assert_eq!(shown(0).value.as_deref(), Some("${env:PW}"));
        assert_eq!(shown(0).errors, ["${env:PW} is bad"]);
        assert_eq!(shown(1).value.as_deref(), Some("pw"));
    }

    #[test]
    fn a_reference_that_stands_for_nothing_is_named() {
        let mut infos = ConfigInfos {
            name: "c".to_owned(),
            error_count: 1,
            groups: Vec::new(),
            configs: vec![ConfigInfo {
                definition: None,
                value: Some(ConfigValue::of_problem("url", "No address.")),
            }],
            warnings: Vec::new(),
        };
        infos.note_unresolved(&Props::from([
            ("url", "${env:NO_URL}/x"),
            ("user", "${env:NO_USER}"),
            ("http.body", "${x}"),
        ]));
        let errors: Vec<_> = infos.values().flat_map(|value| &value.errors).collect();
        let nothing = "holds a reference that stands for nothing here";
        assert_eq!(errors, [&format!("No address. (\"url\" {nothing})")]);
        assert_eq!(infos.warnings, [format!("\"user\" {nothing}")]);
    }
}
