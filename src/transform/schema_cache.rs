//! What becomes of a schema, kept for the records that share it.
//!
//! Source: apache/kafka `SynchronizedCache.java`, `LRUCache.java`.

use std::sync::{Arc, Mutex, PoisonError};

use connect_api::{error::Result, schema::Schema};

/// Schemas that are remembered, as many as the original's.
const CAPACITY: usize = 16;

/// Outcomes by schema, the one used last first.
///
/// Found by the schema's pointer, which the records of a batch share, and else by its content.
#[derive(Debug)]
pub(super) struct SchemaCache<T> {
    known: Mutex<Vec<(Arc<Schema>, T)>>,
}

impl<T> Default for SchemaCache<T> {
    fn default() -> Self {
        Self { known: Mutex::default() }
    }
}

impl<T: Clone> SchemaCache<T> {
    /// The outcome for a schema, built when it is not remembered.
    ///
    /// # Errors
    /// Those of `build`, which are not remembered.
    pub(super) fn get(&self, schema: &Arc<Schema>, build: impl FnOnce() -> Result<T>) -> Result<T> {
        self.with(schema, build, |outcome| Ok(outcome.clone()))
    }
}

impl<T> SchemaCache<T> {
    /// What is made of the outcome for a schema, which others have to wait for.
    ///
    /// # Errors
    /// Those of `build`, which are not remembered, and of `make`.
    #[inline]
    pub(super) fn with<U>(
        &self,
        schema: &Arc<Schema>,
        build: impl FnOnce() -> Result<T>,
        make: impl FnOnce(&T) -> Result<U>,
    ) -> Result<U> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((key, outcome)) = known.first()
            && Arc::ptr_eq(key, schema)
        {
            return make(outcome);
        }
        let outcome = Self::taken(&mut known, schema).map_or_else(build, Ok)?;
        let made = make(&outcome);
        known.truncate(CAPACITY - 1);
        known.insert(0, (Arc::clone(schema), outcome));
        made
    }

    /// Takes the outcome for a schema out.
    fn taken(known: &mut Vec<(Arc<Schema>, T)>, schema: &Arc<Schema>) -> Option<T> {
        let by_pointer = known.iter().position(|(key, _)| Arc::ptr_eq(key, schema));
        let found = by_pointer.or_else(|| known.iter().position(|(key, _)| key == schema));
        found.map(|at| known.remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{error::ConnectorError, schema::Type};

    use super::*;

    fn named(name: &str) -> Arc<Schema> {
        Arc::new(Schema::new(Type::String).named(name))
    }

    #[test]
    fn an_outcome_is_built_once_for_equal_schemas() {
        let cache = SchemaCache::default();
        assert_eq!(cache.get(&named("a"), || Ok(1)).unwrap(), 1);
        assert_eq!(cache.get(&named("a"), || Ok(2)).unwrap(), 1);
        assert!(cache.get(&named("b"), || Err(ConnectorError::record("no"))).is_err());
        assert_eq!(cache.get(&named("b"), || Ok(3)).unwrap(), 3);
        assert_eq!(cache.get(&named("a"), || Ok(4)).unwrap(), 1);
    }

    #[test]
    fn the_one_not_used_for_longest_is_forgotten() {
        let cache = SchemaCache::default();
        for number in 0..=CAPACITY {
            cache.get(&named("first"), || Ok(usize::MAX)).unwrap();
            cache.get(&named(&number.to_string()), || Ok(number)).unwrap();
        }
        assert_eq!(cache.get(&named("first"), || Ok(0)).unwrap(), usize::MAX);
        assert_eq!(cache.get(&named("0"), || Ok(7)).unwrap(), 7, "forgotten and built anew");
        assert_eq!(cache.known.lock().unwrap().len(), CAPACITY);
    }
}
