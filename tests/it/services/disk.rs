//! A small disk: a file system in memory, on which a worker can be started and which is soon full.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use super::{probe::await_ready, process::Server};

/// Name of the file that takes all the room.
const FILLER: &str = "filler";

/// A disk that outlives the workers on it.
#[derive(Debug)]
pub(crate) struct Disk {
    server: Server,
}

impl Disk {
    /// Bytes on it, as mount has them.
    const SIZE: &str = "8m";

    pub(super) fn start() -> Result<Self, String> {
        let dir = Server::new_dir("disk");
        let disk = Self { server: Server::start("disk", &dir, &[Self::SIZE]) };
        await_ready(&disk.server, || match fs::metadata(disk.seen("ready")) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })?;
        Ok(disk)
    }

    /// A program in a folder that finds the disk at [`Disk::path`].
    pub(crate) fn program(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.server.pid().to_string();
        command.args(["--user", "--preserve-credentials", "--mount", "--target", &target]);
        command.arg(format!("--wd={}", folder.display())).arg(program);
        command
    }

    /// Where programs on it find a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.server.dir().join("disk").join(name)
    }

    /// Where this process finds a file on it.
    pub(crate) fn seen(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let path = path.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.server.pid())).join(path)
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.seen(FILLER)).unwrap();
        loop {
            match filler.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
    }

    /// Gives it back.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.seen(FILLER)).unwrap();
    }
}
