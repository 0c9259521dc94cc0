//! Short work on the disk, from async code.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work that may wait for the disk; other tasks go on on other threads meanwhile.
///
/// A runtime of a single thread has no other, so that there the work is simply done.
pub(crate) fn on_disk<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
