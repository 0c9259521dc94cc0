//! Digests of what is sent, and the key that the server encrypts with when it is the customer's own.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect_api::config::Secret;
use md5::{Digest as _, Md5};

/// Length of a key for AES-256.
const KEY_BYTES: usize = 32;

/// A key that the server uses and forgets: every request that writes or reads brings it.
#[derive(Clone, Debug)]
pub(crate) struct CustomerKey {
    pub(super) key: Secret<String>,
    pub(super) digest: String,
}

impl CustomerKey {
    /// The only algorithm.
    pub(super) const ALGORITHM: &'static str = "AES256";

    /// Reads a key in base64.
    ///
    /// # Errors
    /// The reason, without the key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let key = STANDARD.decode(text).ok().filter(|key| key.len() == KEY_BYTES);
        let key = key.ok_or_else(|| format!("Must be {KEY_BYTES} bytes in base64"))?;
        Ok(Self { key: Secret::new(text.to_owned()), digest: digest(&key) })
    }
}

/// Content-MD5.
pub(super) fn digest(content: &[u8]) -> String {
    STANDARD.encode(Md5::digest(content))
}

/// Gives a request the customer's key, if there is one.
macro_rules! encrypted {
    ($store:expr, $request:expr) => {{
        let key = $store.customer_key.as_ref();
        $request
            .set_sse_customer_algorithm(key.map(|_| CustomerKey::ALGORITHM.to_owned()))
            .set_sse_customer_key(key.map(|key| key.key.expose().clone()))
            .set_sse_customer_key_md5(key.map(|key| key.digest.clone()))
    }};
}
pub(super) use encrypted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_thirty_two_bytes_in_base64_and_never_shown() {
        let text = STANDARD.encode([7; 32]);
        let key = CustomerKey::parse(&text).unwrap();
        assert_eq!(key.digest, digest(&[7; 32]));
        assert!(!format!("{key:?}").contains(&text));
        for wrong in ["", "short", &STANDARD.encode([7; 31]), &format!("{text}!")] {
            assert!(CustomerKey::parse(wrong).unwrap_err().contains("base64"));
        }
    }

    #[test]
    fn a_digest_is_that_of_the_rfc() {
        // RFC 1321, "abc": 900150983cd24fb0d6963f7d28e17f72.
        assert_eq!(digest(b"abc"), "kAFQmDzST7DWlj99KOF/cg==");
    }
}
