//! What the engine runs on, whichever class it was written for.

use std::time::Duration;

use connect_api::{
    config::{Secret, choice},
    json::DecimalFormat,
};
use connect_tls::{SslConfig, Trust};
use regex::Regex;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::{status::StatusCodes, template::Template};

choice! {
    /// What becomes of a record without a value.
    pub(crate) enum NullBehavior {
        /// It is skipped.
        Ignore = "ignore",
        /// What is under its key is deleted.
        Delete = "delete",
        /// It is skipped with a warning.
        Log = "log",
        /// It is a bad record.
        Fail = "fail",
    }
}

choice! {
    /// What becomes of a record that the service does not take.
    pub(crate) enum ErrorBehavior {
        /// It is skipped.
        Ignore = "ignore",
        /// It is skipped with a warning.
        Log = "log",
        /// The task fails.
        Fail = "fail",
    }
}

choice! {
    /// What a body is made from.
    pub(crate) enum BodyFormat {
        /// The text of the value.
        String = "string",
        /// The value as JSON.
        Json = "json",
    }
}

choice! {
    /// What stands in records of the topic of errors.
    pub(crate) enum ErrorForm {
        /// What went wrong.
        ErrorString = "error_string",
        /// What the service answered.
        HttpResponse = "http_response",
    }
}

choice! {
    /// How the text of a record of the topic of errors is written.
    pub(crate) enum ErrorFormat {
        /// As it is.
        String = "string",
        /// As a JSON string.
        Json = "json",
    }
}

/// How bodies are made.
#[derive(Clone, Debug)]
pub(crate) struct BodyRules {
    pub(crate) format: BodyFormat,
    pub(crate) decimals: DecimalFormat,
    /// Applied to the text of each record, one after the other.
    pub(crate) replacements: Vec<(Regex, String)>,
}

/// How records share a request.
#[derive(Clone, Debug)]
pub(crate) struct BatchRules {
    pub(crate) most: usize,
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    pub(crate) separator: String,
    /// Records for which this differs do not share a request.
    pub(crate) key: Option<Template>,
}

/// When a request is sent again.
#[derive(Clone, Debug)]
pub(crate) struct RetryRules {
    pub(crate) codes: StatusCodes,
    pub(crate) most: u32,
    pub(crate) backoff: Duration,
    /// Whether each wait is twice the one before it.
    pub(crate) is_exponential: bool,
    /// After so long everything begins anew instead of being given up.
    pub(crate) pause: Option<Duration>,
}

/// Who we are to the service.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    None,
    Header(HeaderName, HeaderValue),
    Query(String, Secret<String>),
    OAuth2(Box<OAuth2>),
}

/// How a token is had from the service that gives them out.
#[derive(Clone, Debug)]
pub(crate) struct OAuth2 {
    pub(crate) url: String,
    /// How the user calls the former.
    pub(crate) url_key: &'static str,
    pub(crate) client_id: String,
    pub(crate) secret: Secret<String>,
    /// Whether id and secret are sent in a header rather than in the form.
    pub(crate) is_in_header: bool,
    /// Further fields of the form.
    pub(crate) form: Vec<(String, String)>,
    /// Names of the fields of id and secret.
    pub(crate) names: (String, String),
    pub(crate) headers: HeaderMap,
    /// Where the token stands in the answer.
    pub(crate) property: String,
    /// How the user calls the former.
    pub(crate) property_key: &'static str,
}

/// A proxy in front of the service.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<(String, Secret<String>)>,
}

/// Where answers go. In names, `${connector}` stands for the connector.
#[derive(Clone, Debug)]
pub(crate) struct ReportRules {
    pub(crate) results: String,
    pub(crate) errors: String,
    pub(crate) form: ErrorForm,
    pub(crate) format: ErrorFormat,
    /// Partitions and copies of the topic of answers where it is made.
    pub(crate) results_made: (i32, Option<i16>),
    /// The same of the topic of errors.
    pub(crate) errors_made: (i32, Option<i16>),
    /// Most bytes of a record.
    pub(crate) most_bytes: usize,
    /// Whether brokers of their own are named, in whose place the worker's are used.
    pub(crate) names_brokers: bool,
}

/// What is done about a request that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// Its records go to the reporter, unless nobody could be reached at all.
    Answers,
    /// Its record goes to the reporter, whatever happened; several records fail the task, and so does
    /// one without a value.
    Single,
}

/// Everything.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How the user calls the address.
    pub(crate) url_key: &'static str,
    pub(crate) url: Template,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyRules,
    pub(crate) batch: BatchRules,
    pub(crate) nulls: NullBehavior,
    pub(crate) on_error: ErrorBehavior,
    pub(crate) rejection: Rejection,
    pub(crate) retry: RetryRules,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) auth: Auth,
    pub(crate) ssl: SslConfig,
    /// What stands before the keys of the former.
    pub(crate) ssl_prefix: &'static str,
    pub(crate) trust: Trust,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) report: Option<ReportRules>,
    /// Requests of a task per second.
    pub(crate) rate: Option<f64>,
    pub(crate) in_flight: usize,
}
