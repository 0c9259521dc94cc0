//! Options of the Aiven class, as users write them.
//!
//! The keys, types and defaults are those of Aiven's S3 sink 3.4, its deprecated names included.
//! Source: Aiven-Open/cloud-storage-connectors-for-apache-kafka `S3ConfigFragment.java`,
//! `FileNameFragment.java`, `OutputFormatFragment.java`.

mod checks;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use connect_api::{
    config::{Choice as _, Config, Problems, Props, Secret},
    error::{ConnectorError, Result},
};
use connect_avro::AvroDataConfig;
use connect_joda::Zone;

use connect_storage::words::AvroCodec;

use self::checks::{address, bucket_name, part_size, time_zone};
pub(super) use self::words::{FileCompression, OutputField, OutputType, TimeSource, ValueEncoding};
use super::template::{Grouping, Template};
use crate::{
    config::{BucketKeys, CredentialsClass, endpoint},
    file::LEAST_PART_BYTES,
    store::{Names, Tuning},
};

/// Region without `aws.s3.region`.
const REGION: &str = "us-east-1";
/// Address of the service that hands out roles, as the original has it; Amazon's own by region.
const STS_URL: &str = "https://sts.amazonaws.com";

/// How this class calls the options that errors speak of.
pub(super) static NAMES: Names = Names {
    bucket: "aws.s3.bucket.name",
    region: "aws.s3.region",
    url: "aws.s3.endpoint",
    part_size: "aws.s3.part.size.bytes",
    network: "the network",
};

/// Options of the Aiven class.
#[derive(Config, Debug)]
#[config(check)]
pub(super) struct AivenConfig {
    /// The bucket.
    #[config(flatten)]
    pub(super) aws: AwsKeys,
    /// Names and sizes of objects.
    #[config(flatten)]
    pub(super) file: FileKeys,
    /// Content of objects.
    #[config(flatten)]
    pub(super) format: FormatKeys,
    /// How schemas become those of Avro and Parquet.
    #[config(flatten)]
    pub(super) avro: AvroDataConfig,
}

/// Options of the bucket: where it is, who we are there, how objects are written.
#[derive(Config, Debug)]
#[config(group = "AWS")]
pub(super) struct AwsKeys {
    /// Access key.
    #[config(key = "aws.access.key.id", alias = "aws_access_key_id", check = NOT_EMPTY)]
    pub(super) access_key: Option<Secret<String>>,
    /// Secret key that belongs to the access key.
    #[config(key = "aws.secret.access.key", alias = "aws_secret_access_key", check = NOT_EMPTY)]
    pub(super) secret_key: Option<Secret<String>>,
    /// Where credentials come from without keys and role, by the name of a Java class of either
    /// SDK; the default chain when absent.
    #[config(key = "aws.credentials.provider", recommended = [])]
    pub(super) credentials: Option<CredentialsClass>,
    /// Bucket the objects go to. It is never created.
    #[config(key = "aws.s3.bucket.name", alias = "aws_s3_bucket", importance = High, check = bucket_name)]
    pub(super) bucket: String,
    /// Encryption by the server, such as `AES256` or `aws:kms`; the bucket's own when absent.
    #[config(key = "aws.s3.sse.algorithm", check = NOT_EMPTY)]
    pub(super) encryption: Option<String>,
    /// Address of a server that speaks S3, asked in path style; Amazon's own when absent. Without a
    /// scheme it is https.
    #[config(key = "aws.s3.endpoint", alias = "aws_s3_endpoint", importance = Low, check = address)]
    pub(super) url: Option<String>,
    /// Region of the bucket, also the one requests are signed for; `us-east-1` when absent.
    #[config(key = "aws.s3.region", alias = "aws_s3_region", check = NOT_EMPTY)]
    pub(super) region: Option<String>,
    /// Size of the parts of an upload, in bytes; objects below it are written at once. S3 allows no
    /// less than 5 MiB, which smaller values are read as.
    #[config(key = "aws.s3.part.size.bytes", default = 5_242_880, check = part_size)]
    pub(super) part_size: usize,
    /// Role to assume; needs a session name.
    #[config(key = "aws.sts.role.arn", group = "AWS STS", check = NOT_EMPTY)]
    pub(super) role_arn: Option<String>,
    /// Name of the session of the assumed role.
    #[config(key = "aws.sts.role.session.name", group = "AWS STS", check = NOT_EMPTY)]
    pub(super) role_session: Option<String>,
    /// How long an assumed role lasts before it is assumed anew, in seconds.
    #[config(key = "aws.sts.role.session.duration", group = "AWS STS", default = 3600, check = between(900, 43_200))]
    pub(super) role_seconds: u32,
    /// External id that the role demands.
    #[config(key = "aws.sts.role.external.id", group = "AWS STS", check = NOT_EMPTY)]
    pub(super) role_external_id: Option<String>,
    /// Address of the service that hands out the role. Another one needs a region.
    #[config(key = "aws.sts.config.endpoint", group = "AWS STS", default = STS_URL, check = address)]
    pub(super) role_url: String,
    /// Base of the random, exponentially growing pause before another try, in milliseconds.
    #[config(key = "aws.s3.backoff.delay.ms", group = "Retries", default = 100, check = at_least(1))]
    pub(super) backoff: Duration,
    /// Longest pause before another try, in milliseconds.
    #[config(key = "aws.s3.backoff.max.delay.ms", group = "Retries", default = 20_000, check = at_least(1))]
    pub(super) longest_backoff: Duration,
    /// Times a failed request is tried again before its records are read anew.
    #[config(key = "aws.s3.backoff.max.retries", group = "Retries", default = 3, check = between(1, 30))]
    pub(super) retries: u32,
    /// Pause before records are read anew after a failure that may pass, in milliseconds; five
    /// seconds when absent.
    #[config(key = "kafka.retry.backoff.ms", group = "Retries", check = between(0, 86_400_000))]
    pub(super) pause: Option<Duration>,
}

