//! What an answer means that is not the one that was hoped for.

use connect_api::error::{ConnectorError, ErrorClass, chain};
use serde::Deserialize;

use super::transport::Received;

/// Longest text of a server that is shown.
const MOST_SHOWN: usize = 300;

/// Why a request did not do what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) obstacle: Obstacle,
    pub(crate) error: ConnectorError,
}

/// What is in the way, where something else than giving up may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// What was named is not there.
    Missing,
    /// Somebody writes the file, as far as the name node knows.
    Held,
    /// The name node is not the active one, so that another has to be asked.
    Standby,
    /// There is no connection, so that nothing was sent.
    Unreached,
    /// There was no answer within the time limit.
    Silent,
    /// The answer is not in the words of WebHDFS, as that of a proxy without the name node behind it.
    Foreign,
    /// Anything else.
    Other,
}

impl Failure {
    /// Whether what was named is not there.
    pub(crate) fn is_missing(&self) -> bool {
        self.obstacle == Obstacle::Missing
    }

    /// Whether somebody writes the file, as far as the name node knows.
    pub(crate) fn is_held(&self) -> bool {
        self.obstacle == Obstacle::Held
    }

    /// Whether there was no connection, so that nothing was sent.
    pub(super) fn is_unreached(&self) -> bool {
        self.obstacle == Obstacle::Unreached
    }

    /// Whether another name node has to be asked.
    pub(super) fn is_of_another(&self) -> bool {
        matches!(self.obstacle, Obstacle::Standby | Obstacle::Foreign)
    }

    /// As that of a data node, in whose place another one may answer.
    pub(super) fn of_data_node(self) -> Self {
        let Self { obstacle, error } = self;
        let obstacle = if obstacle == Obstacle::Silent { Obstacle::Other } else { obstacle };
        Self { obstacle, error }
    }

    /// The same once more, with its causes as text.
    pub(super) fn again(&self) -> Self {
        let Self { obstacle, error } = self;
        Self { obstacle: *obstacle, error: ConnectorError::new(error.class(), chain(error)) }
    }

    /// Whether there was no answer within the time limit.
    pub(super) fn is_silent(&self) -> bool {
        self.obstacle == Obstacle::Silent
    }

    /// Whether the name node waits for another one to be done, or for itself.
    pub(crate) fn is_standby(&self) -> bool {
        self.obstacle == Obstacle::Standby
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self { obstacle: Obstacle::Other, error }
    }
}

impl From<Failure> for ConnectorError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// What a server says in its answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RemoteException {
    exception: String,
    message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    remote_exception: RemoteException,
}

/// Says what a refusal means: `what` is what was tried, such as `create "/a"`, `node` who refused it.
pub(super) fn failure(node: &str, what: &str, received: &Received) -> Failure {
    let told: Option<Told> = serde_json::from_slice(&received.body).ok();
    let Some(Told { remote_exception: RemoteException { exception, message } }) = told else {
        let error = foreign(node, what, received);
        return Failure { obstacle: Obstacle::Foreign, error };
    };
    let message = message.lines().next().unwrap_or_default();
    let message: String = message.chars().take(MOST_SHOWN).collect();
    let text = format!("{node} could not {what}: {exception}: {message}");
    let is = |name: &str| exception == name || message.contains(name);
    let is_starting = message.contains("startup mode");
    let obstacle = if exception == "FileNotFoundException" {
        Obstacle::Missing
    } else if is("StandbyException") || is_starting {
        Obstacle::Standby
    } else if is("AlreadyBeingCreatedException") || is("RecoveryInProgressException") {
        Obstacle::Held
    } else {
        Obstacle::Other
    };
    let error = match obstacle {
        Obstacle::Missing => ConnectorError::new(ErrorClass::NotFound, text),
        Obstacle::Standby if is_starting => ConnectorError::retriable(text)
            .hint("It is starting: the task goes on when it is up, or another name node is active"),
        Obstacle::Standby => ConnectorError::retriable(text)
            .hint("None of the name nodes is active; name all of them"),
        Obstacle::Held => ConnectorError::retriable(text).hint(
            "Somebody still writes it, or was lost while writing: the name node takes the file back from \
             one that is gone within about a minute, and the task goes on by itself",
        ),
        Obstacle::Other if is("SafeModeException") || message.contains("safe mode") => {
            ConnectorError::retriable(text)
                .hint("The task goes on when the name node leaves safe mode")
        }
        _ => classified(text, &exception, &message, received.status),
    };
    Failure { obstacle, error }
}

