//! Removes headers by their names.
//!
//! Source: apache/kafka `DropHeaders.java`.

use connect_api::{
    config::{Config, Props},
    error::Result,
};

use super::{ConnectRecord, Transform, Verdict, names::names};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct DropHeadersConfig {
    /// The name of the headers to be removed.
    #[config(importance = High, check = names("headers"))]
    headers: Vec<String>,
}

/// Removes headers.
#[derive(Debug)]
pub(super) struct DropHeaders {
    unwanted: Vec<String>,
}

impl DropHeaders {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        Ok(Self { unwanted: DropHeadersConfig::parse(props)?.headers })
    }
}

impl Transform for DropHeaders {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.DropHeaders"
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let is_wanted = |key: &str| !self.unwanted.iter().any(|name| name == key);
        record.headers_mut().retain(|header| is_wanted(&header.key));
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{
        record::{Header, SchemaAndValue, SourceRecord},
        value::Value,
    };

    use super::*;

    #[test]
    fn headers_of_the_names_go_and_the_others_keep_their_order() {
        let transform = DropHeaders::configured(&Props::from([("headers", "a,b")])).unwrap();
        let mut record = SourceRecord::new("t".into(), SchemaAndValue::NULL);
        record.headers = ["x", "a", "b", "y", "a", "x"]
            .into_iter()
            .map(|key| Header { key: key.into(), data: SchemaAndValue::schemaless(Value::Null) })
            .collect();
        transform.apply(&mut record).unwrap();
        let left: Vec<_> = record.headers.iter().map(|header| &*header.key).collect();
        assert_eq!(left, ["x", "y", "x"]);
    }

    #[test]
    fn a_list_without_a_name_is_refused() {
        for (headers, expected) in [
            (
                "",
                "Configuration 'headers' must not be empty. Valid values include: any non-empty \
                 value",
            ),
            ("a,,b", "Configuration 'headers' values must not be empty."),
        ] {
            let error = DropHeaders::configured(&Props::from([("headers", headers)])).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
