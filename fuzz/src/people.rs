//! A user with authenticators and recovery codes, for targets that are about what follows.

use twinlock_verifier::{Algorithm, Authenticator, Credential, RecoverySet};

use crate::parts::Parts;

/// Unix seconds in the middle of a step.
pub const NOW: i64 = 1_900_000_005;
/// Unix seconds of the build.
pub const BUILT: i64 = 1_764_000_000;

/// The secret of an authenticator is made of its number.
pub fn authenticator(id: u32, parts: &mut Parts<'_>) -> Authenticator {
    Authenticator {
        id,
        label: format!("phone {id}"),
        secret: id.to_le_bytes().repeat(5).into(),
        algorithm: parts.pick(&[Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits: parts.pick(&[6, 7, 8]),
        period: parts.pick(&[30, 15, 60, 120]),
        enrolled: BUILT,
    }
}

/// One to three authenticators, and recovery codes or none.
pub fn credential(parts: &mut Parts<'_>) -> Credential {
    let count = 1 + parts.below(3) as u32;
    let authenticators = (1..=count).map(|id| authenticator(id, parts)).collect();
    let recovery = parts.flag().then(|| recovery_set(parts.byte()));
    Credential { authenticators, recovery }
}

/// Ten recovery codes, of which the first byte says which set they are of.
pub fn recovery_set(number: u8) -> RecoverySet {
    let hashes = (0..10).map(|code| recovery_hash(&recovery_code(number, code))).collect();
    RecoverySet { salt: vec![number; 16], rounds: 100_000, hashes }
}

/// The code at this place of a set.
pub fn recovery_code(number: u8, place: u8) -> [u8; 10] {
    let mut code = [place; 10];
    code[0] = number;
    code
}

/// In the place of PBKDF2, which takes longer than everything else: only which hash belongs to which code counts here.
pub fn recovery_hash(code: &[u8; 10]) -> [u8; 32] {
    std::array::from_fn(|place| code[place % 10] ^ place as u8)
}
