//! Defaults of a connector's options that depend on the worker and on what is linked in.
//!
//! Source: KIP-891, apache/kafka `ConnectorConfig.enrichedConfigDef`.

use connect_api::config::Props;

use crate::herder::{
    plugins::{Plugin, Plugins},
    starter::ConnectorPlugin,
};

const HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// Class and version of a converter for a connector that says nothing about it.
#[derive(Clone, Debug, Default)]
pub(in crate::herder) struct ConverterDefault {
    pub(super) class: Option<String>,
    pub(super) version: Option<String>,
}

/// What options of the framework are when nothing is said.
#[derive(Clone, Debug, Default)]
pub(in crate::herder) struct Defaults {
    pub(super) connector_version: Option<String>,
    /// Converters of keys, values and headers.
    pub(super) converters: [ConverterDefault; 3],
}

impl Defaults {
    /// Those of a class, whatever the worker.
    pub(in crate::herder) fn of_class(plugin: &ConnectorPlugin) -> Self {
        let connector_version = Some(plugin.version().to_owned());
        Self { connector_version, ..Self::default() }
    }

    /// Those of a class for a connector's configuration on a worker.
    pub(super) fn of_config(
        plugin: &ConnectorPlugin,
        plugins: &Plugins,
        (props, worker): (&Props, &Props),
    ) -> Self {
        let converter = |role: &str| {
            let key = format!("{role}.converter");
            let find = |class: &str| match role {
                "header" => plugins.header_converter(class),
                _ => plugins.converter(class),
            };
            let header = Some(HEADER_CONVERTER).filter(|_| role == "header");
            let default = worker.get(&key).or(header);
            let version = |plugin: &Plugin| plugin.version.clone();
            ConverterDefault {
                class: default.map(|class| full_name(find(class), class)),
                version: props.get(&key).or(default).and_then(find).map(version),
            }
        };
        Self { converters: ["key", "value", "header"].map(converter), ..Self::of_class(plugin) }
    }
}

/// An alias stands for the whole name.
fn full_name(found: Option<&Plugin>, class: &str) -> String {
    found.map_or_else(|| class.trim().to_owned(), |plugin| plugin.class.clone())
}
