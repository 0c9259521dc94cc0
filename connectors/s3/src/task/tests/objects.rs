//! What is sent beside the content of objects: what they say of themselves, digests, keys.

use bytes::Bytes;

use super::*;

/// Zeros.
const CUSTOMER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A record that fills more than a part.
fn large(offset: i64) -> SinkRecord {
    let content = Bytes::from(vec![b'x'; 6 << 20]);
    record(offset, TEN + offset, Value::Bytes(content))
}

fn in_parts<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base =
        [("s3.part.size", "5242880"), ("format.class", "ByteArrayFormat"), ("flush.size", "2")];
    base.iter().chain(more).copied().collect()
}

fn crc(content: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum().to_string()
}

/// User metadata in the headers of a request.
fn metadata(headers: &hyper::HeaderMap) -> BTreeMap<String, String> {
    let own = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    own.collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn an_object_says_which_records_it_holds() {
    let settings =
        [("flush.size", "2"), ("store.kafka.keys", "true"), ("keys.format.class", "JsonFormat")];
    let rig = Rig::new(&settings).await;
    let mut task = rig.task().await;
    let keyed = |n: i64| {
        let key = SchemaAndValue::schemaless("k".into());
        SinkRecord { key, ..number(n, TEN + n) }
    };
    task.put(&[keyed(7), keyed(9)]).await.unwrap();
    for (suffix, content, first) in
        [("json", "7\n9\n", "7\n"), ("keys.json", "\"k\"\n\"k\"\n", "\"k\"\n")]
    {
        let put = format!("PUT /logs/topics/t/partition%3D0/t%2B0%2B0000000007.{suffix}");
        let [headers] = &rig.server.headers(&put)[..] else {
            panic!("{:?}", rig.server.requests())
        };
        let expected = pairs(&[
            ("kafka-topic", "t"),
            ("kafka-partition", "0"),
            ("kafka-first-offset", "7"),
            ("kafka-last-offset", "9"),
            ("kafka-record-count", "2"),
            ("kafka-first-timestamp", "1709632800007"),
            ("kafka-last-timestamp", "1709632800009"),
            ("kafka-first-record-crc32", &crc(first.as_bytes())),
            ("content-crc32", &crc(content.as_bytes())),
        ]);
        assert_eq!(metadata(headers), expected);
    }
}

#[tokio::test]
async fn an_upload_in_parts_says_how_it_begins_and_its_tags_say_the_rest() {
    let rig = Rig::new(&in_parts(&[
        ("s3.object.tagging", "true"),
        ("s3.object.tagging.key.value.pairs", "team:logs"),
    ]))
    .await;
    let mut task = rig.task().await;
    task.put(&[large(3), large(4)]).await.unwrap();
    let headers = rig.server.headers("?uploads");
    let first = rig.server.objects().into_values().next().unwrap();
    let expected = pairs(&[
        ("kafka-topic", "t"),
        ("kafka-partition", "0"),
        ("kafka-first-offset", "3"),
        ("kafka-first-timestamp", "1709632800003"),
        ("kafka-first-record-crc32", &crc(&first[..=6 << 20])),
    ]);
    assert_eq!(metadata(&headers[0]), expected);
    let tags = rig.server.tags().into_values().next().unwrap();
    for (name, value) in [
        ("startOffset", "3".to_owned()),
        ("endOffset", "4".to_owned()),
        ("recordCount", "2".to_owned()),
        ("team", "logs".to_owned()),
        ("content-crc32", crc(&first)),
        ("kafka-last-timestamp", "1709632800004".to_owned()),
    ] {
        let tag = format!("<Key>{name}</Key><Value>{value}</Value>");
        assert!(tags.contains(&tag), "{tag}: {tags}");
    }
}

#[tokio::test]
async fn the_users_tags_come_before_those_there_is_no_room_for() {
    let pairs = ["a:1", "b:2", "c:3", "d:4", "e:5", "f:6"].join(",");
    let tagging =
        [("s3.object.tagging", "true"), ("s3.object.tagging.key.value.pairs", pairs.as_str())];
    let rig = Rig::new(&in_parts(&tagging)).await;
    let mut task = rig.task().await;
    task.put(&[large(0), large(1)]).await.unwrap();
    let tags = rig.server.tags().into_values().next().unwrap();
    assert_eq!(tags.matches("<Tag>").count(), 10);
    assert!(tags.contains("<Key>f</Key>") && tags.contains("content-crc32"), "{tags}");
    assert!(!tags.contains("kafka-last-timestamp"), "{tags}");
}

#[tokio::test]
async fn content_and_parts_are_sent_with_their_digest() {
    let rig = Rig::new(&in_parts(&[("s3.send.digest", "true")])).await;
    let mut task = rig.task().await;
    task.put(&[large(0), large(1)]).await.unwrap();
    let parts = rig.server.headers("partNumber");
    assert!(parts.len() > 1 && parts.iter().all(|headers| headers.contains_key("content-md5")));
    // The server holds the digest of a whole object against its content.
    let small = Bytes::from_static(b"s");
    let records = [2, 3].map(|n| record(n, TEN, Value::Bytes(small.clone())));
    task.put(&records).await.unwrap();
    let put = rig.server.headers("PUT /logs/topics/t/partition%3D0/t%2B0%2B0000000002.bin");
    assert!(put[0].contains_key("content-md5"));
    assert_eq!(safe_offset(&mut *task, 4).await, 4);
}

#[tokio::test]
async fn the_customers_key_goes_with_every_request_that_writes_or_reads() {
    let settings = [("s3.ssea.name", "AES256"), ("s3.sse.customer.key", CUSTOMER_KEY)];
    let rig = Rig::new(&in_parts(&settings)).await;
    let mut task = rig.task().await;
    task.put(&[large(0), large(1)]).await.unwrap();
    // Once more from the beginning: what is there is looked up.
    let mut task = rig.task().await;
    task.put(&[large(0), large(1)]).await.unwrap();
    let requests = rig.server.headers("/logs/topics/");
    let lines = rig.server.requests();
    for kind in ["?uploads", "partNumber", "POST", "HEAD /logs/topics"] {
        assert!(lines.iter().any(|line| line.contains(kind)), "{kind}: {lines:?}");
    }
    for (headers, line) in requests.iter().zip(lines.iter().filter(|l| l.contains("/logs/topics/")))
    {
        if line.starts_with("DELETE") {
            continue;
        }
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let name = "x-amz-server-side-encryption-customer";
        assert_eq!(header(&format!("{name}-algorithm")), Some("AES256"), "{line}");
        assert_eq!(header(&format!("{name}-key")), Some(CUSTOMER_KEY), "{line}");
        assert!(header(&format!("{name}-key-md5")).is_some(), "{line}");
        assert_eq!(header("x-amz-server-side-encryption"), None, "{line}");
    }
}

#[tokio::test]
async fn uploads_that_were_left_behind_are_aborted_by_age_and_of_own_partitions_only() {
    let rig = Rig::new(&[("s3.upload.abort.age.ms", "3600000")]).await;
    let own = "topics/t/partition=0/t+0+0000000003";
    let (old, young) = ("2024-03-05T08:59:59.000Z", "2024-03-05T09:00:01.000Z");
    let others = "topics/t/partition=1/t+1+0000000003.json";
    rig.server.list_uploads(&[
        (&format!("{own}.json"), "left1", old),
        (&format!("{own}.json"), "left2", young),
        (others, "left3", old),
        ("topics/t/mine.json", "left4", old),
        (&format!("{own}.csv"), "left5", old),
        ("topics/t/region=a/t+0+7.json", "left6", old),
    ]);
    let mut task = rig.task().await;
    task.open(&[partition()]).await.unwrap();
    let requests = rig.server.requests();
    let listings: Vec<_> = requests.iter().filter(|line| line.contains("?uploads")).collect();
    assert_eq!(listings.len(), 6, "every page: {requests:?}");
    assert!(listings.iter().all(|line| line.contains("prefix=topics%2Ft%2F")), "{listings:?}");
    let aborted = requests.iter().filter(|line| line.starts_with("DELETE"));
    let aborted: Vec<_> = aborted.map(|line| line.rsplit_once("uploadId=").unwrap().1).collect();
    assert_eq!(aborted, ["left1", "left6"]);
}

#[tokio::test]
async fn who_may_not_list_uploads_goes_on_and_asks_no_more() {
    for status in [hyper::StatusCode::FORBIDDEN, hyper::StatusCode::NOT_IMPLEMENTED] {
        let rig = Rig::new(&[("flush.size", "1")]).await;
        rig.server.refuse_listing(status);
        let mut task = rig.task().await;
        task.open(&[partition(), TopicPartition::new("u", 0)]).await.unwrap();
        task.open(&[TopicPartition::new("v", 0)]).await.unwrap();
        let requests = rig.server.requests();
        assert_eq!(requests.iter().filter(|line| line.contains("?uploads")).count(), 1);
        task.put(&[number(0, TEN)]).await.unwrap();
        assert_eq!(safe_offset(&mut *task, 1).await, 1);
    }
}
