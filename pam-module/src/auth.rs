//! The auth hook: is a code wanted, and is it right?
//!
//! PAM_SUCCESS leaves here in one place, after a code was verified and its record is durable. The lock is never
//! held while somebody types.

use twinlock_policy::{Policy, Requirement, Unenrolled};
use twinlock_system::logfmt::Line;
use twinlock_system::verification::{Judged, Place, check};
use twinlock_system::{Fault, Paths, Ruling, Standing, Trouble, User, identity};
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::{By, Identified, Rejection, Typed, Verdict, recovery};

use crate::answers::{Answers, Next};
use crate::arguments::Arguments;
use crate::audit::{self, Named, ToLog, event};
use crate::host::{Host, Level};
use crate::locker;
use crate::login::{Login, read_policy, rule};
use crate::marker::{Marker, Passed};
use crate::outcome::Outcome;
use crate::texts;

/// The flow of `pam_sm_authenticate`.
pub fn authenticate(host: &mut dyn Host, paths: &Paths, words: &[&str]) -> Outcome {
    // What an earlier attempt of this connection left says nothing about this one.
    if host.set_marker(None).is_err() {
        return Outcome::Unavailable;
    }
    let Ok(login) = Login::from_host(host) else {
        Line::event("code_rejected").plain("reason", "no_user_name").send(host, Level::Notice);
        return Outcome::Refused;
    };
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(word) => return unknown_argument(host, &login, word),
    };
    let mut in_force = read_policy(host, paths);
    if identity::effective_uid() != 0 {
        return without_root(host, &login, &in_force.policy, arguments);
    }
    let ruling = rule(paths, &mut in_force, &login);
    let policy = &in_force.policy;
    let ruling = match ruling {
        Ok(Some(ruling)) => ruling,
        Ok(None) => return unknown_user(host, &login, policy, arguments),
        Err(fault) => return unavailable(host, &login, Named::Unknown, &Trouble::Fault(fault), Some(policy)),
    };
    let outcome = Attempt { host, paths, policy, login: &login, ruling: &ruling, arguments }.run();
    if outcome == Outcome::Refused {
        audit::authentication_failure(host, &login, Named::User(&ruling.user.name));
    }
    outcome
}

/// One run of the auth hook for a user whom NSS knows.
struct Attempt<'a> {
    host: &'a mut dyn Host,
    paths: &'a Paths,
    policy: &'a Policy,
    login: &'a Login,
    ruling: &'a Ruling,
    arguments: Arguments,
}

