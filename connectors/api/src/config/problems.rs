//! What is wrong with a configuration, by key.

use std::fmt;

use super::Props;

/// Collects what is wrong with a configuration; each problem is bound to a key.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<(String, String)>,
    /// What stands before the keys that problems are noted for now.
    prefix: String,
    props: Props,
}

impl Problems {
    /// Starts without a problem.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts without a problem of this configuration.
    pub(super) fn of(props: &Props) -> Self {
        Self { props: props.clone(), ..Self::default() }
    }

    /// The whole configuration, for rules about keys that are somebody else's, such as `topics`.
    pub fn props(&self) -> &Props {
        &self.props
    }

    /// Notes `Invalid value V for configuration K: REASON`.
    ///
    /// The value is shown as it displays, so pass a [`Secret`](super::Secret) as it is.
    pub fn add(&mut self, key: &str, value: impl fmt::Display, reason: impl fmt::Display) {
        let message = invalid(self.full_name(key), value, reason);
        self.add_text(key, message);
    }

    /// Notes a problem in its own words, verbatim.
    pub fn add_text(&mut self, key: &str, message: impl Into<String>) {
        self.found.push((self.full_name(key), message.into()));
    }

    /// The full name of a key that problems may be noted for.
    pub fn full_name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Notes problems for keys with this before them from now on, and says what was before them.
    pub(super) fn put_under(&mut self, prefix: String) -> String {
        std::mem::replace(&mut self.prefix, prefix)
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// The problems, when there are any.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        if self.is_empty() { Ok(()) } else { Err(ConfigErrors { found: self.found }) }
    }
}

/// Every problem of a configuration at once; displays one message per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    found: Vec<(String, String)>,
}

impl ConfigErrors {
    /// Makes the error of a single problem.
    pub fn one(key: &str, message: impl Into<String>) -> Self {
        Self { found: vec![(key.to_owned(), message.into())] }
    }

    /// Keys and messages, in the order found. A key may have several.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.found.iter().map(|(key, message)| (key.as_str(), message.as_str()))
    }

    /// The messages of one key, in the order found.
    pub fn of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(name, _)| *name == key).map(|(_, message)| message)
    }

    /// Number of messages; never 0.
    #[expect(clippy::len_without_is_empty, reason = "an error without a problem does not exist")]
    pub fn len(&self) -> usize {
        self.found.len()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (_, message)) in self.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The text for a value that is not right. Source: apache/kafka `ConfigException.java`.
pub(super) fn invalid(
    key: impl fmt::Display,
    value: impl fmt::Display,
    reason: impl fmt::Display,
) -> String {
    format!("Invalid value {value} for configuration {key}: {reason}")
}

/// The text for a required key that is absent. Source: apache/kafka `ConfigDef.java`.
pub(super) fn missing(key: &str) -> String {
    format!("Missing required configuration \"{key}\" which has no default value.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_display_one_message_per_line() {
        let mut problems = Problems::new();
        problems.add("a", 3, "Too odd");
        problems.add_text("b", "b is gone");
        problems.add_text("a", "a again");
        let errors = problems.finish().unwrap_err();
        assert_eq!(
            errors.to_string(),
            "Invalid value 3 for configuration a: Too odd\nb is gone\na again"
        );
        assert_eq!(errors.of("a").count(), 2);
        assert_eq!(errors.len(), 3);
    }

    #[test]
    fn no_problem_is_no_error() {
        assert_eq!(Problems::new().finish(), Ok(()));
    }
}
