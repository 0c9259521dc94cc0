//! Options of Aiven's class.
//!
//! Source: Aiven-Open/opensearch-connector-for-apache-kafka `OpenSearchSinkConnectorConfig.java`,
//! `OpenSearchSigV4ConfigDefContributor.java`.

use std::time::Duration;

use connect_api::config::{Config, Problems, Secret};
use connect_tls::SslConfig;

use super::{
    shared::{ClusterKeys, ConversionKeys, check_topics, pairs},
    words::{Behavior, ExistingType, IdStrategy, NullBehavior, RoutingType, WriteMethod},
};

/// Most entries of `topic.to.existing.resource.mapping`.
const MOST_MAPPINGS: usize = 10;

/// Options of the OpenSearch sink.
#[derive(Config, Debug)]
#[config(group = "Connector", check)]
pub struct OpenSearchSinkConfig {
    /// The cluster.
    #[config(flatten)]
    pub cluster: ClusterKeys,
    /// Longest wait for room for more documents, and for answers before a commit, in milliseconds.
    #[config(key = "flush.timeout.ms", importance = Low, default = 10_000, check = at_least(1))]
    pub flush_timeout: Duration,
    /// What becomes of a record.
    #[config(flatten)]
    pub conversion: ConversionKeys,
    /// `insert` (or `index`) replaces documents, `upsert` merges into them, `create` keeps those that
    /// are there; the latter is an extension.
    #[config(group = "Data Conversion", key = "index.write.method", importance = Low, default = WriteMethod::Insert)]
    pub write_method: WriteMethod,
    /// What the id of a document is where the key is ignored.
    #[config(group = "Data Conversion", key = "key.ignore.id.strategy", importance = Low, default = IdStrategy::Coordinates)]
    pub id_strategy: IdStrategy,
    /// What becomes of records without a value.
    #[config(group = "Data Conversion", key = "behavior.on.null.values", importance = Low, default = NullBehavior::Ignore)]
    pub nulls: NullBehavior,
    /// What becomes of documents that the server finds malformed: `fail` makes them bad records,
    /// which go to the dead letter queue where `errors.tolerance` is `all`.
    #[config(group = "Data Conversion", key = "behavior.on.malformed.documents", importance = Low, default = Behavior::Fail)]
    pub malformed: Behavior,
    /// What becomes of documents of which the server has a newer version. With `fail`, documents that
    /// this sink wrote itself before it was started again count as written.
    #[config(group = "Data Conversion", key = "behavior.on.version.conflict", importance = Low, default = Behavior::Fail)]
    pub conflicts: Behavior,
    /// What decides on the shard of a document.
    #[config(group = "Data Conversion", key = "routing.type", importance = Low, default = RoutingType::None)]
    pub routing: RoutingType,
    /// JSON pointer to the part of the value that decides on the shard.
    #[config(group = "Data Conversion", key = "routing.type.record.value.path", importance = Low, check = pointer)]
    pub routing_path: Option<String>,
    /// Whether documents go to data streams.
    #[config(group = "Data Stream", key = "data.stream.enabled", default = false)]
    pub stream_enabled: bool,
    /// What stands before the topic in the names of data streams.
    #[config(group = "Data Stream", key = "data.stream.prefix", check = NOT_EMPTY)]
    pub stream_prefix: Option<String>,
    /// Field with the time of a document in a data stream. `@timestamp` is the record's own time where
    /// the field is absent.
    #[config(group = "Data Stream", key = "data.stream.timestamp.field", default = "@timestamp", check = NOT_EMPTY)]
    pub stream_timestamp: String,
    /// Index template of the data streams; made when it is not there. One for each data stream when
    /// absent.
    #[config(group = "Data Stream", key = "data.streams.existing.index.template.name")]
    pub stream_template: Option<String>,
    /// What the names of `topic.to.existing.resource.mapping` are.
    #[config(group = "Topic to Existing Resource Mappings", key = "existing.resource.type", importance = Low, default = ExistingType::None)]
    pub existing_type: ExistingType,
    /// Where the documents of each topic go, `topic:name`. The names must be there.
    #[config(group = "Topic to Existing Resource Mappings", key = "topic.to.existing.resource.mapping", importance = Low, default = "")]
    pub existing_mapping: Vec<String>,
    /// TLS.
    #[config(flatten = "connection.")]
    pub ssl: SslConfig,
    /// Whether any server is trusted whatever certificate it shows.
    #[config(group = "Security", key = "connection.trust.all.certificates", importance = Low, default = false)]
    pub trust_all: bool,
    /// Region that requests are signed for.
    #[config(group = "AWS Sig4 Authentication", key = "aws.region")]
    pub aws_region: Option<String>,
    /// Service that requests are signed for, such as `es` or `aoss`.
    #[config(group = "AWS Sig4 Authentication", key = "aws.service.signing.name", default = "es")]
    pub aws_service: String,
    /// Access key that requests are signed with.
    #[config(group = "AWS Access", key = "aws.access_key_id")]
    pub aws_access_key: Option<String>,
    /// Secret key that belongs to the access key.
    #[config(group = "AWS Access", key = "aws.secret_access_key")]
    pub aws_secret_key: Option<Secret<String>>,
    /// Role to assume; the worker's own credentials ask for it.
    #[config(group = "AWS STS Access", key = "aws.sts.role.arn", check = NOT_EMPTY)]
    pub role_arn: Option<String>,
    /// Name of the session of the assumed role.
    #[config(group = "AWS STS Access", key = "aws.sts.role.session.name", check = NOT_EMPTY)]
    pub role_session: Option<String>,
    /// How long an assumed role lasts, in seconds.
    #[config(group = "AWS STS Access", key = "aws.sts.role.session.duration", default = 3600, check = between(900, 43_200))]
    pub role_seconds: u32,
    /// External id that the role demands.
    #[config(group = "AWS STS Access", key = "aws.sts.role.external.id", check = NOT_EMPTY)]
    pub role_external_id: Option<String>,
}

