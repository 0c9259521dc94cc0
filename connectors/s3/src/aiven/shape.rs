//! Avro and Parquet: what is made once for records of the same schemas.
//!
//! A file holds structs named `connector_records` with the chosen fields, or, without an envelope,
//! what the only field is. Its schema is made of those of the first record; another one begins
//! another file.
//! Source: Aiven-Open/cloud-storage-connectors-for-apache-kafka `SinkSchemaBuilder.java`,
//! `SinkRecordConverter.java`.

use std::sync::Arc;

use bytes::BufMut as _;
use connect_api::{
    config::Choice as _,
    error::{ConnectorError, Result},
    record::SinkRecord,
    schema::{Schema, Type, same_schema},
};
use connect_avro::{
    AvroDataConfig, AvroField, AvroSchema, AvroType, AvroWriter, Kind, Named, TypeId, avro_schema,
    put_long,
};
use connect_storage::{
    body::{Head, Plan},
    format::Container,
    words::{AvroCodec, ParquetCodec},
};

use super::{
    config::{AivenConfig, FileCompression, OutputField, OutputType},
    entries::{distinct, entries, header_schema, java_order},
};

/// Most shapes that are remembered.
const MOST_SHAPES: usize = 100;

/// What a file is made of.
#[derive(Clone, Copy, Debug)]
enum FileKind {
    Avro(AvroCodec),
    Parquet(ParquetCodec),
}

/// What makes one shape differ from another.
#[derive(Clone, Debug)]
struct Features {
    key: Option<Arc<Schema>>,
    value: Option<Arc<Schema>>,
    header: Option<Arc<Schema>>,
    /// Keys of a map that is written as a struct, in their order there.
    names: Vec<Arc<str>>,
}

/// How records of one set of schemas stand in files.
#[derive(Debug)]
pub(super) struct Shape {
    features: Features,
    parts: Vec<Part>,
    pub(super) container: Arc<Container>,
}

/// Writes a part of a record.
#[derive(Debug)]
enum Part {
    Key(AvroWriter),
    Value(AvroWriter),
    Offset,
    Timestamp,
    Headers(AvroWriter),
    NoHeaders,
    /// The entries of a map that is written as a struct.
    Entries(OutputField, AvroWriter),
}

/// Finds the shapes of records.
#[derive(Debug)]
pub(super) struct Shapes {
    kind: FileKind,
    fields: Vec<OutputField>,
    has_envelope: bool,
    avro: AvroDataConfig,
    known: Vec<Arc<Shape>>,
}

impl Shapes {
    /// Those of a configuration; none when its format has no schemas.
    pub(super) fn new(config: &AivenConfig) -> Option<Self> {
        let kind = match config.format.kind {
            OutputType::Avro => FileKind::Avro(config.format.avro_codec),
            OutputType::Parquet => FileKind::Parquet(match config.file.compression {
                None | Some(FileCompression::None) => ParquetCodec::None,
                Some(FileCompression::Gzip) => ParquetCodec::Gzip,
                Some(FileCompression::Snappy) => ParquetCodec::Snappy,
                Some(FileCompression::Zstd) => ParquetCodec::Zstd,
            }),
            OutputType::Csv | OutputType::Json | OutputType::Jsonl => return None,
        };
        Some(Self {
            kind,
            fields: config.fields().to_vec(),
            has_envelope: config.format.envelope,
            avro: config.avro.clone(),
            known: Vec::new(),
        })
    }

    /// The shape of a record.
    ///
    /// # Errors
    /// `Record` when what is to be written has no schema, or one that Avro cannot say.
    pub(super) fn find(&mut self, record: &SinkRecord) -> Result<Arc<Shape>> {
        let features = self.features(record)?;
        if let Some(place) = self.known.iter().position(|known| known.features.is_same(&features))
            && let Some(before) = self.known.get_mut(..=place)
        {
            before.rotate_right(1);
        } else {
            self.known.insert(0, Arc::new(self.make(features)?));
            self.known.truncate(MOST_SHAPES);
        }
        let found = self.known.first().cloned();
        found.ok_or_else(|| ConnectorError::internal("The shape of a record was lost"))
    }

