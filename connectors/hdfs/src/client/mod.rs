//! Requests to the file system: whom they go to, who we are, and what is asked.
//!
//! A request goes to the name node that answered last, and to the next one where that is not the active
//! one or cannot be reached. What is read or written goes to a data node that it names; the request for
//! that name never has a body. A request that may be repeated is, a few times; what does not pass by
//! then is the caller's affair.

mod answer;
pub(crate) mod path;
mod reply;
mod transport;
mod tries;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use connect_api::{
    error::{ConnectorError, Result},
    figures::{Counter, Figures},
};
use connect_tls::Trust;
use hyper::{Method, Uri};
use serde::Deserialize;
use tokio::{net::lookup_host, time::sleep};

pub(crate) use self::{answer::Failure, reply::Entry};
use self::{
    answer::failure,
    reply::{Listed, Page, boolean, content, is_unknown, or_nothing, parsed},
    transport::{Received, Transport},
    tries::Tries,
};
use crate::{
    config::{HdfsSinkConfig, name_nodes},
    figures,
};

/// What a request does, or why not.
pub(crate) type Outcome<T> = std::result::Result<T, Failure>;

/// Talks to the file system.
#[derive(Debug)]
pub(crate) struct Hdfs {
    nodes: Vec<String>,
    /// Place of the name node that answered last.
    active: AtomicUsize,
    transport: Transport,
    /// Who we are, as a parameter.
    identity: String,
    hosts: BTreeMap<String, String>,
    /// Parameters of new files.
    creation: String,
    retries: u32,
    backoff: Duration,
    requests: Counter,
    sent_bytes: Counter,
}

/// What a name node is asked.
#[derive(Clone, Debug)]
struct Ask<'a> {
    method: Method,
    op: &'static str,
    path: &'a str,
    /// Further parameters, each with `&` before it.
    more: String,
}

