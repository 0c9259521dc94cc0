//! Sends a copy of a record on under another topic, for a second route.
//!
//! Millrace's own: what Fluent Bit's `rewrite_tag` does when it keeps the record, and Logstash's
//! `clone`.

use std::sync::{Arc, Mutex, PoisonError};

use connect_api::{
    config::{Config, Props},
    error::{ConnectorError, Result},
    record::{Header, SchemaAndValue},
    schema::Schema,
    value::Value,
};

use super::{ConnectRecord, Transform, Verdict};

/// What stands for the record's own topic.
const OWN_TOPIC: &str = "${topic}";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct TagConfig {
    /// Topic of the copy, in which `${topic}` stands for the topic of the record. It must be another
    /// one: a sink could not tell a record from its copy.
    #[config(importance = High, check = NOT_EMPTY)]
    topic: String,
    /// Name of a header that the copy carries, with the topic of the record as its text, for the
    /// predicate `HasHeaderKey`; left empty, there is none.
    #[config(default = "", importance = Medium)]
    header: String,
}

/// Copies.
#[derive(Debug)]
pub(super) struct Tag {
    topic: String,
    header: Option<Arc<str>>,
    /// The last topic and that of its copy: the records of a batch share theirs.
    last: Mutex<Option<Tagged>>,
}

/// A topic and that of the copies of its records.
type Tagged = (Arc<str>, Arc<str>);

impl Tag {
    pub(super) fn configured(props: &Props) -> Result<Self> {
        let TagConfig { topic, header } = TagConfig::parse(props)?;
        let header = (!header.is_empty()).then(|| header.into());
        Ok(Self { topic, header, last: Mutex::default() })
    }

    fn topic(&self, own: &Arc<str>) -> Result<Arc<str>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, topic)) = &*last
            && known == own
        {
            return Ok(Arc::clone(topic));
        }
        let topic: Arc<str> = self.topic.replace(OWN_TOPIC, own).into();
        if topic == *own {
            return Err(ConnectorError::record(format!(
                "The copy of a record of topic {own} would be in the same topic; give it another \
                 one by 'topic', or leave such records out by a predicate"
            )));
        }
        *last = Some((Arc::clone(own), Arc::clone(&topic)));
        Ok(topic)
    }
}

impl Transform for Tag {
    fn class(&self) -> &'static str {
        "millrace.transforms.Tag"
    }

    fn apply(&self, _record: &mut dyn ConnectRecord) -> Result<Verdict> {
        Ok(Verdict::KeepAndCopy)
    }

    fn change_copy(&self, copy: &mut dyn ConnectRecord) -> Result<()> {
        let own = Arc::clone(copy.topic());
        copy.set_topic(self.topic(&own)?);
        if let Some(key) = &self.header {
            let data = SchemaAndValue::new(Schema::string(), Value::string(&*own));
            copy.headers_mut().push(Header { key: Arc::clone(key), data });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use connect_api::record::SourceRecord;

    use super::super::Chain;
    use super::*;

    fn through(entries: &[(&str, &str)]) -> Result<Vec<SourceRecord>> {
        let record = SourceRecord::new("t".into(), SchemaAndValue::schemaless("v".into()));
        let mut out = Vec::new();
        let chain = Chain::of(&entries.iter().copied().collect()).unwrap();
        chain.apply(record, &mut out).map_err(|(_, error)| error)?;
        Ok(out)
    }

    const COPY: [(&str, &str); 3] = [
        ("transforms.copy.type", "millrace.transforms.Tag"),
        ("transforms.copy.topic", "${topic}-seen"),
        ("transforms.copy.header", "of"),
    ];

    #[test]
    fn a_record_goes_on_and_its_copy_behind_it() {
        let out = through(&[&[("transforms", "copy")], &COPY[..]].concat()).unwrap();
        let topics: Vec<_> = out.iter().map(|record| &*record.topic).collect();
        assert_eq!(topics, ["t", "t-seen"]);
        assert_eq!(out[0].value, out[1].value);
        assert!(out[0].headers.is_empty());
        assert_eq!(&*out[1].headers[0].key, "of");
        assert_eq!(out[1].headers[0].data.value, "t".into());
    }

    #[test]
    fn what_follows_is_for_both_and_a_predicate_tells_them_apart() {
        let rest = [
            ("transforms", "copy,drop,again"),
            ("transforms.drop.type", "Filter"),
            ("transforms.drop.predicate", "copies"),
            ("transforms.again.type", "Tag"),
            ("transforms.again.topic", "second"),
            ("predicates", "copies"),
            ("predicates.copies.type", "HasHeaderKey"),
            ("predicates.copies.name", "of"),
        ];
        let topics = |entries: &[(&str, &str)]| -> Vec<_> {
            let out = through(&[entries, &COPY[..]].concat()).unwrap();
            out.iter().map(|record| record.topic.to_string()).collect()
        };
        assert_eq!(topics(&rest), ["t", "second"]);
        let negated = [&rest[..], &[("transforms.drop.negate", "true")]].concat();
        assert_eq!(topics(&negated), ["t-seen", "second"]);
    }

    #[test]
    fn a_copy_in_the_topic_of_its_record_is_refused() {
        let error = through(&[
            ("transforms", "copy"),
            ("transforms.copy.type", "Tag"),
            ("transforms.copy.topic", "t"),
        ]);
        assert!(error.unwrap_err().to_string().contains("same topic"));
    }
}
