//! Questions about classes and their options.

use connect_api::config::{ConfigDef, ConfigKey};

use super::{Defaults, RawConfig, Validator, framework_def, in_plain_form};
use crate::herder::{
    error::{HerderError, Result},
    handle::HerderHandle,
    plugins::Plugins,
    replies::{ConfigInfos, ConnectorType},
};

impl Plugins {
    /// Options that the worker gives every connector of a kind.
    #[must_use]
    pub fn framework_options(&self, kind: ConnectorType) -> ConfigDef {
        framework_def(kind, self, &Defaults::default())
    }
}

impl HerderHandle {
    /// Options of a class, its own before the framework's.
    ///
    /// # Errors
    /// `UnknownPlugin`.
    pub fn plugin_config(&self, class: &str) -> Result<Vec<ConfigKey>> {
        let plugins = &self.parts.plugins;
        if let Ok(plugin) = plugins.connector(class) {
            let framework = framework_def(plugin.kind(), plugins, &Defaults::of_class(&plugin));
            let own = plugin.config_def();
            let own: ConfigDef = own.keys().iter().cloned().map(in_plain_form).collect();
            return Ok(own.merge(framework).keys().to_vec());
        }
        let part =
            plugins.part(class).ok_or_else(|| HerderError::UnknownPlugin(class.to_owned()))?;
        Ok((part.def)().keys().iter().cloned().map(in_plain_form).collect())
    }

    /// What is wrong with a configuration for a class; where nothing is, what is in the way at the system
    /// behind it.
    ///
    /// # Errors
    /// `ClassMismatch`, `NoConnectorType`, `UnknownClass`.
    pub async fn validate(&self, class: &str, config: &RawConfig) -> Result<ConfigInfos> {
        check_class(class, config)?;
        self.validator().validate_with_system(config).await
    }

    pub(in crate::herder) fn validator(&self) -> Validator<'_> {
        Validator {
            settings: &self.settings,
            plugins: &self.parts.plugins,
            resolve: &self.parts.resolve,
        }
    }
}

/// Checks that a configuration is of the class that it is sent for.
///
/// # Errors
/// `ClassMismatch`.
pub(in crate::herder) fn check_class(class: &str, config: &RawConfig) -> Result<()> {
    if let Some(included) = config.get("connector.class").and_then(Option::as_deref) {
        let bare = |class: &str| class.strip_suffix("Connector").unwrap_or(class).to_owned();
        if !bare(included).ends_with(&bare(class)) {
            return Err(HerderError::ClassMismatch {
                included: included.to_owned(),
                requested: class.to_owned(),
            });
        }
    }
    Ok(())
}
