//! The client of Amazon's SDK, built from options.
//!
//! TLS is rustls with ring, so that nothing but a C compiler is needed to build. Checksums are
//! sent only where S3 demands them, because older servers refuse the trailers they come in.
//! Credentials are asked of their provider for every request and kept no longer than they last.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, default_provider::credentials::DefaultCredentialsChain,
    ecs::EcsCredentialsProvider, environment::EnvironmentVariableCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, retry::RetryConfig, sts::AssumeRoleProvider,
    timeout::TimeoutConfig, web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_sdk_s3::{
    Client,
    config::{
        Credentials, RequestChecksumCalculation, ResponseChecksumValidation,
        SharedCredentialsProvider, SharedHttpClient,
    },
};
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig, tls};
use connect_api::{
    config::Secret,
    error::{ConnectorError, Result},
};

use crate::config::{BucketKeys, CredentialsClass, endpoint};

/// Longest wait for a connection: a server that takes longer is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the answer to one try: a part of the usual size at one megabit a second.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(5);
/// Longest pause before another try, as the original has it.
const LONGEST_BACKOFF: Duration = Duration::from_hours(24);

const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// What a connector may set of the client beside the options of the bucket.
#[derive(Debug)]
pub(crate) struct Tuning {
    /// Longest pause before another try.
    pub(crate) longest_backoff: Duration,
    /// How long an assumed role lasts; as the service has it when absent.
    pub(crate) role_lasts: Option<Duration>,
    /// Address of the service that hands out the role; Amazon's own when absent.
    pub(crate) role_url: Option<String>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { longest_backoff: LONGEST_BACKOFF, role_lasts: None, role_url: None }
    }
}

/// Builds the client.
///
/// # Errors
/// `Invalid` when the proxy's address is none.
pub(super) async fn build(keys: &BucketKeys, tuning: &Tuning) -> Result<Client> {
    let http = http_client(keys)?;
    let retry = RetryConfig::standard()
        .with_max_attempts(keys.retries.saturating_add(1))
        .with_initial_backoff(keys.retry_backoff)
        .with_max_backoff(tuning.longest_backoff);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let base = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(keys.region.clone()))
        .http_client(http)
        .no_credentials()
        .load();
    let base = Box::pin(base).await;
    let provider = Box::pin(credentials(keys, tuning, &base)).await;
    let config = aws_sdk_s3::config::Builder::from(&base)
        .credentials_provider(provider)
        .retry_config(retry)
        .timeout_config(timeouts)
        .force_path_style(keys.path_style)
        .accelerate(keys.wan_mode)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let config = match &keys.store_url {
        Some(url) => config.endpoint_url(endpoint(url)),
        None => config,
    };
    Ok(Client::from_conf(config.build()))
}

/// The proxy of an address.
///
/// # Errors
/// The reason, when it is none.
pub(crate) fn proxy_address(url: &str) -> Result<ProxyConfig, String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    // The cause could repeat a password that stands in the address.
    ProxyConfig::all(url)
        .map_err(|_error| "Must be an address such as http://proxy:3128".to_owned())
}

fn http_client(keys: &BucketKeys) -> Result<SharedHttpClient> {
    if keys.proxy_url.is_empty() {
        return Ok(Builder::new().tls_provider(TLS).build_https());
    }
    let mut proxy = proxy_address(&keys.proxy_url).map_err(|reason| {
        ConnectorError::invalid(format!("The value of s3.proxy.url is no proxy: {reason}"))
    })?;
    if let Some(user) = &keys.proxy_user {
        let password = keys.proxy_password.as_ref().map(Secret::expose);
        proxy = proxy.with_basic_auth(user, password.cloned().unwrap_or_default());
    }
    Ok(Builder::new().build_with_connector_fn(move |settings, _components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone()).tls_provider(TLS);
        builder.set_connector_settings(settings.cloned());
        builder.build()
    }))
}

/// Static keys win unless another provider is named, as in the original.
async fn credentials(
    keys: &BucketKeys,
    tuning: &Tuning,
    base: &SdkConfig,
) -> SharedCredentialsProvider {
    let region = Region::new(keys.region.clone());
    let mut context = ProviderConfig::without_region().with_region(Some(region));
    if let Some(http) = base.http_client() {
        context = context.with_http_client(http);
    }
    let fixed = fixed_keys(&keys.access_key, keys.secret_key.as_ref());
    match keys.credentials {
        CredentialsClass::DefaultChain => match fixed {
            Some(fixed) => SharedCredentialsProvider::new(fixed),
            None => SharedCredentialsProvider::new(default_chain(context, &keys.region).await),
        },
        CredentialsClass::Environment => {
            SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
        }
        CredentialsClass::Instance => SharedCredentialsProvider::new(
            ImdsCredentialsProvider::builder().configure(&context).build(),
        ),
        CredentialsClass::Profile => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder().configure(&context).build(),
        ),
        CredentialsClass::WebIdentity => SharedCredentialsProvider::new(
            WebIdentityTokenCredentialsProvider::builder().configure(&context).build(),
        ),
        CredentialsClass::Container => SharedCredentialsProvider::new(
            EcsCredentialsProvider::builder().configure(&context).build(),
        ),
        CredentialsClass::AssumeRole => {
            let own = fixed_keys(&keys.role_access_key, keys.role_secret_key.as_ref()).or(fixed);
            let own = match own {
                Some(own) => SharedCredentialsProvider::new(own),
                None => SharedCredentialsProvider::new(default_chain(context, &keys.region).await),
            };
            let role = assumed_role(keys, tuning, base, own);
            SharedCredentialsProvider::new(Box::pin(role).await)
        }
    }
}

async fn assumed_role(
    keys: &BucketKeys,
    tuning: &Tuning,
    base: &SdkConfig,
    own: SharedCredentialsProvider,
) -> AssumeRoleProvider {
    let region = if keys.role_region.is_empty() { &keys.region } else { &keys.role_region };
    let mut role = AssumeRoleProvider::builder(keys.role_arn.clone().unwrap_or_default())
        .session_name(keys.role_session.clone().unwrap_or_default())
        .region(Region::new(region.clone()));
    if let Some(id) = &keys.role_external_id {
        role = role.external_id(id);
    }
    if let Some(lasts) = tuning.role_lasts {
        role = role.session_length(lasts);
    }
    let base = match &tuning.role_url {
        Some(url) => base.clone().into_builder().endpoint_url(url).build(),
        None => base.clone(),
    };
    role.configure(&base).build_from_provider(own).await
}

/// The chain looks for a region by itself, in the machine's metadata service at last, unless it is
/// told.
async fn default_chain(context: ProviderConfig, region: &str) -> DefaultCredentialsChain {
    let chain = DefaultCredentialsChain::builder().region(Region::new(region.to_owned()));
    Box::pin(chain.configure(context).build()).await
}

fn fixed_keys(access: &str, secret: Option<&Secret<String>>) -> Option<Credentials> {
    let secret = secret.map(Secret::expose).filter(|secret| !secret.trim().is_empty())?;
    (!access.trim().is_empty())
        .then(|| Credentials::new(access, secret.clone(), None, None, "connector"))
}
