//! `twinlock setup`: the change that makes logins ask for a code, shown, checked, made, and undone. Nothing is written
//! before its result was judged as `doctor` judges it, and before copies of everything it touches are on the disk.

mod daemon;
mod edit;
mod kept;
mod lines;
mod make;
mod passwords;
mod place;
mod plan;
mod tool;
mod trouble;
mod undo;

use serde::Serialize;
use twinlock_system::Paths;

use crate::audit::{self, Act};
use crate::caller::Caller;
use crate::cli;
use crate::doctor::Finding;
use crate::error::{Error, Exit};
use crate::{terminal, texts};

use edit::Edit;
use kept::Kept;
use make::make;
use plan::{consider, plan};
use tool::Tool;

pub use trouble::Trouble;
pub use undo::Undone;

/// What was done, or would be.
#[derive(Debug, Serialize)]
pub struct Setup {
    pub changed: bool,
    pub dry_run: bool,
    /// The difference of each file.
    pub diffs: Vec<String>,
    /// A tool of the distribution that is run.
    pub runs: Option<String>,
    /// A running sshd took it up.
    pub sshd_reloaded: bool,
    /// Warnings about the result.
    pub warnings: Vec<Finding>,
    /// Users with a login shell and without a password of this host's own.
    pub without_password: Vec<String>,
}

/// Sets up, or undoes it.
///
/// # Errors
/// [`Error::AdministratorsOnly`], [`Error::Setup`], [`Error::Output`].
pub fn run(options: &cli::Setup, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    audit::act("setup", caller, |act| {
        let what = if options.undo {
            "undo"
        } else if options.ssh {
            "ssh"
        } else {
            "all_logins"
        };
        act.note("what", what);
        if options.dry_run {
            act.note("dry_run", "yes");
        }
        if options.undo { undo::run(options, act, paths) } else { set_up(options, act, paths) }
    })
}

fn set_up(options: &cli::Setup, act: &mut Act, paths: &Paths) -> Result<Exit, Error> {
    let earlier = Kept::find(paths)?;
    if earlier.as_ref().is_some_and(|kept| !kept.manifest.complete) {
        return Err(Trouble::Interrupted.into());
    }
    let plan = plan(options)?;
    let changes =
        || plan.daemon.iter().chain(&plan.stacks).chain(&plan.by_tool).filter(|edit| edit.is_change());
    let changed = changes().next().is_some() || plan.tool.is_some_and(|tool| !tool.foresees());
    let (warnings, without_password) = consider(options, &plan, paths)?;
    let mut report = Setup {
        changed,
        dry_run: options.dry_run,
        diffs: changes().map(Edit::shown).collect(),
        runs: plan.tool.filter(|_| changed).map(Tool::command),
        sshd_reloaded: false,
        warnings: warnings.iter().map(Finding::of).collect(),
        without_password,
    };
    // Before it is done, so that nobody has to guess what was when it fails half-way.
    if !options.json {
        terminal::print(&texts::setup(&report)).map_err(Error::Output)?;
    }
    if !changed {
        act.unchanged();
    } else if !options.dry_run {
        make(&plan, earlier, paths)?;
        report.sshd_reloaded = plan.daemon.as_ref().is_some_and(Edit::is_change) && daemon::reload();
        if !options.json {
            terminal::print(&texts::setup_done(&report)).map_err(Error::Output)?;
        }
    }
    if options.json {
        terminal::print_json(&report)?;
    }
    Ok(Exit::Done)
}
