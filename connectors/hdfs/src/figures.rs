//! Names of what the sinks count.

use connect_storage::figure::Figure;

pub(crate) const ROTATIONS: Figure = Figure {
    name: "millrace_hdfs_sink_rotations_total",
    help: "Times that open files were closed.",
};
pub(crate) const REQUESTS: Figure = Figure {
    name: "millrace_hdfs_sink_requests_total",
    help: "Requests to name nodes and data nodes, each try of one counted.",
};
pub(crate) const SENT_BYTES: Figure = Figure {
    name: "millrace_hdfs_sink_written_bytes_total",
    help: "Bytes that data nodes have taken.",
};
pub(crate) const FILES: Figure =
    Figure { name: "millrace_hdfs_sink_files_total", help: "Files that got their final names." };
pub(crate) const APPENDS: Figure = Figure {
    name: "millrace_hdfs_sink_appends_total",
    help: "Times that growing files were begun or grew.",
};
pub(crate) const GROWING_FILES: Figure =
    Figure { name: "millrace_hdfs_sink_growing_files", help: "Files that grow." };
pub(crate) const STORED_RECORDS: Figure = Figure {
    name: "millrace_hdfs_sink_stored_records_total",
    help: "Records that were committed.",
};
pub(crate) const STORED_CONTENT_BYTES: Figure = Figure {
    name: "millrace_hdfs_sink_stored_content_bytes_total",
    help: "Bytes of those records in their format, before compression.",
};
pub(crate) const OPEN_FILES: Figure =
    Figure { name: "millrace_hdfs_sink_open_files", help: "Files that take records." };
pub(crate) const OPEN_RECORDS: Figure =
    Figure { name: "millrace_hdfs_sink_open_records", help: "Records in files that take records." };
