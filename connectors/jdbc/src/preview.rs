//! The statement that a record would be, without a database.

use std::sync::Arc;

use connect_api::{
    config::Props,
    error::{ConnectorError, Result},
    record::SinkRecord,
    sink::Preview,
};

use crate::{
    config::{JdbcSinkConfig, JdbcUrl},
    layout::{Layouts, check_points, coordinates},
    sql::{Dialect, Rendering, previewed},
    task::action_of,
};

/// Shows statements with their values.
#[derive(Debug)]
pub(crate) struct Previewer {
    config: Arc<JdbcSinkConfig>,
    url: JdbcUrl,
    layouts: Layouts,
}

impl Previewer {
    /// For a configuration.
    ///
    /// # Errors
    /// `Invalid` when the address is none.
    pub(crate) fn new(config: JdbcSinkConfig, props: &Props) -> Result<Self> {
        let url = config.access(props)?.url;
        let config = Arc::new(config);
        Ok(Self { layouts: Layouts::new(Arc::clone(&config)), config, url })
    }

    /// Table and statement; nothing for a record that changes nothing. Types of columns are those
    /// that the sink would make.
    ///
    /// # Errors
    /// `Record` for one that the task would reject.
    pub(crate) fn preview(&mut self, record: &SinkRecord) -> Result<Option<Preview>> {
        let found = self.layouts.of(record).and_then(|layout| {
            check_points(&layout, record)?;
            Ok(layout)
        });
        let layout = found.map_err(|reason| {
            let place = coordinates(record);
            ConnectorError::record(format!("The record at {place} cannot be a row: {reason}"))
        })?;
        let dialect = match &self.url {
            JdbcUrl::Postgres { .. } => Dialect::Postgres,
            JdbcUrl::Sqlite(_) => Dialect::Sqlite,
        };
        let how = Rendering { zones: self.config.zones(), srid: self.config.geometry_srid };
        let words = (dialect, self.config.quote_sql_identifiers, how);
        let action = action_of(&self.config, &layout);
        let statement = previewed(&layout, action, record, words);
        Ok(statement.map(|statement| Preview {
            place: format!("table \"{}\" in {}", layout.table, self.url),
            content: statement.into(),
        }))
    }
}
