//! Avro data of a record, taken apart into columns.
//!
//! Source: "Dremel: Interactive Analysis of Web-Scale Datasets", and the Avro specification.

use super::{
    column::{Column, Values},
    schema::{Leaf, Node, Shape},
};

/// Why data cannot be taken apart. The encoder of this process made them: it is a bug of ours.
pub(super) type Broken = &'static str;

/// How deep a part of a record is: in lists that go on, and in parts that may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Depth {
    repetition: i16,
    definition: i16,
}

impl Depth {
    const fn down(self) -> Self {
        Self { definition: self.definition + 1, ..self }
    }
}

impl Node {
    /// Takes the next data apart.
    pub(super) fn shred(
        &self,
        input: &mut &[u8],
        columns: &mut [Column],
        at: Depth,
    ) -> Result<(), Broken> {
        match &self.shape {
            Shape::Leaf(leaf) => {
                let column = columns.get_mut(self.leaves.start).ok_or("a column is missing")?;
                column.note(at.repetition, at.definition);
                leaf.take(input, &mut column.values)
            }
            Shape::Record(fields) => {
                fields.iter().try_for_each(|field| field.shred(input, columns, at))
            }
            Shape::Optional(node, null) => {
                if long(input)? == *null {
                    self.miss(columns, at);
                    return Ok(());
                }
                node.shred(input, columns, at.down())
            }
            Shape::Choice(members, null) => {
                let branch = long(input)?;
                if Some(branch) == *null {
                    self.miss(columns, at);
                    return Ok(());
                }
                let at = if null.is_some() { at.down() } else { at };
                for (own, node) in members {
                    if *own == branch {
                        node.shred(input, columns, at.down())?;
                    } else {
                        node.miss(columns, at);
                    }
                }
                Ok(())
            }
            Shape::List(node, lists) => self.items(input, columns, (at, *lists), &[node]),
            Shape::Map(key, value, lists) => {
                self.items(input, columns, (at, *lists), &[key, value])
            }
        }
    }

    /// Items one after the other: the first goes on where the list begins, the others repeat it.
    fn items(
        &self,
        input: &mut &[u8],
        columns: &mut [Column],
        (at, lists): (Depth, i16),
        nodes: &[&Node],
    ) -> Result<(), Broken> {
        let mut item = at.down();
        let mut is_empty = true;
        loop {
            let count = long(input)?;
            if count < 0 {
                long(input)?;
            }
            for _ in 0..count.unsigned_abs() {
                nodes.iter().try_for_each(|node| node.shred(input, columns, item))?;
                item.repetition = lists;
                is_empty = false;
            }
            if count == 0 {
                break;
            }
        }
        if is_empty {
            self.miss(columns, at);
        }
        Ok(())
    }

    /// Notes in every column below that nothing is there.
    fn miss(&self, columns: &mut [Column], at: Depth) {
        for column in columns.get_mut(self.leaves.clone()).unwrap_or_default() {
            column.note(at.repetition, at.definition);
        }
    }
}

impl Leaf {
    fn take(&self, input: &mut &[u8], values: &mut Values) -> Result<(), Broken> {
        match (self, values) {
            (Self::Boolean, Values::Boolean(list)) => list.push(array::<1>(input)? == [1]),
            (Self::Int, Values::Int(list)) => {
                list.push(i32::try_from(long(input)?).map_err(|_| "an int is too long")?);
            }
            (Self::Long, Values::Long(list)) => list.push(long(input)?),
            (Self::Float, Values::Float(list)) => list.push(f32::from_le_bytes(array(input)?)),
            (Self::Double, Values::Double(list)) => list.push(f64::from_le_bytes(array(input)?)),
            (Self::Bytes, Values::Bytes(bytes, ends)) => {
                let length = usize::try_from(long(input)?).map_err(|_| "a length is none")?;
                bytes.extend_from_slice(take(input, length)?);
                ends.push(bytes.len());
            }
            (Self::Fixed(size), Values::Fixed(bytes, ends)) => {
                bytes.extend_from_slice(take(input, *size)?);
                ends.push(bytes.len());
            }
            (Self::Enum(symbols), Values::Bytes(bytes, ends)) => {
                let place = usize::try_from(long(input)?).map_err(|_| "a symbol is none")?;
                let symbol = symbols.get(place).ok_or("a symbol is unknown")?;
                bytes.extend_from_slice(symbol.as_bytes());
                ends.push(bytes.len());
            }
            _ => return Err("a column has another type"),
        }
        Ok(())
    }
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8], Broken> {
    let (taken, rest) = input.split_at_checked(length).ok_or("the data end within a value")?;
    *input = rest;
    Ok(taken)
}

fn array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], Broken> {
    let (taken, rest) = input.split_first_chunk().ok_or("the data end within a value")?;
    *input = rest;
    Ok(*taken)
}

/// Zigzag, seven bits at a time.
fn long(input: &mut &[u8]) -> Result<i64, Broken> {
    let mut bits = 0_u64;
    for (place, &byte) in (0..10_usize).zip(*input) {
        bits |= u64::from(byte & 0x7f) << (7 * place).min(63);
        if byte & 0x80 == 0 {
            *input = input.get(place + 1..).unwrap_or_default();
            return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
        }
    }
    Err("the data end within a number")
}
