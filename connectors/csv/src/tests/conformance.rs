//! The source in the suite that every source passes.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
};

use connect_api::{config::Props, record::SourceRecord, source::SourceConnector};
use connect_testkit::source::SourceFixture;

use super::support::{Bench, row};
use crate::CsvSource;

/// A directory with one growing number of files, each with one row.
struct Files {
    bench: Bench,
    next: AtomicU32,
}

impl SourceFixture for Files {
    async fn start() -> Self {
        // Files stay, so that they can be read again from an earlier offset.
        Self { bench: Bench::new().with("cleanup.policy", "NONE"), next: AtomicU32::new(0) }
    }

    fn connector(&self) -> Box<dyn SourceConnector> {
        Box::new(CsvSource)
    }

    fn props(&self) -> Props {
        self.bench.props.clone()
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[("input.path", "/nowhere")]
    }

    fn broken_props(&self) -> (Props, Vec<&'static str>) {
        let mut props = self.props();
        for (key, value) in [
            ("topic", ""),
            ("input.file.pattern", "("),
            ("cleanup.policy", "BURN"),
            ("batch.size", "0"),
            ("csv.separator.char", "comma"),
            ("csv.file.charset", "klingon"),
            ("value.schema", "{"),
            ("parser.timestamp.timezone", "Mars/Olympus"),
            ("parser.timestamp.date.formats", "quux"),
        ] {
            props.insert(key, value);
        }
        let keys = [
            "topic",
            "input.file.pattern",
            "cleanup.policy",
            "batch.size",
            "csv.separator.char",
            "csv.file.charset",
            "value.schema",
            "parser.timestamp.timezone",
            "parser.timestamp.date.formats",
        ];
        (props, keys.to_vec())
    }

    async fn feed(&self, id: &str) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = self.bench.path("in").join(format!("{number:04}"));
        fs::write(&name, format!("id\n{id}\n")).unwrap();
        fs::rename(&name, name.with_extension("csv")).unwrap();
    }

    fn id(&self, record: &SourceRecord) -> String {
        row(record)
    }
}

connect_testkit::source_conformance!(Files);

/// Rules across options are broken one by one, too.
#[test]
fn rules_across_options_are_told_with_their_keys() {
    let mut props = Bench::new().props;
    for (key, value) in [
        ("schema.generation.enabled", "false"),
        ("timestamp.mode", "FIELD"),
        ("finished.path", ""),
        ("csv.quote.char", "44"),
        ("csv.escape.char", "44"),
    ] {
        props.insert(key, value);
    }
    let wrong = CsvSource.validate(&props).into_iter().filter(|value| !value.errors.is_empty());
    let mut wrong: Vec<_> = wrong.map(|value| value.name).collect();
    wrong.sort();
    assert_eq!(
        wrong,
        ["csv.escape.char", "csv.quote.char", "finished.path", "timestamp.field", "value.schema"]
    );
}