impl Attempt<'_> {
    fn run(&mut self) -> Outcome {
        let required = match self.ruling.decision.requirement {
            Requirement::Exempt => return self.not_asked("exempt"),
            Requirement::UserDriven => false,
            Requirement::Required => true,
        };
        match Standing::of(self.paths, &self.ruling.user, &self.ruling.record) {
            Ok(Standing::NotEnrolled) if required => self.not_enrolled(),
            Ok(Standing::NotEnrolled) => self.not_asked("not_enrolled"),
            Ok(Standing::SwitchedOff(_)) if !required => self.not_asked("switched_off"),
            Ok(_) if self.ruling.is_remembered(&self.login.service, self.login.source()) => {
                self.not_asked("remembered")
            }
            Ok(Standing::Enrolled(credential) | Standing::SwitchedOff(credential)) => self.ask(&credential),
            Err(trouble) => self.unavailable(&trouble),
        }
    }

    /// Nothing is asked. Behind a stack without a first factor that is only right after a public key.
    fn not_asked(&mut self, why: &str) -> Outcome {
        if self.arguments.after_publickey && !self.came_by_public_key() {
            return self.refuse_without_key();
        }
        self.line("code_not_asked").plain("reason", why).send(self.host, Level::Info);
        match self.mark(Passed::Unasked) {
            Ok(()) => Outcome::NotAsked,
            Err(outcome) => outcome,
        }
    }

    /// A code is required and there is none: the account hook may lead through enrolment, if this stack runs it
    /// and the service is one that can.
    fn not_enrolled(&mut self) -> Outcome {
        let decision = &self.ruling.decision;
        if self.arguments.after_publickey && !self.came_by_public_key() {
            return self.refuse_without_key();
        }
        let in_grace = self.ruling.grace().is_some();
        let may_enrol = decision.unenrolled == Unenrolled::Enroll && decision.enroll_here;
        if self.arguments.account_phase && (may_enrol || in_grace) {
            return match self.mark(Passed::MayEnrol) {
                Ok(()) => {
                    self.line("enrollment_due").send(self.host, Level::Info);
                    Outcome::NotAsked
                }
                Err(outcome) => outcome,
            };
        }
        if self.ruling.grace_begun().is_some() {
            return self.not_asked("in_grace");
        }
        let reason = match decision.unenrolled {
            Unenrolled::Deny => "enrollment_not_allowed",
            Unenrolled::Enroll if !decision.enroll_here => "service_cannot_enroll",
            Unenrolled::Enroll => "no_account_phase",
        };
        self.line("code_rejected").plain("reason", reason).send(self.host, Level::Notice);
        let text = match decision.unenrolled {
            Unenrolled::Deny => texts::may_not_enrol(self.policy.help()),
            Unenrolled::Enroll => twinlock_enrollment::prompt::set_up_elsewhere(self.policy.help()),
        };
        self.host.refuse(&text);
        Outcome::Refused
    }

    fn came_by_public_key(&mut self) -> bool {
        // Set by sshd for modules that run after a first method (OpenSSH, auth-pam.c; `ExposeAuthInfo` is not
        // needed for it): one line per method that succeeded.
        let methods = self.host.variable(c"SSH_AUTH_INFO_0").unwrap_or_default();
        methods.lines().any(|line| line.split(' ').next() == Some("publickey"))
    }

    fn refuse_without_key(&mut self) -> Outcome {
        self.line("code_rejected").plain("reason", "no_public_key").send(self.host, Level::Notice);
        Outcome::Refused
    }

    /// Asks for codes, up to the policy's number of them.
    fn ask(&mut self, credential: &Identified) -> Outcome {
        let mut clock_is_wrong = false;
        let digits = credential.authenticators.first().map_or(6, |one| usize::from(one.digits));
        let mut answers = Answers::new(self.arguments, digits, self.policy.attempts());
        loop {
            let typed = match answers.next(self.host) {
                Next::Typed(typed) => typed,
                Next::End(reason) => {
                    self.line("code_rejected").plain("reason", reason).send(self.host, Level::Notice);
                    return Outcome::Refused;
                }
                Next::Spent if clock_is_wrong => return Outcome::Unavailable,
                Next::Spent => return Outcome::Refused,
            };
            let judged = match self.check(credential, &typed) {
                Ok(judged) => judged,
                Err(fault) => return self.unavailable(&Trouble::Fault(fault)),
            };
            match judged {
                Judged::Repaired => return self.repaired(),
                Judged::Verdict(Verdict::Accepted(accepted)) => return self.accept(&accepted),
                Judged::Verdict(Verdict::Rejected(rejection)) => {
                    clock_is_wrong = rejection == Rejection::Clock;
                    if let Some(outcome) = self.reject(rejection) {
                        return outcome;
                    }
                }
            }
        }
    }

    fn check(&self, credential: &Identified, typed: &Typed) -> Result<Judged, Fault> {
        let place = Place {
            service: &self.login.service,
            source: self.login.source(),
            remember: self.ruling.decision.remember,
            was_enrolled: matches!(&self.ruling.record, Ok(Some(record)) if record.enrolled),
        };
        check(self.paths, &self.ruling.user, credential, typed, place, self.policy)
    }

    /// The code was right, and that is on the disk.
    fn accept(&mut self, accepted: &Accepted) -> Outcome {
        if let Err(outcome) = self.mark(Passed::Verified) {
            return outcome;
        }
        match &accepted.by {
            By::Authenticator(label) => {
                self.line("code_accepted").quoted("authenticator", label).send(self.host, Level::Info);
                // Without it the session only lacks a name for whoever it was; the log has it.
                let _ = self.host.set_variable("TWINLOCK_AUTHENTICATOR", label);
            }
            By::RecoveryCode { left } => {
                let left = left.to_string();
                self.line("recovery_code_accepted").plain("left", &left).send(self.host, Level::Info);
            }
        }
        if let Some(text) = texts::accepted(accepted) {
            self.host.tell(&text);
        }
        Outcome::Verified
    }

    /// The code was not right; None when another may be typed.
    fn reject(&mut self, rejection: Rejection) -> Option<Outcome> {
        let end = match rejection {
            Rejection::Throttled { .. } => Some(Outcome::Refused),
            Rejection::Unregistered => Some(Outcome::Unavailable),
            _ => None,
        };
        let mut line = self.line("code_rejected");
        line.plain("reason", rejection.word());
        match rejection {
            Rejection::Throttled { wait } => {
                line.plain("wait", &wait.to_string());
            }
            Rejection::Clock => {
                line.quoted("mend", "set the clock; if it was ahead before, `twinlock unlock` the user");
            }
            Rejection::Disabled => {
                line.quoted("mend", "`twinlock unlock` the user");
            }
            _ => {}
        }
        line.send(self.host, Level::Notice);
        self.host.refuse(&texts::rejection(rejection, self.policy.help()));
        end
    }

    fn repaired(&mut self) -> Outcome {
        let mut line = self.line("ledger_repaired");
        line.quoted("effect", "codes of the last minutes and all recovery codes count as used");
        line.send(self.host, Level::Error);
        self.host.refuse(&texts::repaired(self.policy.help()));
        Outcome::Unavailable
    }

    fn unavailable(&mut self, trouble: &Trouble) -> Outcome {
        let named = Named::User(&self.ruling.user.name);
        unavailable(self.host, self.login, named, trouble, Some(self.policy))
    }

    fn mark(&mut self, passed: Passed) -> Result<(), Outcome> {
        let marker = Marker {
            uid: self.ruling.user.uid,
            name: self.login.name.clone(),
            service: self.login.service.clone(),
            passed,
        };
        self.host.set_marker(Some(marker)).map_err(|_| Outcome::Unavailable)
    }

    fn line(&self, what: &str) -> Line {
        let mut line = event(what, self.login, Named::User(&self.ruling.user.name));
        line.decision(&self.ruling.decision, self.policy);
        line
    }
}

