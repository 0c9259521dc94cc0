//! Avro schemas as a table of types, so that a type may contain itself.
//!
//! Everything that a text says is kept: properties of any type in their order, documentation,
//! aliases, defaults. `apache-avro` drops properties of primitive types, which is where Connect's
//! own types are noted.
//! Source: the Avro specification 1.12, apache/avro `Schema.java`.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map as JsonMap, Value as Json};

/// Members of a type that are not its properties.
const RESERVED: [&str; 10] =
    ["doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"];

/// Members of a field that are not its properties.
const FIELD_RESERVED: [&str; 6] = ["default", "doc", "name", "order", "type", "aliases"];

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

    fn primitive(word: &str) -> Option<Self> {
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

    pub(super) fn add(&mut self, kind: AvroType) -> TypeId {
        self.types.push(kind);
        self.types.len() - 1
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

/// Reads one text after the other into one table.
#[derive(Default)]
struct Parser {
    types: Vec<AvroType>,
    names: HashMap<String, TypeId>,
}

impl Parser {
    fn text(&mut self, text: &str) -> Result<TypeId, String> {
        let text = text.trim();
        let json = match serde_json::from_str(text) {
            Ok(json) => json,
            // A registry may hold the bare name of a primitive type.
            Err(_) if Kind::primitive(text).is_some() => Json::from(text),
            Err(error) => return Err(format!("it is no JSON: {error}")),
        };
        self.any(&json, None)
    }

    /// JSON is never deep enough to exhaust the stack: its parser sees to that.
    fn any(&mut self, json: &Json, space: Option<&str>) -> Result<TypeId, String> {
        match json {
            Json::String(name) => self.reference(name, space),
            Json::Array(branches) => {
                let branches: Result<Vec<_>, _> =
                    branches.iter().map(|branch| self.any(branch, space)).collect();
                let branches = branches?;
                if branches.iter().any(|&id| self.is_union(id)) {
                    return Err("a union stands directly in a union".to_owned());
                }
                Ok(self.add(Kind::Union(branches), None))
            }
            Json::Object(members) => self.object(members, space),
            other => Err(format!("{other} is no schema")),
        }
    }

    fn is_union(&self, id: TypeId) -> bool {
        self.types.get(id).is_some_and(|found| matches!(found.kind, Kind::Union(_)))
    }

    fn reference(&mut self, name: &str, space: Option<&str>) -> Result<TypeId, String> {
        if let Some(kind) = Kind::primitive(name) {
            return Ok(self.add(kind, None));
        }
        let full = match space {
            Some(space) if !name.contains('.') => format!("{space}.{name}"),
            _ => name.to_owned(),
        };
        let known = self.names.get(&full).or_else(|| self.names.get(name));
        known.copied().ok_or_else(|| format!("Undefined name: \"{full}\""))
    }

    fn object(
        &mut self,
        members: &JsonMap<String, Json>,
        space: Option<&str>,
    ) -> Result<TypeId, String> {
        let word = match members.get("type") {
            Some(Json::String(word)) => word.as_str(),
            // A type within a type, with nothing of its own.
            Some(inner @ (Json::Object(_) | Json::Array(_))) => return self.any(inner, space),
            _ => return Err("a schema has no type".to_owned()),
        };
        match word {
            "array" => {
                let items = self.any(member(members, "items")?, space)?;
                Ok(self.add(Kind::Array(items), Some(members)))
            }
            "map" => {
                let values = self.any(member(members, "values")?, space)?;
                Ok(self.add(Kind::Map(values), Some(members)))
            }
            "record" | "error" => self.record(members, space),
            "enum" => self.enumeration(members, space),
            "fixed" => {
                let size = member(members, "size")?.as_u64();
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("the size of a fixed is no size")?;
                let named = named(members, space)?;
                let id = self.add(Kind::Fixed(named.clone(), size), Some(members));
                self.define(&named, id)
            }
            _ => match Kind::primitive(word) {
                Some(kind) => Ok(self.add(kind, Some(members))),
                None => self.reference(word, space),
            },
        }
    }

    fn enumeration(
        &mut self,
        members: &JsonMap<String, Json>,
        space: Option<&str>,
    ) -> Result<TypeId, String> {
        let named = named(members, space)?;
        let symbols = member(members, "symbols")?.as_array().ok_or("symbols are no list")?;
        let symbols: Option<Vec<Arc<str>>> =
            symbols.iter().map(|symbol| symbol.as_str().map(Arc::from)).collect();
        let symbols = symbols.ok_or("a symbol is no text")?;
        let default = members.get("default").and_then(Json::as_str).map(str::to_owned);
        let id = self.add(Kind::Enum(named.clone(), symbols, default), Some(members));
        if let Some(added) = self.types.get_mut(id) {
            added.props.shift_remove("default");
        }
        self.define(&named, id)
    }

    fn record(
        &mut self,
        members: &JsonMap<String, Json>,
        space: Option<&str>,
    ) -> Result<TypeId, String> {
        let named = named(members, space)?;
        // Known before its fields are, which may name it.
        let id = self.add(Kind::Record(named.clone(), Vec::new()), Some(members));
        self.define(&named, id)?;
        let list = member(members, "fields")?.as_array().ok_or("fields are no list")?;
        let mut fields: Vec<AvroField> = Vec::with_capacity(list.len());
        for json in list {
            let field = self.field(json, named.namespace.as_deref())?;
            if fields.iter().any(|known| known.name == field.name) {
                return Err(format!("Duplicate field {} in record {}", field.name, named.full()));
            }
            fields.push(field);
        }
        if let Some(slot) = self.types.get_mut(id) {
            slot.kind = Kind::Record(named, fields);
        }
        Ok(id)
    }

    fn field(&mut self, json: &Json, space: Option<&str>) -> Result<AvroField, String> {
        let members = json.as_object().ok_or("a field is no object")?;
        let name = member(members, "name")?.as_str().ok_or("the name of a field is no text")?;
        Ok(AvroField {
            name: name.to_owned(),
            kind: self.any(member(members, "type")?, space)?,
            doc: members.get("doc").and_then(Json::as_str).map(str::to_owned),
            default: members.get("default").cloned(),
            order: members.get("order").and_then(Json::as_str).map(str::to_owned),
            aliases: aliases(members),
            props: others(members, &FIELD_RESERVED),
        })
    }

    fn add(&mut self, kind: Kind, members: Option<&JsonMap<String, Json>>) -> TypeId {
        let props = members.map(|members| others(members, &RESERVED)).unwrap_or_default();
        self.types.push(AvroType { kind, props });
        self.types.len() - 1
    }

    fn define(&mut self, named: &Named, id: TypeId) -> Result<TypeId, String> {
        match self.names.insert(named.full(), id) {
            None => Ok(id),
            Some(_) => Err(format!("Can't redefine: {}", named.full())),
        }
    }
}

fn member<'a>(members: &'a JsonMap<String, Json>, name: &str) -> Result<&'a Json, String> {
    members.get(name).ok_or_else(|| format!("a schema has no \"{name}\""))
}

fn named(members: &JsonMap<String, Json>, space: Option<&str>) -> Result<Named, String> {
    let name = member(members, "name")?.as_str().ok_or("a name is no text")?;
    let mut named = Named::new(name);
    if named.name.is_empty() {
        return Err("a name is empty".to_owned());
    }
    if !name.contains('.') {
        let own = members.get("namespace").and_then(Json::as_str);
        named.namespace = own.or(space).filter(|space| !space.is_empty()).map(str::to_owned);
    }
    named.doc = members.get("doc").and_then(Json::as_str).map(str::to_owned);
    named.aliases = aliases(members);
    Ok(named)
}

fn aliases(members: &JsonMap<String, Json>) -> Vec<Json> {
    members.get("aliases").and_then(Json::as_array).cloned().unwrap_or_default()
}

fn others(members: &JsonMap<String, Json>, reserved: &[&str]) -> JsonMap<String, Json> {
    let kept = members.iter().filter(|(name, _)| !reserved.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
