//! A cell as the store keeps it: the exact state, so that it can be merged again.
//!
//! Little-endian. A version, the count, then per measure of the definition a tag and its state.

use crate::{
    definition::Definition,
    sketch::{Counter, HyperLogLog, Top},
};

use super::{Cell, Number, Stat, Sum};

/// Version of the layout.
const VERSION: u8 = 1;

/// A stored cell that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("The stored state of a row is damaged or of another definition")]
pub(crate) struct DecodeError;

impl Cell {
    /// The cell's exact state.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.count.to_le_bytes());
        for stat in &self.stats {
            encode_stat(stat, &mut out);
        }
        out
    }

    /// The cell of a state.
    ///
    /// # Errors
    /// The bytes are not a state of a cell of this definition.
    pub(crate) fn decode(definition: &Definition, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        if take::<1>(&mut rest)? != [VERSION] {
            return Err(DecodeError);
        }
        let mut cell = Self::new(definition);
        cell.count = u64::from_le_bytes(take(&mut rest)?);
        for stat in &mut cell.stats {
            decode_stat(stat, &mut rest, definition.top_k)?;
        }
        if rest.is_empty() { Ok(cell) } else { Err(DecodeError) }
    }
}

fn encode_stat(stat: &Stat, out: &mut Vec<u8>) {
    match stat {
        Stat::Sum(sum) => encode_sum(b'S', sum, out),
        Stat::Avg(sum) => encode_sum(b'A', sum, out),
        Stat::Min(number) => encode_number(b'm', *number, out),
        Stat::Max(number) => encode_number(b'M', *number, out),
        Stat::Distinct(sketch) => {
            out.push(b'D');
            let count = sketch.registers().count();
            out.extend(u32::try_from(count).unwrap_or(0).to_le_bytes());
            for (register, rank) in sketch.registers() {
                out.extend(register.to_le_bytes());
                out.push(rank);
            }
        }
        Stat::Top(top) => {
            out.push(b'T');
            out.extend(length(top.counters().len()));
            for counter in top.counters() {
                out.extend(length(counter.value.len()));
                out.extend(counter.value.as_bytes());
                out.extend(counter.count.to_le_bytes());
                out.extend(counter.error.to_le_bytes());
            }
        }
    }
}

fn encode_sum(tag: u8, sum: &Sum, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend(sum.whole.to_le_bytes());
    out.extend(sum.real.to_le_bytes());
    out.extend(sum.wholes.to_le_bytes());
    out.extend(sum.reals.to_le_bytes());
}

fn encode_number(tag: u8, number: Option<Number>, out: &mut Vec<u8>) {
    out.push(tag);
    match number {
        None => out.push(0),
        Some(Number::Whole(number)) => {
            out.push(1);
            out.extend(number.to_le_bytes());
        }
        Some(Number::Real(number)) => {
            out.push(2);
            out.extend(number.to_le_bytes());
        }
    }
}

/// A length; a text beyond 4 GiB cannot come from a record.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn decode_stat(stat: &mut Stat, rest: &mut &[u8], top_k: usize) -> Result<(), DecodeError> {
    let [tag] = take(rest)?;
    match (tag, stat) {
        (b'S', Stat::Sum(sum)) | (b'A', Stat::Avg(sum)) => *sum = decode_sum(rest)?,
        (b'm', Stat::Min(number)) | (b'M', Stat::Max(number)) => *number = decode_number(rest)?,
        (b'D', Stat::Distinct(sketch)) => *sketch = decode_sketch(rest)?,
        (b'T', Stat::Top(top)) => *top = Top::of(top_k, decode_counters(rest)?),
        _ => return Err(DecodeError),
    }
    Ok(())
}

fn decode_sum(rest: &mut &[u8]) -> Result<Sum, DecodeError> {
    Ok(Sum {
        whole: i128::from_le_bytes(take(rest)?),
        real: f64::from_le_bytes(take(rest)?),
        wholes: u64::from_le_bytes(take(rest)?),
        reals: u64::from_le_bytes(take(rest)?),
    })
}

fn decode_number(rest: &mut &[u8]) -> Result<Option<Number>, DecodeError> {
    match take(rest)? {
        [0] => Ok(None),
        [1] => Ok(Some(Number::Whole(i64::from_le_bytes(take(rest)?)))),
        [2] => Ok(Some(Number::Real(f64::from_le_bytes(take(rest)?)))),
        _ => Err(DecodeError),
    }
}

fn decode_sketch(rest: &mut &[u8]) -> Result<HyperLogLog, DecodeError> {
    let mut sketch = HyperLogLog::default();
    for _register in 0..u32::from_le_bytes(take(rest)?) {
        let register = u16::from_le_bytes(take(rest)?);
        let [rank] = take(rest)?;
        sketch.raise(register, rank);
    }
    Ok(sketch)
}

fn decode_counters(rest: &mut &[u8]) -> Result<Vec<Counter>, DecodeError> {
    let mut counters = Vec::new();
    for _counter in 0..u32::from_le_bytes(take(rest)?) {
        let length = usize::try_from(u32::from_le_bytes(take(rest)?)).map_err(|_| DecodeError)?;
        let (text, after) = rest.split_at_checked(length).ok_or(DecodeError)?;
        *rest = after;
        counters.push(Counter {
            value: std::str::from_utf8(text).map_err(|_| DecodeError)?.into(),
            count: u64::from_le_bytes(take(rest)?),
            error: u64::from_le_bytes(take(rest)?),
        });
    }
    Ok(counters)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, after) = rest.split_first_chunk::<N>().ok_or(DecodeError)?;
    *rest = after;
    Ok(*head)
}
