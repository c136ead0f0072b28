//! Time steps (RFC 6238, section 4.2), their codes, and which of them a typed code belongs to.
//!
//! The hashes are RustCrypto's; HMAC and what is left of RFC 4226 stand here, so that a secret is made a key once for all the
//! steps that are tried, and no copy of it stays behind (docs/decisions/0011).

use sha1::Sha1;
use sha1::digest::Digest;
use sha1::digest::common::BlockSizeUser;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::credential::{Algorithm, Authenticator};

/// How far a phone's clock is followed, in steps each way.
pub const MAX_DRIFT: i8 = 4;

/// What a code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// A step within the window and later than the last accepted one, and its distance from the window's
    /// middle: -1, 0 or 1.
    Fresh {
        /// Number of the step since the epoch.
        step: u64,
        /// Distance from the middle of the window.
        offset: i8,
    },
    /// A step within the window that is not later than the last accepted one.
    Replayed,
    /// No step of the window.
    None,
}

/// Seconds since the epoch to the number of the step; None before 1970.
pub fn step_at(now: i64, period: u16) -> Option<u64> {
    u64::try_from(now).ok()?.checked_div(u64::from(period))
}

/// Unix seconds of a step's beginning.
pub fn start(step: u64, period: u16) -> i64 {
    i64::try_from(step.saturating_mul(u64::from(period))).unwrap_or(i64::MAX)
}

/// The last step that the window reaches at this time: codes up to it could have been accepted by now.
pub fn window_end(now: i64, period: u16, drift: i8) -> Option<u64> {
    step_at(now, period)?.checked_add_signed(i64::from(drift.max(0)))?.checked_add(1)
}

/// Compares a code of ASCII digits with one step before to one after `now` plus `drift`. Every step is
/// computed, whatever matches.
pub fn find(authenticator: &Authenticator, code: &str, now: i64, last_step: u64, drift: i8) -> Match {
    let typed = number(code).filter(|_| code.len() == usize::from(authenticator.digits));
    let current = step_at(now, authenticator.period);
    let (Some(current), Some(typed)) = (current, typed) else { return Match::None };
    let key = Key::of(authenticator);
    let mut found = Match::None;
    for offset in [0i8, -1, 1] {
        let shift = drift.clamp(-MAX_DRIFT, MAX_DRIFT).saturating_add(offset);
        let Some(step) = current.checked_add_signed(i64::from(shift)) else { continue };
        // Numbers of one register: equal or not, it takes the same time.
        if key.code(step, authenticator.digits) != typed {
            continue;
        }
        found = match found {
            Match::Fresh { .. } => found,
            _ if step > last_step => Match::Fresh { step, offset },
            _ => Match::Replayed,
        };
    }
    found
}

/// A number of up to nine ASCII digits.
fn number(code: &str) -> Option<u32> {
    let digits = Some(code).filter(|code| (1..=9).contains(&code.len()))?;
    digits.bytes().try_fold(0u32, |sum, digit| {
        let digit = Some(digit).filter(u8::is_ascii_digit)?.checked_sub(b'0')?;
        sum.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

/// The code of the step that contains `time` (seconds since the epoch). For tests and for showing what an
/// app should show; a login never needs it.
pub fn code_at(authenticator: &Authenticator, time: u64) -> String {
    let step = time.checked_div(u64::from(authenticator.period)).unwrap_or_default();
    let digits = usize::from(authenticator.digits);
    format!("{:0digits$}", Key::of(authenticator).code(step, authenticator.digits))
}

/// What tells one authenticator's codes from another's, whatever its digits and period: its hash function and four
/// codes of eight digits, of the first two minutes of 1970. Two secrets can be one key: HMAC fills a short one up with
/// zeros and hashes a long one first (RFC 2104, section 2).
pub(crate) fn sample(authenticator: &Authenticator) -> Zeroizing<String> {
    let key = Key::of(authenticator);
    let mut sample = Zeroizing::new(String::with_capacity(48));
    sample.push_str(authenticator.algorithm.name());
    for step in 0..4u64 {
        sample.push_str(&Zeroizing::new(format!("{:08}", key.code(step, 8))));
    }
    sample
}

/// A secret, ready to be used for any step. Wiped when it goes.
#[allow(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack; a box would be one more place to wipe"
)]
enum Key {
    Sha1(Keyed<Sha1>),
    Sha256(Keyed<Sha256>),
    Sha512(Keyed<Sha512>),
}

impl Key {
    fn of(authenticator: &Authenticator) -> Self {
        let secret = authenticator.secret.as_slice();
        match authenticator.algorithm {
            Algorithm::Sha1 => Self::Sha1(Keyed::of(secret)),
            Algorithm::Sha256 => Self::Sha256(Keyed::of(secret)),
            Algorithm::Sha512 => Self::Sha512(Keyed::of(secret)),
        }
    }

    /// The code of a step as a number, of at most nine digits (RFC 4226, section 5.3).
    fn code(&self, step: u64, digits: u8) -> u32 {
        let counter = step.to_be_bytes();
        match self {
            Self::Sha1(key) => truncated(&key.mac(&counter), digits),
            Self::Sha256(key) => truncated(&key.mac(&counter), digits),
            Self::Sha512(key) => truncated(&key.mac(&counter), digits),
        }
    }
}

/// The bytes of the largest block: SHA-512's.
const LARGEST_BLOCK: usize = 128;

/// HMAC (RFC 2104) with a key that is in both hashes already.
struct Keyed<D> {
    inner: D,
    outer: D,
}

impl<D: Digest + BlockSizeUser + Clone> Keyed<D> {
    fn of(secret: &[u8]) -> Self {
        let mut block = Zeroizing::new([0u8; LARGEST_BLOCK]);
        let size = D::block_size().min(LARGEST_BLOCK);
        if secret.len() > size {
            let sum = D::digest(secret);
            block.iter_mut().zip(sum).for_each(|(to, from)| *to = from);
        } else {
            block.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
        }
        let mut with = |pad: u8| {
            block.iter_mut().for_each(|byte| *byte ^= pad);
            D::new_with_prefix(block.get(..size).unwrap_or_default())
        };
        let inner = with(0x36);
        let outer = with(0x36 ^ 0x5c);
        Self { inner, outer }
    }

    fn mac(&self, text: &[u8]) -> sha1::digest::Output<D> {
        let inner = self.inner.clone().chain_update(text).finalize();
        self.outer.clone().chain_update(inner).finalize()
    }
}

/// Dynamic truncation: four bytes at the place that the last half byte names, without their highest bit, as so many
/// decimal digits.
fn truncated(sum: &[u8], digits: u8) -> u32 {
    let place = usize::from(sum.last().map_or(0, |last| last & 0x0f));
    let four = sum.get(place..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    let modulus = 10u32.checked_pow(u32::from(digits)).unwrap_or(u32::MAX);
    (u32::from_be_bytes(four) & 0x7fff_ffff).checked_rem(modulus).unwrap_or_default()
}
