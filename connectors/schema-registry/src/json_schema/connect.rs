//! JSON Schema as Connect schemas.
//!
//! Source: confluentinc/schema-registry `JsonSchemaData.toConnectSchema`.

use std::{collections::BTreeMap, ptr, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    json::Node,
    schema::{Schema, Type},
};

use super::{
    JsonSchemaOptions,
    documents::{Documents, Position},
    names::{
        CONNECT_INDEX, CONNECT_PARAMETERS, CONNECT_TYPE, CONNECT_VERSION, ENUM, GENERALIZED_ENUM,
        GENERALIZED_UNION, GENERALIZED_UNION_PREFIX, NULL_MARKER, ONE_OF, union_field,
    },
    view::{Criterion, ObjectShape, Shape, View},
    write::write_node,
};
use crate::java_hash::{DEFAULT_CAPACITY, hash_order};

/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 200;

/// Most schemas that one document becomes: references to references could make it any number.
const MOST_SCHEMAS: usize = 50_000;

/// The Connect schema of a document.
///
/// # Errors
/// `Record` when it is no JSON Schema, or one that Connect has no schema for.
pub(super) fn connect_schema(
    options: &JsonSchemaOptions,
    documents: &Documents,
    version: Option<i32>,
) -> Result<Arc<Schema>> {
    let mut reader = SchemaReader { options, documents, unions: 0, schemas: 0, open: Vec::new() };
    reader.position(documents.root(), version, false)
}

struct SchemaReader<'a> {
    options: &'a JsonSchemaOptions,
    documents: &'a Documents,
    unions: usize,
    schemas: usize,
    /// Parts that are being read: one that meets itself has no end.
    open: Vec<*const Node>,
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

fn unsupported(class: &str) -> ConnectorError {
    bad(format!("Unsupported schema type {class}"))
}

impl<'a> SchemaReader<'a> {
    fn position(
        &mut self,
        position: Position<'a>,
        version: Option<i32>,
        is_optional: bool,
    ) -> Result<Arc<Schema>> {
        self.view(&View::of(position)?, version, is_optional)
    }

    /// Reads a part, and refuses one that holds itself.
    fn view(
        &mut self,
        view: &View<'a>,
        version: Option<i32>,
        is_optional: bool,
    ) -> Result<Arc<Schema>> {
        self.schemas += 1;
        if self.schemas > MOST_SCHEMAS {
            return Err(bad(format!("The JSON Schema has more than {MOST_SCHEMAS} parts")));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(bad("The JSON Schema is nested too deeply"));
        }
        if let Shape::Reference(target) = view.shape {
            let referred = view.referred(self.documents, target)?;
            if self.open.iter().any(|open| ptr::eq(*open, referred.node)) {
                return Err(recursive(target));
            }
            self.open.push(ptr::from_ref(view.position.node));
            let schema = self.position(referred, version, is_optional);
            self.open.pop();
            return schema;
        }
        self.open.push(ptr::from_ref(view.position.node));
        let schema = self.shaped(view, version, is_optional);
        self.open.pop();
        schema
    }

    fn shaped(
        &mut self,
        view: &View<'a>,
        version: Option<i32>,
        is_optional: bool,
    ) -> Result<Arc<Schema>> {
        let schema = match &view.shape {
            Shape::Combined(criterion, parts) => {
                match self.combined(*criterion, parts, version, is_optional)? {
                    Combination::Done(schema) => return Ok(schema),
                    Combination::Union(schema) => schema,
                }
            }
            Shape::Boolean => Schema::new(Type::Boolean),
            Shape::Number { is_integer } => Schema::new(number_type(view, *is_integer)?),
            Shape::String { .. } if view.text(CONNECT_TYPE) == Some("bytes") => {
                Schema::new(Type::Bytes)
            }
            Shape::String { .. } => Schema::new(Type::String),
            Shape::Enum(symbols) => self.symbols(symbols),
            Shape::Const(symbol) => self.symbols(&[*symbol]),
            Shape::Array(items) => self.array(view, *items)?,
            Shape::Object(object) => self.object(view, object)?,
            Shape::Empty => {
                return Err(unsupported("org.everit.json.schema.EmptySchema").hint(
                    "Give every part of the schema a type: a value of any type has no schema",
                ));
            }
            Shape::Null => return Err(unsupported("org.everit.json.schema.NullSchema")),
            Shape::Unsupported(class) => {
                return Err(unsupported(&format!("org.everit.json.schema.{class}")));
            }
            // Followed before.
            Shape::Reference(target) => return Err(recursive(target)),
        };
        self.finished(schema, view, version, is_optional)
    }

