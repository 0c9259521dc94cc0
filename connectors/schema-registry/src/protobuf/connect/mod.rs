//! Messages as Connect schemas, with the plan to read them.
//!
//! Source: confluentinc/schema-registry `ProtobufData.toConnectSchema`.

mod types;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Schema, Type},
    value::{Struct, Value},
};
use prost_reflect::{Cardinality, FieldDescriptor, MessageDescriptor, OneofDescriptor, Syntax};

use super::{
    file::SchemaFile,
    names::{GENERALIZED_UNION, TAG, UNION_PREFIX, VARIANT, VARIANT_MESSAGE, WRAPPER},
    options::ProtobufOptions,
    plan::{FieldPlan, Kind, MessagePlan, Scalar, Shape, Target},
    read_types::{default_of, wrapped, zero},
};

/// Most fields of all the structs in a schema: messages in messages could make it any number.
const MOST_FIELDS: usize = 50_000;

/// Deepest nesting of messages.
const MAX_DEPTH: usize = 64;

/// How records of a message are read.
#[derive(Debug)]
pub(super) enum Reading {
    /// As structs.
    Message(Arc<MessagePlan>),
    /// As the value in a wrapper.
    Wrapper(Scalar),
}

/// The oneofs of a message that were written as such, in their order.
fn real_oneofs(message: &MessageDescriptor) -> Vec<OneofDescriptor> {
    let mut oneofs: Vec<_> = message.oneofs().filter(|oneof| !oneof.is_synthetic()).collect();
    oneofs.sort_by_key(|oneof| oneof.path().last().copied());
    oneofs
}

/// The Connect schema of a message, with its plan.
///
/// # Errors
/// `Record` when Connect has no schema for it.
pub(super) fn read_message(
    options: &ProtobufOptions,
    file: &SchemaFile,
    message: &MessageDescriptor,
    version: Option<i32>,
) -> Result<(Arc<Schema>, Reading)> {
    let versioned = |schema: Schema| match version {
        Some(version) => schema.versioned(version),
        None => schema,
    };
    if options.has_wrapper_for_raw_primitives
        && let Some((kind, scalar)) = wrapped(message)
    {
        return Ok((Arc::new(versioned(Schema::new(kind))), Reading::Wrapper(scalar)));
    }
    let mut reader =
        Reader { options, file, open: HashSet::new(), known: HashMap::new(), fields: 0 };
    let read = reader.message(message)?;
    Ok((Arc::new(versioned((*read.schema).clone())), Reading::Message(read.plan)))
}

struct Reader<'a> {
    options: &'a ProtobufOptions,
    file: &'a SchemaFile,
    open: HashSet<String>,
    known: HashMap<String, Message>,
    fields: usize,
}

/// A message that was read.
#[derive(Clone)]
struct Message {
    schema: Arc<Schema>,
    plan: Arc<MessagePlan>,
    /// Fields of it and of all messages in it.
    fields: usize,
}

/// A field's schema before it has its number.
struct Described {
    schema: Schema,
    kind: Kind,
    shape: Shape,
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

impl Reader<'_> {
    fn message(&mut self, message: &MessageDescriptor) -> Result<Message> {
        let name = message.full_name();
        if let Some(known) = self.known.get(name).cloned() {
            self.count(known.fields)?;
            return Ok(known);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(bad("The Protobuf schema is nested too deeply"));
        }
        if !self.open.insert(name.to_owned()) {
            return Err(bad(format!("The Protobuf message {name} holds itself")).hint(
                "A Connect schema has an end: make the inner message bytes, or use another converter",
            ));
        }
        let before = self.fields;
        let (schema, plan) = self.fields_of(message)?;
        self.open.remove(name);
        let (schema, plan) = (Arc::new(schema), Arc::new(plan));
        let read = Message { schema, plan, fields: self.fields - before };
        self.known.insert(name.to_owned(), read.clone());
        Ok(read)
    }

