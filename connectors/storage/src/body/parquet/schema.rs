//! Avro schemas as Parquet's, laid out as parquet-avro does.
//!
//! Source: apache/parquet-java `AvroSchemaConverter.java`, `ConversionPatterns.java`.

use std::{ops::Range, sync::Arc};

use connect_avro::{AvroSchema, AvroType, Kind, TypeId};
use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as Physical},
    errors::ParquetError,
    schema::types::{Type, TypePtr},
};

/// Why a schema has no form in Parquet, as a sentence.
type Unfit = String;

/// What one part of a record becomes.
#[derive(Debug)]
pub(super) struct Node {
    /// The columns below it.
    pub(super) leaves: Range<usize>,
    pub(super) shape: Shape,
}

/// How the Avro data of a part are read.
#[derive(Debug)]
pub(super) enum Shape {
    Leaf(Leaf),
    Record(Vec<Node>),
    /// Items, and how deep in lists they are.
    List(Box<Node>, i16),
    /// Keys and values, and how deep in lists they are.
    Map(Box<Node>, Box<Node>, i16),
    /// One type, or the branch of null.
    Optional(Box<Node>, i64),
    /// Members by their branches, and the branch of null.
    Choice(Vec<(i64, Node)>, Option<i64>),
}

/// A value in a column.
#[derive(Debug)]
pub(super) enum Leaf {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Fixed(usize),
    /// A symbol by its place.
    Enum(Vec<Arc<str>>),
}

/// The schema of files, and how records are taken apart for it.
pub(super) fn convert(avro: &AvroSchema) -> Result<(TypePtr, Node), Unfit> {
    let Kind::Record(named, _) = avro.get(avro.root) else {
        return Err("a file holds structs only".to_owned());
    };
    let has_three_levels = has_optional_items(avro);
    let mut conversion = Conversion { avro, has_three_levels, leaves: 0 };
    let (fields, node) = conversion.record(avro.root, 0)?;
    let root = Type::group_type_builder(&named.full()).with_fields(fields).build();
    Ok((Arc::new(root.map_err(told)?), node))
}

/// Whether any list may hold null: the files of its schema then have lists of three levels.
fn has_optional_items(avro: &AvroSchema) -> bool {
    let mut places = (0..).map_while(|id| avro.whole(id));
    places.any(|one| match &one.kind {
        Kind::Array(items) => match avro.get(*items) {
            Kind::Union(branches) => branches.iter().any(|id| *avro.get(*id) == Kind::Null),
            _ => false,
        },
        _ => false,
    })
}

struct Conversion<'a> {
    avro: &'a AvroSchema,
    has_three_levels: bool,
    leaves: usize,
}

/// How a field is called and how often it is there.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: &'a str,
    repetition: Repetition,
    /// How many lists it is in.
    lists: i16,
}

