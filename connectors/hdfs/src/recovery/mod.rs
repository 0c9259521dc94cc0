//! Where a partition goes on, and who may write it.
//!
//! A task that gets a partition makes a folder of its own for it, its [`Session`], takes
//! away those of others, completes what they had promised, and only then reads from names how far the
//! files go. See the head of the crate for why that is enough.

pub(crate) mod manifest;
pub(crate) mod marker;
pub(crate) mod scan;
pub(crate) mod session;
mod wal;

use std::collections::BTreeMap;

use connect_api::{error::Result, record::TopicPartition};

use self::{marker::Marker, session::Session};
use crate::{client::Hdfs, naming::Naming};

/// What a partition is written with.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) session: Session,
    pub(crate) marker: Marker,
    /// Whether nothing is promised in the session that is not kept. Only then the owner may delete it.
    pub(crate) is_settled: bool,
}

/// Takes a partition over from whoever wrote it before.
///
/// # Errors
/// By the server's answer; nothing is lost, and it may be done again.
pub(crate) async fn claim(hdfs: &Hdfs, naming: &Naming, origin: &TopicPartition) -> Result<Claim> {
    let session = Session::begin(hdfs, naming, origin).await?;
    let mut marker = Marker::read(hdfs, naming, origin).await?;
    session.take_over(hdfs, &mut marker).await?;
    if !marker.is_there() {
        wal::take_over(hdfs, &naming.logs(origin)?, &mut marker).await?;
    }
    Ok(Claim { session, marker, is_settled: true })
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
