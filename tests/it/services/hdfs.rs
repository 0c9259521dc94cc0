//! HDFS: name nodes and data nodes in one process, which takes orders.

use std::collections::BTreeMap;

use reqwest::{Client, Method, Url};
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

/// How many nodes there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// One, or two of which the first is active at the beginning.
    name_nodes: usize,
    data_nodes: usize,
}

impl Shape {
    /// One of each.
    pub(crate) const SINGLE: Self = Self { name_nodes: 1, data_nodes: 1 };
    /// A name node that waits beside the one that is active.
    pub(crate) const TWO_NAME_NODES: Self = Self { name_nodes: 2, data_nodes: 1 };
    /// A data node more than a block has copies.
    pub(crate) const THREE_DATA_NODES: Self = Self { name_nodes: 1, data_nodes: 3 };
}

/// A running HDFS, which believes whatever name its clients give.
#[derive(Debug)]
pub(crate) struct Hdfs {
    server: Server,
    /// Ports of WebHDFS, one for each name node.
    ports: Vec<u16>,
    /// Port that orders go to.
    orders: u16,
    token: String,
    /// Makes a connection for each request: one that was kept would end with the test that made it.
    http: Client,
}

impl Hdfs {
    /// A user who may write nowhere but below `/open`.
    pub(crate) const STRANGER: &str = "mallory";

    pub(super) fn start(shape: Shape) -> Result<Self, String> {
        start_on_free_ports(|| {
            let ports = || -> Vec<u16> { (0..shape.name_nodes).map(|_| free_port()).collect() };
            let (native, ports, orders, token) = (ports(), ports(), free_port(), token());
            let pairs = native.iter().zip(&ports).flat_map(|(native, web)| [native, web]);
            let mut arguments = vec![token.clone(), orders.to_string()];
            arguments.push(shape.data_nodes.to_string());
            arguments.extend(pairs.map(ToString::to_string));
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let server = Server::start("hdfs", &Server::new_dir("hdfs"), &arguments);
            connect_tls::choose_provider();
            let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
            let hdfs = Self { server, ports, orders, token, http };
            hdfs.await_ready()?;
            Ok(hdfs)
        })
    }

    /// Only our own server has a folder of this name.
    fn await_ready(&self) -> Result<(), String> {
        let path = format!("/webhdfs/v1/{}?op=GETFILESTATUS", self.token);
        await_ready(&self.server, || match http_get(self.ports[0], &path) {
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

    /// Has it do what `Hdfs.java` knows as an order, and waits until that is done.
    pub(crate) async fn order(&self, order: &str) {
        let url = format!("http://127.0.0.1:{}/{order}", self.orders);
        let answer = self.http.get(url).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "done", "{order}");
    }

    /// Addresses of WebHDFS, with a comma between them.
    pub(crate) fn url(&self) -> String {
        let urls = self.ports.iter().map(|port| format!("http://127.0.0.1:{port}"));
        urls.collect::<Vec<_>>().join(",")
    }

    /// Hadoop's configuration of the name nodes as one service, `hdfs://cluster`.
    pub(crate) fn site(&self) -> String {
        let names: Vec<_> = (0..self.ports.len()).map(|place| format!("nn{place}")).collect();
        let service = [
            ("dfs.nameservices".to_owned(), "cluster".to_owned()),
            ("dfs.ha.namenodes.cluster".to_owned(), names.join(",")),
        ];
        let nodes = names.iter().zip(&self.ports).map(|(name, port)| {
            (format!("dfs.namenode.http-address.cluster.{name}"), format!("127.0.0.1:{port}"))
        });
        let properties = service.into_iter().chain(nodes).map(|(name, value)| {
            format!("<property><name>{name}</name><value>{value}</value></property>\n")
        });
        format!("<configuration>\n{}</configuration>\n", properties.collect::<String>())
    }

    /// Asks for something; the status and the body, as far as it comes.
    async fn send(&self, method: Method, path: &str, query: &str) -> (u16, Vec<u8>) {
        let (status, body) = self.ask(method, path, query).await;
        (status, body.unwrap_or_default())
    }

    /// Asks the name node that is active; the status, and the body unless it breaks off.
    async fn ask(&self, method: Method, path: &str, query: &str) -> (u16, Option<Vec<u8>>) {
        let path = path.replace('%', "%25").replace('+', "%2B");
        crate::harness::eventually("an active name node", async || {
            for port in &self.ports {
                let url = format!("http://127.0.0.1:{port}/webhdfs/v1{path}?{query}");
                let request = self.http.request(method.clone(), url);
                // It may be away, or have sent us to a data node that is: there are others.
                let Ok(answer) = request.send().await else { continue };
                let status = answer.status().as_u16();
                let body = answer.bytes().await.ok().map(|bytes| bytes.to_vec());
                let text = String::from_utf8_lossy(body.as_deref().unwrap_or_default());
                if !text.contains("StandbyException") {
                    return Some((status, body));
                }
            }
            None
        })
        .await
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
