//! The JSON that routes are written in.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::{HeaderName, Method};
use connect_api::config::{ConfigKind, ConfigType};
use serde::Deserialize;
use serde_json::{Map as JsonMap, Value as Json};

use super::{HeaderNames, Pick, Source, TopicPart};

/// Header that becomes a header of the record by itself.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Longest name of a topic. Source: apache/kafka `Topic.java`.
const LONGEST_TOPIC: usize = 249;

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyKind {
    /// As its `Content-Type` says: NDJSON, a form or, in all other cases, JSON.
    Any,
    /// One JSON document.
    Json,
    /// A JSON document on each line, each an event.
    Ndjson,
    /// A form, as browsers send it.
    Form,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Bytes,
}

/// A route as it is written.
#[derive(Clone, Debug)]
pub(crate) struct RouteText {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) topic: Option<String>,
    pub(crate) fields: Option<Vec<(String, Pick)>>,
    pub(crate) body: Option<BodyKind>,
    pub(crate) key: Option<Pick>,
    pub(crate) headers: HeaderNames,
}

impl RouteText {
    /// Every part of a request that it names.
    pub(super) fn picks(&self) -> impl Iterator<Item = &Pick> {
        self.fields.iter().flatten().map(|(_, pick)| pick).chain(&self.key)
    }

    /// Whether it is asked with GET under this path.
    pub(crate) fn is_get(&self, path: &str) -> bool {
        self.method == Method::GET && self.path == path
    }
}

/// The routes of a connector.
#[derive(Clone, Debug)]
pub(crate) struct RouteTexts(pub(crate) Vec<RouteText>);

/// The letters of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Letters {
    method: Option<String>,
    path: String,
    topic: Option<String>,
    fields: Option<JsonMap<String, Json>>,
    body: Option<BodyKind>,
    key: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
}

impl ConfigType for RouteTexts {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        let items: Vec<Json> = serde_json::from_str(text)
            .map_err(|error| format!("Must be a JSON array of routes: {error}"))?;
        if items.is_empty() {
            return Err("Must have one route at least".to_owned());
        }
        let mut routes = Vec::new();
        for (place, item) in items.into_iter().enumerate() {
            routes.push(route(item).map_err(|reason| format!("Route {}: {reason}", place + 1))?);
        }
        refuse_clashes(&routes)?;
        Ok(Self(routes))
    }
}

fn route(item: Json) -> Result<RouteText, String> {
    if !item.is_object() {
        return Err("must be an object such as {\"path\": \"/hook\"}".to_owned());
    }
    let letters = serde_json::from_value(item).map_err(|error| error.to_string())?;
    read(&letters)
}

fn read(letters: &Letters) -> Result<RouteText, String> {
    let segments =
        segments(&letters.path).map_err(|reason| format!("path \"{}\": {reason}", letters.path))?;
    let fields = letters.fields.as_ref().map(picks).transpose()?;
    let key = letters.key.as_deref().map(Pick::parse).transpose()?;
    let picks = || fields.iter().flatten().map(|(_, pick)| pick).chain(&key);
    let needs_body = fields.is_none() || picks().any(Pick::is_of_body);
    let body = letters.body.or_else(|| needs_body.then_some(BodyKind::Any));
    if matches!(body, Some(BodyKind::Text | BodyKind::Bytes)) && picks().any(Pick::is_of_body) {
        return Err("Fields of a body need the body json, ndjson, form or any".to_owned());
    }
    for pick in picks() {
        if let Source::Path(name) = &pick.source {
            known_segment(&segments, name)?;
        }
    }
    if let Some(topic) = &letters.topic {
        check_topic(topic, &segments)?;
    }
    let method = match &letters.method {
        None if body.is_some() => Method::POST,
        None => Method::GET,
        Some(word) => method(word)?,
    };
    if body.is_some() && method == Method::GET {
        return Err(
            "A GET has no body: name fields that come from elsewhere, or use POST".to_owned()
        );
    }
    Ok(RouteText {
        method,
        path: letters.path.clone(),
        topic: letters.topic.clone(),
        fields,
        body,
        key,
        headers: headers(&letters.headers)?,
    })
}

fn method(word: &str) -> Result<Method, String> {
    match word.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(format!("method \"{word}\" is none of GET, POST, PUT, PATCH and DELETE")),
    }
}

fn picks(fields: &JsonMap<String, Json>) -> Result<Vec<(String, Pick)>, String> {
    if fields.is_empty() {
        return Err("fields has no field".to_owned());
    }
    let pick = |(name, pick): (&String, &Json)| {
        let text = pick.as_str().ok_or_else(|| format!("field \"{name}\" is not a text"))?;
        let pick = Pick::parse(text).map_err(|reason| format!("field \"{name}\": {reason}"))?;
        Ok((name.clone(), pick))
    };
    fields.iter().map(pick).collect()
}

