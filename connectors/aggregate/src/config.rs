//! The connector's keys.

use std::time::Duration;

use chrono_tz::Tz;
use connect_api::config::{Config, ConfigKind, ConfigType, Problems};

use crate::{
    definition::{Definition, FieldPath, Measure},
    store::StoreUrl,
};

/// Options of the aggregate sink.
#[derive(Config, Debug)]
#[config(group = "Aggregate", check)]
pub(crate) struct AggregateConfig {
    /// Name of the aggregate in the store and under /aggregates; the connector's name when absent.
    #[config(importance = High, check = PRINTABLE)]
    aggregate_name: Option<String>,
    /// Length of a window in milliseconds. Windows do not overlap and start at multiples of it since
    /// 1970-01-01T00:00:00Z; a record belongs to the window its own time falls into, however late it
    /// comes.
    #[config(key = "window.ms", default = 60000, importance = High, check = at_least(1))]
    window_ms: i64,
    /// Fields that rows are grouped by: names or dotted paths in the value, topic for the topic and
    /// key for the record's key. A record without the field is grouped under null. Empty makes one
    /// row per window.
    #[config(default = "", importance = High, check = UNIQUE)]
    group_by: Vec<FieldPath>,
    /// What is computed per row: count, sum:FIELD, min:FIELD, max:FIELD, avg:FIELD, distinct:FIELD
    /// (hyperloglog, standard error 1.63 %) and top:FIELD (space-saving: a count is too high by at
    /// most one in 10 times top.k of the row's values). The count is always there; a record without
    /// the field counts for count only.
    #[config(default = "count", importance = High, check = [NOT_EMPTY, UNIQUE])]
    measures: Vec<Measure>,
    /// Most values that a top measure shows.
    #[config(key = "top.k", default = 10, importance = Low, check = between(1, 100))]
    top_k: u32,
    /// Field with the time of the record: ISO-8601, milliseconds since the epoch, or
    /// YYYY-MM-DD HH:MM:SS with or without a fraction in the time zone. The record's timestamp when
    /// absent.
    timestamp_field: Option<FieldPath>,
    /// Time zone of times without one, and of the day that rotate.schedule.interval.ms divides.
    #[config(default = "UTC")]
    timezone: Zone,
    /// Database with the rows and offsets: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    /// Tables are made when they are missing. TLS is as sslmode, sslrootcert, sslcert, sslkey and
    /// sslpassword say behind a question mark, which mean what they mean to libpq.
    #[config(group = "Store", default = "sqlite:aggregates.db", importance = High)]
    store_url: StoreUrl,
    /// Milliseconds after its end at which a window is deleted; -1 keeps windows for ever.
    #[config(key = "retention.ms", group = "Store", default = -1, check = at_least(-1))]
    retention_ms: i64,
    /// Records of a partition after which what is held becomes rows of the store. Queries count held
    /// records in any case.
    #[config(key = "flush.size", group = "Flush", default = 10000, check = at_least(1))]
    flush_size: u32,
    /// Milliseconds of record time between the first held record of a partition and the one that
    /// makes what is held rows of the store; -1 is never.
    #[config(key = "rotate.interval.ms", group = "Flush", default = -1, check = at_least(-1))]
    rotate_interval_ms: i64,
    /// Milliseconds by the clock after which what is held becomes rows of the store, in slots that
    /// start at midnight of the time zone; -1 is never.
    #[config(key = "rotate.schedule.interval.ms", group = "Flush", default = 1000, check = at_least(-1))]
    rotate_schedule_interval_ms: i64,
    /// Longest wait for the store to connect or answer, in milliseconds; a longer one is tried again.
    #[config(key = "store.timeout.ms", group = "Store", default = 30000, importance = Low, check = at_least(1))]
    store_timeout: Duration,
}

impl AggregateConfig {
    fn check(&self, problems: &mut Problems) {
        if self.flush().is_never_by_time() && self.flush_size == u32::MAX {
            problems.add("flush.size", self.flush_size, "Nothing would ever be written");
        }
    }

    /// What is computed, under the connector's name unless another one is configured.
    pub(crate) fn definition(&self, connector: &str) -> Definition {
        let measures = self.measures.iter().filter_map(|measure| match measure {
            Measure::Count => None,
            Measure::Field { name, operation, path } => {
                Some((std::sync::Arc::clone(name), *operation, path.clone()))
            }
        });
        Definition {
            name: self.aggregate_name.clone().unwrap_or_else(|| connector.to_owned()),
            window_ms: self.window_ms,
            groups: self.group_by.clone(),
            measures: measures.collect(),
            top_k: usize::try_from(self.top_k).unwrap_or(usize::MAX),
        }
    }

    /// When held records become rows.
    pub(crate) fn flush(&self) -> FlushRules {
        let positive = |ms: i64| (ms > 0).then_some(ms);
        FlushRules {
            size_records: u64::from(self.flush_size),
            interval_ms: positive(self.rotate_interval_ms),
            schedule_ms: positive(self.rotate_schedule_interval_ms),
            zone: self.timezone.0,
        }
    }

    /// Where the record's time is; in the record itself without it.
    pub(crate) const fn timestamp_field(&self) -> Option<&FieldPath> {
        self.timestamp_field.as_ref()
    }

    /// Time zone of times that name none.
    pub(crate) const fn zone(&self) -> Tz {
        self.timezone.0
    }

    /// The database.
    pub(crate) const fn store_url(&self) -> &StoreUrl {
        &self.store_url
    }

    /// Longest wait for the database.
    pub(crate) const fn store_timeout(&self) -> Duration {
        self.store_timeout
    }

    /// Age at which windows are deleted.
    pub(crate) fn retention_ms(&self) -> Option<i64> {
        (self.retention_ms >= 0).then_some(self.retention_ms)
    }
}

/// When held records become rows; the meaning is that of the S3 sink's keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlushRules {
    /// Records of a partition that make it due, themselves included.
    pub(crate) size_records: u64,
    /// Record time since the first held record that makes the earlier ones due.
    pub(crate) interval_ms: Option<i64>,
    /// Length of the slots of the day at whose ends everything is due.
    pub(crate) schedule_ms: Option<i64>,
    /// Zone of that day.
    pub(crate) zone: Tz,
}

impl FlushRules {
    const fn is_never_by_time(&self) -> bool {
        self.interval_ms.is_none() && self.schedule_ms.is_none()
    }
}

/// A time zone by its name in the IANA database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zone(Tz);

impl ConfigType for Zone {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        let zone = text.parse().map_err(|_unknown| {
            format!("\"{text}\" is not a time zone: use a name such as Europe/Berlin or UTC")
        })?;
        Ok(Self(zone))
    }
}
