//! Configuration: one definition per option.
//!
//! A plug-in or a layer of the worker describes its options once, as a struct that derives
//! [`Config`]. From that definition alone come the typed value the code runs on, the answer to
//! "what is wrong with this configuration", the list of options a user is shown, and the knowledge
//! of which values are secret.
//!
//! Called by connectors, converters and transformations to describe themselves, and by the worker
//! to parse and validate what users send.
//!
//! It promises that every problem is reported at once, that messages are Apache Kafka's to the
//! letter, and that a value of a `PASSWORD` option is never printed. It does not resolve
//! `${provider:key}` references and does not look up classes: the worker does both.
//!
//! Values stay strings in [`Props`] until [`Config::parse`] gives them meaning, once; a table of
//! dynamically typed values in between, as Apache Kafka has, was rejected because every reader
//! would have to repeat the type.

mod check;
mod choice;
mod classes;
mod def;
mod key;
mod kind;
mod option_type;
mod problems;
mod props;
mod reader;
mod secret;
#[cfg(test)]
mod tests;

pub use self::{
    check::{
        Bound, Check, NOT_EMPTY, NOT_NULL, PRINTABLE, REGEX, UNIQUE, at_least, at_most, between,
        one_of, one_of_any_case, sentence,
    },
    choice::Choice,
    classes::is_class,
    def::{ConfigDef, ConfigValue},
    key::{ConfigKey, Importance, Width},
    kind::ConfigKind,
    option_type::{ClassName, ConfigType},
    problems::{ConfigErrors, Problems},
    props::Props,
    reader::Reader,
    secret::Secret,
};
pub use crate::{choice, classes};
/// Derives [`trait@Config`] for a struct with named fields, one option per field.
///
/// The key is the field's name with `_` replaced by `.`; its doc comment is the manual's text, and
/// a field without one does not compile. An option is required unless it has a default or its type
/// is an [`Option`].
///
/// | on a field | meaning |
/// | --- | --- |
/// | `key = "batch.size"` | the key, where the field's name does not give it |
/// | `alias = "old.name"` | another name it is read under; the key itself wins |
/// | `default = 2000` | value when absent: anything that displays; comma text for a list |
/// | `importance = High` | `High`, `Medium` (when not given) or `Low` |
/// | `check = NOT_EMPTY` | one check or `[several]`, in order: this module's, or any `fn(&str) -> Result<(), String>` |
/// | `group = "Retries"`, `order = 3` | where forms show it; the order is the place in the group when not given |
/// | `width = Long`, `display = "Size"` | how forms show it |
/// | `dependents = ["other.key"]` | options whose meaning hangs on this one |
/// | `recommended = ["a", "b"]` | values to offer instead of the type's own; `[]` for none |
/// | `kind = Int` | the type to announce, where it is not the field type's own |
/// | `raw` | read without trimming |
/// | `flatten` | the field is itself a [`trait@Config`] whose options belong to this one |
/// | `flatten = "https."` | the same, with this before each of their keys |
///
/// | on the struct | meaning |
/// | --- | --- |
/// | `group = "Connector"` | group of the fields that name none |
/// | `open = "connection."` | keys that begin so are read too, whatever follows |
/// | `check` | the type has its own `fn check(&self, problems: &mut Problems)` with rules across options |
pub use connect_derive::Config;

/// Options that are defined, validated and parsed together.
///
/// Derive it; write it by hand only where options are not known before run time.
///
/// ```
/// use std::time::Duration;
///
/// use connect_api::config::{Config, Problems, Props, Secret, choice};
///
/// choice! {
///     /// How a record becomes a line.
///     pub enum Format {
///         /// The value as it is.
///         Plain = "plain",
///         /// The value as JSON.
///         Json = "json",
///     }
/// }
///
/// /// Options of the example sink.
/// #[derive(Config, Debug)]
/// #[config(group = "Connector", check)]
/// pub struct ExampleConfig {
///     /// Address of the system.
///     #[config(importance = High, check = NOT_EMPTY)]
///     url: String,
///     /// How a record becomes a line.
///     #[config(default = Format::Plain)]
///     format: Format,
///     /// Most records in one request.
///     #[config(default = 2000, importance = Low, check = at_least(1))]
///     batch_size: u32,
///     /// Longest wait for an answer.
///     #[config(key = "timeout.ms", default = 30000)]
///     timeout: Duration,
///     /// User to sign in as.
///     user: Option<String>,
///     /// Password of the user.
///     password: Option<Secret<String>>,
/// }
///
/// impl ExampleConfig {
///     fn check(&self, problems: &mut Problems) {
///         if self.user.is_some() && self.password.is_none() {
///             problems.add_text("password", "Must configure password together with user");
///         }
///     }
/// }
///
/// let props = Props::from([("url", "http://localhost"), ("format", "JSON")]);
/// let config = ExampleConfig::parse(&props)?;
/// assert_eq!(config.format, Format::Json);
/// assert_eq!(config.batch_size, 2000);
/// assert_eq!(config.timeout, Duration::from_secs(30));
///
/// let errors = ExampleConfig::parse(&Props::from([("batch.size", "0")])).unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "Missing required configuration \"url\" which has no default value.\n\
///      Invalid value 0 for configuration batch.size: Value must be at least 1",
/// );
/// # Ok::<(), connect_api::config::ConfigErrors>(())
/// ```
///
/// A field without a doc comment does not compile:
///
/// ```compile_fail
/// #[derive(connect_api::config::Config)]
/// struct Undocumented {
///     topic: String,
/// }
/// ```
///
/// Neither does a struct that announces a `check` and has none:
///
/// ```compile_fail,E0061
/// #[derive(connect_api::config::Config)]
/// #[config(check)]
/// struct Unchecked {
///     /// Topic to write to.
///     topic: String,
/// }
/// ```
///
/// ```compile_fail,E0034
/// use connect_api::config::Config;
///
/// #[derive(Config)]
/// #[config(check)]
/// struct Unchecked {
///     /// Topic to write to.
///     topic: String,
/// }
/// ```
pub trait Config: Sized {
    /// The options, in the order users see them.
    fn def() -> ConfigDef;

    /// Reads every option from the reader, whose definition contains [`Config::def`].
    ///
    /// `None` when an option has a problem; the reader has noted it. All options are read before
    /// giving up, so that all problems are found. Called by [`Config::parse`], once per parse.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;

    /// Notes what is wrong across options; each problem is bound to a key.
    ///
    /// Called once all options of this type have been read without a problem.
    fn check(&self, _problems: &mut Problems) {}

    /// Parses and checks a configuration; keys that are not defined are ignored.
    ///
    /// # Errors
    /// Every problem found, by key. The first problem of an option hides its later ones.
    fn parse(props: &Props) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(Self::def(), props);
        let config = reader.flatten::<Self>();
        reader.finish(config)
    }
}

/// Validates a configuration: the value and every problem of each option, in definition order.
///
/// Rules across options are checked as soon as the options of the type that states them all parse.
/// A problem bound to a key that is not defined is reported under that key, after the defined ones.
pub fn validate<C: Config>(props: &Props) -> Vec<ConfigValue> {
    let mut values = C::def().validate(props);
    let Err(errors) = C::parse(props) else { return values };
    for (key, message) in errors.iter() {
        match values.iter_mut().find(|value| value.name == key) {
            Some(value) if value.errors.iter().any(|known| known == message) => {}
            Some(value) => value.errors.push(message.to_owned()),
            None => values.push(ConfigValue::of_problem(key, message)),
        }
    }
    values
}
