//! Finds what ends plain text: eight bytes at a time, and more of them where it is long.

/// Bytes of one step.
const STEP: usize = size_of::<u64>();
/// Text of which most has ended: only longer one is worth whole blocks.
const SHORT: usize = 2 * STEP;
/// Bytes of a block, which the processor's vectors take at once.
const BLOCK: usize = 32;
const ONES: u64 = u64::from_ne_bytes([1; STEP]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; STEP]);

/// Bytes before the next quote, backslash or control character.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    match bytes.split_at_checked(SHORT) {
        Some((short, long)) => match by_steps(short) {
            SHORT => SHORT + long_length(long),
            length => length,
        },
        None => by_steps(bytes),
    }
}

/// The same for the rest of a text that is not short.
fn long_length(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let plain = blocks.iter().position(has_special).unwrap_or(blocks.len()) * BLOCK;
    plain + by_steps(bytes.get(plain..).unwrap_or_default())
}

fn has_special(block: &[u8; BLOCK]) -> bool {
    // Without a branch, so that it becomes a few instructions on vectors.
    let is_special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    block.iter().fold(false, |found, &byte| found | is_special(byte))
}

#[inline]
fn by_steps(bytes: &[u8]) -> usize {
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
            plain in prop::collection::vec(prop_oneof![0x23_u8..0x5c, 0x5d_u8..], 0..100),
            rest in prop::collection::vec(prop_oneof![any::<u8>(), 0x1e_u8..0x24, 0x5b_u8..0x5e], 0..40),
        ) {
            let bytes = [plain, rest].concat();
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            let first = bytes.iter().position(is_special).unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), first);
        }
    }
}
