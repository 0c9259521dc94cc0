//! Reads the keys of objects back: the template of their names as a pattern.

use connect_api::error::{ConnectorError, Result};
use regex::{Captures, Regex};

use super::{
    config::AivenConfig,
    group::{OFFSET_DIGITS, PARTITION_DIGITS},
    template::{Grouping, Piece, Template, Variable, write_number},
};
use crate::insight::{Named, Names};

/// What the names of a connector's objects look like.
pub(super) struct Keys {
    /// What names begin with.
    template: Template,
    pattern: Regex,
}

/// Names that say nothing, of objects that are asked for one by one.
pub(super) struct Unread;

impl Names for Unread {
    fn prefix(&self, _: &str, _: Option<i32>) -> String {
        String::new()
    }

    fn read(&self, _: &str) -> Option<Named> {
        None
    }
}

impl Keys {
    /// The names that a configuration asks for.
    ///
    /// # Errors
    /// `Invalid` when names do not tell offsets, or for a template that validation would have refused.
    pub(super) fn new(config: &AivenConfig) -> Result<Self> {
        let (template, grouping) = config.template().map_err(ConnectorError::invalid)?;
        if grouping == Grouping::Key {
            let told = "Names made of {{key}} do not tell which offsets their objects hold";
            return Err(ConnectorError::invalid(told)
                .hint("Ask for one object by its address, as s3://bucket/key"));
        }
        let mut pattern = Pattern::default();
        let template = match &config.file.old_prefix {
            Some(prefix) => {
                let prefix = Template::parse(prefix).map_err(ConnectorError::invalid)?;
                pattern.template(&prefix);
                pattern.variable(Variable::Topic);
                pattern.text("-");
                pattern.variable(Variable::Partition { is_padded: false });
                pattern.text("-");
                pattern.variable(Variable::StartOffset { is_padded: true });
                pattern.text(&config.extension());
                prefix
            }
            None => {
                pattern.template(&template);
                template
            }
        };
        let pattern = Regex::new(&format!("^{}$", pattern.0)).map_err(|error| {
            ConnectorError::invalid("The template of names cannot be read back").caused_by(error)
        })?;
        Ok(Self { template, pattern })
    }

    fn captured(&self, captures: &Captures<'_>) -> Option<Named> {
        let first = captures.name("first")?;
        let whole = captures.get(0)?.as_str();
        // The same name with another offset is of the same row.
        let (before, after) = (whole.get(..first.start())?, whole.get(first.end()..)?);
        Some(Named {
            topic: captures.name("topic")?.as_str().to_owned(),
            partition: captures.name("partition")?.as_str().parse().ok()?,
            first: first.as_str().parse().ok()?,
            row: format!("{before}*{after}"),
        })
    }
}

impl Names for Keys {
    fn prefix(&self, topic: &str, partition: Option<i32>) -> String {
        let mut prefix = String::new();
        for piece in self.template.pieces() {
            match (piece, partition) {
                (Piece::Text(text), _) => prefix.push_str(text),
                (Piece::Variable(Variable::Topic), _) => prefix.push_str(topic),
                (Piece::Variable(Variable::Partition { is_padded }), Some(partition)) => {
                    write_number(&mut prefix, partition.into(), is_padded, PARTITION_DIGITS);
                }
                (Piece::Variable(_), _) => break,
            }
        }
        prefix
    }

    fn read(&self, key: &str) -> Option<Named> {
        self.captured(&self.pattern.captures(key)?)
    }
}

/// A pattern that is being put together. What a name says more than once is read where it stands first.
#[derive(Default)]
struct Pattern(String);

impl Pattern {
    fn template(&mut self, template: &Template) {
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) => self.text(text),
                Piece::Variable(variable) => self.variable(variable),
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.0.push_str(&regex::escape(text));
    }

    fn variable(&mut self, variable: Variable) {
        let digits = |is_padded, most| {
            if is_padded { format!("[0-9]{{{most},}}") } else { "[0-9]+".to_owned() }
        };
        let (name, kind) = match variable {
            Variable::Topic => ("topic", "[a-zA-Z0-9._-]+?".to_owned()),
            Variable::Partition { is_padded } => ("partition", digits(is_padded, PARTITION_DIGITS)),
            Variable::StartOffset { is_padded } => ("first", digits(is_padded, OFFSET_DIGITS)),
            Variable::Timestamp(_) => ("", "[0-9]{2,}".to_owned()),
            Variable::Key | Variable::UtcDate | Variable::LocalDate => ("", ".*?".to_owned()),
        };
        let group = format!("(?<{name}>");
        let is_named = !name.is_empty() && !self.0.contains(&group);
        self.0.push_str(if is_named { &group } else { "(?:" });
        self.0.push_str(&kind);
        self.0.push(')');
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config::{Config as _, Props};

    use super::*;

    fn keys(more: &[(&str, &str)]) -> Result<Keys> {
        let mut props = Props::from([
            ("aws.access.key.id", "k"),
            ("aws.secret.access.key", "s"),
            ("aws.s3.bucket.name", "bucket"),
        ]);
        props.extend(more.iter().copied());
        Keys::new(&AivenConfig::parse(&props).unwrap())
    }

    #[test]
    fn names_are_read_as_they_are_made() {
        for (settings, key, (topic, partition, first), prefix) in [
            (vec![], "a-b-3-42.gz", ("a-b", 3, 42), "t-0-"),
            (
                vec![(
                    "file.name.template",
                    "{{topic}}/{{partition:padding=true}}/{{timestamp:unit=yyyy}}/\
                     {{start_offset:padding=true}}.x",
                )],
                "t/0000000003/2024/00000000000000000042.x",
                ("t", 3, 42),
                "t/0000000000/",
            ),
            (
                vec![(
                    "file.name.template",
                    "{{key}}/{{topic}}-{{partition}}-{{start_offset}}-{{topic}}",
                )],
                "any/thing/t-1-7-t",
                ("t", 1, 7),
                "",
            ),
            (
                vec![("aws.s3.prefix", "raw/{{utc_date}}/"), ("file.compression.type", "none")],
                "raw/2024-03-05/t.x-2-00000000000000000009",
                ("t.x", 2, 9),
                "raw/",
            ),
        ] {
            let keys = keys(&settings).unwrap();
            let named = keys.read(key).unwrap();
            assert_eq!((&*named.topic, named.partition, named.first), (topic, partition, first));
            assert_eq!(keys.prefix("t", Some(0)), prefix, "{settings:?}");
            assert!(keys.read(&format!("{key}?")).is_none_or(|other| other.row != named.row));
        }
    }

    #[test]
    fn names_of_keys_alone_tell_no_offsets() {
        let told = keys(&[("file.name.template", "{{key}}")]).err().unwrap().to_string();
        assert!(told.contains("{{key}}"), "{told}");
    }
}
