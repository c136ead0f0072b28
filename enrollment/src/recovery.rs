//! Recovery codes as people see them. They are shown once and stored nowhere in this form; hashing them
//! is the verifier's work.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

/// Recovery codes in one set.
pub(crate) const COUNT: usize = 10;
/// Bytes in one code: 80 bits, which are exactly 16 characters of base32.
pub(crate) const BYTES: usize = 10;

const TEXT: usize = 19; // XXXX-XXXX-XXXX-XXXX
const PRINTED_LINE: usize = 2 * (4 + TEXT) + 4 + 1;

/// A set of ten recovery codes of 80 bits. They lie on the heap, so that moving the set leaves no copy on the
/// stack.
pub struct RecoveryCodes(Zeroizing<Vec<[u8; BYTES]>>);

impl RecoveryCodes {
    /// Random bytes that a new set takes, for a user who asks for new codes without a new authenticator.
    pub const RANDOM_BYTES: usize = COUNT * BYTES;

    /// Cuts a new set from bytes that the caller drew from the kernel, and which the caller wipes.
    pub fn from_random(bytes: &[u8; Self::RANDOM_BYTES]) -> RecoveryCodes {
        Self::cut(bytes)
    }

    /// Cuts the bytes, which are [`Self::RANDOM_BYTES`] long.
    pub(crate) fn cut(bytes: &[u8]) -> RecoveryCodes {
        let mut codes = Zeroizing::new(vec![[0; BYTES]; COUNT]);
        for (code, random) in codes.iter_mut().zip(bytes.chunks_exact(BYTES)) {
            code.copy_from_slice(random);
        }
        RecoveryCodes(codes)
    }

    /// The raw codes, 10 bytes each, in the order in which they are shown.
    pub fn iter(&self) -> std::slice::Iter<'_, [u8; BYTES]> {
        self.0.iter()
    }

    /// The codes as `XXXX-XXXX-XXXX-XXXX`: the base32 alphabet of RFC 4648 section 6, upper case.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = Zeroizing<String>> + '_ {
        self.iter().map(text)
    }

    /// All codes in two numbered columns, five lines of 50 ASCII characters, each ended by a newline. The
    /// numbers run down the columns, as lists on paper do.
    pub fn printable(&self) -> Zeroizing<String> {
        let rows = COUNT.div_ceil(2);
        let mut block = Zeroizing::new(String::with_capacity(rows * PRINTED_LINE));
        let (left, right) = self.0.split_at(rows);
        for (row, (one, two)) in left.iter().zip(right).enumerate() {
            number(&mut block, row + 1);
            block.push_str(&text(one));
            block.push_str("    ");
            number(&mut block, row + 1 + rows);
            block.push_str(&text(two));
            block.push('\n');
        }
        block
    }
}

impl<'a> IntoIterator for &'a RecoveryCodes {
    type Item = &'a [u8; BYTES];
    type IntoIter = std::slice::Iter<'a, [u8; BYTES]>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodes(..)")
    }
}

fn number(block: &mut String, number: usize) {
    block.push_str(&format!("{number:>2}. "));
}

fn text(code: &[u8; BYTES]) -> Zeroizing<String> {
    let plain = Zeroizing::new(BASE32_NOPAD.encode(code));
    crate::uri::grouped(&plain, '-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn counting() -> RecoveryCodes {
        RecoveryCodes::from_random(&std::array::from_fn(|i| i as u8))
    }

    #[test]
    fn a_code_is_four_groups_of_base32_in_upper_case() {
        for (bytes, expected) in [
            ([0; 10], "AAAA-AAAA-AAAA-AAAA"),
            ([255; 10], "7777-7777-7777-7777"),
            (*b"0123456789", "GAYT-EMZU-GU3D-OOBZ"),
        ] {
            assert_eq!(*text(&bytes), expected);
        }
    }

    #[test]
    fn a_code_decodes_to_its_own_bytes() {
        let codes = counting();
        for (raw, shown) in codes.iter().zip(codes.texts()) {
            let decoded = BASE32_NOPAD.decode(shown.replace('-', "").as_bytes()).unwrap();
            assert_eq!(decoded, raw);
        }
    }

    #[test]
    fn the_printed_block_holds_each_code_once_in_two_numbered_ascii_columns() {
        let codes = counting();
        let block = codes.printable();
        assert!(block.is_ascii());
        assert_eq!(block.lines().count(), 5);
        for line in block.lines() {
            assert_eq!(line.len(), PRINTED_LINE - 1);
        }
        for (i, code) in codes.texts().enumerate() {
            assert_eq!(block.matches(&format!("{:>2}. {}", i + 1, *code)).count(), 1, "code {}", i + 1);
        }
        assert!(block.lines().next().unwrap().starts_with(" 1. "));
        assert!(block.lines().next().unwrap().contains("     6. "));
    }

    #[test]
    fn the_printed_block_is_never_reallocated() {
        let block = counting().printable();
        assert_eq!(block.len(), block.capacity());
    }

    #[test]
    fn debug_output_shows_nothing() {
        assert_eq!(format!("{:?}", counting()), "RecoveryCodes(..)");
    }
}
