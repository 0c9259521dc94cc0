//! Whether a database takes rows, as far as that can be told without writing.

use connect_api::{
    config::Props,
    error::{ConnectorError, ErrorClass, Result},
};
use connect_disk::{check_directory, directory_of, on_disk};

use crate::{
    config::{JdbcSinkConfig, JdbcUrl},
    database::{self, Database, Usage},
    tables::missing_table,
};

/// Looks for the database, and for the tables where they have to be there.
///
/// # Errors
/// `Retriable` when it is away, `Forbidden` when it refuses the user, `NotFound` without a table.
pub(crate) async fn check(config: JdbcSinkConfig, props: &Props) -> Result<()> {
    let access = config.access(props)?;
    if let JdbcUrl::Sqlite(file) = &access.url {
        on_disk(|| check_directory("connection.url", directory_of(file)))?;
        if !file.exists() {
            // To open it would make it.
            return Ok(());
        }
    }
    let connector = props.get("name").unwrap_or_default().into();
    let mut database = database::open(access, Usage::new(&config, &connector)?)?;
    database.connect().await?;
    check_tables(&config, props, database.as_mut()).await
}

/// Topics that are known by name have their tables. What transforms make of a topic's name is not known.
async fn check_tables(
    config: &JdbcSinkConfig,
    props: &Props,
    database: &mut dyn Database,
) -> Result<()> {
    let has_transforms = props.get("transforms").is_some_and(|text| !text.trim().is_empty());
    if config.auto_create || has_transforms {
        return Ok(());
    }
    let topics = props.get("topics").unwrap_or_default().split(',').map(str::trim);
    for topic in topics.filter(|topic| !topic.is_empty()) {
        let table = config.table(topic).map_err(ConnectorError::invalid)?;
        if database.describe(&table).await?.is_none() {
            let message = format!("Topic \"{topic}\" cannot be written: {}", missing_table(&table));
            return Err(ConnectorError::new(ErrorClass::NotFound, message));
        }
    }
    Ok(())
}
