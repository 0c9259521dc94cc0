//! Options of `io.confluent.connect.http.HttpSinkConnector`.
//!
//! Source: Confluent's documentation of the HTTP sink connector.

use std::time::Duration;

use connect_api::{
    config::{Config, Problems, Secret, choice},
    json::DecimalFormat,
};
use connect_tls::{SslConfig, Trust};
use reqwest::{Method, header::HeaderMap};

use super::{
    auth::{AuthKeys, OAuthKeys},
    own::{PaceKeys, ReporterKeys},
    read::{address, headers, items, parsed, replacements, template},
};
use crate::{
    settings::{
        BatchRules, BodyFormat, BodyRules, ErrorBehavior, NullBehavior, Proxy, Rejection,
        RetryRules, Settings,
    },
    status::StatusCodes,
};

choice! {
    /// How a request is made.
    pub(crate) enum RequestMethod {
        /// `POST`.
        Post = "POST",
        /// `PUT`.
        Put = "PUT",
        /// `PATCH`.
        Patch = "PATCH",
        /// `GET`, without a body: an extension, for services that answer questions.
        Get = "GET",
    }
}

/// Options of the Confluent class.
#[derive(Config, Debug)]
#[config(check)]
pub(crate) struct ConfluentConfig {
    /// The service.
    #[config(flatten)]
    connection: ConnectionKeys,
    /// Bodies.
    #[config(flatten)]
    body: BodyKeys,
    /// Errors.
    #[config(flatten)]
    errors: ErrorKeys,
    /// Who we are.
    #[config(flatten)]
    auth: AuthKeys,
    /// Tokens.
    #[config(flatten)]
    oauth2: OAuthKeys,
    /// Answers.
    #[config(flatten)]
    reporter: ReporterKeys,
    /// Pace.
    #[config(flatten)]
    pace: PaceKeys,
    /// TLS.
    #[config(flatten = "https.")]
    ssl: SslConfig,
}

/// The service.
#[derive(Config, Debug)]
#[config(group = "Connection")]
struct ConnectionKeys {
    /// Address of the service. `${topic}`, `${key}` and `${field}`, a field of the value by its path,
    /// are replaced by those of the record.
    #[config(key = "http.api.url", importance = High, check = address)]
    url: String,
    /// Method of requests: `POST`, `PUT` or `PATCH`, and, as an extension, `GET` without a body.
    #[config(key = "request.method", importance = High, default = RequestMethod::Post)]
    method: RequestMethod,
    /// Headers of every request, `Name:Value`, with `header.separator` between them.
    #[config(key = "headers", default = "")]
    headers: String,
    /// What separates headers.
    #[config(key = "header.separator", default = "|", check = NOT_EMPTY)]
    separator: String,
    /// Longest time to connect, in milliseconds.
    #[config(key = "http.connect.timeout.ms", default = 30_000, check = at_least(1))]
    connect_timeout: Duration,
    /// Longest time from a request to the end of its answer, in milliseconds.
    #[config(key = "http.request.timeout.ms", default = 30_000, check = at_least(1))]
    request_timeout: Duration,
    /// Host of a proxy in front of the service; none when empty.
    #[config(key = "http.proxy.host", importance = Low, default = "")]
    proxy_host: String,
    /// Port of the proxy.
    #[config(key = "http.proxy.port", importance = Low, default = 0, check = between(0, 65_535))]
    proxy_port: i32,
    /// User of the proxy.
    #[config(key = "http.proxy.user", importance = Low, default = "")]
    proxy_user: String,
    /// Password of that user.
    #[config(key = "http.proxy.password", importance = Low)]
    proxy_password: Option<Secret<String>>,
}

/// Bodies.
#[derive(Config, Debug)]
#[config(group = "Body")]
struct BodyKeys {
    /// What bodies are made from: `string`, the text of the value with maps and structs as JSON, or
    /// `json`, the value as JSON.
    #[config(key = "request.body.format", default = BodyFormat::String)]
    format: BodyFormat,
    /// Most records in one request. They are consecutive ones of a partition, for the same address.
    #[config(key = "batch.max.size", importance = High, default = 1, check = at_least(1))]
    most: usize,
    /// What stands before the records of a request.
    #[config(key = "batch.prefix", default = "", raw)]
    prefix: String,
    /// What stands after the records of a request.
    #[config(key = "batch.suffix", default = "", raw)]
    suffix: String,
    /// What stands between the records of a request.
    #[config(key = "batch.separator", default = ",", raw)]
    between: String,
    /// Whether a body of JSON is an array, even of one record; prefix, suffix and separator are not
    /// used then.
    #[config(key = "batch.json.as.array", default = true)]
    is_array: bool,
    /// Records for which this text differs do not share a request; with references as in the address.
    #[config(key = "batch.key.pattern", importance = Low, default = "someKey", check = template)]
    key: String,
    /// Patterns of what is replaced in the text of each record.
    #[config(key = "regex.patterns", importance = Low, default = "", raw)]
    patterns: String,
    /// What stands in its place, one for each pattern.
    #[config(key = "regex.replacements", importance = Low, default = "", raw)]
    replacements: String,
    /// What separates patterns and replacements.
    #[config(key = "regex.separator", importance = Low, default = "~", raw)]
    separator: String,
}

