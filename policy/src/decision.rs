//! What the policy answers: plain values, without any way to act on them.

use crate::reason::Reason;

/// Whether a code is wanted. Ordered from the loosest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// Never asked: an exemption that is in force.
    Exempt,
    /// Asked if enrolled; nobody else is (`require_mfa = false`, and "report").
    UserDriven,
    /// Everybody needs a code.
    Required,
}

/// What happens to a user who needs a code and is not enrolled. Ordered from the loosest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unenrolled {
    /// They are led through enrolment at login.
    Enroll,
    /// They are refused.
    Deny,
}

/// Where new credentials are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// `~/.twinlock/credential.toml`.
    Home,
    /// `/var/lib/twinlock/credentials/<uid>.toml`.
    System,
}

/// Names the setting of `grace_days` that a user's grace started under: the top level, or a rule by its name. The
/// value is stable across restarts, edits of the rule and versions of this crate, so the ledger may keep it. A ledger
/// with room for one start must keep the earliest and never let another key replace it: two rules that a user meets
/// in turn would otherwise renew each other's grace for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GraceKey(pub u64);

/// What is required of one subject, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether a code is wanted.
    pub requirement: Requirement,
    /// What happens to a user who is not enrolled; matters while `requirement` is `Required` and grace is over.
    pub unenrolled: Unenrolled,
    /// Whether the subject's service is in `enroll_at`, so that it may lead through enrolment.
    pub enroll_here: bool,
    /// The end of grace by date: seconds since the epoch, the first second after that day (UTC).
    pub enroll_by: Option<i64>,
    /// Grace in days from the first login under `grace_key`. With `enroll_by` as well, the earlier end holds.
    pub grace_days: Option<u32>,
    /// What the ledger keeps the start of grace under; there whenever `grace_days` is.
    pub grace_key: Option<GraceKey>,
    /// For how many seconds an accepted code need not be asked for again from the same address. 0 where there is
    /// nothing to remember by: no literal address, an exemption, a clock that is behind.
    pub remember: u64,
    /// Where new credentials are written.
    pub credential_store: Store,
    /// Under `require_mfa = "report"`: the decision that `true` would have made.
    pub reported: Option<Box<Decision>>,
    /// What made this decision; its `Display` is what log, `policy explain` and report print.
    pub reason: Reason,
}
