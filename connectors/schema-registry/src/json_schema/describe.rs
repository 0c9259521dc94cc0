//! Connect schemas as JSON Schema.
//!
//! Parts come in the order in which the original's library prints them, its hash tables included.
//! Source: confluentinc/schema-registry `JsonSchemaData.rawSchemaFromConnectSchema`, everit-org
//! `ToStringVisitor`, stleary `JSONObject`.

use std::collections::HashSet;

use bytestring::ByteString;
use connect_api::{
    error::{ConnectorError, Result},
    json::Node,
    schema::{Schema, Type, logical},
};

use super::{
    JsonSchemaOptions,
    names::{
        CONNECT_INDEX, CONNECT_PARAMETERS, CONNECT_TYPE, CONNECT_VERSION, ENUM, GENERALIZED_ENUM,
        JSON_ID, NAMESPACE, NULL_MARKER, is_union,
    },
    write::default_node,
};
use crate::java_hash::{DEFAULT_CAPACITY, copied_capacity, hash_order};

/// Deepest nesting of a schema.
const MAX_DEPTH: usize = 200;

type Members = Vec<(ByteString, Node)>;

/// The JSON Schema of a Connect schema.
///
/// # Errors
/// `Record` when a default does not fit its schema or the nesting is too deep.
pub(super) fn describe(options: &JsonSchemaOptions, schema: &Schema) -> Result<Node> {
    Describer { options, ids: HashSet::new(), depth: 0 }.schema(schema, Place::default())
}

/// Where a schema stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Number of the field.
    index: Option<usize>,
    /// Whether something around it says already that null is allowed, or must not be.
    is_optional_said: bool,
}

struct Describer<'a> {
    options: &'a JsonSchemaOptions,
    /// Ids of the schemas that were described: a second time they are referred to.
    ids: HashSet<String>,
    depth: usize,
}

/// Parts of a description, in the order they are printed.
#[derive(Default)]
struct Parts {
    before: Members,
    common: Members,
    unprocessed: Members,
    after: Members,
    is_combined: bool,
}

impl Parts {
    fn into_node(self) -> Node {
        let mut unprocessed = self.unprocessed;
        hash_order(&mut unprocessed, DEFAULT_CAPACITY, |(name, _)| name);
        let copied = copied_capacity(unprocessed.len());
        hash_order(&mut unprocessed, copied, |(name, _)| name);
        let Self { mut before, common, after, .. } = self;
        before.extend(common.into_iter().chain(unprocessed).chain(after));
        Node::Object(before)
    }

    fn one_of(choices: Vec<Node>) -> Self {
        Self {
            after: vec![("oneOf".into(), Node::Array(choices))],
            is_combined: true,
            ..Self::default()
        }
    }
}

fn text(text: &str) -> Node {
    Node::String(text.into())
}

fn number(number: impl ToString) -> Node {
    Node::Number(number.to_string().into(), true)
}

fn null_schema() -> Node {
    Node::Object(vec![("type".into(), text("null"))])
}

fn id_of(schema: &Schema) -> Option<&str> {
    schema.parameters().get(JSON_ID)
}

