//! Names of what both classes count.

use connect_api::figures::{Counter, Figures, Gauge};

/// A figure: its name, and what it tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    help: &'static str,
}

pub(crate) const ROTATIONS: Figure =
    Figure { name: "millrace_s3_sink_rotations_total", help: "Times that open files were closed." };
pub(crate) const REQUESTS: Figure = Figure {
    name: "millrace_s3_sink_requests_total",
    help: "Requests to the bucket, each try of one counted.",
};
pub(crate) const UPLOADED_BYTES: Figure = Figure {
    name: "millrace_s3_sink_uploaded_bytes_total",
    help: "Bytes of content that the bucket has taken, as they were sent.",
};
pub(crate) const OBJECTS: Figure =
    Figure { name: "millrace_s3_sink_objects_total", help: "Objects that were written." };
pub(crate) const STORED_RECORDS: Figure = Figure {
    name: "millrace_s3_sink_stored_records_total",
    help: "Records in files that have become objects.",
};
pub(crate) const STORED_CONTENT_BYTES: Figure = Figure {
    name: "millrace_s3_sink_stored_content_bytes_total",
    help: "Bytes of those records in their format, before compression.",
};
pub(crate) const OPEN_FILES: Figure =
    Figure { name: "millrace_s3_sink_open_files", help: "Files that take records." };
pub(crate) const OPEN_RECORDS: Figure =
    Figure { name: "millrace_s3_sink_open_records", help: "Records in files that take records." };
pub(crate) const OPEN_CONTENT_BYTES: Figure = Figure {
    name: "millrace_s3_sink_open_content_bytes",
    help: "Bytes of those records in their format, before compression.",
};

impl Figure {
    pub(crate) fn counter(self, figures: &Figures) -> Counter {
        figures.counter(self.name, self.help, &[])
    }

    /// A counter that has a label.
    pub(crate) fn counter_of(self, figures: &Figures, label: &'static str, value: &str) -> Counter {
        figures.counter(self.name, self.help, &[(label, value)])
    }

    pub(crate) fn gauge(self, figures: &Figures) -> Gauge {
        figures.gauge(self.name, self.help, &[])
    }
}
