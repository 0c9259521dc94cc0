//! A PostgreSQL server for the tests of this process, which ends with it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use tokio_postgres::NoTls;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/services");

/// Times that a starting server is asked whether it is there.
const LOOKS: usize = 600;

/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// Who the server lets in.
pub(super) const USER: &str = "test";
pub(super) const PASSWORD: &str = "testsecret";

/// A server, and what keeps it running.
struct Server {
    port: u16,
    /// It ends when its standard input does.
    _supervisor: Child,
}

/// Port of the server; none, with the reason printed, when there can be none.
pub(super) fn port() -> Option<u16> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    match SERVER.get_or_init(start) {
        Ok(server) => Some(server.port),
        Err(reason) => {
            let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
            assert!(!is_ci, "CI needs postgres: {reason}");
            let line = format!("skipped: {reason}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
    }
}

#[expect(
    clippy::zombie_processes,
    reason = "it is needed until this process ends, and ends with it"
)]
fn start() -> Result<Server, String> {
    let fetched = Command::new(format!("{SCRIPTS}/fetch.sh")).arg("postgres").output().unwrap();
    if !fetched.status.success() {
        return Err(String::from_utf8_lossy(&fetched.stderr).trim().to_owned());
    }
    let dir = tempfile::Builder::new().prefix("millrace-jdbc-").tempdir().unwrap().keep();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let name = format!("jdbc-{}-{port}", std::process::id());
    let mut supervisor = Command::new(format!("{SCRIPTS}/supervise.sh"))
        .arg(&dir)
        .arg(format!("{SCRIPTS}/run-postgres.sh"))
        .arg(&dir)
        .args([&port.to_string(), &name, USER, PASSWORD])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    for _look in 0..LOOKS {
        if query_on_thread(port, "SHOW cluster_name").as_deref() == Ok(name.as_str()) {
            return Ok(Server { port, _supervisor: supervisor });
        }
        thread::sleep(PAUSE);
    }
    panic!("PostgreSQL did not come up in {}", dir.display());
}

#[expect(clippy::disallowed_methods, reason = "the caller may be inside a runtime")]
fn query_on_thread(port: u16, statement: &str) -> Result<String, String> {
    let statement = statement.to_owned();
    let ask = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asked = runtime.block_on(query(port, &statement));
        asked.map(|rows| rows.concat()).map_err(|error| error.to_string())
    };
    thread::spawn(ask).join().unwrap()
}

/// Runs statements and returns the first column of the rows.
pub(super) async fn query(
    port: u16,
    statements: &str,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    let asking = async move {
        let messages = client.simple_query(statements).await?;
        let rows = messages.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some(row.get(0).unwrap_or("NULL").to_owned())
            }
            _ => None,
        });
        Ok(rows.collect())
    };
    // The client is dropped with the answer, which ends the connection.
    let (answer, ended) = tokio::join!(asking, connection);
    ended.and(answer)
}
