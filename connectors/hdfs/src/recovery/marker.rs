//! The position of a partition as the name of an empty file: `position+<offset>` in its folder of logs.
//!
//! It is there from the first claim on, and moves after each group; what was committed without it is
//! told by the session. So names of files are not needed, which may be those of others: a transformation
//! can give the records of another topic this one's name. `position+none` is one that says that there is
//! no position yet, and that names tell of none.

use bytes::Bytes;
use connect_api::error::Result;

use super::wal;
use crate::client::{Failure, Hdfs};

/// What its name begins with.
const PREFIX: &str = "position+";
/// What follows where there is no position.
const NONE: &str = "none";

/// The position of a partition.
#[derive(Debug)]
pub(crate) struct Marker {
    folder: String,
    place: Place,
    /// Earlier ones, which others have left behind.
    old: Vec<Place>,
    /// Whether the folder was there, which has something of everybody who has written the partition.
    pub(super) has_folder: bool,
    /// Whether the original has left a log.
    pub(super) has_log: bool,
}

/// Where it is, the later ones behind the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// There is no marker.
    Absent,
    /// There is one that says that there is no position.
    Unset,
    /// At this offset.
    At(i64),
}

impl Marker {
    /// Reads where it is.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn read(hdfs: &Hdfs, folder: &str) -> Result<Self> {
        let listed = hdfs.list(folder).await?;
        let has_folder = listed.is_some();
        let entries = listed.unwrap_or_default();
        let mut places: Vec<_> = entries.iter().map(|entry| Place::of(&entry.name)).collect();
        places.retain(|place| *place > Place::Absent);
        places.sort_unstable();
        let place = places.pop().unwrap_or(Place::Absent);
        Ok(Self {
            folder: folder.to_owned(),
            place,
            old: places,
            has_folder,
            has_log: entries.iter().any(|entry| wal::NAMES.contains(&&*entry.name)),
        })
    }

    /// Deletes what others have left behind, for who has taken the partition over.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn clean(&self, hdfs: &Hdfs) -> Result<()> {
        for place in &self.old {
            hdfs.delete(&self.path(*place)).await?;
        }
        Ok(())
    }

    pub(crate) const fn position(&self) -> Option<i64> {
        match self.place {
            Place::At(position) => Some(position),
            Place::Absent | Place::Unset => None,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.place > Place::Absent
    }

    /// Moves it forward.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn advance(&mut self, hdfs: &Hdfs, position: i64) -> Result<()> {
        self.move_to(hdfs, Place::At(position)).await
    }

    /// Makes it, where there is none, at this position if there is one.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn make(&mut self, hdfs: &Hdfs, position: Option<i64>) -> Result<()> {
        self.move_to(hdfs, position.map_or(Place::Unset, Place::At)).await
    }

    async fn move_to(&mut self, hdfs: &Hdfs, place: Place) -> Result<()> {
        if self.place >= place {
            return Ok(());
        }
        let to = self.path(place);
        let is_moved = self.is_there() && hdfs.rename(&self.path(self.place), &to).await?;
        if !is_moved {
            let made = hdfs.create(&to, &Bytes::new()).await;
            if made.as_ref().is_err_and(Failure::is_missing) {
                hdfs.make_folder(&self.folder).await?;
                hdfs.create(&to, &Bytes::new()).await?;
            } else {
                made?;
            }
        }
        self.place = place;
        Ok(())
    }

    fn path(&self, place: Place) -> String {
        let Self { folder, .. } = self;
        match place {
            Place::At(position) => format!("{folder}/{PREFIX}{position}"),
            Place::Absent | Place::Unset => format!("{folder}/{PREFIX}{NONE}"),
        }
    }
}

impl Place {
    /// What the name of a file says.
    fn of(name: &str) -> Self {
        match name.strip_prefix(PREFIX) {
            Some(NONE) => Self::Unset,
            Some(text) => text.parse().map_or(Self::Absent, Self::At),
            None => Self::Absent,
        }
    }
}
