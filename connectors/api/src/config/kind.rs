//! The types an option can have, and how their text reads.

use std::fmt;

use serde::{Serialize, Serializer};

use super::key::Width;

/// The type of an option, as users are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigKind {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text.
    String,
    /// Whole number of 32 bits.
    Int,
    /// Whole number of 16 bits.
    Short,
    /// Whole number of 64 bits.
    Long,
    /// Number with a fraction, of 64 bits.
    Double,
    /// Texts separated by commas; the empty text is the empty list.
    List,
    /// Name of a plug-in class.
    Class,
    /// Text that is never shown.
    Password,
}

impl ConfigKind {
    /// The name users see, such as `INT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    /// The value's canonical text: trimmed, numbers and lists printed anew.
    ///
    /// Source: apache/kafka `ConfigDef.parseType` and `ConfigDef.convertToString`.
    ///
    /// # Errors
    /// The reason, such as `Not a number of type INT`, when the text is no value of this type.
    pub fn canonical(self, text: &str) -> Result<String, String> {
        let text = trim(text);
        match self {
            Self::Boolean => parse_boolean(text).map(|flag| flag.to_string()),
            Self::Short => parse_number::<i16>(self, text).map(|number| number.to_string()),
            Self::Int => parse_number::<i32>(self, text).map(|number| number.to_string()),
            Self::Long => parse_number::<i64>(self, text).map(|number| number.to_string()),
            Self::Double => parse_double(text).map(print_double),
            Self::List => Ok(split_list(text).join(",")),
            Self::String | Self::Class | Self::Password => Ok(text.to_owned()),
        }
    }

    /// The width a form gives an option of this type when nothing else is said.
    pub(super) const fn width(self) -> Width {
        match self {
            Self::Boolean | Self::Short | Self::Int | Self::Long | Self::Double => Width::Short,
            Self::String | Self::Password => Width::Medium,
            Self::List | Self::Class => Width::Long,
        }
    }
}

impl fmt::Display for ConfigKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ConfigKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Cuts blanks and control characters off both ends, as Java's `String.trim` does.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// The items of a list's text; empty items between commas are kept.
pub(super) fn split_list(text: &str) -> Vec<String> {
    let text = trim(text);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| trim(item).to_owned()).collect()
}

/// Parses `true` or `false` in any case.
pub(super) fn parse_boolean(text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err("Expected value to be either true or false".to_owned())
    }
}

/// Parses a number; `kind` names it in the reason.
pub(super) fn parse_number<T: std::str::FromStr>(
    kind: ConfigKind,
    text: &str,
) -> Result<T, String> {
    text.parse().map_err(|_| format!("Not a number of type {kind}"))
}

/// Parses a number with a fraction. Infinite and undefined numbers are none.
pub(super) fn parse_double(text: &str) -> Result<f64, String> {
    let number: f64 = parse_number(ConfigKind::Double, text)?;
    if number.is_finite() { Ok(number) } else { Err("Not a number of type DOUBLE".to_owned()) }
}

/// Prints a number as Java's `Double.toString` does: `1.0`, `1.5E-4`, `1.0E10`.
pub(super) fn print_double(number: f64) -> String {
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn numbers_that_do_not_fit_their_type_are_refused() {
        for (kind, text) in [
            (ConfigKind::Short, "32768"),
            (ConfigKind::Int, "2147483648"),
            (ConfigKind::Long, "9223372036854775808"),
            (ConfigKind::Int, "1h"),
            (ConfigKind::Int, ""),
            (ConfigKind::Double, "NaN"),
            (ConfigKind::Double, "1,5"),
        ] {
            assert_eq!(kind.canonical(text), Err(format!("Not a number of type {kind}")), "{text}");
        }
    }

    #[test]
    fn booleans_are_read_in_any_case() {
        assert_eq!(ConfigKind::Boolean.canonical(" TRUE "), Ok("true".to_owned()));
        assert_eq!(ConfigKind::Boolean.canonical("False"), Ok("false".to_owned()));
        let reason = ConfigKind::Boolean.canonical("yes").unwrap_err();
        assert_eq!(reason, "Expected value to be either true or false");
    }

    #[test]
    fn lists_lose_the_blanks_around_their_items() {
        assert_eq!(split_list(" a , b b,c "), ["a", "b b", "c"]);
        assert_eq!(split_list("  "), Vec::<String>::new());
        assert_eq!(split_list("a,,b"), ["a", "", "b"]);
    }

    #[test]
    fn doubles_print_as_java_prints_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (-0.25, "-0.25"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e-4, "1.5E-4"),
        ] {
            assert_eq!(print_double(number), text);
        }
    }

    proptest! {
        #[test]
        fn printed_numbers_read_back_as_themselves(number in any::<i64>()) {
            let text = ConfigKind::Long.canonical(&format!(" {number} ")).unwrap();
            prop_assert_eq!(parse_number::<i64>(ConfigKind::Long, &text), Ok(number));
        }

        #[test]
        fn printed_doubles_read_back_as_themselves(number in proptest::num::f64::NORMAL) {
            prop_assert_eq!(parse_double(&print_double(number)), Ok(number));
        }

        #[test]
        fn printed_booleans_read_back_as_themselves(flag in any::<bool>()) {
            let text = ConfigKind::Boolean.canonical(&flag.to_string()).unwrap();
            prop_assert_eq!(parse_boolean(&text), Ok(flag));
        }

        #[test]
        fn printed_lists_read_back_as_themselves(text in "[ ,a-c]{0,20}") {
            let list = split_list(&text);
            prop_assert_eq!(split_list(&list.join(",")), list);
        }

        #[test]
        fn canonical_text_is_its_own_canonical_text(text in ".{0,12}") {
            for kind in [ConfigKind::Boolean, ConfigKind::Int, ConfigKind::Double, ConfigKind::List] {
                if let Ok(canonical) = kind.canonical(&text) {
                    prop_assert_eq!(kind.canonical(&canonical), Ok(canonical.clone()));
                }
            }
        }
    }
}
