//! What a request asks for.

use chrono_tz::Tz;
use serde_json::Value as Json;

use super::{error::ApiError, rows::GroupKey};
use crate::{definition::Definition, record::parse_time};

/// Rows of an answer when the request names no limit.
const DEFAULT_LIMIT: usize = 10_000;

/// Most rows of one answer.
const MOST_ROWS: usize = 100_000;

/// Parameters beside the group fields.
const NAMES: &str = "from, to, group_by, step_ms, order, limit, cursor, format";

/// Order of the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// Form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object.
    Json,
    /// A table with a heading.
    Csv,
}

/// A request for rows.
#[derive(Clone, Debug)]
pub(super) struct WindowQuery {
    /// Windows that start at this time or later.
    pub(super) from: i64,
    /// Windows that start before this time.
    pub(super) to: i64,
    /// Positions of the group fields that rows are grouped by.
    pub(super) groups: Vec<usize>,
    /// Length of the windows of the answer.
    pub(super) step_ms: i64,
    /// Texts that a group field must have one of.
    pub(super) filters: Vec<(usize, Vec<String>)>,
    /// Order of the windows.
    pub(super) order: Order,
    /// Most rows.
    pub(super) limit: usize,
    /// Row to continue after.
    pub(super) after: Option<(i64, GroupKey)>,
    /// Form of the answer.
    pub(super) format: Format,
}

impl WindowQuery {
    /// Reads the parameters of a request.
    pub(super) fn parse(
        pairs: &[(String, String)],
        definition: &Definition,
        zone: Tz,
        now_ms: i64,
    ) -> Result<Self, ApiError> {
        let mut query = Self {
            from: i64::MIN,
            to: i64::MAX,
            groups: (0..definition.groups.len()).collect(),
            step_ms: definition.window_ms,
            filters: Vec::new(),
            order: Order::Ascending,
            limit: DEFAULT_LIMIT,
            after: None,
            format: Format::Json,
        };
        for (name, value) in pairs {
            match name.as_str() {
                "from" => query.from = instant(name, value, zone, now_ms)?,
                "to" => query.to = instant(name, value, zone, now_ms)?,
                "group_by" => query.groups = groups(value, definition)?,
                "step_ms" => query.step_ms = step(value, definition)?,
                "order" => query.order = order(value)?,
                "limit" => query.limit = limit(value)?,
                "cursor" => query.after = Some(cursor(value)?),
                "format" => query.format = format(value)?,
                field => query.filter(field, value, definition)?,
            }
        }
        if query.after.as_ref().is_some_and(|(_, key)| key.0.len() != query.groups.len()) {
            return Err(bad_cursor());
        }
        query.narrow();
        Ok(query)
    }

    fn filter(&mut self, name: &str, value: &str, definition: &Definition) -> Result<(), ApiError> {
        let field = name.strip_prefix("filter.").unwrap_or(name);
        let Some(group) = definition.group_index(field) else {
            return Err(ApiError::invalid(format!(
                "Unknown parameter \"{name}\": aggregate \"{}\" takes {NAMES}{}",
                definition.name,
                with_fields(", and filters by ", definition)
            )));
        };
        match self.filters.iter_mut().find(|(known, _)| *known == group) {
            Some((_, texts)) => texts.push(value.to_owned()),
            None => self.filters.push((group, vec![value.to_owned()])),
        }
        Ok(())
    }

    /// Leaves out windows that earlier pages have shown.
    fn narrow(&mut self) {
        let Some((window, _)) = &self.after else { return };
        match self.order {
            Order::Ascending => self.from = self.from.max(*window),
            Order::Descending => self.to = self.to.min(window.saturating_add(self.step_ms)),
        }
    }
}

fn with_fields(lead: &str, definition: &Definition) -> String {
    let fields = definition.group_names().collect::<Vec<_>>().join(", ");
    if fields.is_empty() { String::new() } else { format!("{lead}{fields}") }
}

/// A time: milliseconds since the epoch, ISO-8601, or a distance from now such as `-15m`.
fn instant(name: &str, value: &str, zone: Tz, now_ms: i64) -> Result<i64, ApiError> {
    // A plus sign in a query string is a space.
    let restored = value.replacen(' ', "+", usize::from(value.contains('T')));
    let absolute = value.parse().ok().or_else(|| parse_time(value, zone));
    absolute.or_else(|| parse_time(&restored, zone)).or_else(|| ago(value, now_ms)).ok_or_else(
        || {
            ApiError::invalid(format!(
                "Parameter \"{name}\" is \"{value}\": use ISO-8601 such as 2026-11-21T10:00:00Z, \
             milliseconds since the epoch, or a time before now such as -15m, -2h or -1d"
            ))
        },
    )
}

fn ago(value: &str, now_ms: i64) -> Option<i64> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    units.into_iter().find_map(|(unit, unit_ms): (_, i64)| {
        let number: i64 = value.strip_prefix('-')?.strip_suffix(unit)?.parse().ok()?;
        now_ms.checked_sub(number.checked_mul(unit_ms)?)
    })
}

fn groups(value: &str, definition: &Definition) -> Result<Vec<usize>, ApiError> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut groups = Vec::new();
    for name in names {
        let group = definition.group_index(name).ok_or_else(|| {
            ApiError::invalid(format!(
                "Unknown field \"{name}\" in \"group_by\": aggregate \"{}\" {}",
                definition.name,
                match with_fields("is grouped by ", definition) {
                    none if none.is_empty() => "has no groups".to_owned(),
                    fields => fields,
                }
            ))
        })?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

fn step(value: &str, definition: &Definition) -> Result<i64, ApiError> {
    let window_ms = definition.window_ms;
    let step_ms = value.parse().ok().filter(|step_ms| *step_ms > 0 && step_ms % window_ms == 0);
    step_ms.ok_or_else(|| {
        ApiError::invalid(format!(
            "Parameter \"step_ms\" is \"{value}\": use a multiple of {window_ms}, the window of \
             aggregate \"{}\"",
            definition.name
        ))
    })
}

fn order(value: &str) -> Result<Order, ApiError> {
    match value {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err(ApiError::invalid(format!("Parameter \"order\" is \"{value}\": use asc or desc"))),
    }
}

fn format(value: &str) -> Result<Format, ApiError> {
    match value {
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        _ => {
            Err(ApiError::invalid(format!("Parameter \"format\" is \"{value}\": use json or csv")))
        }
    }
}

fn limit(value: &str) -> Result<usize, ApiError> {
    value.parse().ok().filter(|limit| (1..=MOST_ROWS).contains(limit)).ok_or_else(|| {
        ApiError::invalid(format!(
            "Parameter \"limit\" is \"{value}\": use a number from 1 to {MOST_ROWS}"
        ))
    })
}

/// The text that continues after a row.
pub(super) fn cursor_after(window: i64, key: &GroupKey) -> String {
    let text = Json::from(vec![window.into(), Json::Array(key.0.clone())]).to_string();
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn cursor(value: &str) -> Result<(i64, GroupKey), ApiError> {
    let digits: Option<Vec<u8>> = value
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let read = digits.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let (window, groups): (i64, Vec<Json>) = read.ok_or_else(bad_cursor)?;
    Ok((window, GroupKey(groups)))
}

fn bad_cursor() -> ApiError {
    ApiError::invalid(
        "Parameter \"cursor\" is not one of this request: use \"next\" of its previous answer",
    )
}
