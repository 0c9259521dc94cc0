//! Names of files and folders.
//!
//! Source: confluentinc/kafka-connect-hdfs `FileUtils.java`, `HdfsSinkConnectorConstants.java`.

use connect_api::{
    error::{ConnectorError, Result},
    record::TopicPartition,
};
use regex::{Captures, Regex};

use crate::{
    client::path::{parent, rooted},
    config::HdfsSinkConfig,
};

/// Folder of files that are not committed, beside those of topics.
const TEMPORARY: &str = "+tmp";

/// What the name of a growing file has in place of the last offset, before what its owner alone has in
/// there: no other file ever gets its path.
pub(crate) const OPEN: &str = "+open.";
/// What it has instead from when somebody else has taken it over until it has its final name.
pub(crate) const SHUT: &str = "+shut.";
/// What it has from when what is committed of it is copied until the copy has the final name.
pub(crate) const COPIED: &str = "+copied.";

/// Names files and folders.
#[derive(Debug)]
pub(crate) struct Naming {
    /// Path that stands before all others.
    base: String,
    topics_dir: String,
    logs_dir: String,
    /// What the groups in the two folders are taken from.
    capture: Option<Regex>,
    pad_width: usize,
    pub(crate) extension: &'static str,
    /// Whether records may come under another topic than the one they are read from.
    pub(crate) moves_topics: bool,
}

/// What the name of a committed file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Naming {
    /// # Errors
    /// `Invalid` for an expression that validation would have refused.
    pub(crate) fn new(config: &HdfsSinkConfig, base: String) -> Result<Self> {
        let capture = config.cluster.capture.as_ref();
        let capture = capture.map(|pattern| Regex::new(&format!("^(?:{pattern})$"))).transpose();
        Ok(Self {
            base,
            topics_dir: config.storage.topics_dir.clone(),
            logs_dir: config.cluster.logs_dir.clone(),
            capture: capture.map_err(|error| {
                ConnectorError::invalid("topic.capture.groups.regex is none").caused_by(error)
            })?,
            pad_width: config.connector.filename_offset_zero_pad_width,
            extension: config.extension(),
            moves_topics: false,
        })
    }

    /// The folder of a topic's files.
    ///
    /// # Errors
    /// `Record` when the topic does not have the groups that `topics.dir` names.
    pub(crate) fn topic(&self, topic: &str) -> Result<String> {
        let dir = self.expanded(&self.topics_dir, topic, "topics.dir")?;
        Ok(rooted(&[&self.base, &dir, topic]))
    }

    /// A folder of files, given what the partitioner calls it, which begins with the topic.
    ///
    /// # Errors
    /// As [`Naming::topic`].
    pub(crate) fn folder(&self, topic: &str, encoded: &str) -> Result<String> {
        let dir = self.expanded(&self.topics_dir, topic, "topics.dir")?;
        Ok(rooted(&[&self.base, &dir, encoded]))
    }

    /// The file with these records of a partition in a folder, without the folder.
    pub(crate) fn file(&self, topic: &str, partition: i32, (first, last): (i64, i64)) -> String {
        let Self { pad_width, extension, .. } = self;
        format!("{topic}+{partition}+{first:0pad_width$}+{last:0pad_width$}{extension}")
    }

    /// A growing file whose records begin with this offset, without the folder; `token` is its owner's.
    pub(crate) fn growing(&self, topic: &str, partition: i32, first: i64, token: &str) -> String {
        let Self { pad_width, extension, .. } = self;
        format!("{topic}+{partition}+{first:0pad_width$}{OPEN}{token}{extension}")
    }

    /// The folder of a partition's files that are not committed.
    ///
    /// # Errors
    /// As [`Naming::topic`].
    pub(crate) fn temporary(&self, origin: &TopicPartition) -> Result<String> {
        let dir = self.expanded(&self.topics_dir, &origin.topic, "topics.dir")?;
        let partition = origin.partition.to_string();
        Ok(rooted(&[&self.base, &dir, TEMPORARY, &origin.topic, &partition]))
    }

    /// The folder of what is kept of a partition's position.
    ///
    /// # Errors
    /// As [`Naming::topic`].
    pub(crate) fn logs(&self, origin: &TopicPartition) -> Result<String> {
        let dir = self.expanded(&self.logs_dir, &origin.topic, "logs.dir")?;
        Ok(rooted(&[&self.base, &dir, &origin.topic, &origin.partition.to_string()]))
    }

    /// Folders that files are made below whatever the topic is: of temporary files, and of markers. A folder
    /// that begins with a topic's name has none.
    pub(crate) fn fixed(&self) -> Vec<String> {
        let fixed =
            |dir: &str| dir.split_once("${").map_or(dir, |(front, _)| parent(front)).to_owned();
        let (topics, logs) = (fixed(&self.topics_dir), fixed(&self.logs_dir));
        let own = if topics == self.topics_dir { TEMPORARY } else { "" };
        let all = [(topics, own), (logs, "")];
        let all = all.into_iter().filter(|(dir, _)| !dir.trim_matches('/').is_empty());
        all.map(|(dir, own)| rooted(&[&self.base, &dir, own])).collect()
    }

    /// A folder with `${topic}` and the groups of the topic put in.
    fn expanded(&self, dir: &str, topic: &str, key: &str) -> Result<String> {
        if !dir.contains("${") {
            return Ok(dir.to_owned());
        }
        let groups = self.capture.as_ref().and_then(|pattern| pattern.captures(topic));
        let mut out = String::with_capacity(dir.len() + topic.len());
        let mut rest = dir;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            out.push_str(before);
            let group =
                |groups: &Captures<'_>| Some(groups.get(name.parse().ok()?)?.as_str().to_owned());
            let text = match name {
                "topic" => Some(topic.to_owned()),
                _ => groups.as_ref().and_then(group),
            };
            out.push_str(&text.ok_or_else(|| {
                ConnectorError::record(format!(
                    "Topic \"{topic}\" gives nothing for ${{{name}}} in {key}"
                ))
                .hint("topic.capture.groups.regex has to match the whole topic and have the group")
            })?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// What the name of a file says; nothing when it is not that of a committed one.
pub(crate) fn committed(name: &str) -> Option<Committed<'_>> {
    let mut parts = name.rsplitn(4, '+');
    let (last, first, partition, topic) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_topic = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
    let end = last.find(|c: char| !c.is_ascii_digit()).unwrap_or(last.len());
    let (last, extension) = last.split_at_checked(end)?;
    let is_extension = extension.is_empty() || extension.starts_with('.');
    let is_name = !topic.is_empty() && topic.chars().all(is_topic) && is_extension;
    let number = |text: &str| -> Option<i64> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
    };
    is_name.then_some(())?;
    Some(Committed {
        topic,
        partition: number(partition)?.try_into().ok()?,
        first: number(first)?,
        last: number(last)?,
    })
}

