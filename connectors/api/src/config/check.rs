//! What a value must satisfy beyond its type.

use std::{collections::BTreeSet, fmt, sync::Arc};

use regex::Regex;

use super::kind::{ConfigKind, print_double, split_list};

/// A rule for one value, given its canonical text.
#[derive(Clone)]
pub enum Check {
    /// Text is not empty; a list has an item.
    NotEmpty,
    /// Text is neither empty nor has control characters.
    Printable,
    /// There is a value at all; only absence breaks it.
    NotNull,
    /// Text is a regular expression.
    Regex,
    /// Items of a list differ from one another.
    Unique,
    /// A number lies between two bounds, both included; `None` is no bound.
    Range(Option<Bound>, Option<Bound>),
    /// Text, or each item of a list, is one of these.
    OneOf(Vec<String>),
    /// Text, or each item of a list, is one of these in any case.
    OneOfAnyCase(Vec<String>),
    /// Any other rule: the reason when the text breaks it. The reason must not repeat a secret.
    Custom(Arc<CustomCheck>),
    /// Any other rule, of which the reason is the whole message. `None` is no value at all.
    Sentence(Arc<SentenceCheck>),
}

/// A rule of a connector's own.
type CustomCheck = dyn Fn(&str) -> Result<(), String> + Send + Sync;
/// A rule of a connector's own that words its message itself.
type SentenceCheck = dyn Fn(Option<&str>) -> Result<(), String> + Send + Sync;

/// Demands a text that is not empty, or a list with an item.
pub const NOT_EMPTY: Check = Check::NotEmpty;
/// Demands a text that is not empty and has no control characters.
pub const PRINTABLE: Check = Check::Printable;
/// Demands a value, which a required option does anyway: says so once more.
pub const NOT_NULL: Check = Check::NotNull;
/// Demands a regular expression; the empty text is one.
pub const REGEX: Check = Check::Regex;
/// Demands a list of aliases that differ from one another.
pub const UNIQUE: Check = Check::Unique;

/// Demands a number of at least `least`.
pub fn at_least(least: impl Into<Bound>) -> Check {
    Check::Range(Some(least.into()), None)
}

/// Demands a number of at most `most`.
pub fn at_most(most: impl Into<Bound>) -> Check {
    Check::Range(None, Some(most.into()))
}

/// Demands a number from `least` to `most`, both included.
pub fn between(least: impl Into<Bound>, most: impl Into<Bound>) -> Check {
    Check::Range(Some(least.into()), Some(most.into()))
}

