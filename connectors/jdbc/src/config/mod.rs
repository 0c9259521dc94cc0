//! Options of the JDBC sink, as users write them.
//!
//! Source: confluentinc/kafka-connect-jdbc `JdbcSinkConfig.java`, Aiven-Open/jdbc-connector-for-apache-kafka.

mod url;
mod words;

use std::time::Duration;

use chrono_tz::Tz;
use connect_api::config::{Config, ConfigKind, ConfigType, Problems, Props, Secret};

pub(crate) use self::{
    url::{DriverProperties, JdbcUrl},
    words::{DateCalendar, DateZone, InsertMode, PkMode, Quoting, TableType, TimestampPrecision},
};
use crate::layout::TableName;

/// Key columns of `pk.mode=kafka` when none are named.
pub(crate) const KAFKA_KEYS: [&str; 3] =
    ["__connect_topic", "__connect_partition", "__connect_offset"];

/// Dialects by the names they have here, with what addresses of theirs begin with.
const DIALECTS: [(&str, &str); 2] =
    [("PostgreSqlDatabaseDialect", "jdbc:postgresql:"), ("SqliteDatabaseDialect", "jdbc:sqlite:")];

/// Options of the JDBC sink.
#[derive(Config, Debug)]
#[config(group = "Writes", check, open = "connection.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub(crate) struct JdbcSinkConfig {
    /// Address of the database: jdbc:postgresql://HOST:PORT/DATABASE with properties of the driver
    /// after a question mark, or jdbc:sqlite:PATH. Other keys that begin with connection. are
    /// properties of the driver too.
    #[config(group = "Connection", importance = High)]
    connection_url: String,
    /// User to sign in as.
    #[config(group = "Connection", importance = High)]
    connection_user: Option<String>,
    /// Password of the user.
    #[config(group = "Connection", importance = High)]
    connection_password: Option<Secret<String>>,
    /// Accepted, and without meaning: a database that is away is tried again for as long as it takes.
    #[config(group = "Connection", importance = Low, default = 3, check = at_least(1))]
    #[expect(dead_code, reason = "accepted, and without meaning")]
    connection_attempts: u32,
    /// Milliseconds between two attempts to connect.
    #[config(key = "connection.backoff.ms", group = "Connection", importance = Low, default = 10000)]
    pub(crate) connection_backoff: Duration,
    /// Accepted, and without meaning: credentials come from the keys above, which may be references.
    #[config(key = "jdbc.credentials.provider.class", group = "Connection", importance = Low)]
    #[expect(dead_code, reason = "accepted, and without meaning")]
    credentials_provider: Option<String>,
    /// Dialect, such as `PostgreSqlDatabaseDialect` or `SqliteDatabaseDialect`; that of the address
    /// when empty.
    #[config(group = "Connection", importance = Low, default = "", recommended = ["", "PostgreSqlDatabaseDialect", "SqliteDatabaseDialect"])]
    dialect_name: String,
    /// How a record with a value is written: insert adds a row, upsert adds or changes it, update
    /// changes it and adds none.
    #[config(importance = High, default = InsertMode::Insert)]
    pub(crate) insert_mode: InsertMode,
    /// Most rows of one statement.
    #[config(default = 3000, check = at_least(1))]
    pub(crate) batch_size: usize,
    /// Whether a record without a value deletes the row of its key. Needs `pk.mode=record_key`.
    #[config(default = false)]
    pub(crate) delete_enabled: bool,
    /// Types of tables that may be written to.
    #[config(importance = Low, default = "TABLE")]
    pub(crate) table_types: Vec<TableType>,
    /// Name of the table, in which ${topic} is the topic. What stands before a point is a schema.
    #[config(group = "Data Mapping", default = "${topic}", check = NOT_EMPTY)]
    pub(crate) table_name_format: String,
    /// Whether everything in a table's name that is neither a letter or digit of ASCII nor `_` becomes `_`:
    /// points too, so that there is no schema. A key of Aiven's.
    #[config(group = "Data Mapping", importance = Low, default = false)]
    table_name_normalize: bool,
    /// Tables of topics, as topic:table, in the place of names that table.name.format gives: a topic that is
    /// not there has no table then. A key of Aiven's.
    #[config(key = "topics.to.tables.mapping", group = "Data Mapping", importance = Low, default = "")]
    tables_of_topics: Vec<String>,
    /// Where the key columns come from.
    #[config(group = "Data Mapping", importance = High, default = PkMode::None)]
    pub(crate) pk_mode: PkMode,
    /// Names of the key columns: with kafka three, or none for the usual ones; with a key that is no
    /// struct exactly one; otherwise fields, or none for all of them.
    #[config(group = "Data Mapping", default = "", check = UNIQUE)]
    pub(crate) pk_fields: Vec<String>,
    /// Fields of the value that become columns; all of them when empty. Key columns are always there.
    #[config(group = "Data Mapping", default = "", check = UNIQUE)]
    pub(crate) fields_whitelist: Vec<String>,
    /// Time zone of columns without one.
    #[config(group = "Data Mapping", default = "UTC")]
    db_timezone: Zone,
    /// Zone that dates are converted in: that of db.timezone, in which a date west of Greenwich becomes
    /// the day before, or UTC.
    #[config(group = "Data Mapping", importance = Low, default = DateZone::Database)]
    date_timezone: DateZone,
    /// Accepted, and without meaning: dates are always those of ISO-8601.
    #[config(group = "Data Mapping", importance = Low, default = DateCalendar::Legacy)]
    #[expect(dead_code, reason = "accepted, and without meaning")]
    date_calendar_system: DateCalendar,
    /// Fields of the value that are written as timestamps: whole numbers since the epoch, or text.
    #[config(group = "Data Mapping", default = "", check = UNIQUE)]
    pub(crate) timestamp_fields_list: Vec<String>,
    /// Unit of whole numbers in the fields of timestamp.fields.list.
    #[config(group = "Data Mapping", importance = Low, default = TimestampPrecision::Microseconds)]
    pub(crate) timestamp_precision_mode: TimestampPrecision,
    /// Column of values that are plain text.
    #[config(group = "Data Mapping", importance = Low, default = "record_value", check = NOT_EMPTY)]
    pub(crate) string_output_value_column_name: String,
    /// Whether a missing value is written as the default of its field.
    #[config(group = "Data Mapping", importance = Low, default = true)]
    pub(crate) replace_null_with_default: bool,
    /// Field of the value with the X, or longitude, of a point that is written to geometry.column.
    #[config(group = "Geometry")]
    pub(crate) geometry_x_field: Option<String>,
    /// Field of the value with the Y, or latitude, of the point.
    #[config(group = "Geometry")]
    pub(crate) geometry_y_field: Option<String>,
    /// Spatial reference system of the point: 4326 is longitude and latitude.
    #[config(group = "Geometry", default = 4326, check = between(0, 999_999))]
    pub(crate) geometry_srid: u32,
    /// Column of the point, of PostGIS' type geometry or geography.
    #[config(group = "Geometry", default = "geom", check = NOT_EMPTY)]
    pub(crate) geometry_column: String,
    /// Whether a missing table is created.
    #[config(group = "DDL Support", default = false)]
    pub(crate) auto_create: bool,
    /// Whether missing columns are added. A column is never changed or removed.
    #[config(group = "DDL Support", default = false)]
    pub(crate) auto_evolve: bool,
    /// Whether names are quoted, so that their case is kept.
    #[config(group = "DDL Support", default = Quoting::Always)]
    pub(crate) quote_sql_identifiers: Quoting,
    /// Accepted, and without meaning: it is about another database.
    #[config(key = "mssql.use.merge.holdlock", group = "DDL Support", importance = Low, default = true)]
    #[expect(dead_code, reason = "accepted, and without meaning")]
    mssql_holdlock: bool,
    /// Times that a batch which the database could not take is tried again: a deadlock or a lack of
    /// resources, before the task fails; a constraint or a trigger, before its record is a bad one. A
    /// database that is away does not count, it is waited for.
    #[config(group = "Retries", default = 10, check = at_least(0))]
    pub(crate) max_retries: u32,
    /// Milliseconds before a batch is tried again.
    #[config(key = "retry.backoff.ms", kind = Int, group = "Retries", default = 3000)]
    pub(crate) retry_backoff: Duration,
    /// Accepted, and without meaning: values are never logged.
    #[config(group = "Retries", importance = Low, default = false)]
    #[expect(dead_code, reason = "accepted, and without meaning")]
    trim_sensitive_log: bool,
    /// Table that insert.mode=insert keeps its offsets in, in the same transaction as the rows, so that
    /// each record is one row whatever fails. Created when it is missing; empty does without, and a
    /// crash then writes rows twice.
    #[config(group = "Delivery", default = "millrace_offsets")]
    pub(crate) offsets_table: String,
}

