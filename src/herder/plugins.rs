//! The classes that are linked in, and the names they answer to.

use std::sync::Arc;

use connect_api::{
    config::{ConfigDef, Props},
    convert::BuildConverter,
    sink::SinkConnector,
    source::SourceConnector,
};

use super::{
    absent::hint,
    error::{HerderError, Result},
    replies::{ConnectorType, PluginInfo},
    starter::ConnectorPlugin,
};

/// A converter, transformation or predicate: what it is called and configured with.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Full class name.
    pub class: String,
    /// Version.
    pub version: String,
    /// Definition of its keys.
    pub def: fn() -> ConfigDef,
    /// How it is made, where it is a converter of keys and values.
    pub build: Option<BuildConverter>,
}

/// The classes that are linked in.
#[derive(Clone, Debug, Default)]
pub struct Plugins {
    /// Sources.
    pub sources: Vec<Arc<dyn SourceConnector>>,
    /// Sinks.
    pub sinks: Vec<Arc<dyn SinkConnector>>,
    /// Converters of keys and values.
    pub converters: Vec<Plugin>,
    /// Converters of headers.
    pub header_converters: Vec<Plugin>,
    /// Transformations.
    pub transforms: Vec<Plugin>,
    /// Predicates.
    pub predicates: Vec<Plugin>,
}

impl ConnectorPlugin {
    /// Full class name.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Source(source) => source.class(),
            Self::Sink(sink) => sink.class(),
        }
    }

    /// Version.
    #[must_use]
    pub fn version(&self) -> &'static str {
        match self {
            Self::Source(source) => source.version(),
            Self::Sink(sink) => sink.version(),
        }
    }

    /// Definition of the connector's own keys.
    #[must_use]
    pub fn config_def(&self) -> ConfigDef {
        match self {
            Self::Source(source) => source.config_def(),
            Self::Sink(sink) => sink.config_def(),
        }
    }

    /// Kind of connector.
    #[must_use]
    pub const fn kind(&self) -> ConnectorType {
        match self {
            Self::Source(_) => ConnectorType::Source,
            Self::Sink(_) => ConnectorType::Sink,
        }
    }

    /// Class of its tasks, as it stands in their configurations.
    #[must_use]
    pub fn task_class(&self) -> String {
        let class = self.class();
        format!("{}Task", class.strip_suffix("Connector").unwrap_or(class))
    }
}

impl Plugins {
    /// The connector that a configuration's `connector.class` means.
    ///
    /// # Errors
    /// `NoConnectorType`, `UnknownClass`, `AmbiguousClass`.
    pub fn connector_of(&self, config: &Props) -> Result<ConnectorPlugin> {
        let class = config.get("connector.class").ok_or_else(|| {
            // Not the values, which may be secrets that were references once.
            let keys: Vec<_> = config.keys().collect();
            HerderError::NoConnectorType(keys.join(", "))
        })?;
        self.connector(class)
    }

    /// The connector that has tasks of a class.
    #[must_use]
    pub fn of_tasks(&self, class: &str) -> Option<ConnectorPlugin> {
        self.connectors().find(|plugin| plugin.task_class() == class)
    }

    /// The connector of a class name or alias.
    ///
    /// # Errors
    /// `UnknownClass`, `AmbiguousClass`.
    pub fn connector(&self, class: &str) -> Result<ConnectorPlugin> {
        if let Some(exact) = self.connectors().find(|plugin| plugin.class() == class) {
            return Ok(exact);
        }
        let mut found: Vec<_> = self
            .connectors()
            .filter(|plugin| answers(plugin.class(), "Connector", class))
            .collect();
        if found.len() > 1 {
            let found = found.iter().map(describe).collect::<Vec<_>>().join(", ");
            return Err(HerderError::AmbiguousClass { class: class.to_owned(), found });
        }
        found.pop().ok_or_else(|| HerderError::UnknownClass {
            class: class.to_owned(),
            available: self
                .connectors()
                .map(|plugin| describe(&plugin))
                .collect::<Vec<_>>()
                .join(", "),
            hint: Self::hint(class, self.connectors().map(|plugin| plugin.class())),
        })
    }

    /// The converter of a class name or alias.
    #[must_use]
    pub fn converter(&self, class: &str) -> Option<&Plugin> {
        lookup(&self.converters, "Converter", class)
    }

    /// The header converter of a class name or alias.
    #[must_use]
    pub fn header_converter(&self, class: &str) -> Option<&Plugin> {
        lookup(&self.header_converters, "HeaderConverter", class)
    }

    /// The transformation of a class name or alias.
    #[must_use]
    pub fn transform(&self, class: &str) -> Option<&Plugin> {
        lookup(&self.transforms, "Transformation", class)
    }

