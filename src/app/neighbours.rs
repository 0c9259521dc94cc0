//! Other workers of the group: there must be none.
//!
//! A worker that ran beside them would run their connectors a second time. One that was killed
//! still counts as a member until its session is over, which is waited for.

use std::time::Duration;

use connect_api::error::chain;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{AppError, Result};
use crate::broker::kafka::KafkaBroker;

/// How long members get to leave: several times the usual `session.timeout.ms`.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Waits until the group has no members.
///
/// # Errors
/// `Neighbours` when somebody stays.
pub(super) async fn await_none(broker: &KafkaBroker, group: &str) -> Result<()> {
    let patience_ends = Instant::now() + PATIENCE;
    let mut has_warned = false;
    loop {
        let members = match broker.group_members(group).await {
            Ok(members) if members.is_empty() => return Ok(()),
            Ok(members) => members,
            Err(error) => {
                warn!("Could not look for other workers of group \"{group}\": {}", chain(&error));
                return Ok(());
            }
        };
        if Instant::now() >= patience_ends {
            return Err(AppError::Neighbours { group: group.to_owned(), members });
        }
        if !has_warned {
            info!(
                "Waiting for other workers of group \"{group}\" to leave: {}",
                members.join(", ")
            );
            has_warned = true;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
