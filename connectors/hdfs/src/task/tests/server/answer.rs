//! What requests do to the tree, and what they are answered.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value as Json, json};

use super::tree::{Fault, State};

/// Entries of a page of a folder: few, so that there are several pages.
const PAGE: usize = 3;

pub(super) type Answered = Result<Response<Full<Bytes>>, Broken>;

/// The connection ends.
#[derive(Debug)]
pub(super) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

fn said(status: u16, body: &Json) -> Answered {
    let body = Bytes::from(body.to_string());
    Ok(Response::builder().status(status).body(Full::new(body)).unwrap())
}

pub(super) fn refused((status, exception, message): (u16, &str, &str)) -> Answered {
    let told = json!({"exception": exception, "javaClassName": exception, "message": message});
    said(status, &json!({"RemoteException": told}))
}

fn missing(path: &str) -> Answered {
    refused((404, "FileNotFoundException", &format!("File does not exist: {path}")))
}

/// `part` is where a file is read from, and how many bytes of it.
pub(super) fn read(
    state: &State,
    (op, path): (&str, &str),
    after: &str,
    part: (usize, usize),
) -> Answered {
    let found = match op {
        "GETFILESTATUS" => state.status(path).map(|status| json!({"FileStatus": status})),
        "LISTSTATUS_BATCH" if state.is_old => {
            let message = "Invalid value for webhdfs parameter \"op\": LISTSTATUS_BATCH";
            return refused((400, "IllegalArgumentException", message));
        }
        "LISTSTATUS_BATCH" => state.list(path, after, PAGE),
        "LISTSTATUS" => {
            let listed = state.list(path, "", usize::MAX);
            listed.map(|listed| listed["DirectoryListing"]["partialListing"].clone())
        }
        "OPEN" => {
            let Some(Some(content)) = state.nodes.get(path) else { return missing(path) };
            let bytes: Bytes = content.iter().copied().skip(part.0).take(part.1).collect();
            return Ok(Response::new(Full::new(bytes)));
        }
        _ => panic!("{op}"),
    };
    found.map_or_else(|| missing(path), |found| said(200, &found))
}

pub(super) fn changed(
    state: &mut State,
    (op, path): (&str, &str),
    to: &str,
    body: &Bytes,
) -> Answered {
    let last = match &mut state.life {
        Some((left, last)) if last.is_for(op) => {
            *left = left.saturating_sub(1);
            (*left == 0).then(|| last.clone())
        }
        _ => None,
    };
    state.is_dead = last.is_some();
    let mut fault = state.faults.pop_front();
    match &mut state.later {
        Some((_, later)) if !later.is_for(op) => {}
        Some((0, _)) => fault = state.later.take().map(|(_, fault)| fault),
        Some((left, _)) => *left -= 1,
        None => {}
    }
    let Some(fault) = fault.or(last) else { return change(state, (op, path), to, body) };
    match (fault, op) {
        (Fault::Answer(status, exception, message), _) => {
            return refused((status, exception, message));
        }
        (Fault::BreakBefore, _) => {}
        (Fault::BreakWithin, _) => {
            drop(change(state, (op, path), to, &body.slice(..body.len() / 2)));
        }
        (Fault::Hold, _) => {
            if change(state, (op, path), to, &Bytes::new()).is_ok_and(|it| it.status() == 200) {
                state.held.push((path.to_owned(), body.to_vec()));
            }
        }
        _ => drop(change(state, (op, path), to, body)),
    }
    Err(Broken)
}

fn held(path: &str) -> Answered {
    let message =
        format!("Failed to APPEND_FILE {path} because this file lease is currently owned");
    refused((403, "AlreadyBeingCreatedException", &message))
}

/// As a name node does it that has to recover the last block: the first request begins it, and the next
/// one finds it done.
fn truncate(state: &mut State, path: &str, length: usize) -> Answered {
    let flag = |flag: bool| said(200, &json!({"boolean": flag}));
    if state.held.iter().any(|(known, _)| known == path) {
        return held(path);
    }
    let Some(Some(content)) = state.nodes.get_mut(path) else { return missing(path) };
    if content.len() < length {
        let message = "Cannot truncate to a larger file size.";
        return refused((400, "HadoopIllegalArgumentException", message));
    }
    if content.len() == length {
        return flag(true);
    }
    if state.shortened.remove(path) == Some(length) {
        content.truncate(length);
        return flag(true);
    }
    state.shortened.insert(path.to_owned(), length);
    flag(false)
}

/// `to` is the target of a rename, the length that a file is shortened to, or whether a folder is deleted with
/// what is in there.
pub(super) fn change(
    state: &mut State,
    (op, path): (&str, &str),
    to: &str,
    body: &Bytes,
) -> Answered {
    let flag = |flag: bool| said(200, &json!({"boolean": flag}));
    match op {
        "MKDIRS" => {
            let made = state.make_folder(path);
            flag(made)
        }
        "RENAME" => {
            let renamed = state.rename(path, to);
            flag(renamed)
        }
        "DELETE" if to == "false" && !state.is_empty(path) => {
            refused((403, "PathIsNotEmptyDirectoryException", "is non empty"))
        }
        "DELETE" => {
            let deleted = state.delete(path);
            flag(deleted)
        }
        "CREATE" => {
            let folder = path.rsplit_once('/').unwrap().0;
            if state.makes_folders {
                state.make_folder(folder);
            }
            if state.nodes.get(folder) != Some(&None) {
                return missing(path);
            }
            state.nodes.insert(path.to_owned(), Some(body.to_vec()));
            said(201, &json!({}))
        }
        "TRUNCATE" => truncate(state, path, to.parse().unwrap()),
        "APPEND" if state.shortened.contains_key(path) => held(path),
        "APPEND" if state.held.iter().any(|(known, _)| known == path) => held(path),
        "APPEND" => match state.nodes.get_mut(path) {
            Some(Some(content)) => {
                content.extend_from_slice(body);
                said(200, &json!({}))
            }
            _ => missing(path),
        },
        _ => panic!("{op}"),
    }
}
