//! Our transformations and converters beside those of the JVM: the same records, the same
//! configurations, and the same outcomes or errors, word by word.

mod converters;
mod documents;
mod records;
mod transforms;
mod typed_json;

use serde_json::Value as Json;

use crate::services::{self, oracle::Oracle};

/// Asks the oracle about every case, and fails with those on which the two do not agree.
fn compare<C>(
    oracle: &Oracle,
    cases: &[C],
    question: impl Fn(&C) -> Json,
    ours: impl Fn(&C) -> Json,
    is_same: impl Fn(&Json, &mut Json) -> bool,
) {
    let lines: String = cases.iter().map(|case| format!("{}\n", question(case))).collect();
    let answers = match oracle.answers(lines) {
        Ok(answers) => answers,
        Err(missing) => return services::report_skip(&missing),
    };
    assert_eq!(answers.len(), cases.len());
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for (case, answer) in cases.iter().zip(&answers) {
        let (ours, mut theirs) = (ours(case), serde_json::from_str::<Json>(answer).unwrap());
        refused += usize::from(theirs.get("error").or(theirs.get("config")).is_some());
        if !is_same(&ours, &mut theirs) {
            wrong.push(format!("{}\n  ours   {ours}\n  theirs {theirs}", question(case)));
        }
    }
    let (few, count) = (wrong.len().min(12), cases.len());
    let shown = wrong[..few].join("\n");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{shown}", wrong.len());
    assert!(refused < count / 2, "{refused} of {count} are refused: too few outcomes are compared");
}
