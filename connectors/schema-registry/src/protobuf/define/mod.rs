//! Connect schemas as messages, with the way to write them.
//!
//! Source: confluentinc/schema-registry `ProtobufData.fromConnectSchema`.

mod types;

use std::{collections::HashMap, sync::Arc};

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Schema, Type, logical},
};

use super::{
    encode::{FieldWriter, MessageWriter, ValueWriter},
    names::{
        CONNECT_PRECISION, DATE_MESSAGE, DECIMAL_MESSAGE, DEFAULT_NAME, GENERALIZED_UNION,
        PRECISION, SCALE, TAG, TIME_MESSAGE, TIMESTAMP_MESSAGE, UNION_PREFIX, VARIANT,
        VARIANT_MESSAGE, is_union, scrubbed, split_name,
    },
    options::ProtobufOptions,
    print::{FieldText, FileText, MessageText, print},
    written_types::root_wrapper,
};

/// Deepest nesting of messages.
const MAX_DEPTH: usize = 50;

const WRAPPERS_FILE: &str = "google/protobuf/wrappers.proto";

/// How records of a schema are written.
#[derive(Debug)]
pub(super) struct Definition {
    /// Text to register.
    pub(super) text: String,
    /// Full name of the message.
    pub(super) name: String,
    /// Where it is in the text.
    pub(super) indexes: Vec<usize>,
    pub(super) writer: ValueWriter,
}

/// Defines the message of a schema.
///
/// # Errors
/// `Record` when Protobuf has nothing for it.
pub(super) fn define(options: &ProtobufOptions, schema: &Schema) -> Result<Definition> {
    let mut definer = Definer { options, names: 0, imports: Vec::new(), depth: 0 };
    let full_name = definer.named(schema.name());
    let parts: Vec<_> = full_name.split('.').map(|part| definer.scrub(part)).collect();
    let (name, package) = match parts.split_last() {
        Some((name, [])) => (name.clone(), None),
        Some((name, package)) => (name.clone(), Some(package.join("."))),
        None => (full_name, None),
    };
    if schema.kind() != Type::Struct {
        return root_wrapper(schema);
    }
    if is_union(schema) || schema.name() == Some(VARIANT) {
        return Err(bad("A union or a variant cannot be a record of its own in Protobuf")
            .hint("Put it into a struct"));
    }
    let (message, writer) = definer.message(name.clone(), schema)?;
    let name = package.as_ref().map_or(name.clone(), |package| format!("{package}.{name}"));
    let text = print(&FileText { package, imports: definer.imports, message });
    let writer = ValueWriter::Message(Arc::new(writer));
    Ok(Definition { text, name, indexes: vec![0], writer })
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

struct Definer<'a> {
    options: &'a ProtobufOptions,
    /// Names that were made so far.
    names: usize,
    imports: Vec<&'static str>,
    depth: usize,
}

/// A message whose fields are being added.
struct Open {
    text: MessageText,
    /// Messages in it with their schemas.
    structs: HashMap<String, (Arc<Schema>, Arc<MessageWriter>)>,
}

impl Open {
    fn new(name: String) -> Self {
        let text = MessageText { name, ..MessageText::default() };
        Self { text, structs: HashMap::new() }
    }
}

