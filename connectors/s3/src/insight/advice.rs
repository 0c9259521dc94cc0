//! What somebody with this configuration and this load should think of.

use connect_api::insight::Load;

use super::{
    estimate::{After, Costs, Shape},
    words::{bytes, float, number, span},
};
use crate::{config::S3SinkConfig, figures};

/// Size of objects that readers like.
const GOOD_FILE_BYTES: f64 = 64e6;
/// Size below which objects are small.
const SMALL_FILE_BYTES: f64 = 5e6;
/// Records below which a file is small, when nobody knows their length.
const SMALL_FILE_RECORDS: f64 = 10_000.0;
/// Files in a day above which it matters that they are small.
const MANY_FILES: f64 = 1000.0;
/// Seconds that a file may be open before it is worth a word.
const LONG_OPEN_S: f64 = 21_600.0;
/// Rotations from which on their reasons say something.
const SOME_ROTATIONS: u64 = 20;

/// Sentences, the weightiest first.
pub(super) fn of(
    config: &S3SinkConfig,
    shape: &Shape,
    costs: Option<&Costs>,
    load: &Load,
) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(costs) = costs {
        advice.extend(of_small_files(costs));
        advice.extend(of_long_waits(costs));
        advice.extend(of_memory(config, costs));
    }
    advice.extend(of_quiet_topics(config, shape));
    advice.extend(of_fields(config, costs));
    advice.extend(of_reasons(load));
    advice
}

fn of_small_files(costs: &Costs) -> Option<String> {
    let estimate = &costs.estimate;
    let is_small = estimate
        .file_bytes
        .map_or(estimate.records_per_file < SMALL_FILE_RECORDS, |mean| mean < SMALL_FILE_BYTES);
    if !is_small || estimate.files_per_day < MANY_FILES {
        return None;
    }
    let size = match estimate.file_bytes {
        Some(mean) => format!("{} before compression", bytes(mean)),
        None => format!("{} records", number(estimate.records_per_file)),
    };
    let mut text = format!(
        "{} objects a day of {size} on the average are many small ones: each costs a request, and readers \
         open them one by one",
        number(estimate.files_per_day)
    );
    if let (Some(first), Some(length)) = (&costs.first, estimate.record_bytes) {
        let good_records = GOOD_FILE_BYTES * costs.folders / length;
        let records_a_second = estimate.records_per_day / f64::from(estimate.partitions) / 86_400.0;
        let better = match first.after {
            After::Records(_) => number(good_records.round()),
            After::Bytes(_) => format!("{GOOD_FILE_BYTES:.0}"),
            After::Span(_) | After::Age(_) | After::Slot(_) => {
                let ms = (good_records / records_a_second).clamp(1.0, 86_400.0) * 1000.0;
                format!("{ms:.0}")
            }
        };
        let better = better.replace(',', "");
        text.push_str(&format!(
            ". {} ends most of them: at {better} it would be files of {} or of a day",
            first.key,
            bytes(GOOD_FILE_BYTES)
        ));
    }
    Some(text)
}

fn of_long_waits(costs: &Costs) -> Option<String> {
    let first = costs.first.as_ref()?;
    (costs.period_s > LONG_OPEN_S).then(|| {
        format!(
            "At this load {} ends the files of a partition every {} only, and nothing does earlier: \
             records are in no object for as long, and no offset is committed. Set \
             file.age.ms.max to the longest wait that is acceptable",
            first.key,
            span(costs.period_s)
        )
    })
}

fn of_memory(config: &S3SinkConfig, costs: &Costs) -> Option<String> {
    let most = u64::try_from(config.connector.store_memory_bytes).ok().filter(|&most| most > 0)?;
    let needed = costs.estimate.memory_bytes.filter(|needed| *needed > float(most))?;
    let way = if config.connector.store_spill_path.is_empty() {
        "Parts are uploaded early then, and at last files are closed early: raise it, or set \
         store.spill.path to have records wait on disk"
    } else {
        "Records wait on disk then, up to store.spill.bytes"
    };
    Some(format!(
        "Open files need up to {} of memory, and store.memory.bytes allows each task {}. {way}",
        bytes(needed),
        bytes(float(most))
    ))
}

fn of_quiet_topics(config: &S3SinkConfig, shape: &Shape) -> Option<String> {
    let by_clock = |one: &After| matches!(one, After::Age(_) | After::Slot(_));
    if shape.triggers.iter().any(|one| by_clock(&one.after)) {
        return None;
    }
    let is_by_span = shape.triggers.iter().any(|one| matches!(one.after, After::Span(_)));
    Some(if is_by_span {
        "rotate.interval.ms closes files when a later record comes: the last files of a topic that goes \
         quiet stay open. Set file.age.ms.max or rotate.schedule.interval.ms to have the clock close them"
            .to_owned()
    } else {
        format!(
            "Nothing but records closes files: a topic that goes quiet leaves up to {} records of each \
             partition in no object. Set file.age.ms.max or rotate.schedule.interval.ms to have the clock \
             close them",
            config.connector.flush_size.saturating_sub(1)
        )
    })
}

fn of_fields(config: &S3SinkConfig, costs: Option<&Costs>) -> Option<String> {
    if !config.storage.is_by_fields() {
        return None;
    }
    let fields = config.storage.partition_field_name.join(", ");
    let counted = costs.map_or_else(String::new, |costs| {
        format!("; the estimate has {} at once in each", number(costs.folders))
    });
    Some(format!(
        "Each value of {fields} has files of its own in each Kafka partition{counted}. Many values make \
         many small objects: partition by what has few, or have producers key their records by it"
    ))
}

/// What the reasons of past rotations say.
fn of_reasons(load: &Load) -> Vec<String> {
    let all = load.sum(figures::ROTATIONS.name).unwrap_or_default();
    let of = |reason| load.sum_of(figures::ROTATIONS.name, ("reason", reason));
    let mut advice = Vec::new();
    let schemas = of("schema_change") + of("schema_presence");
    if all >= SOME_ROTATIONS && schemas > all / 2 {
        advice.push(format!(
            "{schemas} of {all} times files were closed because the schema of values changed: versions \
             that take turns make an object each. Have producers write one, or set \
             schema.compatibility=BACKWARD with a schema registry"
        ));
    }
    let memory = of("memory");
    if memory > 0 {
        advice.push(format!(
            "{memory} times files were closed early because memory was used up: raise \
             memory.budget.bytes of the worker, lower flush.size, or set store.spill.path"
        ));
    }
    advice
}
