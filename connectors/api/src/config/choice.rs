//! Options that are one of a few words.

/// A type with one word per value; made by [`choice!`](crate::choice).
pub trait Choice: Copy + 'static {
    /// Every value, in the order users are shown them.
    const ALL: &'static [Self];

    /// The word of a value, as users write it.
    fn word(self) -> &'static str;

    /// The value of a word, in any case.
    ///
    /// # Errors
    /// `String must be one of: a, b` when no value has that word.
    fn from_word(word: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .find(|value| value.word().eq_ignore_ascii_case(word))
            .copied()
            .ok_or_else(Self::refusal)
    }

    /// What is said of a word that no value has.
    fn refusal() -> String {
        format!("String must be one of: {}", Self::words().join(", "))
    }

    /// Every word, in order: the [`recommended`](super::ConfigKey::recommended) values of an option.
    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|value| value.word()).collect()
    }
}

/// Defines an enum whose values are words in a configuration.
///
/// The enum is `Copy`, displays as its word, parses from it in any case, and can be the type of a
/// field of a [`Config`](trait@crate::config::Config). Text after `else` is said of any other word.
///
/// ```
/// use connect_api::config::{Choice, choice};
///
/// choice! {
///     /// What to do with records that cannot be written.
///     pub enum Tolerance {
///         /// The task fails.
///         None = "none",
///         /// They are skipped.
///         All = "all",
///     }
/// }
///
/// assert_eq!(Tolerance::from_word("ALL"), Ok(Tolerance::All));
/// assert_eq!(Tolerance::None.to_string(), "none");
/// assert_eq!("some".parse::<Tolerance>().unwrap_err(), "String must be one of: none, all");
/// ```
#[macro_export]
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)?
        }
        $(else $refusal:literal)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $crate::config::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            $(fn refusal() -> ::std::string::String {
                ::std::string::String::from($refusal)
            })?
        }

        impl $crate::config::ConfigType for $name {
            const KIND: $crate::config::ConfigKind = $crate::config::ConfigKind::String;

            fn parse(text: &str) -> ::std::result::Result<Self, ::std::string::String> {
                $crate::config::Choice::from_word(text)
            }

            fn recommended() -> ::std::vec::Vec<::std::string::String> {
                let words = <Self as $crate::config::Choice>::words();
                words.into_iter().map(::std::string::String::from).collect()
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::string::String;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::config::Choice::from_word(text)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str($crate::config::Choice::word(*self))
            }
        }
    };
}
