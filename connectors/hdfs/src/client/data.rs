//! What is read from and written to data nodes: the bytes of files.
//!
//! A name node takes minutes to know that a data node is gone. One that was not reached is left out, for the
//! request at hand.

use std::{net::SocketAddr, ops::ControlFlow};

use bytes::Bytes;
use connect_api::error::{ConnectorError, Result};
use hyper::{Method, Uri};
use tokio::{net::lookup_host, time::sleep};

use super::{
    Ask, Failure, Hdfs, Outcome,
    answer::{failure, is_without_nodes},
    path,
    reply::content,
    transport::Received,
};

/// The data nodes that were not there for a request.
#[derive(Debug, Default)]
struct Away {
    names: Vec<String>,
    /// Why the last of them was not.
    last: Option<Failure>,
}

impl Hdfs {
    /// Makes a file of these bytes in a folder that is there, in place of one that may be there.
    ///
    /// # Errors
    /// Missing when the folder is not there.
    pub(crate) async fn create(&self, path: &str, bytes: &Bytes) -> Outcome<()> {
        let more = format!("&overwrite=true&createparent=false{}", self.creation);
        let ask = Ask { method: Method::PUT, op: "CREATE", path, more };
        let mut away = Away::default();
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
        let (mut away, mut tries) = (Away::default(), self.tries());
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

    /// Reads a piece of a file.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn read(&self, path: &str, offset: u64, length: u64) -> Outcome<Bytes> {
        let more = format!("&offset={offset}&length={length}");
        let ask = Ask { method: Method::GET, op: "OPEN", path, more };
        let what = format!("read \"{path}\"");
        let (mut away, mut tries) = (Away::default(), self.tries());
        loop {
            match tries.judge(self.read_once(&ask, &what, &mut away).await) {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(pause) => sleep(pause).await,
            }
        }
    }

    async fn read_once(&self, ask: &Ask<'_>, what: &str, away: &mut Away) -> Outcome<Bytes> {
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
        away: &mut Away,
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
    async fn ask_without(&self, ask: &Ask<'_>, away: &mut Away) -> Outcome<(String, Received)> {
        let mut ask = ask.clone();
        if !away.names.is_empty() {
            ask.more.push_str("&excludedatanodes=");
            ask.more.push_str(&path::value(&away.names.join(",")));
        }
        let (node, received) = self.ask(&ask).await?;
        if received.location.is_some() {
            return Ok((node, received));
        }
        // There is no other: the next try may find one of them there again.
        let Away { last, .. } = std::mem::take(away);
        match last {
            // That we did not reach them says more than that there are no others.
            Some(failure) if is_without_nodes(&received) => Err(failure),
            _ => Ok((node, received)),
        }
    }

    /// Goes where the name node has sent us.
    async fn send_on(
        &self,
        ask: &Ask<'_>,
        location: &str,
        body: Option<Bytes>,
        away: &mut Away,
    ) -> Outcome<(String, Received)> {
        let (node, url) = self.data_node(location)?;
        self.requests.add(1);
        match self.transport.send(&node, &ask.method, &url, body).await {
            Ok(sent) => Ok((node, sent)),
            Err(failure) => {
                away.names.extend(names(location).await);
                let failure = failure.of_data_node();
                away.last = Some(failure.again());
                Err(failure)
            }
        }
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