/// Asks like for any other user, and refuses whatever comes.
fn unknown_user(host: &mut dyn Host, login: &Login, policy: &Policy, arguments: Arguments) -> Outcome {
    let mut answers = Answers::new(arguments, 6, policy.attempts());
    while let Next::Typed(typed) = answers.next(host) {
        let rejection = match typed {
            Typed::Empty => Rejection::Empty,
            Typed::Unshaped => Rejection::Unshaped,
            Typed::Code(_) => Rejection::Wrong,
            Typed::Recovery(code) => {
                // Takes the tens of milliseconds that it takes for a user who is enrolled.
                std::hint::black_box(recovery::hash(&code, &[0; 16], recovery::DEFAULT_ROUNDS));
                Rejection::WrongRecovery
            }
        };
        host.refuse(&texts::rejection(rejection, policy.help()));
    }
    event("code_rejected", login, Named::Unknown).plain("reason", "unknown_user").send(host, Level::Notice);
    audit::authentication_failure(host, login, Named::Unknown);
    Outcome::UnknownUser
}

/// A host that is not root's: a screen locker.
fn without_root(host: &mut dyn Host, login: &Login, policy: &Policy, arguments: Arguments) -> Outcome {
    match User::by_name(&login.name) {
        Ok(Some(user)) => locker::authenticate(host, login, policy, &user, arguments),
        Ok(None) => unknown_user(host, login, policy, arguments),
        Err(fault) => unavailable(host, login, Named::Unknown, &Trouble::Fault(fault), Some(policy)),
    }
}

/// Something that must work does not: says what in the log, and that much to the person.
pub fn unavailable(
    host: &mut dyn Host,
    login: &Login,
    named: Named<'_>,
    trouble: &Trouble,
    policy: Option<&Policy>,
) -> Outcome {
    event("unavailable", login, named)
        .plain("reason", trouble.reason())
        .quoted("error", &trouble.to_string())
        .send(host, Level::Error);
    host.refuse(&texts::unavailable(policy.and_then(Policy::help)));
    Outcome::Unavailable
}

/// A word on the module's line that is not one of ours.
pub fn unknown_argument(host: &mut dyn Host, login: &Login, word: &str) -> Outcome {
    event("misconfigured", login, Named::Unknown)
        .plain("reason", "unknown_argument")
        .quoted("argument", word)
        .quoted("mend", "see pam_twinlock(8) for the words that this line may have")
        .send(host, Level::Error);
    Outcome::Misconfigured
}
