//! Schema texts with their imports, linked.
//!
//! A registry has a schema as `.proto` text or as a serialised descriptor in base64. Texts may use
//! options that nobody imported, because the originals print them so; of those only the ones that
//! say something about Connect are kept.
//! Source: confluentinc/schema-registry `ProtobufSchema.java`.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect_api::error::{ConnectorError, Result};
use prost::Message as _;
use prost_reflect::{DescriptorPool, MessageDescriptor, Value as ReflectValue};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    UninterpretedOption,
};

/// Name of the schema's own file: one that no import can have.
const ROOT: &str = "//schema";

/// Longest text that is read.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// Deepest nesting of brackets in a text.
const MAX_NESTING: usize = 64;

/// Most files that a schema imports, directly or not.
const MOST_FILES: usize = 1000;

const META_FILE: &str = "confluent/meta.proto";

/// Files that every schema may import without reference.
const BUNDLED: [(&str, &str); 5] = [
    (META_FILE, include_str!("well_known/meta.proto")),
    ("confluent/type/decimal.proto", include_str!("well_known/decimal.proto")),
    ("confluent/type/variant.proto", include_str!("well_known/variant.proto")),
    ("google/type/date.proto", include_str!("well_known/date.proto")),
    ("google/type/timeofday.proto", include_str!("well_known/timeofday.proto")),
];

/// A schema whose types are known.
#[derive(Clone, Debug)]
pub(super) struct SchemaFile {
    pool: DescriptorPool,
    /// Full names of the maps that were written as `map<…>`: they have no place among the messages.
    hidden: HashSet<String>,
}

fn bad(message: impl Into<String>) -> ConnectorError {
    ConnectorError::record(message)
}

/// A file as it came, before it is linked.
struct Source {
    proto: FileDescriptorProto,
    /// Serialised form with what the parsed one does not keep.
    encoded: Option<Vec<u8>>,
}

impl SchemaFile {
    /// Reads a schema and those it refers to, each with the name it is imported by.
    ///
    /// # Errors
    /// `Record` when one of them is no Protobuf schema.
    pub(super) fn parse(text: &str, referred: &[(String, Arc<str>)]) -> Result<Self> {
        let mut pool = DescriptorPool::new();
        let source = source(ROOT, text)?;
        let mut hidden = HashSet::new();
        let package = source.proto.package().to_owned();
        note_hidden(&mut hidden, &package, &source.proto.message_type, source.encoded.is_some());
        let mut imports = Imports { pool: &mut pool, referred, open: Vec::new(), files: 0 };
        imports.add_imports(&source.proto)?;
        if source.encoded.is_some() {
            // Its options are read, whether it imports their definition or not.
            imports.add_file(META_FILE)?;
        }
        add(&mut pool, ROOT, source)?;
        Ok(Self { pool, hidden })
    }

    /// The message at a path, each step the number of a message among its siblings.
    ///
    /// # Errors
    /// `Record` when there is none.
    pub(super) fn message(&self, indexes: &[usize]) -> Result<MessageDescriptor> {
        let missing = || {
            bad(format!("Invalid message indexes: {indexes:?}"))
                .hint("The record was written with another schema than its id names")
        };
        let file = self.pool.get_file_by_name(ROOT).ok_or_else(missing)?;
        let mut found: Option<MessageDescriptor> = None;
        for index in indexes {
            let next = match &found {
                None => self.sibling(file.messages(), *index),
                Some(parent) => self.sibling(parent.child_messages(), *index),
            };
            found = Some(next.ok_or_else(missing)?);
        }
        found.ok_or_else(missing)
    }

    fn sibling(
        &self,
        mut siblings: impl Iterator<Item = MessageDescriptor>,
        index: usize,
    ) -> Option<MessageDescriptor> {
        siblings.by_ref().filter(|it| !self.hidden.contains(it.full_name())).nth(index)
    }

