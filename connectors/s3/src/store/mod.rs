//! The bucket: the only room that speaks S3.
//!
//! Every object is created by one atomic request, a put or the completion of an upload, that
//! succeeds only when no object has that key yet. Where the server does not know that condition
//! the key is looked up first, which is the best that such a server allows.
//!
//! Requests are tried again by the client itself, with random growing pauses; what still fails is
//! classified in [`failure`] and left to the task.

mod client;
mod digest;
mod failure;
mod leftovers;
mod list;
mod probe;
mod read;
mod traffic;

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
    config::{Choice as _, Secret},
    error::{ConnectorError, Result},
    figures::Figures,
};
use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) use self::{
    client::{Tuning, proxy_address},
    digest::CustomerKey,
    failure::Names,
    read::Existing,
};
use self::{
    digest::{digest, encrypted},
    failure::{Failure, Operation},
    traffic::Traffic,
};
use crate::config::{BucketKeys, S3SinkConfig, TaggingErrors};

/// Requests of one task that run at once: more do not make a network faster, and each holds a
/// part in memory.
const CONCURRENT_REQUESTS: usize = 8;

/// Tags that the original gives an object.
pub(crate) const USUAL_TAGS: usize = 3;
/// Most tags of an object, by S3's rules.
const MOST_TAGS: usize = 10;

/// User metadata of an object, by name without `x-amz-meta-`.
pub(crate) type Metadata = HashMap<String, String>;

/// The bucket and how objects are written to it.
#[derive(Debug)]
pub(crate) struct Store {
    client: Client,
    bucket: String,
    encryption: Option<ServerSideEncryption>,
    kms_key: Option<String>,
    customer_key: Option<CustomerKey>,
    /// Whether content is sent with its digest.
    sends_digest: bool,
    acl: Option<ObjectCannedAcl>,
    tags: Option<Tags>,
    /// Whether the server is asked to refuse a key that exists.
    is_conditional: bool,
    /// Set once the server has said that it cannot do that.
    is_condition_unknown: AtomicBool,
    requests: Semaphore,
    /// How the connector's users call the options.
    names: &'static Names,
    traffic: Traffic,
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

/// A multipart upload under way.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) parts: Vec<CompletedPart>,
}

impl Store {
    /// Connects to the bucket of a configuration; sends nothing yet.
    ///
    /// # Errors
    /// `Invalid` when the proxy's address is none, or the customer's key.
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
        let customer_key = keys.customer_key.as_ref().map(Secret::expose);
        let customer_key = customer_key.map(|key| CustomerKey::parse(key)).transpose();
        let customer_key = customer_key.map_err(|reason| {
            ConnectorError::invalid(format!("The value of s3.sse.customer.key is no key: {reason}"))
        })?;
        // The server would not know which of two encryptions is meant.
        let encryption = if customer_key.is_some() { "" } else { &keys.encryption };
        Ok(Self {
            client: client::build(keys, tuning).await?,
            bucket: keys.name.clone(),
            encryption: some(encryption).map(|name| name.as_str().into()),
            kms_key: some(&keys.kms_key),
            customer_key,
            sends_digest: keys.send_digest,
            acl: keys.acl.as_deref().map(Into::into),
            tags: None,
            is_conditional: false,
            is_condition_unknown: AtomicBool::new(false),
            requests: Semaphore::new(CONCURRENT_REQUESTS),
            names,
            traffic: Traffic::default(),
        })
    }

    /// The same, with its traffic counted.
    pub(crate) fn counted(mut self, figures: &Figures) -> Self {
        self.traffic = Traffic::new(figures);
        let config = self.client.config().to_builder().interceptor(self.traffic.clone());
        self.client = Client::from_conf(config.build());
        self
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
                .set_content_md5(self.sends_digest.then(|| digest(&body)))
                .set_server_side_encryption(self.encryption.clone())
                .set_ssekms_key_id(self.kms_key.clone())
                .set_acl(self.acl.clone())
                .set_if_none_match(is_conditional.then(|| "*".to_owned()));
            let answer = Box::pin(encrypted!(self, request).send()).await;
            match self.created(answer, is_conditional, key)? {
                Some(created) => {
                    self.traffic.appeared(created, body.len());
                    return Ok(created);
                }
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
        let answer = Box::pin(encrypted!(self, request).send()).await;
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
        let length = body.len();
        let request = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(&upload.id)
            .part_number(number)
            .set_content_md5(self.sends_digest.then(|| digest(&body)))
            .body(ByteStream::from(body));
        let answer = Box::pin(encrypted!(self, request).send()).await;
        let output = answer.map_err(|error| self.fail(error, Operation::Write, key))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(output.e_tag);
        upload.parts.push(part.build());
        self.traffic.sent(length);
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
            let answer = Box::pin(encrypted!(self, request).send()).await;
            match self.created(answer, is_conditional, key)? {
                Some(created) => {
                    self.traffic.appeared(created, 0);
                    return Ok(created);
                }
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

    /// Tags an object with what it holds, where the configuration asks for tags.
    ///
    /// # Errors
    /// By the server's answer, unless the configuration ignores it.
    pub(crate) async fn tag(&self, key: &str, own: &[(&str, String)]) -> Result<()> {
        let Some(tags) = &self.tags else { return Ok(()) };
        let _permit = self.permit().await;
        // What the original has comes first, then the user's, then what there is room for.
        let (usual, more) = own.split_at_checked(USUAL_TAGS).unwrap_or((own, &[]));
        let named = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        let set = usual.iter().map(named).chain(tags.pairs.iter().cloned());
        let room = MOST_TAGS.saturating_sub(usual.len() + tags.pairs.len());
        let set =
            set.chain(more.iter().take(room).map(named)).map(|(name, value)| tag(name, value));
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
