//! The ledger's record of one user, and its two slots as bytes.
//!
//! What must not be in the user's hands: which authenticators count, which codes are used up, how many were
//! wrong. A slot is self-checking; a reader takes the newest that is whole. When one of two is not, codes
//! may have been accepted that this record does not know of, so whatever could have been used counts as used.

mod slot;

pub use slot::{FILE_BYTES, RecordFault, SLOT_BYTES, Slots, used};

use crate::credential::{Authenticator, Credential, Identified};
use crate::edit::LONGEST_AFTERMATH;
use crate::steps;
use crate::verdict::CLOCK_TOLERANCE;

/// Longest user name that a record can hold, in bytes.
pub const MAX_USER: usize = 255;
/// Remembered sources.
pub const MAX_REMEMBERED: usize = 16;
/// Rules whose grace is running.
pub const MAX_GRACES: usize = 8;
/// How far in the future, in seconds, a step can begin whose code was accepted by a right clock: further than our own
/// window reaches, and than that of another module (50 steps of 60 s) whose used steps were imported.
const FURTHEST_STEP: i64 = 3600;

/// One authenticator that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// [`Authenticator::fingerprint`].
    pub fingerprint: [u8; 16],
    /// The last accepted step; 0 for none.
    pub last_step: u64,
    /// Steps that the phone is ahead of this host.
    pub drift: i8,
    /// Where the last accepted code lay in the window: -1, 0, 1.
    pub lean: i8,
}

/// The recovery set that counts, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisteredRecovery {
    /// [`crate::RecoverySet::fingerprint`].
    pub fingerprint: [u8; 16],
    /// Codes in the set.
    pub codes: u8,
    /// Bit n is set when code n is used.
    pub used: u16,
}

impl RegisteredRecovery {
    /// Codes that can still be used.
    pub fn left(&self) -> u32 {
        (0..u32::from(self.codes)).filter(|bit| self.used >> bit & 1 == 0).count().try_into().unwrap_or(0)
    }
}

/// The last accepted code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// Unix seconds; never goes back, but for `twinlock unlock`.
    pub at: i64,
    /// SHA-256 of the policy that it was accepted under.
    pub policy: [u8; 32],
    /// PAM service, at most 64 bytes.
    pub service: String,
}

/// Failures and the wait of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceWait {
    /// [`crate::Source::key`].
    pub key: [u8; 16],
    /// Consecutive wrong codes.
    pub failures: u32,
    /// Unix seconds until which no code is looked at.
    pub until: i64,
}

impl SourceWait {
    /// No failures and no wait.
    pub const NONE: Self = Self { key: [0; 16], failures: 0, until: 0 };
}

/// A source that need not be asked again for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// [`crate::Source::key`].
    pub source: [u8; 16],
    /// First sixteen bytes of the service's SHA-256.
    pub service: [u8; 16],
    /// Unix seconds of the acceptance.
    pub since: i64,
}

/// When a user first logged in under a rule with days of grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraceStart {
    /// Identifies the rule: the policy room's `GraceKey`.
    pub rule: u64,
    /// Unix seconds.
    pub start: i64,
}

/// The ledger's record of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name this UID had when the record was last written. Once enrolled, another name is a refusal: the UID was
    /// given anew.
    pub user: String,
    /// Whether a code was ever accepted, or registered by an administrator.
    pub enrolled: bool,
    /// The user's own switch: turned off by `twinlock disable`.
    pub switched_off: bool,
    /// Authenticators that count.
    pub authenticators: Vec<Registered>,
    /// The recovery set that counts.
    pub recovery: Option<RegisteredRecovery>,
    /// The last accepted code.
    pub last: Option<Acceptance>,
    /// Unix seconds: every time-based code that could have been accepted by then counts as used, whoever's it is. 0
    /// for none.
    pub burned_until: i64,
    /// Unix seconds: an authenticator that is added takes no code of a step that began before, because a removed one
    /// may have been used in it. 0 for none. See [`Record::edited`].
    pub retired_until: i64,
    /// Consecutive wrong codes over all sources.
    pub failures: u32,
    /// Unix seconds of the first of them.
    pub failing_since: i64,
    /// Unix seconds until which no source's code is looked at.
    pub wait_until: i64,
    /// Waits of single sources.
    pub sources: Vec<SourceWait>,
    /// The wait that all other sources share.
    pub overflow: SourceWait,
    /// Consecutive wrong recovery codes.
    pub recovery_failures: u32,
    /// Unix seconds until which no recovery code is looked at.
    pub recovery_wait_until: i64,
    /// Sources that were asked lately.
    pub remembered: Vec<Remembered>,
    /// Graces that have begun.
    pub graces: Vec<GraceStart>,
}

