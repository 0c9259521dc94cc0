//! `millrace generate`.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use connect_api::time::Clock;

use super::{
    Failure, Result,
    arguments::{Generate, LogArguments},
    stop_signal,
};
use crate::{
    generate::{Lines, LogGenerator, Pace},
    tasks::TaskGroup,
};

/// Lines a second of a history whose rate was given as `max`.
const HISTORY_RATE: f64 = 10.0;

pub(super) async fn run(what: Generate, clock: Arc<dyn Clock>) -> Result<()> {
    let (lines, arguments) = match what {
        Generate::Logs(arguments) => (Lines::Application, arguments),
        Generate::Web(arguments) => (Lines::Web, arguments),
    };
    let generator = LogGenerator {
        lines,
        pace: pace(&arguments)?,
        directory: arguments.dir,
        zone: arguments.timezone,
        count: arguments.count,
        seed: arguments.seed.unwrap_or_else(|| clock.now_ms().unsigned_abs()),
        clock,
        written: Arc::default(),
    };
    let tasks = TaskGroup::new();
    let total = generator.run(stop_signal(&tasks)).await.map_err(Failure::run)?;
    tracing::info!(lines = total.lines, bytes = total.bytes, "Wrote {} lines", total.lines);
    Ok(())
}

fn pace(arguments: &LogArguments) -> Result<Pace> {
    let rate = arguments.rate.0;
    let (Some(from), Some(to)) = (&arguments.from, &arguments.to) else {
        return Ok(Pace::Live { rate });
    };
    let (from_ms, to_ms) = (time(from, arguments.timezone)?, time(to, arguments.timezone)?);
    if from_ms >= to_ms {
        return Err(Failure::Wrong(anyhow::anyhow!(
            "--from \"{from}\" is not before --to \"{to}\""
        )));
    }
    Ok(Pace::History { from_ms, to_ms, rate: rate.unwrap_or(HISTORY_RATE) })
}

/// A date, taken as its midnight in the zone, or an RFC 3339 time; in milliseconds since the epoch.
fn time(text: &str, zone: Tz) -> Result<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_millis());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let midnight = date.map(|date| date.and_time(NaiveTime::MIN));
    let local = midnight.and_then(|midnight| zone.from_local_datetime(&midnight).earliest());
    local.map(|time| time.timestamp_millis()).ok_or_else(|| {
        Failure::Wrong(anyhow::anyhow!(
            "\"{text}\" is neither a date such as 2026-11-21 nor a time such as \
             2026-11-21T10:00:00Z"
        ))
    })
}
