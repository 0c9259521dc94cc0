//! Requests to the file system: whom they go to, who we are, and what is asked.
//!
//! A request goes to the name node that answered last, and to the next one where that is not the active
//! one or cannot be reached. What is read or written goes to a data node that it names; the request for
//! that name never has a body. A request that may be repeated is, a few times; what does not pass by
//! then is the caller's affair.

mod answer;
mod data;
pub(crate) mod path;
mod redaction;
mod reply;
mod transport;
mod tries;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use connect_api::{
    error::{ConnectorError, Result},
    figures::{Counter, Figures},
};
use connect_tls::Trust;
use hyper::Method;
use serde::Deserialize;
use tokio::time::sleep;

pub(crate) use self::{answer::Failure, reply::Entry};
use self::{
    answer::failure,
    redaction::Redaction,
    reply::{Listed, Page, boolean, is_unknown, or_nothing, parsed},
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
            transport: Transport::new(
                tls,
                (keys.connect_timeout, keys.read_timeout),
                Redaction::new(token.map(String::as_str))?,
            ),
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

    /// Deletes a folder in which there is nothing; `false` when there is no such folder.
    ///
    /// # Errors
    /// By the server's answer, which it is too when there is something.
    pub(crate) async fn delete_empty(&self, path: &str) -> Outcome<bool> {
        let more = "&recursive=false".to_owned();
        let ask = Ask { method: Method::DELETE, op: "DELETE", path, more };
        boolean(self.ask(&ask).await, &format!("delete \"{path}\""))
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

    /// Asks the active name node.
    ///
    /// # Errors
    /// No name node answers, or none of them is the active one.
    async fn ask(&self, ask: &Ask<'_>) -> Outcome<(String, Received)> {
        let first = self.active.load(Ordering::Relaxed);
        let mut last: Option<Failure> = None;
        let is_only = self.nodes.len() == 1;
        for turn in 0..self.nodes.len() {
            let place = (first + turn) % self.nodes.len();
            let Some(url) = self.nodes.get(place) else { break };
            let Ask { method, op, path, more } = ask;
            let node = format!("The name node {url}");
            let path = path::path(if path.is_empty() { "/" } else { path });
            let address = format!("{url}/webhdfs/v1{path}?op={op}{}{more}", self.identity);
            self.requests.add(1);
            let failure = match self.transport.send(&node, method, &address, None).await {
                Ok(received) if received.status < 400 => {
                    self.active.store(place, Ordering::Relaxed);
                    return Ok((node, received));
                }
                Ok(received) => {
                    let refused = failure(&node, &format!("{op} \"{}\"", ask.path), &received);
                    if !refused.is_of_another() {
                        self.active.store(place, Ordering::Relaxed);
                        return Ok((node, received));
                    }
                    if is_only && !refused.is_standby() {
                        return Ok((node, received));
                    }
                    refused
                }
                Err(failure) => failure,
            };
            last = Some(match last {
                Some(before) => telling(before, failure),
                None => failure,
            });
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

/// Which of two name nodes' failures says more: one that may pass is waited for, and a name node that is away
/// says more than one that waits for it.
fn telling(before: Failure, after: Failure) -> Failure {
    let weight = |failure: &Failure| (failure.error.class().is_retriable(), !failure.is_standby());
    if weight(&before) > weight(&after) { before } else { after }
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
