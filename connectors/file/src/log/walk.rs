//! One look at the directories: which files there are, and where to wait for more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use chrono_tz::Tz;

use super::{
    identity::{Node, Stamp, created_ns},
    notices::Notices,
    path_pattern::{PathPattern, Step},
    period::{DateParts, Period},
};

/// A file that matches, as it was at the time of the look.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Path that matched.
    pub(super) path: PathBuf,
    /// Where the file is, after all links.
    pub(super) node: Node,
    /// When it came into being, where that is known.
    pub(super) created_ns: Option<i64>,
    /// Its size and time of change.
    pub(super) stamp: Stamp,
    /// What its name says about its time.
    pub(super) period: Option<Period>,
}

/// Everything one look has shown.
#[derive(Debug, Default)]
pub(super) struct View {
    /// Files by their place; one that has several names is here once, under the first.
    pub(super) files: BTreeMap<Node, Found>,
    /// Directories in which something may happen.
    pub(super) directories: BTreeSet<PathBuf>,
}

/// Looks through everything the patterns name.
pub(super) fn walk(patterns: &[PathPattern], zone: Tz, notices: &mut Notices) -> View {
    let mut walker = Walker { zone, notices, view: View::default() };
    for pattern in patterns {
        let root = if pattern.is_absolute { "/" } else { "" };
        walker.descend(Path::new(root), &pattern.steps, DateParts::default());
    }
    walker.view
}

struct Walker<'a> {
    zone: Tz,
    notices: &'a mut Notices,
    view: View,
}

impl Walker<'_> {
    fn descend(&mut self, at: &Path, steps: &[Step], date: DateParts) {
        match steps {
            [] => self.candidate(at, date),
            [Step::Name(name), rest @ ..] => {
                let next = at.join(name);
                if rest.is_empty() {
                    self.watch(at);
                } else if fs::symlink_metadata(&next).is_ok_and(|found| found.is_symlink()) {
                    // Where it points may change.
                    self.watch(at);
                }
                self.descend(&next, rest, date);
            }
            [Step::Match(pattern), rest @ ..] => {
                for name in self.list(at) {
                    if let Some(date) = pattern.read(name.as_os_str().as_bytes(), date) {
                        self.descend(&at.join(&name), rest, date);
                    }
                }
            }
            [Step::AnyDepth, rest @ ..] => {
                self.descend(at, rest, date);
                for name in self.list(at) {
                    let next = at.join(&name);
                    // Links to directories are not followed: they may lead back.
                    if fs::symlink_metadata(&next).is_ok_and(|found| found.is_dir()) {
                        self.descend(&next, steps, date);
                    }
                }
            }
        }
    }

    /// Names in a directory, in their order.
    fn list(&mut self, directory: &Path) -> Vec<PathBuf> {
        if !self.watch(directory) {
            return Vec::new();
        }
        let names = fs::read_dir(here(directory)).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name().into())).collect()
        });
        match names {
            Ok(names) => {
                let mut names: Vec<PathBuf> = names;
                names.sort_unstable();
                self.notices.clear(directory);
                names
            }
            Err(error) => {
                // A name that is a file where the pattern has a directory is no problem.
                if error.kind() != io::ErrorKind::NotADirectory {
                    self.notices.raise(directory, cannot("list directory", directory, &error));
                }
                Vec::new()
            }
        }
    }

    /// Notes where to wait; `false` when the directory is missing.
    fn watch(&mut self, directory: &Path) -> bool {
        match fs::metadata(here(directory)) {
            Ok(found) if found.is_dir() => {
                self.view.directories.insert(here(directory).to_owned());
                self.notices.clear(directory);
                true
            }
            Ok(_) => false,
            Err(error) => {
                let sentence = match error.kind() {
                    io::ErrorKind::NotFound => {
                        format!("Directory \"{}\" does not exist yet", directory.display())
                    }
                    _ => cannot("look into directory", directory, &error),
                };
                self.notices.raise(directory, sentence);
                let existing = directory.ancestors().skip(1).find(|above| here(above).is_dir());
                self.view.directories.extend(existing.map(|above| here(above).to_owned()));
                false
            }
        }
    }

    fn candidate(&mut self, path: &Path, date: DateParts) {
        let period = if date.is_empty() {
            None
        } else {
            let Some(period) = date.period(self.zone) else { return };
            Some(period)
        };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    self.notices.raise(path, cannot("look at file", path, &error));
                }
                return;
            }
        };
        if !metadata.is_file() {
            return;
        }
        if let Ok(target) = fs::read_link(path).and_then(|_| fs::canonicalize(path)) {
            self.view.directories.extend(target.parent().map(Path::to_owned));
        }
        let node = Node::of(&metadata);
        let found = Found {
            path: path.to_owned(),
            node,
            created_ns: created_ns(&metadata),
            stamp: Stamp::of(&metadata),
            period,
        };
        self.view.files.entry(node).or_insert(found);
    }
}

/// The path itself, or the working directory for none.
fn here(directory: &Path) -> &Path {
    if directory.as_os_str().is_empty() { Path::new(".") } else { directory }
}

/// Says what could not be done and, where a permission is missing, what to do.
pub(super) fn cannot(verb: &str, path: &Path, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => ". Give the user of the worker read permission",
        _ => "",
    };
    format!("Could not {verb} \"{}\": {error}{hint}", path.display())
}

#[cfg(test)]
mod tests {
    use connect_api::config::ConfigType as _;

    use super::*;

    fn look(pattern: &str) -> (Vec<String>, View, Notices) {
        let mut notices = Notices::new("test".into());
        let view = walk(&[PathPattern::parse(pattern).unwrap()], Tz::UTC, &mut notices);
        let mut names: Vec<_> = view
            .files
            .values()
            .map(|found| found.path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        (names, view, notices)
    }

    #[test]
    fn every_directory_that_matches_is_looked_through() {
        let root = tempfile::tempdir().unwrap();
        for path in ["web/20261121.log", "web/old.txt", "api/deep/20261122.log", "20261323.log"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let root = root.path().to_str().unwrap();
        assert_eq!(look(&format!("{root}/*/%Y%m%d.log")).0, ["20261121.log"]);
        let (names, view, _) = look(&format!("{root}/**/%Y%m%d.log"));
        assert_eq!(names, ["20261121.log", "20261122.log"], "and no thirteenth month");
        for directory in ["", "web", "api", "api/deep"] {
            let directory = Path::new(root).join(directory);
            assert!(view.directories.contains(&directory), "{}", directory.display());
        }
    }

    #[test]
    fn a_missing_directory_is_told_and_waited_for_above() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("a/b");
        let (names, view, notices) = look(missing.join("%Y.log").to_str().unwrap());
        assert!(names.is_empty());
        assert!(view.directories.contains(root.path()));
        assert_eq!(
            notices.of(&missing).unwrap(),
            format!("Directory \"{}\" does not exist yet", missing.display())
        );
    }

    #[test]
    fn a_file_with_two_names_is_found_once() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.log"), "x").unwrap();
        fs::hard_link(root.path().join("a.log"), root.path().join("b.log")).unwrap();
        std::os::unix::fs::symlink("a.log", root.path().join("c.log")).unwrap();
        assert_eq!(look(root.path().join("*.log").to_str().unwrap()).0, ["a.log"]);
    }
}
