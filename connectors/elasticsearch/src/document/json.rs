//! Values as JSON of a document, straight into a buffer.
//!
//! Where schemas count, the values are what the original makes of them first: decimals are numbers,
//! and maps are objects only when their keys are text. Otherwise it is what Kafka Connect's own JSON
//! converter writes.
//! Source: confluentinc/kafka-connect-elasticsearch `DataConverter.java`.

use connect_api::{
    json::{write_base64, write_scalar, write_text},
    schema::{Schema, Type},
    value::{Map, Struct, Value},
    value_text::write_decimal,
};

/// Why a value cannot be written.
pub(super) type Refusal = String;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Whether schemas count.
    pub(super) follows_schemas: bool,
    /// Whether maps with text keys become objects, where schemas count.
    pub(super) compacts_maps: bool,
}

impl Style {
    /// Appends a value.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        value: &Value,
        schema: Option<&Schema>,
    ) -> Result<(), Refusal> {
        match value {
            Value::Null => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            Value::Decimal(number) if self.follows_schemas => {
                let mut text = String::new();
                write_decimal(&mut text, number);
                write_scalar(out, &Value::Float64(text.parse().unwrap_or_default()));
                Ok(())
            }
            Value::Decimal(number) => {
                write_base64(out, &number.unscaled);
                Ok(())
            }
            Value::Array(items) => self.write_array(out, items, schema),
            Value::Map(map) => self.write_map(out, map, schema),
            Value::Struct(record) => self.write_struct(out, record),
            scalar => {
                write_scalar(out, scalar);
                Ok(())
            }
        }
    }

    fn write_array(
        self,
        out: &mut Vec<u8>,
        items: &[Value],
        schema: Option<&Schema>,
    ) -> Result<(), Refusal> {
        let schema = schema.and_then(|schema| schema.value_schema()).map(|schema| &**schema);
        out.push(b'[');
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            self.write_member(out, item, schema)?;
        }
        out.push(b']');
        Ok(())
    }

    /// A value that a schema may have a default for.
    pub(super) fn write_member(
        self,
        out: &mut Vec<u8>,
        value: &Value,
        schema: Option<&Schema>,
    ) -> Result<(), Refusal> {
        let (Value::Null, Some(known)) = (value, schema) else {
            return self.write(out, value, schema);
        };
        match known.default_value() {
            Some(default) => self.write(out, default, schema),
            None if self.follows_schemas && !known.is_optional() => {
                Err("a value is missing that is required and has no default".to_owned())
            }
            None => self.write(out, value, schema),
        }
    }

    fn write_map(
        self,
        out: &mut Vec<u8>,
        map: &Map,
        schema: Option<&Schema>,
    ) -> Result<(), Refusal> {
        if let Some(text) = map.json() {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let keys = schema.and_then(|schema| schema.key_schema());
        let values = schema.and_then(|schema| schema.value_schema()).map(|schema| &**schema);
        let are_texts = match keys {
            Some(keys) => keys.kind() == Type::String,
            None => map.entries().iter().all(|(key, _)| matches!(key, Value::String(_))),
        };
        let form = match (are_texts, self.follows_schemas && schema.is_some()) {
            (true, false) => MapForm::Object,
            (true, true) if self.compacts_maps => MapForm::Object,
            (_, true) => MapForm::Entries,
            (false, false) => MapForm::Pairs,
        };
        out.push(form.opening());
        for (place, (key, value)) in map.entries().iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(form.before_key());
            self.write(out, key, keys.map(|schema| &**schema))?;
            out.extend_from_slice(form.before_value());
            self.write_member(out, value, values)?;
            out.extend_from_slice(form.after_value());
        }
        out.push(form.closing());
        Ok(())
    }

    /// Fields in the schema's order; a missing value is the field's default, or null.
    fn write_struct(self, out: &mut Vec<u8>, record: &Struct) -> Result<(), Refusal> {
        out.push(b'{');
        let fields = record.schema().fields().iter().zip(record.values());
        for (place, (field, value)) in fields.enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write_text(out, &field.name);
            out.push(b':');
            self.write_member(out, value, Some(&field.schema))
                .map_err(|reason| format!("field \"{}\": {reason}", field.name))?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// What a map becomes.
#[derive(Clone, Copy)]
enum MapForm {
    /// `{"key":"value"}`
    Object,
    /// `[{"key":"key","value":"value"}]`
    Entries,
    /// `[["key","value"]]`
    Pairs,
}

impl MapForm {
    const fn opening(self) -> u8 {
        if matches!(self, Self::Object) { b'{' } else { b'[' }
    }

    const fn closing(self) -> u8 {
        if matches!(self, Self::Object) { b'}' } else { b']' }
    }

    const fn before_key(self) -> &'static [u8] {
        match self {
            Self::Object => b"",
            Self::Entries => br#"{"key":"#,
            Self::Pairs => b"[",
        }
    }

    const fn before_value(self) -> &'static [u8] {
        match self {
            Self::Object => b":",
            Self::Entries => br#","value":"#,
            Self::Pairs => b",",
        }
    }

    const fn after_value(self) -> &'static [u8] {
        match self {
            Self::Object => b"",
            Self::Entries => b"}",
            Self::Pairs => b"]",
        }
    }
}
