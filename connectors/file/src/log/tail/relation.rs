//! Whether a file that was just found is a copy of one that is followed.

use std::{io, path::Path};

use super::{
    super::{
        content::{Content, End, Packing},
        identity::{HEAD_BYTES, Verdict, agree},
        walk::Found,
    },
    State, Tail,
};

/// How long a copy may stand still before its original is emptied or removed: until then the two
/// cannot be told apart, afterwards they are two files. Rotation takes no longer.
pub(in super::super) const SETTLE_MS: i64 = 1000;

/// How a file that was just found stands to one that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Relation {
    /// They have nothing in common.
    Stranger,
    /// It is what is left of the other one: reading goes on in it.
    Heir,
    /// It has the same bytes so far while the other one lives: a copy in the making, or another
    /// file that begins alike.
    Double {
        /// Whether its name says that it is a copy, so that it is one as long as they are alike.
        is_lasting: bool,
    },
}

impl Tail {
    /// How a file that nobody follows yet stands to this one.
    ///
    /// # Errors
    /// What the file system says about either.
    pub(in super::super) fn relation(
        &mut self,
        found: &Found,
        content: &mut Content,
        now_ms: i64,
    ) -> io::Result<Relation> {
        let is_gone = match self.state {
            State::Live => false,
            State::Missing(_) => self.content.is_none(),
            State::Orphaned(_) => true,
            State::Finished => !self.place.path.exists(),
        };
        if is_gone {
            return self.inheritance(content, now_ms);
        }
        let is_lasting = is_named_after(&found.path, &self.place.path);
        if content.is_packed() && self.position > 0 {
            return Ok(match self.witness.clone().verify(content, self.position)? {
                Verdict::Different => Relation::Stranger,
                Verdict::Same => Relation::Double { is_lasting },
                Verdict::TooEarly => Relation::Double { is_lasting: true },
            });
        }
        let mut opened = match &self.content {
            Some(_) => None,
            None => Content::open(&self.place.path).ok(),
        };
        let Some(own) = self.content.as_mut().or(opened.as_mut()) else {
            return Ok(Relation::Stranger);
        };
        if own.is_packed() {
            return Ok(Relation::Stranger);
        }
        if content.is_packed() {
            let common = self.stamp.size.min(HEAD_BYTES as u64);
            let is_alike = common > 0 && agree(own, content, common)?;
            return Ok(match content.end() {
                End::Unfinished => Relation::Double { is_lasting: true },
                _ if is_alike => Relation::Double { is_lasting },
                _ => Relation::Stranger,
            });
        }
        let size = own.metadata()?.len();
        if size < self.position {
            // Emptied since the look: the next one says more.
            return Ok(Relation::Double { is_lasting: true });
        }
        let common = found.stamp.size.min(size);
        if common == 0 || !agree(own, content, common)? {
            return Ok(Relation::Stranger);
        }
        let is_long = common >= HEAD_BYTES as u64;
        let is_longer = found.stamp.size > size;
        Ok(match self.state {
            // It was replaced by what has all of it, as programs that copy trees do.
            State::Missing(_) if is_long && found.stamp.size >= size => Relation::Heir,
            State::Missing(_) if is_long => Relation::Double { is_lasting: true },
            State::Missing(_) => Relation::Stranger,
            // While the original lives, no copy of it is longer.
            _ if is_longer => Relation::Stranger,
            _ => Relation::Double { is_lasting: is_lasting && is_long },
        })
    }

    /// Whether a file has the lines of this one, which is gone.
    ///
    /// A few bytes prove it only right after the original was emptied, or where compression makes
    /// plain what the file is: otherwise a new file that begins alike would lose its first lines.
    fn inheritance(&mut self, content: &mut Content, now_ms: i64) -> io::Result<Relation> {
        let is_proof = match self.state {
            State::Orphaned(since_ms) => now_ms - since_ms <= SETTLE_MS,
            _ => false,
        };
        let is_proof = is_proof || content.is_packed() || self.position >= HEAD_BYTES as u64;
        if self.position == 0 || !is_proof {
            return Ok(Relation::Stranger);
        }
        Ok(match self.witness.verify(content, self.position)? {
            Verdict::Same => Relation::Heir,
            Verdict::Different => Relation::Stranger,
            Verdict::TooEarly => Relation::Double { is_lasting: true },
        })
    }
}

/// Whether rotation gives such a name to a copy: `app.log.1` beside `app.log`, and `app.log.gz`
/// wherever it is.
fn is_named_after(copy: &Path, original: &Path) -> bool {
    let (Some(name), Some(stem)) = (copy.file_name(), original.file_name()) else { return false };
    let is_near = copy.parent() == original.parent() || Packing::of(copy).is_some();
    is_near && name.as_encoded_bytes().starts_with(stem.as_encoded_bytes())
}
