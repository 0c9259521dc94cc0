//! JSON Schema: documents that say what they are, beside payloads of plain JSON.
//!
//! Registered is the text of the schema; a record is the schema's id and its JSON. A Connect
//! schema becomes the very text that the original registers, so that the same id is found.
//! Source: confluentinc/schema-registry `JsonSchemaConverter`, `JsonSchemaData`.

mod config;
mod connect;
mod converter;
mod describe;
mod documents;
mod names;
mod read;
mod validation;
mod view;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytestring::ByteString;
use connect_api::{
    error::{ConnectorError, Result},
    json::{NodeRef, Parser},
    schema::Schema,
    value::Value,
};

pub(crate) use self::converter::{CLASS, JsonSchemaConverter, options};
use self::{
    connect::connect_schema,
    describe::describe,
    documents::Documents,
    read::read_value,
    write::{write_node, write_value},
};

/// How one converter maps.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct JsonSchemaOptions {
    /// Whether enums and unions look as those of other formats do.
    pub is_sum_type_general: bool,
    /// Whether a null stays null where the schema has a default.
    pub is_default_ignored: bool,
    /// Whether objects may have members that their schema does not list.
    pub has_additional_properties: bool,
    /// Whether properties that are not required are optional.
    pub is_optional_unless_required: bool,
    /// Whether decimals are numbers rather than base64.
    pub is_decimal_numeric: bool,
    /// Whether a choice of one is that one.
    pub is_singleton_flattened: bool,
}

impl JsonSchemaOptions {
    /// The text of the JSON Schema of a Connect schema.
    ///
    /// # Errors
    /// `Record` when a default does not fit or the nesting is too deep.
    pub fn schema_text(&self, schema: &Schema) -> Result<String> {
        let mut out = Vec::new();
        write_node(&mut out, &describe(self, schema)?);
        String::from_utf8(out)
            .map_err(|error| ConnectorError::internal("A schema's text is broken").caused_by(error))
    }

    /// The Connect schema of a JSON Schema, with the schemas it refers to by name.
    ///
    /// # Errors
    /// `Record` when it is no JSON Schema, or one that Connect has no schema for.
    pub fn connect_schema(
        &self,
        text: &str,
        referred: &[(String, Arc<str>)],
        version: Option<i32>,
    ) -> Result<Arc<Schema>> {
        connect_schema(self, &Documents::parse(text, referred)?, version)
    }

    /// Appends a value's JSON; nothing when it is null and its schema does not have that.
    ///
    /// # Errors
    /// `Record` when the value does not fit its schema.
    pub fn write(&self, out: &mut Vec<u8>, schema: &Schema, value: &Value) -> Result<bool> {
        write_value(self, out, schema, value)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// `Record` when it is no JSON or does not fit the schema.
    pub fn read(&self, schema: &Arc<Schema>, payload: &ByteString) -> Result<Value> {
        let node = Parser::new(payload)
            .value::<NodeRef<'_>>()
            .map_err(|error| ConnectorError::record("The payload is no JSON").caused_by(error))?;
        read_value(self, schema, Some(&node))
    }
}
