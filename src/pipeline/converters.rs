//! The converters of one task.

use std::sync::Arc;

use connect_api::{
    config::Props,
    convert::{Converter, HeaderConverter},
    error::Result,
};

use crate::convert::ConverterRegistry;

/// What headers are converted by when nobody says.
const DEFAULT_HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// What keys and values are converted by when not even the worker says.
const DEFAULT_CONVERTER: &str = "org.apache.kafka.connect.json.JsonConverter";

/// Converters of keys, values and headers.
#[derive(Clone, Debug)]
pub struct Converters {
    /// Of keys.
    pub key: Arc<dyn Converter>,
    /// Of values.
    pub value: Arc<dyn Converter>,
    /// Of headers.
    pub header: Arc<dyn HeaderConverter>,
}

impl Converters {
    /// Builds what the connector asks for, or else what the worker does; a class and its options
    /// always come from the same of the two.
    ///
    /// # Errors
    /// `Invalid` when a class is not known or its options are wrong.
    pub fn of(registry: &ConverterRegistry, connector: &Props, worker: &Props) -> Result<Self> {
        let (class, props) = chosen(connector, worker, "key", DEFAULT_CONVERTER);
        let key = registry.converter(&class, &props, true)?;
        let (class, props) = chosen(connector, worker, "value", DEFAULT_CONVERTER);
        let value = registry.converter(&class, &props, false)?;
        let (class, props) = chosen(connector, worker, "header", DEFAULT_HEADER_CONVERTER);
        let header = registry.header_converter(&class, &props)?;
        Ok(Self { key, value, header })
    }

    /// Waits for what the converters want to know since their last call, and says whether there
    /// was anything, so that another call may end differently.
    ///
    /// # Cancel safety
    /// What was not answered is asked again by the next call.
    pub(super) async fn settle(&self) -> bool {
        let mut has_waited = false;
        let pending = [self.key.pending(), self.value.pending(), self.header.pending()];
        for answer in pending.into_iter().flatten() {
            answer.await;
            has_waited = true;
        }
        has_waited
    }
}

fn chosen(connector: &Props, worker: &Props, role: &str, default: &str) -> (String, Props) {
    let key = format!("{role}.converter");
    let source = if connector.contains_key(&key) { connector } else { worker };
    let mut props = source.with_prefix(&format!("{key}."));
    props.insert("converter.type", role);
    (source.get(&key).unwrap_or(default).trim().to_owned(), props)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_options_come_from_the_same_place() {
        let worker = Props::from([
            ("key.converter", "JsonConverter"),
            ("key.converter.decimal.format", "NUMERIC"),
            ("value.converter", "StringConverter"),
        ]);
        let connector = Props::from([
            ("value.converter", "JsonConverter"),
            ("value.converter.schemas.enable", "false"),
            ("key.converter.decimal.format", "not looked at"),
        ]);
        let (class, props) = chosen(&connector, &worker, "key", "");
        assert_eq!(
            (class.as_str(), props.get("decimal.format")),
            ("JsonConverter", Some("NUMERIC"))
        );
        let (_, props) = chosen(&connector, &worker, "value", "");
        assert_eq!(props.get("schemas.enable"), Some("false"));
        let converters = Converters::of(&ConverterRegistry::own(), &connector, &worker).unwrap();
        assert_eq!(converters.value.class(), "org.apache.kafka.connect.json.JsonConverter");
        assert_eq!(converters.header.class(), DEFAULT_HEADER_CONVERTER);
    }
}