impl Hdfs {
    /// # Errors
    /// `Invalid` when there is no address, or the files of TLS or Hadoop cannot be read.
    pub(crate) fn new(config: &HdfsSinkConfig, figures: &Figures) -> Result<(Self, String)> {
        let keys = &config.cluster;
        let (nodes, base) = name_nodes(keys)?;
        let tls = keys.ssl.client_config("hdfs.", Trust::Certificates)?;
        let token = keys
            .token
            .as_ref()
            .map(connect_api::config::Secret::expose)
            .filter(|it| !it.is_empty());
        let identity = match token {
            Some(token) => format!("&delegation={}", path::value(token)),
            None => format!("&user.name={}", path::value(&user(&keys.user))),
        };
        let hosts = keys.datanode_hosts.iter().filter_map(|pair| pair.split_once('='));
        let hosts = hosts.map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()));
        let creation = match keys.replication {
            1.. => format!("&replication={}", keys.replication),
            _ => String::new(),
        };
        let hdfs = Self {
            nodes,
            active: AtomicUsize::new(0),
            transport: Transport::new(tls, keys.connect_timeout, keys.read_timeout),
            identity,
            hosts: hosts.collect(),
            creation,
            retries: keys.retries,
            backoff: keys.backoff,
            requests: figures::REQUESTS.counter(figures),
            sent_bytes: figures::SENT_BYTES.counter(figures),
        };
        Ok((hdfs, base))
    }

    /// Makes a file of these bytes in a folder that is there, in place of one that may be there.
    ///
    /// # Errors
    /// Missing when the folder is not there.
    pub(crate) async fn create(&self, path: &str, bytes: &Bytes) -> Outcome<()> {
        let more = format!("&overwrite=true&createparent=false{}", self.creation);
        let ask = Ask { method: Method::PUT, op: "CREATE", path, more };
        let mut away: Vec<String> = Vec::new();
        let what = format!("create \"{path}\"");
        let mut tries = self.tries();
        loop {
            let outcome = self.write(&ask, bytes, &what, &mut away).await;
            match tries.judge(outcome) {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(pause) => sleep(pause).await,
            }
        }
    }

    /// Adds bytes to the end of a file. After a failure some of them may be there.
    ///
    /// # Errors
    /// Missing when the file is not there.
    pub(crate) async fn append(&self, path: &str, bytes: &Bytes) -> Outcome<()> {
        let ask = Ask { method: Method::POST, op: "APPEND", path, more: String::new() };
        let what = format!("append to \"{path}\"");
        let (mut away, mut tries) = (Vec::new(), self.tries());
        loop {
            let outcome = self.write(&ask, bytes, &what, &mut away).await;
            if !outcome.as_ref().is_err_and(Failure::is_unreached) {
                return outcome;
            }
            // Nobody was reached, so that nothing was sent.
            match tries.judge(outcome) {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(pause) => sleep(pause).await,
            }
        }
    }

    /// Shortens a file to so many bytes; `false` while the name node is at it, and asking again tells
    /// when it is done. Nothing is shortened while somebody writes the file, of whatever length.
    ///
    /// # Errors
    /// Missing when the file is not there; `Retriable` while it is written; `Invalid` when it is shorter.
    pub(crate) async fn truncate(&self, path: &str, length: u64) -> Outcome<bool> {
        let more = format!("&newlength={length}");
        let ask = Ask { method: Method::POST, op: "TRUNCATE", path, more };
        let what = format!("shorten \"{path}\" to {length} bytes");
        boolean(self.ask_again(&ask, &what).await, &what)
    }

    /// Moves a file or a folder; `false` when the target is there, the source is not, or the folder of
    /// the target is not.
    ///
    /// # Errors
    /// By the server's answer; after one that may pass it may have happened.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Outcome<bool> {
        let more = format!("&destination={}", path::value(to));
        let ask = Ask { method: Method::PUT, op: "RENAME", path: from, more };
        let received = self.ask(&ask).await;
        boolean(received, &format!("rename \"{from}\" to \"{to}\""))
    }

    /// Makes a folder and those it is in, where they are not there.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn make_folder(&self, path: &str) -> Outcome<()> {
        let ask = Ask { method: Method::PUT, op: "MKDIRS", path, more: String::new() };
        let what = format!("make the folder \"{path}\"");
        if boolean(self.ask_again(&ask, &what).await, &what)? {
            return Ok(());
        }
        let text = format!("The folder \"{path}\" cannot be made: a file is in its way");
        Err(ConnectorError::invalid(text).into())
    }

    /// Deletes a file, or a folder with all there is in it; `false` when there is nothing.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn delete(&self, path: &str) -> Outcome<bool> {
        let more = "&recursive=true".to_owned();
        let ask = Ask { method: Method::DELETE, op: "DELETE", path, more };
        let what = format!("delete \"{path}\"");
        boolean(self.ask_again(&ask, &what).await, &what)
    }

    /// What there is at a path; nothing when there is nothing.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn look(&self, path: &str) -> Outcome<Option<Entry>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Status {
            file_status: Entry,
        }
        let more = String::new();
        let ask = Ask { method: Method::GET, op: "GETFILESTATUS", path, more };
        let what = format!("look at \"{path}\"");
        let looked = parsed::<Status>(self.ask_again(&ask, &what).await, &what);
        or_nothing(looked.map(|status| status.file_status))
    }

    /// What there is in a folder; nothing when there is no such folder.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn list(&self, path: &str) -> Outcome<Option<Vec<Entry>>> {
        let mut entries: Vec<Entry> = Vec::new();
        let what = format!("list \"{path}\"");
        loop {
            let last = entries.last();
            let after = last.map(|last| format!("&startAfter={}", path::value(&last.name)));
            let more = after.unwrap_or_default();
            let ask = Ask { method: Method::GET, op: "LISTSTATUS_BATCH", path, more };
            let page = match parsed::<Page>(self.ask_again(&ask, &what).await, &what) {
                Err(failure) if is_unknown(&failure) => return self.list_at_once(path).await,
                page => page,
            };
            let Some(Page { directory_listing: page }) = or_nothing(page)? else {
                return Ok(None);
            };
            let page_entries = page.partial_listing.file_statuses.file_status;
            let is_last = page.remaining_entries == 0 || page_entries.is_empty();
            entries.extend(page_entries);
            if is_last {
                return Ok(Some(entries));
            }
        }
    }

    /// Lists a folder of a name node that has no pages, such as one of Hadoop 2.
    async fn list_at_once(&self, path: &str) -> Outcome<Option<Vec<Entry>>> {
        let ask = Ask { method: Method::GET, op: "LISTSTATUS", path, more: String::new() };
        let what = format!("list \"{path}\"");
        let listed = parsed::<Listed>(self.ask_again(&ask, &what).await, &what);
        or_nothing(listed.map(|listed| listed.file_statuses.file_status))
    }

    /// Reads a piece of a file.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn read(&self, path: &str, offset: u64, length: u64) -> Outcome<Bytes> {
        let more = format!("&offset={offset}&length={length}");
        let ask = Ask { method: Method::GET, op: "OPEN", path, more };
        let what = format!("read \"{path}\"");
        let (mut away, mut tries) = (Vec::new(), self.tries());
        loop {
            match tries.judge(self.read_once(&ask, &what, &mut away).await) {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(pause) => sleep(pause).await,
            }
        }
    }

    async fn read_once(&self, ask: &Ask<'_>, what: &str, away: &mut Vec<String>) -> Outcome<Bytes> {
        let (node, received) = self.ask_without(ask, away).await?;
        let Some(location) = received.location else {
            return content(&node, what, received);
        };
        let (node, received) = self.send_on(ask, &location, None, away).await?;
        content(&node, what, received)
    }

    /// Sends bytes to the data node that the name node names.
    async fn write(
        &self,
        ask: &Ask<'_>,
        bytes: &Bytes,
        what: &str,
        away: &mut Vec<String>,
    ) -> Outcome<()> {
        let (node, received) = self.ask_without(ask, away).await?;
        let Some(location) = received.location.as_deref() else {
            return Err(if (200..300).contains(&received.status) {
                let text = format!("{node} could not {what}: it names no data node");
                ConnectorError::invalid(text).hint("Check that it is a name node").into()
            } else {
                failure(&node, what, &received)
            });
        };
        let (node, received) = self.send_on(ask, location, Some(bytes.clone()), away).await?;
        if !(200..300).contains(&received.status) {
            return Err(failure(&node, what, &received));
        }
        self.sent_bytes.add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Asks for a data node that is none of those that were not there. A name node takes minutes to
    /// know that one is gone, and may name it all that time.
    async fn ask_without(
        &self,
        ask: &Ask<'_>,
        away: &mut Vec<String>,
    ) -> Outcome<(String, Received)> {
        let mut ask = ask.clone();
        if !away.is_empty() {
            ask.more.push_str("&excludedatanodes=");
            ask.more.push_str(&path::value(&away.join(",")));
        }
        let (node, received) = self.ask(&ask).await?;
        if received.location.is_none() {
            // There is no other: the next try may find one of them there again.
            away.clear();
        }
        Ok((node, received))
    }

    /// Goes where the name node has sent us.
    async fn send_on(
        &self,
        ask: &Ask<'_>,
        location: &str,
        body: Option<Bytes>,
        away: &mut Vec<String>,
    ) -> Outcome<(String, Received)> {
        let (node, url) = self.data_node(location)?;
        self.requests.add(1);
        let sent = self.transport.send(&node, &ask.method, &url, body).await;
        if sent.is_err() {
            away.extend(names(location).await);
        }
        Ok((node, sent?))
    }

    /// What a data node is called, and its address with the host that stands for it.
    fn data_node(&self, location: &str) -> Result<(String, String)> {
        let Some(authority) = authority(location) else {
            let text = "The name node sends writers to what is no address";
            return Err(ConnectorError::invalid(text));
        };
        let (host, port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
        let other = match (self.hosts.get(&authority), self.hosts.get(host)) {
            (Some(other), _) => other.clone(),
            (None, Some(other)) if other.contains(':') || port.is_empty() => other.clone(),
            (None, Some(other)) => format!("{other}:{port}"),
            (None, None) => return Ok((format!("The data node {authority}"), location.to_owned())),
        };
        let url = location.replacen(&authority, &other, 1);
        Ok((format!("The data node {authority} at {other}"), url))
    }

    /// Asks the active name node.
    ///
    /// # Errors
    /// No name node answers, or none of them is the active one.
    async fn ask(&self, ask: &Ask<'_>) -> Outcome<(String, Received)> {
        let first = self.active.load(Ordering::Relaxed);
        let mut last: Option<Failure> = None;
        for turn in 0..self.nodes.len() {
            let place = (first + turn) % self.nodes.len();
            let Some(url) = self.nodes.get(place) else { break };
            let Ask { method, op, path, more } = ask;
            let node = format!("The name node {url}");
            let path = path::path(if path.is_empty() { "/" } else { path });
            let address = format!("{url}/webhdfs/v1{path}?op={op}{}{more}", self.identity);
            self.requests.add(1);
            match self.transport.send(&node, method, &address, None).await {
                Ok(received) if received.status < 400 => {
                    self.active.store(place, Ordering::Relaxed);
                    return Ok((node, received));
                }
                Ok(received) => {
                    let refused = failure(&node, &format!("{op} \"{}\"", ask.path), &received);
                    if !refused.is_standby() {
                        self.active.store(place, Ordering::Relaxed);
                        return Ok((node, received));
                    }
                    // A name node that is away says more than one that waits for it.
                    last.get_or_insert(refused);
                }
                Err(failure) if failure.error.class().is_retriable() => last = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| ConnectorError::invalid("There is no name node to ask").into()))
    }

    /// Asks what may be asked again, until the answer is not one that may pass.
    async fn ask_again(&self, ask: &Ask<'_>, what: &str) -> Outcome<(String, Received)> {
        let mut tries = self.tries();
        loop {
            let outcome = self.ask(ask).await.and_then(|(node, received)| {
                let is_fine = received.status < 400;
                if is_fine { Ok((node, received)) } else { Err(failure(&node, what, &received)) }
            });
            match tries.judge(outcome) {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(pause) => sleep(pause).await,
            }
        }
    }

    const fn tries(&self) -> Tries {
        Tries::new(self.retries, self.backoff)
    }
}

fn authority(url: &str) -> Option<String> {
    url.parse::<Uri>().ok()?.authority().map(|authority| authority.as_str().to_owned())
}

/// What a name node may know the host of a data node by. It takes a port for that of blocks, which nobody
/// is told, and looks hosts up by their addresses, of which it can read those without a colon only.
async fn names(location: &str) -> Vec<String> {
    let Some(authority) = authority(location) else { return Vec::new() };
    let (host, _) = authority.rsplit_once(':').unwrap_or((&authority, ""));
    let found = lookup_host((host, 0)).await.into_iter().flatten();
    let found = found.filter(SocketAddr::is_ipv4).map(|address| address.ip().to_string());
    let mut names: Vec<_> = found.chain([host.to_owned()]).filter(|it| !it.contains(':')).collect();
    names.dedup();
    names
}

/// The user that files are written as.
#[expect(clippy::disallowed_methods, reason = "Hadoop's clients take the user from there too")]
fn user(configured: &str) -> String {
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let known = ["HADOOP_USER_NAME", "USER", "LOGNAME"].into_iter();
    let known = known.filter_map(|name| std::env::var(name).ok());
    known.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "root".to_owned())
}
