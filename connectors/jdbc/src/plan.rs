//! Which statements write a batch, so that the rows end as if each record had been written alone.
//!
//! Records of a table are collected as long as they have the same columns and their order does not
//! matter: of several for one key only the last is written, and a deletion follows the writes. What
//! would be written after its deletion begins anew, unless its key is certainly another one.

use std::{collections::HashMap, mem, sync::Arc};

use connect_api::record::SinkRecord;

use crate::{
    database::{Run, Target},
    layout::{Layout, write_key},
    sql::Action,
};

/// Collects the rows of a batch.
#[derive(Debug)]
pub(crate) struct Planner {
    most_rows: usize,
    deletes: bool,
    groups: Vec<Group>,
    key: String,
}

/// Rows of one table.
#[derive(Debug, Default)]
struct Group {
    runs: Vec<Run>,
    writes: Option<Open>,
    deletes: Option<Open>,
}

/// Rows that more may join.
#[derive(Debug)]
struct Open {
    action: Action,
    layout: Arc<Layout>,
    target: Arc<Target>,
    /// A row whose key came again is none.
    rows: Vec<Option<usize>>,
    places: HashMap<String, usize>,
}

impl Open {
    fn new(action: Action, layout: &Arc<Layout>, target: &Arc<Target>) -> Self {
        Self {
            action,
            layout: Arc::clone(layout),
            target: Arc::clone(target),
            rows: Vec::new(),
            places: HashMap::new(),
        }
    }

    fn remove(&mut self, key: &str) {
        if let Some(row) = self.places.remove(key).and_then(|place| self.rows.get_mut(place)) {
            *row = None;
        }
    }

    fn into_run(self) -> Option<Run> {
        let rows: Vec<_> = self.rows.into_iter().flatten().collect();
        let Self { action, layout, target, .. } = self;
        (!rows.is_empty()).then_some(Run { action, layout, target, rows })
    }
}

impl Group {
    fn close(&mut self) {
        let open = [self.writes.take(), self.deletes.take()];
        self.runs.extend(open.into_iter().flatten().filter_map(Open::into_run));
    }
}

impl Planner {
    /// Statements of at most so many rows; whether there may be deletions.
    pub(crate) const fn new(most_rows: usize, deletes: bool) -> Self {
        Self { most_rows, deletes, groups: Vec::new(), key: String::new() }
    }

    /// Adds a record of the batch.
    pub(crate) fn add(
        &mut self,
        (row, record): (usize, &SinkRecord),
        action: Action,
        layout: &Arc<Layout>,
        target: &Arc<Target>,
    ) {
        if !target.names.has_effect(action) {
            return;
        }
        let mut key = mem::take(&mut self.key);
        key.clear();
        // Without deletions the order of insertions is theirs alone.
        let needs_key = action != Action::Insert || self.deletes;
        let is_partial = needs_key && write_key(&mut key, layout, record);
        let known = needs_key.then_some(key.as_str()).filter(|_| !is_partial);
        let most_rows = self.most_rows;
        let Some(group) = self.group(layout) else { return };
        if action == Action::Delete {
            add_delete(group, row, known, (layout, target));
        } else {
            add_write(group, row, known, action, (layout, target));
        }
        let length = |open: &Option<Open>| open.as_ref().map_or(0, |open| open.rows.len());
        if length(&group.writes).max(length(&group.deletes)) >= most_rows {
            group.close();
        }
        self.key = key;
    }

    fn group(&mut self, layout: &Layout) -> Option<&mut Group> {
        let of_table = |group: &Group| {
            let open = group.writes.as_ref().or(group.deletes.as_ref());
            let of = open.map(|open| &open.layout.table);
            of.or_else(|| group.runs.last().map(|run| &run.layout.table)) == Some(&layout.table)
        };
        let place = self.groups.iter().position(of_table).unwrap_or(self.groups.len());
        if place == self.groups.len() {
            self.groups.push(Group::default());
        }
        self.groups.get_mut(place)
    }

    /// The statements, in their order.
    pub(crate) fn finish(mut self) -> Vec<Run> {
        self.groups.iter_mut().for_each(Group::close);
        self.groups.into_iter().flat_map(|group| group.runs).collect()
    }
}

type Way<'a> = (&'a Arc<Layout>, &'a Arc<Target>);

fn add_write(
    group: &mut Group,
    row: usize,
    key: Option<&str>,
    action: Action,
    (layout, target): Way<'_>,
) {
    let is_other = group.writes.as_ref().is_some_and(|open| !Arc::ptr_eq(&open.layout, layout));
    let follows_delete = group.deletes.as_ref().is_some_and(|open| {
        let is_exact = open.target.has_exact_keys(&open.layout) && open.layout.has_keys_of(layout);
        !is_exact || key.is_none_or(|key| open.places.contains_key(key))
    });
    if is_other || follows_delete {
        group.close();
    }
    let open = group.writes.get_or_insert_with(|| Open::new(action, layout, target));
    let last = open.rows.len();
    match key {
        Some(key) if action != Action::Insert => {
            open.remove(key);
            open.places.insert(key.to_owned(), last);
        }
        _ => {}
    }
    open.rows.push(Some(row));
}

fn add_delete(group: &mut Group, row: usize, key: Option<&str>, (layout, target): Way<'_>) {
    let differs = |open: &Open| !open.layout.has_keys_of(layout);
    if group.writes.as_ref().is_some_and(differs) || group.deletes.as_ref().is_some_and(differs) {
        group.close();
    }
    // A key that is missing in part is that of no row.
    let Some(key) = key else { return };
    if let Some(open) = &mut group.writes {
        open.remove(key);
    }
    let open = group.deletes.get_or_insert_with(|| Open::new(Action::Delete, layout, target));
    if !open.places.contains_key(key) {
        open.places.insert(key.to_owned(), open.rows.len());
        open.rows.push(Some(row));
    }
}
