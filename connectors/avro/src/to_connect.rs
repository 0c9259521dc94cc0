//! Avro schemas as Connect schemas.
//!
//! Source: confluentinc/schema-registry `AvroData.toConnectSchema`.

use std::sync::Arc;

use connect_api::schema::{Schema, Type, logical};
use serde_json::Value as Json;

use super::{
    config::AvroDataConfig,
    defaults,
    names::{
        self, AVRO_PROP, DEFAULT_FULL_NAME, DEFAULT_PRECISION, ENUM_DEFAULT, ENUM_DOC,
        FIELD_DEFAULT, FIELD_DOC, FIXED_SIZE, GENERAL_UNION, MAP_ENTRY, NAMESPACE, PRECISION,
        PROP_DEFAULT, PROP_DOC, PROP_ENUM_DOC, PROP_INTERNAL, PROP_NAME, PROP_PARAMETERS,
        PROP_RECORD_DOC, PROP_TYPE, PROP_VERSION, RECORD_DOC, UNION, branch_name,
    },
    schema::{AvroField, AvroSchema, AvroType, Kind, TypeId},
};

/// Most types of a schema once every name is replaced by what it stands for.
const MOST_TYPES: usize = 100_000;

/// Types within types: a text ends at 128 itself, and names lead on to other texts.
const MAX_DEPTH: usize = 200;

/// What a type is converted for.
#[derive(Clone, Copy, Default)]
struct Use<'a> {
    is_optional: bool,
    default: Option<&'a Json>,
    doc: Option<&'a str>,
    version: Option<i32>,
}

/// Converts the whole of a schema; the version is that of the registry.
///
/// # Errors
/// What Connect has no schema for, as a sentence.
pub fn connect_schema(
    config: &AvroDataConfig,
    avro: &AvroSchema,
    version: Option<i32>,
) -> Result<Arc<Schema>, String> {
    let mut conversion =
        Conversion { config, avro, open: Vec::new(), left: MOST_TYPES, depth: 0, unions: 0 };
    conversion.any(avro.root, Use { version, ..Use::default() }).map(Arc::new)
}

struct Conversion<'a> {
    config: &'a AvroDataConfig,
    avro: &'a AvroSchema,
    /// The records that the present type is within.
    open: Vec<TypeId>,
    left: usize,
    depth: usize,
    unions: usize,
}

impl<'a> Conversion<'a> {
    fn any(&mut self, id: TypeId, using: Use<'_>) -> Result<Schema, String> {
        if self.depth == MAX_DEPTH {
            return Err(format!("The Avro schema is nested more than {MAX_DEPTH} types deep"));
        }
        self.depth += 1;
        let schema = self.resolved(id, using);
        self.depth -= 1;
        schema
    }

