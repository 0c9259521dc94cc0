//! The statements, as texts.

mod ddl;
mod literal;
mod text;
mod times;

pub(crate) use self::{
    ddl::{added_columns, created_table},
    literal::previewed,
    text::{ColumnKind, Rendering, write_cell},
    times::{instant_ms, local_micros},
};

/// Which database's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// PostgreSQL 13 and later.
    Postgres,
    /// SQLite 3.35 and later.
    Sqlite,
}

/// Bytes of a name that PostgreSQL keeps.
pub(crate) const MOST_NAME_BYTES: usize = 63;

impl Dialect {
    /// What the database keeps of a name.
    pub(crate) fn kept(self, name: &str) -> &str {
        match self {
            Self::Postgres => name.get(..name.floor_char_boundary(MOST_NAME_BYTES)).unwrap_or(name),
            Self::Sqlite => name,
        }
    }

    /// A column's name, so that equal texts are the same column.
    pub(crate) fn folded(self, name: &str) -> String {
        match self {
            Self::Postgres => self.kept(name).to_owned(),
            Self::Sqlite => name.to_ascii_lowercase(),
        }
    }
}

/// What is done with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// They are added.
    Insert,
    /// They are added or changed.
    Upsert,
    /// They are changed where they are.
    Update,
    /// They are deleted.
    Delete,
}

/// A table with columns, quoted as they stand in statements.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The table.
    pub(crate) table: String,
    /// Columns, and whether each is of the key.
    pub(crate) columns: Vec<(String, bool)>,
}

impl Names {
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|(_, is_key)| *is_key).map(|(name, _)| name.as_str())
    }

    fn others(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|(_, is_key)| !*is_key).map(|(name, _)| name.as_str())
    }

    /// Whether the action can do anything: a row that is all key has nothing to change.
    pub(crate) fn has_effect(&self, action: Action) -> bool {
        action != Action::Update || self.others().next().is_some()
    }

    /// Columns in brackets.
    pub(crate) fn listed(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        names.join(",")
    }

    /// What follows an insertion that may meet rows with the same key.
    pub(crate) fn on_conflict(&self) -> String {
        let keys: Vec<_> = self.keys().collect();
        let changes: Vec<_> = self.others().map(|name| format!("{name}=EXCLUDED.{name}")).collect();
        let effect = match changes.as_slice() {
            [] => "DO NOTHING".to_owned(),
            changes => format!("DO UPDATE SET {}", changes.join(",")),
        };
        format!(" ON CONFLICT ({}) {effect}", keys.join(","))
    }

    /// The statement for one row, with a text for each column's value.
    pub(crate) fn for_one_row(&self, action: Action, values: &[String]) -> String {
        let table = &self.table;
        let pairs = |of_key: bool, between: &str| {
            let columns = self.columns.iter().zip(values).filter(|((_, key), _)| *key == of_key);
            let pairs: Vec<_> =
                columns.map(|((name, _), value)| format!("{name} = {value}")).collect();
            pairs.join(between)
        };
        match action {
            Action::Delete => format!("DELETE FROM {table} WHERE {}", pairs(true, " AND ")),
            Action::Update => {
                format!("UPDATE {table} SET {} WHERE {}", pairs(false, ", "), pairs(true, " AND "))
            }
            Action::Insert | Action::Upsert => {
                let conflict = match action {
                    Action::Upsert => self.on_conflict(),
                    _ => String::new(),
                };
                let (columns, values) = (self.listed(), values.join(","));
                format!("INSERT INTO {table}({columns}) VALUES({values}){conflict}")
            }
        }
    }

    /// What follows an update from a source `s` that has the place of each row, so that it takes the last
    /// of those with the same key. The source comes again under the name `l`.
    pub(crate) fn unless_followed(&self, source: &str, expressions: &[String]) -> String {
        let keys = self.columns.iter().zip(expressions).filter(|((_, is_key), _)| *is_key);
        let equal: Vec<_> = keys.map(|((name, _), value)| format!("t.{name} = {value}")).collect();
        let equal = equal.join(" AND ");
        format!(" AND NOT EXISTS (SELECT FROM {source} WHERE {equal} AND l.place > s.place)")
    }

    /// The statement for the rows of a source: `FROM` it, with an expression for each column, which a
    /// name `s` leads to. `override_identity` writes into columns that the database numbers itself.
    pub(crate) fn for_rows_of(
        &self,
        action: Action,
        source: &str,
        expressions: &[String],
        override_identity: bool,
    ) -> String {
        let table = &self.table;
        let pairs = |of_key: bool, left: &str, between: &str| {
            let columns =
                self.columns.iter().zip(expressions).filter(|((_, key), _)| *key == of_key);
            let pairs: Vec<_> =
                columns.map(|((name, _), value)| format!("{left}{name} = {value}")).collect();
            pairs.join(between)
        };
        match action {
            Action::Delete => {
                format!(
                    "DELETE FROM {table} AS t USING {source} WHERE {}",
                    pairs(true, "t.", " AND ")
                )
            }
            Action::Update => format!(
                "UPDATE {table} AS t SET {} FROM {source} WHERE {}",
                pairs(false, "", ", "),
                pairs(true, "t.", " AND ")
            ),
            Action::Insert | Action::Upsert => {
                let identity = if override_identity { " OVERRIDING SYSTEM VALUE" } else { "" };
                let conflict = match action {
                    Action::Upsert => self.on_conflict(),
                    _ => String::new(),
                };
                let (columns, values) = (self.listed(), expressions.join(","));
                format!(
                    "INSERT INTO {table}({columns}){identity} SELECT {values} FROM {source}{conflict}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = vec![("\"k\"".to_owned(), true), ("\"b\"".to_owned(), false)];
        Names { table: "\"t\"".to_owned(), columns }
    }

    #[test]
    fn statements_for_one_row_are_those_of_the_contract() {
        let values = ["?".to_owned(), "?".to_owned()];
        for (action, statement) in [
            (Action::Insert, r#"INSERT INTO "t"("k","b") VALUES(?,?)"#),
            (
                Action::Upsert,
                r#"INSERT INTO "t"("k","b") VALUES(?,?) ON CONFLICT ("k") DO UPDATE SET "b"=EXCLUDED."b""#,
            ),
            (Action::Update, r#"UPDATE "t" SET "b" = ? WHERE "k" = ?"#),
            (Action::Delete, r#"DELETE FROM "t" WHERE "k" = ?"#),
        ] {
            assert_eq!(names().for_one_row(action, &values), statement);
        }
    }

    #[test]
    fn a_row_that_is_all_key_is_added_and_never_changed() {
        let mut names = names();
        names.columns.truncate(1);
        assert_eq!(names.on_conflict(), r#" ON CONFLICT ("k") DO NOTHING"#);
        assert!(names.has_effect(Action::Upsert) && !names.has_effect(Action::Update));
    }
}
