//! The value of a column in a record.

use connect_api::{
    record::SinkRecord,
    value::{Struct, Value},
    value_text::{write_decimal, write_java_text},
};

use super::{Column, Layout, Source};

/// A value on its way into a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// None.
    Null,
    /// A value of the record.
    Value(&'a Value),
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Microseconds since the epoch.
    Micros(i64),
    /// A point.
    Point(f64, f64),
}

/// Where a record lies, for messages.
pub(crate) fn coordinates(record: &SinkRecord) -> String {
    format!("offset {} of {}", record.offset, record.origin)
}

impl Column {
    /// The column's value in a record. A point that is none, which was found before, is missing.
    pub(crate) fn cell<'a>(&'a self, record: &'a SinkRecord) -> Cell<'a> {
        let value = match self.source {
            Source::Topic => return Cell::Text(&record.origin.topic),
            Source::Partition => return Cell::Integer(record.origin.partition.into()),
            Source::Offset => return Cell::Integer(record.offset),
            Source::Point(x, y) => {
                let point = point(record, x, y).ok().flatten();
                return point.map_or(Cell::Null, |(x, y)| Cell::Point(x, y));
            }
            Source::Key => Some(&record.key.value),
            Source::Value => Some(&record.value.value),
            Source::KeyField(place) => field(&record.key.value, place),
            Source::ValueField(place) => field(&record.value.value, place),
        };
        let value = match value {
            None | Some(Value::Null) => self.stand_in.as_ref(),
            value => value,
        };
        value.map_or(Cell::Null, |value| self.cell_of(value))
    }

    /// A value as the column takes it.
    pub(crate) fn cell_of<'a>(&self, value: &'a Value) -> Cell<'a> {
        match (value, self.per_microsecond) {
            (Value::Null, _) => Cell::Null,
            (value @ (Value::Int32(_) | Value::Int64(_)), Some(divisor)) => {
                Cell::Micros(value.as_i64().unwrap_or_default().div_euclid(divisor))
            }
            (value, _) => Cell::Value(value),
        }
    }
}

fn field(value: &Value, place: usize) -> Option<&Value> {
    match value {
        Value::Struct(record) => record.values().get(place),
        _ => None,
    }
}

/// Says what is wrong with the points of a record.
///
/// # Errors
/// The reason, with the field.
pub(crate) fn check_points(layout: &Layout, record: &SinkRecord) -> Result<(), String> {
    for column in &layout.columns {
        if let Source::Point(x, y) = column.source {
            point(record, x, y)?;
        }
    }
    Ok(())
}

fn point(record: &SinkRecord, x: usize, y: usize) -> Result<Option<(f64, f64)>, String> {
    let Value::Struct(value) = &record.value.value else { return Ok(None) };
    Ok(ordinate(value, x)?.zip(ordinate(value, y)?))
}

fn ordinate(value: &Struct, place: usize) -> Result<Option<f64>, String> {
    let text = match value.values().get(place) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Float64(number)) if number.is_finite() => return Ok(Some(*number)),
        Some(Value::Float32(number)) if number.is_finite() => return Ok(Some((*number).into())),
        Some(Value::Decimal(decimal)) => {
            let mut text = String::new();
            write_decimal(&mut text, decimal);
            text
        }
        Some(other) => {
            let mut text = String::new();
            write_java_text(&mut text, other);
            text
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
    let name = || value.schema().fields().get(place).map_or("", |field| &*field.name).to_owned();
    number.map(Some).ok_or_else(|| format!("field \"{}\" is \"{text}\", not a coordinate", name()))
}

/// Appends the key of a record, so that equal texts are equal keys; says whether a part is missing.
pub(crate) fn write_key(out: &mut String, layout: &Layout, record: &SinkRecord) -> bool {
    let mut is_partial = false;
    for column in layout.keys() {
        let start = out.len();
        match column.cell(record) {
            Cell::Null | Cell::Point(..) => is_partial = true,
            Cell::Text(text) => out.push_str(text),
            Cell::Integer(number) | Cell::Micros(number) => {
                out.push_str(itoa::Buffer::new().format(number));
            }
            Cell::Value(value) => match value.as_i64() {
                Some(number) => out.push_str(itoa::Buffer::new().format(number)),
                None => write_java_text(out, value),
            },
        }
        // The length keeps ("a", "bc") from ("ab", "c").
        let length = out.len() - start;
        out.push('\u{0}');
        out.push_str(itoa::Buffer::new().format(length));
        out.push('\u{0}');
    }
    is_partial
}