    fn count(&mut self, fields: usize) -> Result<()> {
        self.fields = self.fields.saturating_add(fields);
        if self.fields > MOST_FIELDS {
            return Err(bad(format!("The Protobuf schema has more than {MOST_FIELDS} fields")));
        }
        Ok(())
    }

    fn named<'n>(&self, name: &'n str, full_name: &'n str) -> &'n str {
        if self.options.has_full_names { full_name } else { name }
    }

    fn fields_of(&mut self, message: &MessageDescriptor) -> Result<(Schema, MessagePlan)> {
        let name = match message.full_name() {
            VARIANT_MESSAGE => VARIANT,
            full => self.named(message.name(), full),
        };
        let mut schema = Schema::new(Type::Struct).named(name);
        let mut plans = Vec::new();
        let oneofs = real_oneofs(message);
        for (index, oneof) in oneofs.iter().enumerate() {
            schema = self.oneof(schema, &mut plans, index, oneof)?;
        }
        // In the order they are written in, which is not that of their numbers.
        let mut fields: Vec<_> = message.fields().filter(|it| real_oneof(it).is_none()).collect();
        fields.sort_by_key(|field| field.path().last().copied());
        for field in fields {
            let place = schema.fields().len();
            let described = self.field(&field, false)?;
            let (read, plan) = self.finished(&field, described, None, Target::Field(place))?;
            schema = schema.field(field.name(), read);
            plans.push(plan);
        }
        plans.sort_by_key(|plan: &FieldPlan| plan.number);
        Ok((schema, MessagePlan { fields: plans, oneofs: oneofs.len() }))
    }

    fn oneof(
        &mut self,
        mut schema: Schema,
        plans: &mut Vec<FieldPlan>,
        index: usize,
        oneof: &OneofDescriptor,
    ) -> Result<Schema> {
        let mut members: Vec<_> = oneof.fields().collect();
        members.sort_by_key(|field| field.path().last().copied());
        if self.options.is_union_flattened {
            for field in members {
                let target = Target::Field(schema.fields().len());
                let described = self.field(&field, true)?;
                let (read, plan) = self.finished(&field, described, Some(index), target)?;
                schema = schema.field(field.name(), read);
                plans.push(plan);
            }
            return Ok(schema);
        }
        let mut union = Schema::new(Type::Struct).optional();
        union = if self.options.is_sum_type_general {
            union.named(oneof.name()).parameter(GENERALIZED_UNION, oneof.name())
        } else {
            let name = self.named(oneof.name(), oneof.full_name());
            union.named(format!("{UNION_PREFIX}{name}"))
        };
        let mut read = Vec::with_capacity(members.len());
        for field in members {
            let described = self.field(&field, true)?;
            let (schema, plan) =
                self.finished(&field, described, Some(index), Target::Field(read.len()))?;
            union = union.field(field.name(), schema);
            read.push(plan);
        }
        let union = Arc::new(union);
        let place = schema.fields().len();
        plans.extend(read.into_iter().enumerate().map(|(inner, plan)| FieldPlan {
            target: Target::Union { field: place, schema: Arc::clone(&union), place: inner },
            ..plan
        }));
        let name = oneof.name();
        let name = if self.options.has_index_for_unions {
            format!("{name}_{index}")
        } else {
            name.to_owned()
        };
        Ok(schema.field(name, union))
    }

    /// Adds what every field's schema has, and what the field is when it is not there.
    fn finished(
        &mut self,
        field: &FieldDescriptor,
        described: Described,
        oneof: Option<usize>,
        target: Target,
    ) -> Result<(Arc<Schema>, FieldPlan)> {
        self.count(1)?;
        let Described { schema, kind, shape } = described;
        let schema = Arc::new(schema.parameter(TAG, field.number().to_string()));
        let absent = if oneof.is_some() {
            Some(Value::Null)
        } else {
            self.absent(field, &schema, &kind, shape)
        };
        let plan = FieldPlan {
            number: field.number(),
            name: field.name().into(),
            kind: rooted(kind, &schema, shape),
            shape,
            oneof,
            target,
            absent,
        };
        Ok((schema, plan))
    }

