//! Requests that workers of one group send each other. Source: KIP-507.

use super::{
    error::{HerderError, Result},
    handle::HerderHandle,
};
use crate::config::Mode;

/// Algorithms that a worker knows when it is told of none.
const ALGORITHMS: &str = "HmacSHA256";

impl HerderHandle {
    /// Looks at a request that only a peer sends, signed with an algorithm or not at all. This
    /// worker is alone in its group: nobody was given its key, so that no signature is right.
    ///
    /// # Errors
    /// Always: `NotInStandalone` with `purpose`, `Unsigned`, `UnknownSignature`, `WrongSignature`.
    pub fn refuse_peer(&self, purpose: &'static str, signed_with: Option<&str>) -> Result<()> {
        if self.settings.mode == Mode::Standalone {
            return Err(HerderError::NotInStandalone(purpose));
        }
        let algorithm = signed_with.ok_or(HerderError::Unsigned)?;
        let key = "inter.worker.verification.algorithms";
        let known = self.settings.worker.get(key).unwrap_or(ALGORITHMS);
        let known: Vec<_> = known.split(',').map(str::trim).collect();
        if !known.contains(&algorithm) {
            let algorithm = algorithm.to_owned();
            return Err(HerderError::UnknownSignature { algorithm, known: known.join(", ") });
        }
        Err(HerderError::WrongSignature)
    }
}
