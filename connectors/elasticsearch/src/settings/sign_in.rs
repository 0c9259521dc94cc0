//! Who we are to a cluster.

use connect_api::config::Secret;

use crate::config::{ClusterKeys, OpenSearchSinkConfig};

/// Who we are.
#[derive(Clone, Debug)]
pub(crate) enum SignIn {
    Nobody,
    Basic { user: String, password: Secret<String> },
    ApiKey(Secret<String>),
    Aws { region: String, service: String, source: AwsSource },
}

/// Where the keys come from that requests are signed with.
#[derive(Clone, Debug)]
pub(crate) enum AwsSource {
    Keys { access: String, secret: Secret<String> },
    Role { arn: String, session: String, seconds: u32, external_id: Option<String> },
}

impl SignIn {
    /// By a password or a key, or by nothing.
    pub(super) fn by_keys(keys: &ClusterKeys) -> Self {
        match (&keys.username, &keys.password, &keys.api_key) {
            (_, _, Some(key)) => Self::ApiKey(key.clone()),
            (Some(user), Some(password), None) => {
                Self::Basic { user: user.clone(), password: password.clone() }
            }
            _ => Self::Nobody,
        }
    }

    /// By signed requests, where the configuration asks for them.
    pub(super) fn aws(config: &OpenSearchSinkConfig) -> Option<Self> {
        if !config.is_signed() {
            return None;
        }
        let source = match (&config.aws_access_key, &config.aws_secret_key) {
            (Some(access), Some(secret)) => {
                AwsSource::Keys { access: access.clone(), secret: secret.clone() }
            }
            _ => AwsSource::Role {
                arn: config.role_arn.clone()?,
                session: config.role_session.clone()?,
                seconds: config.role_seconds,
                external_id: config.role_external_id.clone(),
            },
        };
        let region = config.aws_region.clone()?;
        Some(Self::Aws { region, service: config.aws_service.clone(), source })
    }
}