impl Describer<'_> {
    fn schema(&mut self, schema: &Schema, place: Place) -> Result<Node> {
        if self.depth == MAX_DEPTH {
            return Err(ConnectorError::record("The schema is nested too deeply for JSON Schema")
                .hint("Flatten the record"));
        }
        self.depth += 1;
        let described = self.described(schema, place);
        self.depth -= 1;
        described
    }

    fn described(&mut self, schema: &Schema, place: Place) -> Result<Node> {
        if let Some(id) = id_of(schema) {
            self.ids.insert(id.to_owned());
        }
        let mut parts = self.parts(schema, place)?;
        if !parts.is_combined {
            self.add_common(&mut parts, schema)?;
            if schema.is_optional() && !place.is_optional_said {
                parts = Parts::one_of(vec![null_schema(), parts.into_node()]);
            }
        }
        if let Some(id) = id_of(schema) {
            parts.common.push(("id".into(), text(id)));
        }
        if let Some(index) = place.index {
            parts.unprocessed.push((CONNECT_INDEX.into(), number(index)));
        }
        Ok(parts.into_node())
    }

    fn add_common(&self, parts: &mut Parts, schema: &Schema) -> Result<()> {
        let common = &mut parts.common;
        common.extend(schema.name().map(|name| ("title".into(), text(name))));
        common.extend(schema.doc().map(|doc| ("description".into(), text(doc))));
        if schema.default_value().is_some_and(|default| !default.is_null()) {
            common.push(("default".into(), default_node(self.options, schema)?));
        }
        let unprocessed = &mut parts.unprocessed;
        unprocessed.extend(schema.version().map(|of| (CONNECT_VERSION.into(), number(of))));
        let mut parameters: Members = schema
            .parameters()
            .iter()
            .filter(|(name, _)| !name.starts_with(NAMESPACE))
            .map(|(name, value)| (name.into(), text(value)))
            .collect();
        if !parameters.is_empty() {
            let count = parameters.len();
            hash_order(&mut parameters, DEFAULT_CAPACITY, |(name, _)| name);
            hash_order(&mut parameters, count, |(name, _)| name);
            unprocessed.push((CONNECT_PARAMETERS.into(), Node::Object(parameters)));
        }
        Ok(())
    }

    fn parts(&mut self, schema: &Schema, place: Place) -> Result<Parts> {
        let mut parts = Parts::default();
        let (kind, connect) = match schema.kind() {
            Type::Int8 => ("integer", Some("int8")),
            Type::Int16 => ("integer", Some("int16")),
            Type::Int32 => ("integer", Some("int32")),
            Type::Int64 => ("integer", Some("int64")),
            Type::Float32 => ("number", Some("float32")),
            Type::Float64 => ("number", Some("float64")),
            Type::Boolean => {
                parts.after.push(("type".into(), text("boolean")));
                return Ok(parts);
            }
            Type::String => {
                if let Some(symbols) = self.symbols(schema) {
                    parts.before.push(("enum".into(), Node::Array(symbols)));
                    return Ok(parts);
                }
                ("string", None)
            }
            Type::Bytes if self.options.is_decimal_numeric && is_decimal(schema) => {
                ("number", Some("bytes"))
            }
            Type::Bytes => ("string", Some("bytes")),
            Type::Array => return self.array(schema),
            Type::Map => return self.map(schema),
            Type::Struct => return self.record(schema, place),
        };
        parts.before.push(("type".into(), text(kind)));
        parts.unprocessed.extend(connect.map(|of| (CONNECT_TYPE.into(), text(of))));
        Ok(parts)
    }

    /// Symbols of an enum; none when the schema is a plain string.
    fn symbols(&self, schema: &Schema) -> Option<Vec<Node>> {
        let parameters = schema.parameters();
        if !parameters.contains(GENERALIZED_ENUM) && !parameters.contains(ENUM) {
            return None;
        }
        let parameter = if self.options.is_sum_type_general { GENERALIZED_ENUM } else { ENUM };
        let of = |name: &str| Some(name.strip_prefix(parameter)?.strip_prefix('.')?.to_owned());
        let mut symbols: Vec<String> = parameters.iter().filter_map(|(name, _)| of(name)).collect();
        // Null has the hash code 0, as the empty text.
        let key = |symbol: &str| symbol == NULL_MARKER;
        hash_order(&mut symbols, DEFAULT_CAPACITY, |name| if key(name) { "" } else { name });
        let node = |symbol: String| if key(&symbol) { Node::Null } else { text(&symbol) };
        Some(symbols.into_iter().map(node).collect())
    }

    /// A reference when the schema was described before, the description otherwise.
    fn described_or_referred(&mut self, schema: &Schema, index: Option<usize>) -> Result<Node> {
        match id_of(schema) {
            Some(id) if self.ids.contains(id) => Ok(Node::Object(vec![("$ref".into(), text(id))])),
            _ => self.schema(schema, Place { index, ..Place::default() }),
        }
    }

    fn array(&mut self, schema: &Schema) -> Result<Parts> {
        let Some(elements) = schema.value_schema() else {
            return Err(ConnectorError::record("Array schema did not specify the items type"));
        };
        let items = self.described_or_referred(elements, None)?;
        Ok(Parts {
            before: vec![("type".into(), text("array"))],
            after: vec![("items".into(), items)],
            ..Parts::default()
        })
    }

    /// An object when the keys are texts, and an array of entries otherwise.
    fn map(&mut self, schema: &Schema) -> Result<Parts> {
        let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
            return Err(ConnectorError::record("Map schema did not specify the key type"));
        };
        let unprocessed = vec![(CONNECT_TYPE.into(), text("map"))];
        if keys.kind() == Type::String && !keys.is_optional() {
            let values = self.schema(values, Place::default())?;
            return Ok(Parts {
                before: vec![("type".into(), text("object"))],
                unprocessed,
                after: vec![("additionalProperties".into(), values)],
                ..Parts::default()
            });
        }
        let key = self.schema(keys, Place { index: Some(0), ..Place::default() })?;
        let value = self.schema(values, Place { index: Some(1), ..Place::default() })?;
        let mut properties = vec![("key".into(), key), ("value".into(), value)];
        hash_order(&mut properties, DEFAULT_CAPACITY, |(name, _): &(ByteString, _)| name);
        let entry = Node::Object(vec![
            ("type".into(), text("object")),
            ("properties".into(), Node::Object(properties)),
        ]);
        Ok(Parts {
            before: vec![("type".into(), text("array"))],
            unprocessed,
            after: vec![("items".into(), entry)],
            ..Parts::default()
        })
    }

    fn record(&mut self, schema: &Schema, place: Place) -> Result<Parts> {
        if is_union(schema) {
            return self.union(schema, place);
        }
        if schema.is_optional() && !place.is_optional_said {
            // The name and so on belong to the object, not to the choice.
            let object = self.schema(schema, Place { index: None, is_optional_said: true })?;
            return Ok(Parts::one_of(vec![null_schema(), object]));
        }
        let mut properties: Members = Vec::with_capacity(schema.fields().len());
        for (index, field) in schema.fields().iter().enumerate() {
            let described = self.described_or_referred(&field.schema, Some(index))?;
            properties.push((field.name.as_ref().into(), described));
        }
        hash_order(&mut properties, DEFAULT_CAPACITY, |(name, _)| name);
        let mut parts = Parts::default();
        parts.before.push(("type".into(), text("object")));
        if !self.options.has_additional_properties {
            parts.before.push(("additionalProperties".into(), Node::Boolean(false)));
        }
        if !properties.is_empty() {
            parts.after.push(("properties".into(), Node::Object(properties)));
        }
        Ok(parts)
    }

    fn union(&mut self, schema: &Schema, place: Place) -> Result<Parts> {
        let mut choices = Vec::with_capacity(schema.fields().len() + 1);
        if schema.is_optional() && !place.is_optional_said {
            choices.push(null_schema());
        }
        for (index, field) in schema.fields().iter().enumerate() {
            let place = Place { index: Some(index), is_optional_said: true };
            choices.push(self.schema(&field.schema, place)?);
        }
        Ok(Parts::one_of(choices))
    }
}

fn is_decimal(schema: &Schema) -> bool {
    schema.name() == Some(logical::DECIMAL)
}
