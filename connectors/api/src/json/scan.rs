//! Finds what ends plain text, eight bytes at a time.

/// Bytes of one step.
const STEP: usize = size_of::<u64>();
const ONES: u64 = u64::from_ne_bytes([1; STEP]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; STEP]);

/// Bytes before the next quote, backslash or control character.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let (steps, rest) = bytes.as_chunks::<STEP>();
    for (number, step) in steps.iter().enumerate() {
        let found = special(u64::from_le_bytes(*step));
        if found != 0 {
            let place = usize::try_from(found.trailing_zeros() / u8::BITS).unwrap_or_default();
            return number * STEP + place;
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    steps.len() * STEP + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The high bit of the first byte that is special, and perhaps those of later ones; 0 when none is.
const fn special(word: u64) -> u64 {
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(ONES * limit as u64) & !word & HIGH_BITS
    }
    below(word, 0x20)
        | below(word ^ (ONES * b'"' as u64), 1)
        | below(word ^ (ONES * b'\\' as u64), 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x1e_u8..0x24, 0x5b_u8..0x5e], 0..40)
        ) {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let first = bytes.iter().position(is_special).unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), first);
        }
    }
}