impl OpenSearchSinkConfig {
    /// Whether documents go to data streams.
    pub(crate) const fn is_stream(&self) -> bool {
        match self.existing_type {
            ExistingType::None => self.stream_enabled,
            ExistingType::DataStream | ExistingType::DataStreamAlias => true,
            ExistingType::Index | ExistingType::IndexAlias => false,
        }
    }

    /// Whether requests are signed for AWS.
    pub(crate) const fn is_signed(&self) -> bool {
        self.has_keys() || self.has_role()
    }

    const fn has_keys(&self) -> bool {
        self.aws_access_key.is_some() && self.aws_secret_key.is_some()
    }

    const fn has_role(&self) -> bool {
        self.role_arn.is_some() && self.role_session.is_some()
    }

    /// `report` needs somebody to report to.
    fn check_reporter(&self, problems: &mut Problems) {
        let queue = problems.props().get("errors.deadletterqueue.topic.name");
        if queue.is_some_and(|topic| !topic.trim().is_empty()) {
            return;
        }
        for (key, behavior) in [
            ("behavior.on.malformed.documents", self.malformed),
            ("behavior.on.version.conflict", self.conflicts),
        ] {
            if behavior == Behavior::Report {
                let reason = "Needs a dead letter queue: set errors.deadletterqueue.topic.name and \
                              errors.tolerance=all";
                problems.add(key, behavior, reason);
            }
        }
    }