impl Definer<'_> {
    fn scrub(&self, name: &str) -> String {
        if self.options.is_name_scrubbed { scrubbed(name) } else { name.to_owned() }
    }

    fn named(&mut self, name: Option<&str>) -> String {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => {
                self.names += 1;
                format!("{DEFAULT_NAME}{}", self.names)
            }
        }
    }

    fn unqualified(&mut self, name: Option<&str>) -> String {
        let full_name = self.named(name);
        self.scrub(split_name(&full_name).1)
    }

    fn import(&mut self, file: &'static str) {
        if !self.imports.contains(&file) {
            self.imports.push(file);
        }
    }

    fn message(&mut self, name: String, schema: &Schema) -> Result<(MessageText, MessageWriter)> {
        if self.depth == MAX_DEPTH {
            return Err(bad("The schema is nested too deeply for Protobuf")
                .hint("Flatten the record, with the transformation Flatten for example"));
        }
        self.depth += 1;
        let mut open = Open::new(name);
        let mut writers = Vec::with_capacity(schema.fields().len());
        let mut next_tag = 1;
        for (place, field) in schema.fields().iter().enumerate() {
            let tag = match declared_tag(&field.schema)? {
                Some(tag) => tag,
                None => {
                    next_tag += 1;
                    next_tag - 1
                }
            };
            if is_union_field(&field.schema) {
                self.oneof(&mut open, &mut writers, place, &field.schema)?;
                continue;
            }
            let has_label = self.has_optional_label(&field.schema);
            let name = self.scrub(&field.name);
            let (text, writer) =
                self.field(&mut open, &field.schema, FieldText::new(name, tag), false)?;
            let is_text_only = matches!(writer, ValueWriter::Scalar(_)) && !has_label;
            open.text.fields.push(text);
            writers.push(FieldWriter {
                tag,
                place,
                member: None,
                name: Arc::clone(&field.name),
                schema: Arc::clone(&field.schema),
                writer,
                has_presence: !is_text_only,
            });
        }
        self.depth -= 1;
        writers.sort_by_key(|writer: &FieldWriter| writer.tag);
        Ok((open.text, MessageWriter { fields: writers }))
    }

    /// Whether a field says by its label that it may be missing.
    fn has_optional_label(&self, schema: &Schema) -> bool {
        self.options.has_optional_for_nullables
            && schema.is_optional()
            && !matches!(schema.kind(), Type::Array | Type::Map)
    }

    fn oneof(
        &mut self,
        open: &mut Open,
        writers: &mut Vec<FieldWriter>,
        place: usize,
        union: &Schema,
    ) -> Result<()> {
        let name = if self.options.is_sum_type_general {
            union.parameters().get(GENERALIZED_UNION).map(str::to_owned)
        } else {
            let name = union.name().unwrap_or_default();
            Some(name.strip_prefix(UNION_PREFIX).unwrap_or_default().to_owned())
        };
        let name = match name {
            Some(name) if self.options.is_sum_type_general => name,
            Some(name) => self.unqualified(Some(&name)),
            None => return Err(bad("A union has no name")),
        };
        let mut fields = Vec::with_capacity(union.fields().len());
        for (member, field) in union.fields().iter().enumerate() {
            let tag = declared_tag(&field.schema)?.ok_or_else(|| {
                bad(format!("The member \"{}\" of a union has no field number", field.name))
                    .hint("Only unions that came from Protobuf can be written as Protobuf")
            })?;
            let scrubbed = self.scrub(&field.name);
            let (mut text, writer) =
                self.field(open, &field.schema, FieldText::new(scrubbed, tag), true)?;
            text.label = None;
            fields.push(text);
            writers.push(FieldWriter {
                tag,
                place,
                member: Some(member),
                name: Arc::clone(&field.name),
                schema: Arc::clone(&field.schema),
                writer,
                has_presence: true,
            });
        }
        if !fields.is_empty() {
            open.text.oneofs.push((name, fields));
        }
        Ok(())
    }

    fn field(
        &mut self,
        open: &mut Open,
        schema: &Arc<Schema>,
        mut text: FieldText,
        is_member: bool,
    ) -> Result<(FieldText, ValueWriter)> {
        text.label = match schema.kind() {
            Type::Array | Type::Map => Some("repeated"),
            _ if self.has_optional_label(schema) => Some("optional"),
            _ => None,
        };
        let (element, is_list) = match (schema.kind(), schema.value_schema()) {
            (Type::Array, Some(elements)) => (elements, true),
            _ => (schema, false),
        };
        if is_list && matches!(element.kind(), Type::Array | Type::Map) {
            return Err(
                bad("Array cannot be nested").hint("Put the inner list or map into a struct")
            );
        }
        let (type_name, writer) = self.typed(open, element, &mut text, is_member)?;
        text.type_name = type_name;
        let writer = if is_list { ValueWriter::List(Box::new(writer)) } else { writer };
        Ok((text, writer))
    }

    /// Name of a field's type, and how its value is written.
    fn typed(
        &mut self,
        open: &mut Open,
        schema: &Arc<Schema>,
        text: &mut FieldText,
        is_member: bool,
    ) -> Result<(String, ValueWriter)> {
        let known = |name: &str, writer| (name.to_owned(), writer);
        match schema.name() {
            Some(logical::DECIMAL) => {
                for (name, key) in [(CONNECT_PRECISION, PRECISION), (SCALE, SCALE)] {
                    let value = schema.parameters().get(name);
                    text.parameters.extend(value.map(|value| (key, value.to_owned())));
                }
                self.import("confluent/type/decimal.proto");
                return Ok(known(DECIMAL_MESSAGE, ValueWriter::Decimal));
            }
            Some(logical::DATE) => {
                self.import("google/type/date.proto");
                return Ok(known(DATE_MESSAGE, ValueWriter::Date));
            }
            Some(logical::TIME) => {
                self.import("google/type/timeofday.proto");
                return Ok(known(TIME_MESSAGE, ValueWriter::Time));
            }
            Some(logical::TIMESTAMP) => {
                self.import("google/protobuf/timestamp.proto");
                return Ok(known(TIMESTAMP_MESSAGE, ValueWriter::Timestamp));
            }
            Some(VARIANT) => {
                self.import("confluent/type/variant.proto");
                let (_, writer) = self.message("Variant".to_owned(), schema)?;
                return Ok(known(VARIANT_MESSAGE, ValueWriter::Message(Arc::new(writer))));
            }
            _ => {}
        }
        match schema.kind() {
            Type::Struct => self.nested(open, schema, &text.name),
            Type::Map => self.map(open, schema),
            Type::Array => Err(bad("Array cannot be nested")),
            _ => self.scalar(open, schema, text, is_member),
        }
    }

    fn nested(
        &mut self,
        open: &mut Open,
        schema: &Arc<Schema>,
        field: &str,
    ) -> Result<(String, ValueWriter)> {
        if is_union(schema) {
            return Err(bad("A list or map of unions cannot be written as Protobuf")
                .hint("Put the union into a struct"));
        }
        let mut name = self.unqualified(schema.name());
        if name == field {
            // A type and a field of one name would not be told apart.
            name.push_str("Message");
        }
        if let Some((known, writer)) = open.structs.get(&name) {
            if known.fields() != schema.fields() {
                return Err(bad(format!("Two different structs are named \"{name}\""))
                    .hint("Give each a name of its own"));
            }
            return Ok((name, ValueWriter::Message(Arc::clone(writer))));
        }
        let (text, writer) = self.message(name.clone(), schema)?;
        let writer = Arc::new(writer);
        open.text.messages.push(text);
        open.structs.insert(name.clone(), (Arc::clone(schema), Arc::clone(&writer)));
        Ok((name, ValueWriter::Message(writer)))
    }
}

fn is_union_field(schema: &Schema) -> bool {
    schema.kind() == Type::Struct && is_union(schema)
}

/// The number that a field had when it came from Protobuf.
fn declared_tag(schema: &Schema) -> Result<Option<u32>> {
    schema
        .parameters()
        .get(TAG)
        .map(|tag| {
            tag.parse::<u32>().map_err(|error| {
                bad(format!("\"{tag}\" is no number of a Protobuf field")).caused_by(error)
            })
        })
        .transpose()
}
