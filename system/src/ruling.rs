//! What the policy says about one login of one user, with everything that it was decided by: NSS, the ledger's
//! record, the clock. Every door asks here, so that the log, `policy explain` and the helper agree.

use twinlock_policy::{Decision, Facts, Grace, Membership, Policy, Subject, TrialState, grace};
use twinlock_verifier::record::{GraceStart, MAX_GRACES};
use twinlock_verifier::verdict::clock_is_behind;
use twinlock_verifier::{Limits, Record, Source};

use crate::ledger::Keep;
use crate::policy_files::{self, InForce};
use crate::{Fault, Ledger, Paths, User, clock};

/// A user whom NSS knows, and what the policy says about a login of theirs.
#[derive(Debug)]
pub struct Ruling {
    /// The user.
    pub user: User,
    /// Their record, if it could be read.
    pub record: Result<Option<Record>, Fault>,
    /// Unix seconds.
    pub now: i64,
    /// Nothing that loosens for a time holds.
    pub clock_is_behind: bool,
    /// What is required, and why.
    pub decision: Decision,
}

impl Ruling {
    /// Decides about a login of `user` at a PAM service, from `rhost` (None: a local one). A trial that does not hold
    /// by what the user's record says of the clock is taken out of force first.
    pub fn of(paths: &Paths, in_force: &mut InForce, user: User, service: &str, rhost: Option<&str>) -> Self {
        let now = clock::now();
        let record = Ledger::new(paths).read(&user);
        // Without a record nobody can say what its newest time was.
        let clock_is_behind = match &record {
            Ok(Some(record)) => clock_is_behind(record, now, clock::BUILT),
            Ok(None) => now < clock::BUILT,
            Err(_) => true,
        };
        if clock_is_behind && matches!(in_force.trial, TrialState::Holds { .. }) {
            *in_force = policy_files::load(paths, true);
        }
        let subject =
            Subject { user: &user.name, uid: user.uid, gid: user.gid, service, rhost, now, clock_is_behind };
        let decision = in_force.policy.decide(&subject, &mut Nss { user: &user });
        Self { user, record, now, clock_is_behind, decision }
    }

    /// Whether a code was accepted from this source at this service so short a time ago that the policy does not ask
    /// again.
    pub fn is_remembered(&self, service: &str, source: Source) -> bool {
        let Ok(Some(record)) = &self.record else { return false };
        // Most policies remember nothing, and then nothing need be hashed.
        self.decision.remember > 0
            && !self.clock_is_behind
            && record.remembers(service, source, self.now, self.decision.remember)
    }

    /// Until when (Unix seconds) a user who must enrol may still put it off; None when not.
    pub fn grace(&self) -> Option<i64> {
        match grace(&self.decision, self.grace_start(), self.now, self.clock_is_behind) {
            Grace::Until(end) => Some(end),
            Grace::Over(_) => None,
        }
    }

    /// As [`Ruling::grace`], for a login at which nothing can begin days of grace: those that have not begun would
    /// never end, so they do not hold.
    pub fn grace_begun(&self) -> Option<i64> {
        let may_end = self.decision.grace_days.is_none() || self.grace_start().is_some();
        self.grace().filter(|_| may_end)
    }

    /// Writes down that the days of grace began, unless that is known. Only for a login whose first factor passed: a
    /// stranger must not use up anybody's days.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be made durable; without it the days would never end.
    pub fn begin_grace(&self, paths: &Paths) -> Result<(), Fault> {
        let Some(key) = self.decision.grace_key.filter(|_| self.grace_start().is_none()) else {
            return Ok(());
        };
        Ledger::new(paths).change(&self.user, |change| {
            let graces = &mut change.record.graces;
            // The first start stays: two rules in turn must not renew each other's days.
            if graces.iter().all(|grace| grace.rule != key.0) && graces.len() < MAX_GRACES {
                graces.push(GraceStart { rule: key.0, start: self.now });
            }
            ((), Keep::Record)
        })
    }

    /// When the days of grace began, as the ledger knows. Where the ledger has no room for one more beginning, the
    /// earliest that it knows.
    pub fn grace_start(&self) -> Option<i64> {
        let key = self.decision.grace_key?;
        let record = self.record.as_ref().ok()?.as_ref()?;
        let of_this_rule = record.graces.iter().find(|grace| grace.rule == key.0);
        let full = record.graces.len() >= MAX_GRACES;
        let earliest = record.graces.iter().min_by_key(|grace| grace.start).filter(|_| full);
        of_this_rule.or(earliest).map(|grace| grace.start)
    }
}

/// Answers the policy's questions about a user by NSS.
#[derive(Debug)]
pub struct Nss<'a> {
    /// The user.
    pub user: &'a User,
}

impl Facts for Nss<'_> {
    fn in_group(&mut self, group: &str) -> Membership {
        match self.user.is_in_group(group) {
            Ok(Some(true)) => Membership::Yes,
            Ok(Some(false)) => Membership::No,
            Ok(None) => Membership::Unknown("no such group".to_owned()),
            Err(fault) => Membership::Unknown(fault.to_string()),
        }
    }
}

/// The throttle's numbers as the verifier takes them.
pub fn limits(policy: &Policy) -> Limits {
    let throttle = policy.throttle();
    Limits {
        free_failures: throttle.free_failures,
        first_wait: throttle.first_wait,
        longest_wait: throttle.longest_wait,
        disable_after: throttle.disable_after,
    }
}
