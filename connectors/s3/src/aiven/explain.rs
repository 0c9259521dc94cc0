//! What a configuration of the Aiven class means.

use connect_api::{
    config::Props,
    insight::{Delivery, Example, Explanation, Load, Promise},
};

use super::{
    config::{AivenConfig, FileCompression, OutputType},
    group::Grouper,
};
use crate::insight::{
    After, Costs, MemoryOf, Shape, Trigger, costs, example_record, float, number, seconds, span,
};

/// Memory of a compressor beside its output.
const COMPRESSOR_BYTES: f64 = 320e3;
/// Objects in a day above which it matters how many there are.
const MANY_FILES: f64 = 10_000.0;

/// Explains a configuration at this time.
pub(super) fn explain(
    config: &AivenConfig,
    props: &Props,
    load: &Load,
    now_ms: i64,
) -> Explanation {
    let costs = costs(&shape(config, load), load);
    let commit = seconds(load.commit_interval_ms).map(span).unwrap_or_default();
    let mut file_ends = vec![format!(
        "offset.flush.interval.ms of the worker: every {commit} all objects are written, and offsets \
         committed behind them"
    )];
    if config.file.max_records > 0 {
        let most = config.file.max_records;
        file_ends.push(format!("file.max.records: after {most} records another object begins"));
    }
    file_ends.push("Memory that is used up: the largest objects are written early".to_owned());
    file_ends.push("A request: POST /connectors/{connector}/flush".to_owned());
    Explanation {
        delivery: Some(delivery()),
        example: example(config, props, now_ms),
        file_ends,
        advice: advice(config, costs.as_ref()),
        estimate: costs.map(|costs| costs.estimate),
    }
}

fn delivery() -> Delivery {
    Delivery {
        promise: Promise::AtLeastOnce,
        because: vec![
            "Offsets are committed behind the objects with the records before them: nothing is lost"
                .to_owned(),
            "An object takes the place of one that has its key, as in the original: after a crash what \
             was not committed is written again, and records can be in two objects"
                .to_owned(),
            "io.confluent.connect.s3.S3SinkConnector writes each record once".to_owned(),
        ],
        given_up_by: Vec::new(),
    }
}

fn shape(config: &AivenConfig, load: &Load) -> Shape {
    let most = config.file.max_records;
    let triggers = [
        seconds(load.commit_interval_ms)
            .map(|slot| Trigger { key: "offset.flush.interval.ms", after: After::Slot(slot) }),
        (most > 0)
            .then(|| Trigger { key: "file.max.records", after: After::Records(f64::from(most)) }),
    ];
    let is_compressed = config.compression() != FileCompression::None;
    let file_memory: fn(&MemoryOf) -> f64 = if config.format.kind == OutputType::Parquet {
        |of| of.content
    } else if is_compressed {
        |of| of.sent.min(of.part) + COMPRESSOR_BYTES
    } else {
        |of| of.sent.min(of.part)
    };
    Shape {
        triggers: triggers.into_iter().flatten().collect(),
        folder_s: None,
        sides: 1.0,
        file_memory,
        memory: MemoryOf {
            part: u64::try_from(config.part_bytes()).map_or(f64::INFINITY, float),
            ..MemoryOf::default()
        },
    }
}

fn advice(config: &AivenConfig, costs: Option<&Costs>) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(costs) = costs
        && costs.estimate.files_per_day > MANY_FILES
    {
        let key = costs.first.as_ref().map_or("offset.flush.interval.ms", |first| first.key);
        advice.push(format!(
            "{} objects a day of {} records on the average are many small ones, and {key} is what ends \
             most of them: raise it",
            number(costs.estimate.files_per_day),
            number(costs.estimate.records_per_file)
        ));
    }
    if let Ok((_, grouping)) = config.template()
        && grouping.is_by_key()
    {
        advice.push(
            "Names with {{key}} and no {{start_offset}} make an object for each key, which holds its last \
             record only"
                .to_owned(),
        );
    }
    advice
}

fn example(config: &AivenConfig, props: &Props, now_ms: i64) -> Option<Example> {
    let topic = crate::insight::first_topic(props);
    let record = example_record(topic, "example".into(), now_ms);
    let mut grouper = Grouper::new(config).ok()?;
    let (name, _) = grouper.find(&record, None, now_ms, |_| None).ok()?;
    let key = grouper.key(&name, &record, now_ms).ok()?;
    Some(Example {
        record: format!(
            "{topic}: partition 0, offset {}, key \"example\", stamped now",
            record.offset
        ),
        place: format!("s3://{}/{key}", config.aws.bucket),
    })
}
