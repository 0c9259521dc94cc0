//! From a request to events.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use bytes::Bytes;
use bytestring::ByteString;
use connect_api::json::{Node, NodeRef, Parser, write_text};
use connect_joda::{Pattern, Zone};
use serde_json::{Map as JsonMap, Value as Json};

use crate::{
    answer::Refused,
    document,
    event::{Content, Event},
    routes::{BodyKind, Member, Pick, Route, Shape, Source, Topic, TopicPart, is_open_topic},
};

/// Lines of a request, each of which becomes an event: what they take in memory stays near the size
/// of the largest body.
const MOST_LINES: usize = 10_000;

/// How times are written.
#[derive(Debug)]
pub(crate) struct TimeText {
    pub(crate) pattern: Pattern,
    pub(crate) zone: Zone,
}

/// A request whose body was read.
pub(crate) struct Request<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) segments: &'a [(String, String)],
    pub(crate) client: IpAddr,
    pub(crate) body: Bytes,
    pub(crate) now_ms: i64,
}

/// A part of a request as a field takes it.
enum Part<'a> {
    Text(Cow<'a, str>),
    Json(&'a NodeRef<'a>),
}

type Result<T> = std::result::Result<T, Refused>;

/// Makes the events of a request: one, or with NDJSON one for each line.
///
/// # Errors
/// What is wrong with the request.
pub(crate) fn events(route: &Route, time: &TimeText, request: Request<'_>) -> Result<Vec<Event>> {
    let seen = Seen {
        query: form_urlencoded::parse(request.parts.uri.query().unwrap_or_default().as_bytes())
            .collect(),
        headers: headers(route, &request.parts.headers)?,
        topic: topic(&route.topic, request.segments)?,
        route,
        time,
        request,
    };
    let body = seen.request.body.clone();
    match route.body {
        None => seen.event(None, Content::Bytes(body)).map(|event| vec![event]),
        Some(BodyKind::Bytes) => seen.event(None, Content::Bytes(body)).map(|event| vec![event]),
        Some(BodyKind::Text) => {
            let text = text(body)?;
            seen.event(None, Content::Text(text)).map(|event| vec![event])
        }
        Some(kind) => match actual(kind, &seen.request.parts.headers) {
            BodyKind::Ndjson => seen.lines(body),
            BodyKind::Form => seen.checked(form(&body)).map(|event| vec![event]),
            _ => seen.json(body).map(|event| vec![event]),
        },
    }
}

/// What a body of any kind is, by its header.
fn actual(kind: BodyKind, headers: &HeaderMap) -> BodyKind {
    if kind != BodyKind::Any {
        return kind;
    }
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is = |name: &str| media.eq_ignore_ascii_case(name);
    if is("application/x-www-form-urlencoded") {
        BodyKind::Form
    } else if is("application/x-ndjson") || is("application/jsonl") || is("application/jsonlines") {
        BodyKind::Ndjson
    } else {
        BodyKind::Json
    }
}

/// A request, with what all of its events share.
struct Seen<'a> {
    route: &'a Route,
    time: &'a TimeText,
    query: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    headers: Vec<(Arc<str>, ByteString)>,
    topic: Arc<str>,
    request: Request<'a>,
}

