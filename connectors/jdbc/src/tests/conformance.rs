//! The conformance suite, on both databases and in both modes that promise something.

use connect_api::{
    config::Props,
    record::{SinkRecord, TopicPartition},
    sink::SinkConnector,
};
use connect_testkit::sink::{Fault, Handling, SinkFixture};

use super::support::{Far, When, record, with_id};

/// Takes every id but `bad`.
const TABLE: &str = "CREATE TABLE rows (id VARCHAR(99) NOT NULL CHECK (id <> 'bad'));";

/// PostgreSQL, or SQLite in its place where there is none, which is said.
async fn postgres_or_sqlite() -> Far {
    Far::on_postgres().await.unwrap_or_else(Far::on_sqlite)
}

async fn inserting(far: Far) -> Far {
    far.query(TABLE).await.unwrap();
    far
}

/// What both fixtures of both databases have in common.
macro_rules! fixture {
    ($name:ident, $start:expr, $tombstones:ident, $null_keys:ident) => {
        struct $name(Far);

        impl SinkFixture for $name {
            async fn start() -> Self {
                Self($start)
            }

            fn connector(&self) -> Box<dyn SinkConnector> {
                Box::new(self.0.sink())
            }

            fn props(&self) -> Props {
                self.0.props()
            }

            fn lost(&self) -> &'static [(&'static str, &'static str)] {
                &[("connection.url", "jdbc:postgresql://127.0.0.1:1/rows")]
            }

            async fn arrived(&self) -> Vec<String> {
                self.0.column("id").await
            }

            fn tombstones(&self) -> Handling {
                Handling::$tombstones
            }

            fn null_keys(&self) -> Handling {
                Handling::$null_keys
            }

            fn record(&self, origin: &TopicPartition, offset: i64, id: &str) -> SinkRecord {
                record(origin, offset, id, with_id(id))
            }

            fn bad_record(&self, origin: &TopicPartition, offset: i64) -> Option<SinkRecord> {
                let is_checked = self.0.props().get("insert.mode").is_none();
                is_checked.then(|| record(origin, offset, "bad", with_id("bad")))
            }

            fn fail_next(&self, fault: Fault) -> bool {
                self.0.fail_next_write(match fault {
                    Fault::BeforeWrite => When::Before,
                    Fault::AfterWrite => When::After,
                });
                true
            }
        }
    };
}

mod insert_on_sqlite {
    use super::*;

    fixture!(Rows, inserting(Far::on_sqlite()).await, Rejected, Delivered);
    connect_testkit::sink_conformance!(Rows);
}

mod insert_on_postgres {
    use super::*;

    fixture!(Rows, inserting(postgres_or_sqlite().await).await, Rejected, Delivered);
    connect_testkit::sink_conformance!(Rows);
}

mod upsert_on_sqlite {
    use super::*;

    fixture!(Rows, Far::on_sqlite().keyed(), Deletes, Rejected);
    connect_testkit::sink_conformance!(Rows);
}

mod upsert_on_postgres {
    use super::*;

    fixture!(Rows, postgres_or_sqlite().await.keyed(), Deletes, Rejected);
    connect_testkit::sink_conformance!(Rows);
}
