//! Making the change, in an order in which every step can be taken back: copies, sshd, stacks, the distribution's tool.

use std::path::PathBuf;

use twinlock_system::Paths;

use super::edit::Edit;
use super::kept::{Kept, Manifest, Now};
use super::place::Looks;
use super::plan::Plan;
use super::trouble::Trouble;
use super::{daemon, place, undo};
use crate::doctor::{self, Files, Problem, Rules, Service, Severity, sshd};
use crate::in_force;

/// Makes the change; takes back what was done of it when something stops it.
///
/// # Errors
/// [`Trouble`], after everything was brought back, as far as that could be.
pub fn make(plan: &Plan, earlier: Option<Kept>, paths: &Paths) -> Result<(), Trouble> {
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
    for edit in plan.edits() {
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
    let touched = |path: &PathBuf| plan.edits().any(|edit| edit.is_change() && edit.path == *path);
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
