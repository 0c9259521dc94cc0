//! How a starting server is found ready: free ports, bounded waiting, a bare HTTP request.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use super::process::Server;

/// Ports are taken from here. Linux gives outgoing connections ports from 32768 on; a server that
/// is stopped for a while must not find its port taken by one of those when it comes back.
const FIRST_PORT: u16 = 20_000;

/// How many ports there are to take.
const PORTS: u16 = 12_000;

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(100);

/// Probes before a server is given up: over a minute, for a JVM on a busy machine with two cores.
const PROBES: u32 = 600;

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(2);

/// The same where TLS comes before it.
const SECURE_ANSWER: Duration = Duration::from_secs(3);

/// Starts that are tried when a port was taken between finding it free and using it.
const STARTS: u32 = 3;

/// A random word of 22 characters that only this server is told; also a valid Kafka cluster id.
pub(crate) fn token() -> String {
    format!("Mill{:016x}_A", rand::random::<u64>())
}

/// Returns a loopback port that nobody listens on, another one at each call.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test runs on one machine begin at different places.
    let start = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (u32::from(start) * 17 + u32::from(step)) % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(offset).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Starts something on fresh ports, and again when one of them was taken meanwhile.
pub(crate) fn start_on_free_ports<T>(
    mut start: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let mut last = start();
    for _ in 1..STARTS {
        match last {
            Err(reason) if reason.contains("ddress already in use") => last = start(),
            settled => return settled,
        }
    }
    last
}

/// Waits until the probe is content, as long as the server runs.
pub(crate) fn await_ready(
    server: &Server,
    mut probe: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..PROBES {
        match probe() {
            // Its own token has answered, but it may be about to die of another port.
            Ok(()) if server.is_running() => return Ok(()),
            Ok(()) => last = "answered and ended".to_owned(),
            Err(reason) => last = reason,
        }
        if !server.is_running() {
            return Err(format!("{server} ended while it started: {last}\n{}", server.log_tail()));
        }
        thread::sleep(PAUSE);
    }
    Err(format!("{server} did not get ready: {last}\n{}", server.log_tail()))
}

/// Sends `GET path` to a loopback port and returns the whole answer, status line included.
pub(crate) fn http_get(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn no_port_is_given_twice() {
    assert_ne!(free_port(), free_port());
}

/// A client that trusts whoever it meets: it is the server that is tried.
pub(super) fn trusting_client() -> reqwest::Client {
    connect_tls::choose_provider();
    let builder = reqwest::Client::builder().no_proxy();
    builder.danger_accept_invalid_certs(true).build().unwrap()
}

/// The text of an answer that says yes, asked for on a thread of its own: the caller may be inside a runtime.
pub(super) fn success(request: reqwest::RequestBuilder) -> Result<String, String> {
    let ask = async {
        let answer = request.timeout(SECURE_ANSWER).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(answer.status().to_string());
        }
        answer.text().await.map_err(|error| error.to_string())
    };
    let run = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(ask)
    };
    thread::scope(|scope| scope.spawn(run).join().unwrap())
}
