//! Statements that make and extend tables.

use super::{Dialect, Rendering, literal::literal};
use crate::{
    config::Quoting,
    layout::{Column, Layout, Shape, TableName, identifier},
};

/// The statement that makes the table of a layout.
///
/// # Errors
/// The reason, when a value has no type of column.
pub(crate) fn created_table(
    layout: &Layout,
    dialect: Dialect,
    quoting: Quoting,
    how: Rendering,
) -> Result<String, String> {
    let mut parts = Vec::with_capacity(layout.columns.len() + 1);
    for column in &layout.columns {
        parts.push(defined_column(column, dialect, quoting, how)?);
    }
    let keys: Vec<_> = layout.keys().map(|column| identifier(&column.name, quoting)).collect();
    if !keys.is_empty() {
        parts.push(format!("PRIMARY KEY({})", keys.join(",")));
    }
    Ok(format!("CREATE TABLE {} (\n{})", layout.table.quoted(quoting), parts.join(",\n")))
}

/// The statements that add columns to a table.
///
/// # Errors
/// The reason, when a value has no type of column.
pub(crate) fn added_columns(
    table: &TableName,
    columns: &[&Column],
    dialect: Dialect,
    quoting: Quoting,
    how: Rendering,
) -> Result<Vec<String>, String> {
    let table = table.quoted(quoting);
    let mut parts = Vec::with_capacity(columns.len());
    for column in columns {
        parts.push(format!("ADD {}", defined_column(column, dialect, quoting, how)?));
    }
    Ok(match dialect {
        Dialect::Postgres => vec![format!("ALTER TABLE {table} {}", parts.join(",\n"))],
        Dialect::Sqlite => {
            parts.into_iter().map(|part| format!("ALTER TABLE {table} {part}")).collect()
        }
    })
}

fn defined_column(
    column: &Column,
    dialect: Dialect,
    quoting: Quoting,
    how: Rendering,
) -> Result<String, String> {
    let name = identifier(&column.name, quoting);
    let Some(kind) = type_of(&column.shape, dialect) else {
        return Err(format!(
            "field \"{}\" is a map, a struct or an array, for which no column can be made. Make a \
             column of type jsonb for it, flatten it with a transformation, or leave it out with \
             \"fields.whitelist\"",
            column.name
        ));
    };
    let rest = match (&column.default, column.is_optional) {
        (Some(default), _) if !default.is_null() => {
            format!("DEFAULT {}", literal(column.cell_of(default), &column.shape, dialect, how))
        }
        (_, true) => "NULL".to_owned(),
        (_, false) => "NOT NULL".to_owned(),
    };
    Ok(format!("{name} {kind} {rest}"))
}

/// Type of a new column; none where there is none.
fn type_of(shape: &Shape, dialect: Dialect) -> Option<String> {
    let name = match (dialect, shape) {
        (Dialect::Postgres, Shape::Array(elements)) => {
            return Some(format!("{}[]", type_of(elements, dialect)?));
        }
        (Dialect::Postgres, Shape::Point(srid)) => return Some(format!("geometry(Point,{srid})")),
        (_, Shape::Document) | (Dialect::Sqlite, Shape::Array(_) | Shape::Point(_)) => return None,
        (Dialect::Postgres, shape) => postgres_type(shape),
        (Dialect::Sqlite, shape) => sqlite_type(shape),
    };
    Some(name.to_owned())
}

const fn postgres_type(shape: &Shape) -> &'static str {
    match shape {
        Shape::SmallInt => "SMALLINT",
        Shape::Int => "INT",
        Shape::BigInt => "BIGINT",
        Shape::Real => "REAL",
        Shape::Double => "DOUBLE PRECISION",
        Shape::Boolean => "BOOLEAN",
        Shape::Bytes => "BYTEA",
        Shape::Decimal => "DECIMAL",
        Shape::Date => "DATE",
        Shape::Time => "TIME",
        Shape::Timestamp => "TIMESTAMP",
        Shape::Text | Shape::Array(_) | Shape::Document | Shape::Point(_) => "TEXT",
    }
}

const fn sqlite_type(shape: &Shape) -> &'static str {
    match shape {
        Shape::SmallInt | Shape::Int | Shape::BigInt | Shape::Boolean => "INTEGER",
        Shape::Real | Shape::Double => "REAL",
        Shape::Bytes => "BLOB",
        Shape::Decimal | Shape::Date | Shape::Time | Shape::Timestamp => "NUMERIC",
        Shape::Text | Shape::Array(_) | Shape::Document | Shape::Point(_) => "TEXT",
    }
}
