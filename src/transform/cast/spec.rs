//! What is cast to which type.

use connect_api::schema::Type;

use super::super::replace_field::wrong_mapping;

/// Number of the first types that can be cast to; one more can be cast from.
const TARGETS: usize = 8;

/// The option `spec`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spec {
    /// The whole key or value becomes this type.
    Whole(Type),
    /// Fields become these types.
    Fields(Vec<(String, Type)>),
}

impl Spec {
    /// Reads `field:type` entries, or one bare type.
    ///
    /// # Errors
    /// The message when an entry is not one.
    pub(super) fn parse(items: &[String]) -> Result<Self, String> {
        if items.is_empty() {
            return Err("Must specify at least one field to cast.".to_owned());
        }
        let mut whole = None;
        let mut fields: Vec<(String, Type)> = Vec::new();
        for item in items {
            let trimmed = item.trim_end_matches(':');
            match trimmed.split_once(':') {
                Some((_, kind)) if kind.contains(':') => return Err(wrong_mapping(items, item)),
                Some((name, kind)) => {
                    let (name, kind) = (name.trim(), target(kind)?);
                    fields.retain(|(known, _)| known != name);
                    fields.push((name.to_owned(), kind));
                }
                None => whole = Some(target(trimmed)?),
            }
        }
        match whole {
            Some(_) if items.len() > 1 => Err(concat!(
                "Cast transformations that specify a type to cast the entire value to may only ",
                "specify a single cast in their spec"
            )
            .to_owned()),
            Some(kind) => Ok(Self::Whole(kind)),
            None => Ok(Self::Fields(fields)),
        }
    }

    /// The type that a field becomes, when it is cast.
    pub(super) fn kind_of(&self, name: &str) -> Option<Type> {
        match self {
            Self::Whole(_) => None,
            Self::Fields(fields) => {
                fields.iter().find(|(field, _)| field == name).map(|(_, kind)| *kind)
            }
        }
    }
}

fn target(text: &str) -> Result<Type, String> {
    let text = text.trim();
    let kind = Type::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
    let kind = kind.ok_or_else(|| format!("Invalid type found in casting spec: {text}"))?;
    if Type::ALL.iter().take(TARGETS).any(|target| *target == kind) {
        return Ok(kind);
    }
    Err(format!(
        "Cast transformation does not support casting to {kind}; supported types are [{}]",
        names(TARGETS)
    ))
}

/// Whether values of this type can be cast; the message when not.
pub(super) fn castable(kind: Type) -> Result<(), String> {
    if Type::ALL.iter().take(TARGETS + 1).any(|source| *source == kind) {
        return Ok(());
    }
    Err(format!(
        "Cast transformation does not support casting from {kind}; supported types are [{}]",
        names(TARGETS + 1)
    ))
}

fn names(count: usize) -> String {
    Type::ALL.iter().take(count).map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}
