//! How the progress of a file is shown.

use connect_api::value_text::timestamp_text;
use serde_json::{Value, json};

use crate::{
    offset::{Identity, Stage},
    progress::FileProgress,
};

/// A file that is read, or was.
pub(super) fn progress(connector: &str, name: &str, file: &FileProgress) -> Value {
    let stored = &file.stored;
    let state = match (stored.stage, file.is_settled) {
        (Stage::Reading, _) => "reading",
        // Read to the end; its last records are not acknowledged yet.
        (Stage::Finished, false) => "delivering",
        (Stage::Finished, true) => "finished",
        (Stage::Failed, _) => "failed",
    };
    let eta_ms = file.eta_ms();
    let eta = eta_ms.map(|eta_ms| timestamp_text(stored.at_ms.saturating_add(eta_ms)));
    json!({
        "connector": connector,
        "file": name,
        "state": state,
        "rows": {
            "read": stored.rows,
            "converted": stored.rows.saturating_sub(stored.failed),
            "failed": stored.failed,
            "delivered": file.delivered.saturating_sub(stored.failed.min(file.delivered)),
            "left": file.rows_left(),
            "left_is_estimate": stored.stage != Stage::Finished,
        },
        "bytes": {"total": file.size(), "read": stored.bytes_read},
        "eta_ms": eta_ms,
        "eta": eta.filter(|_| stored.stage == Stage::Reading),
        "as_of": timestamp_text(stored.at_ms),
        "errors": file.sentences,
    })
}

/// A file that nobody has begun to read.
pub(super) fn waiting(connector: &str, name: &str, identity: Identity) -> Value {
    json!({
        "connector": connector,
        "file": name,
        "state": "waiting",
        "rows": {"read": 0, "converted": 0, "failed": 0, "delivered": 0, "left": null,
            "left_is_estimate": true},
        "bytes": {"total": identity.size, "read": 0},
        "eta_ms": null,
        "eta": null,
        "as_of": null,
        "errors": [],
    })
}

/// A name as a part of a path.
pub(super) fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
