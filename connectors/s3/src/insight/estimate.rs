//! How many files a load makes, how large they are, and what they take of memory.
//!
//! Records are taken to come evenly, and to be shared out evenly to partitions and folders. That is never
//! quite true; it tells tens of objects from tens of thousands, which is what matters.

use connect_api::insight::{Estimate, Load};

use super::words;
use crate::figures;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

/// What ends a file.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    /// Key of the option.
    pub(crate) key: &'static str,
    pub(crate) after: After,
}

/// When a file ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    /// After so many records of a Kafka partition.
    Records(f64),
    /// After so many bytes of one file.
    Bytes(f64),
    /// With the first record that comes after so many seconds.
    Span(f64),
    /// So many seconds after the first record came, by the clock.
    Age(f64),
    /// At times that are so many seconds apart, by the clock.
    Slot(f64),
}

/// What there is to know of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) triggers: Vec<Trigger>,
    /// Seconds after which records go to another folder, where folders follow a time.
    pub(crate) folder_s: Option<f64>,
    /// Objects that a file is.
    pub(crate) sides: f64,
    /// Memory of an open file that would have so many bytes of content in the end, so many of them after
    /// compression.
    pub(crate) file_memory: fn(&MemoryOf) -> f64,
    pub(crate) memory: MemoryOf,
}

/// What the memory of an open file follows from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MemoryOf {
    /// Bytes of content of a whole file.
    pub(crate) content: f64,
    /// The same as they are sent.
    pub(crate) sent: f64,
    /// Size of a part.
    pub(crate) part: f64,
    /// Size that a buffer starts at.
    pub(crate) start: f64,
    /// Memory that does not depend on the number of open files.
    pub(crate) fixed: f64,
}

/// An estimate, and what ends most of its files.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    pub(crate) estimate: Estimate,
    /// What comes first at this load.
    pub(crate) first: Option<Trigger>,
    /// Seconds between two ends of the files of a partition.
    pub(crate) period_s: f64,
    /// Folders that take records of one partition at once.
    pub(crate) folders: f64,
}

/// Nothing when no load is known.
pub(crate) fn costs(shape: &Shape, load: &Load) -> Option<Costs> {
    let records = load.records_per_day.filter(|records| *records > 0.0)?;
    let partitions = load.partitions.filter(|count| *count > 0).unwrap_or(1);
    let each = records / f64::from(partitions);
    let rate = each / DAY_S;
    let record_bytes = load.record_bytes.or_else(|| seen_record_bytes(load));
    let folders = folders(load, partitions);
    let period = |after: After| match after {
        After::Records(count) => Some(count / rate),
        After::Bytes(bytes) => record_bytes.map(|length| bytes * folders / (rate * length)),
        After::Span(seconds) => Some(seconds + 1.0 / rate),
        After::Age(seconds) => Some(seconds + 1.0 / rate),
        After::Slot(seconds) => Some(seconds.max(1.0 / rate)),
    };
    let periods = shape.triggers.iter().filter_map(|one| Some((period(one.after)?, one)));
    let first = periods.min_by(|(one, _), (other, _)| one.total_cmp(other));
    let (period_s, first) =
        first.map_or((DAY_S, None), |(period, one)| (period, Some(one.clone())));
    let mut groups = DAY_S / period_s;
    // The clock cuts what the others have begun: one more for each time it does.
    let slots = shape.triggers.iter().filter_map(|one| match one.after {
        After::Slot(seconds) if seconds > period_s => Some(DAY_S / seconds),
        _ => None,
    });
    groups += slots.sum::<f64>();
    let changes = shape.folder_s.map_or(0.0, |seconds| DAY_S / seconds);
    let files_each = (groups * folders + changes).min(each);
    let files = files_each * f64::from(partitions);
    let file_bytes = record_bytes.map(|length| length * records / files);
    let open_files = f64::from(partitions) * folders * shape.sides;
    let memory_bytes = file_bytes.map(|content| {
        let sent = content * compression(load);
        let of = MemoryOf { content, sent, ..shape.memory };
        open_files * (shape.file_memory)(&of) + of.fixed
    });
    let estimate = Estimate {
        from: vec![],
        records_per_day: records,
        record_bytes,
        partitions,
        files_per_day: files * shape.sides,
        records_per_file: records / files,
        file_bytes,
        open_files,
        memory_bytes,
    };
    Some(Costs { estimate, first, period_s, folders })
}

