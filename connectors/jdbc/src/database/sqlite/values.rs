//! Values as SQLite keeps them: times as milliseconds, decimals and documents as text.

use chrono_tz::Tz;
use connect_api::value::Value;
use rusqlite::types::Value as Bound;

use crate::{
    config::Zones,
    layout::Cell,
    sql::{ColumnKind, Rendering, instant_ms, write_cell},
};

/// A value for a statement.
pub(super) fn bound(cell: Cell<'_>) -> Bound {
    match cell {
        Cell::Null => Bound::Null,
        Cell::Text(text) => Bound::Text(text.to_owned()),
        Cell::Integer(number) => Bound::Integer(number),
        Cell::Micros(micros) => Bound::Integer(micros.div_euclid(1000)),
        Cell::Value(value) => match value {
            Value::Null => Bound::Null,
            Value::Boolean(flag) => Bound::Integer((*flag).into()),
            Value::Float32(number) => Bound::Real((*number).into()),
            Value::Float64(number) => Bound::Real(*number),
            Value::String(text) => Bound::Text(text.to_string()),
            Value::Bytes(bytes) => Bound::Blob(bytes.to_vec()),
            Value::Date(days) => Bound::Integer(instant_ms((*days).into())),
            other => match other.as_i64() {
                Some(number) => Bound::Integer(number),
                None => Bound::Text(text(cell)),
            },
        },
        Cell::Point(..) => Bound::Text(text(cell)),
    }
}

fn text(cell: Cell<'_>) -> String {
    let zones = Zones { of_times: Tz::UTC, of_dates: Tz::UTC };
    let mut text = String::new();
    write_cell(&mut text, cell, &ColumnKind::Json, Rendering { zones, srid: 0 });
    text
}
