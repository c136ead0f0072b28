//! Everything random that an enrolment needs. It is cut from bytes that the caller drew from the kernel;
//! nothing here may stretch, mix or invent randomness.

use std::fmt;

use zeroize::Zeroizing;

use crate::RecoveryCodes;
use crate::recovery;

const SECRET: usize = 20;
const SALT: usize = 16;

/// Everything random that an enrolment needs, made from bytes that the caller drew from the kernel.
pub struct Material {
    /// The shared secret of the new authenticator: 160 bits, as RFC 4226 section 4 (R6) recommends.
    pub secret: Zeroizing<[u8; SECRET]>,
    /// The salt for the hashes of the recovery codes: 128 bits (RFC 8018 section 4.1 asks for 64).
    pub salt: [u8; SALT],
    /// Ten recovery codes of 80 bits each.
    pub recovery_codes: RecoveryCodes,
}

impl Material {
    /// How many random bytes an enrolment takes: secret, salt and recovery codes, in this order.
    pub const RANDOM_BYTES: usize = SECRET + SALT + recovery::COUNT * recovery::BYTES;

    /// Cuts the bytes into their uses, each byte used once. The caller wipes `bytes` afterwards.
    pub fn from_random(bytes: &[u8; Self::RANDOM_BYTES]) -> Material {
        let mut secret = Zeroizing::new([0; SECRET]);
        let mut salt = [0; SALT];
        let (for_secret, rest) = bytes.split_at(SECRET);
        let (for_salt, for_codes) = rest.split_at(SALT);
        secret.copy_from_slice(for_secret);
        salt.copy_from_slice(for_salt);
        Material { secret, salt, recovery_codes: RecoveryCodes::cut(for_codes) }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn counting() -> [u8; Material::RANDOM_BYTES] {
        std::array::from_fn(|i| i as u8)
    }

    #[test]
    fn every_random_byte_is_used_once_and_in_order() {
        let bytes = counting();
        let material = Material::from_random(&bytes);
        let mut used = material.secret.to_vec();
        used.extend(material.salt);
        used.extend(material.recovery_codes.iter().flatten());
        assert_eq!(used, bytes);
    }

    #[test]
    fn debug_output_shows_nothing() {
        assert_eq!(format!("{:?}", Material::from_random(&counting())), "Material(..)");
    }
}
