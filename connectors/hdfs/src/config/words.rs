//! The words and class names that options of the HDFS sinks understand.

use connect_api::config::{choice, classes};

choice! {
    /// What becomes of a record without a value.
    pub enum NullBehavior {
        /// It is skipped.
        Ignore = "ignore",
        /// The task fails.
        Fail = "fail",
    }
    else "String must be one of: ignore, fail; write needs files of keys, which this sink does not have"
}

classes! {
    /// How records become bytes.
    pub enum FormatClass {
        /// Avro object container.
        Avro = "io.confluent.connect.hdfs.avro.AvroFormat"
            | "io.confluent.connect.hdfs3.avro.AvroFormat",
        /// One JSON text per line.
        Json = "io.confluent.connect.hdfs.json.JsonFormat"
            | "io.confluent.connect.hdfs3.json.JsonFormat",
        /// Parquet.
        Parquet = "io.confluent.connect.hdfs.parquet.ParquetFormat"
            | "io.confluent.connect.hdfs3.parquet.ParquetFormat",
        /// One text per line.
        Text = "io.confluent.connect.hdfs.string.StringFormat"
            | "io.confluent.connect.hdfs3.string.StringFormat",
        /// ORC. Not supported.
        Orc = "io.confluent.connect.hdfs.orc.OrcFormat"
            | "io.confluent.connect.hdfs3.orc.OrcFormat",
    }
}

classes! {
    /// Where files are stored.
    pub enum StorageClass {
        /// In HDFS.
        Hdfs = "io.confluent.connect.hdfs.storage.HdfsStorage"
            | "io.confluent.connect.hdfs3.storage.HdfsStorage"
            | "io.confluent.connect.hdfs3.storage.Hdfs3Storage",
    }
}
