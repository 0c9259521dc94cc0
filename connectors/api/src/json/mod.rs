//! JSON for converters: a reader that copies nothing it need not, and Jackson's way of writing.
//!
//! Converters read documents whose meaning a schema decides, in which a decimal keeps every digit
//! and text stays a slice of the record. That is what this is for; for anything else `serde_json`
//! is there.

mod compact;
mod members;
mod node;
mod parse;
mod scan;
mod text;
mod value;
mod write;

pub(crate) use self::{
    compact::compact_object,
    members::{Member, Members},
};
pub use self::{
    node::{Node, NodeRef, Schemaless, wrapping},
    parse::{Build, JsonError, Parser},
    text::{Part, Text},
    value::{DecimalFormat, write_value},
    write::{write_base64, write_scalar, write_text},
};
