//! The words that options understand.

use connect_api::config::choice;

choice! {
    /// What becomes of records without a value.
    pub enum NullBehavior {
        /// They are skipped.
        Ignore = "ignore",
        /// The document of their key is deleted.
        Delete = "delete",
        /// They are bad records.
        Fail = "fail",
    }
}

choice! {
    /// What becomes of documents that Elasticsearch finds malformed.
    pub enum MalformedBehavior {
        /// They are skipped.
        Ignore = "ignore",
        /// They are skipped and the log says so.
        Warn = "warn",
        /// They are bad records.
        Fail = "fail",
    }
}

choice! {
    /// What becomes of documents that OpenSearch does not take.
    pub enum Behavior {
        /// They are skipped.
        Ignore = "ignore",
        /// They are skipped and the log says so.
        Warn = "warn",
        /// They are bad records.
        Fail = "fail",
        /// They are skipped and go to the dead letter queue.
        Report = "report",
    }
}

impl From<MalformedBehavior> for Behavior {
    fn from(behavior: MalformedBehavior) -> Self {
        match behavior {
            MalformedBehavior::Ignore => Self::Ignore,
            MalformedBehavior::Warn => Self::Warn,
            MalformedBehavior::Fail => Self::Fail,
        }
    }
}

choice! {
    /// How documents are written.
    pub enum WriteMethod {
        /// A document replaces the one of its id.
        Insert = "insert",
        /// A document is merged into the one of its id.
        Upsert = "upsert",
        /// Another word for insert.
        Index = "index",
        /// A document is written only if there is none of its id.
        Create = "create",
    }
}

choice! {
    /// What the id of a document is where the key is ignored.
    pub enum IdStrategy {
        /// The server makes one.
        None = "none",
        /// The key after all.
        RecordKey = "record.key",
        /// Topic, partition and offset.
        Coordinates = "topic.partition.offset",
    }
}

choice! {
    /// What decides on the shard of a document.
    pub enum RoutingType {
        /// Its id.
        None = "none",
        /// The record's key.
        Key = "key",
        /// A part of the record's value.
        Value = "value",
    }
}

choice! {
    /// Kind of the data streams that documents go to.
    pub enum DataStreamType {
        /// Logs.
        Logs = "LOGS",
        /// Metrics.
        Metrics = "METRICS",
        /// None: documents go to indices.
        None = "NONE",
    }
}

choice! {
    /// What a topic is mapped to by name.
    pub enum ExternalUsage {
        /// An index that is there.
        Index = "INDEX",
        /// A data stream that is there.
        DataStream = "DATASTREAM",
        /// An alias of an index.
        AliasIndex = "ALIAS_INDEX",
        /// An alias of a data stream.
        AliasDataStream = "ALIAS_DATASTREAM",
        /// Nothing: names follow the topic.
        Disabled = "DISABLED",
    }
}

choice! {
    /// What a topic is mapped to by name.
    pub enum ExistingType {
        /// Nothing: names follow the topic.
        None = "none",
        /// An index that is there.
        Index = "index",
        /// A data stream that is there.
        DataStream = "data_stream",
        /// An alias of an index.
        IndexAlias = "index_alias",
        /// An alias of a data stream.
        DataStreamAlias = "data_stream_alias",
    }
}

choice! {
    /// Whether the keys about TLS count.
    pub enum SecurityProtocol {
        /// They must not be there.
        Plaintext = "PLAINTEXT",
        /// They are there.
        Ssl = "SSL",
    }
}
