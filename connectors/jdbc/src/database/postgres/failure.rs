//! What goes wrong with PostgreSQL, and what follows from it.

use std::error::Error as _;

use connect_api::error::{ConnectorError, ErrorClass};
use tokio_postgres::error::{DbError, SqlState};

/// What went wrong between us and the database.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database or the connection.
    Postgres(tokio_postgres::Error),
    /// The connection ended while work was under way.
    Closed,
    /// No answer in time.
    Late,
    /// Something that the database has no part in.
    Other(ConnectorError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::Other(error)
    }
}

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

impl Failure {
    /// Whether something is there already that a statement should make. Two that make a table at once may
    /// also collide in the catalogue's own keys.
    pub(super) fn is_there(&self) -> bool {
        self.answer().is_some_and(|answer| {
            *answer.code() == SqlState::UNIQUE_VIOLATION || DUPLICATES.contains(answer.code())
        })
    }

    fn answer(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            _ => None,
        }
    }

    /// What it is about.
    pub(super) fn about(&self) -> About {
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

    /// Whether a table cannot be made, extended or looked up because of what it should be: its name, its
    /// columns, their defaults.
    pub(super) fn is_of_definition(&self) -> bool {
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

    /// An error about the records whose table it should be.
    pub(super) fn of_definition(&self, of: &str) -> ConnectorError {
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

    /// Whether it is about the type of a column, or of a value for it.
    pub(super) fn is_of_type(&self) -> bool {
        let Some(state) = self.answer().map(DbError::code) else { return false };
        let states =
            [SqlState::DATATYPE_MISMATCH, SqlState::CANNOT_COERCE, SqlState::UNDEFINED_FUNCTION];
        states.contains(state) || state.code().starts_with("22")
    }

    /// Whether a record may be without blame: a constraint looks at other rows too, and a trigger
    /// wherever it likes.
    pub(super) fn may_pass(&self) -> bool {
        let class = self.answer().and_then(|answer| answer.code().code().get(..2));
        matches!(class, Some("23" | "P0"))
    }

    /// What the server says, for the end of a sentence.
    pub(super) fn words(&self) -> String {
        let Some(answer) = self.answer() else { return "it does not say why".to_owned() };
        let mut words = format!("{} (SQLSTATE {}", answer.message(), answer.code().code());
        for (name, text) in [("", answer.detail()), ("hint: ", answer.hint())] {
            if let Some(text) = text {
                words.push_str("; ");
                words.push_str(name);
                words.push_str(text.trim_end_matches('.'));
            }
        }
        words.push(')');
        words
    }

    /// The failure as the worker understands it.
    pub(super) fn explain(self, shown: &str) -> ConnectorError {
        let error = match self {
            Self::Other(error) => return error,
            Self::Closed => {
                let message = format!("Lost the connection to {shown}: the server closed it");
                return ConnectorError::retriable(message);
            }
            Self::Late => {
                return ConnectorError::retriable(format!("{shown} did not answer in time"))
                    .hint("Set \"connection.socketTimeout\" to more seconds if it is only slow");
            }
            Self::Postgres(ref error) => error,
        };
        let Some(answer) = error.as_db_error() else { return self.explain_connection(shown) };
        let message = format!("{shown} refused: {}", self.words());
        let (class, hint) = meaning(answer.code());
        let explained = ConnectorError::new(class, message);
        match hint {
            Some(hint) => explained.hint(hint),
            None => explained,
        }
    }

    fn explain_connection(self, shown: &str) -> ConnectorError {
        let Self::Postgres(error) = self else {
            return ConnectorError::internal("A failure of the connection has no cause");
        };
        let text = error.to_string();
        if text.contains("TLS") {
            return ConnectorError::invalid(format!("Could not speak TLS with {shown}"))
                .hint(
                    "Set \"connection.sslmode\" to what the server offers, and \
                     \"connection.sslrootcert\" to the file with its authority's certificate",
                )
                .caused_by(error);
        }
        if text.contains("password missing") || text.contains("invalid configuration") {
            let message = format!("{shown} asks for what the configuration does not have");
            return ConnectorError::invalid(message)
                .hint("Set \"connection.user\" and \"connection.password\"")
                .caused_by(error);
        }
        let failure = match error.source() {
            Some(_) if !error.is_closed() => {
                ConnectorError::retriable(format!("Could not connect to {shown}"))
                    .hint("Check \"connection.url\", and whether the server is up")
            }
            _ => ConnectorError::retriable(format!("Lost the connection to {shown}")),
        };
        failure.caused_by(error)
    }
}

/// What follows from a state, and what may help.
fn meaning(state: &SqlState) -> (ErrorClass, Option<&'static str>) {
    match state.code().get(..2) {
        Some("28") => {
            (ErrorClass::Forbidden, Some("Look at \"connection.user\" and \"connection.password\""))
        }
        _ if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
            (ErrorClass::Forbidden, Some("Grant it to the user of \"connection.user\""))
        }
        _ if *state == SqlState::INVALID_COLUMN_REFERENCE => (
            ErrorClass::Invalid,
            Some("An upsert needs a unique index or primary key on the columns of \"pk.fields\""),
        ),
        _ if *state == SqlState::UNDEFINED_OBJECT => {
            (ErrorClass::Invalid, Some("For a geometry, run CREATE EXTENSION postgis"))
        }
        Some("3D") => {
            (ErrorClass::Invalid, Some("Name a database that exists in \"connection.url\""))
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