/// Errors and records without a value.
#[derive(Config, Debug)]
#[config(group = "Errors")]
struct ErrorKeys {
    /// What becomes of a record without a value: `ignore`, `delete` (a request `DELETE` to the address
    /// with the key at its end, unless `${key}` is in it), `log`, `fail`.
    #[config(key = "behavior.on.null.values", default = NullBehavior::Ignore)]
    nulls: NullBehavior,
    /// What becomes of a record that the service does not take and that no reporter takes either:
    /// `ignore`, `log`, `fail`.
    #[config(key = "behavior.on.error", default = ErrorBehavior::Fail)]
    on_error: ErrorBehavior,
    /// Status codes and ranges of them after which a request is tried again, such as `429,500-`.
    #[config(key = "retry.on.status.codes", default = "400-", check = codes)]
    codes: String,
    /// Times that a request is tried again. Where an answer says when to come back (`Retry-After`), that
    /// is waited for; a limit of requests (429) that says so counts only after an hour of waiting.
    #[config(key = "max.retries", default = 5, check = at_least(0))]
    retries: u32,
    /// Wait before a request is tried again, in milliseconds; each one is twice the one before it.
    #[config(key = "retry.backoff.ms", default = 3000, check = at_least(0))]
    backoff: Duration,
}

fn codes(text: &str) -> Result<(), String> {
    StatusCodes::parse(text).map(drop)
}

impl ConfluentConfig {
    fn check(&self, problems: &mut Problems) {
        drop(self.headers(problems));
        drop(self.replacements(problems));
        drop(self.auth.auth(&self.oauth2, problems));
        let connection = &self.connection;
        if !connection.proxy_host.is_empty() && connection.proxy_port == 0 {
            problems.add_text(
                "http.proxy.port",
                "http.proxy.host is given, so that http.proxy.port has to be given as well",
            );
        }
    }

    fn headers(&self, problems: &mut Problems) -> HeaderMap {
        let items = items(&self.connection.headers, &self.connection.separator);
        headers(items.into_iter(), "headers", problems)
    }

    fn replacements(&self, problems: &mut Problems) -> Vec<(regex::Regex, String)> {
        let body = &self.body;
        let patterns = items(&body.patterns, &body.separator);
        let with = items(&body.replacements, &body.separator);
        replacements((&patterns, &with), problems)
    }

    fn batch(&self) -> BatchRules {
        let body = &self.body;
        let is_array = body.format == BodyFormat::Json && body.is_array;
        let text = |array: &str, own: &str| if is_array { array } else { own }.to_owned();
        BatchRules {
            most: body.most,
            prefix: text("[", &body.prefix),
            suffix: text("]", &body.suffix),
            separator: text(",", &body.between),
            key: (body.most > 1).then(|| parsed(&body.key)),
        }
    }

    /// What it means.
    pub(crate) fn settings(self) -> Settings {
        // What is wrong was found when it was checked.
        let mut found = Problems::new();
        let mut headers = self.headers(&mut found);
        if self.body.format == BodyFormat::Json {
            headers
                .entry(reqwest::header::CONTENT_TYPE)
                .or_insert_with(|| reqwest::header::HeaderValue::from_static("application/json"));
        }
        let body = BodyRules {
            format: self.body.format,
            decimals: DecimalFormat::Base64,
            replacements: self.replacements(&mut found),
        };
        Settings {
            url_key: "http.api.url",
            url: parsed(&self.connection.url),
            method: match self.connection.method {
                RequestMethod::Post => Method::POST,
                RequestMethod::Put => Method::PUT,
                RequestMethod::Patch => Method::PATCH,
                RequestMethod::Get => Method::GET,
            },
            headers,
            body,
            batch: self.batch(),
            nulls: self.errors.nulls,
            on_error: self.errors.on_error,
            rejection: Rejection::Answers,
            retry: RetryRules {
                codes: StatusCodes::parse(&self.errors.codes)
                    .unwrap_or_else(|_| StatusCodes::errors()),
                most: self.errors.retries,
                backoff: self.errors.backoff,
                is_exponential: true,
                pause: None,
            },
            connect_timeout: self.connection.connect_timeout,
            request_timeout: self.connection.request_timeout,
            auth: self.auth.auth(&self.oauth2, &mut found),
            proxy: self.connection.proxy(),
            ssl: self.ssl,
            ssl_prefix: "https.",
            trust: Trust::Certificates,
            report: self.reporter.rules(),
            rate: self.pace.rate(),
            in_flight: self.pace.max_in_flight,
        }
    }
}

impl ConnectionKeys {
    fn proxy(&self) -> Option<Proxy> {
        let password = self.proxy_password.clone().unwrap_or_default();
        let user = (!self.proxy_user.is_empty()).then(|| (self.proxy_user.clone(), password));
        (!self.proxy_host.is_empty()).then(|| Proxy {
            host: self.proxy_host.clone(),
            port: u16::try_from(self.proxy_port).unwrap_or(0),
            user,
        })
    }
}
