//! Enrolment at login, in the account phase: only whoever passed a first factor sees a key.
//!
//! What is shown is kept as pending, so that a cut connection changes nothing, and only for whom it was shown
//! to (`key`). The credential is written as the user, then registered in the ledger; only then is anybody in.

mod key;

use twinlock_enrollment::pending::Pending;
use twinlock_enrollment::prompt::{self, Origin, Picture};
use twinlock_enrollment::qr::Polarity;
use twinlock_enrollment::{Account, Material, RecoveryCodes};
use twinlock_policy::{Policy, Store, Unenrolled};
use twinlock_system::credential::{Found, Place, has_home, read, write};
use twinlock_system::ledger::Keep;
use twinlock_system::logfmt::Line;
use twinlock_system::{Fault, Ledger, Paths, Ruling, Trouble, clock, host_name, pending, random};
use twinlock_verifier::record::Acceptance;
use twinlock_verifier::steps::{self, Match};
use twinlock_verifier::{Algorithm, Authenticator, Credential, RecoverySet, Typed, recovery};
use zeroize::Zeroizing;

use crate::audit::{Named, ToLog, event};
use crate::auth::unavailable;
use crate::host::{Echo, Host, Level};
use crate::login::Login;
use crate::outcome::Outcome;
use crate::texts;

/// Answers to the enrolment prompt. The key is on the screen, so there is nothing to guess; this only ends a
/// conversation that answers by itself.
const ANSWERS: u8 = 12;
/// Keys that one login shows when others keep looking at them.
const KEYS: u8 = 3;
/// Longest service or source that a pending key is kept with, in characters.
const LONGEST_PLACE: usize = 256;
/// The label of an authenticator that was enrolled at login.
const LABEL: &str = "phone";

/// One enrolment at login.
pub struct Enrolment<'a> {
    /// The host.
    pub host: &'a mut dyn Host,
    /// Places of policy and state.
    pub paths: &'a Paths,
    /// The policy in force.
    pub policy: &'a Policy,
    /// The login.
    pub login: &'a Login,
    /// The user and the decision.
    pub ruling: &'a Ruling,
}

