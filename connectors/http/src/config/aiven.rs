//! Options of `io.aiven.kafka.connect.http.HttpSinkConnector`.
//!
//! Source: Aiven-Open/http-connector-for-apache-kafka `HttpSinkConfig.java`.

use std::time::Duration;

use connect_api::{
    config::{Config, Problems, Secret, choice},
    json::DecimalFormat,
};
use connect_tls::{Keystore, SslConfig, Trust, Truststore};
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};

use super::{
    own::{PaceKeys, ReporterKeys},
    read::{address, headers, parsed, secret_value},
};
use crate::{
    settings::{
        Auth, BatchRules, BodyFormat, BodyRules, ErrorBehavior, NullBehavior, OAuth2, Rejection,
        RetryRules, Settings,
    },
    status::StatusCodes,
};

choice! {
    /// Who we are to the service.
    pub(crate) enum AuthorizationType {
        /// Nobody.
        None = "none",
        /// A client with a token that it fetches.
        OAuth2 = "oauth2",
        /// What a header says.
        Static = "static",
        /// A client with a token that it fetches by a key.
        ApiKey = "apikey",
    }
}

choice! {
    /// Where id and secret of the client stand when a token is fetched.
    pub(crate) enum ClientMode {
        /// In a header.
        Header = "HEADER",
        /// In the form.
        Url = "URL",
    }
}

/// Options of the Aiven class.
#[derive(Config, Debug)]
#[config(check)]
pub(crate) struct AivenConfig {
    /// The service.
    #[config(flatten)]
    connection: ConnectionKeys,
    /// Tokens.
    #[config(flatten)]
    oauth2: OAuthKeys,
    /// Records of a request.
    #[config(flatten)]
    batching: BatchKeys,
    /// Errors.
    #[config(flatten)]
    delivery: DeliveryKeys,
    /// Answers.
    #[config(flatten)]
    reporter: ReporterKeys,
    /// Pace.
    #[config(flatten)]
    pace: PaceKeys,
}

/// The service.
#[derive(Config, Debug)]
#[config(group = "Connection")]
struct ConnectionKeys {
    /// Address of the service. As an extension, `${topic}`, `${key}` and `${field}`, a field of the value
    /// by its path, are replaced by those of the record.
    #[config(key = "http.url", importance = High, check = address)]
    url: String,
    /// Who we are to the service: `none`, `static`, `oauth2` or `apikey`.
    #[config(key = "http.authorization.type", importance = High)]
    kind: AuthorizationType,
    /// Content of the header `Authorization`, for `static`.
    #[config(key = "http.headers.authorization")]
    authorization: Option<Secret<String>>,
    /// Content of the header `Content-Type`; none is sent when absent.
    #[config(key = "http.headers.content.type", importance = Low, check = NOT_EMPTY)]
    content_type: Option<String>,
    /// Further headers, a list of `name:value`.
    #[config(key = "http.headers.additional", importance = Low, default = "")]
    additional: Vec<String>,
    /// Whether any certificate of the service is taken for good.
    #[config(key = "http.ssl.trust.all.certs", importance = Low, default = false)]
    trusts_all: bool,
    /// File of the certificates that are trusted, PEM or PKCS12; those of the system when absent.
    #[config(key = "http.ssl.truststore.location", importance = Low)]
    truststore: Option<String>,
    /// Password of that file, where it is PKCS12.
    #[config(key = "http.ssl.truststore.password", importance = Low)]
    truststore_password: Option<Secret<String>>,
    /// Longest time from a request to the end of its answer, in seconds.
    #[config(key = "http.timeout", importance = Low, default = 30, check = at_least(1))]
    timeout_seconds: u32,
}

