//! Validation without a worker.

use std::{sync::Arc, time::Duration};

use connect_api::config::Props;

use super::{
    error::Result,
    plugins::Plugins,
    settings::{HerderSettings, Resolve, TopicTracking},
    validate::Validator,
};
use crate::config::{ClientOverrides, ExactlyOnceSource, Mode};

/// What is to be said about a configuration, each as a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfflineReport {
    /// What is wrong.
    pub problems: Vec<String>,
    /// What is no error and yet likely wrong.
    pub warnings: Vec<String>,
}

/// Checks a connector's configuration, references resolved, as a standalone worker without
/// properties of its own would.
///
/// # Errors
/// When the class is missing or not linked in.
pub fn validate_offline(plugins: &Plugins, config: &Props) -> Result<OfflineReport> {
    let settings = HerderSettings {
        worker_id: String::new(),
        mode: Mode::Standalone,
        group_id: None,
        version: String::new(),
        commit: String::new(),
        task_shutdown_timeout: Duration::ZERO,
        topic_tracking: TopicTracking::Off,
        override_policy: ClientOverrides::All,
        exactly_once_sources: ExactlyOnceSource::Disabled,
        worker: Props::new(),
    };
    let resolve: Resolve = Arc::new(|props| Ok(props.clone()));
    let validator = Validator { settings: &settings, plugins, resolve: &resolve };
    let config =
        config.iter().map(|(key, value)| (key.to_owned(), Some(value.to_owned()))).collect();
    let report = validator.validate(&config)?;
    let values = report.configs.into_iter().filter_map(|config| config.value);
    let problems = values.flat_map(|value| value.errors).collect();
    Ok(OfflineReport { problems, warnings: report.warnings })
}
