//! The files of a journal.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use bytes::{Buf as _, BufMut as _, Bytes};
use connect_api::error::{ConnectorError, Result};
use tracing::warn;

use super::{
    segment::{Frame, Segment, take_frame},
    state::Work,
};

/// Ending of the names of segments.
const SUFFIX: &str = ".events";
/// The file with the name of a directory.
const IDENTITY: &str = "id";
/// Bytes of a noted position: the number and its checksum.
const POSITION_BYTES: usize = 12;

/// A directory as it was found, and is ours now.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) id: String,
    pub(super) segments: VecDeque<Segment>,
    /// Number of the next event.
    pub(super) next: u64,
    pub(super) position: u64,
    pub(super) position_file: File,
    pub(super) lock: File,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            ConnectorError::retriable(format!(
                "Could not open the buffer in \"{}\"",
                path.display()
            ))
            .hint("Check that buffer.path can be written and that its disk has room")
            .caused_by(error)
        };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = writable(&path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let id = identity(path).map_err(failed)?;
        let position_file = writable(&path.join("position")).map_err(failed)?;
        let position = read_position(&position_file);
        let mut segments = found(path).map_err(failed)?;
        segments.retain(|segment| {
            let is_needed = segment.end() > position;
            if !is_needed {
                remove(path, *segment);
            }
            is_needed
        });
        let next = segments.back().map_or(0, Segment::end).max(position);
        Ok(Self { id, segments, next, position, position_file, lock })
    }
}

fn in_use(path: &Path) -> ConnectorError {
    ConnectorError::retriable(format!("The buffer in \"{}\" is in use", path.display()))
        .hint("Give each connector a buffer.path of its own")
}

fn writable(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// Whether a directory was used before.
pub(super) fn has_identity(path: &Path) -> bool {
    path.join(IDENTITY).exists()
}

/// The name that the directory was given when it was first used.
fn identity(path: &Path) -> io::Result<String> {
    let file = path.join(IDENTITY);
    match fs::read_to_string(&file) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        Ok(_empty) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let id = format!("{:016x}", rand::random::<u64>());
    let made = path.join("id.new");
    fs::write(&made, &id)?;
    fs::rename(&made, &file)?;
    Ok(id)
}

fn read_position(file: &File) -> u64 {
    let mut bytes = [0; POSITION_BYTES];
    if file.read_exact_at(&mut bytes, 0).is_err() {
        return 0;
    }
    let mut rest = &bytes[..];
    let (position, checksum) = (rest.get_u64(), rest.get_u32());
    if crc32fast::hash(&position.to_be_bytes()) == checksum { position } else { 0 }
}

/// Notes that the broker has everything before a number.
pub(super) fn write_position(file: &File, position: u64) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(POSITION_BYTES);
    bytes.put_u64(position);
    bytes.put_u32(crc32fast::hash(&position.to_be_bytes()));
    file.write_all_at(&bytes, 0)
}

/// Path of the segment that begins with an event.
pub(super) fn path_of(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}{SUFFIX}"))
}

/// Removes a segment; one that stays is removed at the next start.
pub(super) fn remove(directory: &Path, segment: Segment) {
    let path = path_of(directory, segment.first);
    if let Err(error) = fs::remove_file(&path) {
        warn!("Could not remove \"{}\", which is not needed any more: {error}", path.display());
    }
}

/// The segments that a directory has, oldest first, as far as they are whole.
fn found(directory: &Path) -> io::Result<VecDeque<Segment>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        firsts.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    let mut segments = VecDeque::new();
    for (place, first) in firsts.iter().enumerate() {
        let path = path_of(directory, *first);
        let bytes = Bytes::from(fs::read(&path)?);
        let mut rest = bytes.clone();
        let mut count = 0;
        let end = loop {
            match take_frame(&mut rest) {
                Frame::Whole(_) => count += 1,
                end => break end,
            }
        };
        // A crash may cut the last write, which nobody was told of.
        let is_cut = place + 1 == firsts.len() && matches!(end, Frame::Cut(_));
        if !rest.is_empty() && !is_cut {
            warn!("{} bytes at the end of \"{}\" are damaged and lost", rest.len(), path.display());
        }
        let whole = u64::try_from(bytes.len() - rest.len()).unwrap_or(u64::MAX);
        if is_cut && !rest.is_empty() {
            OpenOptions::new().write(true).open(&path)?.set_len(whole)?;
        }
        segments.push_back(Segment { first: *first, count, bytes: whole });
    }
    Ok(segments)
}

/// Appends to the last segment, or begins another.
#[derive(Debug)]
pub(super) struct Appender {
    directory: PathBuf,
    next: u64,
    current: Option<(File, Segment)>,
}

impl Appender {
    pub(super) fn new(directory: &Path, next: u64) -> Self {
        Self { directory: directory.to_owned(), next, current: None }
    }

    /// Leaves numbers out, so that the next event has this one at least, in a segment of its own;
    /// answers with the first of those that are left out, if there are any.
    pub(super) fn skip_to(&mut self, number: u64) -> Option<u64> {
        (self.next < number).then(|| {
            self.current = None;
            std::mem::replace(&mut self.next, number)
        })
    }

    /// Writes all of it or nothing; answers with the segment as it is then.
    pub(super) fn append(
        &mut self,
        work: &Work,
        segment_bytes: u64,
        is_synced: bool,
    ) -> io::Result<Segment> {
        let (mut file, mut segment) = match self.current.take() {
            Some(current) if current.1.bytes < segment_bytes => current,
            _ => self.begin()?,
        };
        let synced = |file: &File| if is_synced { file.sync_data() } else { Ok(()) };
        let written = file.write_all(&work.frames).and_then(|()| synced(&file));
        match written {
            Ok(()) => {
                segment.count += work.events;
                segment.bytes += u64::try_from(work.frames.len()).unwrap_or(u64::MAX);
                self.next = segment.end();
                self.current = Some((file, segment));
                Ok(segment)
            }
            Err(error) => {
                // What cannot be cut off is left behind, and another segment begun.
                if file.set_len(segment.bytes).is_ok() {
                    self.current = Some((file, segment));
                }
                Err(error)
            }
        }
    }

    /// An empty segment; what a crash left under its name had not one whole event.
    fn begin(&self) -> io::Result<(File, Segment)> {
        let path = path_of(&self.directory, self.next);
        fs::remove_file(&path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        Ok((file, Segment { first: self.next, count: 0, bytes: 0 }))
    }
}