#[cfg(test)]
mod tests {
    use connect_api::config::{Config as _, Props};

    use super::*;

    fn naming(more: &[(&str, &str)]) -> Naming {
        let mut props = Props::from([("hdfs.url", "hdfs://nn:8020"), ("flush.size", "3")]);
        props.extend(more.iter().copied());
        Naming::new(&HdfsSinkConfig::parse(&props).unwrap(), String::new()).unwrap()
    }

    #[test]
    fn names_are_those_of_the_original() {
        let naming = naming(&[]);
        let folder = naming.folder("t", "t/partition=0").unwrap();
        let name = naming.file("t", 0, (0, 2));
        assert_eq!(
            format!("{folder}/{name}"),
            "/topics/t/partition=0/t+0+0000000000+0000000002.avro"
        );
        assert_eq!(naming.file("t", 0, (3, 5)), "t+0+0000000003+0000000005.avro");
        let growing = naming.growing("t", 0, 3, "17");
        assert_eq!(growing, "t+0+0000000003+open.17.avro");
        assert_eq!(committed(&growing), None);
        let origin = TopicPartition::new("t", 7);
        assert_eq!(naming.temporary(&origin).unwrap(), "/topics/+tmp/t/7");
        assert_eq!(naming.logs(&origin).unwrap(), "/logs/t/7");
    }

    #[test]
    fn folders_take_the_topic_and_its_groups() {
        let naming = naming(&[
            ("topics.dir", "lake/${1}/${topic}"),
            ("logs.dir", "wal/${2}"),
            ("topic.capture.groups.regex", "([a-z]+)-([a-z]+)"),
        ]);
        assert_eq!(naming.topic("eu-orders").unwrap(), "/lake/eu/eu-orders/eu-orders");
        let logs = naming.logs(&TopicPartition::new("eu-orders", 1)).unwrap();
        assert_eq!(logs, "/wal/orders/eu-orders/1");
        let error = naming.topic("orders").unwrap_err().to_string();
        assert!(error.contains("\"orders\"") && error.contains("${1}"), "{error}");
    }

    #[test]
    fn folders_that_no_topic_changes_are_known() {
        for (topics, logs, expected) in [
            ("topics", "logs", vec!["/topics/+tmp", "/logs"]),
            ("lake/x-${1}/a", "wal/${topic}", vec!["/lake", "/wal"]),
            ("${topic}", "/", vec![]),
        ] {
            let naming = naming(&[("topics.dir", topics), ("logs.dir", logs)]);
            assert_eq!(naming.fixed(), expected);
        }
    }

    #[test]
    fn names_of_committed_files_are_read_back() {
        let name = committed("a.b_c-d+12+0000000003+0000000005.avro").unwrap();
        let expected = Committed { topic: "a.b_c-d", partition: 12, first: 3, last: 5 };
        assert_eq!(name, expected);
        assert_eq!(committed("t+0+3+5").unwrap().last, 5);
        for odd in
            ["t+0+5.json", "t+0+3+x.json", "t+0+3+5json", "é+0+3+5.json", "t+-1+3+5", "", "+0+1+2"]
        {
            assert_eq!(committed(odd), None, "{odd}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_read_or_passed_over(name in ".{0,40}") {
            let _read = committed(&name);
        }
    }
}
