//! Adds a header to every record.
//!
//! Source: apache/kafka `InsertHeader.java`.

use std::sync::Arc;

use connect_api::{
    config::{Config, Props},
    error::Result,
    record::{Header, SchemaAndValue},
    value_text::infer,
};

use super::{ConnectRecord, Transform, Verdict};

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct InsertHeaderConfig {
    /// The name of the header.
    #[config(importance = High, check = NOT_NULL)]
    header: String,
    /// The literal value that is to be set as the header value on all records.
    #[config(key = "value.literal", importance = High, check = NOT_NULL)]
    literal: String,
}

/// Adds a header, whose type is that of the literal.
#[derive(Debug)]
pub(super) struct InsertHeader {
    key: Arc<str>,
    data: SchemaAndValue,
}

impl InsertHeader {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let config = InsertHeaderConfig::parse(props)?;
        Ok(Self { key: config.header.into(), data: infer(&config.literal) })
    }
}

impl Transform for InsertHeader {
    fn class(&self) -> &'static str {
        "org.apache.kafka.connect.transforms.InsertHeader"
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let header = Header { key: Arc::clone(&self.key), data: self.data.clone() };
        record.headers_mut().push(header);
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use connect_api::{record::SourceRecord, value::Value};

    use super::*;

    #[test]
    fn the_header_is_appended_with_the_type_of_the_literal() {
        for (literal, value) in
            [("abc", "abc".into()), ("1", Value::Int8(1)), ("true", Value::Boolean(true))]
        {
            let props = Props::from([("header", "h"), ("value.literal", literal)]);
            let transform = InsertHeader::configured(&props).unwrap();
            let mut record = SourceRecord::new("t".into(), SchemaAndValue::NULL);
            transform.apply(&mut record).unwrap();
            transform.apply(&mut record).unwrap();
            let values: Vec<_> = record.headers.iter().map(|header| &header.data.value).collect();
            assert_eq!(values, [&value, &value]);
        }
    }
}