impl Record {
    /// A record of somebody who has nothing yet.
    pub fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            enrolled: false,
            switched_off: false,
            authenticators: Vec::new(),
            recovery: None,
            last: None,
            burned_until: 0,
            retired_until: 0,
            failures: 0,
            failing_since: 0,
            wait_until: 0,
            sources: Vec::new(),
            overflow: SourceWait::NONE,
            recovery_failures: 0,
            recovery_wait_until: 0,
            remembered: Vec::new(),
            graces: Vec::new(),
        }
    }

    /// Whether everything in the credential is registered here.
    pub fn knows(&self, credential: &Identified) -> bool {
        credential.each().all(|(_, fingerprint)| self.entry(fingerprint).is_some())
            && credential.recovery_fingerprint() == self.recovery.map(|set| set.fingerprint)
    }

    /// The entry of one authenticator.
    pub fn registered(&self, authenticator: &Authenticator) -> Option<&Registered> {
        self.entry(&authenticator.fingerprint())
    }

    /// The entry with this fingerprint.
    pub(crate) fn entry(&self, fingerprint: &[u8; 16]) -> Option<&Registered> {
        self.authenticators.iter().find(|entry| entry.fingerprint == *fingerprint)
    }

    /// Registers exactly what the credential holds. What was known of an authenticator or recovery set
    /// before (its last step, its used codes) stays known.
    pub fn register(&mut self, credential: &Credential) {
        self.enrolled = true;
        let entry = |one: &Authenticator| {
            let fresh = Registered { fingerprint: one.fingerprint(), last_step: 0, drift: 0, lean: 0 };
            self.registered(one).copied().unwrap_or(fresh)
        };
        self.authenticators = credential.authenticators.iter().map(entry).collect();
        self.recovery = credential.recovery.as_ref().map(|set| {
            let fingerprint = set.fingerprint();
            let codes = u8::try_from(set.hashes.len()).unwrap_or(0);
            let fresh = RegisteredRecovery { fingerprint, codes, used: 0 };
            self.recovery.filter(|known| known.fingerprint == fingerprint).unwrap_or(fresh)
        });
    }

    /// Counts every code that could have been accepted by `now` as used: each authenticator's window, of those too
    /// that are registered later, and all recovery codes. For a record that may not be the newest that was written:
    /// the lost one may have been the very registration.
    pub fn burn(&mut self, now: i64) {
        self.burned_until = self.burned_until.max(now);
        if let Some(set) = &mut self.recovery {
            set.used = u16::MAX;
        }
    }

    /// The last step of an authenticator whose codes count as used; 0 for none.
    pub fn last_used_step(&self, authenticator: &Authenticator) -> u64 {
        self.last_used_step_of(self.registered(authenticator), authenticator.period)
    }

    /// The same for an entry that was found already (None: there is none), and the period of its authenticator.
    pub(crate) fn last_used_step_of(&self, known: Option<&Registered>, period: u16) -> u64 {
        let (last, drift) = known.map_or((0, 0), |entry| (entry.last_step, entry.drift));
        let burned = Some(self.burned_until).filter(|&until| until > 0);
        let end = burned.and_then(|until| steps::window_end(until, period, drift));
        last.max(end.unwrap_or(0))
    }

    /// The newest time that this record knows, in Unix seconds.
    pub fn newest(&self) -> Option<i64> {
        let grace = self.graces.iter().map(|grace| grace.start);
        let burned = Some(self.burned_until).filter(|&until| until > 0);
        self.last.iter().map(|last| last.at).chain(burned).chain(grace).max()
    }

    /// Until when this record is ahead of `now`, in Unix seconds: the newest time that it knows, or the beginning of a
    /// last step that no right clock can have had a code accepted in. None if it is not ahead. Only the user's
    /// credential tells the time of a step; without it (None) steps say nothing.
    pub fn ahead_until(&self, now: i64, credential: Option<&Credential>) -> Option<i64> {
        let newest = self.newest().filter(|newest| *newest > now.saturating_add(CLOCK_TOLERANCE));
        newest.into_iter().chain(self.far_steps(now, credential).map(|(_, begins)| begins)).max()
    }

    /// What an administrator's `twinlock unlock` does: no wait and no failure is left, and a record from a clock that
    /// was ahead comes back to `now`. Codes that could have been accepted by now stay used.
    pub fn unlock(&mut self, now: i64, credential: Option<&Credential>) {
        self.failures = 0;
        self.failing_since = 0;
        self.wait_until = 0;
        self.sources.clear();
        self.overflow = SourceWait::NONE;
        self.recovery_failures = 0;
        self.recovery_wait_until = 0;
        // An imported step, or one that root registered, is ahead alone: no login was accepted in it.
        let far: Vec<_> = self.far_steps(now, credential).map(|(fingerprint, _)| fingerprint).collect();
        if !far.is_empty() {
            for entry in self.authenticators.iter_mut().filter(|entry| far.contains(&entry.fingerprint)) {
                entry.last_step = 0;
            }
            self.burned_until = self.burned_until.max(now);
        }
        // Within the tolerance nothing is refused for the clock, and every last step stays.
        if self.newest().is_some_and(|newest| newest > now.saturating_add(CLOCK_TOLERANCE)) {
            if let Some(last) = &mut self.last {
                last.at = last.at.min(now);
            }
            for grace in &mut self.graces {
                grace.start = grace.start.min(now);
            }
            // Else they would count once that time is there.
            self.remembered.retain(|entry| entry.since <= now);
            for entry in &mut self.authenticators {
                entry.last_step = 0;
            }
            self.burned_until = now;
            // Not to 0: a phone that was removed may have been further ahead than what is burned.
            self.retired_until = self.retired_until.min(now.saturating_add(LONGEST_AFTERMATH));
        }
    }

    /// Fingerprints of authenticators whose last step begins later than any right clock explains, and when it begins.
    fn far_steps(&self, now: i64, credential: Option<&Credential>) -> impl Iterator<Item = ([u8; 16], i64)> {
        let all = credential.map_or(&[][..], |credential| &credential.authenticators);
        all.iter().filter_map(move |one| {
            let entry = self.registered(one)?;
            let begins = steps::start(entry.last_step, one.period);
            (begins > now.saturating_add(FURTHEST_STEP)).then_some((entry.fingerprint, begins))
        })
    }
}
