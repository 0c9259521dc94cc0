//! The manual of connectors, converters, transformations and predicates: `docs/reference`, and the
//! lists in `docs/connectors.md`, `docs/converters.md` and `docs/transforms.md`.
//!
//! What a class does is written by hand, in the page itself, and so are the configuration and the
//! record of an example. The regions from `<!-- NAME -->` to `<!-- end -->` are generated: from
//! the definition of the options, and by running the example, or from the configuration that is
//! shipped. A page that is not as it would be
//! generated fails the test, and `GOLDEN=write` writes it.

mod example;
mod message;
mod options;
mod page;
mod registry;
mod shown;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use millrace::config::Environment;

use self::{
    message::Messages,
    page::{Kind, pages},
};

/// How the manual is written anew.
const WRITE: &str = "GOLDEN=write cargo test -p millrace --test it manual";

/// Pages that list other pages.
const LISTS: [&str; 3] = ["docs/connectors.md", "docs/converters.md", "docs/transforms.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_page_says_what_its_class_does() {
    let is_written = Environment::default().get("GOLDEN").as_deref() == Some("write");
    let (pages, messages) = (pages(), Messages::new());
    let mut stale = Vec::new();
    let mut settle = |path: PathBuf, before: Option<String>, after: String| {
        if before.as_ref() == Some(&after) {
            return;
        }
        if is_written {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, after).unwrap();
        } else {
            stale.push(path.strip_prefix(root()).unwrap().display().to_string());
        }
    };
    for page in &pages {
        let path = root().join(page.path());
        let before = fs::read_to_string(&path).ok();
        let text = before.clone().unwrap_or_else(|| page.frame());
        let after = rewritten(&text, |region, blocks| page.region(region, blocks, &messages));
        settle(path, before, after);
    }
    for list in LISTS {
        let path = root().join(list);
        let text = fs::read_to_string(&path).unwrap();
        let after = rewritten(&text, |region, _| match region {
            "registry options" => options::table(&options::of_registry()),
            region => match region.strip_prefix("options of every ") {
                Some(which) => options::tables(&options::of_framework(which)),
                None => page::list(&pages, Kind::listed(region)),
            },
        });
        settle(path, Some(text), after);
    }
    assert!(stale.is_empty(), "{stale:#?} are not what they should be: {WRITE} writes them");
}

#[test]
fn every_page_has_a_class_and_an_example_and_leads_somewhere() {
    let known: BTreeSet<_> = pages().iter().map(|page| root().join(page.path())).collect();
    let folders = fs::read_dir(root().join("docs/reference")).unwrap();
    let folders = folders.map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let files: BTreeSet<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files, known, "left: the files that are there, right: the classes that are");
    for file in files.into_iter().chain(LISTS.map(|list| root().join(list))) {
        let text = fs::read_to_string(&file).unwrap();
        let (shown, is_list) = (file.display(), LISTS.iter().any(|list| file.ends_with(list)));
        let is_connector = file.parent().unwrap().ends_with("connectors");
        let example = if is_connector { "\n## Example\n\n<!-- config " } else { "\n## Example\n" };
        assert!(is_list || text.contains(example), "{shown} has no example");
        for link in links(&text) {
            let target = file.parent().unwrap().join(link);
            assert!(target.exists(), "{shown} leads to {link}, which is not there");
        }
    }
}

/// Files that a page leads to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}

/// Blocks of code since the last heading, each with its language.
type Blocks = [(String, String)];

/// The text with its regions as they should be.
fn rewritten(text: &str, generated: impl Fn(&str, &Blocks) -> String) -> String {
    let mut out = String::new();
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line.starts_with("## ") {
            blocks.clear();
        } else if let Some(language) = line.strip_prefix("```") {
            let mut block = String::new();
            for line in lines.by_ref() {
                out.push_str(line);
                out.push('\n');
                if line == "```" {
                    break;
                }
                block.push_str(line);
                block.push('\n');
            }
            blocks.push((language.to_owned(), block));
        } else if let Some(name) = region(line) {
            let end = lines.by_ref().any(|line| line == "<!-- end -->");
            assert!(end, "the region {name} has no end");
            out.push_str(&generated(name, &blocks));
            out.push_str("<!-- end -->\n");
        }
    }
    out
}

fn region(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- ")?.strip_suffix(" -->")
}
