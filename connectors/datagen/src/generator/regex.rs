//! Texts that a regular expression matches.

use rand::{RngExt as _, rngs::SmallRng};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

/// Repetitions beyond the fewest, where there is no most.
const MORE: u32 = 10;

/// Reads an expression.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(pattern: &str) -> Result<Hir, String> {
    regex_syntax::Parser::new().parse(pattern).map_err(|error| {
        let error = error.to_string();
        let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("regex \"{pattern}\": {cause}")
    })
}

/// Appends a text of the expression. Anchors are taken as they come.
pub(super) fn write(hir: &Hir, random: &mut SmallRng, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.extend(character(class, random)),
        HirKind::Repetition(repetition) => {
            let min = repetition.min;
            let max = repetition.max.unwrap_or_else(|| min.saturating_add(MORE));
            for _time in 0..random.random_range(min..=max.max(min)) {
                write(&repetition.sub, random, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, random, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, random, out)),
        HirKind::Alternation(branches) => {
            if let Some(branch) = branches.get(random.random_range(0..branches.len().max(1))) {
                write(branch, random, out);
            }
        }
    }
}

/// A character of a class: one that can be printed everywhere, where it has such.
fn character(class: &Class, random: &mut SmallRng) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let mut plain = class.clone();
    plain.intersect(&ClassUnicode::new([ClassUnicodeRange::new(' ', '~')]));
    let class = if plain.ranges().is_empty() { class } else { &plain };
    let count = |range: &ClassUnicodeRange| u32::from(range.end()) - u32::from(range.start()) + 1;
    let all: u32 = class.ranges().iter().map(count).sum();
    let mut place = random.random_range(0..all.max(1));
    for range in class.ranges() {
        if place < count(range) {
            // Between the two halves of a range lie numbers that are no characters.
            return char::from_u32(u32::from(range.start()) + place).or(Some(range.start()));
        }
        place -= count(range);
    }
    None
}
