//! Whether offsets are kept beside the rows, and what users change of them.

use connect_api::{
    config::{Config as _, Props},
    error::{ConnectorError, ErrorClass, Result, chain},
    sink::SinkContext,
};
use tracing::warn;

use crate::{
    config::{InsertMode, JdbcSinkConfig},
    database::{self, Database, Moves, Usage},
};

/// Makes sure of the table of offsets, where one is wanted, and says whether offsets are kept. Who has not
/// named one goes on without, when the user may make none: rows are worth more than that each is one.
///
/// # Errors
/// Those of the database.
pub(crate) async fn keep_offsets(
    config: &JdbcSinkConfig,
    props: &Props,
    database: &mut dyn Database,
    context: &SinkContext,
) -> Result<bool> {
    if config.insert_mode != InsertMode::Insert {
        return Ok(false);
    }
    let connector = &context.connector;
    if !config.keeps_offsets() {
        warn!(
            %connector,
            "A crash of connector \"{connector}\" may write rows twice, because \"offsets.table\" is empty"
        );
        return Ok(false);
    }
    let Err(error) = database.claim(&[]).await else { return Ok(true) };
    if props.contains_key("offsets.table") || error.class() != ErrorClass::Forbidden {
        return Err(error);
    }
    let table = config.offsets_table()?;
    let is_missing = matches!(database.describe(&table).await, Ok(None));
    if !is_missing {
        return Err(error);
    }
    warn!(
        %connector,
        "A crash of connector \"{connector}\" may write rows twice until its tasks are started with a \
         table of offsets: {}",
        chain(&error)
    );
    Ok(false)
}

/// Changes what the table says of a connector's partitions, where offsets are kept.
///
/// # Errors
/// `Invalid` for an offset that is none; those of the database.
pub(crate) async fn alter_offsets(props: &Props, offsets: Option<&Moves>) -> Result<()> {
    let negative = offsets.unwrap_or_default().iter().find(|(_, next)| *next < Some(0));
    if let Some((of, Some(next))) = negative {
        let message = format!("{of} cannot go on at offset {next}: offsets begin at 0");
        return Err(ConnectorError::invalid(message));
    }
    let config = JdbcSinkConfig::parse(props)?;
    if !config.keeps_offsets() {
        return Ok(());
    }
    let usage = Usage::new(&config, &props.get("name").unwrap_or_default().into())?;
    database::open(config.access(props)?, usage)?.move_claims(offsets).await
}