/// Demands one of these texts.
pub fn one_of(texts: &[&str]) -> Check {
    Check::OneOf(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Demands one of these texts, in any case.
pub fn one_of_any_case(texts: &[&str]) -> Check {
    Check::OneOfAnyCase(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Demands what the function demands, in its own words: they are the whole message.
pub fn sentence(
    check: impl Fn(Option<&str>) -> Result<(), String> + Send + Sync + 'static,
) -> Check {
    Check::Sentence(Arc::new(check))
}

impl Check {
    /// Applies the rule to a canonical text of the given type.
    ///
    /// Source: apache/kafka `ConfigDef.java`, its validators.
    ///
    /// # Errors
    /// The reason, such as `Value must be at least 1`, when the text breaks the rule.
    pub fn apply(&self, kind: ConfigKind, text: &str) -> Result<(), String> {
        match self {
            Self::NotEmpty if kind == ConfigKind::List => demand(!text.is_empty(), "Empty list"),
            Self::NotEmpty => demand(!text.is_empty(), "String must be non-empty"),
            Self::NotNull => Ok(()),
            Self::Printable => printable(text),
            Self::Regex => regular_expression(text),
            Self::Unique => {
                let items = split_list(text);
                let distinct: BTreeSet<_> = items.iter().collect();
                demand(distinct.len() == items.len(), "Duplicate alias provided.")
            }
            Self::Range(least, most) => in_range(*least, *most, text),
            Self::OneOf(known) => self.each(kind, text, |text| known.iter().any(|one| one == text)),
            Self::OneOfAnyCase(known) => {
                self.each(kind, text, |text| known.iter().any(|one| one.eq_ignore_ascii_case(text)))
            }
            Self::Custom(check) => check(text),
            Self::Sentence(check) => check(Some(text)),
        }
    }

    /// Whether the reason is a whole message.
    pub(super) const fn is_sentence(&self) -> bool {
        matches!(self, Self::Sentence(_))
    }

    /// The reason why no value at all breaks the rule, for the rules it does break.
    pub(super) fn reason_for_null(&self) -> Option<String> {
        match self {
            Self::NotNull => Some("entry must be non null".to_owned()),
            Self::Sentence(check) => check(None).err(),
            Self::Range(..) => Some("Value must be non-null".to_owned()),
            Self::OneOf(known) => Some(format!("String must be one of: {}", known.join(", "))),
            Self::OneOfAnyCase(known) => Some(format!(
                "String must be one of (case insensitive): {}",
                known.iter().map(|one| one.to_uppercase()).collect::<Vec<_>>().join(", ")
            )),
            _ => None,
        }
    }

    fn each(
        &self,
        kind: ConfigKind,
        text: &str,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        let holds = match kind {
            ConfigKind::List => split_list(text).iter().all(|item| is_known(item)),
            _ => is_known(text),
        };
        if holds { Ok(()) } else { Err(self.reason_for_null().unwrap_or_default()) }
    }
}

impl<F: Fn(&str) -> Result<(), String> + Send + Sync + 'static> From<F> for Check {
    fn from(check: F) -> Self {
        Self::Custom(Arc::new(check))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty => f.write_str("NotEmpty"),
            Self::NotNull => f.write_str("NotNull"),
            Self::Printable => f.write_str("Printable"),
            Self::Regex => f.write_str("Regex"),
            Self::Unique => f.write_str("Unique"),
            Self::Range(least, most) => f.debug_tuple("Range").field(least).field(most).finish(),
            Self::OneOf(known) => f.debug_tuple("OneOf").field(known).finish(),
            Self::OneOfAnyCase(known) => f.debug_tuple("OneOfAnyCase").field(known).finish(),
            Self::Custom(_) => f.write_str("Custom"),
            Self::Sentence(_) => f.write_str("Sentence"),
        }
    }
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Real(f64),
}

impl Bound {
    #[expect(clippy::cast_precision_loss, reason = "a bound beyond 2^53 on a DOUBLE may be rough")]
    const fn as_real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            Self::Real(number) => f.write_str(&print_double(*number)),
        }
    }
}

impl From<i32> for Bound {
    fn from(number: i32) -> Self {
        Self::Whole(number.into())
    }
}

impl From<i64> for Bound {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u32> for Bound {
    fn from(number: u32) -> Self {
        Self::Whole(number.into())
    }
}

impl From<f64> for Bound {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

fn demand(holds: bool, reason: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason.to_owned()) }
}

/// Says what is wrong in the engine's words, without repeating the text.
fn regular_expression(text: &str) -> Result<(), String> {
    let Err(error) = Regex::new(text) else { return Ok(()) };
    let error = error.to_string();
    let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
    Err(format!("Invalid regex: {cause}"))
}

fn printable(text: &str) -> Result<(), String> {
    demand(!text.is_empty(), "String may not be empty")?;
    let codes: Vec<_> = text
        .chars()
        .filter(char::is_ascii_control)
        .map(|found| u32::from(found).to_string())
        .collect();
    if codes.is_empty() {
        return Ok(());
    }
    let codes = codes.join(", ");
    Err(format!(
        "String may not contain control sequences but had the following ASCII chars: {codes}"
    ))
}

