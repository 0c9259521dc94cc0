//! The text that Prometheus reads.
//!
//! Source: Prometheus text exposition format 0.0.4.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// Labels of a figure, ready to be printed; empty when there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(String);

impl Labels {
    /// Labels by name and value, in this order.
    #[must_use]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels = labels.and(name, value);
        }
        labels
    }

    /// These labels and one more.
    #[must_use]
    pub fn and(&self, name: &str, value: &str) -> Self {
        let mut text = self.0.clone();
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
        Self(text)
    }
}

/// A figure without its labels: name, what it tells, value.
pub(super) type Row = (&'static str, &'static str, f64);

/// Figures of one name.
#[derive(Debug)]
struct Family {
    help: &'static str,
    lines: String,
}

/// Figures by name, in the order of the names.
#[derive(Debug, Default)]
pub struct Page {
    families: BTreeMap<&'static str, Family>,
}

impl Page {
    /// Adds a figure. A name that ends with `_total` is a counter, any other a gauge. What is not a
    /// number is left out.
    pub fn add(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: f64) {
        let family =
            self.families.entry(name).or_insert_with(|| Family { help, lines: String::new() });
        if !value.is_nan() {
            family.line(name, labels, value);
        }
    }

    /// Adds figures that have the same labels.
    pub(super) fn add_rows(&mut self, labels: &Labels, rows: impl IntoIterator<Item = Row>) {
        for (name, help, value) in rows {
            self.add(name, help, labels, value);
        }
    }
}

impl Family {
    fn line(&mut self, name: &str, labels: &Labels, value: f64) {
        self.lines.push_str(name);
        if !labels.0.is_empty() {
            // Writing to a string cannot fail, here and below.
            let _written = write!(self.lines, "{{{}}}", labels.0);
        }
        let _written = if value.is_infinite() {
            writeln!(self.lines, " {}Inf", if value > 0.0 { '+' } else { '-' })
        } else {
            writeln!(self.lines, " {value}")
        };
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, family) in self.families.iter().filter(|(_, family)| !family.lines.is_empty()) {
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            writeln!(f, "# HELP {name} {}", family.help)?;
            writeln!(f, "# TYPE {name} {kind}")?;
            f.write_str(&family.lines)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_name_stand_together() {
        let mut page = Page::default();
        let labels = |name| Labels::of(&[("connector", name)]);
        page.add("b_total", "Second.", &labels("x"), 1.0);
        page.add("a", "First.", &Labels::default(), f64::INFINITY);
        page.add("b_total", "Second.", &labels("y\"\n\\"), 2.5);
        page.add("c", "Never.", &labels("x"), f64::NAN);
        let expected = "# HELP a First.\n# TYPE a gauge\na +Inf\n\
                        # HELP b_total Second.\n# TYPE b_total counter\n\
                        b_total{connector=\"x\"} 1\n\
                        b_total{connector=\"y\\\"\\n\\\\\"} 2.5\n";
        assert_eq!(page.to_string(), expected);
    }
}
