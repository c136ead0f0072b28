//! `twinlock policy explain`: what one login needs, by the very code that decides logins, and how each rule compared.

use serde::Serialize;
use twinlock_policy::{Decision, Outcome, Requirement, Subject, Unenrolled};
use twinlock_system::ruling::Nss;
use twinlock_system::{Fault, Ledger, Paths, User, clock};
use twinlock_verifier::{Record, verdict};

use crate::caller::Caller;
use crate::cli::Explain;
use crate::error::{Error, Exit};
use crate::{in_force, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Explained {
    pub user: String,
    pub service: String,
    pub from: Option<String>,
    pub at: String,
    pub decision: Decided,
    /// Under `require_mfa = "report"`: what `true` would decide.
    pub reported: Option<Decided>,
    pub considered: Vec<Considered>,
    pub valid: bool,
}

/// A decision.
#[derive(Debug, Serialize)]
pub struct Decided {
    /// "exempt", "user-driven" or "required".
    pub requirement: &'static str,
    /// "enroll" or "deny"; "deny" where the service cannot lead through enrolment.
    pub unenrolled: &'static str,
    /// Whether the service is one that can lead through enrolment.
    pub enroll_here: bool,
    pub grace: Grace,
    /// Seconds that an accepted code need not be asked for again.
    pub remember: u64,
    pub reason: String,
    pub file: String,
    pub line: Option<u32>,
    pub rule: Option<String>,
    pub key: &'static str,
}

/// How long enrolment may be put off.
#[derive(Debug, Serialize)]
pub struct Grace {
    /// The end, where it can be told; it may be past.
    pub until: Option<String>,
    /// Whether it lasts at that time; None where that depends on a first login that only root can look up.
    pub lasts: Option<bool>,
    /// Days from the first login.
    pub days: Option<u32>,
}

/// One rule.
#[derive(Debug, Serialize)]
pub struct Considered {
    pub rule: String,
    pub file: String,
    pub line: u32,
    /// "matched", "no match" or "undecided".
    pub outcome: &'static str,
    pub why: Vec<String>,
}

/// Explains one login.
///
/// # Errors
/// [`Error`]; a broken policy is explained as well, with [`Exit::PolicyInvalid`].
pub fn run(options: &Explain, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let user = User::by_name(&options.user)?.ok_or_else(|| Error::NoSuchUser(options.user.clone()))?;
    let record = caller.is_root.then(|| Ledger::new(paths).read(&user));
    if let Some(Err(fault)) = &record {
        terminal::complain(&texts::without_the_ledger(fault));
    }
    let read = in_force::read(paths);
    let now = options.at.unwrap_or_else(clock::now);
    let from = options.from.map(|address| address.to_string());
    let subject = Subject {
        user: &user.name,
        uid: user.uid,
        gid: user.gid,
        service: &options.service,
        rhost: from.as_deref(),
        now,
        clock_is_behind: clock_is_behind(record.as_ref(), now),
    };
    let explanation = read.policy.explain(&subject, &mut Nss { user: &user });
    let known = record.as_ref().and_then(|record| record.as_ref().ok()).map(Option::as_ref);
    let explained = Explained {
        service: options.service.clone(),
        at: texts::instant(now),
        decision: decided(&explanation.decision, &subject, known),
        reported: explanation.decision.reported.as_deref().map(|other| decided(other, &subject, known)),
        considered: explanation.considered.into_iter().map(considered).collect(),
        valid: read.faults.is_empty(),
        user: user.name.clone(),
        from,
    };
    if options.json {
        terminal::print_json(&explained)?;
    } else {
        terminal::print(&texts::explanation(&explained)).map_err(Error::Output)?;
    }
    Ok(if explained.valid { Exit::Done } else { Exit::PolicyInvalid })
}

/// Whether the clock is behind, as a login at that time would find it.
fn clock_is_behind(record: Option<&Result<Option<Record>, Fault>>, now: i64) -> bool {
    match record {
        Some(Ok(Some(record))) => verdict::clock_is_behind(record, now, clock::BUILT),
        Some(Err(_)) => true,
        Some(Ok(None)) | None => now < clock::BUILT,
    }
}

fn decided(decision: &Decision, subject: &Subject<'_>, record: Option<Option<&Record>>) -> Decided {
    let enrolls = decision.unenrolled == Unenrolled::Enroll && decision.enroll_here;
    Decided {
        requirement: match decision.requirement {
            Requirement::Exempt => "exempt",
            Requirement::UserDriven => "user-driven",
            Requirement::Required => "required",
        },
        unenrolled: if enrolls { "enroll" } else { "deny" },
        enroll_here: decision.enroll_here,
        grace: grace(decision, subject, record),
        remember: decision.remember,
        reason: decision.reason.to_string(),
        file: decision.reason.file.clone(),
        line: decision.reason.line,
        rule: decision.reason.rule.clone(),
        key: decision.reason.key,
    }
}

fn grace(decision: &Decision, subject: &Subject<'_>, record: Option<Option<&Record>>) -> Grace {
    let key = decision.grace_key.map(|key| key.0);
    let start = record.flatten().and_then(|record| {
        record.graces.iter().find(|grace| Some(grace.rule) == key).map(|grace| grace.start)
    });
    let (lasts, until) = match twinlock_policy::grace(decision, start, subject.now, subject.clock_is_behind) {
        twinlock_policy::Grace::Until(end) => (true, Some(end)),
        twinlock_policy::Grace::Over(end) => (false, end),
    };
    // Without the ledger, days of grace may have begun long ago.
    let told = decision.grace_days.is_none() || record.is_some() || !lasts;
    Grace {
        until: until.filter(|_| told).map(texts::instant),
        lasts: told.then_some(lasts),
        days: decision.grace_days,
    }
}

fn considered(one: twinlock_policy::Considered) -> Considered {
    let (outcome, why) = match one.outcome {
        Outcome::Matched => ("matched", Vec::new()),
        Outcome::NoMatch(why) => ("no match", vec![texts::mismatch(why)]),
        Outcome::Undecided(doubts) => ("undecided", doubts.iter().map(texts::doubt).collect()),
    };
    Considered { rule: one.rule, file: one.file, line: one.line, outcome, why }
}
