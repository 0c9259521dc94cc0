//! Values as they stand in the text of a statement: defaults of columns, and previews.

use connect_api::value::Value;

use super::{Action, ColumnKind, Dialect, Names, Rendering, instant_ms, write_cell};
use crate::{
    config::Quoting,
    layout::{Cell, Layout, Shape, identifier},
};

/// A value as text of a statement.
pub(crate) fn literal(cell: Cell<'_>, shape: &Shape, dialect: Dialect, how: Rendering) -> String {
    if cell == Cell::Null {
        return "NULL".to_owned();
    }
    if dialect == Dialect::Sqlite
        && let Some(text) = sqlite_literal(cell)
    {
        return text;
    }
    let kind = ColumnKind::from(shape);
    let mut text = String::new();
    write_cell(&mut text, cell, &kind, how);
    let is_bare = match (&kind, cell) {
        (ColumnKind::Boolean, _) => true,
        (ColumnKind::Number, Cell::Value(value)) => match value {
            Value::Float32(number) => number.is_finite(),
            Value::Float64(number) => number.is_finite(),
            Value::String(_) => false,
            _ => true,
        },
        (ColumnKind::Number, _) => true,
        _ => false,
    };
    if is_bare { text } else { format!("'{}'", text.replace('\'', "''")) }
}

fn sqlite_literal(cell: Cell<'_>) -> Option<String> {
    let Cell::Value(value) = cell else { return None };
    match value {
        Value::Boolean(flag) => Some(i32::from(*flag).to_string()),
        Value::Date(days) => Some(instant_ms((*days).into()).to_string()),
        Value::Time(_) | Value::Timestamp(_) => value.as_i64().map(|ms| ms.to_string()),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("X'{digits}'"))
        }
        _ => None,
    }
}

/// The statement that one record would be, with its values.
pub(crate) fn previewed(
    layout: &Layout,
    action: Action,
    record: &connect_api::record::SinkRecord,
    (dialect, quoting, how): (Dialect, Quoting, Rendering),
) -> Option<String> {
    let names = Names {
        table: layout.table.quoted(quoting),
        columns: layout
            .columns
            .iter()
            .map(|column| (identifier(&column.name, quoting), column.is_key))
            .collect(),
    };
    let values: Vec<_> = layout
        .columns
        .iter()
        .map(|column| literal(column.cell(record), &column.shape, dialect, how))
        .collect();
    names.has_effect(action).then(|| names.for_one_row(action, &values))
}
