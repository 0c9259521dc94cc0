//! A worker as a child process, which a test may stop or kill.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use super::{RestClient, eventually};
use crate::services::disk::Disk;

/// The two kinds of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Standalone,
    Distributed,
}

impl Mode {
    /// The command that runs it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Distributed => "distributed",
        }
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_millrace"))
}

/// A running worker, killed when dropped.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
    port: u16,
    pub(crate) rest: RestClient,
}

impl Worker {
    /// Starts a distributed worker with these properties and variables and waits until it answers.
    pub(crate) async fn start(
        folder: &Path,
        properties: &[(&str, impl AsRef<str>)],
        environment: &[(&str, String)],
    ) -> Self {
        Self::with(program(), Mode::Distributed, folder, properties, environment).await
    }

    /// Starts a distributed worker that finds a small disk.
    pub(crate) async fn start_on(
        disk: &Disk,
        folder: &Path,
        properties: &[(&str, impl AsRef<str>)],
    ) -> Self {
        let program = disk.program(env!("CARGO_BIN_EXE_millrace"), folder);
        Self::with(program, Mode::Distributed, folder, properties, &[]).await
    }

    /// Starts a worker of either kind with these properties and waits until it answers.
    pub(crate) async fn start_as(
        mode: Mode,
        folder: &Path,
        properties: &[(&str, impl AsRef<str>)],
    ) -> Self {
        Self::with(program(), mode, folder, properties, &[]).await
    }

    async fn with(
        program: Command,
        mode: Mode,
        folder: &Path,
        properties: &[(&str, impl AsRef<str>)],
        environment: &[(&str, String)],
    ) -> Self {
        let port = free_port();
        let listener = format!("listeners=http://127.0.0.1:{port}\n");
        // A test that names listeners of its own keeps the one that is waited for.
        let own_port = port.to_string();
        let lines = properties
            .iter()
            .map(|(key, value)| format!("{key}={}\n", value.as_ref().replace("{port}", &own_port)));
        let text = listener + &lines.collect::<String>();
        fs::write(folder.join("worker.properties"), text).unwrap();
        Self::spawn(program, folder, &[mode.name(), "worker.properties"], environment, port).await
    }

    /// Starts `millrace` in a folder with these arguments and waits until it answers on the port
    /// that its properties name.
    pub(crate) async fn run(folder: &Path, arguments: &[&str], port: u16) -> Self {
        Self::spawn(program(), folder, arguments, &[], port).await
    }

    async fn spawn(
        mut program: Command,
        folder: &Path,
        arguments: &[&str],
        environment: &[(&str, String)],
        port: u16,
    ) -> Self {
        let log = folder.join("worker.log");
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let child = program
            .args(arguments)
            .current_dir(folder)
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut worker = Self { child, log, port, rest: RestClient::new(port) };
        worker.wait_until_up().await;
        worker
    }

    async fn wait_until_up(&mut self) {
        eventually("the worker's REST API", async || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the worker ended with {status}:\n{}", self.log());
            }
            let answer = self.rest.try_send(reqwest::Method::GET, "/health", None).await;
            answer.filter(|(status, _)| *status == 200)
        })
        .await;
    }

    /// The port of its REST API.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ended = self.child.try_wait();
            eprintln!("the worker, which has ended as {ended:?}, has logged:\n{}", self.log());
        }
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A loopback port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
