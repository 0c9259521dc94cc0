//! The input directory: which files are there, which of them are ours, and where they go.

use std::{
    cmp::Ordering,
    fs,
    io::{self, ErrorKind, Write as _},
    iter,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::DateTime;
use connect_api::{error::Result, time::Clock};
use connect_disk::failure;
use flate2::Crc;
use tracing::info;

use crate::{
    config::{CleanupPolicy, FilePattern, SortBy, SpoolConfig, real_path},
    offset::Identity,
};

/// Start of the names of files that are ours.
const OWN_PREFIX: &str = ".millrace-";
/// Start of the names of files that are being uploaded.
pub(crate) const UPLOAD_PREFIX: &str = ".millrace-upload-";
/// Most numbers that are tried for a name that nobody has.
const MOST_NAMES: u32 = 10_000;

/// A file in the input directory.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Path below the input directory; for most files the name.
    pub(crate) name: String,
    /// Path.
    pub(crate) path: PathBuf,
    /// What it is now.
    pub(crate) identity: Identity,
}

/// Which files a task reads, of all those of its connector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Number of the task.
    pub(crate) index: u32,
    /// How many tasks there are.
    pub(crate) count: u32,
}

impl Share {
    fn has(self, name: &str) -> bool {
        let mut checksum = Crc::new();
        checksum.update(name.as_bytes());
        checksum.sum() % self.count.max(1) == self.index
    }
}

/// What became of asking for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is ours.
    Ours,
    /// Somebody else reads it.
    Theirs,
}

/// The directories of one connector, as one of its tasks sees them.
#[derive(Debug)]
pub(crate) struct Spool {
    connector: Arc<str>,
    share: Share,
    clock: Arc<dyn Clock>,
    input: PathBuf,
    error: PathBuf,
    finished: Option<PathBuf>,
    pattern: FilePattern,
    flag_extension: String,
    sort_by: Vec<SortBy>,
    minimum_age_ms: i64,
    policy: CleanupPolicy,
    is_recursive: bool,
    keeps_folders: bool,
}

