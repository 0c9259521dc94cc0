//! What the server says of each operation of a bulk.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Cause;

/// The answer to a bulk, its items unread until one of them is of interest.
#[derive(Deserialize)]
struct BulkAnswer<'a> {
    errors: bool,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
}

/// The only member of an item, under the name of its action.
#[derive(Deserialize)]
struct Item {
    #[serde(alias = "index", alias = "create", alias = "update", alias = "delete")]
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    error: Option<Cause>,
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// The same operation may succeed later.
    Passing(Cause),
    Refused(u16, Cause),
}

/// What became of a bulk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdicts {
    AllDone,
    Each(Vec<Verdict>),
}

/// Reads the answer to a bulk of so many operations.
///
/// # Errors
/// The reason, when it is no such answer.
pub(super) fn read(body: &[u8], operations: usize) -> Result<Verdicts, String> {
    let answer: BulkAnswer<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if !answer.errors {
        return Ok(Verdicts::AllDone);
    }
    let items = answer.items.map_or("[]", RawValue::get);
    let items: Vec<Item> = serde_json::from_str(items).map_err(|error| error.to_string())?;
    if items.len() != operations {
        return Err(format!("it tells of {} documents, not of {operations}", items.len()));
    }
    Ok(Verdicts::Each(items.into_iter().map(|item| verdict(item.outcome)).collect()))
}

fn verdict(outcome: Outcome) -> Verdict {
    match (outcome.status, outcome.error) {
        (_, None) => Verdict::Done,
        (408 | 429 | 502 | 503 | 504, Some(cause)) => Verdict::Passing(cause),
        (status, Some(cause)) => Verdict::Refused(status, cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_its_own_verdict() {
        let body = br#"{"errors":true,"items":[{"index":{"status":201}},{"delete":{"status":404}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},
            {"update":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"bad"}}}]}"#;
        let Ok(Verdicts::Each(verdicts)) = read(body, 4) else { panic!("no verdicts") };
        assert_eq!(verdicts[..2], [Verdict::Done, Verdict::Done]);
        assert!(matches!(&verdicts[2], Verdict::Passing(cause) if cause.kind.contains("rejected")));
        assert!(matches!(&verdicts[3], Verdict::Refused(400, _)));
    }

    #[test]
    fn an_answer_without_errors_is_not_read_further() {
        assert_eq!(read(br#"{"errors":false,"items":[1,2]}"#, 5), Ok(Verdicts::AllDone));
        assert!(read(br#"{"errors":true,"items":[]}"#, 1).unwrap_err().contains("0 documents"));
        assert!(read(b"<html>", 1).is_err());
    }
}
