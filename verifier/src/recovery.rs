//! Recovery codes: look-up secrets of 80 bits, each used once (NIST SP 800-63B, section 3.1.2).
//!
//! Only salted PBKDF2-HMAC-SHA256 hashes are stored. Hashing is slow on purpose, so it is done before the
//! ledger's lock is taken; comparing is not.

use data_encoding::BASE32_NOPAD;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::credential::RecoverySet;

/// Bytes in a recovery code: 80 bits, sixteen base32 letters.
pub const CODE_BYTES: usize = 10;
/// How many recovery codes a set has.
pub const CODES: usize = 10;
/// The rounds that new sets are hashed with.
pub const DEFAULT_ROUNDS: u32 = 100_000;
/// The rounds that a credential may ask for. A user could write more, and make every login slow.
pub const ROUNDS: std::ops::RangeInclusive<u32> = 100_000..=1_000_000;

/// Reads a code as people write it: dashes and case do not matter, and `0`, `1` and `8`, which base32
/// does not have, are read as the letters they look like. None when it is not sixteen letters.
pub fn decode(text: &str) -> Option<Zeroizing<[u8; CODE_BYTES]>> {
    let mut letters = Zeroizing::new(Vec::with_capacity(2 * CODE_BYTES));
    for byte in text.bytes().filter(|&byte| byte != b'-') {
        letters.push(match byte.to_ascii_uppercase() {
            b'0' => b'O',
            b'1' => b'I',
            b'8' => b'B',
            other => other,
        });
    }
    if letters.len() != 16 {
        return None;
    }
    let mut decoded = BASE32_NOPAD.decode(&letters).ok()?;
    let mut code = Zeroizing::new([0; CODE_BYTES]);
    code.copy_from_slice(decoded.get(..CODE_BYTES)?);
    decoded.zeroize();
    Some(code)
}

/// A code as sixteen base32 letters, as [`decode`] reads it.
pub fn encode(code: &[u8; CODE_BYTES]) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(code))
}

/// PBKDF2-HMAC-SHA256 (RFC 8018, section 5.2) of a recovery code.
pub fn hash(code: &[u8; CODE_BYTES], salt: &[u8], rounds: u32) -> [u8; 32] {
    let mut out = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(code, salt, rounds, &mut out);
    out
}

/// The place in the set of the code with this hash. Every entry is compared, whole, whatever matches.
pub fn find(set: &RecoverySet, hash: &[u8; 32]) -> Option<usize> {
    let mut found = None;
    for (index, stored) in set.hashes.iter().enumerate() {
        let difference = stored.iter().zip(hash).fold(0u8, |sum, (a, b)| sum | (a ^ b));
        if difference == 0 {
            found = Some(index);
        }
    }
    found
}
