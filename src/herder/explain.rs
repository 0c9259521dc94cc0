//! What a connector's configuration means, in words and numbers.
//!
//! What every connector can say is said here; what only its class knows comes from the class.

use std::time::Duration;

use connect_api::{
    config::Props,
    error::ConnectorError,
    insight::{Delivery, Estimate, Example, Explanation, Load, Promise},
    sink::SinkConnector,
    source::{ExactlyOnceSupport, SourceConnector},
};
use serde::Serialize;

use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
    replies::ConnectorType,
    starter::ConnectorPlugin,
};
use crate::{config::ExactlyOnceSource, metrics::Seen};

/// Time that tasks have to run before their load says anything.
const LEAST_RUN: Duration = Duration::from_secs(10);
/// Seconds of a day.
const DAY_S: f64 = 86_400.0;
/// Milliseconds between two commits, when the worker does not say. Source: `WorkerConfig.java`.
const COMMIT_INTERVAL_MS: i64 = 60_000;

/// What somebody expects of a connector's load; what is left out is taken from what its tasks saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Records a day in all partitions.
    pub records_per_day: Option<f64>,
    /// Mean length of a record in its format, before compression.
    pub record_bytes: Option<f64>,
    /// Partitions that records come from.
    pub partitions: Option<u32>,
}

/// What a connector's configuration means.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectorExplanation {
    /// Name of the connector.
    pub name: String,
    /// Kind of connector.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
    /// Its class.
    pub class: &'static str,
    /// Version of its class.
    pub version: &'static str,
    /// Topics that it reads or writes, as its configuration names them.
    pub topics: Vec<String>,
    /// Classes that turn bytes into records or records into bytes.
    pub converters: Converters,
    /// Transformations in their order, by name and class.
    pub transforms: Vec<String>,
    /// What becomes of bad records.
    pub errors: Errors,
    /// What is promised.
    pub delivery: Delivery,
    /// Memory that its tasks share with all others of the worker.
    pub memory: Memory,
    /// A made-up record and where it would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Example>,
    /// What ends a file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub file_ends: Vec<String>,
    /// What the load costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// What to think of.
    pub advice: Vec<String>,
    /// What should be known of the answer.
    pub notes: Vec<String>,
}

/// Converters of a connector, its own or the worker's.
#[derive(Clone, Debug, Serialize)]
pub struct Converters {
    key: String,
    value: String,
    header: String,
}

/// What becomes of bad records.
#[derive(Clone, Debug, Serialize)]
pub struct Errors {
    tolerance: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_queue: Option<String>,
}

/// Memory of the worker's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    budget_bytes: usize,
    used_bytes: usize,
}

impl Expected {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `BadParameter` for one that is not known or cannot be read.
    pub fn parse<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut expected = Self::default();
        for (name, text) in parameters {
            match name {
                "records_per_day" => expected.records_per_day = Some(positive(name, text)?),
                "record_bytes" => expected.record_bytes = Some(positive(name, text)?),
                "partitions" => {
                    let count = text.parse().ok().filter(|&count| count > 0);
                    expected.partitions = Some(count.ok_or_else(|| not_positive(name, text))?);
                }
                _ => {
                    return Err(HerderError::BadParameter(format!(
                        "There is no parameter \"{name}\"; known are records_per_day, record_bytes and \
                         partitions"
                    )));
                }
            }
        }
        Ok(expected)
    }
}

fn positive(name: &str, text: &str) -> Result<f64> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
    value.ok_or_else(|| not_positive(name, text))
}

fn not_positive(name: &str, text: &str) -> HerderError {
    HerderError::BadParameter(format!("\"{name}\" must be a number greater than 0: \"{text}\""))
}

