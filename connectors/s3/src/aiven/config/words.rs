//! The words that options of the Aiven class understand.

use connect_api::config::choice;

choice! {
    /// How objects are compressed.
    pub(in crate::aiven) enum FileCompression {
        /// Not at all.
        None = "none",
        /// As one gzip member.
        Gzip = "gzip",
        /// By Snappy, in the frames of `SnappyOutputStream`.
        Snappy = "snappy",
        /// As one Zstandard frame.
        Zstd = "zstd",
    }
}

impl FileCompression {
    /// End of the names of objects.
    pub(in crate::aiven) const fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Snappy => ".snappy",
            Self::Zstd => ".zst",
        }
    }
}

choice! {
    /// How records become the bytes of an object.
    pub(in crate::aiven) enum OutputType {
        /// Fields between commas, a record per line.
        Csv = "csv",
        /// One array of records.
        Json = "json",
        /// A JSON text per line.
        Jsonl = "jsonl",
        /// Parquet.
        Parquet = "parquet",
        /// Avro object container.
        Avro = "avro",
    }
}

choice! {
    /// A part of a record.
    pub(in crate::aiven) enum OutputField {
        /// Its key.
        Key = "key",
        /// Its value.
        Value = "value",
        /// Its offset.
        Offset = "offset",
        /// Its timestamp.
        Timestamp = "timestamp",
        /// Its headers.
        Headers = "headers",
    }
}

choice! {
    /// How values stand in CSV.
    pub(in crate::aiven) enum ValueEncoding {
        /// As they are.
        None = "none",
        /// In Base64.
        Base64 = "base64",
    }
}

choice! {
    /// Where the time in a name comes from.
    pub(in crate::aiven) enum TimeSource {
        /// The clock.
        Wallclock = "WALLCLOCK",
        /// The record.
        Event = "EVENT",
    }
}
