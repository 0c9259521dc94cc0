//! What goes wrong with PostgreSQL.

use std::error::Error as _;

use connect_api::error::{ConnectorError, ErrorClass};
use tokio_postgres::error::{DbError, SqlState};

/// What users of a connector call things, for the remedies of errors.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Where the address is, such as `"connection.url"` with its quotes.
    pub address: &'static str,
    /// Where the user and the password are.
    pub credentials: &'static str,
    /// The user, such as `the user of "connection.user"`.
    pub user: &'static str,
    /// How to wait longer for an answer: a sentence's beginning.
    pub patience: &'static str,
    /// Where a property of TLS is.
    pub property: fn(&str) -> String,
    /// What follows from a state that the server reports, and what may help, where it is not about a
    /// password, a privilege or a missing database.
    pub meaning: fn(&SqlState) -> (ErrorClass, Option<&'static str>),
}

/// What went wrong between us and the database.
#[derive(Debug)]
pub enum Failure {
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

impl Failure {
    /// What the server answered, where it did.
    #[must_use]
    pub fn answer(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            Self::Closed | Self::Late | Self::Other(_) => None,
        }
    }

    /// What the server says, for the end of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
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

    /// The failure as the worker understands it; `shown` is the database.
    #[must_use]
    pub fn explain(self, shown: &str, terms: &Terms) -> ConnectorError {
        let answered = self.answer().map(|answer| meaning(answer.code(), terms));
        if let Some((class, hint)) = answered {
            let explained =
                ConnectorError::new(class, format!("{shown} refused: {}", self.words()));
            return match hint {
                Some(hint) => explained.hint(hint),
                None => explained,
            };
        }
        match self {
            Self::Other(error) => error,
            Self::Closed => {
                let message = format!("Lost the connection to {shown}: the server closed it");
                ConnectorError::retriable(message)
            }
            Self::Late => ConnectorError::retriable(format!("{shown} did not answer in time"))
                .hint(format!("{} if it is only slow", terms.patience)),
            Self::Postgres(error) => explain_connection(error, shown, terms),
        }
    }
}

/// What follows from a state, and what may help.
fn meaning(state: &SqlState, terms: &Terms) -> (ErrorClass, Option<String>) {
    match state.code().get(..2) {
        // Wrong password or no such role.
        Some("28") => (ErrorClass::Forbidden, Some(format!("Look at {}", terms.credentials))),
        _ if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
            (ErrorClass::Forbidden, Some(format!("Grant it to {}", terms.user)))
        }
        Some("3D") => {
            (ErrorClass::Invalid, Some(format!("Name a database that exists in {}", terms.address)))
        }
        _ => {
            let (class, hint) = (terms.meaning)(state);
            (class, hint.map(str::to_owned))
        }
    }
}

fn explain_connection(error: tokio_postgres::Error, shown: &str, terms: &Terms) -> ConnectorError {
    let text = error.to_string();
    let explained = if text.contains("TLS") {
        let (mode, roots) = ((terms.property)("sslmode"), (terms.property)("sslrootcert"));
        ConnectorError::invalid(format!("Could not speak TLS with {shown}")).hint(format!(
            "Set {mode} to what the server offers, and {roots} to the file with its authority's \
             certificate"
        ))
    } else if text.contains("password missing") || text.contains("invalid configuration") {
        let message = format!("{shown} asks for what the configuration does not have");
        ConnectorError::invalid(message).hint(format!("Set {}", terms.credentials))
    } else if error.source().is_some() && !error.is_closed() {
        ConnectorError::retriable(format!("Could not connect to {shown}"))
            .hint(format!("Check {}, and whether the server is up", terms.address))
    } else {
        ConnectorError::retriable(format!("Lost the connection to {shown}"))
    };
    explained.caused_by(error)
}