    fn resolved(&mut self, id: TypeId, using: Use<'_>) -> Result<Schema, String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            format!("The Avro schema has more than {MOST_TYPES} types once its names are resolved")
        })?;
        let avro = self.avro;
        let found = avro.whole(id).ok_or("The Avro schema names a type it does not have")?;
        if let Kind::Union(branches) = &found.kind
            && let Some((branch, is_optional)) = self.flattened(branches)
        {
            return self.any(branch, Use { is_optional, doc: using.doc, ..Use::default() });
        }
        let schema = self.bare(id, found, using.is_optional)?;
        self.dressed(found, id, schema, using)
    }

    /// The type that a union is but for null, and whether there is one.
    fn flattened(&self, branches: &[TypeId]) -> Option<(TypeId, bool)> {
        let is_null = |id: &&TypeId| {
            self.avro
                .whole(**id)
                .is_some_and(|found| found.kind == Kind::Null && found.props.is_empty())
        };
        match branches {
            [only] if self.config.flattens => Some((*only, false)),
            [_, _] if branches.iter().any(|id| is_null(&id)) => {
                branches.iter().find(|id| !is_null(id)).map(|id| (*id, true))
            }
            _ => None,
        }
    }

    /// The schema without what the type's properties say.
    fn bare(
        &mut self,
        id: TypeId,
        found: &'a AvroType,
        _is_optional: bool,
    ) -> Result<Schema, String> {
        let logical = found.text("logicalType");
        let is_logical = |name: &str| logical.is_some_and(|own| own.eq_ignore_ascii_case(name));
        let named = |kind, name: &str| Schema::new(kind).named(name).versioned(1);
        Ok(match &found.kind {
            Kind::Boolean => Schema::new(Type::Boolean),
            Kind::Double => Schema::new(Type::Float64),
            Kind::Float => Schema::new(Type::Float32),
            Kind::String => Schema::new(Type::String),
            Kind::Bytes | Kind::Fixed(..) => bytes(found, is_logical("decimal"))?,
            Kind::Int if is_logical("date") => named(Type::Int32, logical::DATE),
            Kind::Int if is_logical("time-millis") => named(Type::Int32, logical::TIME),
            Kind::Int => match (logical, found.text(PROP_TYPE)) {
                (Some(_), _) | (None, None) => Schema::new(Type::Int32),
                (None, Some("int8")) => Schema::new(Type::Int8),
                (None, Some("int16")) => Schema::new(Type::Int16),
                _ => return Err("Connect type annotation for Avro int field is null".to_owned()),
            },
            Kind::Long if is_logical("timestamp-millis") => named(Type::Int64, logical::TIMESTAMP),
            Kind::Long => Schema::new(Type::Int64),
            Kind::Array(items) => self.array(*items)?,
            Kind::Map(values) => Schema::map(Schema::string(), self.any(*values, Use::default())?),
            Kind::Record(_, fields) => self.record(id, found, fields)?,
            Kind::Enum(named, symbols, default) => {
                self.enumeration(&named.full(), named.doc.as_deref(), symbols, default.as_deref())
            }
            Kind::Union(branches) => self.union(branches)?,
            Kind::Null => {
                return Err(
                    "Standalone null schemas are not supported by this converter".to_owned()
                );
            }
        })
    }

    fn array(&mut self, items: TypeId) -> Result<Schema, String> {
        let Some((key, value)) = map_entry(self.avro, items)? else {
            return Ok(Schema::array(self.any(items, Use::default())?));
        };
        let key = self.any(key, Use::default())?;
        Ok(Schema::map(key, self.any(value, Use::default())?))
    }

    fn record(
        &mut self,
        id: TypeId,
        found: &'a AvroType,
        fields: &'a [AvroField],
    ) -> Result<Schema, String> {
        let named = found.kind.named();
        if self.open.contains(&id) {
            return Err(format!(
                "The Avro record {} contains itself, which schemas of Connect data cannot do here",
                named.map(super::schema::Named::full).unwrap_or_default()
            ));
        }
        let has_docs = !self.config.discards && self.config.has_meta;
        let mut schema = Schema::new(Type::Struct);
        if let Some(doc) = named.and_then(|named| named.doc.as_deref()).filter(|_| has_docs) {
            schema = schema.parameter(RECORD_DOC, doc);
        }
        self.open.push(id);
        for field in fields {
            if let Some(doc) = field.doc.as_deref().filter(|_| has_docs) {
                schema = schema.parameter(format!("{FIELD_DOC}{}", field.name), doc);
            }
            let using = Use {
                default: field.default.as_ref(),
                doc: field.doc.as_deref(),
                ..Use::default()
            };
            let mut kind = self.any(field.kind, using)?;
            if let Some(Json::Object(own)) =
                field.props.get(PROP_PARAMETERS).filter(|_| self.config.has_meta)
            {
                for (name, text) in own {
                    kind = kind.parameter(name, java_text(text));
                }
            }
            schema = schema.field(field.name.as_str(), kind);
        }
        self.open.pop();
        Ok(schema)
    }

    fn enumeration(
        &self,
        full: &str,
        doc: Option<&str>,
        symbols: &[Arc<str>],
        default: Option<&str>,
    ) -> Schema {
        let mut schema = Schema::new(Type::String);
        let name = full.rsplit('.').next().unwrap_or(full);
        if self.config.has_meta {
            if let Some(doc) = doc {
                let key = if self.config.discards {
                    PROP_ENUM_DOC.to_owned()
                } else {
                    format!("{ENUM_DOC}{name}")
                };
                schema = schema.parameter(key, doc);
            }
            if let Some(default) = default.filter(|_| !self.config.discards) {
                schema = schema.parameter(format!("{ENUM_DEFAULT}{name}"), default);
            }
        }
        let parameter = names::enum_parameter(self.config);
        schema = schema.parameter(parameter, full);
        for (index, symbol) in symbols.iter().enumerate() {
            let text =
                if self.config.is_generalized { index.to_string() } else { symbol.to_string() };
            schema = schema.parameter(format!("{parameter}.{symbol}"), text);
        }
        schema
    }

    fn union(&mut self, branches: &[TypeId]) -> Result<Schema, String> {
        let mut schema = Schema::new(Type::Struct);
        if self.config.is_generalized {
            let name = format!("connect_union_{}", self.unions);
            self.unions += 1;
            schema = schema.named(name.as_str()).parameter(GENERAL_UNION, name);
        } else {
            schema = schema.named(UNION);
        }
        for (index, branch) in branches.iter().enumerate() {
            let kind = self.avro.get(*branch);
            if *kind == Kind::Null {
                schema = schema.optional();
                continue;
            }
            let name = branch_name(self.config, kind, index);
            if schema.field_index(&name).is_some() {
                return Err("Multiple union schemas map to the Connect union field name".to_owned());
            }
            let using = Use { is_optional: true, ..Use::default() };
            schema = schema.field(name, self.any(*branch, using)?);
        }
        Ok(schema)
    }

    /// The schema with what properties, and the field it is of, say.
    fn dressed(
        &self,
        found: &AvroType,
        id: TypeId,
        mut schema: Schema,
        using: Use<'_>,
    ) -> Result<Schema, String> {
        schema = self.documented(found, schema, using.doc);
        schema = versioned(found, schema, using.version)?;
        if let Some(parameters) = found.props.get(PROP_PARAMETERS).filter(|_| self.config.has_meta)
        {
            let Json::Object(parameters) = parameters else {
                return Err(format!(
                    "Expected JSON object for schema parameters but found: {parameters}"
                ));
            };
            for (name, text) in parameters {
                let text = text.as_str().ok_or_else(|| {
                    format!("Expected schema parameter values to be strings but found: {text}")
                })?;
                schema = schema.parameter(name, text);
            }
        }
        for (name, value) in &found.props {
            if name.starts_with(AVRO_PROP) {
                schema = schema.parameter(name, java_text(value));
            }
        }
        let own = found.props.get(PROP_DEFAULT);
        if using.default.is_some() && own.is_none() && !self.config.discards && self.config.has_meta
        {
            schema = schema.parameter(FIELD_DEFAULT, "true");
        }
        let name = schema_name(found, &schema)?;
        if let Some(name) = name {
            schema = schema.named(name);
        }
        if let Some(default) = using.default.or(own).filter(|default| !default.is_null())
            && let Some(value) = defaults::from_json(self.config, self.avro, id, &schema, default)
        {
            schema = schema.with_default(value);
        }
        Ok(if using.is_optional { schema.optional() } else { schema })
    }

    fn documented(&self, found: &AvroType, mut schema: Schema, field: Option<&str>) -> Schema {
        let type_doc = match &found.kind {
            Kind::Record(named, _) | Kind::Enum(named, ..) | Kind::Fixed(named, _) => {
                named.doc.as_deref()
            }
            _ => None,
        };
        let own = found.text(PROP_DOC);
        if !self.config.discards {
            return match own.filter(|_| self.config.has_meta) {
                Some(doc) => schema.documented(doc),
                None => schema,
            };
        }
        if let Some(doc) = field.or(type_doc).or(own) {
            schema = schema.documented(doc);
        }
        match type_doc.filter(|_| self.config.has_meta) {
            Some(doc) => schema.parameter(PROP_RECORD_DOC, doc),
            None => schema,
        }
    }
}

