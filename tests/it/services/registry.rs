//! A schema registry: Apicurio, by Confluent's interface.

use serde_json::Value;

use super::probe::{await_ready, free_port, http_get, start_on_free_ports, token};
use super::process::{Server, Signal};

/// Where Confluent's interface is.
const BASE: &str = "/apis/ccompat/v7";

/// A running schema registry, which forgets everything when it ends.
#[derive(Debug)]
pub(crate) struct SchemaRegistry {
    server: Server,
    port: u16,
    token: String,
}

impl SchemaRegistry {
    pub(super) fn start() -> Result<Self, String> {
        start_on_free_ports(|| {
            let (port, token) = (free_port(), token());
            let dir = Server::new_dir("registry");
            let server = Server::start("registry", &dir, &[&port.to_string(), &token]);
            let registry = Self { server, port, token };
            registry.await_ready()?;
            Ok(registry)
        })
    }

    fn await_ready(&self) -> Result<(), String> {
        await_ready(&self.server, || match http_get(self.port, &format!("{BASE}/subjects")) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") && answer.contains(&self.token) => {
                Ok(())
            }
            Ok(answer) => Err(answer),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Returns the address for `schema.registry.url`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{BASE}", self.port)
    }

    /// Ends the registry, and what it knows with it.
    pub(crate) fn stop(&mut self) {
        self.server.stop(Signal::Kill);
    }

    /// Starts the registry again on its port and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.server.start_again();
        self.await_ready().unwrap();
    }

    /// Returns the latest schema of a subject.
    pub(crate) async fn latest(&self, subject: &str) -> Value {
        let http = crate::harness::http_client();
        let url = format!("{}/subjects/{subject}/versions/latest", self.url());
        http.get(url).send().await.unwrap().json().await.unwrap()
    }
}
