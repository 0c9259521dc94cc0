//! Counted records of one partition between two offsets.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use connect_api::budget::{MemoryBudget, Reservation};

use crate::cell::Cell;

/// Cells by the start of their window, then by their groups as the text of a JSON array.
pub(crate) type Cells = BTreeMap<i64, HashMap<Box<str>, Cell>>;

/// What the records of a partition from one offset up to another add to rows. It becomes rows as a
/// whole or not at all: the offset that is stored with the rows says which.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Offset where the segment before ended.
    pub(crate) start: i64,
    /// Offset after the last record.
    pub(crate) end: i64,
    /// Records counted.
    pub(crate) records: u64,
    /// What they add.
    pub(crate) cells: Cells,
    /// First and last window, where the cells are left out.
    span: Option<(i64, i64)>,
    /// Bytes of the cells; none while the budget had none left.
    held: Vec<Reservation>,
}

impl Segment {
    /// A segment without records.
    pub(crate) const fn new(start: i64) -> Self {
        Self { start, end: start, records: 0, cells: Cells::new(), span: None, held: Vec::new() }
    }

    /// Starts of the first and last window.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let first = self.cells.first_key_value().map(|(window, _)| *window);
        first.zip(self.cells.last_key_value().map(|(window, _)| *window)).or(self.span)
    }

    /// Takes bytes for what the segment is about to hold.
    pub(crate) fn reserve(&mut self, budget: &MemoryBudget, bytes: usize) -> bool {
        if let Some(held) = self.held.last_mut() {
            return bytes == 0 || held.grow(bytes);
        }
        let reservation = budget.reserve(bytes);
        let is_granted = reservation.is_some();
        self.held.extend(reservation);
        is_granted
    }

    /// Adds the segment that follows this one.
    pub(crate) fn append(&mut self, next: Self) {
        self.end = next.end;
        self.records += next.records;
        for (window, cells) in next.cells {
            let mine = self.cells.entry(window).or_default();
            for (groups, cell) in cells {
                match mine.get_mut(&groups) {
                    Some(known) => known.merge(&cell),
                    None => drop(mine.insert(groups, cell)),
                }
            }
        }
        self.held.extend(next.held);
    }

    /// A copy of the windows that start in this range, without a claim on the budget.
    pub(crate) fn copy(&self, windows: &Range<i64>) -> Self {
        let cells = if windows.is_empty() {
            Cells::new()
        } else {
            self.cells
                .range(windows.clone())
                .map(|(window, cells)| (*window, cells.clone()))
                .collect()
        };
        Self {
            start: self.start,
            end: self.end,
            records: self.records,
            cells,
            span: self.span(),
            held: Vec::new(),
        }
    }
}