/// Options of names and sizes of objects.
#[derive(Config, Debug)]
#[config(group = "File")]
pub(super) struct FileKeys {
    /// Name of objects, with `{{topic}}`, `{{partition:padding=true}}`,
    /// `{{start_offset:padding=true}}`, `{{timestamp:unit=yyyy}}` (or `MM`, `dd`, `HH`) and
    /// `{{key}}`. Nothing is appended to it. Which of these it has decides how records are grouped.
    /// When absent it is `{{topic}}-{{partition}}-{{start_offset}}` with the extensions of the
    /// format and of the compression.
    #[config(key = "file.name.template")]
    pub(super) name: Option<String>,
    /// What stands before the name, with the same variables.
    #[config(key = "file.prefix.template", default = "")]
    pub(super) prefix: String,
    /// Deprecated: what stands before names in the old layout, which it selects:
    /// `<prefix><topic>-<partition>-<offset of twenty digits>`. It may have `{{topic}}`,
    /// `{{partition}}`, `{{start_offset}}`, `{{timestamp:unit=yyyy}}`, `{{utc_date}}` and
    /// `{{local_date}}`.
    #[config(key = "aws.s3.prefix", alias = "aws_s3_prefix", check = NOT_EMPTY)]
    pub(super) old_prefix: Option<String>,
    /// How objects are compressed; `gzip` when absent.
    #[config(key = "file.compression.type")]
    pub(super) compression: Option<FileCompression>,
    /// Deprecated: used when `file.compression.type` is absent.
    #[config(key = "output_compression")]
    pub(super) old_compression: Option<FileCompression>,
    /// Most records of an object; no limit when 0.
    #[config(key = "file.max.records", default = 0, check = between(0, 2_147_483_647))]
    pub(super) max_records: u32,
    /// Time zone of `{{timestamp}}`: an id such as `Asia/Seoul`, or `+09:00`.
    #[config(key = "file.name.timestamp.timezone", importance = Low, default = "UTC", check = time_zone)]
    pub(super) zone: String,
    /// Where `{{timestamp}}` comes from.
    #[config(key = "file.name.timestamp.source", importance = Low, default = TimeSource::Wallclock)]
    pub(super) time_source: TimeSource,
    /// Deprecated: time zone of `{{timestamp}}` in `aws.s3.prefix`.
    #[config(key = "timestamp.timezone", importance = Low, default = "UTC", check = time_zone)]
    pub(super) old_zone: String,
    /// Deprecated: where `{{timestamp}}` in `aws.s3.prefix` comes from.
    #[config(key = "timestamp.source", importance = Low, default = TimeSource::Wallclock)]
    pub(super) old_time_source: TimeSource,
}

