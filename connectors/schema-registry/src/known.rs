//! What a converter has compiled, the last used first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most that are remembered: a search through more would cost more than it saves.
const MOST: usize = 1000;

/// A list that is searched from the last used on.
#[derive(Debug)]
pub(crate) struct Known<T> {
    list: Mutex<Vec<Arc<T>>>,
    most: usize,
}

impl<T> Known<T> {
    /// An empty list for so many, as an option says.
    pub(crate) fn new(most: i32) -> Self {
        let most = usize::try_from(most).unwrap_or(1).clamp(1, MOST);
        Self { list: Mutex::default(), most }
    }

    /// What is wanted, brought to the front.
    pub(crate) fn first(&self, is_wanted: impl Fn(&T) -> bool) -> Option<Arc<T>> {
        let mut list = self.lock();
        let place = list.iter().position(|known| is_wanted(known))?;
        if let Some(before) = list.get_mut(..=place) {
            before.rotate_right(1);
        }
        list.first().cloned()
    }

    /// Puts something to the front, and forgets what is too old or no longer good.
    pub(crate) fn keep(&self, new: T, is_good: impl Fn(&T) -> bool) -> Arc<T> {
        let new = Arc::new(new);
        let mut list = self.lock();
        list.retain(|known| is_good(known));
        list.insert(0, Arc::clone(&new));
        list.truncate(self.most);
        new
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<T>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_used_stays_longest() {
        let known = Known::new(2);
        known.keep(1, |_| true);
        known.keep(2, |_| true);
        assert_eq!(known.first(|it| *it == 1).as_deref(), Some(&1));
        known.keep(3, |_| true);
        assert_eq!(known.first(|it| *it == 2), None);
        known.keep(4, |it| *it != 1);
        assert_eq!(known.first(|it| *it == 1), None);
        assert_eq!(known.first(|it| *it == 3).as_deref(), Some(&3));
    }
}