    fn features(&self, record: &SinkRecord) -> Result<Features> {
        let has = |field| self.fields.contains(&field);
        let header = if has(OutputField::Headers) { header_schema(&record.headers)? } else { None };
        let mut features = Features {
            key: record.key.schema.clone(),
            value: record.value.schema.clone(),
            header,
            names: Vec::new(),
        };
        let own = self.fields.first().copied().unwrap_or(OutputField::Value);
        if !self.has_envelope && self.is_map(own, &features) {
            let names = entries(own, record).into_iter().map(|(name, _)| Arc::from(name));
            features.names = java_order(names.collect());
        }
        Ok(features)
    }

    /// Whether a field is a map in Avro.
    fn is_map(&self, field: OutputField, features: &Features) -> bool {
        let schema = match field {
            OutputField::Headers => return features.header.is_some(),
            OutputField::Key => &features.key,
            _ => &features.value,
        };
        let has_texts = |keys: &Arc<Schema>| {
            keys.kind() == Type::String && (!keys.is_optional() || self.avro.allows_optional_keys)
        };
        schema.as_ref().is_some_and(|schema| {
            schema.kind() == Type::Map
                && !schema.is_optional()
                && schema.key_schema().is_some_and(has_texts)
        })
    }

    fn make(&self, features: Features) -> Result<Shape> {
        let told = |reason: String| {
            ConnectorError::record(format!(
                "{} cannot hold records of these schemas: {reason}",
                self.kind.word()
            ))
        };
        let mut parts = Vec::with_capacity(self.fields.len());
        let mut schemas = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let (part, schema) = self.part(*field, &features).map_err(told)?;
            parts.push(part);
            schemas.push((field.word(), schema));
        }
        let whole = if self.has_envelope {
            self.record(&schemas)
        } else {
            let only = schemas.into_iter().next().map(|(_, schema)| schema);
            self.unwrapped(&features, (&mut parts, only.unwrap_or_default())).map_err(told)?
        };
        let container = match self.kind {
            FileKind::Avro(codec) => Container::Avro(Head::new(codec, &whole.text())),
            FileKind::Parquet(codec) => {
                Container::Parquet(Arc::new(Plan::new(&whole, codec).map_err(told)?))
            }
        };
        Ok(Shape { features, parts, container: Arc::new(container) })
    }

    fn part(&self, field: OutputField, features: &Features) -> Result<(Part, AvroSchema), String> {
        let of = |schema: &Option<Arc<Schema>>, what: &str| {
            let schema = schema.as_ref().ok_or_else(|| format!("Record {what} without schema"))?;
            let avro = avro_schema(&self.avro, schema)?;
            Ok::<_, String>((AvroWriter::new(&self.avro, &avro, schema)?, avro))
        };
        Ok(match field {
            OutputField::Key => of(&features.key, "key").map(|(it, avro)| (Part::Key(it), avro))?,
            OutputField::Value => {
                of(&features.value, "value").map(|(it, avro)| (Part::Value(it), avro))?
            }
            OutputField::Offset => (Part::Offset, plain(Kind::Long)),
            OutputField::Timestamp => (Part::Timestamp, plain(Kind::Long)),
            OutputField::Headers if features.header.is_none() => {
                (Part::NoHeaders, plain(Kind::Null))
            }
            OutputField::Headers => {
                let (writer, values) = of(&features.header, "header")?;
                let mut map = AvroSchema::default();
                let values = map.nest(&values);
                map.root = map.add(AvroType::new(Kind::Map(values)));
                (Part::Headers(writer), map)
            }
        })
    }

    /// A record of these fields, none of which has a default.
    fn record(&self, schemas: &[(&str, AvroSchema)]) -> AvroSchema {
        let mut whole = AvroSchema::default();
        let fields = schemas.iter().map(|(name, schema)| field(name, whole.nest(schema)));
        let fields = fields.collect();
        self.named(whole, fields)
    }

    fn named(&self, mut whole: AvroSchema, fields: Vec<AvroField>) -> AvroSchema {
        let name = match self.kind {
            FileKind::Avro(_) => "io.aiven.avro.output.schema.connector_records",
            FileKind::Parquet(_) => "io.aiven.parquet.output.schema.connector_records",
        };
        whole.root = whole.add(AvroType::new(Kind::Record(Named::new(name), fields)));
        whole
    }

    /// The only field without an envelope: a struct as it is, a map as a struct of its keys, anything
    /// else as the only field of a struct.
    fn unwrapped(
        &self,
        features: &Features,
        (parts, only): (&mut Vec<Part>, AvroSchema),
    ) -> Result<AvroSchema, String> {
        let Some(own) = self.fields.first() else { return Ok(only) };
        match *only.get(only.root) {
            Kind::Record(..) => Ok(only),
            Kind::Map(values) => {
                let schema = match own {
                    OutputField::Headers => features.header.as_ref(),
                    OutputField::Key => features.key.as_deref().and_then(Schema::value_schema),
                    _ => features.value.as_deref().and_then(Schema::value_schema),
                };
                let schema = schema.ok_or_else(|| "a map without a schema".to_owned())?;
                let mut inner = only.clone();
                inner.root = values;
                let writer = AvroWriter::new(&self.avro, &inner, schema)?;
                *parts = vec![Part::Entries(*own, writer)];
                let mut whole = AvroSchema::default();
                let values = whole.nest(&inner);
                let names = features.names.iter();
                let fields = names.map(|name| {
                    is_name(name)
                        .then(|| field(name, values))
                        .ok_or_else(|| format!("\"{name}\" is no name of a field"))
                });
                let fields = fields.collect::<Result<_, _>>()?;
                Ok(self.named(whole, fields))
            }
            _ => Ok(self.record(&[(own.word(), only)])),
        }
    }
}

