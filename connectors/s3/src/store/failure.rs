//! What a failed request means: which class it has, and what an operator can do about it.

use std::{error::Error, fmt};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use connect_api::error::{ConnectorError, ErrorClass, chain};
use connect_tls::Mismatch;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// An object was being written.
    Write,
    /// An object was looked up.
    Look,
    /// The bucket was looked up.
    Bucket,
    /// Uploads were listed.
    List,
    /// Objects were listed.
    Find,
}

/// The server's answer, or why there is none.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: Option<u16>,
    pub(super) code: String,
    message: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The server answered.
    Answer,
    /// No answer, or half of one.
    Unreachable,
    /// What is there does not speak TLS.
    NoTls,
    /// The server shows a certificate that we do not take.
    Certificate,
    /// There was nobody to sign the request as.
    NoCredentials,
}

/// How the options are called that errors speak of.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) bucket: &'static str,
    pub(crate) region: &'static str,
    pub(crate) url: &'static str,
    pub(crate) part_size: &'static str,
    /// What else may stand between us and the server.
    pub(crate) network: &'static str,
}

impl Names {
    /// Those of Confluent's sink.
    pub(crate) const CONFLUENT: Self = Self {
        bucket: "s3.bucket.name",
        region: "s3.region",
        url: "store.url",
        part_size: "s3.part.size",
        network: "the network and s3.proxy.url",
    };
}

/// What is answered where there is no such bucket.
const NO_SUCH_BUCKET: &str = "NoSuchBucket";

/// Codes that pass by themselves, besides everything the server blames on itself.
const PASSING: [&str; 10] = [
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "OperationAborted",
    "ConditionalRequestConflict",
    "NoSuchUpload",
];

impl Failure {
    /// Reads the answer of a failed request.
    pub(super) fn of<E>(error: &SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = match error {
            SdkError::ServiceError(_) => Kind::Answer,
            _ if chain(error).to_ascii_lowercase().contains("credential") => Kind::NoCredentials,
            SdkError::ConstructionFailure(_) => Kind::Answer,
            _ => match Mismatch::in_error(error) {
                Some(Mismatch::Certificate) => Kind::Certificate,
                Some(_) => Kind::NoTls,
                None => Kind::Unreachable,
            },
        };
        Self {
            status,
            code: error.code().unwrap_or_default().to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
            kind,
        }
    }

    /// Whether the key exists already.
    pub(super) fn is_precondition(&self) -> bool {
        self.status == Some(412) || self.code == "PreconditionFailed"
    }

    /// Whether the server does not know what was asked.
    pub(super) fn is_not_implemented(&self) -> bool {
        self.status == Some(501) || self.code == "NotImplemented"
    }

    /// What follows from it.
    pub(super) fn class(&self) -> ErrorClass {
        let is_passing = PASSING.contains(&self.code.as_str());
        match (self.kind, self.status) {
            (Kind::Unreachable | Kind::NoTls | Kind::Certificate, _) => ErrorClass::Retriable,
            (Kind::NoCredentials, _) => ErrorClass::Forbidden,
            _ if is_passing => ErrorClass::Retriable,
            (_, Some(501)) => ErrorClass::Invalid,
            (_, Some(408 | 425 | 429 | 500..)) => ErrorClass::Retriable,
            _ if self.code == "InternalError" => ErrorClass::Retriable,
            (_, Some(401 | 403)) => ErrorClass::Forbidden,
            (_, Some(404)) => ErrorClass::NotFound,
            _ => ErrorClass::Invalid,
        }
    }

