//! Both sources in the suite that every source passes.

use std::{fs::File, io::Write as _, path::PathBuf};

use connect_api::{config::Props, record::SourceRecord, source::SourceConnector};
use connect_testkit::source::SourceFixture;
use tempfile::TempDir;

use crate::{FileStreamSource, LogFileSource};

/// A directory with a file that records are appended to as lines.
struct LineFile {
    directory: TempDir,
}

impl LineFile {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("20261121.log")
    }

    fn append(&self, id: &str) {
        let mut file = File::options().append(true).create(true).open(self.path()).unwrap();
        writeln!(file, "{id}").unwrap();
    }
}

fn text(record: &SourceRecord) -> String {
    record.value.value.as_str().unwrap().to_owned()
}

mod log_file {
    use super::*;

    struct Fixture(LineFile);

    impl SourceFixture for Fixture {
        async fn start() -> Self {
            Self(LineFile::new())
        }

        fn connector(&self) -> Box<dyn SourceConnector> {
            Box::new(LogFileSource)
        }

        fn props(&self) -> Props {
            let path = self.0.directory.path().join("%Y%m%d.log");
            Props::from([
                ("path", path.to_str().unwrap()),
                ("topic", "lines"),
                ("batch.max.records", "3"),
            ])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[("path", "/nowhere/%Y%m%d.log")]
        }

        fn broken_props(&self) -> (Props, Vec<&'static str>) {
            let props = Props::from([
                ("path", "logs/%m.log"),
                ("topic", "lines"),
                ("timezone", "Mars/Olympus"),
                ("parse", "pattern"),
                ("pattern", "("),
                ("max.line.bytes", "0"),
                ("encoding", "utf-16"),
                ("timestamp.format", "sometimes"),
            ]);
            let keys =
                ["path", "timezone", "pattern", "max.line.bytes", "encoding", "timestamp.format"];
            (props, keys.to_vec())
        }

        async fn feed(&self, id: &str) {
            self.0.append(id);
        }

        fn id(&self, record: &SourceRecord) -> String {
            text(record)
        }
    }

    connect_testkit::source_conformance!(Fixture);
}

mod file_stream {
    use super::*;

    struct Fixture(LineFile);

    impl SourceFixture for Fixture {
        async fn start() -> Self {
            Self(LineFile::new())
        }

        fn connector(&self) -> Box<dyn SourceConnector> {
            Box::new(FileStreamSource)
        }

        fn props(&self) -> Props {
            let path = self.0.path();
            Props::from([("file", path.to_str().unwrap()), ("topic", "lines"), ("batch.size", "3")])
        }

        fn lost(&self) -> &'static [(&'static str, &'static str)] {
            &[]
        }

        fn broken_props(&self) -> (Props, Vec<&'static str>) {
            let props = Props::from([("topic", ""), ("batch.size", "many")]);
            (props, vec!["topic", "batch.size"])
        }

        async fn feed(&self, id: &str) {
            self.0.append(id);
        }

        fn id(&self, record: &SourceRecord) -> String {
            text(record)
        }
    }

    connect_testkit::source_conformance!(Fixture);
}