impl Spool {
    /// The directories of this configuration.
    pub(crate) fn new(
        config: &SpoolConfig,
        connector: Arc<str>,
        share: Share,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            connector,
            share,
            clock,
            input: config.input_path.clone(),
            error: config.error_path.clone(),
            finished: config.finished_path().cloned(),
            pattern: config.input_file_pattern.clone(),
            flag_extension: config.processing_file_extension.clone(),
            sort_by: config.files_sort_attributes.clone(),
            minimum_age_ms: i64::try_from(config.file_minimum_age.as_millis()).unwrap_or(i64::MAX),
            policy: config.cleanup_policy,
            is_recursive: config.input_path_walk_recursively,
            keeps_folders: config.cleanup_policy_maintain_relative_path,
        }
    }

    /// The files of this task that can be read now, in their order.
    ///
    /// # Errors
    /// `Retriable` when the directory cannot be read.
    pub(crate) fn look(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut folders = vec![self.input.clone()];
        // What was moved below the input directory is done with.
        let ends: Vec<_> =
            iter::once(&self.error).chain(&self.finished).map(|it| real_path(it)).collect();
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder)
                .map_err(|error| failure("read the directory", &folder, error))?;
            for entry in entries {
                let entry = entry.map_err(|error| failure("read the directory", &folder, error))?;
                let path = entry.path();
                // What is gone by now is none of ours.
                let Ok(metadata) = fs::metadata(&path) else { continue };
                if metadata.is_dir() {
                    let is_read = self.is_recursive && !ends.contains(&real_path(&path));
                    folders.extend(is_read.then_some(path));
                } else if metadata.is_file() {
                    found.extend(self.taken(path, Identity::of(&metadata)));
                }
            }
        }
        found.sort_by(|one, other| self.order(one, other));
        Ok(found)
    }

    fn taken(&self, path: PathBuf, identity: Identity) -> Option<Found> {
        let file_name = path.file_name()?.to_str()?;
        let is_ours = self.pattern.matches(file_name)
            && !file_name.ends_with(&self.flag_extension)
            && !file_name.starts_with(OWN_PREFIX);
        let name = path.strip_prefix(&self.input).ok()?.to_str()?.to_owned();
        let age_ms = self.clock.now_ms().saturating_sub(identity.modified_ms);
        let is_old_enough = self.minimum_age_ms == 0 || age_ms >= self.minimum_age_ms;
        (is_ours && is_old_enough && self.share.has(&name)).then_some(Found {
            name,
            path,
            identity,
        })
    }

    fn order(&self, one: &Found, other: &Found) -> Ordering {
        let by = |sort_by: &SortBy| match sort_by {
            SortBy::NameAsc => one.name.cmp(&other.name),
            SortBy::NameDesc => other.name.cmp(&one.name),
            SortBy::LengthAsc => one.identity.size.cmp(&other.identity.size),
            SortBy::LengthDesc => other.identity.size.cmp(&one.identity.size),
            SortBy::LastModifiedAsc => one.identity.modified_ms.cmp(&other.identity.modified_ms),
            SortBy::LastModifiedDesc => other.identity.modified_ms.cmp(&one.identity.modified_ms),
        };
        let orders = self.sort_by.iter().map(by);
        orders.fold(Ordering::Equal, Ordering::then).then_with(|| one.name.cmp(&other.name))
    }

    fn flag_of(&self, path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(&self.flag_extension);
        path.with_file_name(name)
    }

    /// Puts a flag beside a file, which says that it is being read. A flag of this connector, or an
    /// empty one of the original beside a file that this connector has begun, is from a task that
    /// was killed.
    ///
    /// # Errors
    /// `Retriable` when there can be no flag.
    pub(crate) fn claim(&self, path: &Path, is_begun: bool) -> Result<Claim> {
        let flag = self.flag_of(path);
        let created = fs::File::options().write(true).create_new(true).open(&flag);
        match created {
            Ok(mut file) => match file.write_all(self.connector.as_bytes()) {
                Ok(()) => Ok(Claim::Ours),
                Err(error) => {
                    // Without an owner it would be taken for another's.
                    let _removed = fs::remove_file(&flag);
                    Err(failure("write the flag", &flag, error))
                }
            },
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let owner = fs::read_to_string(&flag).unwrap_or_default();
                let owner = owner.trim();
                let is_ours = owner == &*self.connector || (owner.is_empty() && is_begun);
                Ok(if is_ours { Claim::Ours } else { Claim::Theirs })
            }
            Err(error) => Err(failure("write the flag", &flag, error)),
        }
    }

    /// Takes the flag beside a file away.
    pub(crate) fn release(&self, path: &Path) {
        let flag = self.flag_of(path);
        match fs::remove_file(&flag) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(connector = %self.connector,
                "Could not remove the flag \"{}\": {error}", flag.display()),
        }
    }

    /// Does with a file what is done with files that were read to their end.
    ///
    /// # Errors
    /// `Retriable` when it cannot be moved or deleted.
    pub(crate) fn finish(&self, found: &Found) -> Result<()> {
        let finished = self.finished.as_ref();
        match (self.policy, finished) {
            (CleanupPolicy::Delete, _) => fs::remove_file(&found.path)
                .or_else(gone)
                .map_err(|error| failure("delete", &found.path, error)),
            (CleanupPolicy::Move, Some(finished)) => self.move_to(found, finished),
            (CleanupPolicy::MoveByDate, Some(finished)) => {
                let date = DateTime::from_timestamp_millis(found.identity.modified_ms);
                let folder = date.unwrap_or_default().format("%Y-%m-%d").to_string();
                self.move_to(found, &finished.join(folder))
            }
            (CleanupPolicy::None, _) | (_, None) => Ok(()),
        }
    }

    /// Moves a file that cannot be read.
    ///
    /// # Errors
    /// `Retriable` when it cannot be moved.
    pub(crate) fn put_aside(&self, found: &Found) -> Result<()> {
        self.move_to(found, &self.error)
    }

    /// Moves a file, and overwrites none.
    fn move_to(&self, found: &Found, directory: &Path) -> Result<()> {
        let folder = Path::new(&found.name).parent().filter(|_| self.keeps_folders);
        let directory =
            folder.map_or_else(|| directory.to_owned(), |folder| directory.join(folder));
        fs::create_dir_all(&directory)
            .map_err(|error| failure("create the directory", &directory, error))?;
        let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or(&found.name);
        for candidate in free_names(name) {
            let target = directory.join(candidate);
            match move_file(&found.path, &target) {
                Ok(()) => {
                    info!(connector = %self.connector, "Moved \"{}\" to \"{}\"",
                        found.path.display(), target.display());
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::NotFound && !found.path.exists() => {
                    return Ok(());
                }
                Err(error) => return Err(failure("move the file to", &target, error)),
            }
        }
        Err(failure("find a free name in", &directory, io::Error::from(ErrorKind::AlreadyExists)))
    }
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// A name, and names made of it: `a.csv`, `a-1.csv`, `a-2.csv`.
pub(crate) fn free_names(name: &str) -> impl Iterator<Item = String> {
    let (stem, extension) = match name.split_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let numbered = (1..MOST_NAMES).map(move |number| format!("{stem}-{number}{extension}"));
    iter::once(name.to_owned()).chain(numbered)
}

/// Gives a file another name that nobody has, also on another file system.
///
/// # Errors
/// `AlreadyExists` when somebody has it.
pub(crate) fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => return fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
        // Another file system, or one without links.
        Err(_) => {}
    }
    if to.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => copy_over(from, to),
        other => other,
    }
}

/// Copies a file to another file system; under its name it is whole.
fn copy_over(from: &Path, to: &Path) -> io::Result<()> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    let copied = fs::copy(from, &part)
        .and_then(|_| fs::File::open(&part)?.sync_all())
        .and_then(|()| fs::rename(&part, to));
    if copied.is_err() {
        // What is half copied is nobody's.
        let _removed = fs::remove_file(&part);
    }
    copied?;
    fs::remove_file(from)
}
