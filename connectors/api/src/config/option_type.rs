//! The Rust types an option can be read as.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    kind::{ConfigKind, parse_boolean, parse_double, parse_number, split_list},
    secret::Secret,
};

/// A Rust type that an option can be read as.
///
/// Connectors may implement it for their own types; the reason they give when a text is no value
/// becomes the `REASON` of `Invalid value V for configuration K: REASON`.
pub trait ConfigType: Sized {
    /// The type users are shown.
    const KIND: ConfigKind;

    /// Reads a canonical text of [`ConfigType::KIND`].
    ///
    /// # Errors
    /// The reason when the text is no value of this type. It must not repeat a secret.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value of an absent option without a default; `None` makes such an option required.
    fn absent() -> Option<Self> {
        None
    }

    /// The values to offer a user.
    fn recommended() -> Vec<String> {
        Vec::new()
    }
}

impl<T: ConfigType> ConfigType for Option<T> {
    const KIND: ConfigKind = T::KIND;

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn recommended() -> Vec<String> {
        T::recommended()
    }
}

impl<T: ConfigType> ConfigType for Vec<T> {
    const KIND: ConfigKind = ConfigKind::List;

    fn parse(text: &str) -> Result<Self, String> {
        split_list(text).iter().map(|item| T::parse(item)).collect()
    }

    fn recommended() -> Vec<String> {
        T::recommended()
    }
}

impl ConfigType for bool {
    const KIND: ConfigKind = ConfigKind::Boolean;

    fn parse(text: &str) -> Result<Self, String> {
        parse_boolean(text)
    }
}

impl ConfigType for f64 {
    const KIND: ConfigKind = ConfigKind::Double;

    fn parse(text: &str) -> Result<Self, String> {
        parse_double(text)
    }
}

impl ConfigType for String {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl ConfigType for PathBuf {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
}

impl ConfigType for Secret<String> {
    const KIND: ConfigKind = ConfigKind::Password;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text.to_owned()))
    }
}

/// Milliseconds.
impl ConfigType for Duration {
    const KIND: ConfigKind = ConfigKind::Long;

    fn parse(text: &str) -> Result<Self, String> {
        u64::parse(text).map(Self::from_millis)
    }
}

/// Signed numbers are read as the type of their own size.
macro_rules! signed {
    ($($type:ty => $kind:ident),+) => {
        $(impl ConfigType for $type {
            const KIND: ConfigKind = ConfigKind::$kind;

            fn parse(text: &str) -> Result<Self, String> {
                parse_number(Self::KIND, text)
            }
        })+
    };
}

/// Unsigned numbers are read as the signed type users are shown, then brought into range.
macro_rules! unsigned {
    ($($type:ty => $kind:ident as $wide:ty),+) => {
        $(impl ConfigType for $type {
            const KIND: ConfigKind = ConfigKind::$kind;

            fn parse(text: &str) -> Result<Self, String> {
                let number: $wide = parse_number(Self::KIND, text)?;
                Self::try_from(number).map_err(|_| match number {
                    ..0 => "Value must be at least 0".to_owned(),
                    _ => format!("Value must be no more than {}", Self::MAX),
                })
            }
        })+
    };
}

signed!(i16 => Short, i32 => Int, i64 => Long);
unsigned!(u16 => Int as i32, u32 => Int as i32, usize => Int as i32, u64 => Long as i64);

/// The name of a plug-in class: a Java class name or an alias, not looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassName(String);

impl ClassName {
    /// Names a class.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConfigType for ClassName {
    const KIND: ConfigKind = ConfigKind::Class;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Class  could not be found.".to_owned());
        }
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_name_the_bound_they_break() {
        assert_eq!(u32::parse("-1"), Err("Value must be at least 0".to_owned()));
        assert_eq!(u16::parse("65536"), Err("Value must be no more than 65535".to_owned()));
        assert_eq!(u32::parse("2147483648"), Err("Not a number of type INT".to_owned()));
        assert_eq!(u64::parse("9223372036854775807"), Ok(9_223_372_036_854_775_807));
    }

    #[test]
    fn durations_are_milliseconds() {
        assert_eq!(Duration::parse("1500"), Ok(Duration::from_millis(1500)));
        assert_eq!(Duration::parse("-1"), Err("Value must be at least 0".to_owned()));
    }

    #[test]
    fn lists_read_each_item_as_its_type() {
        assert_eq!(Vec::<i16>::parse("1,2"), Ok(vec![1, 2]));
        assert_eq!(Vec::<String>::parse(""), Ok(Vec::new()));
    }
}
