//! What a record becomes: which table, which columns, and where their values are in the record.

mod build;
mod cell;
mod table_name;

use std::sync::Arc;

use connect_api::{
    schema::{Schema, Type, logical, same_schema},
    value::Value,
};

pub(crate) use self::{
    build::Layouts,
    cell::{Cell, check_points, coordinates, write_key},
    table_name::{TableName, identifier},
};

/// A table with columns for the records of one pair of schemas.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The table.
    pub(crate) table: TableName,
    /// Columns, those of the key first.
    pub(crate) columns: Vec<Column>,
    /// Whether its records delete rows.
    pub(crate) deletes: bool,
    /// Schema of the records' keys.
    key_schema: Option<Arc<Schema>>,
}

impl Layout {
    /// Columns of the key.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.is_key)
    }

    /// Whether keys of both compare as texts.
    pub(crate) fn has_keys_of(&self, other: &Self) -> bool {
        same_schema(self.key_schema.as_ref(), other.key_schema.as_ref())
    }
}

/// A column and where its value is.
#[derive(Debug)]
pub(crate) struct Column {
    /// Name in the record.
    pub(crate) name: Arc<str>,
    /// Where the value is.
    pub(crate) source: Source,
    /// What kind of value it is.
    pub(crate) shape: Shape,
    /// Whether it is of the key.
    pub(crate) is_key: bool,
    /// Whether there may be none.
    pub(crate) is_optional: bool,
    /// Default of a new column.
    pub(crate) default: Option<Value>,
    /// What is written where the record has no value.
    stand_in: Option<Value>,
    /// By how much a whole number is divided to be microseconds since the epoch.
    per_microsecond: Option<i64>,
}

/// Where a value is in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The topic it was read from.
    Topic,
    /// The partition it was read from.
    Partition,
    /// Its offset there.
    Offset,
    /// The whole key.
    Key,
    /// A field of the key.
    KeyField(usize),
    /// The whole value.
    Value,
    /// A field of the value.
    ValueField(usize),
    /// Two fields of the value that make a point.
    Point(usize, usize),
}

/// What kind of value a column takes, by the record's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 8 or 16 bits.
    SmallInt,
    /// 32 bits.
    Int,
    /// 64 bits.
    BigInt,
    /// Number of 32 bits.
    Real,
    /// Number of 64 bits.
    Double,
    /// `true` or `false`.
    Boolean,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Decimal number.
    Decimal,
    /// Day.
    Date,
    /// Time of a day.
    Time,
    /// Point in time.
    Timestamp,
    /// Several of one shape.
    Array(Box<Shape>),
    /// A map or a struct.
    Document,
    /// A point with its reference system.
    Point(u32),
}

impl Shape {
    /// Whether its values are whole numbers.
    pub(crate) const fn is_whole_number(&self) -> bool {
        matches!(self, Self::SmallInt | Self::Int | Self::BigInt)
    }

    /// The shape of values of a schema.
    pub(crate) fn of(schema: &Schema) -> Self {
        match (schema.name(), schema.kind()) {
            (Some(logical::DECIMAL), Type::Bytes) => Self::Decimal,
            (Some(logical::DATE), Type::Int32) => Self::Date,
            (Some(logical::TIME), Type::Int32) => Self::Time,
            (Some(logical::TIMESTAMP), Type::Int64) => Self::Timestamp,
            (_, Type::Int8 | Type::Int16) => Self::SmallInt,
            (_, Type::Int32) => Self::Int,
            (_, Type::Int64) => Self::BigInt,
            (_, Type::Float32) => Self::Real,
            (_, Type::Float64) => Self::Double,
            (_, Type::Boolean) => Self::Boolean,
            (_, Type::String) => Self::Text,
            (_, Type::Bytes) => Self::Bytes,
            (_, Type::Map | Type::Struct) => Self::Document,
            (_, Type::Array) => match schema.value_schema() {
                Some(elements) => match Self::of(elements) {
                    Self::Array(_) | Self::Document => Self::Document,
                    shape => Self::Array(Box::new(shape)),
                },
                None => Self::Document,
            },
        }
    }
}
