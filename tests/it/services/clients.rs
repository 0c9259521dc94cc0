//! Clients of Kafka Connect that others have written, from Python's package index.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::SCRIPTS;
use super::probe::{await_ready, free_port, http_get, start_on_free_ports};
use super::process::Server;

/// The clients, installed.
#[derive(Debug)]
pub(crate) struct Clients;

impl Clients {
    /// Runs a Python script that may import them, to its end.
    pub(crate) fn run(&self, script: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(format!("{SCRIPTS}/run-python.sh"));
        command.arg(script).args(arguments).output().unwrap()
    }

    /// Starts `kafka-connect-healthcheck` for a worker.
    pub(crate) fn check_health(&self, worker_port: u16) -> HealthCheck {
        let url = format!("http://127.0.0.1:{worker_port}");
        let started = start_on_free_ports(|| {
            let port = free_port();
            let dir = Server::new_dir("healthcheck");
            let server = Server::start("healthcheck", &dir, &[&port.to_string(), &url]);
            await_ready(&server, || match http_get(port, "/ping") {
                Ok(answer) if answer.contains(r#"{"status": "UP"}"#) => Ok(()),
                Ok(answer) => Err(answer),
                Err(error) => Err(error.to_string()),
            })?;
            Ok(HealthCheck { _server: server, port })
        });
        started.unwrap()
    }
}

/// A running health check.
#[derive(Debug)]
pub(crate) struct HealthCheck {
    /// Held, because it ends with this.
    _server: Server,
    port: u16,
}

impl HealthCheck {
    /// What it says of its worker now: the status and the body.
    pub(crate) async fn verdict(&self) -> (u16, Value) {
        let answer = crate::harness::http_client();
        let url = format!("http://127.0.0.1:{}/", self.port);
        let answer = answer.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// The tools of this machine that `fetch.sh` itself needs.
    const TOOLS: [&str; 6] = ["bash", "env", "dirname", "cat", "mkdir", "flock"];

    #[test]
    fn without_python_one_sentence_says_so() {
        let folder = tempfile::tempdir().unwrap();
        for tool in TOOLS {
            let found = Command::new("which").arg(tool).output().unwrap();
            let path = String::from_utf8(found.stdout).unwrap();
            symlink(fs::canonicalize(path.trim()).unwrap(), folder.path().join(tool)).unwrap();
        }
        let fetched = Command::new(format!("{SCRIPTS}/fetch.sh"))
            .arg("clients")
            .env("PATH", folder.path())
            .env("MILLRACE_SERVICES_DIR", folder.path().join("cache"))
            .output()
            .unwrap();
        let said = String::from_utf8(fetched.stderr).unwrap();
        let sentence = "Python is missing: install Debian's python3 (3.10 or newer) and \
                        python3-venv\n";
        assert_eq!((fetched.status.code(), &*said), (Some(3), sentence));
    }
}
