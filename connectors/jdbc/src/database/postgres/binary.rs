//! Values in PostgreSQL's binary form, where that says what their text would: the server then has no
//! text to read, of which that of a time costs it the most.
//!
//! Source: PostgreSQL's manual, "COPY", "Binary Format"; `timestamp.c`, `float.c`, `uuid.c`.

use bytes::{BufMut as _, BytesMut};
use connect_api::value::Value;

use crate::{
    layout::Cell,
    sql::{Rendering, local_micros},
};

/// What a copy begins with: a mark, no flags, no extension.
pub(super) const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(super) const END: &[u8] = &(-1_i16).to_be_bytes();

/// Microseconds from the epoch to the beginning of 2000, from which the server counts.
const SERVER_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Microseconds beyond which a number could be one of those that stand for no time at all.
const MOST_MICROS: i64 = i64::MAX / 4;

/// How a type reads bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Boolean,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Text,
    Bytes,
    Uuid,
    Timestamp,
    Instant,
}

impl Form {
    /// That of a type by its name in the catalogue; nothing for one that only reads text here.
    pub(super) fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "bool" => Self::Boolean,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "text" | "varchar" => Self::Text,
            "bytea" => Self::Bytes,
            "uuid" => Self::Uuid,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Instant,
            _ => return None,
        })
    }

    /// A cell in this form; nothing when only the server knows what its text means for the type.
    pub(super) fn binary(self, cell: Cell<'_>, how: Rendering) -> Option<Binary<'_>> {
        let number = || match cell {
            Cell::Integer(number) => Some(number),
            Cell::Value(
                value @ (Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_)),
            ) => value.as_i64(),
            _ => None,
        };
        let micros = || match cell {
            Cell::Micros(micros) => Some(micros),
            Cell::Value(Value::Timestamp(ms)) => ms.checked_mul(1000),
            _ => None,
        };
        let moment = |micros: i64| {
            let is_usual = (-MOST_MICROS..MOST_MICROS).contains(&micros);
            is_usual.then_some(Binary::Eight((micros - SERVER_EPOCH_MICROS).to_be_bytes()))
        };
        Some(match (self, cell) {
            (_, Cell::Null) => Binary::Null,
            (Self::Boolean, Cell::Value(Value::Boolean(flag))) => Binary::One([u8::from(*flag)]),
            (Self::Int2, _) => Binary::Two(i16::try_from(number()?).ok()?.to_be_bytes()),
            (Self::Int4, _) => Binary::Four(i32::try_from(number()?).ok()?.to_be_bytes()),
            (Self::Int8, _) => Binary::Eight(number()?.to_be_bytes()),
            (Self::Float4, Cell::Value(Value::Float32(number))) => {
                Binary::Four(number.to_be_bytes())
            }
            (Self::Float8, Cell::Value(Value::Float64(number))) => {
                Binary::Eight(number.to_be_bytes())
            }
            (Self::Text, Cell::Text(text)) => Binary::Bytes(text.as_bytes()),
            (Self::Text, Cell::Value(Value::String(text))) => Binary::Bytes(text.as_bytes()),
            (Self::Bytes, Cell::Value(Value::Bytes(bytes))) => Binary::Bytes(bytes),
            (Self::Uuid, Cell::Value(Value::Bytes(bytes))) if bytes.len() == 16 => {
                Binary::Bytes(bytes)
            }
            (Self::Timestamp, _) => moment(local_micros(micros()?, how.zones.of_times))?,
            (Self::Instant, _) => moment(micros()?)?,
            _ => return None,
        })
    }
}

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary<'a> {
    Null,
    One([u8; 1]),
    Two([u8; 2]),
    Four([u8; 4]),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
}

impl Binary<'_> {
    /// Appends the field, its length first. None is longer than a packet may be.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let bytes: &[u8] = match self {
            Self::Null => return out.put_i32(-1),
            Self::One(bytes) => bytes,
            Self::Two(bytes) => bytes,
            Self::Four(bytes) => bytes,
            Self::Eight(bytes) => bytes,
            Self::Bytes(bytes) => bytes,
        };
        out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        out.put_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::config::Zones;

    fn how(zone: Tz) -> Rendering {
        Rendering { zones: Zones { of_dates: zone, of_times: zone }, srid: 4326 }
    }

    #[test]
    fn a_value_has_a_binary_form_only_where_its_text_says_the_same() {
        let float = Value::Float32(0.1);
        assert_eq!(
            Form::Float4.binary(Cell::Value(&float), how(Tz::UTC)),
            Some(Binary::Four(0.1_f32.to_be_bytes()))
        );
        for (form, value) in [
            // Its text is 0.1, which is another double.
            (Form::Float8, float),
            (Form::Float8, Value::Int64(1)),
            (Form::Int4, Value::Int64(1 << 40)),
            (Form::Int4, "7".into()),
            (Form::Boolean, "yes".into()),
            (Form::Text, Value::Int64(1)),
            (Form::Uuid, "0b1f5a30-3b39-4c5f-9d2e-000000000000".into()),
            (Form::Timestamp, "2024-03-05".into()),
            (Form::Timestamp, Value::Timestamp(i64::MAX)),
            (Form::Instant, Value::Timestamp(i64::MAX / 1000)),
        ] {
            assert_eq!(form.binary(Cell::Value(&value), how(Tz::UTC)), None, "{form:?} {value:?}");
        }
    }

    #[test]
    fn times_count_from_2000_and_follow_the_zone_where_they_have_none() {
        let new_year = Value::Timestamp(946_684_800_000);
        let cell = Cell::Value(&new_year);
        let eight = |number: i64| Some(Binary::Eight(number.to_be_bytes()));
        assert_eq!(Form::Timestamp.binary(cell, how(Tz::UTC)), eight(0));
        assert_eq!(Form::Timestamp.binary(cell, how(Tz::Asia__Seoul)), eight(9 * 3_600_000_000));
        assert_eq!(Form::Instant.binary(cell, how(Tz::Asia__Seoul)), eight(0));
    }
}