impl Seen<'_> {
    fn lines(&self, body: Bytes) -> Result<Vec<Event>> {
        let text = text(body)?;
        let mut events = Vec::new();
        for (place, line) in text.split('\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let event = self.json(text.slice_ref(line).into_bytes()).map_err(|refused| {
                Refused { message: format!("Line {}: {}", place + 1, refused.message), ..refused }
            })?;
            events.push(event);
            if events.len() > MOST_LINES {
                let message = format!("The body has more than {MOST_LINES} lines");
                return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
        }
        if events.is_empty() {
            return Err(Refused::bad("The body has no line"));
        }
        Ok(events)
    }

    fn json(&self, body: Bytes) -> Result<Event> {
        let text = text(body)?;
        document::check(&text).map_err(Refused::bad)?;
        self.checked(text)
    }

    /// An event of a document that is one.
    fn checked(&self, text: ByteString) -> Result<Event> {
        if !self.route.reads_body {
            return self.event(None, Content::Json(text));
        }
        let document = Parser::new(&text)
            .value::<NodeRef<'_>>()
            .map_err(|error| Refused::bad(format!("The body is not JSON: {error}")))?;
        self.event(Some(&document), Content::Json(text.clone()))
    }

    /// An event of a body, with the document that it is.
    fn event(&self, document: Option<&NodeRef<'_>>, body: Content) -> Result<Event> {
        let content = match &self.route.shape {
            Shape::Body => body,
            Shape::Fields(members) => Content::Json(self.object(members, document)?),
        };
        let key = match &self.route.key {
            None => None,
            Some(pick) => match self.required(pick, document)? {
                None => None,
                Some(Part::Text(text)) => Some(text.into_owned().into()),
                // A copy, as a part of the body would keep all of it in memory.
                Some(Part::Json(Node::String(text))) => Some(ByteString::from(&**text)),
                Some(Part::Json(node)) => {
                    let mut out = Vec::new();
                    document::write(&mut out, node);
                    Some(utf8(out)?)
                }
            },
        };
        Ok(Event {
            topic: Arc::clone(&self.topic),
            timestamp_ms: self.request.now_ms,
            key,
            headers: self.headers.clone(),
            content,
        })
    }

    fn object(&self, members: &[Member], document: Option<&NodeRef<'_>>) -> Result<ByteString> {
        let mut out = vec![b'{'];
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.label);
            let Some(pick) = &member.pick else {
                let mut text = String::new();
                self.time.pattern.write(&mut text, self.request.now_ms, self.time.zone);
                write_text(&mut out, &text);
                continue;
            };
            match self.required(pick, document)? {
                None => out.extend_from_slice(b"null"),
                Some(Part::Text(text)) => write_text(&mut out, &text),
                Some(Part::Json(node)) => document::write(&mut out, node),
            }
        }
        out.push(b'}');
        utf8(out)
    }

    /// A part of the request, or none where it may be missing.
    fn required<'b>(
        &'b self,
        pick: &'b Pick,
        document: Option<&'b NodeRef<'b>>,
    ) -> Result<Option<Part<'b>>> {
        let part = self.part(&pick.source, document)?;
        if part.is_none() && !pick.is_optional {
            return Err(Refused::bad(pick.source.is_missing()));
        }
        Ok(part)
    }

    fn part<'b>(
        &'b self,
        source: &'b Source,
        document: Option<&'b NodeRef<'b>>,
    ) -> Result<Option<Part<'b>>> {
        let parts = self.request.parts;
        let text = |text: &'b str| Part::Text(Cow::Borrowed(text));
        Ok(match source {
            Source::Query(name) => {
                let found = self.query.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| text(value))
            }
            Source::Header(name) => header_text(&parts.headers, name)?.map(Part::Text),
            Source::Body(path) => document
                .and_then(|document| {
                    path.iter().try_fold(document, |value, step| value.member(step))
                })
                .map(Part::Json),
            Source::Path(name) => self
                .request
                .segments
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| text(value)),
            Source::Client => Some(Part::Text(Cow::Owned(self.request.client.to_string()))),
            Source::Method => Some(text(parts.method.as_str())),
            Source::Url => parts.uri.path_and_query().map(|url| text(url.as_str())),
        })
    }
}

/// A header's value; what is not UTF-8 has each byte as a character, as the oldest servers had it.
fn header_text<'a>(
    headers: &'a HeaderMap,
    name: &axum::http::HeaderName,
) -> Result<Option<Cow<'a, str>>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let bytes = value.as_bytes();
    Ok(Some(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_latin1) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }))
}

fn headers(route: &Route, headers: &HeaderMap) -> Result<Vec<(Arc<str>, ByteString)>> {
    let mut found = Vec::new();
    for (name, key) in &route.headers {
        if let Some(value) = header_text(headers, name)? {
            found.push((Arc::clone(key), ByteString::from(value.into_owned())));
        }
    }
    Ok(found)
}

fn topic(topic: &Topic, segments: &[(String, String)]) -> Result<Arc<str>> {
    let parts = match topic {
        Topic::Fixed(topic) => return Ok(Arc::clone(topic)),
        Topic::Made(parts) => parts,
    };
    let mut name = String::new();
    for part in parts {
        match part {
            TopicPart::Text(text) => name.push_str(text),
            TopicPart::Segment(segment) => {
                let value = segments.iter().find(|(known, _)| known == segment);
                name.push_str(value.map_or("", |(_, value)| value));
            }
        }
    }
    if is_open_topic(&name) {
        return Ok(name.into());
    }
    Err(Refused::new(StatusCode::NOT_FOUND, "The path names no topic that there may be"))
}

fn utf8(out: Vec<u8>) -> Result<ByteString> {
    ByteString::try_from(Bytes::from(out)).map_err(|_not_utf8| Refused::bad("It is not UTF-8"))
}

fn text(body: Bytes) -> Result<ByteString> {
    ByteString::try_from(body).map_err(|_not_utf8| Refused::bad("The body is not UTF-8"))
}

/// A form as an object; a name that comes several times has its last value.
fn form(body: &[u8]) -> ByteString {
    let member = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
        (name.into_owned(), Json::String(value.into_owned()))
    };
    let members = form_urlencoded::parse(body).map(member).collect::<JsonMap<_, _>>();
    Json::Object(members).to_string().into()
}
