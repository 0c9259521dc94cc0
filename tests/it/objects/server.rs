//! The S3 servers that the sinks are held against, and what is in their buckets.

use std::{collections::HashMap, io::Read as _};

use aws_sdk_s3::Client;
use serde_json::{Value as Json, json};

use crate::services::{s3::S3, s3proxy::S3Proxy, s3s::S3sFs};

/// One of three servers that share no code.
pub(super) enum Server {
    Versity(&'static S3),
    S3Proxy(&'static S3Proxy),
    S3sFs(S3sFs),
}

impl Server {
    pub(super) fn url(&self) -> String {
        match self {
            Self::Versity(server) => server.endpoint(),
            Self::S3Proxy(server) => server.endpoint(),
            Self::S3sFs(server) => server.endpoint(),
        }
    }

    pub(super) fn client(&self) -> Client {
        match self {
            Self::Versity(server) => server.client(),
            Self::S3Proxy(server) => server.client(),
            Self::S3sFs(server) => server.client(),
        }
    }

    pub(super) async fn create_bucket(&self, bucket: &str) {
        Box::pin(self.client().create_bucket().bucket(bucket).send()).await.unwrap();
    }

    fn access_key(&self) -> &str {
        match self {
            Self::S3Proxy(server) => server.access_key(),
            _ => S3::ACCESS_KEY,
        }
    }

    /// A sink of Confluent's class that reaches the server at an address.
    pub(super) fn confluent(&self, name: &str, url: &str, bucket: &str) -> Json {
        json!({"name": name, "config": {
            "connector.class": "io.confluent.connect.s3.S3SinkConnector",
            "storage.class": "io.confluent.connect.s3.storage.S3Storage",
            "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
            "topics.dir": name,
            "s3.bucket.name": bucket,
            "s3.region": S3::REGION,
            "store.url": url,
            "aws.access.key.id": self.access_key(),
            "aws.secret.access.key": S3::SECRET_KEY,
            "s3.part.retries": "1",
            "s3.retry.backoff.ms": "20",
            "retry.backoff.ms": "200",
            "locale": "en",
            "timezone": "UTC"
        }})
    }

    /// A sink of Aiven's class that reaches the server at an address, and writes JSON lines.
    pub(super) fn aiven(&self, name: &str, url: &str, bucket: &str) -> Json {
        json!({"name": name, "config": {
            "connector.class": "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector",
            "aws.s3.bucket.name": bucket,
            "aws.s3.region": S3::REGION,
            "aws.s3.endpoint": url,
            "aws.access.key.id": self.access_key(),
            "aws.secret.access.key": S3::SECRET_KEY,
            "aws.s3.backoff.delay.ms": "20",
            "aws.s3.backoff.max.retries": "1",
            "kafka.retry.backoff.ms": "200",
            "file.name.template": format!("{name}/{{{{topic}}}}-{{{{partition}}}}-{{{{start_offset}}}}"),
            "file.compression.type": "none",
            "format.output.type": "jsonl",
            "format.output.fields": "value,offset"
        }})
    }
}

/// An object, whole.
#[derive(Debug, PartialEq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) metadata: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// Every object below a prefix, by key.
pub(super) async fn objects(client: &Client, bucket: &str, prefix: &str) -> Vec<Object> {
    let mut found = Vec::new();
    for key in keys(client, bucket, prefix).await {
        let request = client.get_object().bucket(bucket).key(&key);
        let object = Box::pin(request.send()).await.unwrap();
        let metadata = object.metadata.unwrap_or_default();
        let body = object.body.collect().await.unwrap().to_vec();
        found.push(Object { key, metadata, body });
    }
    found
}

/// The key of every object below a prefix, in order.
pub(super) async fn keys(client: &Client, bucket: &str, prefix: &str) -> Vec<String> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let request = client.list_objects_v2().bucket(bucket).prefix(prefix);
        let page = Box::pin(request.set_continuation_token(token).send()).await.unwrap();
        let keys = page.contents().iter().map(|entry| entry.key().unwrap());
        found.extend(keys.filter(|key| !is_unfinished(key)).map(str::to_owned));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            found.sort_unstable();
            return found;
        }
    }
}

/// `S3Proxy` lists what it still writes, under the object's key with a UUID behind it.
fn is_unfinished(key: &str) -> bool {
    key.rsplitn(6, '-').take(5).map(str::len).eq([12, 4, 4, 4, 8])
}

/// A record in an object of JSON lines, with what `InsertField` says of where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) partition: i64,
    pub(super) offset: i64,
    /// Time of the record.
    at_ms: i64,
    /// Its number in the input.
    pub(super) n: i64,
}

impl Object {
    /// Its content, unpacked.
    pub(super) fn text(&self) -> String {
        if !self.key.ends_with(".gz") {
            return String::from_utf8(self.body.clone()).unwrap();
        }
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
        text
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let text = self.text();
        let rows = text.lines().map(|line| {
            let row: Json = serde_json::from_str(line).unwrap();
            let number = |name: &str| row[name].as_i64().unwrap_or_else(|| panic!("{name}: {row}"));
            Row {
                partition: number("partition"),
                offset: number("offset"),
                at_ms: number("at"),
                n: number("n"),
            }
        });
        rows.collect()
    }

    /// What it says of itself.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.metadata.get(name).map(|text| text.parse().unwrap())
    }

    /// Everything that an object of whole records says of itself is so.
    pub(super) fn assert_true(&self, first: i64, last: i64, count: usize) {
        let said = ["kafka-first-offset", "kafka-last-offset", "kafka-record-count"]
            .map(|name| self.number(name));
        let count = i64::try_from(count).unwrap();
        assert_eq!(said, [Some(first), Some(last), Some(count)], "{}", self.key);
        let crc = i64::from(crc32fast::hash(&self.body));
        assert_eq!(self.number("content-crc32"), Some(crc), "{}", self.key);
        let name = self.key.rsplit('/').next().unwrap();
        assert!(name.contains(&format!("+{first:010}.")), "{} begins at {first}", self.key);
    }

    /// Whether it was described before its end was known.
    pub(super) fn is_in_parts(&self) -> bool {
        self.number("kafka-last-offset").is_none()
    }

    /// As [`Object::assert_true`], of one whose records say where they came from.
    pub(super) fn assert_true_of(&self, rows: &[Row]) {
        if let (true, Some(first)) = (self.is_in_parts(), rows.first()) {
            let said = ["kafka-first-offset", "kafka-partition", "kafka-first-timestamp"]
                .map(|name| self.number(name));
            let so = [Some(first.offset), Some(first.partition), Some(first.at_ms)];
            assert_eq!(said, so, "{}", self.key);
            return;
        }
        let [first, .., last] = rows else {
            let [only] = rows else { panic!("{} is empty", self.key) };
            return self.assert_true_between(only, only, 1);
        };
        self.assert_true_between(first, last, rows.len());
        assert!(rows.is_sorted_by(|one, next| one.offset < next.offset), "{}: {rows:?}", self.key);
        assert!(rows.iter().all(|row| row.partition == first.partition), "{}", self.key);
    }

    fn assert_true_between(&self, first: &Row, last: &Row, count: usize) {
        self.assert_true(first.offset, last.offset, count);
        let said = ["kafka-partition", "kafka-first-timestamp", "kafka-last-timestamp"]
            .map(|name| self.number(name));
        assert_eq!(
            said,
            [Some(first.partition), Some(first.at_ms), Some(last.at_ms)],
            "{}",
            self.key
        );
    }
}
