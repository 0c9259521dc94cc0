//! The transforms of one task, in their order.

use std::sync::Arc;

use connect_api::{
    config::{ConfigType as _, Props},
    error::{ConnectorError, Result},
};

use super::{ConnectRecord, Predicate, Transform, Verdict, registry};

/// The transforms of a connector, each with its condition.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    links: Vec<Link>,
}

/// One transform of a chain.
#[derive(Clone, Debug)]
pub struct Link {
    alias: String,
    transform: Arc<dyn Transform>,
    condition: Option<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    predicate: Arc<dyn Predicate>,
    is_negated: bool,
}

impl Condition {
    fn holds(&self, record: &dyn ConnectRecord) -> Result<bool> {
        Ok(self.predicate.test(record)? != self.is_negated)
    }
}

impl Chain {
    /// Builds the chain that a connector's configuration describes.
    ///
    /// # Errors
    /// `Invalid` when a class is not known or its options are wrong.
    pub fn of(config: &Props) -> Result<Self> {
        let aliases = config.get("transforms").unwrap_or_default();
        let aliases = Vec::<String>::parse(aliases).map_err(ConnectorError::invalid)?;
        let links = aliases.iter().map(|alias| link(config, alias)).collect::<Result<_>>()?;
        Ok(Self { links })
    }

    /// Whether records pass as they are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Applies every transform whose condition holds, until one drops the record, and appends what
    /// came of it: nothing, the record, or the record and its copies.
    ///
    /// # Errors
    /// The class that failed, and why. What was appended by then is no part of an outcome.
    pub fn apply<R: ConnectRecord + Clone>(
        &self,
        record: R,
        out: &mut Vec<R>,
    ) -> Result<(), (&'static str, ConnectorError)> {
        follow(&self.links, record, out)
    }

    /// The transforms in their order, for those who look at a record between two of them.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

impl Link {
    /// Name in the configuration.
    #[must_use]
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// Class of the transform.
    #[must_use]
    pub fn class(&self) -> &'static str {
        self.transform.class()
    }

    /// Applies the transform; none when its condition does not hold.
    ///
    /// # Errors
    /// As [`Chain::apply`].
    pub fn apply(
        &self,
        record: &mut dyn ConnectRecord,
    ) -> Result<Option<Verdict>, (&'static str, ConnectorError)> {
        if let Some(condition) = &self.condition {
            let holds = condition.holds(record);
            if !holds.map_err(|error| (condition.predicate.class(), error))? {
                return Ok(None);
            }
        }
        self.transform.apply(record).map(Some).map_err(|error| (self.class(), error))
    }

    /// The copy that a verdict asked for.
    ///
    /// # Errors
    /// As [`Chain::apply`].
    pub fn copy<R: ConnectRecord + Clone>(
        &self,
        record: &R,
    ) -> Result<R, (&'static str, ConnectorError)> {
        let mut copy = record.clone();
        self.transform.change_copy(&mut copy).map_err(|error| (self.class(), error))?;
        Ok(copy)
    }
}

fn follow<R: ConnectRecord + Clone>(
    links: &[Link],
    mut record: R,
    out: &mut Vec<R>,
) -> Result<(), (&'static str, ConnectorError)> {
    let mut rest = links;
    while let Some((link, behind)) = rest.split_first() {
        rest = behind;
        match link.apply(&mut record)? {
            Some(Verdict::Drop) => return Ok(()),
            Some(Verdict::KeepAndCopy) => {
                let copy = link.copy(&record)?;
                follow(rest, record, out)?;
                return follow(rest, copy, out);
            }
            Some(Verdict::Keep) | None => {}
        }
    }
    out.push(record);
    Ok(())
}

fn link(config: &Props, alias: &str) -> Result<Link> {
    let props = config.with_prefix(&format!("transforms.{alias}."));
    let class = required(&props, &format!("transforms.{alias}."))?;
    let transform = registry::transform(class, &props, alias)?;
    let is_negated = match props.get("negate") {
        Some(text) => bool::parse(&text.trim().to_ascii_lowercase()).map_err(|reason| {
            ConnectorError::invalid(format!(
                "Invalid value {text} for configuration transforms.{alias}.negate: {reason}"
            ))
        })?,
        None => false,
    };
    let condition = match props.get("predicate") {
        Some(name) => Some(Condition { predicate: predicate(config, name)?, is_negated }),
        None if props.contains_key("negate") => {
            return Err(ConnectorError::invalid(format!(
                "Config 'transforms.{alias}.negate' was provided but there is no config \
                 'transforms.{alias}.predicate' defining a predicate to be negated."
            )));
        }
        None => None,
    };
    Ok(Link { alias: alias.to_owned(), transform, condition })
}

fn predicate(config: &Props, alias: &str) -> Result<Arc<dyn Predicate>> {
    let prefix = format!("predicates.{alias}.");
    let known = Vec::<String>::parse(config.get("predicates").unwrap_or_default());
    if !known.map_err(ConnectorError::invalid)?.iter().any(|name| name == alias) {
        return Err(ConnectorError::invalid(format!("Unknown configuration '{prefix}type'")));
    }
    let props = config.with_prefix(&prefix);
    registry::predicate(required(&props, &prefix)?, &props, alias)
}

fn required<'a>(props: &'a Props, prefix: &str) -> Result<&'a str> {
    props.get("type").map(str::trim).ok_or_else(|| {
        ConnectorError::invalid(format!(
            "Missing required configuration \"{prefix}type\" which has no default value."
        ))
    })
}

#[cfg(test)]
mod tests {
    use connect_api::record::{SchemaAndValue, SourceRecord};

    use super::*;

    fn record(topic: &str) -> SourceRecord {
        SourceRecord::new(topic.into(), SchemaAndValue::schemaless("v".into()))
    }

    #[test]
    fn a_condition_decides_and_a_dropped_record_goes_no_further() {
        let chain = Chain::of(&Props::from([
            ("transforms", "keep, route"),
            ("transforms.keep.type", "Filter"),
            ("transforms.keep.predicate", "wanted"),
            ("transforms.keep.negate", "true"),
            ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
            ("transforms.route.regex", "(.*)-in"),
            ("transforms.route.replacement", "$1-out"),
            ("predicates", "wanted"),
            ("predicates.wanted.type", "TopicNameMatches"),
            ("predicates.wanted.pattern", "a.*"),
        ]))
        .unwrap();
        let mut out = Vec::new();
        chain.apply(record("a-in"), &mut out).unwrap();
        chain.apply(record("b-in"), &mut out).unwrap();
        let topics: Vec<_> = out.iter().map(|record| &*record.topic).collect();
        assert_eq!(topics, ["a-out"]);
    }

    #[test]
    fn what_is_not_known_is_refused_in_the_original_words() {
        let refused = |entries: &[(&str, &str)]| {
            Chain::of(&entries.iter().copied().collect()).unwrap_err().to_string()
        };
        assert_eq!(
            refused(&[("transforms", "a"), ("transforms.a.type", "x.Y")]),
            "Invalid value x.Y for configuration transforms.a.type: Class x.Y could not be found."
        );
        assert_eq!(
            refused(&[
                ("transforms", "a"),
                ("transforms.a.type", "Filter"),
                ("transforms.a.predicate", "p")
            ]),
            "Unknown configuration 'predicates.p.type'"
        );
        assert_eq!(
            refused(&[("transforms", "a")]),
            "Missing required configuration \"transforms.a.type\" which has no default value."
        );
    }
}
