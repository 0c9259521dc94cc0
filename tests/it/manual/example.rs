//! Examples of transformations and predicates.

use millrace::transform::Chain;

use super::{
    Blocks,
    shown::{documents, laid_out, last, properties, record, record_json},
};

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