impl HerderHandle {
    /// Says what a connector's configuration means, under this load or under that of its tasks.
    ///
    /// # Errors
    /// `ConnectorNotFound`, `UnknownClass` and the like, `Explain`, and as every read.
    pub async fn explain(&self, name: &str, expected: Expected) -> Result<ConnectorExplanation> {
        let snapshot = self.snapshot().await?;
        let config = snapshot.connector(name)?.config.clone().unwrap_or_default();
        let config = (self.parts.resolve)(&config).map_err(HerderError::Unresolved)?;
        let plugin = self.parts.plugins.connector_of(&config)?;
        let mut notes = Vec::new();
        let own = match &plugin {
            ConnectorPlugin::Source(source) => self.explain_source(&**source, &config),
            ConnectorPlugin::Sink(sink) => {
                let failed = |source| HerderError::Explain { connector: name.to_owned(), source };
                self.explain_sink(name, &**sink, &config, (expected, &mut notes)).map_err(failed)?
            }
        };
        let budget = self.parts.starter.budget();
        let memory = Memory { budget_bytes: budget.limit_bytes(), used_bytes: budget.used_bytes() };
        let mut advice = own.advice;
        advice.extend(own.estimate.as_ref().and_then(|estimate| of_budget(estimate, memory)));
        Ok(ConnectorExplanation {
            name: name.to_owned(),
            kind: plugin.kind(),
            class: plugin.class(),
            version: plugin.version(),
            topics: topics(&config),
            converters: self.converters(&config),
            transforms: transforms(&config),
            errors: errors(&config),
            delivery: own.delivery.unwrap_or_else(unknown_delivery),
            memory,
            example: own.example,
            file_ends: own.file_ends,
            estimate: own.estimate,
            advice,
            notes,
        })
    }

    fn explain_sink(
        &self,
        name: &str,
        sink: &dyn SinkConnector,
        config: &Props,
        (expected, notes): (Expected, &mut Vec<String>),
    ) -> Result<Explanation, ConnectorError> {
        let seen = self.parts.metrics.seen(name);
        let commit = self.settings.worker.get("offset.flush.interval.ms");
        let load = Load {
            records_per_day: expected.records_per_day.or_else(|| records_per_day(&seen)),
            record_bytes: expected.record_bytes,
            partitions: expected.partitions.or_else(|| partitions(&seen)),
            commit_interval_ms: commit
                .and_then(|ms| ms.trim().parse().ok())
                .unwrap_or(COMMIT_INTERVAL_MS),
            figures: seen.iter().flat_map(|task| task.figures.iter().cloned()).collect(),
        };
        let mut own = sink.explain(config, &load, self.parts.clock.now_ms())?;
        match &mut own.estimate {
            Some(estimate) => estimate.from = grounds(expected, &seen, estimate),
            None if load.records_per_day.is_none() => notes.push(
                "Nothing is estimated: the tasks have not run for ten seconds with records. Say what \
                 is expected: ?records_per_day=1000000&record_bytes=200&partitions=4"
                    .to_owned(),
            ),
            None => notes.push(format!("{} does not say what a load costs", sink.class())),
        }
        Ok(own)
    }

    fn explain_source(&self, source: &dyn SourceConnector, config: &Props) -> Explanation {
        let is_enabled = self.settings.exactly_once_sources == ExactlyOnceSource::Enabled;
        let is_free = self.parts.broker.has_free_transactions();
        let can = source.exactly_once_support(config) == ExactlyOnceSupport::Supported;
        let (promise, because) = match (can, is_enabled || is_free) {
            (true, true) => (
                Promise::ExactlyOnce,
                "Records and the offsets behind them become durable in one transaction",
            ),
            (true, false) => (
                Promise::AtLeastOnce,
                "Offsets are stored behind the records: what was written in between is written again \
                 after a crash",
            ),
            (false, _) => (
                Promise::AtLeastOnce,
                "The class does not promise that its offsets name each record once",
            ),
        };
        let given_up = can && !is_enabled && !is_free;
        let given_up_by = given_up.then(|| "exactly.once.source.support=disabled".to_owned());
        let delivery = Delivery {
            promise,
            because: vec![because.to_owned()],
            given_up_by: given_up_by.into_iter().collect(),
        };
        Explanation { delivery: Some(delivery), ..Explanation::default() }
    }

    fn converters(&self, config: &Props) -> Converters {
        let class = |key: &str, default: &str| {
            let found = config.get(key).or_else(|| self.settings.worker.get(key));
            found.unwrap_or(default).to_owned()
        };
        let header = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
        Converters {
            key: class("key.converter", ""),
            value: class("value.converter", ""),
            header: class("header.converter", header),
        }
    }
}

/// What can be said of every sink.
fn unknown_delivery() -> Delivery {
    Delivery {
        promise: Promise::AtLeastOnce,
        because: vec![
            "Offsets are committed behind the records that the connector has taken; its class does not \
             say more"
                .to_owned(),
        ],
        given_up_by: Vec::new(),
    }
}

fn of_budget(estimate: &Estimate, memory: Memory) -> Option<String> {
    let budget = u32::try_from(memory.budget_bytes).map_or(f64::from(u32::MAX), f64::from);
    let needed = estimate.memory_bytes.filter(|needed| *needed > budget)?;
    Some(format!(
        "Open files need up to {:.0} MB, and memory.budget.bytes lets all tasks of the worker have \
         {:.0} MB: parts are uploaded early then, partitions wait, and at last files are closed early. \
         Raise it, or share the partitions out to more workers",
        needed / 1e6,
        budget / 1e6
    ))
}

