//! What the aggregates' users call things.

use connect_api::error::ErrorClass;
use connect_postgres::Terms;
use tokio_postgres::error::SqlState;

/// Everything is in the address, but for the time limit.
pub(in crate::store) const TERMS: Terms = Terms {
    address: "\"store.url\"",
    credentials: "the user and the password in \"store.url\"",
    user: "the user in \"store.url\"",
    patience: "Raise \"store.timeout.ms\"",
    property: |name| format!("\"{name}\" in \"store.url\""),
    meaning,
};

fn meaning(state: &SqlState) -> (ErrorClass, Option<&'static str>) {
    match state.code().get(..2) {
        Some("3F") => {
            (ErrorClass::Invalid, Some("Let the user's search_path name a schema that exists"))
        }
        // Connection, resources, operator, system, or a transaction that lost a race.
        Some("08" | "40" | "53" | "55" | "57" | "58") => (ErrorClass::Retriable, None),
        _ => (ErrorClass::Internal, None),
    }
}
