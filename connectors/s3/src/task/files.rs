//! The open files of a Kafka partition, by folder.
//!
//! A record is nearly always for the file that was looked at last, so that folder is compared first, as
//! the pointer that it is: no text is hashed for it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::file::OpenFile;

/// Open files by their folder.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// In no order that means anything.
    entries: Vec<(Arc<str>, OpenFile)>,
    places: HashMap<Arc<str>, usize>,
    /// Where the file is that was looked for last; others look without changing anything else.
    recent: AtomicUsize,
}

impl Files {
    fn place(&self, folder: &str) -> Option<usize> {
        let recent = self.recent.load(Ordering::Relaxed);
        let is_it = |(known, _): &(Arc<str>, OpenFile)| std::ptr::eq(&raw const **known, folder);
        if self.entries.get(recent).is_some_and(is_it) {
            return Some(recent);
        }
        let place = *self.places.get(folder)?;
        self.recent.store(place, Ordering::Relaxed);
        Some(place)
    }

    pub(super) fn get(&self, folder: &str) -> Option<&OpenFile> {
        self.entries.get(self.place(folder)?).map(|(_, file)| file)
    }

    pub(super) fn get_mut(&mut self, folder: &str) -> Option<&mut OpenFile> {
        let place = self.place(folder)?;
        self.entries.get_mut(place).map(|(_, file)| file)
    }

    /// Adds the file of a folder that has none.
    pub(super) fn insert(&mut self, folder: Arc<str>, file: OpenFile) {
        self.remove(&folder);
        self.recent.store(self.entries.len(), Ordering::Relaxed);
        self.places.insert(Arc::clone(&folder), self.entries.len());
        self.entries.push((folder, file));
    }

    pub(super) fn remove(&mut self, folder: &str) -> Option<OpenFile> {
        let place = self.places.remove(folder)?;
        let (_, file) = self.entries.swap_remove(place);
        if let Some((moved, _)) = self.entries.get(place) {
            self.places.insert(Arc::clone(moved), place);
        }
        Some(file)
    }

    /// Takes out those that this holds for.
    pub(super) fn take_if(&mut self, is_taken: impl Fn(&OpenFile) -> bool) -> Vec<OpenFile> {
        let all = std::mem::take(self).entries.into_iter();
        let (taken, kept): (Vec<_>, Vec<_>) = all.partition(|(_, file)| is_taken(file));
        kept.into_iter().for_each(|(folder, file)| self.insert(folder, file));
        taken.into_iter().map(|(_, file)| file).collect()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &OpenFile> {
        self.entries.iter().map(|(_, file)| file)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut OpenFile> {
        self.entries.iter_mut().map(|(_, file)| file)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{budget::MemoryBudget, value::Value};
    use connect_storage::body::Room;

    use super::*;
    use crate::{file::Facts, task::tests::record};

    fn file(folder: &Arc<str>, offset: i64) -> OpenFile {
        let record = record(offset, 0, Value::Int64(offset));
        let facts = Facts::new(String::new(), Arc::clone(folder), Arc::clone(folder), &record);
        let room = Room { memory: MemoryBudget::new(1 << 20), disk: None };
        OpenFile::open(facts, &[], &[], &room).unwrap()
    }

    proptest::proptest! {
        /// Whatever is done, a folder leads to its own file.
        #[test]
        fn a_folder_leads_to_its_own_file(
            steps in proptest::collection::vec((0..3_u8, 0..5_u8), 0..60),
        ) {
            let mut files = Files::default();
            let mut model = std::collections::BTreeMap::new();
            for (offset, (step, folder)) in (0..).zip(steps) {
                let folder: Arc<str> = format!("folder {folder}").into();
                match step {
                    0 => {
                        files.insert(Arc::clone(&folder), file(&folder, offset));
                        model.insert(folder, offset);
                    }
                    1 => {
                        let gone = files.remove(&folder).map(|file| file.facts.held.first);
                        assert_eq!(gone, model.remove(&folder));
                    }
                    _ => {
                        let taken = files.take_if(|file| file.facts.held.first % 3 == 0).len();
                        let before = model.len();
                        model.retain(|_, first| *first % 3 != 0);
                        assert_eq!(taken, before - model.len());
                    }
                }
                for (folder, first) in &model {
                    assert_eq!(files.get(folder).unwrap().facts.held.first, *first);
                    let same = folder.to_string();
                    assert_eq!(files.get_mut(&same).unwrap().facts.held.first, *first);
                }
                assert_eq!(files.values().count(), model.len());
            }
        }
    }
}
