//! The derive for configuration: reads a struct, writes its definition and its parser.
//!
//! Used through `connect_api::config::Config`, where its attributes are described. It promises
//! that every mistake in the attributes is a compile error at the place of the mistake. The code it
//! writes names everything by full path, so it needs no imports.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `connect_api::config::Config`; see there for the attributes.
#[proc_macro_derive(Config, attributes(config))]
pub fn derive_config(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::config(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
