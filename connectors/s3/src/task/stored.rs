//! What is known to be stored beyond the position that was committed.
//!
//! Objects of a group do not appear together. Those that did are remembered here, so that their
//! records are skipped when the partition is read again, and so that no committed offset ever lies
//! inside the range of an object: a restart there would begin a file in the middle of it, under a
//! key that does not exist yet.

use std::sync::Arc;

use connect_api::schema::Schema;

use crate::file::End;

/// Records of one lane that are stored, from an offset on.
#[derive(Clone, Debug)]
struct Range {
    lane: Arc<str>,
    first: i64,
    end: End,
    /// Schema of its first record, once that was measured: the others were brought into it.
    schema: Option<Option<Arc<Schema>>>,
}

/// Ranges of records that are stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    ranges: Vec<Range>,
}

/// What is known about one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has to be written.
    New,
    /// It is stored.
    Stored,
    /// It is stored, and its content has to be told to [`Stored::measure`].
    Measured,
}

impl Stored {
    /// Remembers an object.
    pub(super) fn add(&mut self, lane: Arc<str>, first: i64, end: End) {
        self.ranges.push(Range { lane, first, end, schema: None });
    }

    /// Whether a record is stored.
    pub(super) fn look(&self, lane: &str, offset: i64) -> Known {
        let mut ranges = self.ranges.iter().filter(|range| *range.lane == *lane);
        ranges.find_map(|range| range.holds(offset)).unwrap_or(Known::New)
    }

    /// Schema of the object that a record to measure is in, if one before it was measured.
    pub(super) fn measured_schema(&self, lane: &str, offset: i64) -> Option<Option<&Arc<Schema>>> {
        let holds =
            |range: &&Range| *range.lane == *lane && range.holds(offset) == Some(Known::Measured);
        let schema = self.ranges.iter().find(holds)?.schema.as_ref()?;
        Some(schema.as_ref())
    }

    /// Tells the length of a record's content, and its schema; `false` when the object ends in the middle of it,
    /// so that it holds something else.
    #[must_use]
    pub(super) fn measure(
        &mut self,
        lane: &str,
        offset: i64,
        length_bytes: usize,
        schema: Option<&Arc<Schema>>,
    ) -> bool {
        let length = u64::try_from(length_bytes).unwrap_or(u64::MAX);
        for range in self.ranges.iter_mut().filter(|range| *range.lane == *lane) {
            if range.holds(offset) != Some(Known::Measured) {
                continue;
            }
            range.schema.get_or_insert_with(|| schema.cloned());
            let left = match range.end {
                End::Bytes(left) => left.checked_sub(length).map(End::Bytes),
                End::Records(left) => left.checked_sub(1).map(End::Records),
                End::Offset(_) => continue,
            };
            match left {
                Some(End::Bytes(0) | End::Records(0)) => range.end = End::Offset(offset),
                Some(left) => range.end = left,
                None => return false,
            }
            return true;
        }
        true
    }

    /// The highest offset up to `offset` that lies inside no object's range.
    pub(super) fn limit(&self, mut offset: i64) -> i64 {
        while let Some(range) = self.ranges.iter().find(|range| range.is_split_by(offset)) {
            offset = range.first;
        }
        offset
    }

    /// Forgets what ends before a position that nothing goes back behind any more.
    pub(super) fn forget_before(&mut self, position: i64) {
        self.ranges.retain(|range| !matches!(range.end, End::Offset(last) if last < position));
    }
}

impl Range {
    fn holds(&self, offset: i64) -> Option<Known> {
        match self.end {
            _ if offset < self.first => None,
            End::Offset(last) => (offset <= last).then_some(Known::Stored),
            End::Bytes(_) | End::Records(_) => Some(Known::Measured),
        }
    }

    fn is_split_by(&self, offset: i64) -> bool {
        let is_before_end = match self.end {
            End::Offset(last) => offset <= last,
            End::Bytes(_) | End::Records(_) => true,
        };
        self.first < offset && is_before_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(ranges: &[(&str, i64, End)]) -> Stored {
        let mut stored = Stored::default();
        for (lane, first, end) in ranges {
            stored.add((*lane).into(), *first, *end);
        }
        stored
    }

    #[test]
    fn records_of_an_object_are_known_in_its_lane_only() {
        let stored = stored(&[("a", 3, End::Offset(7))]);
        assert_eq!(stored.look("a", 2), Known::New);
        assert_eq!(stored.look("a", 3), Known::Stored);
        assert_eq!(stored.look("a", 7), Known::Stored);
        assert_eq!(stored.look("a", 8), Known::New);
        assert_eq!(stored.look("b", 5), Known::New);
    }

    #[test]
    fn no_offset_is_committed_inside_of_an_object() {
        let stored = stored(&[("a", 3, End::Offset(7)), ("b", 1, End::Offset(4))]);
        assert_eq!(stored.limit(8), 8);
        assert_eq!(stored.limit(7), 1, "7 splits a, and 3 splits b");
        assert_eq!(stored.limit(1), 1);
    }

    #[test]
    fn the_length_of_an_object_tells_its_last_record() {
        let mut stored = stored(&[("a", 3, End::Bytes(10))]);
        assert_eq!(stored.limit(100), 3);
        assert!(stored.measure("a", 3, 6, None));
        assert_eq!(stored.look("a", 9), Known::Measured);
        assert!(stored.measure("a", 9, 4, None));
        assert_eq!(stored.look("a", 9), Known::Stored);
        assert_eq!(stored.look("a", 10), Known::New);
    }

    #[test]
    fn the_records_of_an_object_tell_its_last_one() {
        let mut stored = stored(&[("a", 3, End::Records(2))]);
        assert!(stored.measure("a", 3, 6, None) && stored.measure("a", 9, 6, None));
        assert_eq!(stored.look("a", 9), Known::Stored);
        assert_eq!(stored.look("a", 10), Known::New);
    }

    #[test]
    fn an_object_that_ends_in_the_middle_of_a_record_is_noticed() {
        let mut stored = stored(&[("a", 3, End::Bytes(10))]);
        assert!(!stored.measure("a", 3, 11, None));
    }

    #[test]
    fn what_ends_before_the_position_is_forgotten() {
        let mut stored = stored(&[("a", 3, End::Offset(7)), ("b", 1, End::Bytes(4))]);
        stored.forget_before(8);
        assert_eq!(stored.look("a", 5), Known::New);
        assert_eq!(stored.look("b", 5), Known::Measured);
    }
}