impl JdbcSinkConfig {
    /// Name of a topic's table.
    ///
    /// # Errors
    /// The reason when it has none, or one that is no name.
    pub(crate) fn table(&self, topic: &str) -> Result<TableName, String> {
        if self.tables_of_topics.is_empty() {
            let name = self.table_name_format.replace("${topic}", topic);
            let name = if self.table_name_normalize { normal(&name) } else { name };
            let remedy = "Set \"table.name.format\" or rename the topic with a transformation";
            return TableName::parse(&name).map_err(|reason| format!("{reason}. {remedy}"));
        }
        let mut pairs = self.tables_of_topics.iter().filter_map(|pair| pair.split_once(':'));
        let table = pairs.find_map(|(of, table)| (of.trim() == topic).then_some(table.trim()));
        table.map_or_else(
            || {
                Err(format!(
                    "topic \"{topic}\" has no table in \"topics.to.tables.mapping\". Add it there, or \
                     do not read the topic"
                ))
            },
            TableName::parse,
        )
    }

    fn check(&self, problems: &mut Problems) {
        self.check_address(problems);
        self.check_tables(problems);
        self.check_keys(problems);
        self.check_geometry(problems);
    }

    fn check_address(&self, problems: &mut Problems) {
        if let Err(reason) = JdbcUrl::parse(&self.connection_url) {
            problems.add("connection.url", "[hidden]", reason);
            return;
        }
        let wanted = self.dialect_name.as_str();
        if wanted.is_empty() {
            return;
        }
        match DIALECTS.iter().find(|(name, _)| *name == wanted) {
            None => {
                let names = DIALECTS.map(|(name, _)| name).join(", ");
                let reason = format!("Supported here are {names}; empty takes that of the address");
                problems.add("dialect.name", wanted, reason);
            }
            Some((_, start)) if !self.connection_url.starts_with(start) => {
                let reason = format!("The address of connection.url does not begin with {start}");
                problems.add("dialect.name", wanted, reason);
            }
            Some(_) => {}
        }
    }

