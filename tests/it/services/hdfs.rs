//! HDFS: a name node and a data node in one process.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value as Json;

use super::probe::{await_ready, free_port, http_get, start_on_free_ports, token};
use super::process::{Server, Signal};

/// A running HDFS, which believes whatever name its clients give.
#[derive(Debug)]
pub(crate) struct Hdfs {
    server: Server,
    port: u16,
    token: String,
}

impl Hdfs {
    /// A user who may write nowhere but below `/open`.
    pub(crate) const STRANGER: &str = "mallory";

    pub(super) fn start() -> Result<Self, String> {
        start_on_free_ports(|| {
            let ports: Vec<_> = (0..5).map(|_| free_port()).collect();
            let texts: Vec<_> = ports.iter().map(ToString::to_string).collect();
            let (dir, token) = (Server::new_dir("hdfs"), token());
            let mut arguments = vec![&*token];
            arguments.extend(texts.iter().map(String::as_str));
            let server = Server::start("hdfs", &dir, &arguments);
            let hdfs = Self { server, port: ports[1], token };
            hdfs.await_ready()?;
            Ok(hdfs)
        })
    }

    /// Only our own server has a folder of this name.
    fn await_ready(&self) -> Result<(), String> {
        let path = format!("/webhdfs/v1/{}?op=GETFILESTATUS", self.token);
        await_ready(&self.server, || match http_get(self.port, &path) {
            Ok(answer) if answer.contains("DIRECTORY") => Ok(()),
            Ok(answer) => Err(answer),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Ends it; what it has stays.
    pub(crate) fn stop(&mut self) {
        self.server.stop(Signal::Term);
    }

    /// Starts it again with what it had.
    pub(crate) fn start_again(&mut self) {
        self.server.start_again();
        self.await_ready().unwrap();
    }

    /// Address of WebHDFS.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks for something; the status and the body.
    async fn send(&self, method: Method, path: &str, query: &str) -> (u16, Vec<u8>) {
        let path = path.replace('%', "%25").replace('+', "%2B");
        let url = format!("{}/webhdfs/v1{path}?{query}", self.url());
        let answer = crate::harness::http_client().request(method, url).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap().to_vec())
    }

    /// Contents of all files below a folder, by path.
    pub(crate) async fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let (status, body) = self.send(Method::GET, &folder, "op=LISTSTATUS").await;
            if status == 404 {
                continue;
            }
            let body: Json = serde_json::from_slice(&body).unwrap();
            for entry in body["FileStatuses"]["FileStatus"].as_array().unwrap() {
                let path = format!("{folder}/{}", entry["pathSuffix"].as_str().unwrap());
                if entry["type"] == "DIRECTORY" {
                    folders.push(path);
                    continue;
                }
                let (status, content) = self.send(Method::GET, &path, "op=OPEN").await;
                // A file may have been renamed since.
                found.extend((status == 200).then_some((path, content)));
            }
        }
        found
    }
}