/// How `oauth2` and `apikey` fetch their token.
#[derive(Config, Debug)]
#[config(group = "OAuth2")]
struct OAuthKeys {
    /// Address that gives out tokens.
    #[config(key = "oauth2.access.token.url", importance = High)]
    url: Option<String>,
    /// Id of the client.
    #[config(key = "oauth2.client.id", importance = High, check = PRINTABLE)]
    id: Option<String>,
    /// Secret of the client.
    #[config(key = "oauth2.client.secret", importance = High)]
    secret: Option<Secret<String>>,
    /// Where id and secret of the client stand: `HEADER` or `URL`, which is in the form.
    #[config(key = "oauth2.client.authorization.mode", default = ClientMode::Header)]
    mode: ClientMode,
    /// Scope that is asked for.
    #[config(key = "oauth2.client.scope", importance = Low, check = PRINTABLE)]
    scope: Option<String>,
    /// Where the token stands in the answer.
    #[config(key = "oauth2.response.token.property", importance = Low, default = "access_token", check = PRINTABLE)]
    property: String,
    /// Kind of the grant.
    #[config(key = "oauth2.grant.type", importance = Low, default = "client_credentials", check = PRINTABLE)]
    grant: String,
    /// Name of the field that has the kind of the grant.
    #[config(key = "oauth2.request.grant.type.property", importance = Low, default = "grant_type", check = PRINTABLE)]
    grant_name: String,
    /// Name of the field that has the client's id, where it is in the form.
    #[config(key = "oauth2.request.client.id.property", importance = Low, default = "client_id", check = PRINTABLE)]
    id_name: String,
    /// Name of the field that has the client's secret, where it is in the form.
    #[config(key = "oauth2.request.client.secret.property", importance = Low, default = "client_secret", check = PRINTABLE)]
    secret_name: String,
}

/// Records of a request.
#[derive(Config, Debug)]
#[config(group = "Batching")]
struct BatchKeys {
    /// Whether several records share a request.
    #[config(key = "batching.enabled", importance = High, default = false)]
    is_enabled: bool,
    /// Most records in one request. They are consecutive ones of a partition.
    #[config(key = "batch.max.size", default = 500, check = between(1, 1_000_000))]
    most: usize,
    /// What stands before the records of a request; nothing when absent.
    #[config(key = "batch.prefix", raw)]
    prefix: Option<String>,
    /// What stands after the records of a request; a line feed when absent.
    #[config(key = "batch.suffix", raw)]
    suffix: Option<String>,
    /// What stands between the records of a request; a line feed when absent.
    #[config(key = "batch.separator", raw)]
    between: Option<String>,
}

/// Errors.
#[derive(Config, Debug)]
#[config(group = "Delivery")]
struct DeliveryKeys {
    /// Times that a request is tried again. Where an answer says when to come back (`Retry-After`), that
    /// is waited for; a limit of requests (429) that says so counts only after an hour of waiting.
    #[config(key = "max.retries", default = 1, check = at_least(0))]
    retries: u32,
    /// Wait before a request is tried again, in milliseconds.
    #[config(key = "retry.backoff.ms", default = 3000, check = at_least(0))]
    backoff: Duration,
    /// Wait, in milliseconds, after which a request that failed for good is begun anew, without end;
    /// without it the task fails.
    #[config(key = "kafka.retry.backoff.ms", check = between(0, 86_400_000))]
    pause: Option<Duration>,
    /// What becomes of a record without a value: `fail`, which ends the task whatever `errors.tolerance`
    /// says, `ignore`, `log`, or `delete` (a request `DELETE` to the address with the key at its end, unless
    /// `${key}` is in it). An extension.
    #[config(key = "behavior.on.null.values", importance = Low, default = NullBehavior::Fail)]
    nulls: NullBehavior,
    /// How decimals stand in JSON: `BASE64` or `NUMERIC`.
    #[config(key = "decimal.format", importance = Low, default = DecimalFormat::Base64)]
    decimals: DecimalFormat,
}

impl AivenConfig {
    fn check(&self, problems: &mut Problems) {
        drop(self.headers(problems));
        drop(self.auth(problems));
    }

    fn headers(&self, problems: &mut Problems) -> HeaderMap {
        let items = self.connection.additional.iter().map(String::as_str);
        let mut headers = headers(items, "http.headers.additional", problems);
        if let Some(kind) = &self.connection.content_type {
            match HeaderValue::from_str(kind) {
                Ok(value) => drop(headers.insert(CONTENT_TYPE, value)),
                Err(_) => problems.add(
                    "http.headers.content.type",
                    kind,
                    "It has characters that no header may have",
                ),
            }
        }
        headers
    }

