//! Tables as the database has them, made and extended where the configuration allows it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use connect_api::error::{ConnectorError, ErrorClass, Result, chain};

use crate::{
    config::{JdbcSinkConfig, TableType},
    database::{Database, Defined, Table, TableColumn, Target},
    layout::{Column, Layout, TableName, identifier},
    sql::{Dialect, MOST_NAME_BYTES, Names, Rendering, added_columns, created_table},
};

/// Targets that are kept: as many as layouts are, and what is left of those that were dropped.
const MOST_KEPT: usize = 512;

/// Times that a table is looked up while others make it.
const MOST_LOOKS: usize = 10;

/// Where the rows of a layout go.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Into this table.
    Target(Arc<Target>),
    /// Nowhere: what would be deleted is in no table.
    Nothing,
    /// The records cannot be rows, for this reason.
    Refused(String),
}

/// What came of a layout and a table that is there.
enum Fit {
    /// Every value has its column.
    Target(Target),
    /// Columns were missing.
    Extended(Defined),
}

/// Tables of a task.
#[derive(Debug)]
pub(crate) struct Tables {
    config: Arc<JdbcSinkConfig>,
    known: HashMap<TableName, Arc<Table>>,
    found: Vec<(Arc<Layout>, Found)>,
}

impl Tables {
    /// None are known yet.
    pub(crate) fn new(config: Arc<JdbcSinkConfig>) -> Self {
        Self { config, known: HashMap::new(), found: Vec::new() }
    }

    /// Forgets everything: a table was not what it was taken for, or a reason is gone.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
        self.found.clear();
    }

    /// Forgets what was refused: somebody may have made the table meanwhile.
    pub(crate) fn forget_refusals(&mut self) {
        let before = self.found.len();
        self.found.retain(|(_, found)| matches!(found, Found::Target(_)));
        if self.found.len() < before {
            self.known.clear();
        }
    }

    /// Where the rows of a layout go; looked up, and made when missing, the first time.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn find(
        &mut self,
        database: &mut dyn Database,
        layout: &Arc<Layout>,
    ) -> Result<Found> {
        let place = self.found.iter().position(|(known, _)| Arc::ptr_eq(known, layout));
        if let Some(place) = place {
            self.found.swap(0, place);
        } else {
            let found = match self.look(database, layout).await {
                // The table may be made by the next record.
                Ok(Ok(Found::Nothing)) => return Ok(Found::Nothing),
                Ok(Ok(found)) => found,
                Ok(Err(reason)) => Found::Refused(reason),
                Err(error) if error.class() == ErrorClass::Record => Found::Refused(chain(&error)),
                Err(error) => return Err(error),
            };
            self.found.truncate(MOST_KEPT);
            self.found.insert(0, (Arc::clone(layout), found));
        }
        Ok(self.found.first().map_or(Found::Nothing, |(_, found)| found.clone()))
    }

    async fn look(
        &mut self,
        database: &mut dyn Database,
        layout: &Layout,
    ) -> Result<Result<Found, String>> {
        if let Err(reason) = check_names(layout, database.dialect()) {
            return Ok(Err(reason));
        }
        let mut known = self.known.get(&layout.table).cloned();
        let mut there = None;
        for _look in 0..MOST_LOOKS {
            let is_fresh = known.is_none();
            let table = match known.take() {
                Some(table) => table,
                None => match database.describe(&layout.table).await? {
                    Some(table) => Arc::new(table),
                    None if layout.deletes && self.config.auto_create => {
                        return Ok(Ok(Found::Nothing));
                    }
                    None if !self.config.auto_create => {
                        return Ok(Err(missing_table(&layout.table)));
                    }
                    None => match self.create(database, layout).await? {
                        Ok(defined) => {
                            there = words_of(defined);
                            continue;
                        }
                        Err(reason) => return Ok(Err(reason)),
                    },
                },
            };
            self.known.insert(layout.table.clone(), Arc::clone(&table));
            match self.fit(database, layout, &table).await? {
                Ok(Fit::Target(target)) => return Ok(Ok(Found::Target(Arc::new(target)))),
                Ok(Fit::Extended(defined)) => there = words_of(defined),
                Err(reason) if is_fresh => return Ok(Err(reason)),
                // Somebody may have changed the table meanwhile.
                Err(_) => {}
            }
        }
        let table = &layout.table;
        match there {
            Some(words) => Ok(Err(format!(
                "table \"{table}\" has not what the record needs, and the database says: {words}"
            ))),
            None => Err(ConnectorError::retriable(format!(
                "Table \"{table}\" changed each time it was looked up"
            ))),
        }
    }

    fn rendering(&self) -> Rendering {
        Rendering { zones: self.config.zones(), srid: self.config.geometry_srid }
    }

    async fn create(
        &self,
        database: &mut dyn Database,
        layout: &Layout,
    ) -> Result<Result<Defined, String>> {
        let quoting = self.config.quote_sql_identifiers;
        let statement = created_table(layout, database.dialect(), quoting, self.rendering());
        let statement = match statement {
            Ok(statement) => statement,
            Err(reason) => return Ok(Err(reason)),
        };
        let defined = database.define(&[statement]).await?;
        if let Defined::Done = defined {
            tracing::info!("Created table \"{}\"", layout.table);
        }
        Ok(Ok(defined))
    }

    /// The target, unless the table was extended and must be looked up again.
    async fn fit(
        &self,
        database: &mut dyn Database,
        layout: &Layout,
        table: &Table,
    ) -> Result<Result<Fit, String>> {
        if let Err(reason) = self.check_kind(layout, table) {
            return Ok(Err(reason));
        }
        let dialect = database.dialect();
        let named = layout.columns.iter().map(|column| (column, dialect.kept(&column.name)));
        let taken: HashSet<_> = named.clone().map(|(_, name)| name).collect();
        let found = named.map(|(column, name)| (column, find(table, name, &taken)));
        let missing: Vec<_> =
            found.clone().filter(|(_, found)| found.is_none()).map(|(column, _)| column).collect();
        if !missing.is_empty() {
            return self.extend(database, layout, table, &missing).await;
        }
        let pairs = found.filter_map(|(column, found)| Some((column, found?)));
        if let Some((column, found)) =
            pairs.clone().find(|(column, found)| !found.kind.takes(&column.shape))
        {
            return Ok(Err(format!(
                "field \"{}\" is a map, a struct or an array, and its column is of type {}. Make it \
                 jsonb, flatten the field with a transformation, or leave it out with \
                 \"fields.whitelist\"",
                column.name, found.type_name
            )));
        }
        let quoting = self.config.quote_sql_identifiers;
        // The column's own name is right whatever case the record has, so it is quoted always.
        let quoted = |name: &str| identifier(name, crate::config::Quoting::Always);
        let names = Names {
            table: layout.table.quoted(quoting),
            columns: pairs
                .clone()
                .map(|(column, found)| (quoted(&found.name), column.is_key))
                .collect(),
        };
        let columns = pairs.map(|(_, found)| found.clone()).collect();
        Ok(Ok(Fit::Target(Target { names, columns, copies: table.copies })))
    }

    fn check_kind(&self, layout: &Layout, table: &Table) -> Result<(), String> {
        let allowed = &self.config.table_types;
        match table.kind {
            Some(kind) if allowed.contains(&kind) => Ok(()),
            Some(kind) => Err(format!(
                "\"{}\" is a {kind}, which \"table.types\" does not name",
                layout.table
            )),
            None => Err(format!("\"{}\" is nothing that rows can be written to", layout.table)),
        }
    }

    async fn extend(
        &self,
        database: &mut dyn Database,
        layout: &Layout,
        table: &Table,
        missing: &[&Column],
    ) -> Result<Result<Fit, String>> {
        let names: Vec<_> = missing.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let names = names.join(", ");
        if table.kind == Some(TableType::View) {
            return Ok(Err(format!("view \"{}\" has no column {names}", layout.table)));
        }
        if !self.config.auto_evolve {
            return Ok(Err(format!(
                "table \"{}\" has no column {names}, and \"auto.evolve\" is false. Add it, set \
                 \"auto.evolve\", or leave it out with \"fields.whitelist\"",
                layout.table
            )));
        }
        let needed = missing.iter().find(|column| !column.is_optional && column.default.is_none());
        if let Some(column) = needed {
            return Ok(Err(format!(
                "table \"{}\" has no column \"{}\", which cannot be added because the field is \
                 neither optional nor has a default",
                layout.table, column.name
            )));
        }
        let quoting = self.config.quote_sql_identifiers;
        let (dialect, how) = (database.dialect(), self.rendering());
        let statements = match added_columns(&layout.table, missing, dialect, quoting, how) {
            Ok(statements) => statements,
            Err(reason) => return Ok(Err(reason)),
        };
        let defined = database.define(&statements).await?;
        if let Defined::Done = defined {
            tracing::info!("Added {names} to table \"{}\"", layout.table);
        }
        Ok(Ok(Fit::Extended(defined)))
    }
}

