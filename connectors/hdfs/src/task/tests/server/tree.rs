//! What the servers have: a tree of files, and what is to happen to requests.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value as Json, json};

/// What happens to a request that changes something.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is answered with this status, exception and message, and nothing of it happens.
    Answer(u16, &'static str, &'static str),
    /// It happens, and the connection ends without an answer.
    BreakAfter,
    /// The connection ends, and nothing happens.
    BreakBefore,
    /// The connection ends, and half of the bytes of an append are there. Only appends count.
    BreakWithin,
    /// The connection ends, and the bytes of an append come later: the file is held until they do. Only
    /// appends count.
    Hold,
}

impl Fault {
    /// Whether it is one for this change.
    pub(super) fn is_for(&self, op: &str) -> bool {
        !matches!(self, Self::BreakWithin | Self::Hold) || op == "APPEND"
    }
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a way in which servers differ")]
pub(super) struct State {
    /// Contents by path; folders have none.
    pub(super) nodes: BTreeMap<String, Option<Vec<u8>>>,
    pub(super) faults: VecDeque<Fault>,
    /// What happens to a change, after so many others.
    pub(super) later: Option<(usize, Fault)>,
    /// Said to every request.
    pub(super) mood: Option<(u16, &'static str, &'static str)>,
    /// Said to every request of the first of two name nodes.
    pub(super) first_mood: Option<(u16, &'static str, &'static str)>,
    /// What a proxy in front of the first name node says, with `{url}` for what it was asked.
    pub(super) proxy: Option<(u16, String)>,
    /// Requests to the first name node.
    pub(super) asked_first: usize,
    /// What all data nodes are called, which nobody reaches.
    pub(super) hidden: Option<&'static str>,
    /// Changes from now on until the connection breaks for good, and what happens of the last one.
    pub(super) life: Option<(usize, Fault)>,
    pub(super) is_dead: bool,
    /// Operation, and how often it is done from now on until no change is answered any more.
    pub(super) last_op: Option<(&'static str, usize)>,
    pub(super) hung: usize,
    /// Whether it is of Hadoop 2.
    pub(super) is_old: bool,
    /// Makes the folders of a file even if it is told not to.
    pub(super) makes_folders: bool,
    /// Appends whose bytes have not come: the files by path, wherever they are by now.
    pub(super) held: Vec<(String, Vec<u8>)>,
    /// Files that are being shortened, and to which length.
    pub(super) shortened: BTreeMap<String, usize>,
    /// Paths that somebody appends to after each change, while they are there, and what.
    pub(super) haunted: Vec<(String, &'static [u8])>,
    pub(super) seen: Vec<String>,
    /// Host that the name node calls the data node by.
    pub(super) host: Option<String>,
    /// A data node that nobody reaches, which the name node sends everybody to who does not exclude it.
    pub(super) lost: Option<&'static str>,
}

impl State {
    /// Whether a request is not answered.
    pub(super) fn hangs(&mut self, op: &str, reads: bool) -> bool {
        let hangs = self.last_op.is_some_and(|(_, left)| left == 0) && !reads;
        if let Some((_, left)) = self.last_op.as_mut().filter(|(last, _)| *last == op) {
            *left = left.saturating_sub(1);
        }
        self.hung += usize::from(hangs);
        hangs
    }

    pub(super) fn make_folder(&mut self, path: &str) -> bool {
        let mut at = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            if self.nodes.entry(at.clone()).or_insert(None).is_some() {
                return false;
            }
        }
        true
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let has_parent = self.nodes.get(to.rsplit_once('/').unwrap().0) == Some(&None);
        if !self.nodes.contains_key(from) || self.nodes.contains_key(to) || !has_parent {
            return false;
        }
        let inside = format!("{from}/");
        for (path, _) in &mut self.held {
            if path == from || path.starts_with(&inside) {
                *path = path.replacen(from, to, 1);
            }
        }
        if let Some(length) = self.shortened.remove(from) {
            self.shortened.insert(to.to_owned(), length);
        }
        let moved: Vec<_> = self
            .nodes
            .keys()
            .filter(|it| *it == from || it.starts_with(&inside))
            .cloned()
            .collect();
        for path in moved {
            let node = self.nodes.remove(&path).unwrap();
            self.nodes.insert(path.replacen(from, to, 1), node);
        }
        true
    }

    pub(super) fn is_empty(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        !self.nodes.keys().any(|known| known.starts_with(&inside))
    }

    pub(super) fn delete(&mut self, path: &str) -> bool {
        let inside = format!("{path}/");
        let before = self.nodes.len();
        let is_left = |known: &str| known != path && !known.starts_with(&inside);
        self.nodes.retain(|known, _| is_left(known));
        self.held.retain(|(known, _)| is_left(known));
        self.shortened.retain(|known, _| is_left(known));
        self.nodes.len() < before
    }

    pub(super) fn status(&self, path: &str) -> Option<Json> {
        let node = self.nodes.get(path)?;
        Some(json!({
            "pathSuffix": "",
            "type": if node.is_some() { "FILE" } else { "DIRECTORY" },
            "length": node.as_ref().map_or(0, Vec::len),
            "modificationTime": 1,
        }))
    }

    pub(super) fn list(&self, path: &str, after: &str, most: usize) -> Option<Json> {
        self.nodes.get(path)?;
        let inside = format!("{}/", path.trim_end_matches('/'));
        let own = self.nodes.keys().filter_map(|known| {
            known.strip_prefix(&inside).filter(|name| !name.contains('/') && !name.is_empty())
        });
        let rest: Vec<_> = own.filter(|name| *name > after).collect();
        let page = rest.iter().take(most).map(|name| {
            let mut status = self.status(&format!("{inside}{name}")).unwrap();
            status["pathSuffix"] = (*name).into();
            status
        });
        let page: Vec<_> = page.collect();
        let left = rest.len() - page.len();
        Some(json!({"DirectoryListing": {
            "partialListing": {"FileStatuses": {"FileStatus": page}}, "remainingEntries": left}}))
    }
}
