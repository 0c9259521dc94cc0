//! What an aggregate computes: its window, its groups, its measures.

use std::sync::Arc;

use connect_api::config::{ConfigKind, ConfigType};
use serde_json::{Value as Json, json};

use crate::sketch::{self, Top};

/// What a measure does with its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Adds up numbers.
    Sum,
    /// Smallest number.
    Min,
    /// Largest number.
    Max,
    /// Mean of the numbers.
    Avg,
    /// Number of different values, by `HyperLogLog`.
    Distinct,
    /// Most frequent values, by space-saving.
    Top,
}

impl Operation {
    const ALL: [(&'static str, Self); 6] = [
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
        ("avg", Self::Avg),
        ("distinct", Self::Distinct),
        ("top", Self::Top),
    ];
}

/// One entry of `measures`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Number of records; every row has it, named or not.
    Count,
    /// An operation on a field.
    Field {
        /// The entry as it was written, which is its name in rows.
        name: Arc<str>,
        /// What it does.
        operation: Operation,
        /// Dotted path of the field.
        path: FieldPath,
    },
}

impl ConfigType for Measure {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        if text == "count" {
            return Ok(Self::Count);
        }
        let known = text.split_once(':').and_then(|(word, field)| {
            let (_, operation) = Operation::ALL.into_iter().find(|(known, _)| *known == word)?;
            Some((operation, FieldPath::parse(field).ok()?))
        });
        let Some((operation, path)) = known else {
            return Err(format!(
                "\"{text}\" is not a measure: use count, sum:FIELD, min:FIELD, max:FIELD, \
                 avg:FIELD, distinct:FIELD or top:FIELD"
            ));
        };
        Ok(Self::Field { name: text.into(), operation, path })
    }
}

/// A dotted path to a field of the value, or `topic` or `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: Arc<str>,
    steps: Vec<String>,
}

impl FieldPath {
    /// The path as it was written.
    pub(crate) fn name(&self) -> &str {
        &self.text
    }

    /// Its steps, outermost first; never empty.
    pub(crate) fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether it leads into the record's value.
    pub(crate) fn is_in_value(&self) -> bool {
        !matches!(&*self.text, "topic" | "key")
    }
}

impl ConfigType for FieldPath {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.split('.').any(str::is_empty) {
            return Err(format!("\"{text}\" is not a field: use a name or a dotted path"));
        }
        if ["window_start", "window_end", "count"].contains(&text) {
            return Err(format!("\"{text}\" is a column of every row and cannot be a field"));
        }
        Ok(Self { text: text.into(), steps: text.split('.').map(str::to_owned).collect() })
    }
}

/// What an aggregate computes. Rows of one definition can be merged with each other only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Name of the aggregate.
    pub(crate) name: String,
    /// Length of a window; windows start at multiples of it since the epoch.
    pub(crate) window_ms: i64,
    /// Fields that rows are grouped by.
    pub(crate) groups: Vec<FieldPath>,
    /// Operations on fields, in the order they were written; `count` is not among them.
    pub(crate) measures: Vec<(Arc<str>, Operation, FieldPath)>,
    /// Values that a `top` measure shows.
    pub(crate) top_k: usize,
}

impl Definition {
    /// Start of the window that holds this time.
    pub(crate) fn window_of(&self, time_ms: i64) -> i64 {
        time_ms.saturating_sub(time_ms.rem_euclid(self.window_ms))
    }

    /// Position of a group field.
    pub(crate) fn group_index(&self, name: &str) -> Option<usize> {
        self.groups.iter().position(|path| path.name() == name)
    }

    /// Names of the group fields.
    pub(crate) fn group_names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(FieldPath::name)
    }

    /// What must be the same for rows to be merged, as the store keeps it.
    pub(crate) fn fingerprint(&self) -> String {
        let measures: Vec<_> = self.measures.iter().map(|(name, ..)| &**name).collect();
        json!({
            "window_ms": self.window_ms,
            "group_by": self.group_names().collect::<Vec<_>>(),
            "measures": measures,
            "top_capacity": Top::capacity_for(self.top_k),
            "distinct_precision": sketch::PRECISION,
        })
        .to_string()
    }

    /// The definition as the API shows it, with the error of what is estimated.
    pub(crate) fn to_json(&self) -> Json {
        let measures: Vec<_> = std::iter::once(json!({"name": "count", "exact": true}))
            .chain(self.measures.iter().map(|(name, operation, path)| {
                let mut shown = json!({"name": &**name, "field": path.name()});
                if let Some(shown) = shown.as_object_mut() {
                    shown.extend(self.error_of(*operation));
                }
                shown
            }))
            .collect();
        json!({
            "window_ms": self.window_ms,
            "group_by": self.group_names().collect::<Vec<_>>(),
            "measures": measures,
        })
    }

    fn error_of(&self, operation: Operation) -> Vec<(String, Json)> {
        let shown = |name: &str, value: Json| (name.to_owned(), value);
        match operation {
            Operation::Distinct => vec![
                shown("exact", false.into()),
                shown("algorithm", "HyperLogLog".into()),
                shown("standard_error", sketch::STANDARD_ERROR.into()),
            ],
            Operation::Top => vec![
                shown("exact", false.into()),
                shown("algorithm", "space-saving".into()),
                shown("k", self.top_k.into()),
                shown("capacity", Top::capacity_for(self.top_k).into()),
                shown("overcount_at_most", "field values in the row / capacity".into()),
            ],
            _ => vec![shown("exact", true.into())],
        }
    }
}