    /// Path of the message with this full name; that of the first one when there is none.
    pub(super) fn indexes(&self, name: &str) -> Vec<usize> {
        let path = || {
            let file = self.pool.get_file_by_name(ROOT)?;
            let local = match file.package_name() {
                "" => name,
                package => name.strip_prefix(package)?.strip_prefix('.')?,
            };
            let mut path = Vec::new();
            let mut siblings: Vec<_> = file.messages().collect();
            for step in local.split('.') {
                siblings.retain(|it| !self.hidden.contains(it.full_name()));
                let index = siblings.iter().position(|it| it.name() == step)?;
                path.push(index);
                siblings = siblings.get(index)?.child_messages().collect();
            }
            Some(path)
        };
        path().unwrap_or_else(|| vec![0])
    }

    /// Parameters that the field's options say for Connect.
    pub(super) fn parameters(
        &self,
        field: &prost_reflect::FieldDescriptor,
    ) -> Vec<(String, String)> {
        let found = || {
            let extension = self.pool.get_extension_by_name("confluent.field_meta")?;
            let options = field.options();
            if !options.has_extension(&extension) {
                return None;
            }
            let meta = options.get_extension(&extension);
            let parameters = meta.as_message()?.get_field_by_name("params")?;
            let text = |value: &ReflectValue| value.as_str().map(str::to_owned);
            Some(
                parameters
                    .as_map()?
                    .iter()
                    .filter_map(|(name, value)| Some((name.as_str()?.to_owned(), text(value)?)))
                    .collect(),
            )
        };
        found().unwrap_or_default()
    }
}

struct Imports<'a> {
    pool: &'a mut DescriptorPool,
    referred: &'a [(String, Arc<str>)],
    /// Files whose imports are being read: one that imports itself has no end.
    open: Vec<String>,
    files: usize,
}

impl Imports<'_> {
    fn add_imports(&mut self, file: &FileDescriptorProto) -> Result<()> {
        file.dependency.iter().try_for_each(|name| self.add_file(name))
    }

    fn add_file(&mut self, name: &str) -> Result<()> {
        if self.pool.get_file_by_name(name).is_some() {
            return Ok(());
        }
        self.files += 1;
        if self.open.iter().any(|open| open == name) || self.files > MOST_FILES {
            return Err(bad(format!("The Protobuf schema imports \"{name}\" in a circle")));
        }
        let source = match self.referred.iter().find(|(known, _)| known == name) {
            Some((_, text)) => source(name, text)?,
            None => known_file(name)?,
        };
        self.open.push(name.to_owned());
        self.add_imports(&source.proto)?;
        self.open.pop();
        add(self.pool, name, source)
    }
}

/// Links a file. The library panics on some descriptors while it looks for the place to name in its
/// error; what it has built by then is thrown away with the schema.
fn add(pool: &mut DescriptorPool, name: &str, source: Source) -> Result<()> {
    let which = if name == ROOT { String::new() } else { format!(" \"{name}\"") };
    let invalid = || bad(format!("The Protobuf schema{which} is not valid"));
    let added = catch_unwind(AssertUnwindSafe(|| match source.encoded {
        Some(encoded) => pool.decode_file_descriptor_proto(encoded.as_slice()),
        None => pool.add_file_descriptor_proto(source.proto),
    }));
    match added {
        Ok(linked) => linked.map_err(|error| invalid().caused_by(error)),
        Err(_) => Err(invalid().hint("Its descriptor is broken: register the schema as text")),
    }
}

fn known_file(name: &str) -> Result<Source> {
    if let Some((_, text)) = BUNDLED.iter().find(|(known, _)| *known == name) {
        return source(name, text);
    }
    let file = DescriptorPool::global().get_file_by_name(name).ok_or_else(|| {
        bad(format!("The Protobuf schema imports \"{name}\", which is not known"))
            .hint("Register the schema with the one it imports among its references")
    })?;
    let proto = file.file_descriptor_proto().clone();
    Ok(Source { proto, encoded: None })
}

fn source(name: &str, text: &str) -> Result<Source> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(bad(format!("The Protobuf schema is longer than {MAX_TEXT_BYTES} bytes")));
    }
    if !text.contains('{')
        && let Some(source) = descriptor(name, text)
    {
        return Ok(source);
    }
    if nesting(text) > MAX_NESTING {
        return Err(bad("The Protobuf schema is nested too deeply"));
    }
    let mut proto = protox_parse::parse(name, text)
        .map_err(|error| bad("Could not parse the Protobuf schema").caused_by(error))?;
    proto.source_code_info = None;
    let has_options = name != META_FILE && keep_connect_options(&mut proto);
    if has_options && !proto.dependency.iter().any(|it| it == META_FILE) {
        proto.dependency.push(META_FILE.to_owned());
    }
    Ok(Source { proto, encoded: None })
}