fn listed(config: &Props, key: &str) -> Vec<String> {
    let items = config.get(key).unwrap_or_default().split(',').map(str::trim);
    items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn topics(config: &Props) -> Vec<String> {
    let pattern = config.get("topics.regex").map(str::to_owned);
    let key = if config.get("topics").is_some() { "topics" } else { "topic" };
    listed(config, key).into_iter().chain(pattern).collect()
}

fn transforms(config: &Props) -> Vec<String> {
    let named = listed(config, "transforms").into_iter().map(|name| {
        let class = config.get(&format!("transforms.{name}.type")).unwrap_or_default();
        format!("{name}: {class}")
    });
    named.collect()
}

fn errors(config: &Props) -> Errors {
    let queue = config.get("errors.deadletterqueue.topic.name").map(str::trim);
    Errors {
        tolerance: config.get("errors.tolerance").unwrap_or("none").to_owned(),
        dead_letter_queue: queue.filter(|queue| !queue.is_empty()).map(str::to_owned),
    }
}

/// Records a day, as tasks have taken them; nothing where they have hardly run.
fn records_per_day(seen: &[Seen]) -> Option<f64> {
    let tasks = seen.iter().filter(|task| task.ran >= LEAST_RUN && task.records > 0);
    let rates = tasks.map(|task| float(task.records) / task.ran.as_secs_f64());
    let rate: f64 = rates.sum();
    (rate > 0.0).then_some(rate * DAY_S)
}

fn partitions(seen: &[Seen]) -> Option<u32> {
    let count: u64 = seen.iter().map(|task| task.partitions).sum();
    u32::try_from(count).ok().filter(|&count| count > 0)
}

/// A count as it is reckoned with; beyond 2^32 it is hardly a number of records of one task.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or_else(|_| f64::from(u32::MAX), f64::from)
}

/// What an estimate was made from.
fn grounds(expected: Expected, seen: &[Seen], estimate: &Estimate) -> Vec<String> {
    let mut from = Vec::new();
    if expected.records_per_day.is_some() {
        from.push("Records a day as the request has them".to_owned());
    } else {
        let records: u64 = seen.iter().map(|task| task.records).sum();
        let longest = seen.iter().map(|task| task.ran).max().unwrap_or_default().as_secs();
        from.push(format!(
            "{records} records that {} tasks have taken in {longest} seconds, which is more than comes \
             in a day while they catch up",
            seen.len()
        ));
    }
    from.push(match (expected.record_bytes, estimate.record_bytes) {
        (Some(_), _) => "Length of records as the request has it".to_owned(),
        (None, Some(_)) => "Length of the records that tasks have written".to_owned(),
        (None, None) => {
            "Length of records unknown until files are written: say record_bytes".to_owned()
        }
    });
    from.push(match (expected.partitions, partitions(seen)) {
        (Some(_), _) => "Partitions as the request has them".to_owned(),
        (None, Some(_)) => "Partitions that are assigned to the tasks".to_owned(),
        (None, None) => "One partition, as nobody said how many there are".to_owned(),
    });
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_taken_from_tasks_that_have_run_for_a_while() {
        let task = |records, partitions, seconds| Seen {
            records,
            partitions,
            ran: Duration::from_secs(seconds),
            figures: Vec::new(),
        };
        let seen = [task(1000, 2, 100), task(500, 1, 50), task(999, 1, 1)];
        let day = records_per_day(&seen).unwrap();
        assert!((day - 20.0 * DAY_S).abs() < 1e-6, "{day}");
        assert_eq!(partitions(&seen), Some(4));
        assert_eq!((records_per_day(&[task(0, 1, 60)]), partitions(&[])), (None, None));
    }

    #[test]
    fn expectations_are_numbers() {
        let parse = |pairs: &[(&str, &str)]| Expected::parse(pairs.iter().copied());
        let expected = parse(&[("records_per_day", "1e6"), ("partitions", "4")]).unwrap();
        assert_eq!((expected.records_per_day, expected.partitions), (Some(1e6), Some(4)));
        for (name, text) in
            [("records_per_day", "-1"), ("record_bytes", "inf"), ("partitions", "0"), ("x", "1")]
        {
            let error = parse(&[(name, text)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