impl Enrolment<'_> {
    /// Leads the user through enrolment, or lets them put it off while they are in grace.
    pub fn run(mut self) -> Outcome {
        let allowed =
            self.ruling.decision.unenrolled == Unenrolled::Enroll && self.ruling.decision.enroll_here;
        if let Some(until) = self.ruling.grace() {
            if let Err(fault) = self.ruling.begin_grace(self.paths) {
                return self.unavailable(fault);
            }
            if !allowed {
                self.host.tell(&texts::reminder_elsewhere(until, self.policy.help()));
                self.log_put_off(until);
                return Outcome::NotAsked;
            }
            if self.put_off(until) {
                return Outcome::NotAsked;
            }
        }
        if !allowed {
            return self.not_allowed();
        }
        // Under a wrong clock no code of the phone's would ever be right.
        if self.ruling.clock_is_behind {
            return self.clock_is_wrong();
        }
        let origin = short(&self.login.origin());
        let place = key::Place {
            paths: self.paths,
            user: &self.ruling.user,
            service: &short(&self.login.service),
            source: &origin,
        };
        self.set_up(&place)
    }

    /// Shows keys until one is set up that nobody else has seen.
    fn set_up(&mut self, place: &key::Place<'_>) -> Outcome {
        let mut want = key::Want::Same;
        for _ in 0..KEYS {
            let (shown, again) = match place.key(want) {
                Ok(key) => key,
                Err(fault) => return self.unavailable(fault),
            };
            self.line("enrollment_started")
                .plain("again", if again { "yes" } else { "no" })
                .send(self.host, Level::Info);
            let first_shown = clock::to_the_minute(shown.first_shown);
            let origin = match want {
                key::Want::Other => Origin::InPlaceOfOneThatOthersSaw,
                key::Want::Same if again => Origin::ShownBefore(&first_shown),
                key::Want::Same => Origin::New,
            };
            let step = match self.confirm(&shown, origin) {
                Ok(step) => step,
                Err(why) => return self.given_up(why),
            };
            match self.finish(place, &shown, step) {
                Ok(Finished::Enrolled(codes)) => return self.enrolled(&codes),
                Ok(Finished::TooLate) => return self.enrolled_meanwhile(),
                Ok(Finished::OthersSawIt) => {
                    self.line("enrollment_restarted")
                        .plain("reason", "key_shown_elsewhere")
                        .send(self.host, Level::Notice);
                    want = key::Want::Other;
                }
                Err(fault) => return self.unavailable(fault),
            }
        }
        self.given_up(GivenUp::NoRightCode)
    }

    fn enrolled(&mut self, codes: &RecoveryCodes) -> Outcome {
        let _ = self.host.set_variable("TWINLOCK_AUTHENTICATOR", LABEL);
        self.line("enrolled").quoted("authenticator", LABEL).send(self.host, Level::Info);
        // The user is enrolled, whether or not they see this; without it they have a phone and no spare.
        let _ = self.host.ask(Echo::On, &prompt::recovery_codes(codes));
        Outcome::Verified
    }

    fn enrolled_meanwhile(&mut self) -> Outcome {
        self.line("account_refused").plain("reason", "enrolled_meanwhile").send(self.host, Level::Notice);
        self.host.refuse(texts::enrolled_meanwhile());
        Outcome::Denied
    }

    /// Whether the user wants to enrol later. No answer, or no way to ask, means later.
    fn put_off(&mut self, until: i64) -> bool {
        let answer = self.host.ask(Echo::On, &texts::reminder(until));
        let now =
            matches!(&answer, Ok(Some(answer)) if answer.as_bytes().trim_ascii().eq_ignore_ascii_case(b"y"));
        if !now {
            self.log_put_off(until);
        }
        !now
    }

    fn log_put_off(&mut self, until: i64) {
        self.line("enrollment_put_off").quoted("until", &clock::readable(until)).send(self.host, Level::Info);
    }

    /// Shows the key until a right code comes back; its step.
    fn confirm(&mut self, shown: &Pending, origin: Origin<'_>) -> Result<u64, GivenUp> {
        let host_name = host_name();
        let issuer = self.policy.issuer().unwrap_or(&host_name);
        let account = format!("{}@{host_name}", self.ruling.user.name);
        let show = |picture| {
            prompt::scan_and_confirm(&prompt::Enrolment {
                account: Account { issuer, account: &account },
                pending: shown,
                origin,
                help: self.policy.help(),
                picture,
            })
        };
        let authenticator = authenticator(shown, self.ruling.now);
        // A newline first: some clients begin a prompt with words of their own.
        let mut text = Zeroizing::new(format!("\n{}", *show(Picture::HalfBlocks(Polarity::Dark))));
        let mut failed = GivenUp::NoConversation;
        for _ in 0..ANSWERS {
            let Ok(Some(answer)) = self.host.ask(Echo::On, &text) else { return Err(failed) };
            failed = GivenUp::NoRightCode;
            if std::str::from_utf8(answer.as_bytes()).is_ok_and(prompt::wants_ascii_picture) {
                text = Zeroizing::new(format!("\n{}", *show(Picture::Ascii(Polarity::Dark))));
                continue;
            }
            if let Typed::Code(code) = Typed::from_bytes(answer.as_bytes())
                && let Match::Fresh { step, .. } = steps::find(&authenticator, &code, clock::now(), 0, 0)
            {
                return Ok(step);
            }
            self.line("enrollment_code_rejected").plain("reason", "wrong").send(self.host, Level::Info);
            let again = prompt::code_was_not_right(&shown.parameters, self.policy.help());
            text = Zeroizing::new(format!("\n{again}"));
        }
        Err(GivenUp::NoRightCode)
    }

    /// Writes the credential and registers it, durably, unless somebody else was faster or has seen the key.
    fn finish(&self, place: &key::Place<'_>, shown: &Pending, step: u64) -> Result<Finished, Fault> {
        let user = &self.ruling.user;
        let now = clock::now();
        let mut bytes = Zeroizing::new([0; Material::RANDOM_BYTES]);
        random(bytes.as_mut_slice())?;
        let material = Material::from_random(&bytes);
        let codes = material.recovery_codes;
        let credential = Credential {
            authenticators: vec![authenticator(shown, now)],
            recovery: Some(RecoverySet::new(codes.iter(), &material.salt, recovery::DEFAULT_ROUNDS)),
        };
        let stored = match self.ruling.decision.credential_store {
            Store::Home if has_home(user) => Place::Home,
            // No home yet, as pam_mkhomedir comes after us, or none that its user may write to.
            Store::Home | Store::System => Place::System,
        };
        // Under the lock, so that of two logins that enrol at once one is told that it was too late, and the
        // credential of the other stays. Nobody types meanwhile.
        let finished = Ledger::new(self.paths).change(user, |change| {
            let written = match (read(self.paths, user), change.record.enrolled) {
                (Ok(Found::Absent), false) => match place.is_ours_alone(shown) {
                    Ok(true) => write(self.paths, user, stored, credential.to_text().as_bytes()),
                    Ok(false) => return (Ok(Finished::OthersSawIt), Keep::Nothing),
                    Err(fault) => Err(fault),
                },
                (Ok(_), _) => return (Ok(Finished::TooLate), Keep::Nothing),
                (Err(fault), _) => Err(fault),
            };
            if let Err(fault) = written {
                return (Err(fault), Keep::Nothing);
            }
            change.record.register(&credential);
            for entry in &mut change.record.authenticators {
                entry.last_step = step;
            }
            change.record.last =
                Some(Acceptance { at: now, policy: self.policy.hash(), service: self.login.service.clone() });
            (Ok(Finished::Enrolled(codes)), Keep::Record)
        })??;
        if !matches!(finished, Finished::OthersSawIt) {
            // Left behind it would only be shown once more, to nobody: the user is enrolled.
            let _ = pending::remove(self.paths, user.uid);
        }
        Ok(finished)
    }

    /// The policy changed while somebody was at the password prompt.
    fn not_allowed(&mut self) -> Outcome {
        self.line("account_refused").plain("reason", "enrollment_not_allowed").send(self.host, Level::Notice);
        self.host.refuse(&texts::may_not_enrol(self.policy.help()));
        Outcome::Denied
    }

    fn clock_is_wrong(&mut self) -> Outcome {
        self.line("unavailable")
            .plain("reason", "clock")
            .quoted("mend", "set the clock; if it was ahead before, `twinlock unlock` the user")
            .send(self.host, Level::Error);
        self.host.refuse(&texts::clock_is_wrong(self.policy.help()));
        Outcome::Unavailable
    }

    fn given_up(&mut self, why: GivenUp) -> Outcome {
        let (reason, text) = match why {
            GivenUp::NoConversation => ("no_conversation", prompt::set_up_elsewhere(self.policy.help())),
            GivenUp::NoRightCode => ("not_enrolled", texts::not_enrolled(self.policy.help())),
        };
        self.line("account_refused").plain("reason", reason).send(self.host, Level::Notice);
        self.host.refuse(&text);
        Outcome::Denied
    }

    fn unavailable(&mut self, fault: Fault) -> Outcome {
        let named = Named::User(&self.ruling.user.name);
        unavailable(self.host, self.login, named, &Trouble::Fault(fault), Some(self.policy))
    }

    fn line(&self, what: &str) -> Line {
        let mut line = event(what, self.login, Named::User(&self.ruling.user.name));
        line.decision(&self.ruling.decision, self.policy);
        line
    }
}

