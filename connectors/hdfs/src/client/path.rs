//! Paths and parameters as they stand in addresses.

use std::fmt::Write as _;

/// Writes text so that it means itself in an address; slashes stay where `keeps_slashes`.
fn encoded(text: &str, keeps_slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~=,".contains(&byte);
        if (is_plain && (keeps_slashes || !b"=,".contains(&byte)))
            || (keeps_slashes && byte == b'/')
        {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A path.
pub(super) fn path(text: &str) -> String {
    encoded(text, true)
}

/// The value of a parameter.
pub(super) fn value(text: &str) -> String {
    encoded(text, false)
}

/// Longest part of a path, in bytes of UTF-8.
const MOST_PART_BYTES: usize = 255;

/// Whether HDFS has a place for a path: no part of it may be `.` or `..`, hold a colon, or be longer than
/// `dfs.namenode.fs-limits.max-component-length` is unless somebody has changed it.
///
/// Source: apache/hadoop `DFSUtilClient.isValidName`, `FSDirectory.verifyMaxComponentLength`.
pub(crate) fn is_valid(text: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "." | "..") && !part.contains([':', '\0']) && part.len() <= MOST_PART_BYTES
    };
    text.split('/').all(is_part)
}

/// The folder that a path is in.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A path without empty parts, from the root.
pub(crate) fn rooted(parts: &[&str]) -> String {
    let mut out = String::new();
    for part in parts.iter().flat_map(|part| part.split('/')).filter(|part| !part.is_empty()) {
        out.push('/');
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_escaped() {
        assert_eq!(path("/a b/t+0+1;é=x"), "/a%20b/t%2B0%2B1%3B%C3%A9=x");
        assert_eq!(value("/a&b=c"), "%2Fa%26b%3Dc");
    }

    #[test]
    fn paths_are_joined_without_empty_parts() {
        assert_eq!(rooted(&["", "topics/", "/t", "a//b"]), "/topics/t/a/b");
        assert_eq!(rooted(&["/base", ""]), "/base");
        assert_eq!(parent("/a/b"), "/a");
    }

    #[test]
    fn what_hdfs_has_no_place_for_is_known() {
        assert!(is_valid("/a/b=1") && is_valid("/a.b/..c"));
        assert!(!is_valid("/a/../b") && !is_valid("/a/10:30") && !is_valid("./a"));
        assert!(is_valid(&format!("/a/{}/b", "x".repeat(255))));
        assert!(!is_valid(&format!("/a/{}/b", "é".repeat(128))));
    }
}
