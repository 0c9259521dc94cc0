//! Series of numbers: from a start by steps, back to the start at an end.

use connect_api::value::write_java_double;
use serde_json::{Map as JsonMap, Value as Json};

/// A series, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Iteration {
    numbers: Numbers,
    at: u64,
}

#[derive(Clone, Debug)]
enum Numbers {
    Whole {
        start: i128,
        span: i128,
        step: i128,
        initial: i128,
    },
    Fraction {
        start: f64,
        span: f64,
        step: f64,
        initial: f64,
    },
    /// False and true in turns.
    Turns {
        starts_with: bool,
    },
}

/// Numbers that a type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Boolean,
    Int,
    Long,
    Single,
    Double,
}

impl Iteration {
    /// Reads a series that was asked so many times before.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(json: &Json, domain: Domain, at: u64) -> Result<Self, String> {
        let object = json.as_object().ok_or("iteration must be an object")?;
        for name in object.keys() {
            if !["start", "restart", "step", "initial"].contains(&name.as_str()) {
                return Err(format!("iteration has no property {name}"));
            }
        }
        let numbers = match domain {
            Domain::Boolean => {
                let start = object.get("start").and_then(Json::as_bool);
                let starts_with = start.ok_or("iteration must have a start, true or false")?;
                if object.len() > 1 {
                    return Err("iteration of a boolean has a start only".to_owned());
                }
                Numbers::Turns { starts_with }
            }
            Domain::Int => whole(object, i32::MIN.into(), i32::MAX.into())?,
            Domain::Long => whole(object, i64::MIN.into(), i64::MAX.into())?,
            Domain::Single => fraction(object, f32::MAX.into())?,
            Domain::Double => fraction(object, f64::MAX)?,
        };
        Ok(Self { numbers, at })
    }

    fn turn(&mut self) -> u64 {
        let at = self.at;
        self.at = at.wrapping_add(1);
        at
    }

    pub(super) fn next_whole(&mut self) -> i64 {
        let at = self.turn();
        match &self.numbers {
            Numbers::Whole { start, span, step, initial } => {
                // The span has the sign of the steps, so that the remainder has it too.
                let passed = step.wrapping_mul(i128::from(at)).wrapping_add(initial - start);
                i64::try_from(start + passed % span).unwrap_or_default()
            }
            Numbers::Fraction { .. } => 0,
            Numbers::Turns { starts_with } => i64::from(starts_with ^ (at % 2 == 1)),
        }
    }

    pub(super) fn next_fraction(&mut self) -> f64 {
        let at = self.turn();
        match &self.numbers {
            Numbers::Fraction { start, span, step, initial } => {
                start + ((initial - start) + step * as_real(at)) % span
            }
            Numbers::Whole { .. } | Numbers::Turns { .. } => 0.0,
        }
    }

    /// The next number as Java prints it.
    pub(super) fn next_text(&mut self) -> String {
        if let Numbers::Fraction { .. } = self.numbers {
            let mut text = String::new();
            write_java_double(&mut text, self.next_fraction());
            return text;
        }
        self.next_whole().to_string()
    }
}

fn whole(object: &JsonMap<String, Json>, lowest: i128, highest: i128) -> Result<Numbers, String> {
    let number = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(json) => {
            let number = json.as_i64().map(i128::from);
            let number = number.filter(|number| (lowest..=highest).contains(number));
            number.map(Some).ok_or_else(|| format!("iteration: {name} is no number of the type"))
        }
    };
    let start = number("start")?.ok_or("iteration must have a start")?;
    let restart = number("restart")?;
    let is_down = restart.is_some_and(|restart| restart < start);
    let step = number("step")?.unwrap_or(if is_down { -1 } else { 1 });
    let end = restart.unwrap_or(if step < 0 { lowest } else { highest });
    let initial = number("initial")?.unwrap_or(start);
    if step == 0 || (end - start).signum() != step.signum() {
        return Err("iteration: no step leads from start to restart".to_owned());
    }
    let span = end - start;
    if (initial - start).signum() == -step.signum() {
        return Err("iteration: initial does not lie between start and restart".to_owned());
    }
    Ok(Numbers::Whole { start, span, step, initial })
}

fn fraction(object: &JsonMap<String, Json>, highest: f64) -> Result<Numbers, String> {
    let number = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(json) => {
            let number = json.as_f64().filter(|number| number.abs() <= highest);
            number.map(Some).ok_or_else(|| format!("iteration: {name} is no number of the type"))
        }
    };
    let start = number("start")?.ok_or("iteration must have a start")?;
    let restart = number("restart")?;
    let is_down = restart.is_some_and(|restart| restart < start);
    let step = number("step")?.unwrap_or(if is_down { -1.0 } else { 1.0 });
    let end = restart.unwrap_or(if step < 0.0 { -highest } else { highest });
    let initial = number("initial")?.unwrap_or(start);
    let span = end - start;
    let leads = |distance: f64| distance * step.signum();
    if step == 0.0 || leads(span) <= 0.0 || !span.is_finite() || leads(initial - start) < 0.0 {
        return Err("iteration: no step leads from start to restart".to_owned());
    }
    Ok(Numbers::Fraction { start, span, step, initial })
}

#[expect(clippy::cast_precision_loss, reason = "no series is asked 2^53 times")]
const fn as_real(number: u64) -> f64 {
    number as f64
}
