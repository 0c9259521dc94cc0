//! Writes the implementation of `Config` for a struct.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Data, DeriveInput, Expr, ExprCall, ExprPath, Field, Fields, Ident, Type, ext::IdentExt as _,
};

use crate::attributes::{FieldOptions, StructOptions};

/// Names that a `check` attribute may use without importing them.
const KNOWN_CHECKS: [&str; 10] = [
    "NOT_EMPTY",
    "NOT_NULL",
    "PRINTABLE",
    "REGEX",
    "UNIQUE",
    "at_least",
    "at_most",
    "between",
    "one_of",
    "one_of_any_case",
];

/// Writes the implementation.
///
/// # Errors
/// Every mistake in the struct at once, each at its place.
pub(crate) fn config(input: &DeriveInput) -> syn::Result<TokenStream> {
    let options = StructOptions::parse(&input.attrs)?;
    let parts = parts(named_fields(input)?)?;
    let add = parts.iter().map(|part| part.add_to_definition(options.group.as_ref()));
    let read = parts.iter().map(Part::read);
    let fields = parts.iter().map(|part| part.name);
    let values = parts.iter().map(|part| &part.value);
    let check = options.has_check.then(own_check);
    let open = options.open.map(|prefix| quote! { def.open(#prefix); });
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::connect_api::config::Config for #name #type_generics #where_clause {
            fn def() -> ::connect_api::config::ConfigDef {
                let mut def = ::connect_api::config::ConfigDef::new();
                #(#add)*
                #open
                def
            }

            fn read(
                reader: &mut ::connect_api::config::Reader<'_>,
            ) -> ::core::option::Option<Self> {
                #(#read)*
                ::core::option::Option::Some(Self { #(#fields: #values?),* })
            }

            #check
        }
    })
}

/// Calls the type's own `check`.
///
/// The trait in the body makes the call fail to compile where the type has none; it would
/// otherwise mean the method being written, and never return.
fn own_check() -> TokenStream {
    quote! {
        fn check(&self, problems: &mut ::connect_api::config::Problems) {
            trait TypeNeedsItsOwnCheck {
                fn check() {}
            }
            impl<T> TypeNeedsItsOwnCheck for T {}
            Self::check(self, problems);
        }
    }
}

/// The fields of a struct that has named ones.
fn named_fields(input: &DeriveInput) -> syn::Result<impl Iterator<Item = (&Ident, &Field)>> {
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => {
            Ok(data.fields.iter().filter_map(|field| Some((field.ident.as_ref()?, field))))
        }
        _ => Err(syn::Error::new_spanned(
            &input.ident,
            "`Config` is derived for structs with named fields, one option per field",
        )),
    }
}

/// Reads all fields; mistakes are collected, so that one compilation shows them all.
fn parts<'a>(fields: impl Iterator<Item = (&'a Ident, &'a Field)>) -> syn::Result<Vec<Part<'a>>> {
    let mut parts = Vec::new();
    let mut mistakes: Option<syn::Error> = None;
    for (name, field) in fields {
        match Part::new(name, field) {
            Ok(part) => parts.push(part),
            Err(mistake) => match &mut mistakes {
                Some(known) => known.combine(mistake),
                None => mistakes = Some(mistake),
            },
        }
    }
    mistakes.map_or(Ok(parts), Err)
}

/// One field and what is said about it.
struct Part<'a> {
    name: &'a Ident,
    r#type: &'a Type,
    options: FieldOptions,
    key: String,
    /// The local variable its value is read into.
    value: Ident,
}