/// As much of a name as a pending key is kept with: one that is longer than its file may be could never be read back.
fn short(name: &str) -> String {
    name.chars().take(LONGEST_PLACE).collect()
}

/// How setting up a key ended.
enum Finished {
    /// It counts from now on; these are the recovery codes.
    Enrolled(RecoveryCodes),
    /// Another login of the user enrolled meanwhile; its credential stays.
    TooLate,
    /// Another login was shown the key since, or there is another key by now.
    OthersSawIt,
}

/// Why somebody did not enrol.
#[derive(Clone, Copy)]
enum GivenUp {
    /// The key could not even be shown: this way to log in cannot ask anything in its account phase, or the connection
    /// was cut.
    NoConversation,
    /// The right code did not come.
    NoRightCode,
}

/// The authenticator that the shown key makes.
fn authenticator(shown: &Pending, now: i64) -> Authenticator {
    Authenticator {
        id: 1,
        label: LABEL.to_owned(),
        secret: Zeroizing::new(shown.secret.to_vec()),
        algorithm: match shown.parameters.algorithm {
            twinlock_enrollment::Algorithm::Sha1 => Algorithm::Sha1,
            twinlock_enrollment::Algorithm::Sha256 => Algorithm::Sha256,
            twinlock_enrollment::Algorithm::Sha512 => Algorithm::Sha512,
        },
        digits: shown.parameters.digits,
        period: shown.parameters.period,
        enrolled: now,
    }
}
