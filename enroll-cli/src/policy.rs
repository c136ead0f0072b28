//! `twinlock policy`: what the policy says, and the two ways to change it that are checked before they count.

mod change;
mod check;
mod explain;
mod require;
mod show;
mod shut_out;
mod trial;

pub use check::{Check, unknown_groups};
pub use explain::{Explained, Grace};
pub use require::Required;
pub use show::Show;
pub use trial::Trial;

use serde::Serialize;
use twinlock_policy::Fault;
use twinlock_system::Paths;

use crate::caller::Caller;
use crate::cli;
use crate::error::{Error, Exit};

/// Runs a subcommand.
///
/// # Errors
/// [`Error`]; a broken policy is none, but [`Exit::PolicyInvalid`].
pub fn run(command: &cli::Policy, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    match command {
        cli::Policy::Check { files, json } => check::run(files, *json, caller, paths),
        cli::Policy::Show { json } => show::run(*json, paths),
        cli::Policy::Explain(options) => explain::run(options, caller, paths),
        cli::Policy::Require { value, force, json } => require::run(*value, *force, *json, caller, paths),
        cli::Policy::Try(options) => trial::run(options, caller, paths),
        cli::Policy::Confirm { force, json } => trial::confirm(*force, *json, caller, paths),
    }
}

/// A fault or warning, for JSON.
#[derive(Debug, Serialize)]
pub struct Finding<'a> {
    pub file: &'a str,
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub message: &'a str,
    pub mend: &'a str,
}

fn findings(faults: &[Fault]) -> Vec<Finding<'_>> {
    faults.iter().map(Finding::of).collect()
}

impl<'a> Finding<'a> {
    fn of(fault: &'a Fault) -> Finding<'a> {
        let Fault { file, line, column, message, mend } = fault;
        Finding { file, line: *line, column: *column, message, mend }
    }
}
