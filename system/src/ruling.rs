//! What the policy says about one login of one user, with everything that it was decided by: NSS, the ledger's
//! record, the clock. Every door asks here, so that the log, `policy explain` and the helper agree.

use twinlock_policy::{Decision, Facts, Membership, Policy, Subject};
use twinlock_verifier::verdict::clock_is_behind;
use twinlock_verifier::{Limits, Record};

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
    /// Decides about a login of `user` at a PAM service, from `rhost` (None: a local one).
    pub fn of(paths: &Paths, policy: &Policy, user: User, service: &str, rhost: Option<&str>) -> Self {
        let now = clock::now();
        let record = Ledger::new(paths).read(&user);
        // Without a record nobody can say what its newest time was.
        let clock_is_behind = match &record {
            Ok(Some(record)) => clock_is_behind(record, now, clock::BUILT),
            Ok(None) => now < clock::BUILT,
            Err(_) => true,
        };
        let subject =
            Subject { user: &user.name, uid: user.uid, gid: user.gid, service, rhost, now, clock_is_behind };
        let decision = policy.decide(&subject, &mut Nss { user: &user });
        Self { user, record, now, clock_is_behind, decision }
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
