//! What follows from what goes wrong with PostgreSQL.

use connect_api::error::{ConnectorError, ErrorClass};
use connect_postgres::{Failure, Terms};
use tokio_postgres::error::{DbError, SqlState};

/// What users of these sinks call things.
pub(super) const TERMS: Terms = Terms {
    address: "\"connection.url\"",
    credentials: "\"connection.user\" and \"connection.password\"",
    user: "the user of \"connection.user\"",
    patience: "Set \"connection.socketTimeout\" to more seconds",
    property: |name| format!("\"connection.{name}\""),
    meaning,
};

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// One record, or several of a statement.
    Record,
    /// A table that is not what it was taken for.
    Table,
    /// Something that is there already.
    There,
    /// The connection, the permission, the statement.
    Rest,
}

/// What is said of something that is there already.
const DUPLICATES: [SqlState; 3] =
    [SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_COLUMN, SqlState::DUPLICATE_OBJECT];

/// What a failure is about, and what follows from it.
pub(super) trait Judgement {
    /// Whether something is there already that a statement should make. Two that make a table at once may
    /// also collide in the catalogue's own keys.
    fn is_there(&self) -> bool;

    /// What it is about.
    fn about(&self) -> About;

    /// Whether a table cannot be made, extended or looked up because of what it should be: its name, its
    /// columns, their defaults.
    fn is_of_definition(&self) -> bool;

    /// An error about the records whose table it should be.
    fn of_definition(&self, of: &str) -> ConnectorError;

    /// Whether it is about the type of a column, or of a value for it.
    fn is_of_type(&self) -> bool;

    /// Whether a record may be without blame: a constraint looks at other rows too, and a trigger
    /// wherever it likes.
    fn may_pass(&self) -> bool;
}

impl Judgement for Failure {
    fn is_there(&self) -> bool {
        self.answer().is_some_and(|answer| {
            *answer.code() == SqlState::UNIQUE_VIOLATION || DUPLICATES.contains(answer.code())
        })
    }

    fn about(&self) -> About {
        let Some(answer) = self.answer() else { return About::Rest };
        let state = answer.code();
        let code = state.code();
        if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN].contains(state) {
            return About::Table;
        }
        match code.get(..2) {
            _ if DUPLICATES.contains(state) => About::There,
            // Values, constraints, a key twice in one statement, a view's rule, a trigger's word.
            Some("21" | "22" | "23" | "44" | "P0") => About::Record,
            // A value too long for an index; a type that takes no such text.
            _ if code == "54000" => About::Record,
            _ if *state == SqlState::DATATYPE_MISMATCH => About::Record,
            _ => About::Rest,
        }
    }

    fn is_of_definition(&self) -> bool {
        let Some(answer) = self.answer() else { return false };
        let state = answer.code();
        // The schema; a database other than this one; words that mean something else; names; limits.
        let states = [
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::SYNTAX_ERROR,
            SqlState::INVALID_NAME,
            SqlState::NAME_TOO_LONG,
            SqlState::RESERVED_NAME,
            SqlState::INVALID_COLUMN_DEFINITION,
            SqlState::INVALID_TABLE_DEFINITION,
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            SqlState::TOO_MANY_COLUMNS,
        ];
        states.contains(state) || self.about() == About::Record
    }

    fn of_definition(&self, of: &str) -> ConnectorError {
        let state = self.answer().map(DbError::code);
        let remedy = match state {
            Some(state) if *state == SqlState::INVALID_SCHEMA_NAME => {
                ". Create the schema that \"table.name.format\" names"
            }
            Some(state) if *state == SqlState::SYNTAX_ERROR => {
                ". Names that are words of SQL need \"quote.sql.identifiers=always\""
            }
            _ => "",
        };
        ConnectorError::record(format!("{of}: {}{remedy}", self.words()))
    }

    fn is_of_type(&self) -> bool {
        let Some(state) = self.answer().map(DbError::code) else { return false };
        let states =
            [SqlState::DATATYPE_MISMATCH, SqlState::CANNOT_COERCE, SqlState::UNDEFINED_FUNCTION];
        states.contains(state) || state.code().starts_with("22")
    }

    fn may_pass(&self) -> bool {
        let class = self.answer().and_then(|answer| answer.code().code().get(..2));
        matches!(class, Some("23" | "P0"))
    }
}

/// What follows from a state, and what may help.
fn meaning(state: &SqlState) -> (ErrorClass, Option<&'static str>) {
    match state.code().get(..2) {
        _ if *state == SqlState::INVALID_COLUMN_REFERENCE => (
            ErrorClass::Invalid,
            Some("An upsert needs a unique index or primary key on the columns of \"pk.fields\""),
        ),
        _ if *state == SqlState::UNDEFINED_OBJECT => {
            (ErrorClass::Invalid, Some("For a geometry, run CREATE EXTENSION postgis"))
        }
        Some("3F") => (
            ErrorClass::Invalid,
            Some(
                "Create the schema that is named, or name another one in \"connection.currentSchema\"",
            ),
        ),
        Some("0A") => (
            ErrorClass::Invalid,
            Some("Look at \"insert.mode\" and at what the table is: it takes no such statement"),
        ),
        // A limit of time that the next attempt may not keep to either.
        _ if *state == SqlState::QUERY_CANCELED => (ErrorClass::Conflict, None),
        // Shutting down or starting up.
        Some("57" | "08") => (ErrorClass::Retriable, None),
        // A transaction that lost a race; resources, locks, the system.
        Some("40" | "53" | "55" | "58") => (ErrorClass::Conflict, None),
        Some("XX") => (ErrorClass::Internal, None),
        _ => (ErrorClass::Invalid, None),
    }
}
