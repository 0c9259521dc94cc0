//! Options of the schema registry, which every converter here has.
//!
//! Source: confluentinc/schema-registry `AbstractKafkaSchemaSerDeConfig.java`.

use std::time::Duration;

use connect_api::config::{Config, Problems, Secret};
use connect_tls::SslConfig;

use crate::subject::SubjectName;

/// Where the schema registry is, and how schemas are found and registered there.
#[derive(Clone, Config, Debug)]
#[config(check, open = "request.header.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct SerdeConfig {
    /// Addresses of the registry, tried in turn when one does not answer.
    #[config(key = "schema.registry.url", importance = High)]
    pub urls: Vec<String>,
    /// Whether to begin at any of the addresses rather than at the first.
    #[config(key = "schema.registry.url.randomize", default = false, importance = Low)]
    pub is_url_random: bool,
    /// Most schemas that are remembered.
    #[config(key = "max.schemas.per.subject", default = 1000, importance = Low, check = at_least(1))]
    pub max_schemas: usize,
    /// Whether the registry is to ignore an order that does not matter.
    #[config(key = "normalize.schemas", default = false)]
    pub normalizes: bool,
    /// Whether schemas that the registry does not have are registered.
    #[config(key = "auto.register.schemas", default = true)]
    pub registers: bool,
    /// Id of the schema that everything is written by, where auto.register.schemas is false; -1 for
    /// none.
    #[config(key = "use.schema.id", default = -1, importance = Low)]
    pub fixed_id: i32,
    /// Whether the schema of use.schema.id must be able to read what is written.
    #[config(key = "id.compatibility.strict", default = true, importance = Low)]
    pub is_id_strict: bool,
    /// Whether everything is written by the subject's latest schema, where auto.register.schemas is
    /// false.
    #[config(key = "use.latest.version", default = false, importance = Low)]
    pub uses_latest: bool,
    /// Whether the latest schema must be able to read what is written.
    #[config(key = "latest.compatibility.strict", default = true, importance = Low)]
    pub is_latest_strict: bool,
    /// Most latest schemas that are remembered.
    #[config(key = "latest.cache.size", default = 1000, importance = Low)]
    pub latest_size: i32,
    /// Seconds after which the latest schema is asked for again; -1 for never.
    #[config(key = "latest.cache.ttl.sec", default = -1, importance = Low)]
    pub latest_ttl_s: i64,
    /// Where name and password come from: `URL` or `USER_INFO`.
    #[config(key = "basic.auth.credentials.source", default = "URL", check = basic_source)]
    pub basic_source: String,
    /// Name and password for `USER_INFO`, as `name:password`.
    #[config(key = "basic.auth.user.info", alias = "schema.registry.basic.auth.user.info")]
    pub user_info: Option<Secret<String>>,
    /// Where the token comes from: `STATIC_TOKEN`.
    #[config(key = "bearer.auth.credentials.source", default = "STATIC_TOKEN", check = bearer_source)]
    pub bearer_source: String,
    /// Token to send.
    #[config(key = "bearer.auth.token")]
    pub token: Option<Secret<String>>,
    /// How the subject of keys is named: `TopicNameStrategy`, `RecordNameStrategy` or
    /// `TopicRecordNameStrategy` of the same package.
    #[config(key = "key.subject.name.strategy", default = SubjectName::Topic, kind = Class, recommended = [])]
    pub key_subject: SubjectName,
    /// How the subject of values is named: `TopicNameStrategy`, `RecordNameStrategy` or
    /// `TopicRecordNameStrategy` of the same package.
    #[config(key = "value.subject.name.strategy", default = SubjectName::Topic, kind = Class, recommended = [])]
    pub value_subject: SubjectName,
    /// Host of a proxy, which has to allow CONNECT.
    #[config(key = "proxy.host", default = "", importance = Low)]
    pub proxy_host: String,
    /// Port of the proxy.
    #[config(key = "proxy.port", default = -1, importance = Low)]
    pub proxy_port: i32,
    /// Longest time to connect.
    #[config(key = "http.connect.timeout.ms", default = 60000, importance = Low)]
    pub connect_timeout: Duration,
    /// Longest time to wait for an answer.
    #[config(key = "http.read.timeout.ms", default = 60000, importance = Low)]
    pub read_timeout: Duration,
    /// How often a request that failed is sent again to the same address.
    #[config(key = "max.retries", default = 3, importance = Low)]
    pub retries: u32,
    /// Longest wait before the first of these; doubled each time. The wait itself is random.
    #[config(key = "retries.wait.ms", default = 1000, importance = Low)]
    pub retry_wait: Duration,
    /// Longest wait before any of these.
    #[config(key = "retries.max.wait.ms", default = 20000, importance = Low)]
    pub retry_max_wait: Duration,
    /// TLS to the registry.
    #[config(flatten = "schema.registry.")]
    pub ssl: SslConfig,
}

impl SerdeConfig {
    fn check(&self, problems: &mut Problems) {
        let key = "schema.registry.url";
        if self.urls.is_empty() {
            problems.add_text(key, "Missing required configuration \"schema.registry.url\"");
        }
        for url in &self.urls {
            if let Some(problem) = url_problem(url) {
                problems.add_text(key, problem);
            }
        }
        if self.basic_source == "USER_INFO" && self.user_info.is_none() {
            let text = "Configurations 'basic.auth.credentials.source' of USER_INFO needs \
                        basic.auth.user.info";
            problems.add_text("basic.auth.user.info", text);
        }
    }

    /// How subjects are named.
    #[must_use]
    pub const fn subject(&self, is_key: bool) -> SubjectName {
        if is_key { self.key_subject } else { self.value_subject }
    }
}

fn url_problem(url: &str) -> Option<String> {
    if url.starts_with("mock://") {
        return Some(
            "mock:// stands for a registry inside the tests of Java programs, which there is \
             none of here: name a registry that runs"
                .to_owned(),
        );
    }
    let known = url.starts_with("http://") || url.starts_with("https://");
    (!known).then(|| {
        "Every address of schema.registry.url has to begin with http:// or https://".to_owned()
    })
}

fn basic_source(text: &str) -> Result<(), String> {
    match text {
        "URL" | "USER_INFO" => Ok(()),
        "SASL_INHERIT" => {
            Err("SASL_INHERIT reads Java's login configuration, which there is none \
                               of here: use USER_INFO with basic.auth.user.info"
                .to_owned())
        }
        _ => Err("String must be one of: URL, USER_INFO".to_owned()),
    }
}

fn bearer_source(text: &str) -> Result<(), String> {
    match text {
        "STATIC_TOKEN" => Ok(()),
        _ => {
            Err("Only STATIC_TOKEN is known here: put the token into bearer.auth.token".to_owned())
        }
    }
}