fn bytes(found: &AvroType, is_decimal: bool) -> Result<Schema, String> {
    let mut schema = Schema::new(Type::Bytes);
    if is_decimal {
        let scale = found.props.get("scale").and_then(Json::as_i64).unwrap_or(0);
        let scale = i32::try_from(scale).map_err(|_| format!("Scale {scale} is out of range"))?;
        schema = schema.named(logical::DECIMAL).versioned(1).parameter("scale", scale.to_string());
        if let Some(precision) = found.props.get("precision") {
            let precision = precision.as_i64().ok_or(
                "precision property must be a JSON Integer. \
                 https://avro.apache.org/docs/1.9.1/spec.html#Decimal",
            )?;
            if precision != DEFAULT_PRECISION {
                schema = schema.parameter(PRECISION, precision.to_string());
            }
        }
    }
    if let Kind::Fixed(_, size) = found.kind {
        schema = schema.parameter(FIXED_SIZE, size.to_string());
    }
    Ok(schema)
}

fn versioned(found: &AvroType, schema: Schema, registry: Option<i32>) -> Result<Schema, String> {
    let version = match found.props.get(PROP_VERSION) {
        Some(version) => {
            let version = version.as_i64().and_then(|version| i32::try_from(version).ok());
            Some(version.ok_or("Invalid Connect version found")?)
        }
        None => registry,
    };
    match (version.filter(|version| *version >= 0), schema.version()) {
        (Some(version), None) => Ok(schema.versioned(version)),
        (Some(version), Some(known)) if version != known => Err(format!(
            "Mismatched versions: version already added to SchemaBuilder ({known}) differs from \
             version in source schema ({version})"
        )),
        _ => Ok(schema),
    }
}