/// Options of the content of objects.
#[derive(Config, Debug)]
#[config(group = "Format")]
pub(super) struct FormatKeys {
    /// Format of the objects.
    #[config(key = "format.output.type", default = OutputType::Csv)]
    pub(super) kind: OutputType,
    /// What of each record is written; its value when absent.
    #[config(key = "format.output.fields", alias = "output_fields", check = [NOT_EMPTY, UNIQUE])]
    pub(super) fields: Option<Vec<OutputField>>,
    /// How values stand in CSV. The other formats do not look at it.
    #[config(key = "format.output.fields.value.encoding", default = ValueEncoding::Base64)]
    pub(super) encoding: ValueEncoding,
    /// Whether a single field is wrapped in an object or a struct of its own.
    #[config(key = "format.output.envelope", default = true)]
    pub(super) envelope: bool,
    /// Codec of the blocks of Avro files, beside `file.compression.type`.
    #[config(key = "avro.codec", importance = Low, default = AvroCodec::Null)]
    pub(super) avro_codec: AvroCodec,
}

impl AivenConfig {
    /// How objects are compressed.
    pub(super) fn compression(&self) -> FileCompression {
        let file = &self.file;
        file.compression.or(file.old_compression).unwrap_or(FileCompression::Gzip)
    }

    /// What of each record is written.
    pub(super) fn fields(&self) -> &[OutputField] {
        self.format.fields.as_deref().unwrap_or(&[OutputField::Value])
    }

    /// End of names that no template gives. Only Avro has one of its own, as in the original.
    pub(super) fn extension(&self) -> String {
        let format = if self.format.kind == OutputType::Avro { ".avro" } else { "" };
        format!("{format}{}", self.compression().extension())
    }

    /// The template of the names of groups.
    ///
    /// # Errors
    /// The reason, when it is none.
    pub(super) fn template(&self) -> Result<(Template, Grouping), String> {
        let name = self.file.name.clone().unwrap_or_else(|| {
            format!("{{{{topic}}}}-{{{{partition}}}}-{{{{start_offset}}}}{}", self.extension())
        });
        let template = Template::parse(&format!("{}{name}", self.file.prefix))?;
        let grouping = template.grouping()?;
        Ok((template, grouping))
    }

    /// Bytes of a part.
    pub(super) fn part_bytes(&self) -> usize {
        self.aws.part_size.max(LEAST_PART_BYTES)
    }

    /// The bucket in the words of the client.
    ///
    /// # Errors
    /// `Internal` when a value of this class has no place there.
    pub(super) fn bucket(&self) -> Result<(BucketKeys, Tuning)> {
        let aws = &self.aws;
        let secret =
            |secret: &Option<Secret<String>>| secret.as_ref().map(|it| it.expose().clone());
        let text = |text: &Option<String>| text.clone();
        let mut props = Props::from([
            ("s3.bucket.name", aws.bucket.clone()),
            ("s3.region", aws.region.clone().unwrap_or_else(|| REGION.to_owned())),
            ("s3.path.style.access.enabled", aws.url.is_some().to_string()),
            ("s3.part.retries", aws.retries.to_string()),
            ("s3.retry.backoff.ms", aws.backoff.as_millis().to_string()),
        ]);
        for (key, value) in [
            ("store.url", text(&aws.url)),
            ("aws.access.key.id", secret(&aws.access_key)),
            ("aws.secret.access.key", secret(&aws.secret_key)),
        ] {
            if let Some(value) = value {
                props.insert(key, value);
            }
        }
        let mut keys = BucketKeys::parse(&props).map_err(|error| {
            ConnectorError::internal("Could not understand the options of the bucket")
                .caused_by(error)
        })?;
        keys.encryption = text(&aws.encryption).unwrap_or_default();
        keys.credentials = aws.credentials.unwrap_or(CredentialsClass::DefaultChain);
        if keys.secret_key.is_some() {
            keys.credentials = CredentialsClass::DefaultChain;
        }
        if aws.role_arn.is_some() && aws.role_session.is_some() {
            keys.credentials = CredentialsClass::AssumeRole;
            keys.role_arn = text(&aws.role_arn);
            keys.role_session = text(&aws.role_session);
            keys.role_external_id = text(&aws.role_external_id);
        }
        let role_url = endpoint(&aws.role_url);
        let tuning = Tuning {
            longest_backoff: aws.longest_backoff,
            role_lasts: Some(Duration::from_secs(u64::from(aws.role_seconds))),
            role_url: (role_url != STS_URL).then_some(role_url),
        };
        Ok((keys, tuning))
    }