    fn auth(&self, problems: &mut Problems) -> Auth {
        let kind = self.connection.kind;
        let mut needed = |is_there: bool, key: &str| {
            if !is_there {
                let text =
                    format!("http.authorization.type is {kind}, so that {key} has to be given");
                problems.add_text(key, text);
            }
        };
        match kind {
            AuthorizationType::None => Auth::None,
            AuthorizationType::Static => {
                let value = self.connection.authorization.as_ref();
                needed(value.is_some(), "http.headers.authorization");
                let value = value.map(|value| secret_value(value.expose())).transpose();
                value.ok().flatten().map_or(Auth::None, |value| Auth::Header(AUTHORIZATION, value))
            }
            AuthorizationType::OAuth2 | AuthorizationType::ApiKey => {
                needed(self.oauth2.url.is_some(), "oauth2.access.token.url");
                needed(self.oauth2.id.is_some(), "oauth2.client.id");
                needed(self.oauth2.secret.is_some(), "oauth2.client.secret");
                self.oauth2.made(problems)
            }
        }
    }

    fn batch(&self) -> BatchRules {
        let batching = &self.batching;
        let text = |own: &Option<String>, default: &str| match own {
            _ if !batching.is_enabled => String::new(),
            Some(own) => own.clone(),
            None => default.to_owned(),
        };
        BatchRules {
            most: if batching.is_enabled { batching.most } else { 1 },
            prefix: text(&batching.prefix, ""),
            suffix: text(&batching.suffix, "\n"),
            separator: text(&batching.between, "\n"),
            key: None,
        }
    }

    /// What it means.
    pub(crate) fn settings(self) -> Settings {
        // What is wrong was found when it was checked.
        let mut found = Problems::new();
        let timeout = Duration::from_secs(self.connection.timeout_seconds.into());
        let trusts_all = self.connection.trusts_all;
        Settings {
            url_key: "http.url",
            url: parsed(&self.connection.url),
            method: Method::POST,
            headers: self.headers(&mut found),
            body: BodyRules {
                format: BodyFormat::String,
                decimals: self.delivery.decimals,
                replacements: Vec::new(),
            },
            batch: self.batch(),
            nulls: self.delivery.nulls,
            on_error: ErrorBehavior::Fail,
            rejection: Rejection::Single,
            retry: RetryRules {
                codes: StatusCodes::errors(),
                most: self.delivery.retries,
                backoff: self.delivery.backoff,
                is_exponential: false,
                pause: self.delivery.pause,
            },
            connect_timeout: timeout,
            request_timeout: timeout,
            auth: self.auth(&mut found),
            proxy: None,
            ssl: self.connection.ssl(),
            ssl_prefix: "http.",
            trust: if trusts_all { Trust::Anything } else { Trust::Certificates },
            report: self.reporter.rules(),
            rate: self.pace.rate(),
            in_flight: self.pace.max_in_flight,
        }
    }
}

impl ConnectionKeys {
    fn ssl(&self) -> SslConfig {
        SslConfig {
            truststore: Truststore {
                file: self.truststore.clone(),
                password: self.truststore_password.clone(),
                ..Truststore::default()
            },
            keystore: Keystore::default(),
            identification: "https".to_owned(),
        }
    }
}

impl OAuthKeys {
    fn made(&self, problems: &mut Problems) -> Auth {
        let url = self.url.clone().unwrap_or_default();
        if !url.is_empty()
            && let Err(reason) = address(&url)
        {
            problems.add("oauth2.access.token.url", &url, reason);
        }
        let mut form = vec![(self.grant_name.clone(), self.grant.clone())];
        form.extend(self.scope.iter().map(|scope| ("scope".to_owned(), scope.clone())));
        Auth::OAuth2(Box::new(OAuth2 {
            url,
            url_key: "oauth2.access.token.url",
            client_id: self.id.clone().unwrap_or_default(),
            secret: self.secret.clone().unwrap_or_default(),
            is_in_header: self.mode == ClientMode::Header,
            form,
            names: (self.id_name.clone(), self.secret_name.clone()),
            headers: HeaderMap::new(),
            property: self.property.clone(),
            property_key: "oauth2.response.token.property",
        }))
    }
}
