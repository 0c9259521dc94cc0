//! Who reads what.

use std::collections::{BTreeMap, BTreeSet};

/// Shares items out among members, each of which may take some of them: `eligible` says which.
///
/// An item stays where it is unless it is taken away from the one that has most for one that has
/// less by two or more; an item that nobody may take is left out. Sticky, because moving a
/// partition means flushing what a sink holds of it.
pub(super) fn assign<T: Ord + Clone>(
    eligible: &BTreeMap<u64, BTreeSet<T>>,
    current: &BTreeMap<T, u64>,
) -> BTreeMap<T, u64> {
    let items: BTreeSet<&T> = eligible.values().flatten().collect();
    let mut loads: BTreeMap<u64, usize> = eligible.keys().map(|member| (*member, 0)).collect();
    let mut target = BTreeMap::new();
    let may_take =
        |member: u64, item: &T| eligible.get(&member).is_some_and(|of| of.contains(item));
    let mut free = Vec::new();
    for item in items {
        match current.get(item).filter(|owner| may_take(**owner, item)) {
            Some(owner) => put(&mut target, &mut loads, item, *owner),
            None => free.push(item),
        }
    }
    for item in free {
        if let Some(member) = least_loaded(&loads, |member| may_take(member, item)) {
            put(&mut target, &mut loads, item, member);
        }
    }
    balance(&mut target, &mut loads, may_take);
    target
}

fn put<T: Ord + Clone>(
    target: &mut BTreeMap<T, u64>,
    loads: &mut BTreeMap<u64, usize>,
    item: &T,
    member: u64,
) {
    let before = target.insert(item.clone(), member);
    if let Some(load) = before.and_then(|before| loads.get_mut(&before)) {
        *load -= 1;
    }
    *loads.entry(member).or_default() += 1;
}

fn least_loaded(loads: &BTreeMap<u64, usize>, may_take: impl Fn(u64) -> bool) -> Option<u64> {
    let takers = loads.iter().filter(|(member, _)| may_take(**member));
    takers.min_by_key(|(member, load)| (**load, **member)).map(|(member, _)| *member)
}

/// Moves items one by one from who has more to who has less; every move makes the loads more even,
/// so that it ends.
fn balance<T: Ord + Clone>(
    target: &mut BTreeMap<T, u64>,
    loads: &mut BTreeMap<u64, usize>,
    may_take: impl Fn(u64, &T) -> bool,
) {
    let load = |loads: &BTreeMap<u64, usize>, member| loads.get(&member).copied().unwrap_or(0);
    loop {
        let mut from_fullest: Vec<(&T, u64)> =
            target.iter().map(|(item, at)| (item, *at)).collect();
        from_fullest.sort_by_key(|(_, member)| std::cmp::Reverse(load(loads, *member)));
        let better = from_fullest.into_iter().find_map(|(item, member)| {
            let other = least_loaded(loads, |other| may_take(other, item))?;
            (load(loads, other) + 1 < load(loads, member)).then(|| (item.clone(), other))
        });
        match better {
            Some((item, member)) => put(target, loads, &item, member),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn loads(target: &BTreeMap<u32, u64>, members: u64) -> Vec<usize> {
        (0..members).map(|member| target.values().filter(|at| **at == member).count()).collect()
    }

    proptest! {
        #[test]
        fn what_somebody_may_take_is_taken_by_one_who_may(
            eligible in prop::collection::btree_map(
                0..6_u64, prop::collection::btree_set(0..20_u32, 0..20), 0..5),
            current in prop::collection::btree_map(0..20_u32, 0..6_u64, 0..20),
        ) {
            let target = assign(&eligible, &current);
            let wanted: BTreeSet<u32> = eligible.values().flatten().copied().collect();
            prop_assert_eq!(target.keys().copied().collect::<BTreeSet<_>>(), wanted);
            for (item, member) in &target {
                prop_assert!(eligible[member].contains(item));
            }
        }

        #[test]
        fn equals_get_the_same_number_give_or_take_one(
            members in 1..6_u64,
            items in prop::collection::btree_set(0..40_u32, 0..40),
            current in prop::collection::btree_map(0..40_u32, 0..6_u64, 0..40),
        ) {
            let eligible = (0..members).map(|member| (member, items.clone())).collect();
            let loads = loads(&assign(&eligible, &current), members);
            let most = loads.iter().max().unwrap();
            let least = loads.iter().min().unwrap();
            prop_assert!(most - least <= 1, "{:?}", loads);
        }

        #[test]
        fn what_is_settled_stays(
            eligible in prop::collection::btree_map(
                0..6_u64, prop::collection::btree_set(0..20_u32, 0..20), 0..5),
        ) {
            let target = assign(&eligible, &BTreeMap::new());
            prop_assert_eq!(assign(&eligible, &target), target);
        }
    }

    #[test]
    fn a_newcomer_takes_no_more_than_its_share() {
        let items: BTreeSet<u32> = (0..6).collect();
        let alone = assign(&[(0, items.clone())].into(), &BTreeMap::new());
        let both = assign(&[(0, items.clone()), (1, items)].into(), &alone);
        assert_eq!(loads(&both, 2), [3, 3]);
    }
}
