//! What differs between two answers.

use std::{
    collections::BTreeSet,
    fmt::{self, Display, Formatter},
};

use serde_json::Value;

use crate::rest::wire::Reply;

/// Keys whose values only have to be of one type: they tell of a place, a build or a moment.
const VOLATILE: [&str; 5] = ["worker_id", "version", "commit", "kafka_cluster_id", "last_modified"];
/// Headers that clients go by.
const HEADERS: [&str; 3] = ["content-type", "location", "allow"];

/// One thing that two answers do not have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where it is: `status`, the name of a header, a path within the body such as
    /// `$.tasks[0].state`, or such a path with `order` or `length` after it.
    pub(super) at: String,
    pub(super) theirs: String,
    pub(super) ours: String,
}

impl Difference {
    fn new(at: impl Into<String>, theirs: impl Display, ours: impl Display) -> Self {
        Self { at: at.into(), theirs: theirs.to_string(), ours: ours.to_string() }
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n       theirs: {}\n       ours:   {}", self.at, self.theirs, self.ours)
    }
}

/// Everything in which two answers differ.
pub(super) fn between(theirs: &Reply, ours: &Reply) -> Vec<Difference> {
    let mut found = Vec::new();
    if theirs.status != ours.status {
        let told = |reply: &Reply| format!("{} {}", reply.status, reply.text);
        // The rest follows from it.
        return vec![Difference::new("status", told(theirs), told(ours))];
    }
    for name in HEADERS {
        let [theirs, ours] = [theirs, ours].map(|reply| reply.header(name).unwrap_or_default());
        if theirs != ours {
            found.push(Difference::new(name, theirs, ours));
        }
    }
    match (&theirs.json, &ours.json) {
        (Some(theirs), Some(ours)) => values("$", theirs, ours, &mut found),
        _ if theirs.text != ours.text => {
            found.push(Difference::new("text", &theirs.text, &ours.text));
        }
        _ => {}
    }
    found
}

fn values(at: &str, theirs: &Value, ours: &Value, found: &mut Vec<Difference>) {
    match (theirs, ours) {
        (Value::Object(_), Value::Object(_)) => objects(at, theirs, ours, found),
        (Value::Array(left), Value::Array(right)) if is_named(left) && is_named(right) => {
            objects(at, &by_name(left), &by_name(right), found);
        }
        (Value::Array(left), Value::Array(right)) if left.len() != right.len() => {
            found.push(Difference::new(format!("{at} length"), theirs, ours));
        }
        (Value::Array(left), Value::Array(right)) => {
            if left != right && sorted(left) == sorted(right) {
                found.push(Difference::new(format!("{at} order"), theirs, ours));
                return;
            }
            for (number, (theirs, ours)) in left.iter().zip(right).enumerate() {
                values(&format!("{at}[{number}]"), theirs, ours, found);
            }
        }
        _ if is_alike(at, theirs, ours) => {}
        _ => found.push(Difference::new(at, theirs, ours)),
    }
}

fn objects(at: &str, theirs: &Value, ours: &Value, found: &mut Vec<Difference>) {
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
    };
    let (left, right) = (keys(theirs), keys(ours));
    if left != right {
        let is_order = sorted(&left) == sorted(&right);
        let what = if is_order { "order" } else { "keys" };
        let [left, right] = [&left, &right].map(|keys| keys.join(", "));
        found.push(Difference::new(format!("{at} {what}"), left, right));
    }
    for key in left.iter().filter(|key| right.contains(key)) {
        values(&format!("{at}.{key}"), &theirs[key], &ours[key], found);
    }
}

/// Where the items of a list say what they are called.
const NAMES: [&str; 4] = ["/definition/name", "/value/name", "/class", "/name"];

fn name_of(item: &Value) -> Option<&str> {
    NAMES.iter().find_map(|pointer| item.pointer(pointer)?.as_str())
}

/// Whether every item has a name of its own.
fn is_named(list: &[Value]) -> bool {
    let names: BTreeSet<_> = list.iter().filter_map(name_of).collect();
    names.len() == list.len()
}

fn by_name(list: &[Value]) -> Value {
    let named = |item: &Value| Some((name_of(item)?.to_owned(), item.clone()));
    list.iter().filter_map(named).collect()
}

fn sorted(list: &[impl ToString]) -> Vec<String> {
    let mut texts: Vec<_> = list.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

/// Whether two values without parts are the same, as far as they have to be.
fn is_alike(at: &str, theirs: &Value, ours: &Value) -> bool {
    let key = at.rsplit('.').next().unwrap_or_default();
    if VOLATILE.contains(&key) {
        return std::mem::discriminant(theirs) == std::mem::discriminant(ours);
    }
    if key == "trace" {
        return thrown(theirs).is_some() && thrown(theirs) == thrown(ours);
    }
    theirs == ours
}

/// The class that the first line of a trace names.
fn thrown(trace: &Value) -> Option<&str> {
    trace.as_str()?.lines().next()?.split(':').next()
}
