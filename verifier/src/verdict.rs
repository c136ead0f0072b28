//! One path for right and wrong: an answer, a credential and a record go in; the record is changed and the
//! verdict comes out. The caller holds the ledger's lock, and shows nobody the verdict before the record is
//! durable.

use crate::credential::Identified;
use crate::record::{Acceptance, Record, Registered};
use crate::recovery;
use crate::source::Source;
use crate::steps::{self, MAX_DRIFT, Match};
use crate::throttle::Limits;
use crate::typed::Typed;

/// Seconds that a clock may be behind the last acceptance: two hosts, or a clock being set, differ by less.
pub const CLOCK_TOLERANCE: i64 = 60;

/// Everything that a verdict depends on, but for the record.
pub struct Request<'a> {
    /// What was typed.
    pub typed: &'a Typed,
    /// Its PBKDF2 hash with the credential's salt, if it has the shape of a recovery code. Computed before
    /// the lock is taken, because it is slow.
    pub recovery_hash: Option<[u8; 32]>,
    /// The user's credential.
    pub credential: &'a Identified,
    /// Unix seconds.
    pub now: i64,
    /// Unix seconds of the build: an earlier clock is wrong.
    pub built: i64,
    /// Where the login comes from.
    pub source: Source,
    /// PAM service.
    pub service: &'a str,
    /// SHA-256 of the policy in force.
    pub policy: [u8; 32],
    /// The throttle's numbers.
    pub limits: &'a Limits,
}

/// What an accepted answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A code of the authenticator with this label.
    Authenticator(String),
    /// A recovery code; so many are left.
    RecoveryCode {
        /// Codes that can still be used.
        left: u32,
    },
}

/// An accepted answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it was.
    pub by: By,
    /// Wrong codes since the last success.
    pub failures: u32,
    /// Unix seconds of the first of them.
    pub failing_since: i64,
}

/// Why an answer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing typed. Not counted.
    Empty,
    /// Not shaped like a code of this user's. Not counted.
    Unshaped,
    /// A right code that was used before. Not counted.
    Replayed,
    /// Not a code of now. Counted.
    Wrong,
    /// Not a recovery code, or one that was used. Counted, by the recovery codes' own throttle.
    WrongRecovery,
    /// Too soon after wrong ones: neither looked at nor used up.
    Throttled {
        /// Seconds to wait.
        wait: u64,
    },
    /// Too many wrong ones: an administrator has to unlock.
    Disabled,
    /// The clock is before the last acceptance or the build: time-based codes mean nothing now.
    Clock,
    /// The credential holds something that the ledger does not know.
    Unregistered,
}

impl Rejection {
    /// Its word in a log line and in the check helper's reply.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Unshaped => "unshaped",
            Self::Replayed => "replayed",
            Self::Wrong => "wrong",
            Self::WrongRecovery => "wrong_recovery_code",
            Self::Throttled { .. } => "throttled",
            Self::Disabled => "disabled",
            Self::Clock => "clock",
            Self::Unregistered => "credential_unregistered",
        }
    }

    /// The rejection with this word; `wait` is for the one that has seconds to wait.
    pub fn from_word(word: &str, wait: u64) -> Option<Self> {
        [
            Self::Empty,
            Self::Unshaped,
            Self::Replayed,
            Self::Wrong,
            Self::WrongRecovery,
            Self::Throttled { wait },
            Self::Disabled,
            Self::Clock,
            Self::Unregistered,
        ]
        .into_iter()
        .find(|rejection| rejection.word() == word)
    }
}

/// The answer's fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was right, and is now used up.
    Accepted(Accepted),
    /// It was not.
    Rejected(Rejection),
}

impl Verdict {
    /// Whether the answer was evaluated, so that the record must be durable before anybody is told.
    pub fn must_be_recorded(&self) -> bool {
        matches!(
            self,
            Self::Accepted(_)
                | Self::Rejected(Rejection::Replayed | Rejection::Wrong | Rejection::WrongRecovery)
        )
    }
}

/// Judges an answer and writes into the record what must be remembered of it.
pub fn judge(request: &Request<'_>, record: &mut Record) -> Verdict {
    if record.enrolled && !record.knows(request.credential) {
        return Verdict::Rejected(Rejection::Unregistered);
    }
    record.bound_waits(request.limits, request.now);
    let outcome = match request.typed {
        Typed::Empty => Err(Rejection::Empty),
        Typed::Unshaped => Err(Rejection::Unshaped),
        Typed::Code(code) if !request.credential.takes_digits(code.len()) => Err(Rejection::Unshaped),
        Typed::Code(code) => code_outcome(request, record, code),
        Typed::Recovery(_) => recovery_outcome(request, record),
    };
    match outcome {
        Ok(by) => Verdict::Accepted(accept(request, record, by)),
        Err(rejection) => Verdict::Rejected(rejection),
    }
}

