//! The bucket: the only room that speaks S3.
//!
//! Every object is created by one atomic request, a put or the completion of an upload, that
//! succeeds only when no object has that key yet. Where the server does not know that condition
//! the key is looked up first, which is the best that such a server allows.
//!
//! Requests are tried again by the client itself, with random growing pauses; what still fails is
//! classified in [`failure`] and left to the task.

mod client;
mod failure;
mod probe;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_sdk_s3::{
    Client,
    error::SdkError,
    primitives::ByteStream,
    types::{
        CompletedMultipartUpload, CompletedPart, ObjectCannedAcl, ServerSideEncryption, Tag,
        Tagging,
    },
};
use bytes::Bytes;
use connect_api::{
    config::Choice as _,
    error::{ConnectorError, Result},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::failure::{Failure, Operation};
pub(crate) use self::{
    client::{Tuning, proxy_address},
    failure::Names,
};
use crate::config::{BucketKeys, S3SinkConfig, TaggingErrors};

/// Requests of one task that run at once: more do not make a network faster, and each holds a
/// part in memory.
const CONCURRENT_REQUESTS: usize = 8;

/// User metadata of an object, by name without `x-amz-meta-`.
pub(crate) type Metadata = HashMap<String, String>;

/// The bucket and how objects are written to it.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    bucket: String,
    encryption: Option<ServerSideEncryption>,
    kms_key: Option<String>,
    acl: Option<ObjectCannedAcl>,
    tags: Option<Tags>,
    /// Whether the server is asked to refuse a key that exists.
    is_conditional: bool,
    /// Set once the server has said that it cannot do that.
    is_condition_unknown: AtomicBool,
    requests: Semaphore,
    /// How the connector's users call the options.
    names: &'static Names,
}

#[derive(Debug)]
struct Tags {
    pairs: Vec<(String, String)>,
    errors: TaggingErrors,
}

/// What became of an object that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// It is there.
    Yes,
    /// There was one already; it is as it was.
    Existed,
}

/// An object that is there.
#[derive(Clone, Debug)]
pub(crate) struct Existing {
    pub(crate) metadata: Metadata,
    pub(crate) length_bytes: u64,
}