/// The name that is still to be set.
fn schema_name(found: &AvroType, schema: &Schema) -> Result<Option<String>, String> {
    let name = match (found.props.get(PROP_NAME), &found.kind) {
        (Some(Json::String(name)), _) => Some(name.clone()),
        (Some(other), _) => return Err(format!("Invalid schema name: {other}")),
        (None, Kind::Record(named, _) | Kind::Enum(named, ..)) => Some(named.full()),
        (None, Kind::Fixed(named, _)) if schema.name() != Some(logical::DECIMAL) => {
            Some(named.full())
        }
        _ => None,
    };
    let name = name.filter(|name| !name.starts_with(DEFAULT_FULL_NAME));
    match (name, schema.name()) {
        (Some(name), Some(known)) if name != known => Err(format!(
            "Mismatched names: name already added to SchemaBuilder ({known}) differs from name in \
             source schema ({name})"
        )),
        (name, None) => Ok(name),
        _ => Ok(None),
    }
}

/// Key and value of a record that stands for an entry of a map.
pub(super) fn map_entry(
    avro: &AvroSchema,
    items: TypeId,
) -> Result<Option<(TypeId, TypeId)>, String> {
    let Some(AvroType { kind: Kind::Record(named, fields), props }) = avro.whole(items) else {
        return Ok(None);
    };
    let is_entry = (named.namespace.as_deref() == Some(NAMESPACE) && named.name == MAP_ENTRY)
        || props.get(PROP_INTERNAL).and_then(Json::as_str) == Some(MAP_ENTRY);
    if !is_entry {
        return Ok(None);
    }
    let field = |name: &str| fields.iter().find(|field| field.name == name).map(|one| one.kind);
    match (fields.len(), field("key"), field("value")) {
        (2, Some(key), Some(value)) => Ok(Some((key, value))),
        _ => Err("Found map encoded as array of key-value pairs, but array elements do not match \
                  the expected format."
            .to_owned()),
    }
}

/// A text as it is, anything else as JSON.
fn java_text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}
