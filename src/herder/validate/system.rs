//! What is in the way at the systems behind a connector and its converters.
//!
//! Only a request to validate asks for it. A connector can be made while its system is away, as with
//! Kafka Connect's own connectors: its tasks wait, or say what is wrong in their status.

use std::time::Duration;

use connect_api::{
    config::Props,
    convert::System,
    error::{ConnectorError, Result as Outcome, chain},
};
use futures::future::{join, join_all};

use super::{RawConfig, Validator, props_of};
use crate::herder::{
    error::{HerderError, Result},
    replies::ConfigInfos,
    starter::ConnectorPlugin,
};

/// Longest wait for a system: somebody waits for the answer, in front of a form.
const PATIENCE: Duration = Duration::from_secs(5);

impl Validator<'_> {
    /// As [`Validator::validate`], and asks the systems behind a configuration that has no problems.
    pub(super) async fn validate_with_system(&self, raw: &RawConfig) -> Result<ConfigInfos> {
        let mut infos = self.validate(raw)?;
        if infos.error_count > 0 {
            return Ok(infos);
        }
        let written = props_of(raw);
        let props = (self.resolve)(&written).map_err(HerderError::Unresolved)?;
        let plugin = self.plugins.connector_of(&props)?;
        let converters =
            ["key.converter", "value.converter"].map(|key| self.converter(key, &props));
        let (own, converters) = join(of_connector(&plugin, &props), join_all(converters)).await;
        for (key, problem) in own.into_iter().chain(converters.into_iter().flatten()) {
            infos.add_problem(&key, problem);
        }
        infos.put_references_back(&written, &props);
        Ok(infos)
    }

    /// What is in the way at the system of a converter that the connector itself names.
    async fn converter(&self, key: &str, props: &Props) -> Option<Problem> {
        let build = self.plugins.converter(props.get(key)?.trim())?.build?;
        let options = props.with_prefix(&format!("{key}."));
        let converter = match build(&options, key == "key.converter") {
            Ok(converter) => converter,
            Err(error) => return Some((key.to_owned(), chain(&error))),
        };
        let System { key: own, look } = converter.system()?;
        answered("converter", look).await.map(|error| (format!("{key}.{own}"), chain(&error)))
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

/// The key to show it at, and what is in the way.
type Problem = (String, String);

/// What is in the way at the system of the connector.
async fn of_connector(plugin: &ConnectorPlugin, props: &Props) -> Option<Problem> {
    let (key, look) = match plugin {
        ConnectorPlugin::Source(source) => (source.system_key()?, source.check_system(props)),
        ConnectorPlugin::Sink(sink) => (sink.system_key()?, sink.check_system(props)),
    };
    let error = answered("connector", look).await?;
    Some((error.key().unwrap_or(key).to_owned(), chain(&error)))
}

/// What is in the way, once that is known or nobody waits for it any more.
async fn answered(whose: &str, look: impl Future<Output = Outcome<()>>) -> Option<ConnectorError> {
    let outcome = tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_elapsed| {
        let seconds = PATIENCE.as_secs();
        let text = format!("The system behind the {whose} has not answered within {seconds} s");
        Err(ConnectorError::retriable(text).hint("Check its address, and whether it is up"))
    });
    outcome.err()
}
