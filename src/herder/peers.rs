//! Requests that workers of one group send each other. Source: KIP-507.

use super::{error::HerderError, handle::HerderHandle};
use crate::config::Mode;

/// Algorithms that a worker knows when it is told of none.
const ALGORITHMS: &str = "HmacSHA256";

impl HerderHandle {
    /// Why a request is refused that only a peer sends, signed with an algorithm or not at all. This
    /// worker is alone in its group: nobody was given its key, so that no signature is right.
    #[must_use]
    pub fn peer_refusal(&self, purpose: &'static str, signed_with: Option<&str>) -> HerderError {
        if self.settings.mode == Mode::Standalone {
            return HerderError::NotInStandalone(purpose);
        }
        let Some(algorithm) = signed_with else { return HerderError::Unsigned };
        let key = "inter.worker.verification.algorithms";
        let known = self.settings.worker.get(key).unwrap_or(ALGORITHMS);
        let known: Vec<_> = known.split(',').map(str::trim).collect();
        if !known.contains(&algorithm) {
            let algorithm = algorithm.to_owned();
            return HerderError::UnknownSignature { algorithm, known: known.join(", ") };
        }
        HerderError::WrongSignature
    }
}
