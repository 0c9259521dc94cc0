//! From what store and tasks have to the rows of an answer.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use chrono::{DateTime, SecondsFormat};
use connect_api::record::TopicPartition;
use serde_json::{Map, Value as Json};

use super::params::{Order, WindowQuery, cursor_after};
use crate::{
    cell::{Cell, Number},
    definition::{Definition, FieldPath},
    held::{PartitionView, RowKey, Segment},
    store::StoredOffsets,
};

/// Values of the groups of a row, ordered as people expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupKey(pub(super) Vec<Json>);

impl Ord for GroupKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let by_value = pairs.map(|(left, right)| order_of(left, right)).find(|order| order.is_ne());
        by_value.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Null, then booleans, numbers, texts, and what is left by its JSON text.
fn order_of(left: &Json, right: &Json) -> Ordering {
    let rank = |value: &Json| match value {
        Json::Null => 0,
        Json::Bool(_) => 1,
        Json::Number(_) => 2,
        Json::String(_) => 3,
        Json::Array(_) | Json::Object(_) => 4,
    };
    match (left, right) {
        (Json::Bool(left), Json::Bool(right)) => left.cmp(right),
        (Json::Number(_), Json::Number(_)) => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.order(right),
            _ => Ordering::Equal,
        },
        (Json::String(left), Json::String(right)) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)).then_with(|| left.to_string().cmp(&right.to_string())),
    }
}

fn number(value: &Json) -> Option<Number> {
    value.as_i64().map(Number::Whole).or_else(|| Number::real(value.as_f64()?))
}

/// The offsets an answer stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Positions {
    /// Per partition, the offset after the last record that is counted.
    pub(super) as_of: StoredOffsets,
    /// Per partition, the offset after the last record that is in the store.
    pub(super) committed: StoredOffsets,
}

impl Positions {
    /// Of what is stored and what tasks hold.
    pub(super) fn new(stored: &StoredOffsets, views: &[PartitionView]) -> Self {
        let mut as_of = stored.clone();
        for view in views {
            if let Some(next) = view.next {
                let known = as_of.entry(view.partition.clone()).or_insert(next);
                *known = next.max(*known);
            }
        }
        Self { as_of, committed: stored.clone() }
    }

    /// Offsets by topic and partition.
    pub(super) fn shown(offsets: &StoredOffsets) -> Json {
        let mut topics: Map<String, Json> = Map::new();
        for (TopicPartition { topic, partition }, offset) in offsets {
            let partitions = topics.entry(&**topic).or_insert_with(|| Map::new().into());
            if let Some(partitions) = partitions.as_object_mut() {
                partitions.insert(partition.to_string(), (*offset).into());
            }
        }
        topics.into()
    }
}

/// The segments that are not in the store. A segment is stored as a whole together with its end.
pub(super) fn unwritten<'a>(
    stored: &'a StoredOffsets,
    views: &'a [PartitionView],
) -> impl Iterator<Item = &'a Arc<Segment>> {
    views.iter().flat_map(|view| {
        let offset = stored.get(&view.partition).copied();
        view.segments
            .iter()
            .filter(move |segment| offset.is_none_or(|offset| segment.start >= offset))
    })
}

/// Rows of an answer, before they are ordered and cut.
pub(super) struct Answer<'a> {
    query: &'a WindowQuery,
    rows: BTreeMap<(i64, GroupKey), Cell>,
}

/// A page of rows.
pub(super) struct Page {
    /// The rows, in order.
    pub(super) rows: Vec<((i64, GroupKey), Cell)>,
    /// Where the next page begins; none after the last one.
    pub(super) next: Option<String>,
}

impl<'a> Answer<'a> {
    /// An answer without rows.
    pub(super) const fn new(query: &'a WindowQuery) -> Self {
        Self { query, rows: BTreeMap::new() }
    }

    /// Adds a row as it is counted, unless a filter leaves it out.
    pub(super) fn add(&mut self, window: i64, groups: &str, cell: &Cell) {
        let Some(key) = self.key(window, groups) else { return };
        match self.rows.get_mut(&key) {
            Some(known) => known.merge(cell),
            None => drop(self.rows.insert(key, cell.clone())),
        }
    }

