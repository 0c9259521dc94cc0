//! HDFS: a name node and a data node in one process.

use std::collections::BTreeMap;

use reqwest::{Method, Url};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::probe::{await_ready, free_port, http_get, start_on_free_ports, token};
use super::process::{Server, Signal};

/// What is appended, in two halves.
const APPENDED: [&str; 2] =
    ["{\"n\":-1,\"lane\":\"of another\"}\n{\"n\":-2,\"", "lane\":\"of another\"}\n"];

/// An append that has begun.
#[derive(Debug)]
pub(crate) struct Append(TcpStream);

impl Append {
    /// Sends the other half, and waits for what the data node says or does then.
    pub(crate) async fn finish(mut self) {
        // The connection may have ended by now.
        let _sent = self.0.write_all(APPENDED[1].as_bytes()).await;
        let mut answer = [0; 1000];
        let _told = self.0.read(&mut answer).await;
    }
}

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

    /// Asks for something; the status and the body, as far as it comes.
    async fn send(&self, method: Method, path: &str, query: &str) -> (u16, Vec<u8>) {
        let (status, body) = self.ask(method, path, query).await;
        (status, body.unwrap_or_default())
    }

    /// Asks for something; the status, and the body unless it breaks off.
    async fn ask(&self, method: Method, path: &str, query: &str) -> (u16, Option<Vec<u8>>) {
        let path = path.replace('%', "%25").replace('+', "%2B");
        let url = format!("{}/webhdfs/v1{path}?{query}", self.url());
        let answer = crate::harness::http_client().request(method, url).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.ok().map(|bytes| bytes.to_vec()))
    }

    /// Begins to append to a file, and holds it when this returns.
    pub(crate) async fn begin_append(&self, user: &str, path: &str) -> Append {
        let query = format!("op=APPEND&user.name={user}&noredirect=true");
        let (status, body) = self.send(Method::POST, path, &query).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer: Json = serde_json::from_slice(&body).unwrap();
        let location: Url = answer["Location"].as_str().unwrap().parse().unwrap();
        let (host, port) = (location.host_str().unwrap(), location.port().unwrap());
        let mut connection = TcpStream::connect((host, port)).await.unwrap();
        let target = format!("{}?{}", location.path(), location.query().unwrap());
        let (bytes, half) = (APPENDED.concat().len(), APPENDED[0]);
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {bytes}\r\n\r\n{half}"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        // It asks who holds the file before it refuses the length.
        let query = format!("op=TRUNCATE&newlength=1000000000&user.name={user}");
        crate::harness::eventually("the file to be held", async || {
            let (_, body) = self.send(Method::POST, path, &query).await;
            let text = String::from_utf8_lossy(&body).into_owned();
            text.contains("AlreadyBeingCreatedException").then_some(())
        })
        .await;
        Append(connection)
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
                let (status, content) = self.ask(Method::GET, &path, "op=OPEN").await;
                // A file may have been renamed since, or be shortened just now.
                found.extend(content.filter(|_| status == 200).map(|content| (path, content)));
            }
        }
        found
    }
}
