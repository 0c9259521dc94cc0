//! The nodes of the cluster, which take turns; one that does not answer is left out for a while.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long a node is left out after its first failure; doubles with each one that follows.
const FIRST_REST: Duration = Duration::from_secs(1);
/// How long a node is left out at most.
const LONGEST_REST: Duration = Duration::from_mins(1);
/// Doublings until then.
const MOST_DOUBLINGS: u32 = 6;

/// The nodes.
#[derive(Debug)]
pub(super) struct Nodes {
    urls: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: usize,
    health: Vec<Health>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Nodes {
    pub(super) fn new(urls: Vec<String>) -> Self {
        let health = vec![Health::default(); urls.len()];
        Self { urls, state: Mutex::new(State { next: 0, health }) }
    }

    pub(super) const fn len(&self) -> usize {
        self.urls.len()
    }

    pub(super) fn url(&self, node: usize) -> &str {
        self.urls.get(node).map_or("", String::as_str)
    }

    /// The node whose turn it is: the next one that is not left out, or the one that comes back first.
    pub(super) fn next(&self, now: Instant) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.urls.len().max(1);
        let order = (0..count).map(|step| (state.next + step) % count);
        let rest = |node: &usize| {
            let health = state.health.get(*node).copied().unwrap_or_default();
            health.rests_until.filter(|until| *until > now)
        };
        // Of those that do not rest, the first one in turn is the least.
        let chosen = order.min_by_key(rest).unwrap_or(0);
        state.next = (chosen + 1) % count;
        chosen
    }

    /// A node answered.
    pub(super) fn answered(&self, node: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = state.health.get_mut(node) {
            *health = Health::default();
        }
    }

    /// A node did not answer.
    pub(super) fn failed(&self, node: usize, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = state.health.get_mut(node) {
            let rest = FIRST_REST.saturating_mul(2_u32.pow(health.failures.min(MOST_DOUBLINGS)));
            health.failures += 1;
            health.rests_until = Some(now + rest.min(LONGEST_REST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nodes_take_turns_and_a_dead_one_is_left_out_for_a_while() {
        let nodes = Nodes::new(["a", "b", "c"].map(str::to_owned).into());
        let now = Instant::now();
        let turns = |now, count| (0..count).map(|_| nodes.next(now)).collect::<Vec<_>>();
        assert_eq!(turns(now, 4), [0, 1, 2, 0]);
        nodes.failed(1, now);
        assert_eq!(turns(now, 4), [2, 0, 2, 0]);
        assert_eq!(turns(now + FIRST_REST, 3), [1, 2, 0]);
        nodes.failed(1, now);
        assert_eq!(turns(now + FIRST_REST, 2), [2, 0], "longer the second time");
        nodes.failed(0, now);
        nodes.failed(2, now);
        assert_eq!(turns(now, 1), [2], "one of those that come back first");
        nodes.answered(1);
        assert_eq!(turns(now, 2), [1, 1]);
    }
}
