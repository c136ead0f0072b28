//! One run of the helper: whose it is, what the policy says, how the user stands, and the one way in which an answer
//! is judged, whatever it is for. Nothing here tells the caller anything before the ledger has it.

use twinlock_policy::{Policy, Requirement, Unenrolled};
use twinlock_system::logfmt::Line;
use twinlock_system::verification::{check, Judged, Place};
use twinlock_system::{policy_files, Paths, Ruling, Standing, Trouble, User};
use twinlock_verifier::verdict::Accepted;
use twinlock_verifier::{By, Identified, Record, Rejection, Source, Typed, Verdict};

use crate::answer::Answer;
use crate::audit::{send, Level};
use crate::input::Input;

/// The services whose policy counts besides that of the service which the caller names: a caller could name any.
const SERVICES: [&str; 4] = ["sshd", "login", "su", "sudo"];

/// One run.
pub struct Visit<'a> {
    /// Where policy and state are.
    pub paths: &'a Paths,
    /// What was said.
    pub input: &'a Input,
    /// The policy in force.
    pub policy: Policy,
    /// The user, and the decision for the service that the caller named.
    pub ruling: Ruling,
    /// A code is required of the user at some service.
    pub required_somewhere: bool,
    /// At some service where it is, nobody may enrol by themselves.
    pub only_admin_enrols: bool,
}

impl<'a> Visit<'a> {
    /// Reads the policy and the user's record.
    pub fn new(paths: &'a Paths, user: User, input: &'a Input) -> Self {
        let mut in_force = policy_files::load(paths, false);
        let ruling = Ruling::of(paths, &mut in_force, user, &input.service, None);
        let mut required = vec![ruling.decision.clone()];
        for service in SERVICES {
            required.push(Ruling::of(paths, &mut in_force, ruling.user.clone(), service, None).decision);
        }
        required.retain(|decision| decision.requirement == Requirement::Required);
        let only_admin_enrols = required.iter().any(|decision| decision.unenrolled == Unenrolled::Deny);
        let required_somewhere = !required.is_empty();
        Self { paths, input, policy: in_force.policy, ruling, required_somewhere, only_admin_enrols }
    }

    /// The user.
    pub fn user(&self) -> &User {
        &self.ruling.user
    }

    /// The user's record, where there is one and it can be read.
    pub fn record(&self) -> Option<&Record> {
        self.ruling.record.as_ref().ok()?.as_ref()
    }

    /// Whether the ledger has the user enrolled.
    pub fn is_enrolled(&self) -> bool {
        self.record().is_some_and(|record| record.enrolled)
    }

    /// The credential that a login would go by; None when the user has none.
    ///
    /// # Errors
    /// The answer to give when that cannot be known; it is in the log.
    pub fn credential(&self) -> Result<Option<Box<Identified>>, Answer> {
        match Standing::of(self.paths, self.user(), &self.ruling.record) {
            Ok(Standing::NotEnrolled) => Ok(None),
            Ok(Standing::Enrolled(credential) | Standing::SwitchedOff(credential)) => Ok(Some(credential)),
            Err(trouble) => Err(self.unavailable(&trouble)),
        }
    }

    /// Judges the answer that was typed. It comes back only when it was right, and that is on the disk; from then on
    /// it is used up, whatever else happens.
    ///
    /// # Errors
    /// The answer to give otherwise; it is in the log.
    pub fn judge(&self, credential: &Identified) -> Result<Accepted, Answer> {
        let typed = Typed::from_bytes(&self.input.answer);
        let place = Place {
            service: &self.input.service,
            source: Source::Local,
            remember: 0,
            was_enrolled: self.is_enrolled(),
        };
        match check(self.paths, self.user(), credential, &typed, place, &self.policy) {
            Ok(Judged::Verdict(Verdict::Accepted(accepted))) => {
                self.log_acceptance(&accepted);
                Ok(accepted)
            }
            Ok(Judged::Verdict(Verdict::Rejected(rejection))) => Err(self.reject(rejection)),
            Ok(Judged::Repaired) => Err(self.repaired()),
            Err(fault) => Err(self.unavailable(&Trouble::Fault(fault))),
        }
    }

    fn log_acceptance(&self, accepted: &Accepted) {
        match &accepted.by {
            By::Authenticator(label) => {
                send(Level::Info, self.line("code_accepted").quoted("authenticator", label));
            }
            By::RecoveryCode { left } => {
                send(Level::Info, self.line("recovery_code_accepted").plain("left", &left.to_string()));
            }
        }
    }

    fn reject(&self, rejection: Rejection) -> Answer {
        let mut line = self.line("code_rejected");
        line.plain("reason", rejection.word());
        let answer = match rejection {
            Rejection::Throttled { wait } => {
                line.plain("wait", &wait.to_string());
                Answer::rejected(rejection.word()).with("wait", wait)
            }
            Rejection::Unregistered => Answer::unavailable(rejection.word()),
            _ => Answer::rejected(rejection.word()),
        };
        send(Level::Notice, &line);
        answer
    }

    /// One copy of the record was damaged; whatever may have been used counts as used now.
    pub fn repaired(&self) -> Answer {
        let mut line = self.line("ledger_repaired");
        line.quoted("effect", "codes of the last minutes and all recovery codes count as used");
        send(Level::Error, &line);
        Answer::unavailable("ledger_repaired")
    }

    /// Something that must work does not.
    pub fn unavailable(&self, trouble: &Trouble) -> Answer {
        let mut line = self.line("unavailable");
        line.plain("reason", trouble.reason()).quoted("error", &trouble.to_string());
        send(Level::Error, &line);
        Answer::unavailable(trouble.reason())
    }

    /// Something that this user may not do.
    pub fn refuse(&self, event: &str, reason: &str) -> Answer {
        send(Level::Notice, self.line(event).plain("reason", reason));
        Answer::refused(reason)
    }

    /// Begins a line about this run.
    pub fn line(&self, event: &str) -> Line {
        let mut line = Line::event(event);
        line.quoted("user", &self.user().name).plain("service", &self.input.service);
        line.plain("via", "helper").plain("uid", &self.user().uid.to_string());
        line.decision(&self.ruling.decision, &self.policy);
        line
    }
}
