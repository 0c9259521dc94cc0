//! Templates of names: text with `{{variable:parameter=value}}` in it.
//!
//! Source: Aiven-Open/cloud-storage-connectors-for-apache-kafka `TemplateParser.java`,
//! `RecordGrouperFactory.java`, `FilenameTemplateValidator.java`.

use std::{collections::BTreeSet, fmt::Write as _};

/// Sets of variables that a name may have.
const SETS: &str = "topic,partition,start_offset,timestamp; \
                    topic,partition,key,start_offset,timestamp; key; key,topic,partition";
/// Parameters that variables may have.
const PARAMETERS: &str =
    "partition:padding=true|false,start_offset:padding=true|false,timestamp:unit=yyyy|MM|dd|HH";

/// What records of one object have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Their partition.
    Partition,
    /// Their partition and their key.
    PartitionAndKey,
    /// Their key; only the last one stays.
    Key,
}

impl Grouping {
    /// Whether only the last record of a name stays.
    pub(super) const fn is_by_key(self) -> bool {
        matches!(self, Self::Key)
    }
}

/// Part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    Month,
    Day,
    Hour,
}

/// What stands for something in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Topic,
    Partition { is_padded: bool },
    StartOffset { is_padded: bool },
    Timestamp(Unit),
    Key,
    UtcDate,
    LocalDate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { name: String, variable: Option<Variable>, original: String },
}

/// Part of a template as those who use it see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Variable(Variable),
}

/// A template that is understood.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Part>);

impl Template {
    /// Understands a template. Variables that nobody knows stay as they are.
    ///
    /// # Errors
    /// The reason, when a variable is written wrongly.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let (mut text, mut rest) = (String::new(), template);
        while let Some(begin) = rest.find("{{") {
            let (before, placeholder) = rest.split_at(begin);
            text.push_str(before);
            let Some((original, inner, after)) = placeholder_at(placeholder) else {
                // As the original's pattern does, look again from the next character on.
                text.push('{');
                rest = placeholder.get(1..).unwrap_or_default();
                continue;
            };
            parts.push(Part::Text(std::mem::take(&mut text)));
            let (name, variable) = variable(inner, template)?;
            parts.push(Part::Variable { name, variable, original: original.to_owned() });
            rest = after;
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self(parts))
    }

    /// How the variables group records.
    ///
    /// # Errors
    /// The sets that do, when these do not.
    pub(super) fn grouping(&self) -> Result<Grouping, String> {
        let names = self.0.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        });
        let names: BTreeSet<&str> = names.collect();
        let has = |wanted: &[&str]| wanted.iter().all(|name| names.contains(name));
        let is_within = |most: &[&str]| names.iter().all(|name| most.contains(name));
        let all = ["topic", "partition", "start_offset", "timestamp", "key"];
        let by_offset = has(&["topic", "partition", "start_offset"]) && is_within(&all);
        match (by_offset, has(&["key"])) {
            (true, true) => Ok(Grouping::PartitionAndKey),
            (true, false) => Ok(Grouping::Partition),
            (false, true) if is_within(&["key", "topic", "partition"]) => Ok(Grouping::Key),
            _ => Err(format!("unsupported set of template variables, supported sets are: {SETS}")),
        }
    }

    /// Text and variables in their order; variables that nobody knows are text.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.0.iter().map(|part| match part {
            Part::Text(text) => Piece::Text(text),
            Part::Variable { variable: Some(variable), .. } => Piece::Variable(*variable),
            Part::Variable { original, .. } => Piece::Text(original),
        })
    }

    /// The text, with what the function gives for variables; what it does not know stays.
    pub(super) fn render<E>(
        &self,
        mut value: impl FnMut(Variable, &mut String) -> Result<(), E>,
    ) -> Result<String, E> {
        let mut out = String::new();
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(variable) => value(variable, &mut out)?,
            }
        }
        Ok(out)
    }
}

/// The placeholder at the front of a text, what is between its braces, and what follows.
fn placeholder_at(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find("}}")?;
    let (original, after) = text.split_at(end + 2);
    let inner = original.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let (name, parameter) = inner.split_once(':').unwrap_or((inner, ""));
    let is_one = is_word(name) && parameter.split('=').all(is_word);
    is_one.then_some((original, inner, after))
}

