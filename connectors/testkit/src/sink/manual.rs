//! The cases about the definition of the keys, and about what validation sees.

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

/// Validation sees a system that takes a task, where it leaves nothing behind, and one that is not there.
///
/// # Errors
/// What did not hold.
pub async fn its_system_is_looked_at<F: SinkFixture>() -> Result<()> {
    let fixture = F::start().await;
    let connector = fixture.connector();
    connector.check_system(&fixture.props()).await?;
    let arrived = fixture.arrived().await;
    ensure(arrived.is_empty(), || format!("A look at the system leaves {arrived:?} there"))?;
    let mut props = fixture.props();
    props.extend(fixture.lost().iter().copied());
    let outcome = connector.check_system(&props).await;
    let (def, key) = (connector.config_def(), connector.system_key());
    judge_look(&def, key, !fixture.lost().is_empty(), outcome)
}

/// What is said of a system that is not there is an error with a remedy, and has a key of the connector to show it at.
///
/// # Errors
/// What did not hold.
pub(crate) fn judge_look(
    def: &ConfigDef,
    key: Option<&'static str>,
    has_system: bool,
    outcome: Result<()>,
) -> Result<()> {
    ensure(key.is_some() == has_system, || {
        format!("The key of the system is {key:?}, and that there is one is {has_system}")
    })?;
    ensure(key.is_none_or(|key| def.get(key).is_some()), || {
        format!("{key:?} is no key of the connector, so that nothing is shown there")
    })?;
    let remedy = outcome.err().map(|error| error.remedy().map(str::to_owned));
    ensure(matches!(remedy, Some(Some(_))) == has_system, || {
        format!("What is said of a system that is not there has the remedy {remedy:?}")
    })
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
