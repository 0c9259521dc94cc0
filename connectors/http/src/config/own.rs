//! Options that both classes have beside those of the originals, and the topics of answers.

use connect_api::config::{Config, Props};

use super::read::rate;
use crate::settings::{ErrorForm, ErrorFormat, ReportRules};

/// Key of the requests per second.
const RATE: &str = "max.requests.per.second";
/// Topic of answers, where it has no name of its own.
const RESULTS: &str = "${connector}-success";
/// Topic of errors, where it has no name of its own.
const ERRORS: &str = "${connector}-error";

/// How fast requests are sent.
#[derive(Config, Debug)]
#[config(group = "Pace")]
pub(super) struct PaceKeys {
    /// Most requests that the connector sends in a second, tries included; its tasks share them. An
    /// extension; no limit when 0.
    #[config(key = "max.requests.per.second", default = "0", check = rate)]
    pub(super) rate: f64,
    /// Most requests of a task that are on their way at once. With more than one, records with the
    /// same key keep their order, and others need not. An extension.
    #[config(default = 1, check = between(1, 1000))]
    pub(super) max_in_flight: usize,
}

/// Where answers go.
#[derive(Config, Debug)]
#[config(group = "Reporting")]
pub(super) struct ReporterKeys {
    /// Accepted as the original's: that it is given turns the topics of answers on. They are written to
    /// the worker's own brokers.
    #[config(key = "reporter.bootstrap.servers")]
    pub(super) brokers: Option<String>,
    /// Topic of the answers; `${connector}` in it is the connector's name. Giving it turns the topics of
    /// answers on. `${connector}-success` when absent.
    #[config(key = "reporter.result.topic.name", check = NOT_EMPTY)]
    pub(super) results: Option<String>,
    /// Topic of the errors; `${connector}` in it is the connector's name. Giving it turns the topics of
    /// answers on. `${connector}-error` when absent.
    #[config(key = "reporter.error.topic.name", check = NOT_EMPTY)]
    pub(super) errors: Option<String>,
    /// What stands in records of the topic of errors: `error_string`, what went wrong, or
    /// `http_response`, what the service answered.
    #[config(key = "report.errors.as", default = ErrorForm::ErrorString)]
    pub(super) form: ErrorForm,
    /// How what stands there is written: `string`, as it is, or `json`, as a JSON string, for the JSON
    /// converter.
    #[config(key = "reporter.error.topic.value.format", importance = Low, default = ErrorFormat::String)]
    pub(super) format: ErrorFormat,
    /// Partitions of the topic of the answers where it is made.
    #[config(key = "reporter.result.topic.partitions", importance = Low, default = 1, check = at_least(1))]
    pub(super) partitions: i32,
    /// Copies of the topic of the answers where it is made; the broker's own number when absent.
    #[config(key = "reporter.result.topic.replication.factor", importance = Low, check = at_least(1))]
    pub(super) copies: Option<i16>,
    /// Partitions of the topic of the errors where it is made.
    #[config(key = "reporter.error.topic.partitions", importance = Low, default = 1, check = at_least(1))]
    pub(super) error_partitions: i32,
    /// Copies of the topic of the errors where it is made; the broker's own number when absent.
    #[config(key = "reporter.error.topic.replication.factor", importance = Low, check = at_least(1))]
    pub(super) error_copies: Option<i16>,
    /// Most bytes of a record of either topic: an answer that is longer is cut. More than a million needs a
    /// broker, a topic (`max.message.bytes`) and a producer (`producer.override.max.request.size`) that
    /// take them. An extension.
    #[config(key = "reporter.record.max.bytes", importance = Low, default = 1_000_000, check = between(1000, 100_000_000))]
    pub(super) most_bytes: usize,
}

impl PaceKeys {
    pub(super) fn rate(&self) -> Option<f64> {
        (self.rate > 0.0).then_some(self.rate)
    }
}

impl ReporterKeys {
    /// What was asked for; none without any of the keys.
    pub(super) fn rules(&self) -> Option<ReportRules> {
        let brokers = self.brokers.as_ref().is_some_and(|brokers| !brokers.is_empty());
        let is_wanted = brokers || self.results.is_some() || self.errors.is_some();
        is_wanted.then(|| ReportRules {
            results: self.results.clone().unwrap_or_else(|| RESULTS.to_owned()),
            errors: self.errors.clone().unwrap_or_else(|| ERRORS.to_owned()),
            form: self.form,
            format: self.format,
            results_made: (self.partitions, self.copies),
            errors_made: (self.error_partitions, self.error_copies),
            most_bytes: self.most_bytes,
            names_brokers: brokers,
        })
    }
}

/// The configuration of each of so many tasks: they share the requests per second.
pub(crate) fn share(props: &Props, tasks: usize) -> Vec<Props> {
    let mut own = props.clone();
    let rate = props.get(RATE).and_then(|text| text.trim().parse::<f64>().ok());
    let tasks_at_most = u32::try_from(tasks).unwrap_or(u32::MAX);
    if let Some(rate) = rate.filter(|rate| *rate > 0.0 && tasks_at_most > 1) {
        // Below this a rate is none.
        let share = (rate / f64::from(tasks_at_most)).max(0.001);
        own.insert(RATE, share.to_string());
    }
    vec![own; tasks]
}
