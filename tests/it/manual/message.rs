//! Examples of converters.

use std::{fmt::Write as _, sync::Arc};

use bytes::{Bytes, BytesMut};
use connect_api::{
    config::Props,
    convert::{HeaderConverter, Pending},
    error::Result,
    record::SchemaAndValue,
};
use tokio::runtime::Runtime;

use super::{
    Blocks,
    page::converters,
    registry::SchemaRegistry,
    shown::{data, documents, json_of, laid_out, last, properties},
};

/// Topic of the examples.
const TOPIC: &str = "orders";
/// Bytes of a message on one line.
const LINE: usize = 16;

/// Writes and reads the messages of examples.
pub(super) struct Messages {
    runtime: Runtime,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self { runtime: Runtime::new().unwrap() }
    }

    /// The messages that the data of an example become, what is registered for them, and what they
    /// are read as.
    pub(super) fn of(&self, blocks: &Blocks) -> String {
        let registry = self.runtime.block_on(SchemaRegistry::start());
        let config = properties(last(blocks, "properties"));
        let converter = converter(&config, &registry.url());
        let mut out = String::new();
        for json in documents(last(blocks, "json")) {
            let (data, mut buffer) = (data(&json), BytesMut::new());
            let write = || converter.from_connect_header(TOPIC, "name", &data, &mut buffer);
            let message = self.settled(&*converter, write).unwrap();
            out.push_str(&shown(&message));
            for (subject, schema) in registry.registered() {
                let text = schema.trim_end();
                let language = if text.starts_with("syntax") { "protobuf" } else { "json" };
                let _written =
                    writeln!(out, "\nby the schema of `{subject}`\n\n```{language}\n{text}\n```");
            }
            let read = || converter.to_connect_header(TOPIC, "name", message.as_ref());
            let read = json_of(&self.settled(&*converter, read).unwrap());
            let same = if read == json { "the same" } else { "" };
            let _written = match same {
                "" => writeln!(out, "\nwhich is read as\n\n```json\n{}\n```\n", laid_out(&read)),
                same => writeln!(out, "\nwhich is read as {same}.\n"),
            };
        }
        format!("{}\n", out.trim_end())
    }

    /// The outcome once the converter has what it waits for.
    fn settled<T>(
        &self,
        converter: &dyn HeaderConverter,
        mut convert: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        loop {
            match (convert(), converter.pending()) {
                (Err(_), Some(pending)) => self.runtime.block_on(pending),
                (outcome, _) => return outcome,
            }
        }
    }
}

/// The converter of a configuration, as one of headers, which every converter can be.
fn converter(config: &Props, url: &str) -> Arc<dyn HeaderConverter> {
    let roles = ["key.converter", "value.converter", "header.converter"];
    let role = roles.into_iter().find(|role| config.contains_key(role)).unwrap();
    let class = config.get(role).unwrap();
    let mut props = config.with_prefix(&format!("{role}."));
    if props.contains_key("schema.registry.url") {
        props.insert("schema.registry.url", url);
    }
    if role == "header.converter" {
        return converters().header_converter(class, &props).unwrap();
    }
    Arc::new(OfData(converters().converter(class, &props, role == "key.converter").unwrap()))
}

/// A converter of keys or values.
#[derive(Debug)]
struct OfData(Arc<dyn connect_api::convert::Converter>);

impl HeaderConverter for OfData {
    fn class(&self) -> &'static str {
        self.0.class()
    }

    fn to_connect_header(
        &self,
        topic: &str,
        _name: &str,
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue> {
        self.0.to_connect(topic, &[], bytes)
    }

    fn from_connect_header(
        &self,
        topic: &str,
        _name: &str,
        data: &SchemaAndValue,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>> {
        self.0.from_connect(topic, data, buffer)
    }

    fn pending(&self) -> Option<Pending<'_>> {
        self.0.pending()
    }
}

/// A message as text, or as bytes in hexadecimal digits with the letters among them.
fn shown(message: &Option<Bytes>) -> String {
    let Some(message) = message else { return "a null message\n".to_owned() };
    match std::str::from_utf8(message) {
        Ok(text) if !text.contains(char::is_control) => format!("```text\n{text}\n```\n"),
        _ => {
            let lines = message.chunks(LINE).map(|chunk| {
                let hex: String = chunk.iter().map(|byte| format!("{byte:02x} ")).collect();
                let letters: String = chunk
                    .iter()
                    .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' })
                    .collect();
                format!("{hex:<width$} {letters}\n", width = 3 * LINE)
            });
            format!("```text\n{}```\n", lines.collect::<String>())
        }
    }
}
