//! Examples of connectors, transformations and predicates.

use std::fs;

use millrace::{config::read_connector_file, plugins, transform::Chain};

use super::{
    Blocks, root,
    shown::{documents, laid_out, last, properties, record, record_json},
};

/// A configuration that is shipped, which is of one of the classes.
pub(super) fn config(name: &str, classes: &[&str]) -> String {
    let file = root().join("configs").join(name);
    let connector = read_connector_file(&file).unwrap();
    let class = plugins::classes().connector_of(&connector.config).unwrap().class();
    assert!(classes.contains(&class), "{} is of {class}, not of {classes:?}", file.display());
    let text = fs::read_to_string(&file).unwrap();
    format!("`configs/{name}`:\n\n```json\n{text}```\n")
}

/// What the records of an example become by its configuration.
pub(super) fn after(blocks: &Blocks) -> String {
    let chain = Chain::of(&properties(last(blocks, "properties"))).unwrap();
    let mut kept = Vec::new();
    for before in documents(last(blocks, "json")) {
        let mut out = Vec::new();
        chain.apply(record(&before), &mut out).unwrap();
        kept.extend(out.iter().map(|record| laid_out(&record_json(&before, record))));
    }
    if kept.is_empty() {
        return "nothing: the record is dropped.\n".to_owned();
    }
    format!("```json\n{}\n```\n", kept.join("\n"))
}
