//! `twinlock setup`: the change that makes logins ask for a code, shown, checked, made, and undone. Nothing is written
//! before its result was judged as `doctor` judges it, and before copies of everything it touches are on the disk.

mod daemon;
mod edit;
mod kept;
mod lines;
mod passwords;
mod place;
mod tool;
mod trouble;
mod undo;

use std::path::{Path, PathBuf};

use serde::Serialize;
use twinlock_policy::Policy;
use twinlock_system::Paths;

use crate::audit::{self, Act};
use crate::caller::Caller;
use crate::cli;
use crate::doctor::{self, Files, Finding, Problem, Role, Rules, Service, Severity, sshd};
use crate::error::{Error, Exit};
use crate::{in_force, terminal, texts};

use edit::Edit;
use kept::{Kept, Manifest, Now};
use place::Looks;
use tool::Tool;

pub use trouble::Trouble;
pub use undo::Undone;

const SSHD: &str = "/etc/pam.d/sshd";

/// What was done, or would be.
#[derive(Debug, Serialize)]
pub struct Setup {
    pub changed: bool,
    pub dry_run: bool,
    /// The difference of each file.
    pub diffs: Vec<String>,
    /// A tool of the distribution that is run.
    pub runs: Option<&'static str>,
    /// A running sshd took it up.
    pub sshd_reloaded: bool,
    /// Warnings about the result.
    pub warnings: Vec<Finding>,
    /// Users with a login shell and without a password of this host's own.
    pub without_password: Vec<String>,
}

/// The change.
struct Plan {
    /// sshd's own configuration.
    daemon: Option<Edit>,
    /// PAM's files.
    stacks: Vec<Edit>,
    /// Files that a tool writes.
    by_tool: Vec<Edit>,
    tool: Option<Tool>,
}

impl Plan {
    /// PAM's files as they will be, as far as that can be foreseen.
    fn files(&self) -> Files {
        let edits = self.stacks.iter().chain(&self.by_tool);
        Files { instead: edits.filter_map(|edit| Some((edit.path.clone(), edit.after.clone()?))).collect() }
    }
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

fn plan(options: &cli::Setup) -> Result<Plan, Trouble> {
    if options.ssh && !daemon::is_there() {
        return Err(Trouble::NoSshd);
    }
    let daemon = if daemon::is_there() { Some(daemon::edit()?) } else { None };
    let path = Path::new(SSHD);
    let before = place::read(path)?;
    if options.ssh {
        let text = before.clone().ok_or_else(|| Trouble::NoStack(path.to_owned()))?;
        let after = lines::with_ours("sshd", &text, &Files::default());
        let after = Some(after.ok_or_else(|| Trouble::NoStack(path.to_owned()))?);
        let stacks = vec![Edit { path: path.to_owned(), before, after }];
        return Ok(Plan { daemon, stacks, by_tool: Vec::new(), tool: None });
    }
    let tool = Tool::find()?;
    let by_tool = tool.preview()?;
    // Lines of an earlier `setup --ssh` would ask a second time.
    let after = before.as_deref().map(lines::without_ours);
    let stacks = vec![Edit { path: path.to_owned(), before, after }];
    let needed = by_tool.iter().any(Edit::is_change) || !tool.foresees() && !by_tool.is_empty();
    Ok(Plan { daemon, stacks, by_tool, tool: Some(tool).filter(|_| needed) })
}

/// Judges what would come of a plan: warnings, and users who would be asked for a password that they do not have.
fn consider(
    options: &cli::Setup,
    plan: &Plan,
    paths: &Paths,
) -> Result<(Vec<Problem>, Vec<String>), Trouble> {
    let files = plan.files();
    let read = in_force::read(paths);
    let mut problems: Vec<Problem> = read.faults.iter().cloned().map(Problem::Policy).collect();
    let mut ours = Vec::new();
    doctor::belongings::look(paths, &mut ours);
    // What keeps logins out; a missing helper does not.
    problems.extend(ours.into_iter().filter(|problem| match problem {
        Problem::Missing { role, .. } | Problem::Unsafe { role, .. } => {
            matches!(role, Role::Module | Role::State)
        }
        _ => false,
    }));
    // What a tool will write is judged when it is written, if it cannot be foreseen.
    if plan.tool.is_none_or(Tool::foresees) {
        problems.extend(stacks(options, &files, &read.policy));
    }
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity() == Severity::Error);
    if !errors.is_empty() {
        return Err(Trouble::Refused(errors));
    }
    let sshd = Service::read("sshd", &|name| files.find(name));
    let without_password = if daemon::is_there() { passwords::missing(&sshd)? } else { Vec::new() };
    Ok((warnings, without_password))
}

/// Problems of the stacks that a plan is about.
fn stacks(options: &cli::Setup, files: &Files, policy: &Policy) -> Vec<Problem> {
    let rules = Rules::of(policy);
    let mut problems = Vec::new();
    if options.ssh {
        let sshd = Service::read("sshd", &|name| files.find(name));
        doctor::services::one(&sshd, &rules, &mut problems);
    } else {
        doctor::services::look(files, &rules, &mut problems);
    }
    problems
}

