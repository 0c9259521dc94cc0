//! Elasticsearch with a user, and two generations of OpenSearch without: one node each, one of them
//! at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::Method;
use serde_json::Value as Json;

use super::identity::Identity;
use super::probe::{await_ready, free_port, start_on_free_ports, success, token, trusting_client};
use super::process::Server;

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Elasticsearch,
    OpenSearch,
    OpenSearch3,
}

impl System {
    /// Its name in the scripts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::OpenSearch => "opensearch",
            Self::OpenSearch3 => "opensearch3",
        }
    }
}

/// A running search server.
#[derive(Debug)]
pub(crate) struct SearchServer {
    #[expect(dead_code, reason = "held to be dropped: the server ends with it")]
    server: Server,
    system: System,
    port: u16,
    /// What it shows, where it speaks TLS.
    identity: Option<Identity>,
    /// Each takes most of a gigabyte: the next one starts when this one has ended.
    #[expect(dead_code, reason = "held to be dropped, after the server")]
    turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl SearchServer {
    /// The only user of Elasticsearch.
    pub(crate) const USER: &str = "lab";

    /// The user's password.
    pub(crate) const PASSWORD: &str = "labpass123";

    /// Starts one that speaks TLS, or does not.
    pub(super) fn start(system: System, is_secure: bool) -> Result<Self, String> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let started = start_on_free_ports(|| {
            let (port, transport, name) = (free_port(), free_port(), token());
            let dir = Server::new_dir(system.name());
            // The server's user is another one than ours.
            open_to_all(&dir);
            let identity = is_secure.then(|| Identity::create(&dir));
            let url = url(port, identity.is_some());
            let (port_text, transport) = (port.to_string(), transport.to_string());
            let mut arguments = vec![&*port_text, &*transport, &*name];
            if system == System::Elasticsearch {
                arguments.extend([Self::USER, Self::PASSWORD]);
            }
            let server = Server::start(system.name(), &dir, &arguments);
            let ask = || health(system, &url);
            await_ready(&server, || match ask() {
                Ok(answer) if answer.contains(&name) => Ok(()),
                Ok(answer) => Err(answer),
                Err(error) => Err(error),
            })?;
            Ok((server, port, identity))
        });
        started.map(|(server, port, identity)| Self { server, system, port, identity, turn })
    }

    /// Returns the address, `http://127.0.0.1:<port>`, or with `https`.
    pub(crate) fn url(&self) -> String {
        url(self.port, self.identity.is_some())
    }

    /// What it shows to clients, where it speaks TLS.
    pub(crate) const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Sends a request; the status and the body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> (u16, Json) {
        let http = trusting_client();
        let mut request = http.request(method, format!("{}{path}", self.url()));
        if self.system == System::Elasticsearch {
            request = request.basic_auth(Self::USER, Some(Self::PASSWORD));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// Every document of an index that a search finds now, as hits.
    pub(crate) async fn documents(&self, index: &str) -> Vec<Json> {
        self.send(Method::POST, &format!("/{index}/_refresh"), None).await;
        let first = serde_json::json!({"size": 5000});
        let search = format!("/{index}/_search?scroll=1m");
        let (_, mut page) = self.send(Method::POST, &search, Some(&first)).await;
        let mut found = Vec::new();
        while let Some(hits) = page["hits"]["hits"].as_array().filter(|hits| !hits.is_empty()) {
            found.extend(hits.iter().cloned());
            let next = serde_json::json!({"scroll": "1m", "scroll_id": page["_scroll_id"]});
            page = self.send(Method::POST, "/_search/scroll", Some(&next)).await.1;
        }
        found
    }

    /// Documents of an index that a search finds now; none while there is no such index.
    pub(crate) async fn count(&self, index: &str) -> Option<u64> {
        self.send(Method::POST, &format!("/{index}/_refresh"), None).await;
        let (status, body) = self.send(Method::GET, &format!("/{index}/_count"), None).await;
        (status == 200).then(|| body["count"].as_u64().unwrap())
    }
}

fn url(port: u16, is_secure: bool) -> String {
    format!("http{}://127.0.0.1:{port}", if is_secure { "s" } else { "" })
}

/// Asks for the cluster's health.
fn health(system: System, url: &str) -> Result<String, String> {
    let url = format!("{url}/_cluster/health?wait_for_status=yellow&timeout=1s");
    let request = trusting_client().get(url);
    success(match system {
        System::Elasticsearch => {
            request.basic_auth(SearchServer::USER, Some(SearchServer::PASSWORD))
        }
        System::OpenSearch | System::OpenSearch3 => request,
    })
}

fn open_to_all(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}
