//! `millrace trace`: from an object back to its topic, and to the bytes of the file its records were
//! read from.

use std::{fmt::Write as _, path::Path, time::Duration};

use chrono::DateTime;
use connect_api::{
    error::chain,
    insight::{StoredObject, StoredObjects, StoredSource, Wanted},
};
use reqwest::Url;
use serde::Deserialize;

use super::{Failure, Result, arguments::TraceArguments, offline::say};
use crate::{
    config::{Environment, References, read_connector_file},
    herder::ConnectorPlugin,
    plugins,
};

/// Longest time a worker may take to answer: it looks the object up.
const ANSWER: Duration = Duration::from_secs(90);

/// What a worker says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

pub(super) async fn run(arguments: TraceArguments) -> Result<()> {
    let TraceArguments { place, config, url, connector } = arguments;
    let found = match (config, connector) {
        (Some(file), _) => by_file(&file, &place).await?,
        (None, Some(connector)) => by_worker(&url, &connector, &place).await?,
        (None, None) => {
            let usage = "Say whose object it is: --config FILE or --connector NAME";
            return Err(Failure::Wrong(anyhow::anyhow!(usage)));
        }
    };
    if found.objects.is_empty() {
        return Err(Failure::Run(anyhow::anyhow!(found.notes.join(". "))));
    }
    say(&text(&found))
}

/// Asks the object itself, without a worker.
async fn by_file(file: &Path, place: &str) -> Result<StoredObjects> {
    let connector = read_connector_file(file).map_err(Failure::wrong)?;
    let config = References::usual(Environment::default()).resolve(&connector.config);
    let config = config.map_err(Failure::wrong)?;
    let plugin = plugins::classes().connector_of(&config).map_err(Failure::wrong)?;
    let class = plugin.class();
    let ConnectorPlugin::Sink(sink) = plugin else {
        return Err(Failure::Wrong(anyhow::anyhow!("{class} is no sink, and writes no objects")));
    };
    let found = sink.objects(&config, &Wanted::At(place.to_owned())).await;
    let found = found.map_err(|error| Failure::Run(anyhow::anyhow!(chain(&error))))?;
    found.ok_or_else(|| {
        Failure::Wrong(anyhow::anyhow!("{class} does not say what is in its objects"))
    })
}

/// Asks the worker that runs the connector.
async fn by_worker(base: &str, connector: &str, place: &str) -> Result<StoredObjects> {
    let wrong = || Failure::Wrong(anyhow::anyhow!("\"{base}\" is no address of a worker"));
    let mut url = Url::parse(base).map_err(|_| wrong())?;
    let mut path = url.path_segments_mut().map_err(|()| wrong())?;
    path.pop_if_empty().extend(["connectors", connector, "objects"]);
    drop(path);
    url.query_pairs_mut().append_pair("place", place);
    let asking = || format!("Could not ask the worker at {base}, which --config does without");
    let failed = |error: reqwest::Error| {
        Failure::Run(anyhow::Error::new(error.without_url()).context(asking()))
    };
    let http = reqwest::Client::builder().no_proxy().timeout(ANSWER).build().map_err(failed)?;
    let answer = http.get(url).send().await.map_err(failed)?;
    if answer.status().is_success() {
        return answer.json().await.map_err(failed);
    }
    let status = answer.status().as_u16();
    let refusal: Refusal = answer.json().await.map_err(failed)?;
    Err(Failure::Run(anyhow::anyhow!("The worker answered {status}: {}", refusal.message)))
}

fn text(found: &StoredObjects) -> String {
    let mut text = String::new();
    for object in &found.objects {
        text.push_str(&object.place);
        text.push('\n');
        for (name, line) in lines(object) {
            // Writing to a text cannot fail.
            let _written = writeln!(text, "  {name:<8} {line}");
        }
    }
    for note in &found.notes {
        let _written = writeln!(text, "{note}");
    }
    text
}

/// What is known of an object, by name.
fn lines(object: &StoredObject) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(size) = object.size_bytes {
        let written = object.written_ms.map(|ms| format!(", written {}", time(ms)));
        lines.push(("object", format!("{size} bytes{}", written.unwrap_or_default())));
    }
    if let Some(topic) = &object.topic {
        let partition = object.partition.map(|it| format!(" partition {it}"));
        let offsets = match (object.first_offset, object.last_offset) {
            (Some(first), Some(last)) => format!(", offsets {first} to {last}"),
            (Some(first), None) => format!(", from offset {first} on"),
            _ => String::new(),
        };
        lines.push(("topic", format!("{topic}{}{offsets}", partition.unwrap_or_default())));
    }
    if let Some(records) = object.records {
        lines.push(("records", records.to_string()));
    }
    let times = [object.first_timestamp_ms, object.last_timestamp_ms];
    let times: Vec<_> = times.into_iter().flatten().map(time).collect();
    if !times.is_empty() {
        lines.push(("times", times.join(" to ")));
    }
    if let Some(crc) = object.content_crc32 {
        lines.push(("crc32", format!("{crc} ({crc:08x})")));
    }
    lines.extend(object.sources.iter().map(|source| ("from", from(source))));
    lines.extend(object.notes.iter().map(|note| ("note", note.clone())));
    lines
}

fn from(source: &StoredSource) -> String {
    let StoredSource { file, start, next, records } = source;
    let range = match next {
        Some(next) => format!("bytes {start} to {next} ({} bytes)", next - start),
        None => format!("from byte {start} on"),
    };
    let records = records.map(|records| format!(", {records} records"));
    format!("{file} {range}{}", records.unwrap_or_default())
}

fn time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map_or_else(
        || format!("{ms} ms"),
        |time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_shown_line_by_line() {
        let object = StoredObject {
            place: "s3://b/topics/t/t+0+0000000007.json".to_owned(),
            size_bytes: Some(12),
            written_ms: Some(1_709_632_800_123),
            topic: Some("t".to_owned()),
            partition: Some(0),
            first_offset: Some(7),
            last_offset: Some(9),
            records: Some(3),
            first_timestamp_ms: Some(0),
            last_timestamp_ms: Some(1000),
            content_crc32: Some(255),
            sources: vec![
                StoredSource {
                    file: "a.log".to_owned(),
                    start: 10,
                    next: Some(30),
                    records: Some(2),
                },
                StoredSource { file: "b.log".to_owned(), start: 5, next: None, records: None },
            ],
            notes: vec!["n".to_owned()],
        };
        let found = StoredObjects { objects: vec![object], next: None, notes: Vec::new() };
        let expected = "s3://b/topics/t/t+0+0000000007.json\n  \
            object   12 bytes, written 2024-03-05T10:00:00.123Z\n  \
            topic    t partition 0, offsets 7 to 9\n  \
            records  3\n  \
            times    1970-01-01T00:00:00.000Z to 1970-01-01T00:00:01.000Z\n  \
            crc32    255 (000000ff)\n  \
            from     a.log bytes 10 to 30 (20 bytes), 2 records\n  \
            from     b.log from byte 5 on\n  \
            note     n\n";
        assert_eq!(text(&found), expected);
    }
}
