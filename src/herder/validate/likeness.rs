//! Which known name somebody may have meant.

/// Longest name that is compared; the work grows with the square of it.
const LONGEST: usize = 100;

/// The known name that another is most like, if it is so like it that a slip explains the rest.
pub(in crate::herder) fn most_like<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let most = if name.len() < 8 { 1 } else { 2 };
    let plain = plain(name);
    let distance = |other: &'a str| {
        if self::plain(other) == plain {
            return Some((0, other));
        }
        let is_far = other.len().abs_diff(name.len()) > most || other.len() > LONGEST;
        let distance = if is_far { most + 1 } else { edits(name, other) };
        (distance <= most).then_some((distance, other))
    };
    known.into_iter().filter_map(distance).min().map(|(_, other)| other)
}

/// A name without what people mix up: capitals and separators.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|letter| !['.', '_', '-'].contains(letter));
    letters.flat_map(char::to_lowercase).collect()
}

/// Letters to add, leave out, change or swap with their neighbour to make one name of another.
fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, wanted) in other.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let changed = at(&last, column) + usize::from(letter != wanted);
            let mut least = changed.min(at(&last, column + 1) + 1).min(at(&next, column) + 1);
            let is_swap = row > 0
                && column > 0
                && one.get(row - 1) == Some(wanted)
                && other.get(column - 1) == Some(letter);
            if is_swap {
                least = least.min(at(&before_last, column - 1).saturating_add(1));
            }
            next.push(least);
        }
        before_last = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_name() {
        let known = ["topic", "topics", "errors.tolerance", "flush.size", "tasks.max", "file"];
        for (name, expected) in [
            ("errors.tolerence", Some("errors.tolerance")),
            ("flush_size", Some("flush.size")),
            ("Flush.Size", Some("flush.size")),
            ("flsuh.size", Some("flush.size")),
            ("task.max", Some("tasks.max")),
            ("topicss", Some("topics")),
            ("fiel", Some("file")),
            ("my.own", None),
            ("rate", None),
            ("", None),
        ] {
            assert_eq!(most_like(name, known), expected, "{name}");
        }
        assert_eq!(most_like(&"x".repeat(10_000), known), None);
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, expected) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1), ("same", "same", 0)]
        {
            assert_eq!(edits(one, other), expected);
            assert_eq!(edits(other, one), expected);
        }
    }
}
