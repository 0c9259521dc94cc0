//! What `arg.properties` of a type say.

use connect_avro::AvroType;
use serde_json::{Map as JsonMap, Value as Json};

use super::plan::Length;

/// Name of the property with what values are like.
const ARGUMENTS: &str = "arg.properties";
/// Every argument there is.
const KNOWN: [&str; 9] =
    ["options", "iteration", "range", "length", "regex", "prefix", "suffix", "keys", "odds"];
/// What cannot be said beside what.
const EXCLUDED: [(&str, &[&str]); 2] = [
    ("options", &["length", "regex", "iteration", "range"]),
    ("iteration", &["range", "length", "regex"]),
];
/// Length where nothing is said.
const USUAL: Length = Length(8, 16);
/// Longest length: beyond it a record would not fit a topic.
const LONGEST: usize = 1_000_000;

/// The arguments of a type.
#[derive(Debug)]
pub(super) struct Arguments<'a>(Option<&'a JsonMap<String, Json>>);

impl<'a> Arguments<'a> {
    pub(super) fn of(kind: &'a AvroType) -> Result<Self, String> {
        kind.props.get(ARGUMENTS).map_or(Ok(Self(None)), Self::read)
    }

    /// Reads the arguments themselves, as those of the keys of a map are.
    pub(super) fn read(json: &'a Json) -> Result<Self, String> {
        let object = json.as_object().ok_or("arg.properties must be an object")?;
        for name in object.keys() {
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!(
                    "arg.properties has no property {name}; there are {}",
                    KNOWN.join(", ")
                ));
            }
        }
        for (name, excluded) in EXCLUDED {
            if let Some(other) = excluded.iter().find(|other| object.contains_key(**other))
                && object.contains_key(name)
            {
                return Err(format!("Cannot specify {other} prop when {name} prop is given"));
            }
        }
        Ok(Self(Some(object)))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0?.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        let Some(json) = self.get(name) else { return Ok(None) };
        json.as_str().map(Some).ok_or_else(|| format!("{name} must be a text"))
    }

    /// Probability of true.
    pub(super) fn odds(&self) -> Result<f64, String> {
        let Some(json) = self.get("odds") else { return Ok(0.5) };
        let odds = json.as_f64().filter(|odds| (0.0..=1.0).contains(odds));
        odds.ok_or_else(|| "odds must be in the range [0.0, 1.0]".to_owned())
    }

    /// From which whole number up to which.
    pub(super) fn whole_range(&self, lowest: i64, highest: i64) -> Result<(i64, i64), String> {
        let number = |json: &Json| json.as_i64().filter(|n| (lowest..=highest).contains(n));
        let (min, max) = self.bounds(number)?;
        let (min, max) = (min.unwrap_or(lowest), max.unwrap_or(highest));
        if min < max { Ok((min, max)) } else { Err(empty_range()) }
    }

    /// From which number up to which; from 0 to 1 where nothing is said.
    pub(super) fn range(&self, highest: f64) -> Result<(f64, f64), String> {
        let number = |json: &Json| json.as_f64().filter(|number| number.abs() <= highest);
        let (min, max) = match self.bounds(number)? {
            (None, None) => (0.0, 1.0),
            (min, max) => (min.unwrap_or(-highest), max.unwrap_or(highest)),
        };
        let is_range = min < max && (max - min).is_finite();
        if is_range { Ok((min, max)) } else { Err(empty_range()) }
    }

    fn bounds<T>(
        &self,
        number: impl Fn(&Json) -> Option<T>,
    ) -> Result<(Option<T>, Option<T>), String> {
        let Some(json) = self.get("range") else { return Ok((None, None)) };
        let object = json.as_object().filter(|object| !object.is_empty());
        let object = object.ok_or("range must be an object with min, max or both")?;
        if let Some(name) = object.keys().find(|name| *name != "min" && *name != "max") {
            return Err(format!("range has no property {name}"));
        }
        let read = |name: &str| match object.get(name) {
            None => Ok(None),
            Some(json) => number(json)
                .map(Some)
                .ok_or_else(|| format!("range: {name} is no number of the type")),
        };
        Ok((read("min")?, read("max")?))
    }

    pub(super) fn length(&self) -> Result<Length, String> {
        self.length_or(USUAL)
    }

    pub(super) fn length_or(&self, usual: Length) -> Result<Length, String> {
        let Some(json) = self.get("length") else { return Ok(usual) };
        let number = |json: &Json| {
            let number = json.as_u64().and_then(|number| usize::try_from(number).ok());
            number
                .filter(|number| *number <= LONGEST)
                .ok_or_else(|| format!("length must be a number from 0 to {LONGEST}"))
        };
        let Some(object) = json.as_object() else {
            // With a regular expression a number is the least length.
            let length = number(json)?;
            let is_least = self.get("regex").is_some();
            return Ok(Length(length, if is_least { usize::MAX } else { length }));
        };
        let min = object.get("min").map(number).transpose()?;
        let max = object.get("max").map(number).transpose()?;
        if object.is_empty() || object.keys().any(|name| name != "min" && name != "max") {
            return Err("length must be a number, or an object with min, max or both".to_owned());
        }
        let least = min.unwrap_or(0);
        let most =
            max.unwrap_or(if self.get("regex").is_some() { usize::MAX } else { least + USUAL.1 });
        if least < most {
            return Ok(Length(least, most));
        }
        Err("length: min must be less than max".to_owned())
    }
}

fn empty_range() -> String {
    "range: min must be less than max".to_owned()
}
