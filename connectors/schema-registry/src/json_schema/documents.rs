//! A JSON Schema document with those it refers to.

use std::sync::Arc;

use bytestring::ByteString;
use connect_api::{
    error::{ConnectorError, Result},
    json::{Node, Parser},
};

/// Parts of a document looked at while an id is searched for.
const MOST_SEARCHED: usize = 100_000;

/// A document, and the registered schemas that it refers to by name.
#[derive(Debug)]
pub(super) struct Documents {
    root: Node,
    referred: Vec<(String, Node)>,
}

/// A part of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position<'a> {
    /// The whole document.
    pub(super) root: &'a Node,
    /// The part.
    pub(super) node: &'a Node,
}

fn parsed(name: &str, text: &str) -> Result<Node> {
    Parser::new(&ByteString::from(text)).value::<Node>().map_err(|error| {
        ConnectorError::record(format!("The JSON Schema{name} is no JSON")).caused_by(error)
    })
}

impl Documents {
    /// Reads a schema and the ones it refers to, each with the name it refers to them by.
    ///
    /// # Errors
    /// `Record` when one of them is no JSON.
    pub(super) fn parse(text: &str, referred: &[(String, Arc<str>)]) -> Result<Self> {
        let mut others = Vec::with_capacity(referred.len());
        for (name, text) in referred {
            others.push((name.clone(), parsed(&format!(" \"{name}\""), text)?));
        }
        Ok(Self { root: parsed("", text)?, referred: others })
    }

    /// The whole schema.
    pub(super) const fn root(&self) -> Position<'_> {
        Position { root: &self.root, node: &self.root }
    }

    /// What a reference leads to.
    pub(super) fn resolve<'a>(&'a self, from: Position<'a>, target: &str) -> Option<Position<'a>> {
        let (base, fragment) = target.split_once('#').unwrap_or((target, ""));
        if base.is_empty() {
            return within(from.root, fragment);
        }
        let mut roots = std::iter::once(&self.root).chain(self.referred.iter().map(|(_, it)| it));
        let named = self.referred.iter().find(|(name, _)| is_same_name(name, base));
        if let Some((_, root)) = named {
            return within(root, fragment);
        }
        let is_called = |node: &Node| id(node).is_some_and(|id| is_same_name(id, base));
        if let Some(root) = roots.clone().find(|root| is_called(root)) {
            return within(root, fragment);
        }
        roots.find_map(|root| {
            let node = search(root, &is_called)?;
            Some(Position { root, node: at(node, fragment)? })
        })
    }
}

/// Whether a reference by this name means that document.
fn is_same_name(name: &str, reference: &str) -> bool {
    let bare = |text: &str| {
        let text = text.strip_prefix("./").unwrap_or(text);
        text.strip_suffix('#').unwrap_or(text).to_owned()
    };
    let (name, reference) = (bare(name), bare(reference));
    name == reference || name.rsplit('/').next() == Some(reference.as_str())
}

fn id(node: &Node) -> Option<&str> {
    let id = node.member("$id").or_else(|| node.member("id"))?;
    id.text().map(|text| &**text)
}

fn within<'a>(root: &'a Node, fragment: &str) -> Option<Position<'a>> {
    at(root, fragment).map(|node| Position { root, node })
}

fn at<'a>(root: &'a Node, fragment: &str) -> Option<&'a Node> {
    let fragment = percent_decoded(fragment);
    if fragment.is_empty() {
        return Some(root);
    }
    if let Some(pointer) = fragment.strip_prefix('/') {
        return pointer.split('/').try_fold(root, |node, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match node {
                Node::Array(items) => items.get(step.parse::<usize>().ok()?),
                other => other.member(&step),
            }
        });
    }
    let anchor = format!("#{fragment}");
    let is_anchored = |node: &Node| {
        id(node) == Some(anchor.as_str())
            || node.member("$anchor").and_then(Node::text).is_some_and(|name| **name == *fragment)
    };
    search(root, &is_anchored)
}

fn search<'a>(root: &'a Node, is_wanted: &dyn Fn(&Node) -> bool) -> Option<&'a Node> {
    let mut waiting = vec![root];
    for _ in 0..MOST_SEARCHED {
        let node = waiting.pop()?;
        if is_wanted(node) {
            return Some(node);
        }
        match node {
            Node::Array(items) => waiting.extend(items.iter().rev()),
            Node::Object(members) => waiting.extend(members.iter().rev().map(|(_, node)| node)),
            _ => {}
        }
    }
    None
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        match code {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The title of a schema's text.
pub(super) fn root_title(text: &str) -> Option<String> {
    let root = parsed("", text).ok()?;
    root.member("title")?.text().map(ToString::to_string)
}