fn classified(text: String, exception: &str, message: &str, status: u16) -> ConnectorError {
    let forbidden = |hint: &str| ConnectorError::new(ErrorClass::Forbidden, &*text).hint(hint);
    match exception {
        "AccessControlException" => forbidden(
            "Let the user of hdfs.user write there (hdfs dfs -chown or -chmod), or set another one",
        ),
        "InvalidToken" | "InvalidTokenException" => {
            forbidden("hdfs.delegation.token is wrong or has expired: get a new one")
        }
        "SecurityException" | "AuthorizationException" | "AuthenticationException" => forbidden(
            "Set hdfs.user or hdfs.delegation.token to what the cluster knows",
        ),
        "DSQuotaExceededException" | "NSQuotaExceededException" | "QuotaExceededException" => {
            ConnectorError::retriable(text)
                .hint("The folder's quota is used up: raise it, or make room; the task goes on then")
        }
        "PathComponentTooLongException"
        | "MaxDirectoryItemsExceededException"
        | "FSLimitException" => ConnectorError::invalid(text).hint(
            "The name node allows no more (dfs.namenode.fs-limits.*): raise its limit, or choose another \
             partitioner or topics.dir",
        ),
        "IllegalArgumentException" if message.contains("Invalid operation") => {
            ConnectorError::invalid(text)
                .hint("That is a data node: write the address of the name node, port 9870 usually")
        }
        "IllegalArgumentException"
        | "InvalidPathException"
        | "ParentNotDirectoryException"
        | "UnsupportedOperationException"
        | "HadoopIllegalArgumentException" => ConnectorError::invalid(text),
        _ if lacks_room(message) => ConnectorError::retriable(text).hint(
            "No data node takes another block: their disks are full, or none of them is alive. Make \
             room, add one or start one; the task goes on by itself",
        ),
        _ if is_at_the_end(message) => ConnectorError::retriable(text).hint(
            "The data nodes that have the end of the file take no more of it: their disks are full, or \
             they are gone. The task goes on by itself, with another file",
        ),
        _ if status == 401 => forbidden("Set hdfs.user or hdfs.delegation.token"),
        _ => ConnectorError::retriable(text),
    }
}

/// Whether a name node has no data node to name.
pub(super) fn is_without_nodes(received: &Received) -> bool {
    let told: Option<Told> = serde_json::from_slice(&received.body).ok();
    told.is_some_and(|told| lacks_room(&told.remote_exception.message))
}

/// Whether no data node is chosen for a block: by the name node before it sends anybody there, or when
/// one that was chosen asks for it.
fn lacks_room(message: &str) -> bool {
    message.contains("Failed to find datanode")
        || (message.contains("could only be") && message.contains("0 "))
}

/// Whether those data nodes failed that had a block, as one does which has no room to go on with it.
fn is_at_the_end(message: &str) -> bool {
    let bad = message.contains("All datanodes") && message.contains("are bad");
    bad || message.contains("Failed to replace a bad datanode")
}

