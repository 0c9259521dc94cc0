//! What is in the way at the system behind a connector.
//!
//! Only a request to validate asks for it. A connector can be made while its system is away, as with
//! Kafka Connect's own connectors: its tasks wait, or say what is wrong in their status.

use std::time::Duration;

use connect_api::{
    config::Props,
    error::{ConnectorError, chain},
};

use super::{RawConfig, Validator, props_of};
use crate::herder::{
    error::{HerderError, Result},
    replies::ConfigInfos,
    starter::ConnectorPlugin,
};

/// Longest wait for a system: somebody waits for the answer, in front of a form.
const PATIENCE: Duration = Duration::from_secs(5);

impl Validator<'_> {
    /// As [`Validator::validate`], and asks the system behind a configuration that has no problems.
    pub(super) async fn validate_with_system(&self, raw: &RawConfig) -> Result<ConfigInfos> {
        let mut infos = self.validate(raw)?;
        if infos.error_count > 0 {
            return Ok(infos);
        }
        let written = props_of(raw);
        let props = (self.resolve)(&written).map_err(HerderError::Unresolved)?;
        if let Some((key, problem)) = problem(&self.plugins.connector_of(&props)?, &props).await {
            infos.add_problem(key, problem);
            infos.put_references_back(&written, &props);
        }
        Ok(infos)
    }
}

impl ConfigInfos {
    fn add_problem(&mut self, key: &str, problem: String) {
        let values = self.configs.iter_mut().filter_map(|info| info.value.as_mut());
        for value in values.filter(|value| value.name == key) {
            value.errors.push(problem.clone());
            self.error_count += 1;
        }
    }
}

/// What is in the way, and the key to show it at.
async fn problem(plugin: &ConnectorPlugin, props: &Props) -> Option<(&'static str, String)> {
    let (key, look) = match plugin {
        ConnectorPlugin::Source(source) => (source.system_key()?, source.check_system(props)),
        ConnectorPlugin::Sink(sink) => (sink.system_key()?, sink.check_system(props)),
    };
    let outcome = tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_elapsed| {
        let seconds = PATIENCE.as_secs();
        let text = format!("The system behind the connector has not answered within {seconds} s");
        Err(ConnectorError::retriable(text).hint("Check its address, and whether it is up"))
    });
    outcome.err().map(|error| (key, chain(&error)))
}