    fn check(&self, problems: &mut Problems) {
        self.cluster.check_linger(self.flush_timeout, problems);
        self.check_reporter(problems);
        if self.is_stream() && self.write_method == WriteMethod::Upsert {
            let reason = "Data streams do not support it, only insert";
            problems.add("index.write.method", self.write_method, reason);
        }
        if self.is_stream() && self.nulls == NullBehavior::Delete {
            let reason = "Data streams do not support it";
            problems.add("behavior.on.null.values", self.nulls, reason);
        }
        let keys_ignored = self.conversion.key_ignore;
        if self.write_method == WriteMethod::Upsert
            && keys_ignored
            && self.id_strategy != IdStrategy::RecordKey
        {
            let reason = "Is not supported for index upsert, supported is: record.key";
            problems.add("key.ignore.id.strategy", self.id_strategy, reason);
        }
        self.check_routing(problems);
        self.check_mapping(problems);
        self.check_aws(problems);
    }

    /// Whether topics are mapped to resources of no type, which counts for nothing in the original.
    pub(crate) fn has_idle_mapping(&self) -> bool {
        self.existing_type == ExistingType::None && !self.existing_mapping.is_empty()
    }

    fn check_routing(&self, problems: &mut Problems) {
        if self.routing != RoutingType::Value {
            return;
        }
        if self.routing_path.is_none() {
            let text = "The 'routing.type.record.value.path' setting must be configured when using \
                        the 'value' routing type";
            problems.add_text("routing.type.record.value.path", text);
        }
        if self.nulls == NullBehavior::Delete {
            let reason = "A record without a value has no routing in its value";
            problems.add("behavior.on.null.values", self.nulls, reason);
        }
    }

    fn check_mapping(&self, problems: &mut Problems) {
        const KEY: &str = "topic.to.existing.resource.mapping";
        if self.existing_type == ExistingType::None {
            return;
        }
        if self.stream_enabled {
            let reason = "Cannot be set together with existing.resource.type";
            problems.add("data.stream.enabled", true, reason);
        }
        match pairs(&self.existing_mapping) {
            Err((entry, reason)) => problems.add(KEY, entry, reason),
            Ok(found) if found.is_empty() => {
                problems.add_text(KEY, "Must be set to use 'existing.resource.type'.");
            }
            Ok(found) if found.len() > MOST_MAPPINGS => {
                let reason = format!("Has {} entries, at most {MOST_MAPPINGS}", found.len());
                problems.add(KEY, self.existing_mapping.join(","), reason);
            }
            Ok(found) => check_topics(KEY, &found, problems),
        }
    }

    fn check_aws(&self, problems: &mut Problems) {
        for (key, is_set, other, is_other_set) in [
            (
                "aws.secret_access_key",
                self.aws_secret_key.is_some(),
                "aws.access_key_id",
                self.aws_access_key.is_some(),
            ),
            (
                "aws.sts.role.session.name",
                self.role_session.is_some(),
                "aws.sts.role.arn",
                self.role_arn.is_some(),
            ),
        ] {
            if is_set != is_other_set {
                let missing = if is_set { other } else { key };
                problems.add_text(missing, format!("Either both or neither of {other} and {key}"));
            }
        }
        if !self.is_signed() {
            return;
        }
        if self.has_keys() && self.has_role() {
            let text = "Found both AWS access and STS role credentials. Only one can be selected";
            problems.add_text("aws.sts.role.arn", text);
        }
        if self.cluster.username.is_some() || self.cluster.api_key.is_some() {
            let text = "Requests are signed for AWS, so that no other way to sign in can be set";
            problems.add_text("connection.username", text);
        }
        if self.aws_region.as_deref().unwrap_or_default().is_empty() {
            problems.add_text("aws.region", "Is needed to sign requests for AWS");
        }
        if self.aws_service.is_empty() {
            problems.add_text("aws.service.signing.name", "Is needed to sign requests for AWS");
        }
        if self.cluster.urls.len() > 1 {
            let reason = "Only one endpoint can be given for AWS";
            problems.add("connection.url", self.cluster.urls.join(","), reason);
        }
    }
}

/// A JSON pointer.
fn pointer(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with('/') {
        return Ok(());
    }
    Err("Must be a JSON pointer, such as /customer/id".to_owned())
}
