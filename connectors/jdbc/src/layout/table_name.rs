//! Names of tables.

use std::fmt;

use crate::config::Quoting;

/// Most parts of a name: catalog, schema, table.
const MOST_PARTS: usize = 3;

/// A table's name with what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TableName {
    parts: Vec<String>,
}

impl TableName {
    /// Reads a name, in which a part may stand in double quotes.
    ///
    /// # Errors
    /// The reason when it is no name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![String::new()];
        let mut is_quoted = false;
        for c in text.chars() {
            match c {
                '"' => is_quoted = !is_quoted,
                '.' if !is_quoted => parts.push(String::new()),
                _ => {
                    if let Some(part) = parts.last_mut() {
                        part.push(c);
                    }
                }
            }
        }
        if parts.len() > MOST_PARTS || parts.iter().any(String::is_empty) || is_quoted {
            return Err(format!(
                "\"{text}\" is no name of a table: a point stands between catalog, schema and \
                 table"
            ));
        }
        Ok(Self { parts })
    }

    /// What it is made of.
    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Schema, if one is named, and table.
    pub(crate) fn schema_and_table(&self) -> (Option<&str>, &str) {
        let mut parts = self.parts.iter().rev().map(String::as_str);
        let table = parts.next().unwrap_or_default();
        (parts.next(), table)
    }

    /// The name as it stands in statements.
    pub(crate) fn quoted(&self, quoting: Quoting) -> String {
        let parts: Vec<_> = self.parts.iter().map(|part| identifier(part, quoting)).collect();
        parts.join(".")
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

/// A name as it stands in statements. One that is no word is quoted in any case, because it would end
/// as a part of the statement.
pub(crate) fn identifier(name: &str, quoting: Quoting) -> String {
    let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$')
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '$');
    if quoting == Quoting::Never && is_word {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_points_outside_quotes() {
        for (text, quoted) in [
            ("Orders", r#""Orders""#),
            ("public.Orders_copy", r#""public"."Orders_copy""#),
            (r#""a.b".Orders"#, r#""a.b"."Orders""#),
        ] {
            let name = TableName::parse(text).unwrap();
            assert_eq!(name.quoted(Quoting::Always), quoted);
        }
        let name = TableName::parse("Orders").unwrap();
        assert_eq!(name.quoted(Quoting::Never), "Orders");
    }

    #[test]
    fn what_is_no_name_says_so() {
        for text in ["a.b.c.d", "a..b", ".a", "a\"b"] {
            let reason = TableName::parse(text).unwrap_err();
            assert!(reason.contains("is no name of a table"), "{reason}");
        }
    }

    #[test]
    fn quotes_in_a_name_cannot_end_it() {
        assert_eq!(identifier("a\"b", Quoting::Always), "\"a\"\"b\"");
        assert_eq!(identifier("a; DROP", Quoting::Never), "\"a; DROP\"");
    }
}