    fn check_tables(&self, problems: &mut Problems) {
        let is_pair = |pair: &str| {
            pair.split_once(':').is_some_and(|(topic, table)| {
                !topic.trim().is_empty() && TableName::parse(table.trim()).is_ok()
            })
        };
        if let Some(wrong) = self.tables_of_topics.iter().find(|pair| !is_pair(pair)) {
            let reason = format!("\"{wrong}\" is not of the form topic:table");
            problems.add("topics.to.tables.mapping", self.tables_of_topics.join(","), reason);
        }
        if self.keeps_offsets()
            && let Err(reason) = TableName::parse(&self.offsets_table)
        {
            problems.add("offsets.table", &self.offsets_table, reason);
        }
    }

    fn check_keys(&self, problems: &mut Problems) {
        let count = self.pk_fields.len();
        if self.insert_mode != InsertMode::Insert && self.pk_mode == PkMode::None {
            let reason = format!(
                "insert.mode={} needs key columns: set pk.mode to kafka, record_key or record_value",
                self.insert_mode
            );
            problems.add("pk.mode", self.pk_mode, reason);
        }
        if self.delete_enabled && self.pk_mode != PkMode::RecordKey {
            let reason = "A row to delete is found by the record's key: set pk.mode=record_key";
            problems.add("delete.enabled", true, reason);
        }
        if self.pk_mode == PkMode::Kafka && count != 0 && count != KAFKA_KEYS.len() {
            let reason =
                "pk.mode=kafka needs three names, for topic, partition and offset, or none";
            problems.add("pk.fields", self.pk_fields.join(","), reason);
        }
    }

