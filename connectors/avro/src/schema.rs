//! Avro schemas as a table of types, so that a type may contain itself.
//!
//! Everything that a text says is kept: properties of any type in their order, documentation,
//! aliases, defaults. `apache-avro` drops properties of primitive types, which is where Connect's
//! own types are noted.
//! Source: the Avro specification 1.12, apache/avro `Schema.java`.

use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json};

use super::parse::Parser;

/// Place of a type in its table.
pub type TypeId = usize;

/// A schema: types that name each other by their places.
#[derive(Clone, Debug, Default)]
pub struct AvroSchema {
    types: Vec<AvroType>,
    /// Place of the type that the schema is.
    pub root: TypeId,
}

/// One type.
#[derive(Clone, Debug, PartialEq)]
pub struct AvroType {
    /// What it is.
    pub kind: Kind,
    /// Its properties, in their order.
    pub props: JsonMap<String, Json>,
}

/// What a type is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// No value.
    Null,
    /// True or false.
    Boolean,
    /// A number of 32 bits.
    Int,
    /// A number of 64 bits.
    Long,
    /// A fraction of 32 bits.
    Float,
    /// A fraction of 64 bits.
    Double,
    /// Bytes.
    Bytes,
    /// Text.
    String,
    /// A list, and what its items are.
    Array(TypeId),
    /// Texts with values, and what these are.
    Map(TypeId),
    /// One of several types.
    Union(Vec<TypeId>),
    /// Fields with names.
    Record(Named, Vec<AvroField>),
    /// One of several words, and which one stands for unknown ones.
    Enum(Named, Vec<Arc<str>>, Option<String>),
    /// So many bytes.
    Fixed(Named, usize),
}

/// What types with a name have.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// What stands before its name.
    pub namespace: Option<String>,
    /// Its simple name.
    pub name: String,
    /// Documentation.
    pub doc: Option<String>,
    /// Other names.
    pub aliases: Vec<Json>,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct AvroField {
    /// Its name.
    pub name: String,
    /// Place of its type.
    pub kind: TypeId,
    /// Documentation.
    pub doc: Option<String>,
    /// What stands in where it is missing.
    pub default: Option<Json>,
    /// How it sorts.
    pub order: Option<String>,
    /// Other names.
    pub aliases: Vec<Json>,
    /// Its properties, in their order.
    pub props: JsonMap<String, Json>,
}

impl Named {
    /// The full name, as a text calls the type from anywhere.
    #[must_use]
    pub fn full(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// A name that may be a full one.
    #[must_use]
    pub fn new(full: &str) -> Self {
        let (namespace, name) = match full.rsplit_once('.') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, full),
        };
        let namespace = namespace.filter(|space| !space.is_empty()).map(str::to_owned);
        Self { namespace, name: name.to_owned(), doc: None, aliases: Vec::new() }
    }
}

impl Kind {
    /// The type's word in a schema's text.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(..) => "record",
            Self::Enum(..) => "enum",
            Self::Fixed(..) => "fixed",
        }
    }

    /// The name, of types that have one.
    #[must_use]
    pub const fn named(&self) -> Option<&Named> {
        match self {
            Self::Record(named, _) | Self::Enum(named, ..) | Self::Fixed(named, _) => Some(named),
            _ => None,
        }
    }

    pub(super) fn primitive(word: &str) -> Option<Self> {
        Some(match word {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "bytes" => Self::Bytes,
            "string" => Self::String,
            _ => return None,
        })
    }
}

impl AvroType {
    /// A type without properties.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, props: JsonMap::new() }
    }

    /// A property that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.props.get(name).and_then(Json::as_str)
    }
}

static NULL: Kind = Kind::Null;

impl AvroSchema {
    /// Reads a text; the texts of what it names come first, those that name nothing more before
    /// the others.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str, named: &[(String, Arc<str>)]) -> Result<Self, String> {
        let mut parser = Parser::default();
        for (_, text) in named {
            parser.text(text)?;
        }
        let root = parser.text(text)?;
        Ok(Self { types: parser.types, root })
    }

    /// What the type at a place is; null where there is none.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &Kind {
        self.types.get(id).map_or(&NULL, |found| &found.kind)
    }

    /// The type at a place.
    #[must_use]
    pub fn whole(&self, id: TypeId) -> Option<&AvroType> {
        self.types.get(id)
    }

    /// Puts a type into the table.
    pub fn add(&mut self, kind: AvroType) -> TypeId {
        self.types.push(kind);
        self.types.len() - 1
    }

    /// Takes over the types of another schema, and says where what that one is stands here.
    pub fn nest(&mut self, other: &Self) -> TypeId {
        let shift = self.types.len();
        let shifted = |id: &TypeId| id + shift;
        self.types.extend(other.types.iter().map(|found| {
            let kind = match &found.kind {
                Kind::Array(items) => Kind::Array(shifted(items)),
                Kind::Map(values) => Kind::Map(shifted(values)),
                Kind::Union(branches) => Kind::Union(branches.iter().map(shifted).collect()),
                Kind::Record(named, fields) => {
                    let moved = |field: &AvroField| AvroField {
                        kind: shifted(&field.kind),
                        ..field.clone()
                    };
                    Kind::Record(named.clone(), fields.iter().map(moved).collect())
                }
                other => other.clone(),
            };
            AvroType { kind, props: found.props.clone() }
        }));
        shifted(&other.root)
    }

    pub(super) fn set(&mut self, id: TypeId, kind: AvroType) {
        if let Some(slot) = self.types.get_mut(id) {
            *slot = kind;
        }
    }

    /// Whether two types are alike; documentation does not count, as in Java.
    pub(super) fn is_same(&self, left: TypeId, right: TypeId) -> bool {
        self.are_alike(left, right, &mut Vec::new())
    }

    fn are_alike(&self, left: TypeId, right: TypeId, open: &mut Vec<(TypeId, TypeId)>) -> bool {
        if left == right || open.contains(&(left, right)) {
            return true;
        }
        let (Some(one), Some(other)) = (self.whole(left), self.whole(right)) else { return false };
        let full = |found: &AvroType| found.kind.named().map(Named::full);
        if one.props != other.props || full(one) != full(other) {
            return false;
        }
        open.push((left, right));
        match (&one.kind, &other.kind) {
            (Kind::Array(left), Kind::Array(right)) | (Kind::Map(left), Kind::Map(right)) => {
                self.are_alike(*left, *right, open)
            }
            (Kind::Union(left), Kind::Union(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right)
                        .all(|(left, right)| self.are_alike(*left, *right, open))
            }
            (Kind::Record(_, left), Kind::Record(_, right)) => {
                left.len() == right.len()
                    && left.iter().zip(right).all(|(left, right)| {
                        left.name == right.name
                            && left.default == right.default
                            && left.props == right.props
                            && self.are_alike(left.kind, right.kind, open)
                    })
            }
            (Kind::Enum(_, left, _), Kind::Enum(_, right, _)) => left == right,
            (Kind::Fixed(_, left), Kind::Fixed(_, right)) => left == right,
            (left, right) => left == right,
        }
    }

    /// The full name of the record, enumeration or fixed that the schema is.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.get(self.root).named().map(Named::full)
    }
}
