//! Options that are one of a few words.

use connect_api::config::choice;

choice! {
    /// How a record with a value is written.
    pub(crate) enum InsertMode {
        /// A new row.
        Insert = "insert",
        /// A new row, or a change of the one with the same key.
        Upsert = "upsert",
        /// A change of the row with the same key; none where there is no such row.
        Update = "update",
    }
}

choice! {
    /// Where the key columns come from.
    pub(crate) enum PkMode {
        /// There are none.
        None = "none",
        /// Topic, partition and offset.
        Kafka = "kafka",
        /// The record's key.
        RecordKey = "record_key",
        /// Fields of the value.
        RecordValue = "record_value",
    }
}

choice! {
    /// Whether names are quoted in statements.
    pub(crate) enum Quoting {
        /// Case is kept.
        Always = "always",
        /// The database folds case.
        Never = "never",
    }
}

choice! {
    /// Zone that dates are converted in.
    pub(crate) enum DateZone {
        /// That of `db.timezone`.
        Database = "DB_TIMEZONE",
        /// None: a date is the same everywhere.
        Utc = "UTC",
    }
}

choice! {
    /// Unit of whole numbers in the fields of `timestamp.fields.list`.
    pub(crate) enum TimestampPrecision {
        /// Microseconds since the epoch.
        Microseconds = "microseconds",
        /// Nanoseconds since the epoch.
        Nanoseconds = "nanoseconds",
    }
}

choice! {
    /// Calendar of dates before 1582.
    pub(crate) enum DateCalendar {
        /// Java's, which is Julian then.
        Legacy = "LEGACY",
        /// ISO-8601's.
        ProlepticGregorian = "PROLEPTIC_GREGORIAN",
    }
}

choice! {
    /// What may be written to.
    pub(crate) enum TableType {
        /// An ordinary table.
        Table = "TABLE",
        /// A table that consists of others.
        PartitionedTable = "PARTITIONED TABLE",
        /// A view that takes rows.
        View = "VIEW",
    }
}
