//! The types of fields as Connect schemas.

use std::{collections::HashMap, sync::Arc};

use connect_api::{
    error::Result,
    schema::{Schema, Type, logical},
};
use prost_reflect::{
    Cardinality, EnumDescriptor, FieldDescriptor, Kind as ProtoKind, MessageDescriptor, Syntax,
};

use super::{
    super::{
        names::{
            CONNECT_PRECISION, CONNECT_TYPE, DATE_MESSAGE, DECIMAL_MESSAGE, ENUM, GENERALIZED_ENUM,
            MAP_ENTRY, PRECISION, SCALE, TIME_MESSAGE, TIMESTAMP_MESSAGE, TYPE, map_field,
            split_name,
        },
        plan::{Kind, Scalar, Shape, Symbols},
        read_types::{connect_type, type_word, wrapped},
    },
    Described, Reader, bad,
};

impl Reader<'_> {
    pub(super) fn typed(&mut self, field: &FieldDescriptor) -> Result<Described> {
        if field.is_group() {
            return Err(bad(format!(
                "Unknown Connect schema type: GROUP of the field {}",
                field.name()
            )));
        }
        let single = |schema, kind| Described { schema, kind, shape: Shape::Single };
        let scalar = match field.kind() {
            ProtoKind::Message(message) => return self.message_field(field, &message),
            ProtoKind::Enum(symbols) => {
                let (schema, symbols) = self.symbols(&symbols);
                return Ok(single(schema, Kind::Scalar(Scalar::Enum(symbols))));
            }
            ProtoKind::Int32 => Scalar::Int32(self.narrow(field)),
            ProtoKind::Sint32 => Scalar::SInt32(self.narrow(field)),
            ProtoKind::Sfixed32 => Scalar::SFixed32(self.narrow(field)),
            ProtoKind::Uint32 => Scalar::UInt32,
            ProtoKind::Fixed32 => Scalar::Fixed32,
            ProtoKind::Int64 | ProtoKind::Uint64 => Scalar::Int64,
            ProtoKind::Sint64 => Scalar::SInt64,
            ProtoKind::Fixed64 | ProtoKind::Sfixed64 => Scalar::Fixed64,
            ProtoKind::Float => Scalar::Float,
            ProtoKind::Double => Scalar::Double,
            ProtoKind::Bool => Scalar::Bool,
            ProtoKind::String => {
                Scalar::String { is_strict: field.parent_file().syntax() != Syntax::Proto2 }
            }
            ProtoKind::Bytes => Scalar::Bytes,
        };
        let schema = match (type_word(&field.kind()), connect_type(&scalar)) {
            (Some(word), kind @ (Type::Int32 | Type::Int64)) => {
                Schema::new(kind).parameter(TYPE, word)
            }
            (_, kind) => Schema::new(kind),
        };
        Ok(single(schema, Kind::Scalar(scalar)))
    }

    /// Type of a 32-bit field, which may have been a smaller one.
    fn narrow(&self, field: &FieldDescriptor) -> Type {
        let parameters = self.file.parameters(field);
        match parameters.iter().find(|(name, _)| name == CONNECT_TYPE) {
            Some((_, word)) if word == "int8" => Type::Int8,
            Some((_, word)) if word == "int16" => Type::Int16,
            _ => Type::Int32,
        }
    }

    fn symbols(&self, symbols: &EnumDescriptor) -> (Schema, Arc<Symbols>) {
        let kind = if self.options.is_enum_integer { Type::Int32 } else { Type::String };
        let parameter = if self.options.is_sum_type_general { GENERALIZED_ENUM } else { ENUM };
        let mut schema = Schema::new(kind)
            .named(self.named(symbols.name(), symbols.full_name()))
            .parameter(parameter, symbols.name())
            .optional();
        let mut names = HashMap::new();
        // By their place in the text: the library sorts them by number.
        let mut values: Vec<_> = symbols.values().collect();
        values.sort_by_key(|value| value.path().last().copied());
        for value in values {
            let number = value.number();
            schema = schema.parameter(format!("{parameter}.{}", value.name()), number.to_string());
            names.entry(number).or_insert_with(|| value.name().into());
        }
        let symbols = Symbols {
            name: symbols.name().to_owned(),
            names,
            is_closed: symbols.parent_file().syntax() == Syntax::Proto2,
            is_integer: self.options.is_enum_integer,
        };
        (schema, Arc::new(symbols))
    }

    fn message_field(
        &mut self,
        field: &FieldDescriptor,
        message: &MessageDescriptor,
    ) -> Result<Described> {
        let (schema, kind) = match message.full_name() {
            DECIMAL_MESSAGE => (self.decimal(field), Kind::Decimal),
            DATE_MESSAGE => (logical_schema(Type::Int32, logical::DATE), Kind::Date),
            TIME_MESSAGE => (logical_schema(Type::Int32, logical::TIME), Kind::Time),
            TIMESTAMP_MESSAGE => (logical_schema(Type::Int64, logical::TIMESTAMP), Kind::Timestamp),
            _ => return self.struct_field(field, message),
        };
        Ok(Described { schema: schema.optional(), kind, shape: Shape::Single })
    }

    fn struct_field(
        &mut self,
        field: &FieldDescriptor,
        message: &MessageDescriptor,
    ) -> Result<Described> {
        let wrapped = wrapped(message).filter(|_| self.options.has_wrapper_for_nullables);
        if let Some((kind, scalar)) = wrapped {
            let schema = Schema::new(kind).optional();
            return Ok(Described { schema, kind: Kind::Wrapper(scalar), shape: Shape::Single });
        }
        let read = self.message(message)?;
        let kind = Kind::Message(Arc::clone(&read.schema), Arc::clone(&read.plan));
        if is_map(field, message) {
            let [key, value] = read.schema.fields() else {
                return Err(bad("The entries of a map have a key and a value"));
            };
            let name = map_field(self.named(message.name(), message.full_name()));
            let schema = Schema::map(Arc::clone(&key.schema), Arc::clone(&value.schema));
            return Ok(Described {
                schema: schema.named(name).optional(),
                kind,
                shape: Shape::Map,
            });
        }
        let schema = (*read.schema).clone().optional();
        Ok(Described { schema, kind, shape: Shape::Single })
    }

    fn decimal(&self, field: &FieldDescriptor) -> Schema {
        let parameters = self.file.parameters(field);
        let number = |name: &str| {
            let (_, text) = parameters.iter().find(|(known, _)| known == name)?;
            text.parse::<i32>().ok()
        };
        let scale = number(SCALE).unwrap_or(0);
        let schema =
            logical_schema(Type::Bytes, logical::DECIMAL).parameter(SCALE, scale.to_string());
        match number(PRECISION) {
            Some(precision) => schema.parameter(CONNECT_PRECISION, precision.to_string()),
            None => schema,
        }
    }
}

fn logical_schema(kind: Type, name: &str) -> Schema {
    Schema::new(kind).named(name).versioned(1)
}

/// Whether the field is a map, as the original tells by names, since it does not write it as one.
fn is_map(field: &FieldDescriptor, message: &MessageDescriptor) -> bool {
    let mut fields: Vec<_> = message.fields().collect();
    fields.sort_by_key(|field| field.path().last().copied());
    let is_part = |field: &FieldDescriptor, name: &str| {
        field.name() == name && field.cardinality() != Cardinality::Repeated
    };
    field.cardinality() == Cardinality::Repeated
        && split_name(message.name()).1.ends_with(MAP_ENTRY)
        && matches!(fields.as_slice(), [key, value] if is_part(key, "key") && is_part(value, "value"))
}