/// Makes the change; takes back what was done of it when something stops it.
fn make(plan: &Plan, earlier: Option<Kept>, paths: &Paths) -> Result<(), Trouble> {
    if let Some(kept) = &earlier {
        unchanged_since(kept, plan)?;
    }
    let before = earlier.as_ref().map(|kept| kept.manifest.clone());
    let mut kept = Kept::begin(paths, earlier)?;
    // From here on it counts as interrupted, until it is done.
    kept.manifest.complete = false;
    if before.is_some() {
        kept.save()?;
    }
    let own = || plan.daemon.iter().chain(&plan.stacks).filter(|edit| edit.is_change());
    for edit in own() {
        kept.keep(edit, false)?;
    }
    for edit in &plan.by_tool {
        kept.keep(edit, true)?;
    }
    if let Some(tool) = plan.tool {
        kept.manifest.tool = Some((tool, tool.setting()));
    }
    kept.save()?;
    match carry_out(plan, &mut kept) {
        Ok(()) => {
            kept.manifest.complete = true;
            kept.save()
        }
        Err(trouble) => {
            // What stopped it is what is told; what cannot be taken back stays kept, for `--undo`.
            let _ = match before {
                None => undo::everything(kept).map(drop),
                Some(manifest) => take_back(plan, kept, manifest),
            };
            Err(trouble)
        }
    }
}

/// Back to where an earlier setup had left it.
fn take_back(plan: &Plan, mut kept: Kept, manifest: Manifest) -> Result<(), Trouble> {
    if let (Some(tool), Some((_, setting))) = (plan.tool, &kept.manifest.tool) {
        tool.revert(setting);
    }
    for edit in plan.daemon.iter().chain(&plan.stacks).chain(&plan.by_tool) {
        if place::read(&edit.path)? != edit.before {
            let looks = Looks::of(&edit.path).unwrap_or(Looks::USUAL);
            place::write(&edit.path, edit.before.as_deref(), looks)?;
        }
        if manifest.files.iter().any(|copy| copy.path == edit.path) {
            kept.keep(&Edit { after: edit.before.clone(), ..edit.clone() }, false)?;
        }
    }
    kept.manifest = manifest;
    kept.save()
}

/// A file that is to be changed again must be as the last setup left it, or as it was before that.
fn unchanged_since(kept: &Kept, plan: &Plan) -> Result<(), Trouble> {
    let touched = |path: &PathBuf| {
        plan.daemon
            .iter()
            .chain(&plan.stacks)
            .chain(&plan.by_tool)
            .any(|edit| edit.is_change() && edit.path == *path)
    };
    for (number, copy) in kept.manifest.files.iter().enumerate().filter(|(_, copy)| touched(&copy.path)) {
        if kept.stands(number)? == Now::Changed {
            return Err(Trouble::ChangedSince(copy.path.clone()));
        }
    }
    Ok(())
}

fn carry_out(plan: &Plan, kept: &mut Kept) -> Result<(), Trouble> {
    let write = |edit: &Edit| {
        let looks = Looks::of(&edit.path).unwrap_or(Looks::USUAL);
        place::write(&edit.path, edit.after.as_deref(), looks)
    };
    // sshd first: it takes nothing up before it is told to, and may still refuse.
    if let Some(edit) = plan.daemon.as_ref().filter(|edit| edit.is_change()) {
        write(edit)?;
        daemon::check()?;
        judge_daemon(plan)?;
    }
    for edit in plan.stacks.iter().filter(|edit| edit.is_change()) {
        write(edit)?;
    }
    if let Some(tool) = plan.tool {
        tool.apply()?;
        // As it was really written.
        for edit in &plan.by_tool {
            let after = place::read(&edit.path)?;
            kept.keep(&Edit { after, ..edit.clone() }, true)?;
        }
    }
    let (files, mut problems) = (Files::default(), Vec::new());
    if plan.tool.is_some() {
        doctor::services::look(&files, &rules(), &mut problems);
    }
    refuse(problems)
}

fn rules() -> Rules {
    Rules::of(&in_force::read(&Paths::default()).policy)
}

fn refuse(mut problems: Vec<Problem>) -> Result<(), Trouble> {
    problems.retain(|problem| problem.severity() == Severity::Error);
    if problems.is_empty() { Ok(()) } else { Err(Trouble::Refused(problems)) }
}

/// What sshd makes of all its files together, which only sshd can tell, and only once they are written.
fn judge_daemon(plan: &Plan) -> Result<(), Trouble> {
    let sshd::Said::Settings(settings) = sshd::ask(None, None) else { return Ok(()) };
    let service = Service::read("sshd", &|name| plan.files().find(name));
    let about = sshd::About { user: None, root_has_keys: false };
    refuse(sshd::judge(&settings, &service, &rules(), about))
}
