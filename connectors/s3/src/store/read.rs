//! What is there already, and what is in it.

use aws_sdk_s3::{
    error::SdkError, operation::head_object::HeadObjectError, primitives::ByteStream,
};
use bytes::Bytes;
use connect_api::error::{ConnectorError, Result};

use super::{
    CustomerKey, Metadata, Store,
    digest::encrypted,
    failure::{Failure, Operation},
};

/// An object that is there.
#[derive(Clone, Debug)]
pub(crate) struct Existing {
    pub(crate) metadata: Metadata,
    pub(crate) length_bytes: u64,
    /// When it was written, in milliseconds since the epoch.
    pub(crate) written_ms: Option<i64>,
}

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    key: String,
    body: ByteStream,
}

impl Reading {
    /// The next bytes; none at its end.
    ///
    /// # Errors
    /// `Retriable` when the connection breaks.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        let next = self.body.next().await.transpose();
        next.map_err(|error| {
            ConnectorError::retriable(format!("Could not read the object \"{}\"", self.key))
                .caused_by(error)
        })
    }
}

impl Store {
    /// What is there under a key.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn existing(&self, key: &str) -> Result<Option<Existing>> {
        let _permit = self.permit().await;
        self.look(key).await
    }

    /// The last bytes of an object.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn tail(&self, key: &str, length_bytes: u64) -> Result<Bytes> {
        let _permit = self.permit().await;
        let range = format!("bytes=-{length_bytes}");
        let request = self.client.get_object().bucket(&self.bucket).key(key).range(range);
        let answer = Box::pin(encrypted!(self, request).send()).await;
        let output = answer.map_err(|error| self.fail(error, Operation::Look, key))?;
        let body = output.body.collect().await.map_err(|error| {
            ConnectorError::retriable(format!("Could not read the end of the object \"{key}\""))
                .caused_by(error)
        })?;
        Ok(body.into_bytes())
    }

    /// Begins to read an object.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn read(&self, key: &str) -> Result<Reading> {
        let _permit = self.permit().await;
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let answer = Box::pin(encrypted!(self, request).send()).await;
        let output = answer.map_err(|error| self.fail(error, Operation::Look, key))?;
        Ok(Reading { key: key.to_owned(), body: output.body })
    }

    pub(super) async fn look(&self, key: &str) -> Result<Option<Existing>> {
        let request = self.client.head_object().bucket(&self.bucket).key(key);
        match Box::pin(encrypted!(self, request).send()).await {
            Ok(output) => Ok(Some(Existing {
                written_ms: output.last_modified.and_then(|time| time.to_millis().ok()),
                metadata: output.metadata.unwrap_or_default(),
                length_bytes: output.content_length.and_then(|n| n.try_into().ok()).unwrap_or(0),
            })),
            Err(error) => match Failure::of(&error).status {
                Some(404) => Ok(None),
                // The answer to HEAD has no body: ask again in a way that says why.
                Some(400 | 403) => self.ask_again(key, error).await,
                _ => Err(self.fail(error, Operation::Look, key)),
            },
        }
    }

    /// Finds out why a lookup was refused.
    async fn ask_again(
        &self,
        key: &str,
        refusal: SdkError<HeadObjectError>,
    ) -> Result<Option<Existing>> {
        let request = self.client.get_object().bucket(&self.bucket).key(key).range("bytes=0-0");
        let answer = Box::pin(encrypted!(self, request).send()).await;
        let error = match answer {
            Err(error) if Failure::of(&error).status == Some(404) => return Ok(None),
            // An object without content has no such range.
            Err(error) if Failure::of(&error).status != Some(416) => error,
            _ => {
                let text = format!("The server refused to look up the object \"{key}\" only once");
                return Err(ConnectorError::retriable(text));
            }
        };
        if Failure::of(&error).code.is_empty() {
            return Err(self.fail(refusal, Operation::Look, key));
        }
        Err(self.fail(error, Operation::Look, key))
    }
}