impl FileKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Avro(_) => "Avro",
            Self::Parquet(_) => "Parquet",
        }
    }
}

impl Features {
    fn is_same(&self, other: &Self) -> bool {
        let pairs =
            [(&self.key, &other.key), (&self.value, &other.value), (&self.header, &other.header)];
        let is_same = |(one, other): &(&Option<Arc<Schema>>, &Option<Arc<Schema>>)| {
            same_schema(one.as_ref(), other.as_ref())
        };
        pairs.iter().all(is_same) && self.names == other.names
    }
}

impl Shape {
    /// Whether records of both can be in one file.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.features.is_same(&other.features)
    }

    /// Appends a record as Avro data; after an error some of it may be there.
    ///
    /// # Errors
    /// `Record` when it does not fit its schemas.
    pub(super) fn write(&self, out: &mut Vec<u8>, record: &SinkRecord) -> Result<()> {
        let written = self.parts.iter().try_for_each(|part| self.write_part(part, out, record));
        written.map_err(ConnectorError::record)
    }

    fn write_part(
        &self,
        part: &Part,
        out: &mut Vec<u8>,
        record: &SinkRecord,
    ) -> Result<(), String> {
        match part {
            Part::Key(writer) => writer.write(&record.key.value, out),
            Part::Value(writer) => writer.write(&record.value.value, out),
            Part::Offset => {
                put_long(out, record.offset);
                Ok(())
            }
            Part::Timestamp => {
                let ms = record.timestamp_ms;
                put_long(out, ms.ok_or_else(|| "Record without timestamp".to_owned())?);
                Ok(())
            }
            Part::NoHeaders => Ok(()),
            Part::Headers(writer) => {
                let headers = distinct(&record.headers);
                put_long(out, i64::try_from(headers.len()).unwrap_or(i64::MAX));
                for (name, value) in headers {
                    put_long(out, i64::try_from(name.len()).unwrap_or(i64::MAX));
                    out.put_slice(name.as_bytes());
                    writer.write(value, out)?;
                }
                out.put_u8(0);
                Ok(())
            }
            Part::Entries(field, writer) => {
                let entries = entries(*field, record);
                self.features.names.iter().try_for_each(|name| {
                    let found = entries.iter().rev().find(|(key, _)| *key == &**name);
                    let (_, value) = found.ok_or_else(|| format!("Entry {name} is missing"))?;
                    writer.write(value, out)
                })
            }
        }
    }
}

fn plain(kind: Kind) -> AvroSchema {
    let mut schema = AvroSchema::default();
    schema.root = schema.add(AvroType::new(kind));
    schema
}

fn field(name: &str, kind: TypeId) -> AvroField {
    AvroField {
        name: name.to_owned(),
        kind,
        doc: None,
        default: None,
        order: None,
        aliases: Vec::new(),
        props: serde_json::Map::new(),
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}