/// The error of an answer that is not in the words of WebHDFS.
fn foreign(node: &str, what: &str, received: &Received) -> ConnectorError {
    let Received { status, body, .. } = received;
    let text = format!("{node} could not {what} (HTTP {status})");
    match status {
        401 => ConnectorError::new(ErrorClass::Forbidden, text).hint(
            "It asks for Kerberos, which is not supported: set hdfs.delegation.token, or hdfs.user \
             where the cluster trusts names",
        ),
        403 => ConnectorError::new(ErrorClass::Forbidden, text)
            .hint("Set hdfs.user or hdfs.delegation.token to what the cluster knows"),
        408 | 429 | 500..=599 => {
            let body: String = String::from_utf8_lossy(body).chars().take(MOST_SHOWN).collect();
            let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
            ConnectorError::retriable(format!("{text}: {body}"))
        }
        _ => ConnectorError::invalid(format!("{text}: that is no answer of WebHDFS")).hint(
            "Check the host and port of store.url or webhdfs.url, and that dfs.webhdfs.enabled is \
             true; port 9870 is the usual one",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, exception: &str, message: &str) -> Failure {
        let body = serde_json::json!({"RemoteException": {
            "exception": exception, "javaClassName": format!("x.{exception}"), "message": message}});
        let body = body.to_string().into();
        failure("n", "create \"/a\"", &Received { status, location: None, body })
    }

    #[test]
    fn each_exception_has_its_class() {
        for (status, exception, message, class, part) in [
            (404, "FileNotFoundException", "File /a", ErrorClass::NotFound, "create \"/a\""),
            (403, "StandbyException", "READ", ErrorClass::Retriable, "active"),
            (403, "SafeModeException", "x", ErrorClass::Retriable, "leaves safe mode"),
            (403, "RetriableException", "NameNode is in safe mode", ErrorClass::Retriable, "safe"),
            (403, "RetriableException", "Namenode is in startup mode", ErrorClass::Retriable, "up"),
            (403, "AccessControlException", "denied", ErrorClass::Forbidden, "hdfs.user"),
            (403, "DSQuotaExceededException", "full", ErrorClass::Retriable, "quota"),
            (403, "InvalidToken", "expired", ErrorClass::Forbidden, "hdfs.delegation.token"),
            (
                403,
                "RemoteException",
                "File /a could only be written to 0 of the 1 minReplication nodes",
                ErrorClass::Retriable,
                "disks are full",
            ),
            (
                403,
                "IOException",
                "Failed to find datanode, suggest to check cluster health. excludeDatanodes=null",
                ErrorClass::Retriable,
                "disks are full",
            ),
            (
                403,
                "IOException",
                "All datanodes [DatanodeInfoWithStorage[127.0.0.1:1,DS-1,DISK]] are bad. Aborting...",
                ErrorClass::Retriable,
                "disks are full",
            ),
            (403, "IOException", "odd", ErrorClass::Retriable, "odd"),
            (
                403,
                "AlreadyBeingCreatedException",
                "x",
                ErrorClass::Retriable,
                "takes the file back",
            ),
            (403, "RecoveryInProgressException", "x", ErrorClass::Retriable, "takes the file back"),
            (403, "PathComponentTooLongException", "x", ErrorClass::Invalid, "fs-limits"),
            (403, "MaxDirectoryItemsExceededException", "x", ErrorClass::Invalid, "fs-limits"),
            (400, "IllegalArgumentException", "bad", ErrorClass::Invalid, "bad"),
        ] {
            let error = told(status, exception, message).error;
            assert_eq!(error.class(), class, "{exception}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn answers_of_others_are_told_apart() {
        let foreign = |status, body: &'static str| {
            let received = Received { status, location: None, body: body.into() };
            failure("n", "list \"/\"", &received).error
        };
        assert_eq!(foreign(404, "<html>").class(), ErrorClass::Invalid);
        assert!(foreign(404, "").to_string().contains("9870"));
        assert!(foreign(401, "").to_string().contains("Kerberos"));
        assert_eq!(foreign(503, "busy\n now").class(), ErrorClass::Retriable);
        assert!(foreign(503, "busy\n now").to_string().contains("busy now"));
    }
}
