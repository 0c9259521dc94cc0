//! Whether a value meets a condition: yes, no, or not to be told because something is missing.

use std::cmp::Ordering;

use connect_api::value::Value;

use super::{
    super::numbers::float64,
    parse::{Operand, Operator, Path, Step, Test},
};

impl Path {
    /// Whether the path leads somewhere; none when that hangs on something that is missing.
    pub(super) fn holds(&self, value: &Value) -> Option<bool> {
        holds(&self.steps, value, value)
    }

    /// Whether there is anything but null at the end of the path.
    fn leads_somewhere(&self, root: &Value, current: &Value) -> bool {
        let start = if self.is_from_root { root } else { current };
        holds(&self.steps, root, start) == Some(true)
    }

    /// What is at the end of a path without filters; none when missing or null.
    fn end<'a>(&self, root: &'a Value, current: &'a Value) -> Option<&'a Value> {
        let start = if self.is_from_root { root } else { current };
        let step = |value: &'a Value, step: &Step| match step {
            Step::Member(name) => value.member(name),
            Step::Index(at) => element(value, *at),
            Step::Any | Step::Filter(_) => None,
        };
        self.steps.iter().try_fold(start, step).filter(|value| !value.is_null())
    }
}

fn holds(steps: &[Step], root: &Value, value: &Value) -> Option<bool> {
    let Some((step, rest)) = steps.split_first() else {
        return if value.is_null() { None } else { Some(true) };
    };
    match step {
        Step::Member(name) => holds(rest, root, value.member(name)?),
        Step::Index(at) => holds(rest, root, element(value, *at)?),
        Step::Any => any(members(value).map(|member| holds(rest, root, member))),
        Step::Filter(test) => match value {
            Value::Array(items) => any(items.iter().map(|item| passed(test, rest, root, item))),
            Value::Null => None,
            other => passed(test, rest, root, other),
        },
    }
}

/// Whether a value passes a filter and what follows the filter holds for it.
fn passed(test: &Test, rest: &[Step], root: &Value, value: &Value) -> Option<bool> {
    match meets(test, root, value) {
        Some(true) => holds(rest, root, value),
        other => other,
    }
}

/// Yes when there is a yes, else not to be told when there is one that cannot.
fn any(outcomes: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut is_clear = true;
    for outcome in outcomes {
        match outcome {
            Some(true) => return Some(true),
            Some(false) => {}
            None => is_clear = false,
        }
    }
    is_clear.then_some(false)
}

fn members(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Map(map) => Box::new(map.entries().iter().map(|(_, value)| value)),
        Value::Struct(record) => Box::new(record.values().iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Of a list, from its end when negative.
fn element(value: &Value, at: i64) -> Option<&Value> {
    let Value::Array(items) = value else { return None };
    let from_end = || items.len().checked_sub(usize::try_from(at.unsigned_abs()).ok()?);
    let at = if at < 0 { from_end()? } else { usize::try_from(at).ok()? };
    items.get(at)
}

fn meets(test: &Test, root: &Value, value: &Value) -> Option<bool> {
    match test {
        Test::Or(tests) => any(tests.iter().map(|test| meets(test, root, value))),
        Test::And(tests) => {
            let none = tests.iter().map(|test| meets(test, root, value).map(|holds| !holds));
            any(none).map(|some_fails| !some_fails)
        }
        Test::Not(test) => meets(test, root, value).map(|holds| !holds),
        Test::Exists(path) => Some(path.leads_somewhere(root, value)),
        Test::Matches(operand, regex) => {
            let found = operand.value(root, value)?;
            Some(found.as_str().is_some_and(|text| regex.is_match(text)))
        }
        Test::In(operand, items) => {
            let found = operand.value(root, value)?;
            Some(items.iter().any(|item| order(found, item) == Some(Ordering::Equal)))
        }
        Test::Compares(left, operator, right) => compares(left, *operator, right, root, value),
    }
}

fn compares(
    left: &Operand,
    operator: Operator,
    right: &Operand,
    root: &Value,
    value: &Value,
) -> Option<bool> {
    let (found_left, found_right) = (left.value(root, value), right.value(root, value));
    // A comparison with null asks just whether something is missing.
    if left.is_null() || right.is_null() {
        let are_both_null = found_left.is_none() && found_right.is_none();
        return Some((operator == Operator::Equal) == are_both_null);
    }
    let order = order(found_left?, found_right?);
    Some(match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

impl Operand {
    fn value<'a>(&'a self, root: &'a Value, current: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Path(path) => path.end(root, current),
            Self::Literal(value) => Some(value).filter(|value| !value.is_null()),
        }
    }

    const fn is_null(&self) -> bool {
        matches!(self, Self::Literal(Value::Null))
    }
}

/// Order of two numbers, texts or booleans; of others only whether they are the same.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
        _ => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => match (float64(left), float64(right)) {
                (Some(left), Some(right)) => left.partial_cmp(&right),
                _ => (left == right).then_some(Ordering::Equal),
            },
        },
    }
}