impl<'a> Part<'a> {
    fn new(name: &'a Ident, field: &'a Field) -> syn::Result<Self> {
        let options = FieldOptions::parse(&field.attrs)?;
        let bare = name.unraw().to_string();
        if options.documentation.is_empty() && options.flatten.is_none() {
            return Err(syn::Error::new_spanned(
                field,
                format!("option `{bare}` needs a doc comment: it is what the manual says"),
            ));
        }
        let key = options.key.as_ref().map_or_else(|| bare.replace('_', "."), syn::LitStr::value);
        Ok(Self { name, r#type: &field.ty, options, key, value: format_ident!("value_of_{bare}") })
    }

    fn read(&self) -> TokenStream {
        let Self { r#type, key, value, .. } = self;
        match &self.options.flatten {
            Some(prefix) if prefix.value().is_empty() => {
                quote! { let #value = reader.flatten::<#r#type>(); }
            }
            Some(prefix) => quote! { let #value = reader.flatten_under::<#r#type>(#prefix); },
            None => quote! { let #value = reader.read::<#r#type>(#key); },
        }
    }

    fn add_to_definition(&self, struct_group: Option<&Expr>) -> TokenStream {
        let Self { r#type, key, options, .. } = self;
        if let Some(prefix) = &options.flatten {
            let inner = quote! { <#r#type as ::connect_api::config::Config>::def() };
            return quote! { def.extend(#inner.under(#prefix)); };
        }
        let documentation = &options.documentation;
        let group = options.group.as_ref().or(struct_group);
        let calls = [
            call("kind", variant("ConfigKind", options.kind.as_ref())),
            call("default", options.default.as_ref()),
            call("importance", variant("Importance", options.importance.as_ref())),
            call("group", group),
            call("order", options.order.as_ref()),
            call("width", variant("Width", options.width.as_ref())),
            call("display_name", options.display.as_ref()),
            call("dependents", options.dependents.as_deref().map(array)),
            call("recommended", options.recommended.as_deref().map(array)),
            options.is_raw.then(|| quote! { .raw() }),
        ];
        let aliases = options.aliases.iter().map(|alias| call("alias", Some(alias)));
        let checks = options.checks.iter().map(|check| call("check", Some(known_check(check))));
        quote! {
            def.add(
                ::connect_api::config::ConfigKey::of::<#r#type>(#key, #documentation)
                    #(#calls)* #(#aliases)* #(#checks)*
            );
        }
    }
}

/// `.method(argument)`, or nothing without an argument.
fn call(method: &str, argument: Option<impl ToTokens>) -> Option<TokenStream> {
    let method = format_ident!("{method}");
    argument.map(|argument| quote! { .#method(#argument) })
}

/// A variant of one of the enums of `connect_api::config`.
fn variant(of: &str, name: Option<&Ident>) -> Option<TokenStream> {
    let of = format_ident!("{of}");
    name.map(|name| quote! { ::connect_api::config::#of::#name })
}

/// `[a, b]`; an empty one names its type, which nothing else would.
fn array(items: &[Expr]) -> TokenStream {
    if items.is_empty() {
        return quote! { ::core::iter::empty::<&str>() };
    }
    quote! { [#(#items),*] }
}

/// A check by its full path where it is one of ours, else as it was written.
fn known_check(check: &Expr) -> TokenStream {
    match check {
        Expr::Path(path) if is_known(path) => quote! { ::connect_api::config::#path },
        Expr::Call(ExprCall { func, args, .. }) => match func.as_ref() {
            Expr::Path(path) if is_known(path) => quote! { ::connect_api::config::#path(#args) },
            _ => check.to_token_stream(),
        },
        _ => check.to_token_stream(),
    }
}

fn is_known(path: &ExprPath) -> bool {
    path.path.get_ident().is_some_and(|name| KNOWN_CHECKS.iter().any(|known| name == known))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn mistakes(input: &DeriveInput) -> Vec<String> {
        config(input).unwrap_err().into_iter().map(|mistake| mistake.to_string()).collect()
    }

    #[test]
    fn every_field_without_a_doc_comment_is_named() {
        let found = mistakes(&parse_quote! {
            struct Options { topic: String, #[config(default = 1)] r#type: u32 }
        });
        assert_eq!(
            found,
            [
                "option `topic` needs a doc comment: it is what the manual says",
                "option `type` needs a doc comment: it is what the manual says",
            ]
        );
    }

    #[test]
    fn unknown_attributes_are_refused() {
        let found = mistakes(&parse_quote! {
            struct Options {
                /// Topic.
                #[config(defualt = 1)]
                topic: u32,
            }
        });
        assert!(found.iter().any(|text| text.starts_with("unknown attribute")), "{found:?}");
    }

    #[test]
    fn flatten_stands_alone() {
        let found =
            mistakes(&parse_quote! { struct Options { #[config(flatten, key = "a")] a: Other } });
        assert!(found.iter().any(|text| text.starts_with("`flatten` stands alone")), "{found:?}");
    }

    #[test]
    fn only_structs_with_named_fields_are_taken() {
        assert_eq!(mistakes(&parse_quote! { enum Options { A } }).len(), 1);
        assert_eq!(mistakes(&parse_quote! { struct Options(u32); }).len(), 1);
    }
}
