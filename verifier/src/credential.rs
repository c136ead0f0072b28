//! The credential: what a user's phone knows, and the hashes of their recovery codes.
//!
//! It lives where its user can write it, so every number in it is bounded here before anything is computed
//! with it, and an error names a place, never the text that stands there.

mod exact;
mod file;
mod identified;

use std::fmt;

use blake2::Blake2b;
use blake2::digest::consts::U16;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use file::CredentialFault;
pub use identified::Identified;

use crate::recovery;

/// The largest credential file that is read, in bytes.
pub const MAX_FILE: usize = 64 * 1024;
/// Phones, or persons, that one credential can hold.
pub const MAX_AUTHENTICATORS: usize = 64;
/// Characters in a label.
pub const MAX_LABEL: usize = 64;
/// Bytes of a secret: RFC 4226 asks for 16 or more; 10 are still in use elsewhere and can be imported.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 10..=128;

/// Hash function of an authenticator (RFC 6238, section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1: what every app implements.
    Sha1,
    /// HMAC-SHA-256: many apps ignore it silently.
    Sha256,
    /// HMAC-SHA-512: many apps ignore it silently.
    Sha512,
}

impl Algorithm {
    /// The name in a credential and in an otpauth URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// One phone, or one person's phone on a shared account.
#[derive(Clone)]
pub struct Authenticator {
    /// Number that does not change while the authenticator exists.
    pub id: u32,
    /// Name that the audit log shows: "phone", "maria".
    pub label: String,
    /// The shared secret, raw.
    pub secret: Zeroizing<Vec<u8>>,
    /// Hash function.
    pub algorithm: Algorithm,
    /// Digits of a code, 6 to 8.
    pub digits: u8,
    /// Seconds of a step, 15 to 120.
    pub period: u16,
    /// Unix seconds of its enrolment.
    pub enrolled: i64,
}

/// Salted hashes of the recovery codes.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoverySet {
    /// Salt, 16 to 64 bytes.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub rounds: u32,
    /// Up to ten hashes.
    pub hashes: Vec<[u8; 32]>,
}

impl RecoverySet {
    /// Hashes freshly drawn codes. Slow: about half a second.
    pub fn new<'a>(
        codes: impl IntoIterator<Item = &'a [u8; recovery::CODE_BYTES]>,
        salt: &[u8],
        rounds: u32,
    ) -> Self {
        let hashes = codes.into_iter().map(|code| recovery::hash(code, salt, rounds)).collect();
        Self { salt: salt.to_vec(), rounds, hashes }
    }

    /// What the ledger registers of this set: sixteen bytes over all of it, by BLAKE2b (RFC 7693), since every login
    /// computes them (docs/decisions/0012).
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut sum = Blake2b::<U16>::new();
        sum.update(b"twinlock recovery set 2");
        sum.update(self.rounds.to_le_bytes());
        sum.update([u8::try_from(self.salt.len()).unwrap_or(u8::MAX)]);
        sum.update(&self.salt);
        for hash in &self.hashes {
            sum.update(hash);
        }
        sum.finalize().into()
    }
}

impl Authenticator {
    /// What the ledger registers of this authenticator: sixteen bytes over its secret and everything else
    /// that decides which codes it takes and whose name the log shows, so that an edited one is a stranger.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut sum = Sha256::new();
        // Short, so that a usual name leaves it at one block.
        sum.update(b"twinlock 2");
        sum.update(self.id.to_le_bytes());
        sum.update([self.digits]);
        sum.update(self.period.to_le_bytes());
        sum.update(self.algorithm.name().as_bytes());
        sum.update([0]);
        sum.update(self.label.as_bytes());
        sum.update([0]);
        sum.update(self.secret.as_slice());
        shortened(sum)
    }
}

fn shortened(sum: Sha256) -> [u8; 16] {
    let whole: [u8; 32] = sum.finalize().into();
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(whole) {
        *to = from;
    }
    short
}

/// A user's credential.
#[derive(Clone)]
pub struct Credential {
    /// One to 64 authenticators.
    pub authenticators: Vec<Authenticator>,
    /// The recovery codes, unless there are none (imported users have none until they ask for a set).
    pub recovery: Option<RecoverySet>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("authenticators", &self.authenticators.len())
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// What tells this credential from any other: sixteen bytes over the fingerprints of all its parts. A change says
    /// by it what it was made from.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut sum = Sha256::new();
        sum.update(b"twinlock credential 1");
        for one in &self.authenticators {
            sum.update(one.fingerprint());
        }
        sum.update([0]);
        if let Some(set) = &self.recovery {
            sum.update(set.fingerprint());
        }
        shortened(sum)
    }

    /// Whether any authenticator has codes of this many digits.
    pub fn takes_digits(&self, digits: usize) -> bool {
        self.authenticators.iter().any(|one| usize::from(one.digits) == digits)
    }
}

/// Whether a label can stand in a credential, a log line and a PAM variable: 1 to 64 characters, none of
/// them a control character.
pub fn is_label(label: &str) -> bool {
    !label.is_empty() && label.chars().count() <= MAX_LABEL && !label.chars().any(char::is_control)
}

/// Reads a base32 secret as people and other tools write it: spaces, dashes, lower case and padding do not
/// matter. None when it is not base32 or not 10 to 128 bytes long.
pub fn decode_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let letters: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.bytes()
            .filter(|byte| !matches!(byte, b' ' | b'-' | b'='))
            .map(|byte| byte.to_ascii_uppercase())
            .collect(),
    );
    let secret = Zeroizing::new(BASE32_NOPAD.decode(&letters).ok()?);
    SECRET_BYTES.contains(&secret.len()).then_some(secret)
}
