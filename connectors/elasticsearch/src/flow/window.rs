//! How much goes at once: less when the cluster says that it is too much, more when it copes.

/// Bulks without a refusal after which the largest size is reached again from the smallest.
const STEPS: usize = 16;

/// Documents and bytes of one bulk, and how many bulks are on their way at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    most: Sizes,
    now: Sizes,
}

/// What a window allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) docs: usize,
    pub(super) bytes: usize,
    pub(super) bulks: usize,
}

impl Window {
    pub(super) const fn new(most: Sizes) -> Self {
        Self { most, now: most }
    }

    /// What may go now.
    pub(super) const fn sizes(&self) -> Sizes {
        self.now
    }

    /// A bulk of this size was too large: half of it from now on.
    pub(super) fn too_large(&mut self, docs: usize, bytes: usize) {
        self.now.docs = self.now.docs.min(docs / 2).max(1);
        self.now.bytes = self.now.bytes.min(bytes / 2).max(1);
    }

    /// The cluster has too much to do: smaller bulks, and fewer of them.
    pub(super) fn overloaded(&mut self, docs: usize, bytes: usize) {
        self.too_large(docs, bytes);
        self.now.bulks = (self.now.bulks / 2).max(1);
    }

    /// A bulk went through.
    pub(super) fn went_through(&mut self) {
        let grown = |now: usize, most: usize| now.saturating_add(most.div_ceil(STEPS)).min(most);
        self.now = Sizes {
            docs: grown(self.now.docs, self.most.docs),
            bytes: grown(self.now.bytes, self.most.bytes),
            bulks: grown(self.now.bulks, self.most.bulks),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: Sizes = Sizes { docs: 2000, bytes: 5_000_000, bulks: 5 };

    #[test]
    fn it_halves_at_a_refusal_and_comes_back() {
        let mut window = Window::new(MOST);
        window.overloaded(2000, 400_000);
        assert_eq!(window.sizes(), Sizes { docs: 1000, bytes: 200_000, bulks: 2 });
        window.overloaded(1000, 200_000);
        assert_eq!(window.sizes(), Sizes { docs: 500, bytes: 100_000, bulks: 1 });
        for _bulk in 0..STEPS {
            window.went_through();
        }
        assert_eq!(window.sizes(), MOST);
    }

    proptest! {
        #[test]
        fn it_never_closes_and_never_exceeds_what_was_asked_for(
            events in prop::collection::vec((0..3, 1..5000_usize, 1..9_000_000_usize), 0..100)
        ) {
            let mut window = Window::new(MOST);
            for (kind, docs, bytes) in events {
                match kind {
                    0 => window.too_large(docs, bytes),
                    1 => window.overloaded(docs, bytes),
                    _ => window.went_through(),
                }
                let now = window.sizes();
                prop_assert!(now.docs >= 1 && now.bytes >= 1 && now.bulks >= 1);
                prop_assert!(now.docs <= MOST.docs && now.bytes <= MOST.bytes);
                prop_assert!(now.bulks <= MOST.bulks);
            }
        }
    }
}
