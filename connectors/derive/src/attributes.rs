//! What the attributes and the doc comment of a struct or a field say.

use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Token, bracketed, meta::ParseNestedMeta,
    parse::ParseStream, punctuated::Punctuated, spanned::Spanned as _, token,
};

/// What `#[config(…)]` on the struct says.
#[derive(Default)]
pub(crate) struct StructOptions {
    /// Group of the fields that name none.
    pub(crate) group: Option<Expr>,
    /// Whether the type has its own `check`.
    pub(crate) has_check: bool,
    /// What keys begin with that are read under any name.
    pub(crate) open: Option<LitStr>,
}

impl StructOptions {
    /// Reads the attributes of the struct.
    pub(crate) fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("config")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("group") {
                    options.group = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("check") {
                    options.has_check = true;
                } else if meta.path.is_ident("open") {
                    options.open = Some(meta.value()?.parse()?);
                } else {
                    let expected = "unknown attribute, expected `group`, `check` or `open`";
                    return Err(meta.error(expected));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

/// What `#[config(…)]` and the doc comment of a field say.
#[derive(Default)]
pub(crate) struct FieldOptions {
    /// The manual's text; empty when there is none.
    pub(crate) documentation: String,
    pub(crate) key: Option<LitStr>,
    pub(crate) kind: Option<Ident>,
    pub(crate) default: Option<Expr>,
    pub(crate) importance: Option<Ident>,
    pub(crate) group: Option<Expr>,
    pub(crate) order: Option<Expr>,
    pub(crate) width: Option<Ident>,
    pub(crate) display: Option<Expr>,
    pub(crate) aliases: Vec<Expr>,
    pub(crate) checks: Vec<Expr>,
    pub(crate) dependents: Option<Vec<Expr>>,
    pub(crate) recommended: Option<Vec<Expr>>,
    pub(crate) is_raw: bool,
    /// The field holds options of its own, whose keys have this before them.
    pub(crate) flatten: Option<LitStr>,
}

impl FieldOptions {
    /// Reads the attributes of a field.
    pub(crate) fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut options = Self { documentation: documentation(attributes), ..Self::default() };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("config")) {
            let mut count = 0;
            attribute.parse_nested_meta(|meta| {
                count += 1;
                options.read(&meta)
            })?;
            if options.flatten.is_some() && count > 1 {
                return Err(syn::Error::new_spanned(
                    attribute,
                    "`flatten` stands alone: the field's type says the rest",
                ));
            }
        }
        Ok(options)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "raw" => self.is_raw = true,
            "flatten" if meta.input.peek(Token![=]) => self.flatten = Some(meta.value()?.parse()?),
            "flatten" => self.flatten = Some(LitStr::new("", meta.path.span())),
            "key" => self.key = Some(meta.value()?.parse()?),
            "kind" => self.kind = Some(meta.value()?.parse()?),
            "default" => self.default = Some(meta.value()?.parse()?),
            "importance" => self.importance = Some(meta.value()?.parse()?),
            "group" => self.group = Some(meta.value()?.parse()?),
            "order" => self.order = Some(meta.value()?.parse()?),
            "width" => self.width = Some(meta.value()?.parse()?),
            "display" => self.display = Some(meta.value()?.parse()?),
            "alias" => self.aliases.extend(one_or_many(meta.value()?)?),
            "check" => self.checks.extend(one_or_many(meta.value()?)?),
            "dependents" => self.dependents = Some(one_or_many(meta.value()?)?),
            "recommended" => self.recommended = Some(one_or_many(meta.value()?)?),
            _ => {
                return Err(meta.error(
                    "unknown attribute, expected one of `key`, `alias`, `kind`, `default`, \
                     `importance`, `check`, `group`, `order`, `width`, `display`, `dependents`, \
                     `recommended`, `raw`, `flatten`",
                ));
            }
        }
        Ok(())
    }
}

/// `a` or `[a, b]`.
fn one_or_many(input: ParseStream<'_>) -> syn::Result<Vec<Expr>> {
    if !input.peek(token::Bracket) {
        return Ok(vec![input.parse()?]);
    }
    let content;
    bracketed!(content in input);
    Ok(Punctuated::<Expr, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// The doc comment as running text: lines joined by blanks, paragraphs by line ends.
fn documentation(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    let mut glue = "";
    for line in attributes.iter().filter_map(doc_line) {
        let line = line.trim();
        if line.is_empty() {
            glue = if text.is_empty() { "" } else { "\n" };
            continue;
        }
        text.push_str(glue);
        text.push_str(line);
        glue = " ";
    }
    text
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    if !pair.path.is_ident("doc") {
        return None;
    }
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn lines_of_a_doc_comment_are_joined_and_paragraphs_kept_apart() {
        let field: syn::Field = parse_quote! {
            /// One
            /// two.
            ///
            /// Three.
            name: String
        };
        assert_eq!(documentation(&field.attrs), "One two.\nThree.");
    }

    #[test]
    fn a_check_may_be_one_or_many() {
        let field: syn::Field = parse_quote! {
            #[config(check = NOT_EMPTY, alias = ["a", "b"])]
            #[config(check = [at_least(1), at_most(2)])]
            name: String
        };
        let options = FieldOptions::parse(&field.attrs).unwrap();
        assert_eq!((options.checks.len(), options.aliases.len()), (3, 2));
    }
}
