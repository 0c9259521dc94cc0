//! What is known to be stored beyond the position that was committed.
//!
//! Objects of a group do not appear together. Those that did are remembered here, so that their
//! records are skipped when the partition is read again, and so that no committed offset ever lies
//! inside the range of an object: a restart there would begin a file in the middle of it, under a
//! key that does not exist yet.

use std::sync::Arc;

use connect_api::schema::Schema;

use crate::file::{End, Facts};

/// Records of one lane that are stored, from an offset on.
#[derive(Clone, Debug)]
struct Range {
    lane: Arc<str>,
    first: i64,
    end: End,
    /// Offset from which on records have not been measured: what is read again is measured once.
    unmeasured: i64,
    /// Schema of its first record, once that was measured: the others were brought into it.
    schema: Option<Option<Arc<Schema>>>,
    /// Folder of the file as long as only some of its objects are there.
    begun: Option<Arc<str>>,
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
    /// Its file is begun: one of the objects has it for good and others are missing. It has to be
    /// written to these, and told to [`Stored::measure`].
    Begun,
}

impl Stored {
    /// Remembers a file whose objects are all there.
    pub(super) fn add(&mut self, lane: Arc<str>, first: i64, end: End) {
        self.ranges.push(Range::new(lane, first, end));
    }

    /// Remembers a file of which only some objects are there.
    pub(super) fn add_begun(&mut self, facts: &Facts, end: End) {
        let Facts { lane, folder, held, .. } = facts;
        let range = Range::new(Arc::clone(lane), held.first, end);
        self.ranges.push(Range { begun: Some(Arc::clone(folder)), ..range });
    }

    /// Whether a record is stored.
    pub(super) fn look(&self, lane: &str, offset: i64) -> Known {
        let mut ranges = self.ranges.iter().filter(|range| *range.lane == *lane);
        ranges.find_map(|range| range.holds(offset)).unwrap_or(Known::New)
    }

    /// Folder of the begun file that a record is in.
    pub(super) fn begun_folder(&self, lane: &str, offset: i64) -> Option<&Arc<str>> {
        let mut ranges = self.ranges.iter().filter(|range| *range.lane == *lane);
        ranges.find(|range| range.holds(offset).is_some())?.begun.as_ref()
    }

    /// Folder of a begun file that has all its records when this offset is next.
    pub(super) fn ended_before(&self, offset: i64) -> Option<Arc<str>> {
        let is_over = |range: &&Range| matches!(range.end, End::Offset(last) if last < offset);
        self.ranges.iter().filter(is_over).find_map(|range| range.begun.clone())
    }

    /// Notes that no object is missing any more of the begun file in a folder that ends before an
    /// offset.
    pub(super) fn complete(&mut self, folder: &str, offset: i64) {
        for range in &mut self.ranges {
            let is_it = range.begun.as_ref().is_some_and(|begun| **begun == *folder);
            if is_it && matches!(range.end, End::Offset(last) if last < offset) {
                range.begun = None;
            }
        }
    }

    /// Schema of the object that a record to measure is in, if one before it was measured.
    pub(super) fn measured_schema(&self, lane: &str, offset: i64) -> Option<Option<&Arc<Schema>>> {
        let holds = |range: &&Range| *range.lane == *lane && range.is_measured(offset);
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
            if !range.is_measured(offset) {
                continue;
            }
            if offset < range.unmeasured {
                return true;
            }
            range.unmeasured = offset + 1;
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

    /// Forgets what ends before an offset that nothing goes back behind any more.
    pub(super) fn forget_before(&mut self, offset: i64) {
        self.ranges.retain(|range| {
            range.begun.is_some() || !matches!(range.end, End::Offset(last) if last < offset)
        });
    }
}

impl Range {
    const fn new(lane: Arc<str>, first: i64, end: End) -> Self {
        Self { lane, first, end, unmeasured: first, schema: None, begun: None }
    }

    fn holds(&self, offset: i64) -> Option<Known> {
        match self.end {
            _ if offset < self.first => None,
            End::Offset(last) if offset > last => None,
            _ if self.begun.is_some() => Some(Known::Begun),
            End::Offset(_) => Some(Known::Stored),
            End::Bytes(_) | End::Records(_) => Some(Known::Measured),
        }
    }

    /// Whether a record tells where the range ends.
    const fn is_measured(&self, offset: i64) -> bool {
        self.first <= offset && !matches!(self.end, End::Offset(_))
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
    fn a_record_that_is_read_again_is_measured_once() {
        for end in [End::Bytes(10), End::Records(2)] {
            let mut stored = stored(&[("a", 3, end)]);
            for offset in [3, 3, 9, 3] {
                assert!(stored.measure("a", offset, 5, None), "{end:?}");
            }
            assert_eq!((stored.look("a", 9), stored.look("a", 10)), (Known::Stored, Known::New));
        }
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
    fn a_begun_file_stays_until_its_objects_are_there() {
        let mut stored = stored(&[]);
        let record = crate::task::tests::record(3, 0, connect_api::value::Value::Int64(3));
        let facts = Facts::new(String::new(), "f".into(), "a".into(), &record);
        stored.add_begun(&facts, End::Records(2));
        assert_eq!(stored.look("a", 4), Known::Begun);
        assert_eq!(stored.ended_before(9), None, "its end is not known");
        assert!(stored.measure("a", 3, 1, None) && stored.measure("a", 4, 1, None));
        assert_eq!((stored.look("a", 4), stored.look("a", 5)), (Known::Begun, Known::New));
        assert_eq!((stored.ended_before(4), stored.ended_before(5)), (None, Some("f".into())));
        stored.forget_before(9);
        assert_eq!((stored.begun_folder("a", 4), stored.limit(4)), (Some(&"f".into()), 3));
        stored.complete("f", 5);
        assert_eq!((stored.look("a", 4), stored.ended_before(5)), (Known::Stored, None));
    }

    #[test]
    fn what_ends_before_the_position_is_forgotten() {
        let mut stored = stored(&[("a", 3, End::Offset(7)), ("b", 1, End::Bytes(4))]);
        stored.forget_before(8);
        assert_eq!(stored.look("a", 5), Known::New);
        assert_eq!(stored.look("b", 5), Known::Measured);
    }
}
