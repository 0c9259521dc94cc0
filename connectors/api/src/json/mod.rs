//! JSON for converters: a reader that copies nothing it need not, and Jackson's way of writing.
//!
//! Converters read documents whose meaning a schema decides, in which a decimal keeps every digit
//! and text stays a slice of the record. That is what this is for; for anything else `serde_json`
//! is there.

mod node;
mod parse;
mod write;

pub use self::{
    node::{Node, Schemaless, wrapping},
    parse::{Build, JsonError, Parser},
    write::{write_base64, write_integer, write_number, write_text},
};
