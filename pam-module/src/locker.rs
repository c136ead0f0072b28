//! The auth hook in a process that is not root's: a screen locker. It cannot read the ledger, so the check helper does
//! the checking, for the process's own user and nobody else. Nobody enrols here.

use twinlock_policy::Policy;
use twinlock_system::{Fault, Trouble, User, check_helper, identity};
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::{By, Rejection, Typed};
use zeroize::Zeroizing;

use crate::answers::{Answers, Next};
use crate::arguments::Arguments;
use crate::audit::{self, Named, ToLog, event};
use crate::auth::unavailable;
use crate::host::{Host, Level};
use crate::login::Login;
use crate::marker::{Marker, Passed};
use crate::outcome::Outcome;
use crate::texts;

/// Codes of a credential that this process cannot read are taken to have this many digits.
const USUAL_DIGITS: usize = 6;

/// The flow, for a user whom NSS knows.
pub fn authenticate(
    host: &mut dyn Host,
    login: &Login,
    policy: &Policy,
    user: &User,
    arguments: Arguments,
) -> Outcome {
    let named = Named::User(&user.name);
    let outcome = if user.uid == identity::real_uid() {
        Unlock { host, login, policy, user, arguments }.run()
    } else {
        event("code_rejected", login, named).plain("reason", "not_this_user").send(host, Level::Notice);
        Outcome::Refused
    };
    if outcome == Outcome::Refused {
        audit::authentication_failure(host, login, named);
    }
    outcome
}

struct Unlock<'a> {
    host: &'a mut dyn Host,
    login: &'a Login,
    policy: &'a Policy,
    user: &'a User,
    arguments: Arguments,
}

impl Unlock<'_> {
    fn run(&mut self) -> Outcome {
        let standing = match check_helper::ask("status", self.service_line().as_bytes()) {
            Ok(reply) if reply.word == "status" && reply.detail("trouble").is_none() => reply,
            Ok(_) => return self.unavailable(Fault::Helper("it cannot tell; the log has its reason")),
            Err(fault) => return self.unavailable(fault),
        };
        let is = |key: &str| standing.detail(key) == Some("yes");
        let required = match standing.detail("decision") {
            Some("exempt") => return self.not_asked("exempt"),
            Some("user_driven") => false,
            _ => true,
        };
        match (is("enrolled"), required) {
            (false, true) if standing.detail("grace_until").is_some() => self.not_asked("in_grace"),
            (false, true) => {
                self.log_rejected("service_cannot_enroll");
                let text = twinlock_enrollment::prompt::set_up_elsewhere(self.policy.help());
                self.host.refuse(&text);
                Outcome::Refused
            }
            (false, false) => self.not_asked("not_enrolled"),
            (true, false) if is("switched_off") => self.not_asked("switched_off"),
            (true, _) => self.ask(),
        }
    }

    fn ask(&mut self) -> Outcome {
        let mut answers = Answers::new(self.arguments, USUAL_DIGITS, self.policy.attempts());
        let mut last = Outcome::Refused;
        loop {
            let typed = match answers.next(self.host) {
                Next::Typed(typed) => typed,
                Next::End(reason) => {
                    self.log_rejected(reason);
                    return Outcome::Refused;
                }
                Next::Spent => return last,
            };
            let answer = match &typed {
                Typed::Code(code) => code.clone(),
                Typed::Recovery(code) => twinlock_verifier::recovery::encode(code),
                Typed::Empty => {
                    self.reject(Rejection::Empty);
                    continue;
                }
                Typed::Unshaped => {
                    self.reject(Rejection::Unshaped);
                    continue;
                }
            };
            let input = Zeroizing::new(format!("{}answer={}\n", self.service_line(), *answer));
            let reply = match check_helper::ask("verify", input.as_bytes()) {
                Ok(reply) => reply,
                Err(fault) => return self.unavailable(fault),
            };
            if reply.word == "accepted" {
                return self.accept(&reply);
            }
            let wait = reply.number("wait").unwrap_or(0);
            let reason = reply.detail("reason").unwrap_or_default();
            let Some(rejection) = Rejection::from_word(reason, wait).filter(|_| reply.word == "rejected")
            else {
                return self.unavailable(Fault::Helper("it cannot tell; the log has its reason"));
            };
            self.reject(rejection);
            match rejection {
                Rejection::Throttled { .. } => return Outcome::Refused,
                Rejection::Unregistered => return Outcome::Unavailable,
                Rejection::Clock => last = Outcome::Unavailable,
                _ => last = Outcome::Refused,
            }
        }
    }

    fn accept(&mut self, reply: &check_helper::Reply) -> Outcome {
        let marker = Marker {
            uid: self.user.uid,
            name: self.login.name.clone(),
            service: self.login.service.clone(),
            passed: Passed::Verified,
        };
        if self.host.set_marker(Some(marker)).is_err() {
            return Outcome::Unavailable;
        }
        let by = match (reply.detail("authenticator"), reply.number("left")) {
            (Some(label), _) => By::Authenticator(label.to_owned()),
            (None, left) => By::RecoveryCode { left: left.unwrap_or(0) },
        };
        let accepted = Accepted {
            by,
            failures: reply.number("failures").unwrap_or(0),
            failing_since: reply.number("failing_since").unwrap_or(0),
        };
        self.line("code_accepted").plain("via", "helper").send(self.host, Level::Info);
        if let Some(text) = texts::accepted(&accepted) {
            self.host.tell(&text);
        }
        Outcome::Verified
    }

    fn reject(&mut self, rejection: Rejection) {
        self.log_rejected(rejection.word());
        self.host.refuse(&texts::rejection(rejection, self.policy.help()));
    }

    fn log_rejected(&mut self, reason: &str) {
        self.line("code_rejected").plain("reason", reason).send(self.host, Level::Notice);
    }

    fn not_asked(&mut self, why: &str) -> Outcome {
        self.line("code_not_asked").plain("reason", why).send(self.host, Level::Info);
        Outcome::NotAsked
    }

    fn unavailable(&mut self, fault: Fault) -> Outcome {
        let named = Named::User(&self.user.name);
        unavailable(self.host, self.login, named, &Trouble::Fault(fault), Some(self.policy))
    }

    fn line(&self, what: &str) -> twinlock_system::logfmt::Line {
        event(what, self.login, Named::User(&self.user.name))
    }

    fn service_line(&self) -> String {
        // A line break would be a line of its own; the helper refuses what is left of such a name.
        format!("service={}\n", self.login.service.replace(['\n', '\0'], "?"))
    }
}
