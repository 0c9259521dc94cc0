//! Where a field comes from.

use axum::http::HeaderName;

/// A part of a request, and whether it may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pick {
    /// The part.
    pub(crate) source: Source,
    /// Null where it is missing, in place of a refusal.
    pub(crate) is_optional: bool,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A parameter of the query.
    Query(String),
    /// A header.
    Header(HeaderName),
    /// A member of the body, by the names on the way to it.
    Body(Vec<String>),
    /// A segment of the path.
    Path(String),
    /// Address of the client.
    Client,
    /// The method.
    Method,
    /// Path and query, as they came.
    Url,
}

impl Pick {
    /// Reads `query:NAME`, `header:NAME?` and the like.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (what, is_optional) = match text.strip_suffix('?') {
            Some(what) => (what, true),
            None => (text, false),
        };
        let source = match what.split_once(':') {
            None => match what {
                "client" => Some(Source::Client),
                "method" => Some(Source::Method),
                "url" => Some(Source::Url),
                _ => None,
            },
            Some((_, "")) => None,
            Some(("query", name)) => Some(Source::Query(name.to_owned())),
            Some(("header", name)) => {
                let name = HeaderName::try_from(name)
                    .map_err(|_bad| format!("\"{name}\" is not the name of a header"))?;
                Some(Source::Header(name))
            }
            Some(("body", path)) => {
                Some(Source::Body(path.split('.').map(str::to_owned).collect()))
            }
            Some(("path", name)) => Some(Source::Path(name.to_owned())),
            Some(_) => None,
        };
        let source = source.ok_or_else(|| {
            format!(
                "\"{text}\" is none of query:NAME, header:NAME, body:NAME, path:NAME, client, method \
                 and url"
            )
        })?;
        Ok(Self { source, is_optional })
    }

    /// Whether the body has to be read for it.
    pub(super) const fn is_of_body(&self) -> bool {
        matches!(self.source, Source::Body(_))
    }
}

impl Source {
    /// What is told to a client that left it out.
    pub(crate) fn is_missing(&self) -> String {
        match self {
            Self::Query(name) => format!("Query parameter \"{name}\" is missing"),
            Self::Header(name) => format!("Header \"{name}\" is missing"),
            Self::Body(path) => format!("The body has no field \"{}\"", path.join(".")),
            Self::Path(name) => format!("The path has no segment \"{name}\""),
            Self::Client | Self::Method | Self::Url => "The request is incomplete".to_owned(),
        }
    }
}
