//! Whether a record has a header.
//!
//! Source: apache/kafka `HasHeaderKey.java`.

use connect_api::{
    config::{Config, Props},
    error::Result,
};

use super::{ConnectRecord, Predicate};

/// Options of the predicate.
#[derive(Config, Debug)]
pub(super) struct HasHeaderKeyConfig {
    /// The header name.
    #[config(importance = Medium, check = NOT_EMPTY)]
    name: String,
}

/// Matches records with a header of this name.
#[derive(Debug)]
pub(super) struct HasHeaderKey {
    name: String,
}

impl HasHeaderKey {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        Ok(Self { name: HasHeaderKeyConfig::parse(props)?.name })
    }
}

impl Predicate for HasHeaderKey {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.predicates.HasHeaderKey"
    }

    fn test(&self, record: &dyn ConnectRecord) -> Result<bool> {
        Ok(record.headers().iter().any(|header| *header.key == *self.name))
    }
}
