//! `twinlock policy show`: what is in force, and which file says so.

use serde::Serialize;
use twinlock_policy::{RuleView, Shown, TrialState};
use twinlock_system::Paths;

use super::{Finding, findings};
use crate::error::{Error, Exit};
use crate::{in_force, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Show<'a> {
    pub valid: bool,
    pub files: &'a [String],
    pub hash: &'a str,
    /// What became of a trial; None where there is none.
    #[serde(serialize_with = "as_words")]
    pub trial: TrialState,
    pub settings: Vec<Setting>,
    pub rules: Vec<Rule<'a>>,
    pub faults: Vec<Finding<'a>>,
}

/// A setting; its value is written as in the policy.
#[derive(Debug, Serialize)]
pub struct Setting {
    pub key: &'static str,
    pub value: String,
    /// None for a default.
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// A rule, as written.
#[derive(Debug, Serialize)]
pub struct Rule<'a> {
    pub rule: String,
    pub file: &'a str,
    pub line: u32,
    pub users: Vec<&'a str>,
    pub groups: Vec<&'a str>,
    pub services: Vec<&'a str>,
    pub networks: Vec<String>,
    pub exempt_until: Option<String>,
    pub reason: Option<&'a str>,
    pub approved_by: Option<&'a str>,
    pub settings: Vec<Setting>,
}

/// Prints what is in force.
///
/// # Errors
/// [`Error::Output`].
pub fn run(json: bool, paths: &Paths) -> Result<Exit, Error> {
    let read = in_force::read(paths);
    let views: Vec<_> = read.policy.rules().collect();
    let show = Show {
        valid: read.faults.is_empty(),
        files: &read.files,
        hash: &read.policy.hash_hex(),
        trial: read.trial,
        settings: read.policy.settings().into_iter().map(setting).collect(),
        rules: views.iter().map(rule).collect(),
        faults: findings(&read.faults),
    };
    if json {
        terminal::print_json(&show)?;
    } else {
        terminal::complain(&texts::findings(&show.faults, &[]));
        terminal::print(&texts::policy_in_force(&show)).map_err(Error::Output)?;
    }
    Ok(if show.valid { Exit::Done } else { Exit::PolicyInvalid })
}

fn as_words<S: serde::Serializer>(state: &TrialState, serializer: S) -> Result<S::Ok, S::Error> {
    texts::trial(*state).serialize(serializer)
}

fn setting(shown: Shown) -> Setting {
    let (file, line) = shown.from.unzip();
    Setting { key: shown.key, value: shown.value, file, line }
}

fn rule<'a>(view: &'a RuleView<'a>) -> Rule<'a> {
    let (file, line) = view.from();
    Rule {
        rule: view.label(),
        file,
        line,
        users: view.users().collect(),
        groups: view.groups().collect(),
        services: view.services().collect(),
        networks: view.networks(),
        exempt_until: view.exempt_until().map(|date| date.to_string()),
        reason: view.reason(),
        approved_by: view.approved_by(),
        settings: view.settings().into_iter().map(setting).collect(),
    }
}
