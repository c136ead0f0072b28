//! Time steps (RFC 6238, section 4.2) and which of them a typed code belongs to.

use totp_rs::{Builder, Secret, Totp};
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
    let totp = generator(authenticator);
    let Some(current) = step_at(now, authenticator.period) else { return Match::None };
    let mut found = Match::None;
    for offset in [0i8, -1, 1] {
        let shift = drift.clamp(-MAX_DRIFT, MAX_DRIFT).saturating_add(offset);
        let Some(step) = current.checked_add_signed(i64::from(shift)) else { continue };
        // With skew 0 this compares exactly one step, in constant time.
        let Some(time) = step.checked_mul(u64::from(authenticator.period)) else { continue };
        if totp.check(code, time).is_none() {
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

/// The code of the step that contains `time` (seconds since the epoch). For tests and for showing what an
/// app should show; a login never needs it.
pub fn code_at(authenticator: &Authenticator, time: u64) -> String {
    generator(authenticator).generate(time).to_string()
}

/// What tells one authenticator's codes from another's, whatever its digits and period: its hash function and four
/// codes of eight digits, of the first two minutes of 1970. Two secrets can be one key: HMAC fills a short one up with
/// zeros and hashes a long one first (RFC 2104, section 2).
pub(crate) fn sample(authenticator: &Authenticator) -> Zeroizing<String> {
    let totp = generator(&Authenticator { digits: 8, period: 30, ..authenticator.clone() });
    let mut sample = Zeroizing::new(String::with_capacity(48));
    sample.push_str(authenticator.algorithm.name());
    for step in 0..4u64 {
        sample.push_str(&Zeroizing::new(totp.generate(step.saturating_mul(30)).to_string()));
    }
    sample
}

fn generator(authenticator: &Authenticator) -> Totp {
    // Not `build`: it refuses secrets under 128 bits, which imported ones may be. Digits and period were
    // checked when the credential was read, so nothing below can panic.
    Builder::new()
        .with_algorithm(match authenticator.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        })
        .with_digits(authenticator.digits)
        .with_skew(0)
        .with_step_duration(u64::from(authenticator.period))
        .with_secret(Secret::from(authenticator.secret.as_slice()))
        .build_noncompliant()
}
