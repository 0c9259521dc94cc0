//! The words and class names that options of the S3 sink understand.

use connect_api::config::{choice, classes};

choice! {
    /// How objects are compressed.
    pub enum Compression {
        /// Not at all.
        None = "none",
        /// As one gzip member.
        Gzip = "gzip",
    }
}

choice! {
    /// What becomes of a record without a value.
    pub enum NullBehavior {
        /// It is skipped.
        Ignore = "ignore",
        /// The task fails.
        Fail = "fail",
        /// Its key is written to a folder of its own.
        Write = "write",
    }
}

choice! {
    /// What follows when an object cannot be tagged.
    pub enum TaggingErrors {
        /// A warning.
        Ignore = "ignore",
        /// The task fails.
        Fail = "fail",
    }
}

classes! {
    /// How records become bytes.
    pub enum FormatClass {
        /// One JSON text per line.
        Json = "io.confluent.connect.s3.format.json.JsonFormat",
        /// Bytes as they are, with a separator.
        ByteArray = "io.confluent.connect.s3.format.bytearray.ByteArrayFormat",
        /// Avro object container.
        Avro = "io.confluent.connect.s3.format.avro.AvroFormat",
        /// Parquet.
        Parquet = "io.confluent.connect.s3.format.parquet.ParquetFormat",
    }
}

classes! {
    /// Where objects are stored.
    pub enum StorageClass {
        /// In S3.
        S3 = "io.confluent.connect.s3.storage.S3Storage",
    }
}

classes! {
    /// Where credentials come from.
    pub enum CredentialsClass {
        /// Environment, web identity, profile, container, instance: the first that has some.
        DefaultChain = "com.amazonaws.auth.DefaultAWSCredentialsProviderChain"
            | "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
        /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
        Environment = "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider",
        /// The machine's role.
        Instance = "com.amazonaws.auth.InstanceProfileCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.InstanceProfileCredentialsProvider",
        /// The shared credentials file.
        Profile = "com.amazonaws.auth.profile.ProfileCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider",
        /// A token file, as Kubernetes mounts it.
        WebIdentity = "com.amazonaws.auth.WebIdentityTokenCredentialsProvider"
            | "software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider",
        /// The container's role.
        Container = "com.amazonaws.auth.EC2ContainerCredentialsProviderWrapper"
            | "software.amazon.awssdk.auth.credentials.ContainerCredentialsProvider",
        /// A role that is assumed.
        AssumeRole = "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider",
    }
}