    /// Adds what is said beside the type.
    fn finished(
        &self,
        mut schema: Schema,
        view: &View<'a>,
        version: Option<i32>,
        is_optional: bool,
    ) -> Result<Arc<Schema>> {
        if let (Some(title), None) = (view.text("title"), schema.name()) {
            schema = schema.named(title);
        }
        if let Some(version) = view.integer(CONNECT_VERSION).or(version) {
            schema = schema.versioned(version);
        }
        if let Some(doc) = view.text("description") {
            schema = schema.documented(doc);
        }
        if let Some(Node::Object(parameters)) = view.keyword(CONNECT_PARAMETERS) {
            for (name, value) in parameters {
                schema = schema.parameter(&**name, printed(value));
            }
        }
        if let Some(default) = view.keyword("default").filter(|node| **node != Node::Null) {
            let text = json(default).into();
            let default = self.options.read(&Arc::new(schema.clone()), &text)?;
            schema = schema.with_default(default);
        }
        Ok(Arc::new(if is_optional { schema.optional() } else { schema }))
    }

    fn symbols(&self, symbols: &[&Node]) -> Schema {
        let is_general = self.options.is_sum_type_general;
        let parameter = if is_general { GENERALIZED_ENUM } else { ENUM };
        let start = Schema::new(Type::String).parameter(parameter, "");
        symbols.iter().enumerate().fold(start, |schema, (place, node)| {
            let symbol = if **node == Node::Null { NULL_MARKER.to_owned() } else { printed(node) };
            let name = format!("{parameter}.{symbol}");
            schema.parameter(name, if is_general { place.to_string() } else { symbol })
        })
    }

    fn array(&mut self, view: &View<'a>, items: Option<Position<'a>>) -> Result<Schema> {
        let items = items.ok_or_else(|| bad("Array schema did not specify the items type"))?;
        let elements = View::of(items)?;
        if view.text(CONNECT_TYPE) == Some("map")
            && let Shape::Object(entry) = &elements.shape
        {
            let part = |name| entry.properties.iter().find(|(known, _)| *known == name);
            let (Some((_, key)), Some((_, value))) = (part("key"), part("value")) else {
                return Err(bad("The entry of a map has no key or no value"));
            };
            let keys = self.position(*key, None, false)?;
            let values = self.position(*value, None, false)?;
            return Ok(Schema::map(keys, values));
        }
        Ok(Schema::array(self.view(&elements, None, false)?))
    }

    fn object(&mut self, view: &View<'a>, object: &ObjectShape<'a>) -> Result<Schema> {
        if view.text(CONNECT_TYPE) == Some("map") {
            let values = object
                .additional
                .ok_or_else(|| bad("The map does not specify the schema of its values"))?;
            return Ok(Schema::map(Schema::string(), self.position(values, None, false)?));
        }
        let mut properties = object.properties.clone();
        hash_order(&mut properties, DEFAULT_CAPACITY, |(name, _)| name);
        let mut placed = BTreeMap::new();
        for (sequence, (name, position)) in properties.into_iter().enumerate() {
            let view = View::of(position)?;
            let index = view
                .integer(CONNECT_INDEX)
                .map_or_else(|| i64::try_from(sequence).unwrap_or(i64::MAX), i64::from);
            placed.insert((index, sequence), (name, view));
        }
        let mut schema = Schema::new(Type::Struct);
        for (name, view) in placed.into_values() {
            let is_optional =
                self.options.is_optional_unless_required && !object.required.contains(&name);
            schema = schema.field(name, self.view(&view, None, is_optional)?);
        }
        Ok(schema)
    }

