//! Tables as the server's catalogue has them.

use connect_postgres::Failure;

use super::{
    super::{Table, TableColumn},
    session::Session,
};
use crate::{config::TableType, sql::ColumnKind};

/// One row per column. A domain is what it is a domain of.
const COLUMNS: &str = "\
    SELECT c.relkind::text, c.relhasrules OR row_security_active(c.oid), a.attname::text, \
        format_type(a.atttypid, -1), b.typname::text, e.typname::text, a.attidentity = 'a', \
        coalesce(l.collisdeterministic, true) \
    FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    JOIN pg_catalog.pg_type b \
        ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
    LEFT JOIN pg_catalog.pg_type e ON b.typcategory = 'A' AND e.oid = b.typelem \
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
    WHERE c.oid = to_regclass($1) ORDER BY a.attnum";

/// Looks a table up by its name as it stands in statements.
pub(super) async fn describe(session: &mut Session, name: &str) -> Result<Option<Table>, Failure> {
    let statement = session.prepared(COLUMNS).await?;
    let rows = session.client.query(&statement, &[&name]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let kind = match first.try_get(0)? {
        "r" | "f" => Some(TableType::Table),
        "p" => Some(TableType::PartitionedTable),
        "v" => Some(TableType::View),
        _ => None,
    };
    let has_rules: bool = first.try_get(1)?;
    let columns = rows.iter().map(|row| {
        let (base, element): (&str, Option<&str>) = (row.try_get(4)?, row.try_get(5)?);
        let is_deterministic: bool = row.try_get(7)?;
        let kind = match element {
            Some(element) => ColumnKind::Array(Box::new(kind_of(element))),
            None => kind_of(base),
        };
        let is_exact = match base {
            "int2" | "int4" | "int8" | "bool" | "date" => true,
            "text" | "varchar" => is_deterministic,
            _ => false,
        };
        Ok(TableColumn {
            name: row.try_get(2)?,
            kind,
            type_name: row.try_get(3)?,
            base_name: base.to_owned(),
            is_exact,
            is_numbered: row.try_get(6)?,
        })
    });
    let columns = columns.collect::<Result<_, Failure>>()?;
    Ok(Some(Table { kind, columns, copies: kind != Some(TableType::View) && !has_rules }))
}

fn kind_of(base: &str) -> ColumnKind {
    match base {
        "bool" => ColumnKind::Boolean,
        "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" | "money" => ColumnKind::Number,
        "bytea" => ColumnKind::Bytes,
        "uuid" => ColumnKind::Uuid,
        "json" | "jsonb" => ColumnKind::Json,
        "date" => ColumnKind::Date,
        "time" | "timetz" => ColumnKind::Time,
        "timestamp" => ColumnKind::Timestamp,
        "timestamptz" => ColumnKind::Instant,
        _ => ColumnKind::Text,
    }
}