/// Mean length of the records that tasks have written or are about to.
fn seen_record_bytes(load: &Load) -> Option<f64> {
    let sum = |names: [&str; 2]| -> f64 {
        names.iter().filter_map(|name| load.sum(name)).map(words::float).sum()
    };
    let records = sum([figures::STORED_RECORDS.name, figures::OPEN_RECORDS.name]);
    let bytes = sum([figures::STORED_CONTENT_BYTES.name, figures::OPEN_CONTENT_BYTES.name]);
    (records > 0.0 && bytes > 0.0).then(|| bytes / records)
}

/// Folders that take records of one partition at once: one, unless tasks have more open.
fn folders(load: &Load, partitions: u32) -> f64 {
    let open = load.sum(figures::OPEN_FILES.name).map_or(0.0, words::float);
    (open / f64::from(partitions)).max(1.0)
}

/// What is left of content when it is sent, as far as tasks have seen it.
fn compression(load: &Load) -> f64 {
    let sum = |name: &str| load.sum(name).map(words::float).filter(|sum| *sum > 0.0);
    let seen = sum(figures::UPLOADED_BYTES.name).zip(sum(figures::STORED_CONTENT_BYTES.name));
    seen.map_or(1.0, |(sent, content)| (sent / content).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(triggers: &[After]) -> Shape {
        Shape {
            triggers: triggers.iter().map(|after| Trigger { key: "k", after: *after }).collect(),
            folder_s: None,
            sides: 1.0,
            file_memory: |of| of.sent.min(of.part),
            memory: MemoryOf { part: 1e6, ..MemoryOf::default() },
        }
    }

    fn load(records_per_day: f64, record_bytes: f64, partitions: u32) -> Load {
        let (records_per_day, record_bytes) = (Some(records_per_day), Some(record_bytes));
        Load { records_per_day, record_bytes, partitions: Some(partitions), ..Load::default() }
    }

    fn is_near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6 * other.abs().max(1.0)
    }

    #[test]
    fn files_follow_from_what_ends_them_first() {
        // A million records in four partitions.
        let load = load(1e6, 200.0, 4);
        for (triggers, files) in [
            (vec![After::Records(1000.0)], 1000.0),
            (vec![After::Records(1000.0), After::Bytes(100_000.0)], 2000.0),
            // Every ten minutes at most, and there are records all the time.
            (vec![After::Records(1e9), After::Slot(600.0)], 576.0),
            // A slot cuts one file that a count has begun.
            (vec![After::Records(1000.0), After::Slot(3600.0)], 1096.0),
        ] {
            let costs = costs(&shape(&triggers), &load).unwrap();
            assert!(is_near(costs.estimate.files_per_day, files), "{triggers:?}: {costs:?}");
            let mean = 1e6 * 200.0 / files;
            assert!(is_near(costs.estimate.file_bytes.unwrap(), mean));
            assert!(is_near(costs.estimate.memory_bytes.unwrap(), 4.0 * mean.min(1e6)));
        }
    }

    #[test]
    fn there_are_no_more_files_than_records() {
        let shape = shape(&[After::Records(1000.0), After::Slot(60.0)]);
        let costs = costs(&shape, &load(48.0, 100.0, 2)).unwrap();
        assert!(is_near(costs.estimate.files_per_day, 48.0), "{costs:?}");
    }

    #[test]
    fn nothing_is_estimated_of_nothing() {
        let shape = shape(&[After::Records(1000.0)]);
        assert!(costs(&shape, &Load::default()).is_none());
        assert!(costs(&shape, &load(0.0, 100.0, 2)).is_none());
    }
}