    fn combined(
        &mut self,
        criterion: Criterion,
        parts: &[View<'a>],
        version: Option<i32>,
        is_optional: bool,
    ) -> Result<Combination> {
        if let ([only], true) = (parts, self.options.is_singleton_flattened) {
            return self.view(only, None, false).map(Combination::Done);
        }
        if criterion == Criterion::All {
            return self.all(parts, version, is_optional).map(Combination::Done);
        }
        let is_general = self.options.is_sum_type_general;
        let name = if is_general {
            format!("{GENERALIZED_UNION_PREFIX}{}", self.unions)
        } else {
            ONE_OF.to_owned()
        };
        self.unions += usize::from(is_general);
        let is_null = |view: &View<'_>| matches!(view.shape, Shape::Null);
        if let [left, right] = parts
            && (is_null(left) || is_null(right))
        {
            let other = if is_null(left) { right } else { left };
            return self.view(other, version, true).map(Combination::Done);
        }
        let mut schema = Schema::new(Type::Struct).named(name.as_str());
        if is_general {
            schema = schema.parameter(GENERALIZED_UNION, name);
        }
        for part in parts {
            if is_null(part) {
                schema = schema.optional();
            } else {
                let field = union_field(is_general, schema.fields().len());
                schema = schema.field(field, self.view(part, None, true)?);
            }
        }
        Ok(Combination::Union(schema))
    }

    /// Parts that must all hold: an object of all their properties, or the part that says most.
    fn all(
        &mut self,
        parts: &[View<'a>],
        version: Option<i32>,
        is_optional: bool,
    ) -> Result<Arc<Schema>> {
        let mut collected = Collected::default();
        for part in parts {
            self.collect(part, &mut collected)?;
        }
        if !collected.properties.is_empty() {
            let mut schema = Schema::new(Type::Struct);
            for (name, position, is_required) in collected.properties {
                let is_optional = self.options.is_optional_unless_required && !is_required;
                schema = schema.field(name, self.position(position, None, is_optional)?);
            }
            return Ok(Arc::new(if is_optional { schema.optional() } else { schema }));
        }
        let last = |is_wanted: fn(&Shape<'_>) -> bool| {
            parts.iter().rev().find(|part| is_wanted(&part.shape))
        };
        let string = last(|shape| matches!(shape, Shape::String { .. }));
        let number = last(|shape| matches!(shape, Shape::Number { .. }));
        let formatted =
            string.filter(|part| matches!(part.shape, Shape::String { has_format: true }));
        let chosen = if let Some(combined) = last(|shape| matches!(shape, Shape::Combined(..))) {
            Some(combined)
        } else if last(|shape| matches!(shape, Shape::Const(_))).is_some() {
            string.or(number)
        } else if let Some(symbols) = last(|shape| matches!(shape, Shape::Enum(_))) {
            if string.is_some() { Some(symbols) } else { number }
        } else if formatted.is_some() {
            number.or(string)
        } else {
            last(|shape| matches!(shape, Shape::Reference(_)))
        };
        let chosen = chosen.ok_or_else(|| bad("Unsupported criterion allOf for a JSON Schema"))?;
        self.view(chosen, version, is_optional)
    }

    fn collect(&mut self, view: &View<'a>, collected: &mut Collected<'a>) -> Result<()> {
        if collected.seen.iter().any(|seen| ptr::eq(*seen, view.position.node))
            && matches!(view.shape, Shape::Reference(_))
        {
            return Ok(());
        }
        if collected.seen.len() == MAX_DEPTH {
            return Err(bad("The JSON Schema combines too many others"));
        }
        match &view.shape {
            Shape::Combined(Criterion::All, parts) => {
                parts.iter().try_for_each(|part| self.collect(part, collected))
            }
            Shape::Object(object) => {
                let mut properties = object.properties.clone();
                hash_order(&mut properties, DEFAULT_CAPACITY, |(name, _)| name);
                for (name, position) in properties {
                    collected.set(name, position, object.required.contains(&name));
                }
                Ok(())
            }
            Shape::Reference(target) => {
                collected.seen.push(ptr::from_ref(view.position.node));
                let referred = View::of(view.referred(self.documents, target)?)?;
                self.collect(&referred, collected)
            }
            _ => Ok(()),
        }
    }
}

/// What a combination becomes.
enum Combination {
    /// A schema that says everything itself.
    Done(Arc<Schema>),
    /// A union, which the combination's title and so on belong to.
    Union(Schema),
}

/// Properties of parts that must all hold.
#[derive(Default)]
struct Collected<'a> {
    properties: Vec<(&'a str, Position<'a>, bool)>,
    seen: Vec<*const Node>,
}

impl<'a> Collected<'a> {
    fn set(&mut self, name: &'a str, position: Position<'a>, is_required: bool) {
        match self.properties.iter_mut().find(|(known, ..)| *known == name) {
            Some(property) => *property = (name, position, is_required),
            None => self.properties.push((name, position, is_required)),
        }
    }
}

fn recursive(target: &str) -> ConnectorError {
    bad(format!("The JSON Schema holds itself, by its reference \"{target}\""))
        .hint("A Connect schema has an end: give the inner object a schema of its own, or use another converter")
}

fn number_type(view: &View<'_>, is_integer: bool) -> Result<Type> {
    Ok(match view.text(CONNECT_TYPE) {
        None if is_integer => Type::Int64,
        None => Type::Float64,
        Some("int8") => Type::Int8,
        Some("int16") => Type::Int16,
        Some("int32") => Type::Int32,
        Some("int64") => Type::Int64,
        Some("float32") => Type::Float32,
        Some("float64") => Type::Float64,
        Some("bytes") => Type::Bytes,
        Some(other) => return Err(bad(format!("Unsupported type {other}"))),
    })
}

/// A text as it is, anything else as its JSON.
fn printed(node: &Node) -> String {
    match node {
        Node::String(text) => text.to_string(),
        other => json(other),
    }
}

fn json(node: &Node) -> String {
    let mut out = Vec::new();
    write_node(&mut out, node);
    String::from_utf8_lossy(&out).into_owned()
}