    fn check_geometry(&self, problems: &mut Problems) {
        let fields = [
            ("geometry.x.field", &self.geometry_x_field),
            ("geometry.y.field", &self.geometry_y_field),
        ];
        let given = fields.iter().filter(|(_, field)| field.is_some()).count();
        for (key, _) in fields.iter().filter(|(_, field)| field.is_none() && given == 1) {
            problems.add(key, "null", "A point needs both geometry.x.field and geometry.y.field");
        }
        if given > 0 && self.connection_url.starts_with("jdbc:sqlite:") {
            let reason = "Points are written to PostGIS: use a jdbc:postgresql address";
            problems.add("geometry.x.field", self.x_field(), reason);
        }
    }

    fn x_field(&self) -> &str {
        self.geometry_x_field.as_deref().unwrap_or_default()
    }

    /// Fields of a point.
    pub(crate) fn point(&self) -> Option<(&str, &str)> {
        self.geometry_x_field.as_deref().zip(self.geometry_y_field.as_deref())
    }

    /// Zones of what has none.
    pub(crate) const fn zones(&self) -> Zones {
        let of_times = self.db_timezone.0;
        let of_dates = match self.date_timezone {
            DateZone::Database => of_times,
            DateZone::Utc => Tz::UTC,
        };
        Zones { of_times, of_dates }
    }

    /// Name of the table of offsets.
    ///
    /// # Errors
    /// `Invalid` when it is none, which parsing has checked.
    pub(crate) fn offsets_table(&self) -> connect_api::error::Result<TableName> {
        TableName::parse(&self.offsets_table).map_err(connect_api::error::ConnectorError::invalid)
    }

    /// Whether offsets are kept beside the rows.
    pub(crate) fn keeps_offsets(&self) -> bool {
        self.insert_mode == InsertMode::Insert && !self.offsets_table.is_empty()
    }

    /// Who to connect to, and how.
    ///
    /// # Errors
    /// `Invalid` when the address is none, which parsing has checked.
    pub(crate) fn access(&self, props: &Props) -> connect_api::error::Result<Access> {
        let url = JdbcUrl::parse(&self.connection_url)
            .map_err(connect_api::error::ConnectorError::invalid)?;
        let own: Vec<_> = Self::def().keys().iter().map(|key| key.name.clone()).collect();
        let mut properties = match &url {
            JdbcUrl::Postgres { properties, .. } => properties.clone(),
            JdbcUrl::Sqlite(_) => DriverProperties::new(),
        };
        let further = props.with_prefix("connection.");
        properties.extend(
            further
                .iter()
                .filter(|(key, _)| !own.iter().any(|own| *own == format!("connection.{key}")))
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let in_url = properties.remove("password").map(Secret::new);
        let user = self.connection_user.clone().or_else(|| properties.get("user").cloned());
        properties.remove("user");
        Ok(Access { url, user, password: self.connection_password.clone().or(in_url), properties })
    }

    /// Keys that were set and mean nothing here.
    pub(crate) fn keys_without_meaning(&self, props: &Props) -> Vec<&'static str> {
        [
            "connection.attempts",
            "jdbc.credentials.provider.class",
            "date.calendar.system",
            "mssql.use.merge.holdlock",
            "trim.sensitive.log",
        ]
        .into_iter()
        .filter(|key| props.contains_key(key))
        .collect()
    }
}

/// Zones that what has none is converted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zones {
    /// That of times and timestamps.
    pub(crate) of_times: Tz,
    /// That of dates.
    pub(crate) of_dates: Tz,
}

/// Who to connect to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// The database.
    pub(crate) url: JdbcUrl,
    /// User to sign in as.
    pub(crate) user: Option<String>,
    /// The user's password.
    pub(crate) password: Option<Secret<String>>,
    /// Properties of the driver, without user and password.
    pub(crate) properties: DriverProperties,
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

