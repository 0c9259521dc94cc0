//! One option: its type, its default and what users are told about it.

use serde::{Serialize, Serializer};

use super::{
    check::Check,
    kind::{ConfigKind, split_list},
    option_type::ConfigType,
    problems::{invalid, missing},
    props::Props,
    secret::HIDDEN,
};

/// How much an option matters to most users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Importance {
    /// Most users set it.
    High,
    /// Some users set it.
    Medium,
    /// Few users set it.
    Low,
}

/// How wide a form shows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Width {
    /// The form decides.
    None,
    /// A few characters.
    Short,
    /// A short line.
    Medium,
    /// A whole line.
    Long,
}

/// The definition of one option.
///
/// Serialises as the `definition` object of the REST interface, keys in its order.
#[derive(Clone, Debug)]
pub struct ConfigKey {
    /// Key in the configuration.
    pub name: String,
    /// Other keys it is read from, first to last, when its own is absent.
    pub aliases: Vec<String>,
    /// Type users are shown.
    pub kind: ConfigKind,
    /// Whether its absence is a problem. A key with a default is never required.
    pub required: bool,
    /// Text of the value when absent; `None` is no value. May hold a secret: show
    /// [`ConfigKey::default_value`].
    pub default: Option<String>,
    /// How much it matters.
    pub importance: Importance,
    /// What the manual says.
    pub documentation: String,
    /// Heading it is shown under.
    pub group: Option<String>,
    /// Place under its heading, from 1; -1 is none.
    pub order: i32,
    /// Width in a form.
    pub width: Width,
    /// Name in a form.
    pub display_name: String,
    /// Keys whose meaning hangs on this one.
    pub dependents: Vec<String>,
    /// Values to offer.
    pub recommended: Vec<String>,
    /// Rules beyond the type; the first that is broken is reported.
    pub checks: Vec<Check>,
    /// Whether the value is read without trimming; for `STRING` and `PASSWORD` only.
    pub raw: bool,
    /// The Rust type's own rule, which comes after the others.
    accepts: Option<Check>,
    /// Name in the messages of broken rules, where that is not `name`.
    bare_name: Option<String>,
}

impl ConfigKey {
    /// Defines a required option of medium importance.
    pub fn new(
        kind: ConfigKind,
        name: impl Into<String>,
        documentation: impl Into<String>,
    ) -> Self {
        let name = name.into();
        Self {
            aliases: Vec::new(),
            kind,
            required: true,
            default: None,
            importance: Importance::Medium,
            documentation: documentation.into(),
            group: None,
            order: -1,
            width: kind.width(),
            display_name: title_case(&name),
            dependents: Vec::new(),
            recommended: Vec::new(),
            checks: Vec::new(),
            raw: false,
            accepts: None,
            bare_name: None,
            name,
        }
    }

    /// Defines an option that is read as `T`; required unless `T` has a value for absence.
    pub fn of<T: ConfigType>(name: impl Into<String>, documentation: impl Into<String>) -> Self {
        let mut key = Self::new(T::KIND, name, documentation);
        key.required = T::absent().is_none();
        key.recommended = T::recommended();
        key.accepts = Some(Check::from(|text: &str| T::parse(text).map(drop)));
        key
    }

    /// Announces another type than that of the Rust type, and takes its width.
    #[must_use]
    pub fn kind(mut self, kind: ConfigKind) -> Self {
        self.kind = kind;
        self.width = kind.width();
        self
    }

    /// Sets the text of the value when absent, so that the option is not required.
    #[must_use]
    pub fn default(mut self, value: impl ToString) -> Self {
        self.default = Some(value.to_string());
        self.required = false;
        self
    }

    /// Makes the option have no value when absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Adds another key it is read from when its own is absent.
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// Sets how much it matters.
    #[must_use]
    pub fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// Sets the heading it is shown under.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets its place under its heading.
    #[must_use]
    pub fn order(mut self, order: i32) -> Self {
        self.order = order;
        self
    }

    /// Sets its width in a form.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Sets its name in a form.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// Sets the keys whose meaning hangs on this one.
    #[must_use]
    pub fn dependents<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.dependents = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the values to offer.
    #[must_use]
    pub fn recommended<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.recommended = values.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a rule, after those it has.
    #[must_use]
    pub fn check(mut self, check: impl Into<Check>) -> Self {
        self.checks.push(check.into());
        self
    }

    /// Reads the value without trimming.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Whether the value is never shown.
    pub fn is_secret(&self) -> bool {
        self.kind == ConfigKind::Password
    }

    /// Whether the option is read from this key, by its own name or an alias.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// The default in its canonical text, `[hidden]` for a secret.
    pub fn default_value(&self) -> Option<String> {
        let text = self.default.as_ref()?;
        Some(self.shown(&self.canonical(text).unwrap_or_else(|_| text.clone())))
    }

