//! `twinlock doctor`: looks at everything that a login passes through, and says of each fault what comes of it and how to
//! mend it. It changes nothing, and what it could not look at it says.

pub mod belongings;
mod clock;
mod people;
mod problem;
mod rules;
pub mod services;
pub mod sshd;
pub mod stack;
mod sudoers;

use std::path::Path;

use serde::Serialize;
use twinlock_system::{Paths, User};

use crate::caller::Caller;
use crate::cli;
use crate::error::{Error, Exit};
use crate::{in_force, policy, terminal, texts};

pub use problem::{Problem, Role, Severity};
pub use rules::Rules;
pub use services::{Files, Service};
pub use stack::Phase;

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// No login fails and no code can be skipped, as far as was looked.
    pub sound: bool,
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub unchecked: Vec<String>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// A name for scripts.
    pub id: &'static str,
    pub severity: Severity,
    pub what: String,
    /// What happens because of it.
    pub because: String,
    /// The line that mends it.
    pub mend: String,
}

impl Finding {
    /// A problem in words.
    pub fn of(problem: &Problem) -> Self {
        let texts::Told { what, because, mend } = texts::problem(problem);
        Self { id: problem.id(), severity: problem.severity(), what, because, mend }
    }
}

/// Looks at this host.
///
/// # Errors
/// [`Error::RootOnly`], [`Error::NoSuchUser`], a look-up that failed, [`Error::Output`].
pub fn run(options: &cli::Doctor, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    if !caller.is_root {
        return Err(Error::AdministratorsOnly);
    }
    let user = match &options.user {
        None => None,
        Some(name) => Some(User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.clone()))?),
    };
    let mut unchecked = Vec::new();
    let mut problems = look(options, caller, user.as_ref(), paths, &mut unchecked);
    // The worst first; else in the order in which they were looked for.
    problems.sort_by_key(Problem::severity);
    let findings: Vec<_> = problems.iter().map(Finding::of).collect();
    let sound = findings.iter().all(|finding| finding.severity != Severity::Error);
    let report = Report { sound, findings, unchecked };
    if options.json {
        terminal::print_json(&report)?;
    } else {
        terminal::print(&texts::diagnosis(&report)).map_err(Error::Output)?;
    }
    Ok(if report.sound { Exit::Done } else { Exit::Failed })
}

fn look(
    options: &cli::Doctor,
    caller: &Caller,
    user: Option<&User>,
    paths: &Paths,
    unchecked: &mut Vec<String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let read = in_force::read(paths);
    problems.extend(read.faults.iter().cloned().map(Problem::Policy));
    let mut warnings = read.policy.warnings(twinlock_system::clock::now());
    warnings.extend(policy::unknown_groups(&read.policy, caller));
    problems.extend(warnings.into_iter().map(Problem::PolicyWarning));

    let rules = Rules::of(&read.policy);
    let files = Files::default();
    services::look(&files, &rules, &mut problems);
    let sudoers = sudoers::read();
    if let Some(place) = &sudoers.without_account {
        for service in ["sudo", "sudo-i"].iter().filter(|name| rules.enroll_at.contains(**name)) {
            if Service::read(service, &|name| files.find(name)).has_us() {
                problems.push(Problem::SudoWithoutAccount {
                    service: (*service).to_owned(),
                    place: place.clone(),
                });
            }
        }
    }
    look_at_sshd(options, &files, &rules, &mut problems, unchecked);
    clock::look(&mut problems, unchecked);
    belongings::look(paths, &mut problems);
    belongings::labels(&mut problems);
    people::look(paths, user, (&rules, &sudoers), &mut problems, unchecked);
    problems
}

fn look_at_sshd(
    options: &cli::Doctor,
    files: &Files,
    rules: &Rules,
    problems: &mut Vec<Problem>,
    unchecked: &mut Vec<String>,
) {
    let service = Service::read("sshd", &|name| files.find(name));
    // A service that does not ask has its finding already.
    if !service.has_us() {
        return;
    }
    match sshd::ask(options.user.as_deref(), options.from) {
        sshd::Said::Nothing => {}
        sshd::Said::Unasked(why) => unchecked.push(format!("sshd's settings: {why}")),
        sshd::Said::Fault(said) => problems.push(Problem::SshdFails { said }),
        sshd::Said::Settings(settings) => {
            let about = sshd::About { user: options.user.as_deref(), root_has_keys: root_has_keys() };
            problems.extend(sshd::judge(&settings, &service, rules, about));
        }
    }
}

fn root_has_keys() -> bool {
    let keys = std::fs::read_to_string(Path::new("/root/.ssh/authorized_keys")).unwrap_or_default();
    keys.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}
