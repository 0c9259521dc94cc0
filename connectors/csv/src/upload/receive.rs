//! A file on its way from a request into the input directory.
//!
//! It is written under a name that no connector reads, brought to the disk, and then gets its own
//! name by a link, which fails where somebody has that name: no upload overwrites a file, and no
//! task sees half of one.

use std::{
    collections::hash_map::RandomState,
    fmt::Display,
    fs,
    hash::{BuildHasher as _, Hasher as _},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{body::Bytes, http::StatusCode};
use connect_disk::on_disk;
use futures::{Stream, StreamExt as _};
use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::error::{ApiError, Result};
use crate::{
    config::SpoolConfig,
    offset::Identity,
    spool::{UPLOAD_PREFIX, free_names, move_file},
};

/// Time between two parts of an upload. Source: the idle timeout of Jetty's connectors.
const PART_PATIENCE: Duration = Duration::from_secs(30);
/// Longest name of a file: what most file systems take, with room for an extension of ours.
const LONGEST_NAME: usize = 200;
/// Age after which what a killed worker has received is nobody's.
const LEFTOVER_AGE_MS: i64 = 3_600_000;

/// Tells what this process receives from what others have left.
static TOKEN: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A file that was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    /// Its name now.
    pub(super) name: String,
    /// The name it came with.
    pub(super) sent_as: String,
    /// Its size.
    pub(super) bytes: u64,
}

/// Takes a file beside the input files, where no task sees it until [`Staged::publish`].
///
/// # Errors
/// What is wrong with its name, its size, the connection or the disk.
pub(super) async fn stage<E: Display>(
    config: &SpoolConfig,
    name: &str,
    content: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Staged> {
    check_name(config, name)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = config.input_path.join(format!("{UPLOAD_PREFIX}{:016x}-{number}", *TOKEN));
    let part = Part { path };
    let bytes = write(config, &part.path, name, content).await?;
    Ok(Staged { part, name: name.to_owned(), bytes })
}

/// A file that is whole on the disk and has no name yet; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    part: Part,
    name: String,
    bytes: u64,
}

impl Staged {
    /// Gives the file its name, under which tasks read it.
    ///
    /// # Errors
    /// When the name is taken, or the disk refuses it.
    pub(super) fn publish(self, config: &SpoolConfig) -> Result<Received> {
        let name = on_disk(|| give_name(config, &self.part.path, &self.name))?;
        Ok(Received { name, sent_as: self.name, bytes: self.bytes })
    }
}

/// What is being received; gone when it is dropped.
#[derive(Debug)]
struct Part {
    path: PathBuf,
}

impl Drop for Part {
    fn drop(&mut self) {
        // Under its own name already, or not there at all.
        let _removed = fs::remove_file(&self.path);
    }
}

async fn write<E: Display>(
    config: &SpoolConfig,
    path: &Path,
    name: &str,
    mut content: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<u64> {
    let failed = |error: std::io::Error| ApiError::disk(name, &error);
    let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
    let mut bytes: u64 = 0;
    while let Some(part) = timeout(PART_PATIENCE, content.next()).await.map_err(|_| too_slow())? {
        let part = part.map_err(|error| {
            ApiError::invalid(format!("The upload of file \"{name}\" ended early: {error}"))
        })?;
        bytes = bytes.saturating_add(part.len() as u64);
        if bytes > config.upload_max_bytes {
            return Err(too_large(config, name));
        }
        file.write_all(&part).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)?;
    Ok(bytes)
}

/// Gives the file its name, or one like it when somebody has that.
fn give_name(config: &SpoolConfig, part: &Path, name: &str) -> Result<String> {
    for candidate in free_names(name) {
        if !config.input_file_pattern.matches(&candidate) {
            break;
        }
        match move_file(part, &config.input_path.join(&candidate)) {
            Ok(()) => {
                let directory = fs::File::open(&config.input_path);
                let synced = directory.and_then(|directory| directory.sync_all());
                return synced.map(|()| candidate).map_err(|error| ApiError::disk(name, &error));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ApiError::disk(name, &error)),
        }
    }
    Err(ApiError::new(
        StatusCode::CONFLICT,
        format!(
            "A file \"{name}\" is waiting already: try again when it was read, or rename yours"
        ),
    ))
}

/// A name must be one, lead nowhere, and be one of those that the connector reads.
fn check_name(config: &SpoolConfig, name: &str) -> Result<()> {
    let is_plain = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    if !is_plain {
        return Err(ApiError::invalid(format!(
            "\"{}\" is no name for a file: it must have 1 to {LONGEST_NAME} bytes, no slashes, no \
             control characters, and no dot at its start",
            name.escape_default()
        )));
    }
    let pattern = &config.input_file_pattern;
    if !pattern.matches(name) || name.ends_with(&config.processing_file_extension) {
        return Err(ApiError::invalid(format!(
            "The connector does not read files named \"{name}\": its input.file.pattern is {}",
            pattern.text()
        )));
    }
    Ok(())
}

fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "The body of the request did not come in time")
}

fn too_large(config: &SpoolConfig, name: &str) -> ApiError {
    let most = config.upload_max_bytes;
    let message = format!("File \"{name}\" is larger than upload.max.bytes, which is {most}");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Removes what a worker that was killed has received.
pub(crate) fn remove_leftovers(directory: &Path, now_ms: i64) {
    let own = format!("{UPLOAD_PREFIX}{:016x}", *TOKEN);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        let age_ms = now_ms.saturating_sub(Identity::of(&metadata).modified_ms);
        if name.starts_with(UPLOAD_PREFIX) && !name.starts_with(&own) && age_ms > LEFTOVER_AGE_MS {
            match fs::remove_file(entry.path()) {
                Ok(()) => tracing::info!("Removed \"{name}\", which was half uploaded"),
                Err(error) => tracing::warn!("Could not remove \"{name}\": {error}"),
            }
        }
    }
}