/// Whether the clock is wrong by what the record or the build knows.
pub fn clock_is_behind(record: &Record, now: i64, built: i64) -> bool {
    let last = record.last.as_ref().map_or(i64::MIN, |last| last.at);
    now < built || now < last.max(record.burned_until).saturating_sub(CLOCK_TOLERANCE)
}

fn code_outcome(request: &Request<'_>, record: &mut Record, code: &str) -> Result<By, Rejection> {
    if clock_is_behind(record, request.now, request.built) {
        return Err(Rejection::Clock);
    }
    if record.is_disabled(request.limits) {
        return Err(Rejection::Disabled);
    }
    match record.wait_left(request.limits, request.source, request.now) {
        0 => {}
        wait => return Err(Rejection::Throttled { wait }),
    }
    let mut accepted = None;
    let mut replayed = false;
    for (one, fingerprint) in request.credential.each() {
        if usize::from(one.digits) != code.len() {
            continue;
        }
        let entry = record.entry(fingerprint);
        let drift = entry.map_or(0, |entry| entry.drift);
        let last = record.last_used_step_of(entry, one.period);
        match steps::find(one, code, request.now, last, drift) {
            Match::Fresh { step, offset } if accepted.is_none() => {
                accepted = Some((one, fingerprint, step, offset));
            }
            Match::Replayed => replayed = true,
            Match::Fresh { .. } | Match::None => {}
        }
    }
    let Some((one, fingerprint, step, offset)) = accepted else {
        if replayed {
            return Err(Rejection::Replayed);
        }
        record.count_failure(request.limits, request.source, request.now);
        return Err(Rejection::Wrong);
    };
    if !record.enrolled {
        record.register(request.credential);
    }
    if let Some(entry) = record.authenticators.iter_mut().find(|entry| entry.fingerprint == *fingerprint) {
        use_step(entry, step, offset);
    }
    Ok(By::Authenticator(one.label.clone()))
}

/// Follows the phone's clock by one step, but only when two codes in a row lay on the same side: one code
/// typed late says nothing about the clock.
fn use_step(entry: &mut Registered, step: u64, offset: i8) {
    entry.last_step = step;
    if offset != 0 && offset == entry.lean {
        entry.drift = entry.drift.saturating_add(offset).clamp(-MAX_DRIFT, MAX_DRIFT);
        entry.lean = 0;
    } else {
        entry.lean = offset;
    }
}

fn recovery_outcome(request: &Request<'_>, record: &mut Record) -> Result<By, Rejection> {
    // Nobody's recovery codes count before the user is enrolled: the first accepted code is a live one.
    let (Some(set), Some(hash)) = (&request.credential.recovery, &request.recovery_hash) else {
        return Err(Rejection::Unshaped);
    };
    if !record.enrolled {
        return Err(Rejection::Unshaped);
    }
    match record.recovery_wait_left(request.now) {
        0 => {}
        wait => return Err(Rejection::Throttled { wait }),
    }
    let unused = |place: &usize| record.recovery.is_some_and(|known| known.used >> *place & 1 == 0);
    let Some(place) = recovery::find(set, hash).filter(unused) else {
        record.count_recovery_failure(request.limits, request.now);
        return Err(Rejection::WrongRecovery);
    };
    let mut left = 0;
    if let Some(known) = &mut record.recovery {
        known.used |= 1 << place;
        left = known.left();
    }
    Ok(By::RecoveryCode { left })
}

fn accept(request: &Request<'_>, record: &mut Record, by: By) -> Accepted {
    let accepted = Accepted { by, failures: record.failures, failing_since: record.failing_since };
    // A disabled authenticator stays so: a recovery code gets its owner in, an administrator unlocks.
    if !record.is_disabled(request.limits) {
        record.clear_failures(request.limits, request.source, request.now);
    }
    record.recovery_failures = 0;
    record.recovery_wait_until = 0;
    let at = record.last.as_ref().map_or(request.now, |last| last.at.max(request.now));
    record.last = Some(Acceptance { at, policy: request.policy, service: request.service.to_owned() });
    accepted
}
