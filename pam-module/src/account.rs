//! The account hook: nobody around the code, and enrolment after a first factor that passed.
//!
//! Without a marker and outside `account_required` it looks at nothing but the policy, so that cron, at and
//! `sudo` within its timestamp are not disturbed by anything that is wrong with us.

use twinlock_policy::{Policy, Requirement};
use twinlock_system::{Fault, Paths, Ruling, Standing, Trouble, identity};

use crate::arguments::Arguments;
use crate::audit::{Named, ToLog, event};
use crate::auth::{unavailable, unknown_argument};
use crate::enrolment::Enrolment;
use crate::host::{Host, Level};
use crate::login::{Login, read_policy, rule};
use crate::marker::Passed;
use crate::outcome::Outcome;
use crate::texts;

/// The flow of `pam_sm_acct_mgmt`.
pub fn manage(host: &mut dyn Host, paths: &Paths, words: &[&str]) -> Outcome {
    let marker = host.marker();
    let mut in_force = read_policy(host, paths);
    // Nothing was asked of whom the auth hook saw. If a module behind it, or the application, has made it somebody else
    // since, nobody has decided about that one.
    let bypassed = marker.as_ref().is_none_or(|marker| {
        marker.passed == Passed::Unasked && host.user().is_ok_and(|name| name == marker.name)
    });
    if bypassed && !in_force.policy.account_required(&host.service()) {
        return Outcome::NotAsked;
    }
    let Ok(login) = Login::from_host(host) else { return Outcome::Unavailable };
    if let Err(word) = Arguments::parse(words) {
        return unknown_argument(host, &login, word);
    }
    if identity::effective_uid() != 0 {
        // A locker that runs the account phase: the helper recorded what auth verified.
        let verified = marker.is_some_and(|marker| {
            marker.passed == Passed::Verified
                && marker.uid == identity::real_uid()
                && marker.service == login.service
        });
        if verified {
            return Outcome::Verified;
        }
        let trouble = Trouble::Fault(Fault::Identity("this process is not root's"));
        return unavailable(host, &login, Named::Unknown, &trouble, Some(&in_force.policy));
    }
    let ruling = rule(paths, &mut in_force, &login);
    let policy = &in_force.policy;
    let ruling = match ruling {
        Ok(Some(ruling)) => ruling,
        Ok(None) => {
            event("account_refused", &login, Named::Unknown)
                .plain("reason", "unknown_user")
                .send(host, Level::Notice);
            return Outcome::UnknownUser;
        }
        Err(fault) => return unavailable(host, &login, Named::Unknown, &Trouble::Fault(fault), Some(policy)),
    };
    // A marker about somebody else, or another service, is none.
    let passed = marker
        .filter(|marker| marker.uid == ruling.user.uid && marker.service == login.service)
        .map(|marker| marker.passed);
    match (passed, ruling.decision.requirement) {
        (Some(Passed::Verified), _) => Outcome::Verified,
        (_, Requirement::Exempt) => unasked(host, policy, &login, &ruling, passed, "exempt"),
        (_, Requirement::UserDriven) => unasked(host, policy, &login, &ruling, passed, "user_driven"),
        (Some(Passed::MayEnrol), Requirement::Required) => enrol(host, paths, policy, &login, &ruling),
        (None | Some(Passed::Unasked), Requirement::Required) => {
            without_code(host, paths, policy, &login, &ruling, passed)
        }
    }
}

/// Nothing is asked of this user. Said once in a login: by the auth hook if it ran.
fn unasked(
    host: &mut dyn Host,
    policy: &Policy,
    login: &Login,
    ruling: &Ruling,
    passed: Option<Passed>,
    why: &str,
) -> Outcome {
    if passed != Some(Passed::Unasked) {
        let mut line = event("code_not_asked", login, Named::User(&ruling.user.name));
        line.decision(&ruling.decision, policy).plain("reason", why).send(host, Level::Info);
    }
    Outcome::NotAsked
}

/// The auth hook found nobody enrolled. By now that may have changed, and so may the policy.
fn enrol(host: &mut dyn Host, paths: &Paths, policy: &Policy, login: &Login, ruling: &Ruling) -> Outcome {
    match Standing::of(paths, &ruling.user, &ruling.record) {
        Err(trouble) => unavailable(host, login, Named::User(&ruling.user.name), &trouble, Some(policy)),
        Ok(Standing::Enrolled(_) | Standing::SwitchedOff(_)) => {
            refuse(host, policy, login, ruling, "enrolled_meanwhile", texts::enrolled_meanwhile())
        }
        Ok(Standing::NotEnrolled) => Enrolment { host, paths, policy, login, ruling }.run(),
    }
}

/// The auth hook did not run, or not for this user, or asked nothing: a public key alone, where a code is required.
fn without_code(
    host: &mut dyn Host,
    paths: &Paths,
    policy: &Policy,
    login: &Login,
    ruling: &Ruling,
    passed: Option<Passed>,
) -> Outcome {
    // What would let them in unasked by the auth hook does so here: grace, or an address that is remembered. Both need
    // a standing that is known.
    let let_in = match Standing::of(paths, &ruling.user, &ruling.record) {
        Ok(Standing::NotEnrolled) => match ruling.grace() {
            Some(until) => ruling.begin_grace(paths).map_err(Trouble::Fault).map(|()| {
                host.tell(&texts::reminder_elsewhere(until, policy.help()));
                Some("in_grace")
            }),
            None => Ok(None),
        },
        Ok(Standing::Enrolled(_) | Standing::SwitchedOff(_)) => {
            Ok(ruling.is_remembered(&login.service, login.source()).then_some("remembered"))
        }
        Err(trouble) => Err(trouble),
    };
    match let_in {
        Ok(Some(why)) => unasked(host, policy, login, ruling, passed, why),
        Ok(None) => {
            refuse(host, policy, login, ruling, "no_code_was_asked", &texts::no_way_around(policy.help()))
        }
        Err(trouble) => unavailable(host, login, Named::User(&ruling.user.name), &trouble, Some(policy)),
    }
}

fn refuse(
    host: &mut dyn Host,
    policy: &Policy,
    login: &Login,
    ruling: &Ruling,
    reason: &str,
    text: &str,
) -> Outcome {
    let mut line = event("account_refused", login, Named::User(&ruling.user.name));
    line.plain("reason", reason).decision(&ruling.decision, policy);
    if reason == "no_code_was_asked" {
        line.quoted("mend", "sshd_config: AuthenticationMethods publickey,keyboard-interactive");
    }
    line.send(host, Level::Notice);
    host.refuse(text);
    Outcome::Denied
}