fn in_range(least: Option<Bound>, most: Option<Bound>, text: &str) -> Result<(), String> {
    if let Some(least) = least
        && !is_ordered(least, text, |bound, value| bound <= value)
    {
        return Err(format!("Value must be at least {least}"));
    }
    if let Some(most) = most
        && !is_ordered(most, text, |bound, value| value <= bound)
    {
        return Err(format!("Value must be no more than {most}"));
    }
    Ok(())
}

/// Compares exactly where both are whole, else as numbers with a fraction.
fn is_ordered(bound: Bound, text: &str, holds: impl Fn(f64, f64) -> bool) -> bool {
    match (bound, text.parse::<i64>()) {
        (Bound::Whole(bound), Ok(value)) => match value.cmp(&bound) {
            std::cmp::Ordering::Less => holds(1.0, 0.0),
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => holds(0.0, 1.0),
        },
        _ => text.parse().is_ok_and(|value| holds(bound.as_real(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(check: &Check, kind: ConfigKind, text: &str) -> Option<String> {
        check.apply(kind, text).err()
    }

    #[test]
    fn every_rule_gives_its_reason() {
        let names = one_of(&["a", "b"]);
        for (check, kind, text, expected) in [
            (NOT_EMPTY, ConfigKind::String, "", "String must be non-empty"),
            (NOT_EMPTY, ConfigKind::List, "", "Empty list"),
            (PRINTABLE, ConfigKind::String, "", "String may not be empty"),
            (
                PRINTABLE,
                ConfigKind::String,
                "a\r\nb",
                "String may not contain control sequences but had the following ASCII chars: 13, 10",
            ),
            (REGEX, ConfigKind::String, "(", "Invalid regex: unclosed group"),
            (UNIQUE, ConfigKind::List, "a,b,a", "Duplicate alias provided."),
            (at_least(1), ConfigKind::Int, "0", "Value must be at least 1"),
            (at_most(9), ConfigKind::Int, "10", "Value must be no more than 9"),
            (between(1, 2), ConfigKind::Int, "3", "Value must be no more than 2"),
            (at_least(0.5), ConfigKind::Double, "0.25", "Value must be at least 0.5"),
            (at_least(1), ConfigKind::Double, "0.5", "Value must be at least 1"),
            (names.clone(), ConfigKind::String, "A", "String must be one of: a, b"),
            (names, ConfigKind::List, "a,c", "String must be one of: a, b"),
            (
                one_of_any_case(&["none", "all"]),
                ConfigKind::String,
                "some",
                "String must be one of (case insensitive): NONE, ALL",
            ),
        ] {
            assert_eq!(reason(&check, kind, text).as_deref(), Some(expected));
        }
    }

    #[test]
    fn bounds_belong_to_their_range_and_compare_exactly() {
        assert_eq!(reason(&between(1, 2), ConfigKind::Int, "1"), None);
        assert_eq!(reason(&between(1, 2), ConfigKind::Int, "2"), None);
        assert_eq!(reason(&at_most(i64::MAX - 1), ConfigKind::Long, "9223372036854775806"), None);
        assert!(reason(&at_most(i64::MAX - 1), ConfigKind::Long, "9223372036854775807").is_some());
    }

    #[test]
    fn a_function_is_a_check() {
        let even = |text: &str| match text.len() % 2 {
            0 => Ok(()),
            _ => Err("Odd".to_owned()),
        };
        assert_eq!(reason(&Check::from(even), ConfigKind::String, "abc").as_deref(), Some("Odd"));
        assert_eq!(reason(&one_of_any_case(&["a"]), ConfigKind::String, "A"), None);
    }

    #[test]
    fn no_value_at_all_breaks_a_rule_in_its_own_words() {
        let own = sentence(|text| text.map(drop).ok_or_else(|| "Say something".to_owned()));
        for (check, expected) in [
            (NOT_EMPTY, None),
            (NOT_NULL, Some("entry must be non null")),
            (own, Some("Say something")),
        ] {
            assert_eq!(check.reason_for_null().as_deref(), expected);
        }
    }
}
