//! What a part of a JSON Schema document says, as the original's library understands it.
//!
//! A schema becomes one of a few shapes. Keywords that say several things at once, such as `type`
//! beside `enum`, become a combination of shapes all of which must hold.
//! Source: everit-org `SchemaLoader`, `SchemaExtractor`, `CombinedSchemaLoader`.

use connect_api::{
    error::{ConnectorError, Result},
    json::Node,
};

use super::documents::{Documents, Position};

const ARRAY_KEYWORDS: [&str; 6] =
    ["items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"];
const OBJECT_KEYWORDS: [&str; 8] = [
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "dependencies",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
];
const NUMBER_KEYWORDS: [&str; 5] =
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const STRING_KEYWORDS: [&str; 4] = ["minLength", "maxLength", "pattern", "format"];
const CONDITIONAL_KEYWORDS: [&str; 3] = ["if", "then", "else"];

/// How many parts of a combination must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Criterion {
    All,
    Any,
    One,
}

/// What a schema is.
#[derive(Clone, Debug)]
pub(super) enum Shape<'a> {
    Boolean,
    Number {
        is_integer: bool,
    },
    String {
        has_format: bool,
    },
    Null,
    /// Listed values.
    Enum(Vec<&'a Node>),
    /// One value.
    Const(&'a Node),
    Combined(Criterion, Vec<View<'a>>),
    /// An array with the schema of its elements.
    Array(Option<Position<'a>>),
    Object(ObjectShape<'a>),
    Reference(&'a str),
    /// Anything goes.
    Empty,
    /// Nothing that Connect has a schema for: the name of the original's class.
    Unsupported(&'static str),
}

/// What a schema says about objects.
#[derive(Clone, Debug)]
pub(super) struct ObjectShape<'a> {
    /// The object that lists the properties.
    pub(super) properties: Vec<(&'a str, Position<'a>)>,
    /// Properties that must be there.
    pub(super) required: Vec<&'a str>,
    /// Schema of properties that are not listed.
    pub(super) additional: Option<Position<'a>>,
}

/// A schema with its title and so on.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub(super) shape: Shape<'a>,
    /// Where it stands; for a part of a combination of keywords, where the combination stands.
    pub(super) position: Position<'a>,
    /// The object that has the title and the rest; a part of a combination has none.
    common: Option<&'a Node>,
}

impl<'a> View<'a> {
    /// Looks at a part of a document.
    ///
    /// # Errors
    /// `Record` when it is no schema.
    pub(super) fn of(position: Position<'a>) -> Result<Self> {
        let node = position.node;
        match node {
            Node::Boolean(true) => return Ok(Self::part(Shape::Empty, position)),
            Node::Boolean(false) => {
                return Ok(Self::part(Shape::Unsupported("FalseSchema"), position));
            }
            Node::Object(_) => {}
            other => {
                return Err(bad(format!("Expected a schema but found {}", other.kind())));
            }
        }
        if let Some(reference) = node.member("$ref") {
            let target = reference.text().ok_or_else(|| bad("$ref is no text"))?;
            return Ok(Self { shape: Shape::Reference(target), position, common: Some(node) });
        }
        let mut parts = Extraction { position, node, shapes: Vec::new(), consumed: Vec::new() };
        parts.extract()?;
        let mut shapes = parts.shapes;
        let shape = match (shapes.pop(), shapes.is_empty()) {
            (None, _) => Shape::Empty,
            (Some(shape), true) => shape,
            (Some(last), false) => {
                shapes.push(last);
                let part = |shape| Self::part(shape, position);
                Shape::Combined(Criterion::All, shapes.into_iter().map(part).collect())
            }
        };
        Ok(Self { shape, position, common: Some(node) })
    }

    const fn part(shape: Shape<'a>, position: Position<'a>) -> Self {
        Self { shape, position, common: None }
    }

    /// A keyword beside those that make the shape.
    pub(super) fn keyword(&self, name: &str) -> Option<&'a Node> {
        self.common?.member(name)
    }

    /// Text of a keyword.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.keyword(name)?.text().map(|text| &**text)
    }

    /// Number of a keyword, when it is one of 32 bits.
    pub(super) fn integer(&self, name: &str) -> Option<i32> {
        self.keyword(name)?.integer()?.try_into().ok()
    }

    /// The schema that a reference leads to.
    pub(super) fn referred(&self, documents: &'a Documents, target: &str) -> Result<Position<'a>> {
        documents.resolve(self.position, target).ok_or_else(|| {
            bad(format!("Could not resolve the reference \"{target}\" of a JSON Schema")).hint(
                "Register the schema with the one it refers to among its references: nothing is \
                 fetched from other hosts",
            )
        })
    }
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

struct Extraction<'a> {
    position: Position<'a>,
    node: &'a Node,
    shapes: Vec<Shape<'a>>,
    consumed: Vec<&'static str>,
}

impl<'a> Extraction<'a> {
    fn at(&self, node: &'a Node) -> Position<'a> {
        Position { node, ..self.position }
    }

    fn extract(&mut self) -> Result<()> {
        if let Some(symbols) = self.node.member("enum") {
            let Node::Array(symbols) = symbols else { return Err(bad("enum is no array")) };
            self.shapes.push(Shape::Enum(symbols.iter().collect()));
        }
        // In the order of a hash table of the three names.
        for (keyword, criterion) in
            [("allOf", Criterion::All), ("oneOf", Criterion::One), ("anyOf", Criterion::Any)]
        {
            if let Some(node) = self.node.member(keyword) {
                let Node::Array(parts) = node else {
                    return Err(bad(format!("{keyword} is no array")));
                };
                let views = parts.iter().map(|part| View::of(self.at(part)));
                let shape = Shape::Combined(criterion, views.collect::<Result<_>>()?);
                self.shapes.push(shape);
            }
        }
        if self.node.member("not").is_some() {
            self.shapes.push(Shape::Unsupported("NotSchema"));
        }
        if let Some(value) = self.node.member("const") {
            self.shapes.push(Shape::Const(value));
        }
        if let Some(kind) = self.node.member("type") {
            let shape = self.typed(kind)?;
            self.shapes.push(shape);
        }
        self.sniff()
    }

    fn typed(&mut self, kind: &'a Node) -> Result<Shape<'a>> {
        match kind {
            Node::String(word) => self.explicit(word),
            Node::Array(words) => {
                let mut parts = Vec::with_capacity(words.len());
                for word in words {
                    let word = word.text().ok_or_else(|| bad("A type is no text"))?;
                    parts.push(View::part(self.explicit(word)?, self.position));
                }
                Ok(Shape::Combined(Criterion::Any, parts))
            }
            _ => Err(bad("type is neither a text nor an array")),
        }
    }

    fn explicit(&mut self, word: &str) -> Result<Shape<'a>> {
        Ok(match word {
            "string" => self.string(),
            "integer" => self.number(true),
            "number" => self.number(false),
            "boolean" => Shape::Boolean,
            "null" => Shape::Null,
            "array" => self.array(),
            "object" => self.object()?,
            _ => return Err(bad(format!("unknown type: [{word}]"))),
        })
    }

    /// Shapes that follow from keywords alone.
    fn sniff(&mut self) -> Result<()> {
        if self.has_any(&ARRAY_KEYWORDS) {
            let shape = self.array();
            self.shapes.push(shape);
        }
        if self.has_any(&OBJECT_KEYWORDS) {
            let shape = self.object()?;
            self.shapes.push(shape);
        }
        if self.has_any(&NUMBER_KEYWORDS) {
            let shape = self.number(false);
            self.shapes.push(shape);
        }
        if self.has_any(&STRING_KEYWORDS) {
            let shape = self.string();
            self.shapes.push(shape);
        }
        if self.has_any(&CONDITIONAL_KEYWORDS) {
            self.shapes.push(Shape::Unsupported("ConditionalSchema"));
        }
        Ok(())
    }

    fn has_any(&self, keywords: &[&str]) -> bool {
        keywords
            .iter()
            .any(|word| !self.consumed.contains(word) && self.node.member(word).is_some())
    }

    fn string(&mut self) -> Shape<'a> {
        self.consumed.extend(STRING_KEYWORDS);
        Shape::String { has_format: self.node.member("format").is_some() }
    }

    fn number(&mut self, is_integer: bool) -> Shape<'a> {
        self.consumed.extend(NUMBER_KEYWORDS);
        Shape::Number { is_integer }
    }

    fn array(&mut self) -> Shape<'a> {
        self.consumed.extend(ARRAY_KEYWORDS);
        let items = self.node.member("items").filter(|items| !matches!(items, Node::Array(_)));
        Shape::Array(items.map(|items| self.at(items)))
    }

    fn object(&mut self) -> Result<Shape<'a>> {
        self.consumed.extend(OBJECT_KEYWORDS);
        let properties = match self.node.member("properties") {
            None => Vec::new(),
            Some(Node::Object(members)) => {
                members.iter().map(|(name, node)| (&**name, self.at(node))).collect()
            }
            Some(_) => return Err(bad("properties is no object")),
        };
        let required = match self.node.member("required") {
            Some(Node::Array(names)) => {
                names.iter().filter_map(Node::text).map(|name| &**name).collect()
            }
            _ => Vec::new(),
        };
        let additional = self
            .node
            .member("additionalProperties")
            .filter(|node| matches!(node, Node::Object(_)))
            .map(|node| self.at(node));
        Ok(Shape::Object(ObjectShape { properties, required, additional }))
    }
}
