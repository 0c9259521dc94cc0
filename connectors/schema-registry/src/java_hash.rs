//! The order in which Java's `HashMap` gives its entries.
//!
//! A registry takes schemas with the same parts in another order for two, and the originals write
//! parts in the order of a hash table. To find the schema that they have registered, ours must
//! have that order too. Source: the `HashMap.java` of Java 21, `String.hashCode`.

/// Buckets of a table that was made without a size.
pub(crate) const DEFAULT_CAPACITY: usize = 16;

/// Buckets of a table that was made as a copy of one with so many entries.
pub(crate) fn copied_capacity(entries: usize) -> usize {
    entries.saturating_mul(4).div_ceil(3).next_power_of_two()
}

/// Puts entries with different keys in the order of a table that began with so many buckets.
pub(crate) fn hash_order<T>(entries: &mut [T], capacity: usize, key: impl Fn(&T) -> &str) {
    let mut buckets = capacity.next_power_of_two();
    while entries.len() > buckets / 4 * 3 + buckets % 4 * 3 / 4 {
        buckets *= 2;
    }
    let mask = u32::try_from(buckets - 1).unwrap_or(u32::MAX);
    entries.sort_by_key(|entry| spread(key(entry)) & mask);
}

/// What a table makes of a key's hash code.
fn spread(key: &str) -> u32 {
    let hash = key
        .encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(capacity: usize, keys: &[&'static str]) -> Vec<&'static str> {
        let mut keys = keys.to_vec();
        hash_order(&mut keys, capacity, |key| key);
        keys
    }

    #[test]
    fn hash_codes_are_those_of_java() {
        // "connect.type".hashCode() and so on, by hand for a short one.
        assert_eq!(spread("a"), 97);
        assert_eq!(spread("ab"), 97 * 31 + 98);
        assert_eq!(spread(""), 0);
    }

    #[test]
    fn short_keys_follow_their_letters() {
        assert_eq!(ordered(16, &["c", "b", "a"]), ["a", "b", "c"]);
        // 'p' is 112, bucket 0 of 16.
        assert_eq!(ordered(16, &["a", "p"]), ["p", "a"]);
        // Thirteen entries make 32 buckets, where 'p' is in the middle.
        let many = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "p"];
        assert_eq!(ordered(16, &many), many);
    }

    #[test]
    fn tables_grow_beyond_three_quarters() {
        assert_eq!(copied_capacity(0), 1);
        assert_eq!(copied_capacity(3), 4);
        assert_eq!(copied_capacity(4), 8);
        assert_eq!(copied_capacity(12), 16);
        assert_eq!(ordered(1, &["b", "a"]), ["a", "b"]);
    }
}