impl Conversion<'_> {
    fn field(&mut self, id: TypeId, place: Place<'_>) -> Result<(TypePtr, Node), Unfit> {
        let first = self.leaves;
        let Some(found) = self.avro.whole(id) else { return Err("a type is missing".to_owned()) };
        match &found.kind {
            Kind::Union(branches) => self.union(branches, place),
            Kind::Record(..) => {
                let (fields, node) = self.record(id, place.lists)?;
                Ok((group(place, None, fields)?, node))
            }
            Kind::Array(items) => self.list(*items, place),
            Kind::Map(values) => {
                let inner = place.lists + 1;
                let key = Place { name: "key", repetition: Repetition::REQUIRED, lists: inner };
                let key_type = primitive(key, Physical::BYTE_ARRAY, Some(LogicalType::String))?;
                let key = self.leaf(Leaf::Bytes);
                let value = Place { name: "value", repetition: Repetition::REQUIRED, lists: inner };
                let (value_type, value) = self.field(*values, value)?;
                let entry = Place { name: "key_value", repetition: Repetition::REPEATED, ..place };
                let entry = group(entry, None, vec![key_type, value_type])?;
                let shape = Shape::Map(Box::new(key), Box::new(value), inner);
                let node = Node { leaves: first..self.leaves, shape };
                Ok((group(place, Some(LogicalType::Map), vec![entry])?, node))
            }
            _ => self.primitive(found, place),
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Node {
        let first = self.leaves;
        self.leaves += 1;
        Node { leaves: first..self.leaves, shape: Shape::Leaf(leaf) }
    }

    fn primitive(&mut self, found: &AvroType, place: Place<'_>) -> Result<(TypePtr, Node), Unfit> {
        let millis = TimeUnit::MILLIS;
        let (physical, logical, leaf) = match (&found.kind, found.text("logicalType")) {
            (Kind::Boolean, _) => (Physical::BOOLEAN, None, Leaf::Boolean),
            (Kind::Int, Some("date")) => (Physical::INT32, Some(LogicalType::Date), Leaf::Int),
            (Kind::Int, Some("time-millis")) => {
                (Physical::INT32, Some(LogicalType::time(true, millis)), Leaf::Int)
            }
            (Kind::Int, _) => (Physical::INT32, None, Leaf::Int),
            (Kind::Long, Some("timestamp-millis")) => {
                (Physical::INT64, Some(LogicalType::timestamp(true, millis)), Leaf::Long)
            }
            (Kind::Long, _) => (Physical::INT64, None, Leaf::Long),
            (Kind::Float, _) => (Physical::FLOAT, None, Leaf::Float),
            (Kind::Double, _) => (Physical::DOUBLE, None, Leaf::Double),
            (Kind::String, _) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Leaf::Bytes),
            (Kind::Bytes, _) => (Physical::BYTE_ARRAY, decimal(found), Leaf::Bytes),
            (Kind::Fixed(_, size), _) => {
                return self.fixed(place, *size, decimal(found));
            }
            (Kind::Enum(_, symbols, _), _) => {
                (Physical::BYTE_ARRAY, Some(LogicalType::Enum), Leaf::Enum(symbols.clone()))
            }
            (kind, _) => return Err(format!("Parquet has no {}", kind.word())),
        };
        let node = self.leaf(leaf);
        Ok((primitive(place, physical, logical)?, node))
    }

    fn fixed(
        &mut self,
        place: Place<'_>,
        size: usize,
        logical: Option<LogicalType>,
    ) -> Result<(TypePtr, Node), Unfit> {
        let length = i32::try_from(size).map_err(|_| format!("a fixed has {size} bytes"))?;
        let builder = Type::primitive_type_builder(place.name, Physical::FIXED_LEN_BYTE_ARRAY)
            .with_repetition(place.repetition)
            .with_length(length);
        let built = dressed(builder, logical).build().map_err(told)?;
        Ok((Arc::new(built), self.leaf(Leaf::Fixed(size))))
    }

    fn record(&mut self, id: TypeId, lists: i16) -> Result<(Vec<TypePtr>, Node), Unfit> {
        let first = self.leaves;
        let Kind::Record(named, fields) = self.avro.get(id) else {
            return Err("a record is none".to_owned());
        };
        // What is always null takes no bytes in Avro and has no place in Parquet, as in the original.
        let fields = fields.iter().filter(|field| *self.avro.get(field.kind) != Kind::Null);
        let fields: Vec<_> = fields.collect();
        if fields.is_empty() {
            return Err(format!("struct {} has no fields, which Parquet cannot say", named.full()));
        }
        let mut types = Vec::with_capacity(fields.len());
        let mut nodes = Vec::with_capacity(fields.len());
        for field in fields {
            let place = Place { name: &field.name, repetition: Repetition::REQUIRED, lists };
            let (kind, node) = self.field(field.kind, place)?;
            types.push(kind);
            nodes.push(node);
        }
        Ok((types, Node { leaves: first..self.leaves, shape: Shape::Record(nodes) }))
    }

    fn list(&mut self, items: TypeId, place: Place<'_>) -> Result<(TypePtr, Node), Unfit> {
        let first = self.leaves;
        let inner = place.lists + 1;
        let repeated = Repetition::REPEATED;
        let (repeated, node) = if self.has_three_levels {
            let element = Place { name: "element", repetition: Repetition::REQUIRED, lists: inner };
            let (element, node) = self.field(items, element)?;
            let list = Place { name: "list", repetition: repeated, ..place };
            (group(list, None, vec![element])?, node)
        } else {
            self.field(items, Place { name: "array", repetition: repeated, lists: inner })?
        };
        let shape = Shape::List(Box::new(node), inner);
        let node = Node { leaves: first..self.leaves, shape };
        Ok((group(place, Some(LogicalType::List), vec![repeated])?, node))
    }

    fn union(&mut self, branches: &[TypeId], place: Place<'_>) -> Result<(TypePtr, Node), Unfit> {
        let first = self.leaves;
        let numbered = || (0_i64..).zip(branches);
        let mut null = numbered().filter(|(_, id)| *self.avro.get(**id) == Kind::Null);
        let null = null.next().map(|(branch, _)| branch);
        let repetition = if null.is_some() { Repetition::OPTIONAL } else { place.repetition };
        let place = Place { repetition, ..place };
        let real: Vec<_> = numbered().filter(|(branch, _)| Some(*branch) != null).collect();
        if let ([(_, id)], Some(null)) = (real.as_slice(), null) {
            let (kind, node) = self.field(**id, place)?;
            let leaves = node.leaves.clone();
            return Ok((kind, Node { leaves, shape: Shape::Optional(Box::new(node), null) }));
        }
        let mut types = Vec::with_capacity(real.len());
        let mut members = Vec::with_capacity(real.len());
        for (number, (branch, id)) in real.into_iter().enumerate() {
            let name = format!("member{number}");
            let member =
                Place { name: &name, repetition: Repetition::OPTIONAL, lists: place.lists };
            let (kind, node) = self.field(*id, member)?;
            types.push(kind);
            members.push((branch, node));
        }
        let shape = Shape::Choice(members, null);
        Ok((group(place, None, types)?, Node { leaves: first..self.leaves, shape }))
    }
}