    /// The predicate of a class name or alias.
    #[must_use]
    pub fn predicate(&self, class: &str) -> Option<&Plugin> {
        lookup(&self.predicates, "Predicate", class)
    }

    /// The converter, transformation or predicate that a key of a connector names.
    #[must_use]
    pub fn of_key(&self, key: &str, class: &str) -> Option<&Plugin> {
        match key {
            "header.converter" => self.header_converter(class),
            key if key.ends_with(".converter") => self.converter(class),
            key if key.starts_with("predicates.") => self.predicate(class),
            _ => self.transform(class),
        }
    }

    /// Whether any role has this class name or alias.
    #[must_use]
    pub fn contains(&self, class: &str) -> bool {
        self.connector(class).is_ok() || self.part(class).is_some()
    }

    /// The converter, transformation or predicate of a class name or alias.
    #[must_use]
    pub fn part(&self, class: &str) -> Option<&Plugin> {
        self.converter(class)
            .or_else(|| self.header_converter(class))
            .or_else(|| self.transform(class))
            .or_else(|| self.predicate(class))
    }

    /// Everything, as `GET /connector-plugins` lists it; connectors come first.
    #[must_use]
    pub fn list(&self) -> Vec<PluginInfo> {
        let mut list = self.list_connectors();
        for (kind, plugins) in [
            ("transformation", &self.transforms),
            ("predicate", &self.predicates),
            ("converter", &self.converters),
            ("header_converter", &self.header_converters),
        ] {
            let role = plugins.iter().map(|plugin| (plugin.class.clone(), plugin.version.clone()));
            list.extend(sorted(kind, role));
        }
        list
    }

    /// The connectors, sinks before sources.
    #[must_use]
    pub fn list_connectors(&self) -> Vec<PluginInfo> {
        let name = |class: &str, version: &str| (class.to_owned(), version.to_owned());
        let sinks = self.sinks.iter().map(|sink| name(sink.class(), sink.version()));
        let sources = self.sources.iter().map(|source| name(source.class(), source.version()));
        let mut list = sorted("sink", sinks);
        list.extend(sorted("source", sources));
        list
    }

    fn hint<'a>(class: &str, linked: impl IntoIterator<Item = &'a str>) -> String {
        match hint(class, linked) {
            said if said.is_empty() => said,
            said => format!(".{said}"),
        }
    }

    fn connectors(&self) -> impl Iterator<Item = ConnectorPlugin> {
        let sinks = self.sinks.iter().map(|sink| ConnectorPlugin::Sink(Arc::clone(sink)));
        sinks.chain(self.sources.iter().map(|source| ConnectorPlugin::Source(Arc::clone(source))))
    }
}

fn sorted(kind: &'static str, plugins: impl Iterator<Item = (String, String)>) -> Vec<PluginInfo> {
    let mut list: Vec<_> =
        plugins.map(|(class, version)| PluginInfo { class, kind, version }).collect();
    list.sort_by(|a, b| (&a.class, &a.version).cmp(&(&b.class, &b.version)));
    list
}

/// An alias that two classes answer to means neither.
fn lookup<'a>(plugins: &'a [Plugin], role: &str, class: &str) -> Option<&'a Plugin> {
    let class = class.trim();
    if let Some(exact) = plugins.iter().find(|plugin| plugin.class == class) {
        return Some(exact);
    }
    let mut found = plugins.iter().filter(|plugin| answers(&plugin.class, role, class));
    found.next().filter(|_| found.next().is_none())
}

/// Whether a class answers to its simple name, or to that cut at the last word of its role.
fn answers(class: &str, role: &str, alias: &str) -> bool {
    let simple = class.rsplit('.').next().unwrap_or(class);
    let cut = simple.rfind(role).and_then(|at| simple.get(..at));
    simple == alias || cut.is_some_and(|cut| !cut.is_empty() && cut == alias)
}

fn describe(plugin: &ConnectorPlugin) -> String {
    let (class, version) = (plugin.class(), plugin.version());
    let kind = match plugin.kind() {
        ConnectorType::Source => "source",
        _ => "sink",
    };
    format!(
        "PluginDesc{{klass=class {class}, name='{class}', version='{version}', \
         encodedVersion={version}, type={kind}, typeName='{kind}', location='classpath'}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_answer_to_their_simple_names() {
        let class = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        assert!(answers(class, "Connector", "FileStreamSourceConnector"));
        assert!(answers(class, "Connector", "FileStreamSource"));
        assert!(!answers(class, "Connector", "file.FileStreamSource"));
        assert!(answers("org.apache.kafka.connect.json.JsonConverter", "Converter", "Json"));
    }
}
