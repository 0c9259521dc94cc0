//! HTTP/1.1 written by hand, for requests that a well-bred client would not send.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longest time for one answer: longer than the worker's own limits.
const PATIENCE: Duration = Duration::from_secs(130);

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) json: Option<Value>,
}

impl Reply {
    /// Every value of a header, joined as by a proxy.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let of_name = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<_> = of_name.map(|(_, value)| value.clone()).collect();
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

/// Sends a request that is all there and reads the answer.
pub(super) async fn exchange(port: u16, request: &[u8], is_head: bool) -> Reply {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    converse(&mut stream, request, is_head).await
}

/// As [`exchange`], on a connection that is there.
pub(super) async fn converse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
    is_head: bool,
) -> Reply {
    // A worker that has heard enough answers before everything is sent.
    let _cut_off = stream.write_all(request).await;
    timeout(PATIENCE, read(stream, is_head)).await.expect("an answer in time")
}

async fn read(stream: &mut (impl AsyncRead + Unpin), is_head: bool) -> Reply {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        assert!(more(stream, &mut bytes).await, "the connection ended before an answer");
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut reply = Reply { status, headers, text: String::new(), json: None };
    let length = reply.header("content-length").map(|length| length.parse::<usize>().unwrap());
    let is_chunked = reply.header("transfer-encoding").is_some_and(|coding| coding == "chunked");
    if !is_head && status != 204 {
        let is_whole = |body: &[u8]| {
            if is_chunked {
                is_last(body)
            } else {
                length.is_some_and(|length| body.len() >= length)
            }
        };
        while !is_whole(&body) && more(stream, &mut body).await {}
    }
    if is_chunked {
        body = joined(&body);
    }
    reply.text = String::from_utf8(body).unwrap();
    reply.json = serde_json::from_str(&reply.text).ok();
    reply
}

/// Whether the last chunk has come.
fn is_last(body: &[u8]) -> bool {
    body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n"
}

/// The text of a body that came in chunks.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(end) = chunks.windows(2).position(|window| window == b"\r\n") {
        let length = str::from_utf8(&chunks[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let start = end + 2;
        text.extend_from_slice(&chunks[start..start + length]);
        if length == 0 {
            break;
        }
        chunks = &chunks[start + length + 2..];
    }
    text
}

/// Reads what comes next; false at the end.
async fn more(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> bool {
    matches!(stream.read_buf(bytes).await, Ok(count) if count > 0)
}

/// A request without surprises.
pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: worker:8083\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let has_length = headers.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
    });
    if !has_length && (!body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method)) {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}
