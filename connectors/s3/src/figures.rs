//! Names of what both classes count.

use connect_storage::figure::Figure;

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
