//! Connector files on the command line: JSON in two shapes, or Java properties.
//!
//! Source: apache/kafka `ConnectStandalone.parseConnectorConfigurationFile`.

use std::{fs, path::Path};

use connect_api::config::Props;
use serde::Deserialize;

use super::{ConfigError, Result, read_properties};

/// The state a connector is created in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialState {
    /// Started.
    #[default]
    Running,
    /// Its tasks wait.
    Paused,
    /// It has no tasks.
    Stopped,
}

/// A connector to create.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorFile {
    /// Its name.
    pub name: String,
    /// Its configuration, the name included.
    pub config: Props,
    /// The state it is created in.
    pub initial_state: InitialState,
}

/// The shape of `POST /connectors`; other members are ignored.
#[derive(Deserialize)]
struct CreateRequest {
    name: String,
    config: Props,
    #[serde(default)]
    initial_state: Option<String>,
}

/// Reads a connector file, whatever its extension: a flat JSON object, the body of
/// `POST /connectors`, or Java properties.
///
/// # Errors
/// When it cannot be read, is none of the three, or lacks a name.
pub fn read_connector_file(path: &Path) -> Result<ConnectorFile> {
    let shown = path.display().to_string();
    let bytes =
        fs::read(path).map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
    if let Ok(request) = serde_json::from_slice::<CreateRequest>(&bytes) {
        return request.into_file(&shown);
    }
    let is_json = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    let config = if is_json {
        serde_json::from_slice(&bytes)
            .map_err(|error| ConfigError::Malformed { path: shown.clone(), source: error.into() })?
    } else {
        read_properties(path)?
    };
    let name = config.get("name").map(str::to_owned).ok_or_else(|| {
        ConfigError::Connector(format!(
            "Connector configuration at '{shown}' is missing the mandatory 'name' configuration"
        ))
    })?;
    Ok(ConnectorFile { name, config, initial_state: InitialState::default() })
}

impl CreateRequest {
    fn into_file(self, path: &str) -> Result<ConnectorFile> {
        let mut config = self.config;
        match config.get("name") {
            Some(name) if name != self.name => {
                return Err(ConfigError::Connector(format!(
                    "Connector name configuration in 'config' doesn't match the one specified in \
                     'name' at '{path}'"
                )));
            }
            Some(_) => {}
            None => {
                config.insert("name", self.name.clone());
            }
        }
        let initial_state = match self.initial_state.map(|state| state.to_ascii_uppercase()) {
            None => InitialState::Running,
            Some(state) if state == "RUNNING" => InitialState::Running,
            Some(state) if state == "PAUSED" => InitialState::Paused,
            Some(state) if state == "STOPPED" => InitialState::Stopped,
            Some(state) => {
                return Err(ConfigError::Connector(format!(
                    "\"{state}\" at '{path}' is not an initial state; it is one of RUNNING, \
                     PAUSED, STOPPED"
                )));
            }
        };
        Ok(ConnectorFile { name: self.name, config, initial_state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConnectorFile> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        read_connector_file(file.path())
    }

    #[test]
    fn all_three_shapes_mean_the_same() {
        let flat = read(r#"{"name":"a","flush.size":3}"#).unwrap();
        let nested = read(r#"{"name":"a","config":{"flush.size":"3"},"other":1}"#).unwrap();
        let properties = read("# a comment\nname=a\nflush.size = 3\n").unwrap();
        assert_eq!(flat, nested);
        assert_eq!(flat, properties);
        assert_eq!(flat.config.get("flush.size"), Some("3"));
    }

    #[test]
    fn json_that_breaks_off_is_no_list_of_properties() {
        for text in [r#" {"name":"a","config":{"#, r#"[{"name":"a"}]"#, r#"{"a":{"b":"c"}}"#] {
            let error = connect_api::error::chain(&read(text).unwrap_err());
            assert!(error.starts_with("Could not understand"), "{error}");
        }
    }

    #[test]
    fn a_file_without_a_name_or_with_two_is_refused() {
        let missing = read("flush.size=3\n").unwrap_err().to_string();
        assert!(missing.ends_with("is missing the mandatory 'name' configuration"), "{missing}");
        let two = read(r#"{"name":"a","config":{"name":"b"}}"#).unwrap_err().to_string();
        assert!(two.contains("doesn't match the one specified in 'name'"), "{two}");
    }
}