/// A name in which everything that could have a meaning is `_`.
fn normal(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use connect_api::config::validate;

    use super::*;

    fn problems(props: &Props) -> Vec<String> {
        validate::<JdbcSinkConfig>(props).into_iter().flat_map(|value| value.errors).collect()
    }

    fn props<const N: usize>(more: [(&str, &str); N]) -> Props {
        let mut props = Props::from([("connection.url", "jdbc:postgresql://db/geo")]);
        props.extend(more);
        props
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = JdbcSinkConfig::parse(&props([])).unwrap();
        assert_eq!((config.insert_mode, config.pk_mode), (InsertMode::Insert, PkMode::None));
        assert_eq!((config.batch_size, config.max_retries), (3000, 10));
        assert_eq!(config.retry_backoff, Duration::from_secs(3));
        let def = JdbcSinkConfig::def();
        assert_eq!(def.get("retry.backoff.ms").unwrap().kind, ConfigKind::Int);
        assert_eq!(config.table_name_format, "${topic}");
        assert_eq!(config.table_types, [TableType::Table]);
        assert_eq!(config.string_output_value_column_name, "record_value");
        assert!(config.replace_null_with_default && config.keeps_offsets());
        assert!(!config.auto_create && !config.auto_evolve && !config.delete_enabled);
    }

    #[test]
    fn a_topic_finds_its_table_by_format_or_by_mapping() {
        let mapped = ("topics.to.tables.mapping", "a.b:public.t, c:u");
        for (more, topic, expected) in [
            (vec![], "a.b", Ok("a.b")),
            (
                vec![("table.name.format", "x.${topic}_é"), ("table.name.normalize", "true")],
                "a-b",
                Ok("x_a_b__"),
            ),
            (vec![mapped], "a.b", Ok("public.t")),
            (vec![mapped, ("table.name.normalize", "true")], "c", Ok("u")),
            (vec![mapped], "other", Err("has no table in \"topics.to.tables.mapping\"")),
        ] {
            let mut all = props([]);
            all.extend(more);
            let found = JdbcSinkConfig::parse(&all).unwrap().table(topic);
            match (found, expected) {
                (Ok(table), Ok(name)) => assert_eq!(table.to_string(), name),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                other => panic!("{topic}: {other:?}"),
            }
        }
        let found = validate::<JdbcSinkConfig>(&props([("offsets.table", "a..b")]));
        let wrong: Vec<_> = found.iter().filter(|value| !value.errors.is_empty()).collect();
        assert!(wrong.len() == 1 && wrong[0].name == "offsets.table", "{wrong:?}");
        let found = problems(&props([("topics.to.tables.mapping", "a:t,b")]));
        assert!(found.len() == 1 && found[0].contains("topic:table"), "{found:?}");
    }

    #[test]
    fn every_wrong_combination_is_found_at_once() {
        let found = problems(&props([
            ("insert.mode", "upsert"),
            ("delete.enabled", "true"),
            ("dialect.name", "OracleDatabaseDialect"),
            ("geometry.x.field", "x"),
        ]));
        assert_eq!(found.len(), 4, "{found:#?}");
        let found = problems(&props([("pk.mode", "kafka"), ("pk.fields", "a,b")]));
        assert!(found[0].contains("three names"), "{found:#?}");
        let found = problems(&props([("dialect.name", "SqliteDatabaseDialect")]));
        assert!(found[0].contains("jdbc:sqlite:"), "{found:#?}");
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        let found = problems(&Props::from([("connection.url", "jdbc:oracle:x?password=s3cret")]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("jdbc:postgresql://HOST") && !found[0].contains("s3cret"));
    }

    #[test]
    fn keys_win_over_the_address_and_further_ones_go_to_the_driver() {
        let props = Props::from([
            ("connection.url", "jdbc:postgresql://db/geo?user=a&password=b&sslmode=require"),
            ("connection.user", "ann"),
            ("connection.ssl", "true"),
            ("connection.backoff.ms", "50"),
        ]);
        let access = JdbcSinkConfig::parse(&props).unwrap().access(&props).unwrap();
        assert_eq!(access.user.as_deref(), Some("ann"));
        assert_eq!(access.password.as_ref().map(|secret| secret.expose().as_str()), Some("b"));
        let named: Vec<_> = access.properties.keys().map(String::as_str).collect();
        assert_eq!(named, ["ssl", "sslmode"]);
        assert!(!format!("{access:?}").contains("\"b\""));
    }
}
