//! Options of the bucket: where it is, who we are there, how objects are written.

use std::time::Duration;

use connect_api::{
    config::{Config, Secret},
    json::DecimalFormat,
};

use super::words::{Compression, CredentialsClass, TaggingErrors};

/// Options of the bucket and of what is written to it.
#[derive(Config, Debug)]
#[config(group = "S3")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub struct BucketKeys {
    /// Bucket the objects go to. It is never created.
    #[config(key = "s3.bucket.name", importance = High, check = NOT_EMPTY)]
    pub name: String,
    /// Region of the bucket, also the one requests are signed for.
    #[config(key = "s3.region", default = "us-west-2", check = NOT_EMPTY)]
    pub region: String,
    /// Address of a server that speaks S3; Amazon's own when absent. Without a scheme it is https.
    #[config(key = "store.url", importance = Low, check = store_url)]
    pub store_url: Option<String>,
    /// Whether the bucket is part of the path rather than of the host name.
    #[config(key = "s3.path.style.access.enabled", importance = Low, default = true)]
    pub path_style: bool,
    /// Whether transfer acceleration is used; needs host style.
    #[config(key = "s3.wan.mode", default = false)]
    pub wan_mode: bool,
    /// Size of the parts of an upload, in bytes; objects below it are written at once.
    #[config(key = "s3.part.size", importance = High, default = 26_214_400, check = between(5_242_880, 2_147_483_647))]
    pub part_size: usize,
    /// Buffers always grow on demand; this makes them start at `s3.elastic.buffer.init.capacity`.
    #[config(key = "s3.elastic.buffer.enable", importance = Low, default = false)]
    pub elastic_buffer: bool,
    /// Size that buffers start at with `s3.elastic.buffer.enable`, in bytes.
    #[config(key = "s3.elastic.buffer.init.capacity", importance = Low, default = 131_072, check = at_least(4096))]
    pub elastic_capacity: usize,
    /// Access key; used together with the secret key when both are set.
    #[config(key = "aws.access.key.id", importance = High, default = "")]
    pub access_key: String,
    /// Secret key that belongs to the access key.
    #[config(key = "aws.secret.access.key", importance = High)]
    pub secret_key: Option<Secret<String>>,
    /// Where credentials come from, by the name of a Java class of either SDK.
    #[config(key = "s3.credentials.provider.class", importance = Low, default = "com.amazonaws.auth.DefaultAWSCredentialsProviderChain")]
    pub credentials: CredentialsClass,
    /// Role to assume.
    #[config(key = "s3.credentials.provider.sts.role.arn", importance = Low)]
    pub role_arn: Option<String>,
    /// Name of the session of the assumed role.
    #[config(key = "s3.credentials.provider.sts.role.session.name", importance = Low)]
    pub role_session: Option<String>,
    /// External id that the role demands.
    #[config(key = "s3.credentials.provider.sts.role.external.id", importance = Low)]
    pub role_external_id: Option<String>,
    /// Region of the service that hands out the role; that of the bucket when empty.
    #[config(key = "s3.credentials.provider.sts.region", importance = Low, default = "")]
    pub role_region: String,
    /// Access key that assumes the role.
    #[config(key = "s3.credentials.provider.sts.aws.access.key.id", importance = Low, default = "")]
    pub role_access_key: String,
    /// Secret key that assumes the role.
    #[config(key = "s3.credentials.provider.sts.aws.secret.key.id", importance = Low)]
    pub role_secret_key: Option<Secret<String>>,
    /// Encryption by the server: `AES256`, `aws:kms`, or empty for the bucket's own.
    #[config(key = "s3.ssea.name", importance = Low, default = "", check = one_of(&["", "AES256", "aws:kms"]))]
    pub encryption: String,
    /// Key that the server encrypts with under `aws:kms`.
    #[config(key = "s3.sse.kms.key.id", importance = Low, default = "")]
    pub kms_key: String,
    /// Key of the customer's own that the server encrypts with and does not keep: 32 bytes in base64,
    /// with `s3.ssea.name=AES256`. S3 takes it over https only.
    #[config(key = "s3.sse.customer.key", importance = Low)]
    pub customer_key: Option<Secret<String>>,
    /// Canned access rule of new objects, such as `bucket-owner-full-control`.
    #[config(key = "s3.acl.canned", importance = Low, check = canned_acl)]
    pub acl: Option<String>,
    /// Whether objects are tagged with `startOffset`, `endOffset` and `recordCount`.
    #[config(key = "s3.object.tagging", importance = Low, default = false)]
    pub tagging: bool,
    /// What follows when an object cannot be tagged.
    #[config(key = "s3.object.behavior.on.tagging.error", importance = Low, default = TaggingErrors::Ignore)]
    pub tagging_errors: TaggingErrors,
    /// More tags, each `name:value`.
    #[config(key = "s3.object.tagging.key.value.pairs", importance = Low, default = "", check = tag_pairs)]
    pub tags: Vec<String>,
    /// How objects are compressed.
    #[config(key = "s3.compression.type", importance = Low, default = Compression::None)]
    pub compression: Compression,
    /// Effort of the compression; -1 is the usual one.
    #[config(key = "s3.compression.level", importance = Low, default = -1, check = between(-1, 9))]
    pub compression_level: i32,
    /// Times a failed request is tried again before the files are read anew.
    #[config(key = "s3.part.retries", default = 3, check = at_least(0))]
    pub retries: u32,
    /// Base of the random, exponentially growing pause before another try, in milliseconds.
    #[config(key = "s3.retry.backoff.ms", importance = Low, default = 200)]
    pub retry_backoff: Duration,
    /// Age from which on uploads in parts that a task finds of its partitions are aborted, in
    /// milliseconds: nobody ends them any more. An extension; off when not positive.
    #[config(key = "s3.upload.abort.age.ms", importance = Low, default = 604_800_000)]
    pub upload_age_ms: i64,
    /// Whether objects and parts are sent with their Content-MD5, which the server checks.
    #[config(key = "s3.send.digest", importance = Low, default = false)]
    pub send_digest: bool,
    /// Accepted: this client never waits for the server's leave before it sends.
    #[config(key = "s3.http.send.expect.continue", importance = Low, default = true)]
    pub expect_continue: bool,
    /// HTTP proxy that requests go through; none when empty.
    #[config(key = "s3.proxy.url", importance = Low, default = "")]
    pub proxy_url: String,
    /// User of the proxy.
    #[config(key = "s3.proxy.user", importance = Low)]
    pub proxy_user: Option<String>,
    /// Password of the proxy.
    #[config(key = "s3.proxy.password", importance = Low)]
    pub proxy_password: Option<Secret<String>>,
    /// How a decimal stands in JSON.
    #[config(key = "json.decimal.format", default = DecimalFormat::Base64)]
    pub decimal_format: DecimalFormat,
    /// End of the names of `ByteArrayFormat` objects, with its dot.
    #[config(key = "format.bytearray.extension", importance = Low, default = ".bin")]
    pub bytes_extension: String,
    /// What follows every record in `ByteArrayFormat`, read as it is; a line feed when absent.
    #[config(key = "format.bytearray.separator", importance = Low, default = "\n", raw)]
    pub bytes_separator: String,
}

/// The address with its scheme and without a slash at its end.
pub(crate) fn endpoint(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.contains("://") { url.to_owned() } else { format!("https://{url}") }
}

fn store_url(text: &str) -> Result<(), String> {
    let url = endpoint(text);
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(char::is_whitespace) => Ok(()),
        _ => Err("Must be an http or https address, such as http://localhost:9000".to_owned()),
    }
}

fn canned_acl(text: &str) -> Result<(), String> {
    let known = aws_sdk_s3::types::ObjectCannedAcl::values();
    if known.contains(&text) {
        Ok(())
    } else {
        Err(format!("Must be one of: {}", known.join(", ")))
    }
}

fn tag_pairs(text: &str) -> Result<(), String> {
    let is_pair =
        |item: &str| item.trim().split_once(':').is_some_and(|(name, _)| !name.is_empty());
    if text.is_empty() || text.split(',').all(is_pair) {
        return Ok(());
    }
    Err("Each tag must be name:value".to_owned())
}
