//! `twinlock policy check`: every fault, and what is allowed but probably not meant.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use twinlock_policy::{Fault, Policy};
use twinlock_system::policy_files::{self, MAX_FILE, PolicyFile, PolicyFiles};
use twinlock_system::{Paths, clock};

use super::{Finding, findings, shut_out};
use crate::caller::Caller;
use crate::error::{Error, Exit};
use crate::{in_force, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Check<'a> {
    pub valid: bool,
    pub files: &'a [String],
    pub hash: &'a str,
    pub rules: usize,
    pub faults: Vec<Finding<'a>>,
    pub warnings: Vec<Finding<'a>>,
}

/// Checks the policy of this host, or drafts.
///
/// # Errors
/// [`Error::File`] for a draft that cannot be read.
pub fn run(drafts: &[PathBuf], json: bool, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let files = match drafts.split_first() {
        None => policy_files::read(paths),
        Some((main, drop_ins)) => PolicyFiles {
            main: draft(main)?,
            drop_ins: drop_ins.iter().map(|path| draft(path)).collect::<Result<_, _>>()?,
            trial: None,
        },
    };
    let read = in_force::parse(&files);
    let mut warnings = read.policy.warnings(clock::now());
    warnings.extend(unknown_groups(&read.policy, caller));
    // Of others only root can look; and a broken policy has other troubles.
    if caller.is_root && read.faults.is_empty() {
        warnings.extend(shut_out::warnings(&read, paths));
    }
    let report = Check {
        valid: read.faults.is_empty(),
        files: &read.files,
        hash: &read.policy.hash_hex(),
        rules: read.policy.rules().count(),
        faults: findings(&read.faults),
        warnings: findings(&warnings),
    };
    if json {
        terminal::print_json(&report)?;
    } else {
        terminal::complain(&texts::findings(&report.faults, &report.warnings));
        if report.valid {
            terminal::print(&texts::policy_is_sound(&report)).map_err(Error::Output)?;
        } else {
            terminal::complain(&texts::policy_is_invalid(report.faults.len(), drafts.is_empty()));
        }
    }
    Ok(if report.valid { Exit::Done } else { Exit::PolicyInvalid })
}

/// A draft is read as it is: it counts only once it is in its place, where owner and mode are looked at.
pub fn draft(path: &Path) -> Result<PolicyFile, Error> {
    let mut text = Vec::new();
    let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut text))
        .and_then(
            |_| if text.len() > MAX_FILE { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(()) },
        )
        .map_err(|error| Error::File { doing: "read", path: path.to_owned(), error })?;
    Ok(PolicyFile { path: path.display().to_string(), text: Ok(text) })
}

/// Groups that rules name and no source knows, or that could not be looked up: such a rule is decided both ways.
pub fn unknown_groups(policy: &Policy, caller: &Caller) -> Vec<Fault> {
    let mut warnings = Vec::new();
    for rule in policy.rules() {
        let (file, line) = rule.from();
        for group in rule.groups() {
            let (message, mend) = match caller.user.is_in_group(group) {
                Ok(Some(_)) => continue,
                Ok(None) => texts::unknown_group(&rule.label(), group),
                Err(fault) => texts::group_not_looked_up(&rule.label(), group, &fault),
            };
            let line = Some(rule.groups_line().unwrap_or(line));
            warnings.push(Fault { file: file.to_owned(), line, column: None, message, mend });
        }
    }
    warnings
}
