//! How much a member reads at once, and where it begins.

use connect_api::config::Props;

use crate::broker::{BrokerError, Result};

/// Bytes after which a fetch takes no more batches.
const FETCH_BYTES: usize = 1 << 20;

/// Most records in one event. A record costs the task over a hundred bytes beside its own: this
/// keeps an event of tiny records within a few megabytes.
const POLL_RECORDS: usize = 20_000;

/// What a member obeys of the settings of Kafka's consumers.
#[derive(Clone, Copy, Debug)]
pub(in crate::broker::embedded::group) struct Reading {
    pub(super) fetch_bytes: usize,
    pub(super) poll_records: usize,
    pub(super) reset: Reset,
}

/// Where a partition is read from that nothing was committed for: `auto.offset.reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// The first record there is.
    Earliest,
    /// The next record to come.
    Latest,
    /// Nowhere: the consumer fails.
    Nowhere,
}

impl Reading {
    pub(in crate::broker::embedded::group) fn parse(overrides: &Props) -> Result<Self> {
        let reset = match overrides.get("auto.offset.reset").map(str::trim) {
            None | Some("earliest") => Reset::Earliest,
            Some("latest") => Reset::Latest,
            Some("none") => Reset::Nowhere,
            Some(other) => return Err(complaint("auto.offset.reset", other)),
        };
        Ok(Self {
            // A fetch brings a batch, however few bytes were asked for.
            fetch_bytes: number(overrides, "fetch.max.bytes", 0, FETCH_BYTES)?.max(1),
            poll_records: number(overrides, "max.poll.records", 1, POLL_RECORDS)?,
            reset,
        })
    }
}

fn number(overrides: &Props, name: &str, least: usize, default: usize) -> Result<usize> {
    let Some(text) = overrides.get(name).map(str::trim) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| complaint(name, text))
}

fn complaint(name: &str, value: &str) -> BrokerError {
    BrokerError::Invalid(format!("Invalid value {value} for configuration {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        for (name, value) in
            [("auto.offset.reset", "middle"), ("max.poll.records", "0"), ("fetch.max.bytes", "x")]
        {
            let error = Reading::parse(&Props::from([(name, value)])).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("Invalid value {value} for configuration {name}")
            );
        }
    }

    #[test]
    fn settings_are_read_as_kafkas_clients_read_them() {
        let set = [("auto.offset.reset", " latest "), ("max.poll.records", " 7 ")];
        let reading = Reading::parse(&Props::from(set)).unwrap();
        assert_eq!((reading.reset, reading.poll_records), (Reset::Latest, 7));
        let few = Reading::parse(&Props::from([("fetch.max.bytes", "0")])).unwrap();
        assert_eq!(few.fetch_bytes, 1);
    }

    #[test]
    fn the_beginning_is_where_reading_starts() {
        let reading = Reading::parse(&Props::new()).unwrap();
        assert_eq!(reading.reset, Reset::Earliest);
    }
}
