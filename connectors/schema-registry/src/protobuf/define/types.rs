//! The types of fields as Protobuf writes them: maps, numbers, texts, enums.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    schema::{Schema, Type},
};

use super::{
    super::{
        encode::{FieldWriter, Scalar, ValueWriter},
        names::{CONNECT_TYPE, ENUM, GENERALIZED_ENUM, WRAPPER, map_entry},
        print::{EnumText, FieldText},
        written_types::scalar_type,
    },
    Definer, MAX_DEPTH, Open, WRAPPERS_FILE, bad,
};

impl Definer<'_> {
    pub(super) fn map(
        &mut self,
        open: &mut Open,
        schema: &Arc<Schema>,
    ) -> Result<(String, ValueWriter)> {
        let (Some(keys), Some(values)) = (schema.key_schema(), schema.value_schema()) else {
            return Err(bad("Map schema did not specify the key type"));
        };
        let name = map_entry(&self.unqualified(schema.name()));
        if self.depth == MAX_DEPTH {
            return Err(bad("The schema is nested too deeply for Protobuf"));
        }
        self.depth += 1;
        let mut entry = Open::new(name.clone());
        let mut part = |definer: &mut Self, schema: &Arc<Schema>, name: &str, tag| {
            let (mut text, writer) =
                definer.field(&mut entry, schema, FieldText::new(name.to_owned(), tag), false)?;
            // An entry's fields have no label, or readers would take it for another message.
            text.label = text.label.filter(|label| *label == "repeated");
            entry.text.fields.push(text);
            let has_presence = !matches!(writer, ValueWriter::Scalar(_));
            Ok::<_, ConnectorError>(FieldWriter {
                tag,
                place: 0,
                member: None,
                name: name.into(),
                schema: Arc::clone(schema),
                writer,
                has_presence,
            })
        };
        let key = part(self, keys, "key", 1)?;
        let value = part(self, values, "value", 2)?;
        self.depth -= 1;
        open.text.messages.push(entry.text);
        Ok((name, ValueWriter::Map(Box::new((key, value)))))
    }

    pub(super) fn scalar(
        &mut self,
        open: &mut Open,
        schema: &Arc<Schema>,
        text: &mut FieldText,
        is_member: bool,
    ) -> Result<(String, ValueWriter)> {
        if let Some(found) = self.symbols(open, schema)? {
            return Ok(found);
        }
        match schema.kind() {
            Type::Int8 => text.parameters.push((CONNECT_TYPE, "int8".to_owned())),
            Type::Int16 => text.parameters.push((CONNECT_TYPE, "int16".to_owned())),
            _ => {}
        }
        let is_wrapped = self.options.has_wrapper_for_nullables
            && schema.is_optional()
            && (!is_member || schema.parameters().get(WRAPPER) == Some("true"));
        let (word, (wrapped, wrapper), scalar) = scalar_type(schema)?;
        if is_wrapped {
            self.import(WRAPPERS_FILE);
            return Ok((format!("google.protobuf.{wrapper}"), ValueWriter::Wrapper(wrapped)));
        }
        Ok((word.to_owned(), ValueWriter::Scalar(scalar)))
    }

    /// The enum of a schema that is one.
    fn symbols(
        &mut self,
        open: &mut Open,
        schema: &Arc<Schema>,
    ) -> Result<Option<(String, ValueWriter)>> {
        let parameters = schema.parameters();
        let general = parameters.get(GENERALIZED_ENUM).filter(|_| schema.kind() == Type::String);
        let is_possible = matches!(schema.kind(), Type::String | Type::Int32);
        let Some(type_name) = general.or(parameters.get(ENUM)).filter(|_| is_possible) else {
            return Ok(None);
        };
        let parameter = if self.options.is_sum_type_general { GENERALIZED_ENUM } else { ENUM };
        let mut symbols = Vec::new();
        for (name, number) in parameters.iter() {
            let Some(symbol) = name.strip_prefix(parameter).and_then(|it| it.strip_prefix('.'))
            else {
                continue;
            };
            let number = number.parse::<i32>().map_err(|error| {
                bad(format!("The number of the symbol \"{symbol}\" is none")).caused_by(error)
            })?;
            symbols.push((symbol.to_owned(), number));
        }
        let name = self.unqualified(schema.name());
        if !open.text.enums.iter().any(|known| known.name == name) {
            // The original makes the name once more, which counts where it makes names.
            let name = self.unqualified(schema.name());
            open.text.enums.push(EnumText { name, symbols: symbols.clone() });
        }
        let scalar = match schema.kind() {
            Type::String => Scalar::Symbol(symbols.into_iter().collect()),
            _ => Scalar::Int32,
        };
        Ok(Some((type_name.to_owned(), ValueWriter::Scalar(scalar))))
    }
}
