//! The settings by which a sink names what it stores, kept beside committed offsets.
//!
//! A sink that stores exactly once knows records that come again by the names they have. With other
//! settings they have other names, and what was stored after the last commit is stored twice: that cannot
//! be mended, but it can be said which records these are.

use std::collections::{BTreeMap, BTreeSet};

use connect_api::{config::Props, record::TopicPartition};

use crate::{
    broker::{Assignment, Watermarks},
    runtime::Seat,
};

/// Longest text that is kept: brokers take 4,096 bytes unless they are told otherwise.
const MOST_BYTES: usize = 2048;

/// The settings as text; empty when there are none, or too many.
pub(super) fn text(naming: &Props) -> String {
    let settings: BTreeMap<_, _> = naming.iter().collect();
    let text = serde_json::to_string(&settings).unwrap_or_default();
    if settings.is_empty() || text.len() > MOST_BYTES { String::new() } else { text }
}

/// What is different between two such texts, in words; nothing where one of them is something else.
fn changes(then: &str, now: &str) -> Option<String> {
    let read = |text| serde_json::from_str::<BTreeMap<String, String>>(text).ok();
    let (then, now) = (read(then)?, read(now)?);
    let keys: BTreeSet<_> = then.keys().chain(now.keys()).collect();
    let value = |settings: &BTreeMap<String, String>, key| match settings.get(key) {
        Some(value) => format!("\"{value}\""),
        None => "not set".to_owned(),
    };
    let changed = keys.into_iter().filter(|key| then.get(*key) != now.get(*key));
    let told: Vec<_> = changed
        .map(|key| format!("{key} was {} and is {}", value(&then, key), value(&now, key)))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// Partitions with the first and the last record that may be stored twice; the last one as far as it is
/// known. None of them where nothing came after the commit.
fn ranges<'a>(
    offsets: impl Iterator<Item = (&'a TopicPartition, i64)>,
    ends: &BTreeMap<TopicPartition, Watermarks>,
) -> Vec<String> {
    let range = |(at, first): (&TopicPartition, i64)| match ends.get(at) {
        Some(end) if end.high <= first => None,
        Some(end) => Some(format!("{first} to {} of {at}", end.high - 1)),
        None => Some(format!("{first} to the last of {at}")),
    };
    offsets.filter_map(range).collect()
}

/// Warns when partitions go on by other names than those they were committed with.
pub(super) async fn warn(seat: &Seat, naming: &str, assignment: &Assignment) {
    let mut changed: BTreeMap<String, Vec<TopicPartition>> = BTreeMap::new();
    for (at, then) in &assignment.metadata {
        if let Some(changes) = changes(then, naming) {
            changed.entry(changes).or_default().push(at.clone());
        }
    }
    for (changes, partitions) in changed {
        let ends = match seat.admin("naming-adminclient").await {
            Ok(admin) => admin.watermarks(&partitions).await.unwrap_or_default(),
            Err(_unknown) => BTreeMap::new(),
        };
        let offsets = partitions.iter();
        let offsets = offsets.filter_map(|at| Some((at, *assignment.positions.get(at)?)));
        let ranges = ranges(offsets, &ends);
        if !ranges.is_empty() {
            tracing::warn!(task = %seat.spec.id,
                "Task {} goes on with other names than those its offsets were committed with: \
                 {changes}. Records {} are stored again if a task that was killed had stored them \
                 already, and are there under both names then",
                seat.spec.id,
                ranges.join(", "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_key_by_key() {
        let then = text(&Props::from([("a", "1"), ("b", "2"), ("c", "3")]));
        let now = text(&Props::from([("a", "1"), ("b", "\"x\""), ("d", "4")]));
        assert_eq!(
            changes(&then, &now).unwrap(),
            r#"b was "2" and is ""x"", c was "3" and is not set, d was not set and is "4""#
        );
        assert_eq!(changes(&then, &then), None);
        assert_eq!((changes("", &now), changes("somebody's own", &now)), (None, None));
        assert_eq!(text(&Props::new()), "");
        assert_eq!(text(&Props::from([("a", "x".repeat(MOST_BYTES))])), "");
    }

    #[test]
    fn only_records_that_are_there_are_told() {
        let at = |number| TopicPartition::new("t", number);
        let ends =
            [(at(0), Watermarks { low: 0, high: 9 }), (at(1), Watermarks { low: 0, high: 4 })];
        let all = [at(0), at(1), at(2)];
        let offsets = all.iter().map(|at| (at, 4));
        assert_eq!(ranges(offsets, &ends.into()), ["4 to 8 of t-0", "4 to the last of t-2"]);
    }
}
