//! `twinlock policy try` and `confirm`: a new policy that falls back by itself unless somebody got in under it.

use serde::Serialize;
use twinlock_policy::{TrialState, compose, policy_text};
use twinlock_system::{Ledger, Paths, clock, policy_change, policy_files};

use super::{change, check};
use crate::administrators::{Outlook, WayIn};
use crate::audit::{self, Act};
use crate::caller::Caller;
use crate::cli::Try;
use crate::error::{Error, Exit};
use crate::in_force::InForce;
use crate::{in_force, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// "begun", "ended", "confirmed", "unchanged".
    pub trial: &'static str,
    pub until: Option<String>,
    pub hash: Option<String>,
    /// No administrator is enrolled; the next login of one enrols.
    pub nobody_enrolled: bool,
    /// No administrator can log in under it.
    pub locked_out: bool,
}

impl Trial {
    fn of(trial: &'static str) -> Trial {
        Trial { trial, until: None, hash: None, nobody_enrolled: false, locked_out: false }
    }

    fn print(&self, json: bool) -> Result<Exit, Error> {
        if json {
            terminal::print_json(self)?;
        } else {
            terminal::complain(&texts::trial_but(self));
            terminal::print(&texts::trial_report(self)).map_err(Error::Output)?;
        }
        Ok(Exit::Done)
    }
}

/// Begins a trial, or ends it.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn run(options: &Try, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let event = if options.end { "admin_policy_try_end" } else { "admin_policy_try" };
    audit::act(event, caller, |act| match &options.new {
        Some(new) => {
            let new = check::draft(new)?;
            begin(options, &new, act, paths)
        }
        None => end(options.json, act, paths),
    })
}

fn begin(options: &Try, new: &policy_files::PolicyFile, act: &mut Act, paths: &Paths) -> Result<Exit, Error> {
    let files = policy_files::read(paths);
    if !options.replace {
        change::no_trial(&in_force::parse(&files))?;
    }
    let checked = in_force::parse_instead(new, &files);
    let (true, Ok(text)) = (checked.faults.is_empty(), &new.text) else {
        return change::refuse(&checked, options.json);
    };
    let now = clock::now();
    if now < clock::BUILT {
        return Err(Error::Clock(now));
    }
    let boot_id = policy_files::boot_id().ok_or(Error::NoBootId)?;
    let deadline = now.saturating_add(i64::from(options.time));
    let trial = compose(&String::from_utf8_lossy(text), now, deadline, &boot_id);
    // The very text that a login will read, read as it will be.
    let path = paths.policy.join("trial.toml").display().to_string();
    let draft = change::draft(&path, trial.as_bytes());
    let read = in_force::parse_trial(&draft, &files);
    if !read.faults.is_empty() || !matches!(read.trial, TrialState::Holds { .. }) {
        return change::refuse(&read, options.json);
    }
    change::still(&files, paths)?;
    policy_change::write_trial(paths, trial.as_bytes())?;
    act.note("until", &texts::instant(deadline));
    act.note("policy", &format!("sha256:{:.12}", read.policy.hash_hex()));
    let best = Outlook::under(&read.policy, paths).best();
    let report = Trial {
        until: Some(texts::instant(deadline)),
        hash: Some(read.policy.hash_hex()),
        nobody_enrolled: best == WayIn::Enrolment,
        locked_out: best == WayIn::None,
        ..Trial::of("begun")
    };
    report.print(options.json)
}

fn end(json: bool, act: &mut Act, paths: &Paths) -> Result<Exit, Error> {
    let ended = policy_change::remove_trial(paths)?;
    if !ended {
        act.unchanged();
    }
    Trial::of(if ended { "ended" } else { "unchanged" }).print(json)
}

/// Makes the policy on trial permanent: first it becomes policy.toml, then the trial ends. Between the two both say the
/// same, so nothing is lost if this is killed there.
///
/// # Errors
/// [`Error`]; then nothing was changed, and the trial goes on.
pub fn confirm(force: bool, json: bool, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    audit::act("admin_policy_confirm", caller, |act| {
        let files = policy_files::read(paths);
        let on_trial = in_force::parse(&files);
        let text = match (on_trial.trial, files.trial.as_ref().map(|file| &file.text)) {
            (TrialState::Holds { .. }, Some(Ok(text))) => text,
            (TrialState::Broken, _) => return change::refuse(&on_trial, json),
            (state, _) => return Err(Error::NoTrial(texts::trial(state))),
        };
        let not_ours = || Error::NotATrial(paths.policy.join("trial.toml"));
        let text = std::str::from_utf8(text).ok().and_then(policy_text).ok_or_else(not_ours)?;
        let new = in_force::parse_instead(&change::draft(&files.main.path, text.as_bytes()), &files);
        if !new.faults.is_empty() {
            return change::refuse(&new, json);
        }
        if !force && !was_tried(&on_trial, paths)? {
            return Err(Error::NotTried);
        }
        act.note("forced", if force { "yes" } else { "no" });
        change::still(&files, paths)?;
        policy_change::replace(paths, text.as_bytes())?;
        policy_change::remove_trial(paths)?;
        act.note("policy", &format!("sha256:{:.12}", new.policy.hash_hex()));
        let hash = Some(new.policy.hash_hex());
        Trial { hash, ..Trial::of("confirmed") }.print(json)
    })
}

/// Whether a login took a code under this very trial: its hash is over trial.toml with its start and deadline, so no
/// other trial of the same text has it. A record that cannot be read says nothing, and keeps nobody else's from saying it.
fn was_tried(on_trial: &InForce, paths: &Paths) -> Result<bool, Error> {
    let ledger = Ledger::new(paths);
    let hash = on_trial.policy.hash();
    let last = |uid: u32| ledger.look_at(uid).ok().flatten().and_then(|record| record.last);
    Ok(ledger.uids()?.into_iter().filter_map(last).any(|last| last.policy == hash))
}