/// A multipart upload under way.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) parts: Vec<CompletedPart>,
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
    /// Connects to the bucket of a configuration; sends nothing yet.
    ///
    /// # Errors
    /// `Invalid` when the proxy's address is none.
    pub(crate) async fn open(config: &S3SinkConfig) -> Result<Self> {
        let keys = &config.bucket;
        let pairs = keys.tags.iter().filter_map(|tag| tag.split_once(':'));
        let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let tags =
            keys.tagging.then(|| Tags { pairs: pairs.collect(), errors: keys.tagging_errors });
        Ok(Self {
            tags,
            is_conditional: config.connector.enable_conditional_writes,
            ..Self::overwriting(keys, &Tuning::default(), &Names::CONFLUENT).await?
        })
    }

    /// As [`Store::open`], without tags, and for objects that replace those that have their keys.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(crate) async fn overwriting(
        keys: &BucketKeys,
        tuning: &Tuning,
        names: &'static Names,
    ) -> Result<Self> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Self {
            client: client::build(keys, tuning).await?,
            bucket: keys.name.clone(),
            encryption: some(&keys.encryption).map(|name| name.as_str().into()),
            kms_key: some(&keys.kms_key),
            acl: keys.acl.as_deref().map(Into::into),
            tags: None,
            is_conditional: false,
            is_condition_unknown: AtomicBool::new(false),
            requests: Semaphore::new(CONCURRENT_REQUESTS),
            names,
        })
    }

    /// Writes a whole object.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn put(&self, key: &str, body: Bytes, metadata: &Metadata) -> Result<Created> {
        let _permit = self.permit().await;
        loop {
            let is_conditional = self.asks_condition();
            if !is_conditional && self.is_conditional && self.look(key).await?.is_some() {
                return Ok(Created::Existed);
            }
            let request = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .body(ByteStream::from(body.clone()))
                .set_metadata(Some(metadata.clone()))
                .set_server_side_encryption(self.encryption.clone())
                .set_ssekms_key_id(self.kms_key.clone())
                .set_acl(self.acl.clone())
                .set_if_none_match(is_conditional.then(|| "*".to_owned()));
            let answer = Box::pin(request.send()).await;
            match self.created(answer, is_conditional, key)? {
                Some(created) => return Ok(created),
                None => self.forget_condition(),
            }
        }
    }

    /// Begins an upload in parts.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn begin(&self, key: &str, metadata: &Metadata) -> Result<Upload> {
        let _permit = self.permit().await;
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .set_metadata(Some(metadata.clone()))
            .set_server_side_encryption(self.encryption.clone())
            .set_ssekms_key_id(self.kms_key.clone())
            .set_acl(self.acl.clone());
        let answer = Box::pin(request.send()).await;
        let output = answer.map_err(|error| self.fail(error, Operation::Write, key))?;
        let id = output.upload_id.ok_or_else(|| {
            ConnectorError::retriable(format!(
                "The server began the upload of \"{key}\" and gave it no id"
            ))
        })?;
        Ok(Upload { id, parts: Vec::new() })
    }

    /// Uploads the next part.
    ///
    /// # Errors
    /// `Invalid` beyond 10,000 parts, else by the server's answer.
    pub(crate) async fn upload_part(
        &self,
        key: &str,
        upload: &mut Upload,
        body: Bytes,
    ) -> Result<()> {
        let _permit = self.permit().await;
        let number = i32::try_from(upload.parts.len() + 1).unwrap_or(i32::MAX);
        if number > 10_000 {
            return Err(ConnectorError::invalid(format!(
                "Object \"{key}\" has reached the 10,000 parts that S3 allows"
            ))
            .hint(format!("Raise {}, or rotate files earlier", self.names.part_size)));
        }
        let request = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(&upload.id)
            .part_number(number)
            .body(ByteStream::from(body));
        let answer = Box::pin(request.send()).await;
        let output = answer.map_err(|error| self.fail(error, Operation::Write, key))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(output.e_tag);
        upload.parts.push(part.build());
        Ok(())
    }

    /// Makes the object of an upload appear.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn complete(&self, key: &str, upload: &Upload) -> Result<Created> {
        let _permit = self.permit().await;
        loop {
            let is_conditional = self.asks_condition();
            if !is_conditional && self.is_conditional && self.look(key).await?.is_some() {
                return Ok(Created::Existed);
            }
            let parts =
                CompletedMultipartUpload::builder().set_parts(Some(upload.parts.clone())).build();
            let request = self
                .client
                .complete_multipart_upload()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(&upload.id)
                .multipart_upload(parts)
                .set_if_none_match(is_conditional.then(|| "*".to_owned()));
            let answer = Box::pin(request.send()).await;
            match self.created(answer, is_conditional, key)? {
                Some(created) => return Ok(created),
                None => self.forget_condition(),
            }
        }
    }

    /// Gives up an upload; a failure leaves parts behind for the bucket's life cycle rule.
    pub(crate) async fn abort(&self, key: &str, upload: &Upload) {
        let _permit = self.permit().await;
        let request = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(&upload.id);
        if let Err(error) = Box::pin(request.send()).await {
            tracing::debug!("Could not abort the upload of \"{key}\": {}", Failure::of(&error));
        }
    }

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
        let answer = Box::pin(request.send()).await;
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
        let answer = Box::pin(request.send()).await;
        let output = answer.map_err(|error| self.fail(error, Operation::Look, key))?;
        Ok(Reading { key: key.to_owned(), body: output.body })
    }

    /// Tags an object with what it holds, where the configuration asks for tags.
    ///
    /// # Errors
    /// By the server's answer, unless the configuration ignores it.
    pub(crate) async fn tag(&self, key: &str, own: [(&str, String); 3]) -> Result<()> {
        let Some(tags) = &self.tags else { return Ok(()) };
        let _permit = self.permit().await;
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let set = own.chain(tags.pairs.iter().cloned()).map(|(name, value)| tag(name, value));
        let tagging = Tagging::builder().set_tag_set(Some(set.collect::<Result<_>>()?)).build();
        let tagging = tagging.map_err(|error| {
            ConnectorError::internal(format!("Could not build the tags of \"{key}\""))
                .caused_by(error)
        })?;
        let request =
            self.client.put_object_tagging().bucket(&self.bucket).key(key).tagging(tagging);
        match (Box::pin(request.send()).await, tags.errors) {
            (Ok(_), _) => Ok(()),
            (Err(error), TaggingErrors::Fail) => {
                let error = self.fail(error, Operation::Write, key);
                let message = format!("Could not tag the object \"{key}\"");
                Err(ConnectorError::internal(message).caused_by(error))
            }
            (Err(error), TaggingErrors::Ignore) => {
                let word = TaggingErrors::Ignore.word();
                tracing::warn!(
                    "Could not tag the object \"{key}\", which \
                     s3.object.behavior.on.tagging.error={word} accepts: {}",
                    Failure::of(&error)
                );
                Ok(())
            }
        }
    }

    async fn look(&self, key: &str) -> Result<Option<Existing>> {
        let request = self.client.head_object().bucket(&self.bucket).key(key);
        match Box::pin(request.send()).await {
            Ok(output) => Ok(Some(Existing {
                metadata: output.metadata.unwrap_or_default(),
                length_bytes: output.content_length.and_then(|n| n.try_into().ok()).unwrap_or(0),
            })),
            Err(error) if Failure::of(&error).status == Some(404) => Ok(None),
            Err(error) => Err(self.fail(error, Operation::Look, key)),
        }
    }

    /// `None` when the server does not know the condition.
    fn created<T, E>(
        &self,
        answer: Result<T, SdkError<E>>,
        is_conditional: bool,
        key: &str,
    ) -> Result<Option<Created>>
    where
        E: std::error::Error + aws_sdk_s3::error::ProvideErrorMetadata + Send + Sync + 'static,
    {
        let Err(error) = answer else { return Ok(Some(Created::Yes)) };
        let failure = Failure::of(&error);
        if failure.is_precondition() {
            return Ok(Some(Created::Existed));
        }
        if failure.is_not_implemented() && is_conditional {
            return Ok(None);
        }
        Err(self.fail(error, Operation::Write, key))
    }

    fn asks_condition(&self) -> bool {
        self.is_conditional && !self.is_condition_unknown.load(Ordering::Relaxed)
    }

    fn forget_condition(&self) {
        if !self.is_condition_unknown.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "The server of bucket \"{}\" does not know If-None-Match: keys are looked up \
                 before they are written, so that two tasks at the same moment could overwrite \
                 each other's object. Upgrade the server to close the gap",
                self.bucket
            );
        }
    }

    fn fail<E>(&self, error: SdkError<E>, operation: Operation, key: &str) -> ConnectorError
    where
        E: std::error::Error + aws_sdk_s3::error::ProvideErrorMetadata + Send + Sync + 'static,
    {
        Failure::of(&error).into_error(operation, (&self.bucket, self.names), key, error)
    }

    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.requests.acquire().await.ok()
    }
}

fn tag(name: String, value: String) -> Result<Tag> {
    Tag::builder().key(name).value(value).build().map_err(|error| {
        ConnectorError::internal("Could not build a tag of an object").caused_by(error)
    })
}