    /// Puts the option under a prefix and a heading, at a place.
    ///
    /// Messages of broken rules keep the name without the prefix, as Apache Kafka's do.
    pub(super) fn embed(mut self, prefix: &str, group: &str, order: i32) -> Self {
        let bare_name = self.bare_name.take().unwrap_or_else(|| self.name.clone());
        self = self.under(prefix);
        self.bare_name = Some(bare_name);
        self.group = Some(match self.group {
            Some(own) => format!("{group}: {own}"),
            None => group.to_owned(),
        });
        self.order = order;
        self
    }

    /// Puts the option, and those it names, under a prefix.
    pub(super) fn under(mut self, prefix: &str) -> Self {
        let others = self.aliases.iter_mut().chain(&mut self.dependents);
        for name in others.chain(std::iter::once(&mut self.name)) {
            name.insert_str(0, prefix);
        }
        self
    }

    /// The canonical text of the value or the default; `None` for no value.
    ///
    /// # Errors
    /// The message, when the key is missing or the text is no value of its type.
    pub(super) fn resolve(&self, props: &Props) -> Result<Option<String>, String> {
        let names = std::iter::once(&self.name).chain(&self.aliases);
        let given = names.into_iter().find_map(|name| props.get(name));
        match given.or(self.default.as_deref()) {
            Some(text) => self
                .canonical(text)
                .map(Some)
                .map_err(|reason| invalid(&self.name, self.hide(text), reason)),
            None if self.required => Err(missing(&self.name)),
            None => Ok(None),
        }
    }

    /// Applies the rules to a canonical text.
    ///
    /// # Errors
    /// The message of the first rule that is broken.
    pub(super) fn accept(&self, text: &str) -> Result<(), String> {
        self.checks.iter().chain(&self.accepts).try_for_each(|check| {
            check.apply(self.kind, text).map_err(|reason| match check.is_sentence() {
                true => reason,
                false => self.refusal(text, &reason),
            })
        })
    }

    /// The message for a canonical text that breaks a rule.
    pub(super) fn refusal(&self, text: &str, reason: &str) -> String {
        match self.kind {
            ConfigKind::List => {
                self.rule_message(&format!("[{}]", split_list(text).join(", ")), reason)
            }
            _ => self.rule_message(self.hide(text), reason),
        }
    }

    /// The message for having no value at all, where a rule asks for one.
    pub(super) fn refusal_of_null(&self) -> Option<String> {
        let broken = |check: &Check| Some((check.is_sentence(), check.reason_for_null()?));
        let (is_sentence, reason) = self.checks.iter().find_map(broken)?;
        Some(if is_sentence { reason } else { self.rule_message("null", &reason) })
    }

    /// A canonical text as users may see it.
    pub(super) fn shown(&self, text: &str) -> String {
        self.hide(text).to_owned()
    }

    fn canonical(&self, text: &str) -> Result<String, String> {
        match self.kind {
            ConfigKind::String | ConfigKind::Password if self.raw => Ok(text.to_owned()),
            kind => kind.canonical(text),
        }
    }

    fn hide<'a>(&self, text: &'a str) -> &'a str {
        if self.is_secret() { HIDDEN } else { text }
    }

    fn rule_message(&self, value: &str, reason: &str) -> String {
        invalid(self.bare_name.as_ref().unwrap_or(&self.name), value, reason)
    }
}

impl Serialize for ConfigKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Definition<'a> {
            name: &'a str,
            r#type: ConfigKind,
            required: bool,
            default_value: Option<String>,
            importance: Importance,
            documentation: &'a str,
            group: Option<&'a str>,
            order_in_group: i32,
            width: Width,
            display_name: &'a str,
            dependents: &'a [String],
        }
        let definition = Definition {
            name: &self.name,
            r#type: self.kind,
            required: self.required,
            default_value: self.default_value(),
            importance: self.importance,
            documentation: &self.documentation,
            group: self.group.as_deref(),
            order_in_group: self.order,
            width: self.width,
            display_name: &self.display_name,
            dependents: &self.dependents,
        };
        definition.serialize(serializer)
    }
}

/// `batch.max-size` as `Batch Max Size`.
fn title_case(name: &str) -> String {
    let words = name.split(['.', '_', '-']).filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_serialises_in_the_order_of_the_rest_interface() {
        let key = ConfigKey::of::<Vec<String>>("topics", "Topics to read.")
            .default(" a , b ")
            .importance(Importance::High)
            .group("Common")
            .order(4)
            .display_name("Topics");
        assert_eq!(
            serde_json::to_string(&key).unwrap(),
            r#"{"name":"topics","type":"LIST","required":false,"default_value":"a,b","#.to_owned()
                + r#""importance":"HIGH","documentation":"Topics to read.","group":"Common","#
                + r#""order_in_group":4,"width":"LONG","display_name":"Topics","dependents":[]}"#
        );
    }

    #[test]
    fn default_of_a_secret_is_hidden() {
        let key = ConfigKey::new(ConfigKind::Password, "password", "").default("s3cret");
        assert_eq!(key.default_value().as_deref(), Some("[hidden]"));
        assert!(!serde_json::to_string(&key).unwrap().contains("s3cret"));
    }

    #[test]
    fn display_name_comes_from_the_key() {
        assert_eq!(title_case("errors.retry-delay.max_ms"), "Errors Retry Delay Max Ms");
    }
}
