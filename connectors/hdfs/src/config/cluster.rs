//! Options of the file system: where it is, who we are there, how files are written.

use std::time::Duration;

use connect_api::config::{Config, Problems, Secret};
use connect_tls::SslConfig;

use super::address::{self, Address};

/// Options of the file system and of the requests to it.
#[derive(Config, Debug)]
#[config(group = "HDFS", check)]
pub struct ClusterKeys {
    /// Address of the file system: `hdfs://namenode:8020`, `webhdfs://namenode:9870`,
    /// `http://namenode:9870` or `https://namenode:9871`; a path in it stands before all others. Of
    /// `hdfs://` the address of WebHDFS is looked for in `webhdfs.url`, then in `hadoop.conf.dir`, else port
    /// 9870 is taken.
    #[config(key = "store.url", importance = High)]
    pub store_url: Option<String>,
    /// Older name of `store.url`.
    #[config(key = "hdfs.url", importance = High)]
    pub hdfs_url: Option<String>,
    /// Addresses of WebHDFS, one for each name node, such as `http://nn1:9870,http://nn2:9870`; the
    /// active one is found. An extension; they follow from `store.url` when empty.
    #[config(key = "webhdfs.url", default = "")]
    pub webhdfs: Vec<String>,
    /// Folder for what the sink keeps of its position.
    #[config(key = "logs.dir", importance = High, default = "logs", check = NOT_EMPTY)]
    pub logs_dir: String,
    /// Regular expression for whole topics, whose groups `${1}`, `${2}`, … stand for in `topics.dir` and
    /// `logs.dir`.
    #[config(key = "topic.capture.groups.regex", importance = Low)]
    pub capture: Option<String>,
    /// Folder with `core-site.xml` and `hdfs-site.xml`.
    #[config(key = "hadoop.conf.dir", importance = High, default = "")]
    pub conf_dir: String,
    /// Accepted: there is no Hadoop library to find here.
    #[config(key = "hadoop.home", importance = High, default = "")]
    pub hadoop_home: String,
    /// User that files are written as. An extension; `HADOOP_USER_NAME` or the user of the process when
    /// empty, as Hadoop's own clients do.
    #[config(key = "hdfs.user", default = "")]
    pub user: String,
    /// Delegation token that stands for the user, in the form in which WebHDFS gives it. An extension.
    #[config(key = "hdfs.delegation.token")]
    pub token: Option<Secret<String>>,
    /// Hosts that stand for the names of data nodes, `name=host` or `name:port=host:port`, where their
    /// names mean nothing to the worker, as between containers. An extension.
    #[config(key = "hdfs.datanode.hosts", importance = Low, default = "", check = host_pairs)]
    pub datanode_hosts: Vec<String>,
    /// Size of the pieces that files are written in, in bytes. A file below it is written at once. An
    /// extension.
    #[config(key = "hdfs.part.size", importance = Low, default = 16_777_216, check = between(65_536, 1_073_741_824))]
    pub part_bytes: usize,
    /// Copies of each block; the file system's own number when not positive. An extension.
    #[config(key = "hdfs.replication", importance = Low, default = -1)]
    pub replication: i32,
    /// Times that a request is tried again before the partition waits for `retry.backoff.ms`. An extension.
    #[config(key = "hdfs.request.retries", importance = Low, default = 3, check = between(0, 100))]
    pub retries: u32,
    /// Base of the random, growing pause before another try, in milliseconds. An extension.
    #[config(key = "hdfs.request.backoff.ms", importance = Low, default = 200, check = between(0, 60_000))]
    pub backoff: Duration,
    /// Longest wait for a connection, in milliseconds. An extension.
    #[config(key = "hdfs.connect.timeout.ms", importance = Low, default = 5000, check = between(1, 600_000))]
    pub connect_timeout: Duration,
    /// Longest wait for an answer, in milliseconds. An extension.
    #[config(key = "hdfs.read.timeout.ms", importance = Low, default = 60_000, check = between(1, 3_600_000))]
    pub read_timeout: Duration,
    /// Longest wait for a growing file that an earlier task of the partition still writes, as far as the name
    /// node knows, in milliseconds; then what is committed of it is copied, and it is deleted. The name
    /// node itself takes files back from who is gone after 60 seconds. An extension.
    #[config(key = "hdfs.lease.timeout.ms", importance = Low, default = 90_000, check = between(0, 3_600_000))]
    pub lease_timeout: Duration,
    /// TLS of `https://` addresses.
    #[config(flatten = "hdfs.")]
    pub ssl: SslConfig,
}

impl ClusterKeys {
    /// What the user calls the file system.
    pub(crate) fn url(&self) -> Option<&str> {
        let urls = [&self.store_url, &self.hdfs_url].into_iter().flatten();
        urls.map(String::as_str).find(|url| !url.is_empty())
    }

    fn check(&self, problems: &mut Problems) {
        let is_new = self.store_url.as_ref().is_some_and(|url| !url.is_empty());
        let key = if is_new { "store.url" } else { "hdfs.url" };
        match self.url().map(Address::parse) {
            None => problems.add(
                "store.url",
                "",
                "One of store.url and hdfs.url is needed, such as hdfs://namenode:8020",
            ),
            Some(Err(reason)) => {
                problems.add(key, address::shown(self.url().unwrap_or_default()), reason);
            }
            Some(Ok(_)) => {}
        }
        for url in &self.webhdfs {
            if let Err(reason) = address::web(url) {
                problems.add("webhdfs.url", address::shown(url), reason);
            }
        }
        let is_blank = |token: &Secret<String>| token.expose().is_empty();
        if self.token.as_ref().is_some_and(|token| !is_blank(token)) && !self.user.is_empty() {
            let text = "Only one of hdfs.user and hdfs.delegation.token can be set";
            problems.add_text("hdfs.delegation.token", text);
        }
        if let Some(pattern) = &self.capture
            && let Err(error) = regex::Regex::new(pattern)
        {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
            problems.add("topic.capture.groups.regex", pattern, reason);
        }
    }
}

fn host_pairs(text: &str) -> Result<(), String> {
    let is_pair = |entry: &str| {
        entry.split_once('=').is_some_and(|(from, to)| !from.is_empty() && !to.is_empty())
    };
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let odd = entries.into_iter().find(|entry| !is_pair(entry));
    odd.map_or(Ok(()), |odd| Err(format!("\"{odd}\" is not of the form name=host")))
}
