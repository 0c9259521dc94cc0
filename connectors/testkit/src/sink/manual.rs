//! The case about the definition of the keys.

use connect_api::{
    config::{ConfigDef, Props},
    error::Result,
};

use super::{ensure, fixture::SinkFixture};

/// Every key has a manual text and a default that passes its own check, and the fixture's
/// configuration is a valid one.
///
/// # Errors
/// What did not hold.
pub async fn every_key_is_documented<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let connector = fixture.connector();
    document(&connector.config_def())?;
    let name = connector.class();
    ensure(!name.is_empty() && !connector.version().is_empty(), || {
        "The connector has no class or no version".to_owned()
    })?;
    for value in connector.validate(&fixture.props()) {
        ensure(value.errors.is_empty(), || format!("Key {}: {:?}", value.name, value.errors))?;
    }
    Ok(())
}

/// Every key of a definition has a manual text and a default that passes its own check.
///
/// # Errors
/// The key of which that is not true.
pub(crate) fn document(def: &ConfigDef) -> Result<()> {
    for key in def.keys() {
        ensure(!key.documentation.trim().is_empty(), || {
            format!("Key \"{}\" has no text in the manual", key.name)
        })?;
    }
    let defaults = def.validate(&Props::new());
    for (key, value) in def.keys().iter().zip(defaults) {
        ensure(key.default.is_none() || value.errors.is_empty(), || {
            format!("The default of \"{}\" breaks its own rule: {:?}", key.name, value.errors)
        })?;
    }
    Ok(())
}
