//! Requests signed for AWS, with the signer of Amazon's own SDK.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use aws_config::{BehaviorVersion, Region, sts::AssumeRoleProvider};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials as _, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use aws_smithy_http_client::{Builder, tls};
use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    time::Clock,
};
use hyper::header::{HeaderName, HeaderValue};
use tokio::sync::Mutex;

use crate::settings::AwsSource;

/// Keys that last for less are asked for anew.
const MARGIN: Duration = Duration::from_mins(5);
const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// Signs requests.
#[derive(Debug)]
pub(super) struct Signer {
    region: String,
    service: String,
    provider: SharedCredentialsProvider,
    known: Mutex<Option<Credentials>>,
    clock: Arc<dyn Clock>,
}

impl Signer {
    pub(super) async fn new(
        region: String,
        service: String,
        source: &AwsSource,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let provider = match source {
            AwsSource::Keys { access, secret } => {
                let keys = Credentials::new(access, secret.expose(), None, None, "connector");
                SharedCredentialsProvider::new(keys)
            }
            AwsSource::Role { arn, session, seconds, external_id } => {
                let http = Builder::new().tls_provider(TLS).build_https();
                let base = aws_config::defaults(BehaviorVersion::latest())
                    .region(Region::new(region.clone()))
                    .http_client(http);
                let base = Box::pin(base.load()).await;
                let role = AssumeRoleProvider::builder(arn)
                    .session_name(session)
                    .session_length(Duration::from_secs(u64::from(*seconds)))
                    .region(Region::new(region.clone()))
                    .configure(&base);
                let role = match external_id {
                    Some(id) => role.external_id(id),
                    None => role,
                };
                SharedCredentialsProvider::new(Box::pin(role.build()).await)
            }
        };
        Self { region, service, provider, known: Mutex::new(None), clock }
    }

    /// The headers that sign a request.
    ///
    /// # Errors
    /// `Retriable` when the keys cannot be had now.
    pub(super) async fn headers(
        &self,
        method: &str,
        url: &str,
        body: &[u8],
    ) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let identity = self.credentials().await?.into();
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let mut settings = SigningSettings::default();
        // What OpenSearch Serverless demands does no harm elsewhere.
        settings.payload_checksum_kind = aws_sigv4::http_request::PayloadChecksumKind::XAmzSha256;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(UNIX_EPOCH + Duration::from_millis(now_ms))
            .settings(settings)
            .build()
            .map_err(|error| cannot_sign(&error))?;
        let request =
            SignableRequest::new(method, url, std::iter::empty(), SignableBody::Bytes(body))
                .map_err(|error| cannot_sign(&error))?;
        let signed = sign(request, &params.into()).map_err(|error| cannot_sign(&error))?;
        let (instructions, _signature) = signed.into_parts();
        let header = |(name, value): (&str, &str)| {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|error| cannot_sign(&error))?;
            let mut value = HeaderValue::from_str(value).map_err(|error| cannot_sign(&error))?;
            value.set_sensitive(true);
            Ok((name, value))
        };
        instructions.headers().map(header).collect()
    }

    async fn credentials(&self) -> Result<Credentials> {
        let mut known = self.known.lock().await;
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let soon = UNIX_EPOCH + Duration::from_millis(now_ms) + MARGIN;
        let lasts = |keys: &&Credentials| keys.expiry().is_none_or(|expiry| expiry > soon);
        if let Some(keys) = known.as_ref().filter(lasts) {
            return Ok(keys.clone());
        }
        let keys = self.provider.provide_credentials().await.map_err(|error| {
            ConnectorError::new(ErrorClass::Retriable, "AWS gives no keys to sign requests with")
                .caused_by(error)
                .hint("Check aws.sts.role.arn and the credentials of the worker")
        })?;
        *known = Some(keys.clone());
        Ok(keys)
    }
}

fn cannot_sign(error: &dyn std::error::Error) -> ConnectorError {
    ConnectorError::internal(format!("A request cannot be signed for AWS: {error}"))
}

#[cfg(test)]
mod tests {
    use connect_api::config::Secret;
    use connect_testkit::ManualClock;

    use super::*;

    #[tokio::test]
    async fn a_request_bears_its_signature_and_the_hash_of_its_body() {
        let source = AwsSource::Keys {
            access: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
        };
        let clock = ManualClock::at(1_709_632_800_000);
        let signer = Signer::new("eu-west-1".to_owned(), "es".to_owned(), &source, clock).await;
        let url = "https://search.example.com/_bulk?filter_path=errors";
        let headers = signer.headers("POST", url, b"{}\n").await.unwrap();
        let find = |name: &str| {
            let found = headers.iter().find(|(known, _)| known == name).unwrap();
            found.1.to_str().unwrap().to_owned()
        };
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240305/eu-west-1/es/aws4_request, ";
        assert!(find("authorization").starts_with(scope));
        assert!(
            find("authorization").contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date")
        );
        assert_eq!(find("x-amz-date"), "20240305T100000Z");
        let hash = "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356";
        assert_eq!(find("x-amz-content-sha256"), hash);
        let again = signer.headers("POST", url, b"{}\n").await.unwrap();
        assert_eq!(headers, again, "the same request has the same signature");
        let other = signer.headers("POST", url, b"{ }\n").await.unwrap();
        assert_ne!(headers, other);
    }
}
