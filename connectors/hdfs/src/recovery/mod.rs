//! Where a partition goes on, and who may write it.
//!
//! A task that gets a partition makes a folder of its own for it, its [`Session`], takes
//! away those of others, completes what they had promised, and only then reads from names how far the
//! files go. See the head of the crate for why that is enough.

pub(crate) mod ledger;
pub(crate) mod manifest;
pub(crate) mod marker;
pub(crate) mod scan;
pub(crate) mod session;
mod settle;
mod wal;

use connect_api::{
    error::{ConnectorError, Result},
    record::TopicPartition,
};

pub(crate) use self::scan::{Names, positions};
use self::{marker::Marker, session::Session};
use crate::{client::Hdfs, growing::Growing, naming::Naming};

/// What a partition is written with.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) session: Session,
    pub(crate) marker: Marker,
    pub(crate) growing: Growing,
    /// Whether the session says all there is: nothing is promised in there that is not kept, and no
    /// growing file has bytes that its ledger does not know of. Only then the owner may delete it.
    pub(crate) is_settled: bool,
    /// What names of files say about the position.
    names: Trust,
}

/// What names of files say about the position of the partition that stands in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Nothing: the marker and the session say it.
    None,
    /// They do unless others have written them, which is possible where topics get other names.
    Doubtful,
    /// They do: they are of a JVM's connector, or of this sink without its marker.
    Full,
}

/// What becomes of a growing file that somebody else still writes, as far as the name node knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// It is waited for: the claim fails, and is made again.
    Waits,
    /// It is copied, in pieces of so many bytes, and deleted.
    Copied(usize),
}

/// Takes a partition over from whoever wrote it before. Where names are needed to tell its position, they
/// are read next, and [`place`] finds it.
///
/// # Errors
/// By the server's answer; nothing is lost, and it may be done again.
pub(crate) async fn claim(
    hdfs: &Hdfs,
    naming: &Naming,
    origin: &TopicPartition,
    held: Held,
) -> Result<Claim> {
    let session = Session::begin(hdfs, naming, origin).await?;
    let logs = naming.logs(origin)?;
    let mut marker = Marker::read(hdfs, &logs).await?;
    marker.clean(hdfs).await?;
    let had_marker = marker.is_there();
    session.take_over(hdfs, &mut marker, held).await?;
    let has_told = marker.has_log && wal::take_over(hdfs, &logs, &mut marker).await?;
    let names = match (had_marker, marker.has_log, marker.has_folder) {
        (true, false, _) => Trust::None,
        // The original was used again in between.
        (true, true, _) if has_told => Trust::None,
        (false, _, true) => Trust::Full,
        _ => Trust::Doubtful,
    };
    Ok(Claim { session, marker, growing: Growing::default(), is_settled: true, names })
}

impl Claim {
    /// Whether names of files are needed to tell the position.
    pub(crate) fn needs_names(&self) -> bool {
        self.names != Trust::None
    }
}

/// Finds the position of a partition that was claimed, and leaves it in the marker. `named` is what names
/// of files say, which were read after the claim.
///
/// # Errors
/// By the server's answer; `Invalid` where nothing tells whose names these are.
pub(crate) async fn place(
    hdfs: &Hdfs,
    naming: &Naming,
    origin: &TopicPartition,
    claim: &mut Claim,
    named: Option<i64>,
) -> Result<()> {
    let named = if claim.names == Trust::None { None } else { named };
    if named.is_some() && !claim.marker.is_there() {
        // Whoever commits files of other topics makes a marker before.
        let now = Marker::read(hdfs, &naming.logs(origin)?).await?;
        if now.is_there() {
            claim.marker = now;
            return Ok(());
        }
    }
    if claim.names == Trust::Doubtful && naming.moves_topics && named > claim.marker.position() {
        return Err(doubt(naming, origin, named.unwrap_or_default()));
    }
    claim.marker.make(hdfs, named).await
}

/// Makes sure that the names of files which get the topic of others are not taken for those of its own.
/// It goes before the first such file.
///
/// # Errors
/// By the server's answer.
pub(crate) async fn keep_apart(
    hdfs: &Hdfs,
    naming: &Naming,
    target: &TopicPartition,
) -> Result<()> {
    // A topic without such a folder cannot be read from here either.
    let Ok(logs) = naming.logs(target) else { return Ok(()) };
    let before = Marker::read(hdfs, &logs).await?;
    if before.is_there() {
        return Ok(());
    }
    let mut named = None;
    if before.has_folder {
        named = positions(hdfs, naming, &target.topic).await?.get(&target.partition).copied();
    }
    let mut now = Marker::read(hdfs, &logs).await?;
    if now.is_there() {
        return Ok(());
    }
    now.make(hdfs, named).await
}

fn doubt(naming: &Naming, origin: &TopicPartition, named: i64) -> ConnectorError {
    let folder = naming.logs(origin).unwrap_or_default();
    ConnectorError::invalid(format!(
        "Nothing tells where {origin} goes on: files named after it go up to offset {named}, but a \
         transformation gives topics other names, so that they may hold records of another topic"
    ))
    .hint(format!(
        "Make the empty file \"{folder}/position+{named}\" if they are its own, or \
         \"{folder}/position+0\" to store it from its beginning (hdfs dfs -touchz)"
    ))
}