    /// Keeps the rows that these changed.
    pub(super) fn keep<'k>(&mut self, changed: impl IntoIterator<Item = &'k RowKey>) {
        let changed: std::collections::BTreeSet<_> =
            changed.into_iter().filter_map(|(window, groups)| self.key(*window, groups)).collect();
        self.rows.retain(|key, _| changed.contains(key));
    }

    /// The rows in the order that was asked for, from the cursor on, up to the limit.
    pub(super) fn page(self) -> Page {
        let order = self.query.order;
        let position = |left: &(i64, GroupKey), right: &(i64, GroupKey)| {
            let by_window = match order {
                Order::Ascending => left.0.cmp(&right.0),
                Order::Descending => right.0.cmp(&left.0),
            };
            by_window.then_with(|| left.1.cmp(&right.1))
        };
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_by(|left, right| position(&left.0, &right.0));
        if let Some(after) = &self.query.after {
            rows.retain(|(key, _)| position(key, after).is_gt());
        }
        let is_cut = rows.len() > self.query.limit;
        rows.truncate(self.query.limit);
        let last = rows.last().filter(|_| is_cut);
        let next = last.map(|((window, key), _)| cursor_after(*window, key));
        Page { rows, next }
    }

    /// The row of the answer that a counted row belongs to.
    fn key(&self, window: i64, groups: &str) -> Option<(i64, GroupKey)> {
        let values: Vec<Json> = serde_json::from_str(groups).ok()?;
        for (group, texts) in &self.query.filters {
            let value = values.get(*group).unwrap_or(&Json::Null);
            if !texts.iter().any(|text| matches_text(value, text)) {
                return None;
            }
        }
        let of = |group: &usize| values.get(*group).cloned().unwrap_or_default();
        let key = GroupKey(self.query.groups.iter().map(of).collect());
        Some((window.saturating_sub(window.rem_euclid(self.query.step_ms)), key))
    }
}

/// Names of the groups of the answer.
fn names<'a>(definition: &'a Definition, query: &'a WindowQuery) -> impl Iterator<Item = &'a str> {
    query.groups.iter().filter_map(|group| definition.groups.get(*group)).map(FieldPath::name)
}

/// Whether a value is written like this; no text stands for null.
fn matches_text(value: &Json, text: &str) -> bool {
    match value {
        Json::Null => text.is_empty(),
        Json::String(value) => value == text,
        other => {
            let shown = other.to_string();
            shown == text
        }
    }
}

/// A row as JSON, its keys in the order of the columns.
pub(super) fn row_json(
    definition: &Definition,
    query: &WindowQuery,
    ((window, key), cell): &((i64, GroupKey), Cell),
) -> Json {
    let groups = names(definition, query).zip(key.0.iter().cloned());
    shown_row(definition, (*window, window.saturating_add(query.step_ms)), groups, cell)
}

/// A window, groups by their names and what was counted for them, in the order of the columns.
pub(crate) fn shown_row<'a>(
    definition: &Definition,
    (start, end): (i64, i64),
    groups: impl Iterator<Item = (&'a str, Json)>,
    cell: &Cell,
) -> Json {
    let mut row = Map::new();
    row.insert("window_start".to_owned(), shown_time(start));
    row.insert("window_end".to_owned(), shown_time(end));
    row.extend(groups.map(|(name, value)| (name.to_owned(), value)));
    row.insert("count".to_owned(), cell.count().into());
    for (name, value) in cell.shown(definition) {
        row.insert(name.to_owned(), value);
    }
    row.into()
}

/// The rows as a table with a heading.
pub(super) fn csv(definition: &Definition, query: &WindowQuery, page: &Page) -> String {
    let columns = ["window_start", "window_end"]
        .into_iter()
        .chain(names(definition, query))
        .chain(["count"])
        .chain(definition.measures.iter().map(|(name, ..)| &**name));
    let mut out = columns.map(quoted).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    for row in &page.rows {
        let row = row_json(definition, query, row);
        let values = row.as_object().into_iter().flat_map(|row| row.values());
        let cells = values.map(|value| match value {
            Json::Null => String::new(),
            Json::String(text) => quoted(text),
            other => quoted(&other.to_string()),
        });
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    out
}

/// Source: RFC 4180.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A time in ISO-8601; a number where the calendar ends.
pub(super) fn shown_time(time_ms: i64) -> Json {
    match DateTime::from_timestamp_millis(time_ms) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
        None => time_ms.into(),
    }
}
