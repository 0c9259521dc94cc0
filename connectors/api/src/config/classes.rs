//! Options that name one of a fixed set of Java classes.

/// Whether a text is one of these class names, in full or without its package.
#[doc(hidden)]
#[must_use]
pub fn is_class(text: &str, names: &[&str]) -> bool {
    names.iter().any(|full| {
        let simple = full.rsplit(['.', '$']).next().unwrap_or(full);
        text == *full || text == simple
    })
}

/// Defines an option that names one of a fixed set of Java classes, in full or without its package.
/// Further names of one class stand after a bar.
///
/// ```
/// use connect_api::config::{ConfigType, classes};
///
/// classes! {
///     /// How records become bytes.
///     pub enum Format {
///         /// One JSON text per line.
///         Json = "org.example.json.JsonFormat" | "org.example.OldJsonFormat",
///     }
/// }
///
/// assert_eq!(Format::parse("JsonFormat"), Ok(Format::Json));
/// assert_eq!(Format::parse("org.example.OldJsonFormat"), Ok(Format::Json));
/// assert!(Format::parse("org.example.XmlFormat").is_err());
/// ```
#[macro_export]
macro_rules! classes {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $full:literal $(| $alias:literal)*),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $crate::config::ConfigType for $name {
            const KIND: $crate::config::ConfigKind = $crate::config::ConfigKind::Class;

            fn parse(text: &str) -> ::std::result::Result<Self, ::std::string::String> {
                $(if $crate::config::is_class(text, &[$full $(, $alias)*]) {
                    return Ok(Self::$variant);
                })+
                Err(::std::format!(
                    "Class {text} could not be found, known are: {}",
                    [$($full),+].join(", ")
                ))
            }

            fn recommended() -> ::std::vec::Vec<::std::string::String> {
                ::std::vec![$(::std::string::String::from($full)),+]
            }
        }
    };
}
