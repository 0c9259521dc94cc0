//! The suite of all sinks, on SQLite and, where the tests were given one, on PostgreSQL.

use connect_testkit::sink_conformance;

use crate::test_support::Aggregate;

sink_conformance!(Aggregate);
