//! Schemas of Connect data.
//!
//! A schema is immutable and shared: it is built once, put behind an [`Arc`], and compared by
//! pointer first, because the records of a batch nearly always share theirs.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use crate::value::Value;

/// The type of a schema, with Kafka Connect's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// 8-bit signed integer.
    Int8,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 32-bit IEEE 754 number.
    Float32,
    /// 64-bit IEEE 754 number.
    Float64,
    /// `true` or `false`.
    Boolean,
    /// UTF-8 text.
    String,
    /// Raw bytes.
    Bytes,
    /// Ordered elements of one schema.
    Array,
    /// Keys of one schema to values of another.
    Map,
    /// Named fields.
    Struct,
}

impl Type {
    /// Every type, in the order of Kafka Connect's own list; the first nine have nothing within.
    pub const ALL: [Self; 12] = [
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float32,
        Self::Float64,
        Self::Boolean,
        Self::String,
        Self::Bytes,
        Self::Array,
        Self::Map,
        Self::Struct,
    ];

    /// The name as it stands in Kafka Connect's messages: `INT32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Array => "ARRAY",
            Self::Map => "MAP",
            Self::Struct => "STRUCT",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names of the logical types that Kafka Connect itself knows.
///
/// Source: apache/kafka `org.apache.kafka.connect.data`.
pub mod logical {
    /// Arbitrary-precision number on bytes; parameter `scale`.
    pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
    /// Days since the epoch on an int32.
    pub const DATE: &str = "org.apache.kafka.connect.data.Date";
    /// Milliseconds of the day on an int32.
    pub const TIME: &str = "org.apache.kafka.connect.data.Time";
    /// Milliseconds since the epoch on an int64.
    pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
}

/// A named field of a struct schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name, unique within the struct.
    pub name: Arc<str>,
    /// Schema of the field's values.
    pub schema: Arc<Schema>,
}

/// Names with texts that say more about a schema, such as a decimal's `scale`. They keep the order
/// they were added in, which is that of an enumeration's symbols; for equality it does not count.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The text under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, text)| text)
    }

    /// Whether there is a text under this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Names with their texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    fn set(&mut self, name: String, text: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = text,
            None => self.0.push((name, text)),
        }
    }
}

impl PartialEq for Parameters {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, text)| other.get(name) == Some(text))
    }
}

/// Describes the shape of a value.
///
/// ```
/// use connect_api::schema::{Schema, Type};
/// let line = Schema::new(Type::Struct)
///     .named("LogLine")
///     .field("level", Schema::optional_string())
///     .field("bytes", Schema::new(Type::Int64));
/// assert_eq!(line.fields().len(), 2);
/// assert_eq!(line.field_index("bytes"), Some(1));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    kind: Type,
    is_optional: bool,
    name: Option<Arc<str>>,
    version: Option<i32>,
    doc: Option<Arc<str>>,
    parameters: Parameters,
    default: Option<Value>,
    fields: Vec<Field>,
    /// Key schema of a map.
    keys: Option<Arc<Schema>>,
    /// Value schema of a map, element schema of an array.
    values: Option<Arc<Schema>>,
}

static OPTIONAL_STRING: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Arc::new(Schema::new(Type::String).optional()));
static STRING: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::new(Type::String)));
static OPTIONAL_BYTES: LazyLock<Arc<Schema>> =
    LazyLock::new(|| Arc::new(Schema::new(Type::Bytes).optional()));

impl Schema {
    /// A required schema of this type without name, default or fields.
    #[must_use]
    pub const fn new(kind: Type) -> Self {
        Self {
            kind,
            is_optional: false,
            name: None,
            version: None,
            doc: None,
            parameters: Parameters(Vec::new()),
            default: None,
            fields: Vec::new(),
            keys: None,
            values: None,
        }
    }

    /// The shared required string schema.
    #[must_use]
    pub fn string() -> Arc<Self> {
        Arc::clone(&STRING)
    }

    /// The shared optional string schema.
    #[must_use]
    pub fn optional_string() -> Arc<Self> {
        Arc::clone(&OPTIONAL_STRING)
    }

    /// The shared optional bytes schema.
    #[must_use]
    pub fn optional_bytes() -> Arc<Self> {
        Arc::clone(&OPTIONAL_BYTES)
    }

    /// An array of elements of this schema.
    #[must_use]
    pub fn array(elements: impl Into<Arc<Self>>) -> Self {
        Self { values: Some(elements.into()), ..Self::new(Type::Array) }
    }

    /// A map from keys of one schema to values of another.
    #[must_use]
    pub fn map(keys: impl Into<Arc<Self>>, values: impl Into<Arc<Self>>) -> Self {
        Self { keys: Some(keys.into()), values: Some(values.into()), ..Self::new(Type::Map) }
    }

    /// A map from keys of one schema to values of none in particular.
    #[must_use]
    pub fn map_with_null_values(keys: impl Into<Arc<Self>>) -> Self {
        Self { keys: Some(keys.into()), ..Self::new(Type::Map) }
    }

    /// Null is a value of this schema too.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Null is not a value of this schema.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_optional = false;
        self
    }

    /// Gives the schema a name: a record's name, or a logical type of [`logical`].
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives the schema a version.
    #[must_use]
    pub const fn versioned(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }

    /// Documents the schema.
    #[must_use]
    pub fn documented(mut self, doc: impl Into<Arc<str>>) -> Self {
        self.doc = Some(doc.into());
        self
    }

    /// Adds a parameter, such as a decimal's `scale`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.set(name.into(), value.into());
        self
    }

    /// Value that stands in for a missing one.
    #[must_use]
    pub fn with_default(mut self, value: Value) -> Self {
        self.default = Some(value);
        self
    }

    /// Appends a field to a struct schema.
    #[must_use]
    pub fn field(mut self, name: impl Into<Arc<str>>, schema: impl Into<Arc<Self>>) -> Self {
        self.fields.push(Field { name: name.into(), schema: schema.into() });
        self
    }

    /// The type.
    #[must_use]
    pub const fn kind(&self) -> Type {
        self.kind
    }

    /// Whether null is allowed.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.is_optional
    }

    /// Name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Version, if it has one.
    #[must_use]
    pub const fn version(&self) -> Option<i32> {
        self.version
    }

    /// Documentation, if it has any.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// Parameters, in the order they were added.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Default value, if it has one.
    #[must_use]
    pub const fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// Fields of a struct schema in their order; empty for other types.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Position of the field with this name.
    #[must_use]
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| &*field.name == name)
    }

    /// Key schema of a map.
    #[must_use]
    pub const fn key_schema(&self) -> Option<&Arc<Self>> {
        self.keys.as_ref()
    }

    /// Value schema of a map or element schema of an array.
    #[must_use]
    pub const fn value_schema(&self) -> Option<&Arc<Self>> {
        self.values.as_ref()
    }
}

/// Whether two shared schemas are the same: by pointer first, by content otherwise.
#[must_use]
pub fn same_schema(left: Option<&Arc<Schema>>, right: Option<&Arc<Schema>>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => Arc::ptr_eq(left, right) || left == right,
        _ => false,
    }
}