fn variable(inner: &str, template: &str) -> Result<(String, Option<Variable>), String> {
    let (name, parameter) = match inner.split_once(':') {
        Some((_, "")) => return Err("Wrong variable with parameter definition".to_owned()),
        Some((name, parameter)) => (name, Some(parameter)),
        None => (inner, None),
    };
    if name.is_empty() {
        return Err(format!("Variable name hasn't been set for template: {template}"));
    }
    let parameter = parameter.map(|text| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            return Err(format!("Parameter name for variable `{name}` has not been set"));
        }
        if value.is_empty() {
            return Err(format!(
                "Parameter value for variable `{name}` and parameter `{key}` has not been set"
            ));
        }
        Ok((key, value))
    });
    let parameter = parameter.transpose()?;
    let refused = || {
        format!(
            "unsupported set of template variables parameters, supported sets are: {PARAMETERS}"
        )
    };
    let is_padded = || match parameter {
        None | Some(("padding", "false")) => Ok(false),
        Some(("padding", "true")) => Ok(true),
        Some(_) => Err(refused()),
    };
    let unit = || match parameter {
        None => Err("parameter unit is required for the the variable timestamp, supported values \
                     are: yyyy|MM|dd|HH"
            .to_owned()),
        Some(("unit", "yyyy" | "YYYY")) => Ok(Unit::Year),
        Some(("unit", "MM")) => Ok(Unit::Month),
        Some(("unit", "dd")) => Ok(Unit::Day),
        Some(("unit", "HH")) => Ok(Unit::Hour),
        Some(_) => Err(refused()),
    };
    let variable = match name {
        "topic" => Some(Variable::Topic),
        "partition" => Some(Variable::Partition { is_padded: is_padded()? }),
        "start_offset" => Some(Variable::StartOffset { is_padded: is_padded()? }),
        "timestamp" => Some(Variable::Timestamp(unit()?)),
        "key" => Some(Variable::Key),
        "utc_date" => Some(Variable::UtcDate),
        "local_date" => Some(Variable::LocalDate),
        _ => None,
    };
    Ok((name.to_owned(), variable))
}

/// Appends a number, with zeros before it where it is padded.
pub(super) fn write_number(out: &mut String, number: i64, is_padded: bool, width: usize) {
    let width = if is_padded { width } else { 0 };
    // Writing to a text cannot fail.
    let _written = write!(out, "{number:0width$}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str) -> String {
        let value = |variable: Variable, out: &mut String| {
            match variable {
                Variable::Partition { is_padded } => write_number(out, 7, is_padded, 10),
                Variable::StartOffset { is_padded } => write_number(out, 42, is_padded, 20),
                other => write!(out, "<{other:?}>").unwrap(),
            }
            Ok::<(), ()>(())
        };
        Template::parse(template).unwrap().render(value).unwrap()
    }

    #[test]
    fn variables_become_values_and_everything_else_stays() {
        for (template, text) in [
            ("", ""),
            ("plain { text }", "plain { text }"),
            ("{{topic}}/{{ partition }}-{{\tstart_offset }}.x", "<Topic>/7-42.x"),
            ("{{partition:padding=true}}", "0000000007"),
            ("{{start_offset:padding=true}}", "00000000000000000042"),
            ("{{start_offset:padding=false}}", "42"),
            ("{{timestamp:unit=YYYY}}{{timestamp:unit=HH}}", "<Timestamp(Year)><Timestamp(Hour)>"),
            ("{{ unknown }}{{utc_date}}", "{{ unknown }}<UtcDate>"),
            ("{{{key}}}", "{<Key>}"),
            ("{{ no word }}{{key", "{{ no word }}{{key"),
        ] {
            assert_eq!(rendered(template), text, "{template}");
        }
    }

    #[test]
    fn what_is_written_wrongly_is_told() {
        for (template, told) in [
            ("{{ }}", "Variable name hasn't been set for template: {{ }}"),
            ("{{topic:}}", "Wrong variable with parameter definition"),
            ("{{partition:=true}}", "Parameter name for variable `partition` has not been set"),
            (
                "{{partition:padding}}",
                "Parameter value for variable `partition` and parameter `padding` has not been set",
            ),
            ("{{partition:padding=yes}}", "unsupported set of template variables parameters"),
            ("{{timestamp}}", "parameter unit is required"),
            ("{{timestamp:unit=mm}}", "timestamp:unit=yyyy|MM|dd|HH"),
        ] {
            let reason = Template::parse(template).unwrap_err();
            assert!(reason.contains(told), "{template}: {reason}");
        }
    }

    #[test]
    fn the_set_of_variables_decides_on_the_grouping() {
        let offset = "{{topic}}{{partition}}{{start_offset}}";
        for (template, grouping) in [
            (offset.to_owned(), Some(Grouping::Partition)),
            (format!("{offset}{{{{timestamp:unit=dd}}}}"), Some(Grouping::Partition)),
            (format!("{{{{key}}}}{offset}"), Some(Grouping::PartitionAndKey)),
            ("{{key}}".to_owned(), Some(Grouping::Key)),
            ("{{key}}{{topic}}".to_owned(), Some(Grouping::Key)),
            ("{{key}}{{topic}}{{partition}}".to_owned(), Some(Grouping::Key)),
            ("{{topic}}{{partition}}".to_owned(), None),
            ("{{key}}{{start_offset}}".to_owned(), None),
            (format!("{offset}{{{{other}}}}"), None),
            ("nothing".to_owned(), None),
        ] {
            let found = Template::parse(&template).unwrap().grouping();
            assert_eq!(found.ok(), grouping, "{template}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in "[{}a-z:= ]{0,40}") {
            if let Ok(template) = Template::parse(&text) {
                let kept = template.render(|_, _| Ok::<(), ()>(()));
                proptest::prop_assert!(kept.is_ok());
            }
        }
    }
}