/// A serialised descriptor, as clients in other languages register it.
fn descriptor(name: &str, text: &str) -> Option<Source> {
    let encoded = STANDARD.decode(text.trim().as_bytes()).ok()?;
    let mut proto = FileDescriptorProto::decode(encoded.as_slice()).ok()?;
    proto.name = Some(name.to_owned());
    // The last of two names counts, and the rest stays as it is, unknown options included.
    let renamed =
        FileDescriptorProto { name: proto.name.clone(), ..FileDescriptorProto::default() };
    let encoded = [encoded, renamed.encode_to_vec()].concat();
    Some(Source { proto, encoded: Some(encoded) })
}

/// Deepest nesting of brackets; those in texts and comments count too.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => depth += 1,
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn note_hidden(
    hidden: &mut HashSet<String>,
    scope: &str,
    messages: &[DescriptorProto],
    is_descriptor: bool,
) {
    if is_descriptor {
        return;
    }
    for message in messages {
        let name = match scope {
            "" => message.name().to_owned(),
            scope => format!("{scope}.{}", message.name()),
        };
        note_hidden(hidden, &name, &message.nested_type, is_descriptor);
        // The parser sets this itself for `map<…>` and leaves written options uninterpreted; those
        // were moved to a flag before, and are told apart by their having come with others.
        let is_map = message
            .options
            .as_ref()
            .is_some_and(|options| options.map_entry() && options.deprecated.is_none());
        if is_map {
            hidden.insert(name);
        }
    }
}

/// Whether an option is the one that Connect's parameters are in.
fn is_field_meta(option: &UninterpretedOption) -> bool {
    matches!(option.name.as_slice(), [part] if part.is_extension
        && part.name_part.trim_start_matches('.') == "confluent.field_meta")
}

fn plain_name(option: &UninterpretedOption) -> Option<&str> {
    match option.name.as_slice() {
        [part] if !part.is_extension => Some(&part.name_part),
        _ => None,
    }
}

fn is_true(option: &UninterpretedOption) -> bool {
    option.identifier_value.as_deref() == Some("true")
}

/// Drops options that reading does not need; whether some are left that need their definition.
fn keep_connect_options(file: &mut FileDescriptorProto) -> bool {
    file.options = None;
    for service in &mut file.service {
        service.options = None;
        for method in &mut service.method {
            method.options = None;
        }
    }
    file.extension.clear();
    file.enum_type.iter_mut().for_each(keep_alias);
    file.message_type.iter_mut().map(keep_in_message).filter(|needs| *needs).count() > 0
}

fn keep_alias(symbols: &mut EnumDescriptorProto) {
    if let Some(options) = &mut symbols.options {
        options.uninterpreted_option.retain(|option| plain_name(option) == Some("allow_alias"));
    }
    for value in &mut symbols.value {
        value.options = None;
    }
}

fn keep_in_message(message: &mut DescriptorProto) -> bool {
    if let Some(options) = &mut message.options {
        let is_entry = options
            .uninterpreted_option
            .iter()
            .any(|option| plain_name(option) == Some("map_entry") && is_true(option));
        options.uninterpreted_option.clear();
        if is_entry {
            options.map_entry = Some(true);
            // Tells it from an entry that the parser made.
            options.deprecated = Some(false);
        }
    }
    for range in &mut message.extension_range {
        range.options = None;
    }
    for oneof in &mut message.oneof_decl {
        oneof.options = None;
    }
    message.extension.clear();
    message.enum_type.iter_mut().for_each(keep_alias);
    let fields = message.field.iter_mut().map(keep_in_field).filter(|needs| *needs).count();
    let nested = message.nested_type.iter_mut().map(keep_in_message).filter(|needs| *needs).count();
    fields + nested > 0
}

fn keep_in_field(field: &mut FieldDescriptorProto) -> bool {
    let Some(options) = &mut field.options else { return false };
    options.uninterpreted_option.retain(is_field_meta);
    !options.uninterpreted_option.is_empty()
}