    /// The error of the operation that failed, with what to check.
    pub(super) fn into_error(
        self,
        operation: Operation,
        (bucket, names): (&str, &Names),
        key: &str,
        cause: impl Error + Send + Sync + 'static,
    ) -> ConnectorError {
        if operation == Operation::Bucket && self.status == Some(404) {
            return missing_bucket(ErrorClass::NotFound, bucket, names);
        }
        if self.code == NO_SUCH_BUCKET {
            // It was there when the task started: who deleted it may create it again.
            return missing_bucket(ErrorClass::Retriable, &format!("{bucket}: {self}"), names);
        }
        let what = match operation {
            Operation::Write => {
                format!("Could not write the object \"{key}\" to bucket \"{bucket}\"")
            }
            Operation::Look => {
                format!("Could not look up the object \"{key}\" in bucket \"{bucket}\"")
            }
            Operation::List => {
                format!("Could not list the uploads of \"{key}\" in bucket \"{bucket}\"")
            }
            Operation::Find => {
                format!("Could not list the objects below \"{key}\" in bucket \"{bucket}\"")
            }
            Operation::Bucket => format!("Could not reach bucket \"{bucket}\""),
        };
        let error = ConnectorError::new(self.class(), format!("{what}: {self}"));
        let error = match self.hint(operation, names) {
            Some(hint) => error.hint(hint),
            None => error,
        };
        match self.kind {
            // The server's words are in the sentence already.
            Kind::Answer if self.status.is_some() => error,
            _ => error.caused_by(cause),
        }
    }

    fn hint(&self, operation: Operation, names: &Names) -> Option<String> {
        let region = format!("The bucket is in another region: check {}", names.region);
        let hint = match (self.kind, self.code.as_str(), operation) {
            (Kind::NoCredentials, ..) => {
                "Set aws.access.key.id and aws.secret.access.key, or give the worker credentials by \
                 environment, profile or role"
            }
            (Kind::Unreachable, ..) => {
                let Names { url, region, network, .. } = names;
                return Some(format!("Check {url}, {region}, {network}; it is tried again"));
            }
            (Kind::NoTls, ..) => {
                return Some(format!(
                    "Nothing there seems to speak TLS: is it http:// in {}?",
                    names.url
                ));
            }
            (Kind::Certificate, ..) => {
                return Some(format!(
                    "Have the machine trust who signed the server's certificate, or name the file with \
                     that one's in SSL_CERT_FILE, and check the host in {}",
                    names.url
                ));
            }
            (_, "ExpiredToken", _) => {
                "The credentials have expired: have those who hand them out renew them; it is tried \
                 again"
            }
            (_, "RequestTimeTooSkewed", _) => {
                "The clocks of this machine and the server differ: set this one's; it is tried again"
            }
            (_, "InvalidAccessKeyId", _) => {
                "The server does not know the access key: check aws.access.key.id or the \
                 credentials of the worker"
            }
            (_, "SignatureDoesNotMatch", _) => {
                "The secret key does not belong to the access key: check aws.secret.access.key"
            }
            (
                _,
                "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "IllegalLocationConstraintException",
                _,
            ) => return Some(region),
            (_, _, Operation::List) if self.status == Some(403) => return None,
            (_, _, Operation::Find) if self.status == Some(403) => "Allow s3:ListBucket",
            (_, _, Operation::Look) if self.status == Some(403) => {
                "Allow s3:GetObject and s3:ListBucket, which tell what an earlier task stored"
            }
            _ if self.status == Some(403) => {
                "Allow s3:PutObject, s3:AbortMultipartUpload and s3:ListBucket for these \
                 credentials, and kms:GenerateDataKey and kms:Decrypt where the bucket is encrypted"
            }
            _ if self.status == Some(301) => return Some(region),
            _ if self.class() == ErrorClass::Retriable => "The server is overloaded or failing",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The original's words for a bucket that is not there.
pub(super) fn missing_bucket(class: ErrorClass, bucket: &str, names: &Names) -> ConnectorError {
    let Names { bucket: name, region, url, .. } = names;
    ConnectorError::new(class, format!("Non-existent S3 bucket: {bucket}")).hint(format!(
        "Create it, or correct {name}, {region} or {url}; the connector never creates buckets"
    ))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.status) {
            (Kind::NoCredentials, _) => return f.write_str("there are no credentials"),
            (Kind::Unreachable, None) => return f.write_str("the server gave no answer"),
            (Kind::NoTls | Kind::Certificate, _) => {
                return f.write_str("could not agree on TLS with the server");
            }
            (_, Some(status)) => write!(f, "the server answered {status}")?,
            (_, None) => f.write_str("the request could not be made")?,
        }
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if !self.message.is_empty() && self.message != self.code {
            write!(f, " ({})", self.message)?;
        }
        Ok(())
    }
}
