//! Routes: which requests become events, and which parts of them become what.

mod pick;
mod text;

use std::sync::Arc;

use axum::http::{HeaderName, Method};
use connect_api::json::write_text;

pub(crate) use self::{
    pick::{Pick, Source},
    text::{
        BodyKind, RouteText, RouteTexts, check_plain_path, check_topic_name, is_open_topic,
        topic_parts,
    },
};

/// Headers of requests with their names in records.
pub(crate) type HeaderNames = Vec<(HeaderName, Arc<str>)>;

/// A route, ready for requests.
#[derive(Debug)]
pub(crate) struct Route {
    /// Method of its requests.
    pub(crate) method: Method,
    /// Topic of its events.
    pub(crate) topic: Topic,
    /// How the body is read.
    pub(crate) body: Option<BodyKind>,
    /// Whether members of the body are looked for.
    pub(crate) reads_body: bool,
    /// What becomes the value.
    pub(crate) shape: Shape,
    /// What becomes the key.
    pub(crate) key: Option<Pick>,
    /// Headers of requests that become headers of records, with their names there.
    pub(crate) headers: HeaderNames,
}

/// Topic of a route's events.
#[derive(Debug)]
pub(crate) enum Topic {
    /// Always the same.
    Fixed(Arc<str>),
    /// Has segments of the path in it.
    Made(Vec<TopicPart>),
}

/// A part of the name of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TopicPart {
    /// As it stands.
    Text(String),
    /// What the segment of the path with this name holds.
    Segment(String),
}

/// What becomes the value of an event.
#[derive(Debug)]
pub(crate) enum Shape {
    /// The body.
    Body,
    /// An object of these fields.
    Fields(Vec<Member>),
}

/// A field of the value.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name as it stands in JSON, in quotes and with a colon.
    pub(crate) label: Vec<u8>,
    /// Where it comes from; none for the time.
    pub(crate) pick: Option<Pick>,
}

impl Member {
    fn new(name: &str, pick: Option<Pick>) -> Self {
        let mut label = Vec::new();
        write_text(&mut label, name);
        label.push(b':');
        Self { label, pick }
    }
}

impl Route {
    /// Makes a route of what a user wrote; the time is the first field unless the fields have one of
    /// its name.
    pub(crate) fn new(text: &RouteText, topic: &str, timestamp_field: &str) -> Self {
        let topic = text.topic.as_deref().unwrap_or(topic);
        let parts = topic_parts(topic);
        let topic = if parts.iter().any(|part| matches!(part, TopicPart::Segment(_))) {
            Topic::Made(parts)
        } else {
            Topic::Fixed(topic.into())
        };
        let shape = text.fields.as_ref().map_or(Shape::Body, |fields| {
            let is_timed = !timestamp_field.is_empty()
                && fields.iter().all(|(name, _)| name != timestamp_field);
            let time = is_timed.then(|| Member::new(timestamp_field, None));
            let others = fields.iter().map(|(name, pick)| Member::new(name, Some(pick.clone())));
            Shape::Fields(time.into_iter().chain(others).collect())
        });
        Self {
            method: text.method.clone(),
            topic,
            body: text.body,
            reads_body: text.picks().any(Pick::is_of_body),
            shape,
            key: text.key.clone(),
            headers: text.headers.clone(),
        }
    }
}
