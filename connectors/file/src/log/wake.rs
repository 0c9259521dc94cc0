//! Waiting until something happens in a directory.

use std::{collections::BTreeSet, io, path::PathBuf};

use linemux::MuxedEvents;

/// A file that nobody has. Watching for it to appear is watching its directory, with every event
/// of every file in it; watching the files themselves would miss the new ones.
const NOBODYS_FILE: &str = ".millrace-waits-for-nothing";

/// Watches directories for as long as it lives.
///
/// The events of a watch queue up without bound while nobody asks for them, so that a watch must
/// not outlive one wait: a task that is paused or held up downstream has none.
#[derive(Debug)]
pub(super) struct Wake {
    events: Option<MuxedEvents>,
}

impl Wake {
    /// Watches these directories; what happened before is not seen.
    ///
    /// # Errors
    /// The system has no more watches to give.
    pub(super) async fn arm(directories: &BTreeSet<PathBuf>) -> io::Result<Self> {
        if directories.is_empty() {
            return Ok(Self { events: None });
        }
        let mut events = MuxedEvents::new()?;
        for directory in directories {
            match events.add_file(directory.join(NOBODYS_FILE)).await {
                Ok(_) => {}
                // Removed or closed to us since it was seen: the next look says so.
                Err(error) if is_of_the_directory(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { events: Some(events) })
    }

    /// A watch that sees nothing.
    pub(super) const fn blind() -> Self {
        Self { events: None }
    }

    /// Waits for the next event, and takes all that have come with it.
    ///
    /// # Cancel safety
    /// Dropping it loses events, not the watch: look at the directories after the wait.
    pub(super) async fn changed(&mut self) {
        let Some(events) = &mut self.events else { return std::future::pending().await };
        // An error says that events were lost, which is an event as well.
        if let Ok(None) = events.next_event().await {
            return std::future::pending().await;
        }
        loop {
            tokio::select! {
                biased;
                event = events.next_event() => if let Ok(None) = event { return },
                () = std::future::ready(()) => return,
            }
        }
    }
}

fn is_of_the_directory(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}
