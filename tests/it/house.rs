//! The house rules that a machine can check: floors, sizes, names, and what a connector brings.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Rooms of `src/` with what each may import of the others, lowest floor first.
const FLOORS: [(&str, &[&str]); 18] = [
    ("tasks", &[]),
    ("loggers", &[]),
    ("metrics", &[]),
    ("config", &[]),
    ("broker", &["tasks", "metrics", "config"]),
    ("convert", &["metrics", "config"]),
    ("transform", &["metrics", "config"]),
    ("store", &["tasks", "metrics", "config", "broker", "convert"]),
    ("pipeline", &["tasks", "metrics", "config", "broker", "convert", "transform"]),
    (
        "runtime",
        &["tasks", "metrics", "config", "broker", "convert", "transform", "store", "pipeline"],
    ),
    ("letters", &["tasks", "metrics", "config", "broker", "pipeline"]),
    ("herder", &["tasks", "loggers", "metrics", "config", "broker", "store", "runtime", "letters"]),
    ("rest", &["tasks", "loggers", "metrics", "config", "herder"]),
    ("plugins", &["convert", "transform", "herder"]),
    ("generate", &["tasks", "config"]),
    (
        "app",
        &[
            "tasks", "loggers", "metrics", "config", "broker", "store", "runtime", "herder",
            "rest", "plugins",
        ],
    ),
    ("demo", &["tasks", "config", "generate", "app"]),
    ("command", &["tasks", "loggers", "config", "generate", "app", "demo", "plugins", "herder"]),
];

/// Crates that only these places may name.
const KEEPERS: [(&str, &[&str]); 5] = [
    ("rdkafka", &["src/broker/kafka"]),
    (
        "rusqlite",
        &["src/broker/embedded", "connectors/aggregate", "connectors/excel", "connectors/jdbc"],
    ),
    (
        "axum",
        &[
            "src/rest",
            "connectors/aggregate",
            "connectors/csv",
            "connectors/excel",
            "connectors/web",
            "src/plugins.rs",
        ],
    ),
    ("aws_sdk_s3", &["connectors/s3"]),
    ("parquet", &["connectors/s3", "connectors/storage"]),
];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

/// Lines of code in one file, tests and blank lines left out.
const LONGEST_FILE: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder of the repository, by its path from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let shown = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Code without the unit tests at its end.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs") || path.starts_with("connectors/testkit")
}

/// First room that each `crate::…` of a file names.
fn imported_rooms(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for part in code(text).split("crate::").skip(1) {
        if let Some(group) = part.strip_prefix('{') {
            rooms.extend(outermost(group).iter().filter_map(|item| first_word(item)));
        } else {
            rooms.extend(first_word(part));
        }
    }
    rooms
}

/// Items of a group of imports up to its closing brace, groups within it left whole.
fn outermost(group: &str) -> Vec<String> {
    let (mut items, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                items.last_mut().unwrap().push(c);
            }
        }
    }
    items
}

fn first_word(text: &str) -> Option<String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    let word: String = text.trim_start().chars().take_while(|&c| is_word(c)).collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn no_room_imports_a_higher_floor() {
    let mut broken = Vec::new();
    for (path, text) in sources("src") {
        let room = path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == room) else {
            assert!(room == "main" || room == "lib", "{path} is in no room of the table");
            continue;
        };
        for other in imported_rooms(&text) {
            let is_room = FLOORS.iter().any(|(name, _)| *name == other);
            if is_room && other != room && !allowed.contains(&other.as_str()) {
                broken.push(format!("{path} imports crate::{other}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_its_keeper_sees_a_system() {
    let mut broken = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("connectors")) {
        for (name, keepers) in KEEPERS {
            let names_it = code(&text).contains(&format!("{name}::"));
            let may = is_test(&path) || keepers.iter().any(|keeper| path.starts_with(keeper));
            if names_it && !may {
                broken.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn connectors_see_the_api_and_nothing_of_the_worker() {
    for (path, text) in sources("connectors") {
        assert!(!text.contains("millrace::"), "{path} imports the worker");
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut long = Vec::new();
    for (path, text) in sources("src").into_iter().chain(sources("connectors")) {
        let lines = code(&text).lines().filter(|line| !line.trim().is_empty()).count();
        if lines > LONGEST_FILE && !is_test(&path) {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_name_says_something() {
    for (path, _) in sources("src").into_iter().chain(sources("connectors")) {
        let parts: Vec<_> = path.split(['/', '.']).collect();
        let empty = EMPTY_NAMES.iter().find(|name| parts.contains(name));
        assert!(empty.is_none(), "{path} says nothing by \"{}\"", empty.unwrap());
    }
}

#[test]
fn every_connector_crate_brings_its_readme_and_its_conformance() {
    for entry in fs::read_dir(root().join("connectors")).unwrap() {
        let folder: PathBuf = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if ["api", "derive", "testkit"].contains(&name.as_str()) {
            continue;
        }
        assert!(folder.join("README.md").is_file(), "connectors/{name} has no README.md");
        let texts = sources(&format!("connectors/{name}"));
        // A crate of converters has no connector to hold against the suite.
        let is_connector = |text: &str| {
            ["SourceConnector for ", "SinkConnector for "].iter().any(|part| text.contains(part))
        };
        if !texts.iter().any(|(_, text)| is_connector(text)) {
            continue;
        }
        let conforms = texts.iter().any(|(_, text)| text.contains("_conformance!"));
        assert!(conforms, "connectors/{name} runs no conformance suite");
    }
}