fn group(
    place: Place<'_>,
    logical: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Result<TypePtr, Unfit> {
    let builder = Type::group_type_builder(place.name)
        .with_repetition(place.repetition)
        .with_logical_type(logical)
        .with_fields(fields);
    builder.build().map(Arc::new).map_err(told)
}

fn primitive(
    place: Place<'_>,
    physical: Physical,
    logical: Option<LogicalType>,
) -> Result<TypePtr, Unfit> {
    let builder =
        Type::primitive_type_builder(place.name, physical).with_repetition(place.repetition);
    dressed(builder, logical).build().map(Arc::new).map_err(told)
}

/// A decimal says its digits twice.
fn dressed(
    builder: parquet::schema::types::PrimitiveTypeBuilder<'_>,
    logical: Option<LogicalType>,
) -> parquet::schema::types::PrimitiveTypeBuilder<'_> {
    let builder = match &logical {
        Some(LogicalType::Decimal(decimal)) => {
            builder.with_scale(decimal.scale).with_precision(decimal.precision)
        }
        _ => builder,
    };
    builder.with_logical_type(logical)
}

/// The decimal that a type says it is, where Avro knows such ones.
fn decimal(found: &AvroType) -> Option<LogicalType> {
    found.text("logicalType").filter(|&name| name == "decimal")?;
    let number = |name: &str| {
        let number = found.props.get(name).map_or(Some(0), serde_json::Value::as_i64)?;
        i32::try_from(number).ok()
    };
    let (scale, precision) = (number("scale")?, number("precision")?);
    (precision > 0 && (0..=precision).contains(&scale))
        .then(|| LogicalType::decimal(scale, precision))
}

fn told(error: ParquetError) -> Unfit {
    error.to_string()
}
