//! The connector's keys.
//!
//! Source: confluentinc/kafka-connect-datagen `DatagenConnectorConfig.java`.

use std::fs;

use connect_api::config::{Config, Problems};

use crate::{
    generator::Generator,
    quickstart::{QUICKSTARTS, Quickstart},
};

/// Options of the datagen source.
#[derive(Config, Debug)]
#[config(group = "Datagen", check)]
pub(crate) struct DatagenConfig {
    /// Topic to write to.
    #[config(importance = High)]
    pub(crate) kafka_topic: String,
    /// Longest pause before a record, in milliseconds; each pause is drawn anew. 0 is none.
    #[config(key = "max.interval", default = 500, importance = High)]
    pub(crate) max_interval_ms: i64,
    /// Records of each task, after which it fails as the original does; less than 1 is no end.
    #[config(default = -1, importance = High)]
    pub(crate) iterations: i32,
    /// Avro schema of the records as JSON. Types say in arg.properties what their values are like:
    /// options, range, iteration, regex, length, prefix, suffix, keys, odds.
    #[config(default = "", importance = High, width = Long)]
    schema_string: String,
    /// File with such a schema.
    #[config(default = "", importance = High)]
    schema_filename: String,
    /// Field that becomes the key; that of the quickstart when empty.
    #[config(default = "", importance = High)]
    schema_keyfield: String,
    /// Name of a built-in schema, such as orders, users, pageviews or clickstream.
    #[config(default = "", importance = High)]
    quickstart: String,
    /// Seed of the records, for the same ones again; each task makes others.
    #[config(key = "random.seed", importance = Low)]
    pub(crate) random_seed: Option<i64>,
}

/// Keys that say what the records are like, of which there must be one.
const SOURCES: [&str; 3] = ["schema.string", "schema.filename", "quickstart"];

impl DatagenConfig {
    fn check(&self, problems: &mut Problems) {
        let values = [&self.schema_string, &self.schema_filename, &self.quickstart];
        let set = || SOURCES.iter().zip(values).filter(|(_, value)| !value.is_empty());
        let one = format!("Must set exactly one of {}", SOURCES.join(", "));
        match set().count() {
            0 => SOURCES.iter().for_each(|key| problems.add_text(key, &one)),
            1 => self.check_schema(set().next().map_or("", |(key, _)| key), problems),
            _ => set().for_each(|(key, _)| problems.add_text(key, &one)),
        }
    }

    fn check_schema(&self, key: &str, problems: &mut Problems) {
        match self.schema().and_then(|text| Generator::new(&text, 0)) {
            Err(reason) => problems.add_text(key, reason),
            Ok(generator) => {
                let field = self.key_field();
                if !field.is_empty() && !generator.has_field(field) {
                    let reason = "The schema does not contain the field";
                    problems.add("schema.keyfield", field, reason);
                }
            }
        }
    }

    /// Text of the schema.
    pub(crate) fn schema(&self) -> Result<String, String> {
        if !self.schema_string.is_empty() {
            return Ok(self.schema_string.clone());
        }
        if !self.schema_filename.is_empty() {
            return fs::read_to_string(&self.schema_filename).map_err(|error| {
                format!("Unable to find the schema file \"{}\": {error}", self.schema_filename)
            });
        }
        let found = Quickstart::named(&self.quickstart).ok_or_else(|| {
            let names: Vec<_> = QUICKSTARTS.iter().map(|known| known.name).collect();
            format!("quickstart must be one out of {}", names.join(","))
        })?;
        Ok(found.schema.to_owned())
    }

    /// The field that is the key; empty when there is none.
    pub(crate) fn key_field(&self) -> &str {
        if self.schema_keyfield.is_empty() {
            return Quickstart::named(&self.quickstart).map_or("", |known| known.key);
        }
        &self.schema_keyfield
    }
}