fn words_of(defined: Defined) -> Option<String> {
    match defined {
        Defined::Done => None,
        Defined::There(words) => Some(words),
    }
}

/// Looks whether the database keeps the names of a layout apart.
fn check_names(layout: &Layout, dialect: Dialect) -> Result<(), String> {
    let parts = layout.table.parts();
    if let Some(long) = parts.iter().find(|part| dialect.kept(part).len() < part.len()) {
        return Err(format!(
            "\"{long}\" has {} bytes, and PostgreSQL keeps {MOST_NAME_BYTES} of a name, so that other \
             names could be the same. Give the table a shorter one by \"table.name.format\" or \
             \"topics.to.tables.mapping\"",
            long.len()
        ));
    }
    let mut known = HashMap::new();
    for column in &layout.columns {
        if let Some(other) = known.insert(dialect.folded(&column.name), &column.name) {
            return Err(format!(
                "fields \"{other}\" and \"{}\" are the same column for the database. Rename one by a \
                 transformation, or leave it out with \"fields.whitelist\"",
                column.name
            ));
        }
    }
    Ok(())
}

/// A column by its name, or by its name in another case when no other field has that.
fn find<'t>(table: &'t Table, name: &str, taken: &HashSet<&str>) -> Option<&'t TableColumn> {
    let exact = table.columns.iter().find(|column| column.name == name);
    exact.or_else(|| {
        let folded = name.to_lowercase();
        let alike = |column: &&TableColumn| {
            column.name.to_lowercase() == folded && !taken.contains(column.name.as_str())
        };
        table.columns.iter().find(alike)
    })
}

/// Why records of a table that is not there cannot be written.
pub(crate) fn missing_table(table: &TableName) -> String {
    format!(
        "the table does not exist, and \"auto.create\" is false. Create \"{table}\", or set \"auto.create\""
    )
}
