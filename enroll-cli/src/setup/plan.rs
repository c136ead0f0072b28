//! What `setup` will change, and whether what comes of it is safe. Nothing here writes.

use std::path::Path;

use twinlock_policy::Policy;
use twinlock_system::Paths;

use super::edit::Edit;
use super::tool::Tool;
use super::trouble::Trouble;
use super::{daemon, lines, passwords, place};
use crate::doctor::{self, Files, Problem, Role, Rules, Service, Severity};
use crate::{cli, in_force};

const SSHD: &str = "/etc/pam.d/sshd";

/// The change.
pub struct Plan {
    /// sshd's own configuration.
    pub daemon: Option<Edit>,
    /// PAM's files.
    pub stacks: Vec<Edit>,
    /// Files that a tool writes.
    pub by_tool: Vec<Edit>,
    pub tool: Option<Tool>,
}

impl Plan {
    /// The changes of files.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.daemon.iter().chain(&self.stacks).chain(&self.by_tool)
    }

    /// PAM's files as they will be, as far as that can be foreseen.
    pub fn files(&self) -> Files {
        let edits = self.stacks.iter().chain(&self.by_tool);
        Files { instead: edits.filter_map(|edit| Some((edit.path.clone(), edit.after.clone()?))).collect() }
    }
}

/// What there is to change.
///
/// # Errors
/// [`Trouble`]; nothing was changed.
pub fn plan(options: &cli::Setup) -> Result<Plan, Trouble> {
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
///
/// # Errors
/// [`Trouble::Refused`], [`Trouble::NoPasswords`].
pub fn consider(
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
