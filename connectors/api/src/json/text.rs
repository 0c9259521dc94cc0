//! Text of a document, not yet anybody's.

use std::ops::Deref;

use bytestring::ByteString;

/// Text that a reader found: a part of the document, or new where an escape had to be resolved.
///
/// It becomes a [`ByteString`] when somebody keeps it; until then it costs no reference count, of
/// which a document would need one for each name and number.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// A part of a document.
    Part(Part<'a>),
    /// New text.
    New(String),
}

/// A part of a document.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    document: &'a ByteString,
    text: &'a str,
}

impl<'a> Text<'a> {
    /// The part of the document between two bytes; nothing where these are not within it or cut a
    /// character.
    #[inline]
    pub(super) fn part(document: &'a ByteString, start: usize, end: usize) -> Self {
        let text = document.get(start..end).unwrap_or_default();
        Self::Part(Part { document, text })
    }

    /// The text, to keep.
    #[must_use]
    #[inline]
    pub fn to_byte_string(&self) -> ByteString {
        match self {
            Self::Part(part) if part.text.is_empty() => ByteString::new(),
            Self::Part(part) => part.document.slice_ref(part.text),
            Self::New(text) => text.as_str().into(),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::Part(part) => part.text,
            Self::New(text) => text,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Text<'_>> for ByteString {
    #[inline]
    fn from(text: Text<'_>) -> Self {
        match text {
            Text::New(text) => text.into(),
            part @ Text::Part(_) => part.to_byte_string(),
        }
    }
}