fn headers(names: &[String]) -> Result<HeaderNames, String> {
    let names = names.iter().map(String::as_str);
    let is_named = names.clone().any(|name| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
    let own = (!is_named).then_some(IDEMPOTENCY_KEY);
    let header = |name: &str| {
        let known = HeaderName::try_from(name)
            .map_err(|_bad| format!("\"{name}\" is not the name of a header"))?;
        Ok((known, Arc::from(name)))
    };
    names.chain(own).map(header).collect()
}

/// Checks a path without names in braces as that of a route.
pub(crate) fn check_plain_path(path: &str) -> Result<(), String> {
    match segments(path)?.first() {
        None => Ok(()),
        Some(name) => {
            Err(format!("{{{name}}} is a name for any text, and this path is always the same"))
        }
    }
}

/// Names of the segments in braces.
fn segments(path: &str) -> Result<Vec<String>, String> {
    let rest = path.strip_prefix('/').ok_or("it must begin with /")?;
    let mut names = Vec::new();
    for segment in rest.split('/') {
        let inner = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        let (text, is_name) = inner.map_or((segment, false), |inner| (inner, true));
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_plain = |c: char| c.is_ascii_graphic() && !"{}?#*%\"<>\\^`|".contains(c);
        if is_name && (text.is_empty() || !text.chars().all(is_word)) {
            return Err("name segments with letters, digits and _".to_owned());
        }
        if !is_name && (!text.chars().all(is_plain) || text.starts_with(':')) {
            return Err("a segment is plain text, or a name in braces for any text".to_owned());
        }
        if is_name {
            if names.iter().any(|known| known == text) {
                return Err(format!("it has the segment \"{text}\" twice"));
            }
            names.push(text.to_owned());
        }
    }
    Ok(names)
}

fn known_segment(segments: &[String], name: &str) -> Result<(), String> {
    if segments.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(format!("The path has no segment {{{name}}}"))
}

fn check_topic(topic: &str, segments: &[String]) -> Result<(), String> {
    let mut is_made = false;
    for part in topic_parts(topic) {
        match part {
            TopicPart::Segment(name) => {
                known_segment(segments, &name)?;
                is_made = true;
            }
            TopicPart::Text(text) if is_topic_text(&text) => {}
            TopicPart::Text(_) => {
                return Err(format!("topic \"{topic}\" has letters that no topic may have"));
            }
        }
    }
    if is_made {
        return Ok(());
    }
    check_topic_name(topic).map_err(|reason| format!("topic \"{topic}\": {reason}"))
}

/// Checks the whole name of a topic.
pub(crate) fn check_topic_name(name: &str) -> Result<(), String> {
    if is_topic_text(name) && !["", ".", ".."].contains(&name) {
        return Ok(());
    }
    Err(format!(
        "A topic's name has up to {LONGEST_TOPIC} letters of a-z, A-Z, 0-9, ., _ and -, and is neither . nor .."
    ))
}

/// Whether a client may name this topic: those with two underscores are Kafka's and the worker's own.
pub(crate) fn is_open_topic(name: &str) -> bool {
    check_topic_name(name).is_ok() && !name.starts_with("__")
}

/// Whether a text may be a part of the name of a topic. Source: apache/kafka `Topic.java`.
fn is_topic_text(text: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    text.len() <= LONGEST_TOPIC && text.chars().all(is_legal)
}

/// A topic's name as plain text and names in braces.
pub(crate) fn topic_parts(topic: &str) -> Vec<TopicPart> {
    let mut parts = Vec::new();
    let mut rest = topic;
    while let Some((before, name, after)) = rest
        .split_once('{')
        .and_then(|(before, tail)| tail.split_once('}').map(|(name, after)| (before, name, after)))
    {
        if !before.is_empty() {
            parts.push(TopicPart::Text(before.to_owned()));
        }
        parts.push(TopicPart::Segment(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(TopicPart::Text(rest.to_owned()));
    }
    parts
}

/// Two routes with one method and path, or with paths that only differ in the names of segments.
fn refuse_clashes(routes: &[RouteText]) -> Result<(), String> {
    let mut seen: BTreeMap<String, Vec<&RouteText>> = BTreeMap::new();
    for route in routes {
        let shape = |segment| if str::starts_with(segment, '{') { "{}" } else { segment };
        let shape: Vec<_> = route.path.split('/').map(shape).collect();
        let others = seen.entry(shape.join("/")).or_default();
        if let Some(other) = others.iter().find(|other| other.path != route.path) {
            return Err(format!(
                "Paths \"{}\" and \"{}\" are the same but for the names of segments",
                other.path, route.path
            ));
        }
        if others.iter().any(|other| other.method == route.method) {
            return Err(format!("There are two routes for {} {}", route.method, route.path));
        }
        others.push(route);
    }
    Ok(())
}
