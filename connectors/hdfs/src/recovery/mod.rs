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

use std::collections::BTreeMap;

use connect_api::{error::Result, record::TopicPartition};

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
}

/// What becomes of a growing file that somebody else still writes, as far as the name node knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// It is waited for: the claim fails, and is made again.
    Waits,
    /// It is copied, in pieces of so many bytes, and deleted.
    Copied(usize),
}

/// Takes a partition over from whoever wrote it before.
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
    let mut marker = Marker::read(hdfs, naming, origin).await?;
    session.take_over(hdfs, &mut marker, held).await?;
    if !marker.is_there() {
        wal::take_over(hdfs, &naming.logs(origin)?, &mut marker).await?;
    }
    Ok(Claim { session, marker, growing: Growing::default(), is_settled: true })
}

/// The offsets after the last committed record of a topic's partitions, by the names of files.
///
/// # Errors
/// By the server's answer.
pub(crate) async fn positions(
    hdfs: &Hdfs,
    naming: &Naming,
    topic: &str,
) -> Result<BTreeMap<i32, i64>> {
    Ok(scan::positions(hdfs, &naming.topic(topic)?, topic).await?)
}