    fn absent(
        &self,
        field: &FieldDescriptor,
        schema: &Schema,
        kind: &Kind,
        shape: Shape,
    ) -> Option<Value> {
        match (shape, kind) {
            (Shape::Repeated, _) => Some(Value::Array(Vec::new())),
            (Shape::Map, _) => Some(Value::Map(connect_api::value::Map::new(Vec::new()))),
            _ if field.cardinality() == Cardinality::Required => None,
            (_, Kind::Scalar(_)) if self.is_optional(field) => Some(Value::Null),
            (_, Kind::Scalar(scalar)) => Some(default_of(field, scalar)),
            _ if !self.options.is_struct_made_for_nulls => Some(Value::Null),
            (_, Kind::Message(_, plan)) => {
                let values = plan
                    .fields
                    .iter()
                    .filter_map(|field| match field.target {
                        Target::Field(place) => Some((place, field.absent.clone()?)),
                        Target::Union { .. } => None,
                    })
                    .collect();
                Some(Value::Struct(placed(Arc::new(schema.clone()), values)))
            }
            (_, Kind::Wrapper(scalar)) => Some(zero(scalar)),
            (_, Kind::Timestamp) => Some(Value::Timestamp(0)),
            (_, Kind::Time) => Some(Value::Time(0)),
            // A date and a decimal have no value of zeros.
            (_, Kind::Date | Kind::Decimal) => Some(Value::Null),
        }
    }

    /// Whether the field is left out rather than its default.
    fn is_optional(&self, field: &FieldDescriptor) -> bool {
        field.field_descriptor_proto().proto3_optional()
            || (self.options.has_optional_for_proto2 && has_optional_label(field))
    }

    fn field(&mut self, field: &FieldDescriptor, is_member: bool) -> Result<Described> {
        let Described { mut schema, kind, mut shape } = self.typed(field)?;
        if shape != Shape::Map && field.is_list() {
            schema = Schema::array(schema.optional()).optional();
            shape = Shape::Repeated;
        }
        if is_member {
            schema = schema.optional();
            if let (true, Kind::Wrapper(_)) = (self.options.has_wrapper_for_nullables, &kind) {
                schema = schema.parameter(WRAPPER, "true");
            }
        } else if self.options.has_optional_for_nullables {
            if has_optional_label(field) {
                schema = schema.optional();
            }
        } else if !self.options.has_wrapper_for_nullables {
            schema = schema.optional();
        }
        Ok(Described { schema, kind, shape })
    }
}

/// A message's struct has the schema of the field it is in.
fn rooted(kind: Kind, schema: &Arc<Schema>, shape: Shape) -> Kind {
    let schema = match shape {
        Shape::Single => Some(schema),
        Shape::Repeated => schema.value_schema(),
        Shape::Map => None,
    };
    match (kind, schema) {
        (Kind::Message(_, plan), Some(schema)) => Kind::Message(Arc::clone(schema), plan),
        (kind, _) => kind,
    }
}

fn real_oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

fn has_optional_label(field: &FieldDescriptor) -> bool {
    field.field_descriptor_proto().proto3_optional()
        || (field.parent_file().syntax() == Syntax::Proto2
            && field.cardinality() == Cardinality::Optional
            && field.containing_oneof().is_none())
}

/// A struct with these values at their places.
pub(super) fn placed(schema: Arc<Schema>, values: Vec<(usize, Value)>) -> Struct {
    let mut all = vec![Value::Null; schema.fields().len()];
    for (place, value) in values {
        if let Some(slot) = all.get_mut(place) {
            *slot = value;
        }
    }
    Struct::new(schema, all)
}