    fn check(&self, problems: &mut Problems) {
        self.check_names(problems);
        self.check_credentials(problems);
        let count = self.format.fields.as_ref().map_or(0, Vec::len);
        if !self.format.envelope && count != 1 {
            let text = "When format.output.envelope is false, format.output.fields must contain \
                        only one field";
            problems.add_text("format.output.envelope", text);
        }
    }

    fn check_names(&self, problems: &mut Problems) {
        let file = &self.file;
        match self.template() {
            Err(reason) if Template::parse(&file.prefix).is_err() => {
                problems.add("file.prefix.template", &file.prefix, reason);
            }
            Err(reason) => {
                let name = file.name.as_deref().unwrap_or_default();
                problems.add("file.name.template", name, reason);
            }
            Ok((_, grouping)) if grouping.is_by_key() && file.max_records > 1 => {
                let reason = "Must be 1 or not set when file.name.template has {{key}} and no \
                              {{start_offset}}";
                problems.add("file.max.records", file.max_records, reason);
            }
            Ok(_) => {}
        }
        if let Some(prefix) = &file.old_prefix
            && let Err(reason) = Template::parse(prefix)
        {
            problems.add("aws.s3.prefix", prefix, reason);
        }
    }

    fn check_credentials(&self, problems: &mut Problems) {
        let aws = &self.aws;
        match (&aws.access_key, &aws.secret_key) {
            (Some(_), None) => {
                problems.add_text("aws.secret.access.key", "Needed with aws.access.key.id");
            }
            (None, Some(_)) => {
                problems.add_text("aws.access.key.id", "Needed with aws.secret.access.key");
            }
            _ => {}
        }
        if aws.credentials == Some(CredentialsClass::AssumeRole) {
            let reason = "Roles are assumed by aws.sts.role.arn and aws.sts.role.session.name";
            problems.add("aws.credentials.provider", "AwsAssumeRoleCredentialsProvider", reason);
        }
        let has_role = aws.role_arn.is_some() && aws.role_session.is_some();
        if has_role && aws.region.is_none() && endpoint(&aws.role_url) != STS_URL {
            let text = "aws.s3.region should be specified together with aws.sts.config.endpoint";
            problems.add_text("aws.s3.region", text);
        }
    }

    /// Says once what a user may not expect.
    pub(super) fn explain(&self) {
        let aws = &self.aws;
        if aws.role_arn.is_some() != aws.role_session.is_some() {
            tracing::warn!(
                "No role is assumed: aws.sts.role.arn and aws.sts.role.session.name need each other"
            );
        }
        if aws.part_size < LEAST_PART_BYTES {
            tracing::warn!(
                "aws.s3.part.size.bytes={} is read as {LEAST_PART_BYTES}, the least that S3 allows",
                aws.part_size
            );
        }
        if self.format.kind == OutputType::Parquet {
            let codec = self.file.compression.unwrap_or(FileCompression::None);
            tracing::info!("Pages of Parquet files are compressed by codec {}", codec.word());
        }
    }
}

/// Reads a time zone; `Z` is Java's word for UTC.
///
/// # Errors
/// The reason, when it is none.
pub(super) fn zone(text: &str) -> Result<Zone, String> {
    if text == "Z" { Ok(Zone::UTC) } else { Zone::parse(text) }
}
