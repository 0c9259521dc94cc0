//! A value that is never printed.

use std::fmt;

/// What is printed in place of a secret.
pub(super) const HIDDEN: &str = "[hidden]";

/// A value that is never printed: `Debug` and `Display` show `[hidden]`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that sends it to its system.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_exposed_but_never_printed() {
        let secret = Secret::new("s3cret".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[hidden] [hidden] Some([hidden])"
        );
        assert_eq!(secret.expose(), "s3cret");
    }
}
